"""Values of bytea: `memoryview` in psycopg2, `bytes` in psycopg 3."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite

FETCHING = {"fetchone", "fetchmany", "fetchall", "__next__"}
METHODS = {"tobytes", "tolist", "cast", "release", "toreadonly"}
"""What a memoryview has and bytes have not."""


class BinaryValues(Rewrite):
    """`row[0].tobytes()`, where the row surely comes from a cursor."""

    DESCRIPTION = "Rewrite methods of the memoryviews that psycopg2 gives for bytea."

    def examine(self) -> None:
        for call in self.calls():
            method = call.func
            if not isinstance(method, cst.Attribute) or method.attr.value not in METHODS:
                continue
            if not isinstance(method.value, cst.Subscript) or not self.is_fetched(method.value.value):
                continue
            if method.attr.value == "tobytes" and not call.args:
                self.tell(call, "rewritten", "bytea columns give bytes, which have no `tobytes()`")
                self.change(call, lambda updated: cst.Call(cst.Name("bytes"), [cst.Arg(updated.func.value)]))
            else:
                self.tell(call, "manual", f"bytea columns give bytes, which have no `{method.attr.value}()`",
                          "use `memoryview(value)`")  # fmt: skip

    def is_fetched(self, node: cst.BaseExpression) -> bool:
        """Whether an expression is a row, or rows, of one of psycopg2's cursors."""
        if isinstance(node, cst.Subscript):
            return self.is_fetched(node.value)
        if isinstance(node, cst.Call):
            func = node.func
            return (
                isinstance(func, cst.Attribute)
                and func.attr.value in FETCHING
                and self.is_object(func.value, "cursor")
            )
        if not isinstance(node, cst.Name):
            return False
        bindings = self.file.model.bindings_of(node)
        return bool(bindings) and all(
            isinstance(each.value, cst.BaseExpression)
            and (self.is_fetched(each.value) or self.is_object(each.value, "cursor"))
            for each in bindings
        )
