"""Attributes of psycopg2's errors."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.imports import dotted


class ErrorAttributes(Rewrite):
    """`error.pgcode` where the handler names an error of psycopg2's."""

    DESCRIPTION = "Rename attributes of psycopg2's errors."

    def examine(self) -> None:
        self.names = {each.name for each in self.work.imports.bound}
        for attribute in self.attributes():
            owner, name = attribute.value, attribute.attr.value
            if name not in ("pgcode", "pgerror", "cursor") or not isinstance(owner, cst.Name):
                continue
            if not self.is_caught(owner):
                continue
            if name == "pgcode":
                self.tell(attribute, "rewritten", "`pgcode` is `sqlstate`")
                self.change(attribute, lambda updated: updated.with_changes(attr=cst.Name("sqlstate")))
            else:
                self.tell(
                    attribute,
                    "manual",
                    f"an error has no `{name}`",
                    "`str(error)` or `error.diag` tells the same",
                )

    def is_caught(self, name: cst.Name) -> bool:
        """Whether a handler around a name binds it to an error of psycopg2's."""
        node: cst.CSTNode | None = name
        while node is not None:
            if isinstance(node, cst.ExceptHandler) and node.name is not None:
                caught = node.type.elements if isinstance(node.type, cst.Tuple) else [node.type]
                types = [each.value if isinstance(each, cst.Element) else each for each in caught]
                if dotted(node.name.name) == name.value:
                    return any(dotted(each).partition(".")[0] in self.names for each in types)
            node = self.parent(node)
        return False
