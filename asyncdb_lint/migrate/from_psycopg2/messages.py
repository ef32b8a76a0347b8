"""Messages that say which package is missing: another one is needed now."""

from __future__ import annotations

import re

import libcst as cst

from asyncdb_lint.migrate.alternatives import MISSING, names
from asyncdb_lint.migrate.command import Rewrite

PACKAGE = re.compile(r"(?<![\w/.+-])psycopg2(?:([-_]binary)\b|(?![\w/-]|\.\w))")
VERSION = re.compile(r"psycopg2[\w-]*\s*(?:[<>=!~]=?|v?\d)")


class MissingPackage(Rewrite):
    """`raise ImportError("pip install psycopg2-binary")`."""

    DESCRIPTION = "Name psycopg in messages about a missing package."

    def examine(self) -> None:
        for kind in (cst.SimpleString, cst.FormattedString):
            for text in self.file.model.nodes.get(kind, ()):
                if self.is_message(text) and text in self.file.positions:
                    self.rename(text)

    def rename(self, text: cst.CSTNode) -> None:
        for part in [text] if isinstance(text, cst.SimpleString) else getattr(text, "parts", ()):
            if not isinstance(part, (cst.SimpleString, cst.FormattedStringText)) or VERSION.search(
                part.value
            ):
                continue
            if " " not in part.value.strip():
                continue  # a name that is looked up
            new = PACKAGE.sub(lambda match: "psycopg[binary]" if match[1] else "psycopg", part.value)
            if new != part.value:
                self.tell(text, "rewritten", "a message names psycopg2")
                self.change(part, lambda updated, new=new: updated.with_changes(value=new))  # type: ignore[misc]

    def is_message(self, node: cst.CSTNode) -> bool:
        """Whether a text is an argument of a call that raises an ImportError, or that stands where one is caught."""
        holder: cst.CSTNode | None = node
        is_argument = False
        while holder is not None and not isinstance(holder, (cst.FunctionDef, cst.ClassDef)):
            is_argument = is_argument or isinstance(holder, cst.Arg)
            if isinstance(holder, cst.Raise):
                raised = holder.exc.func if isinstance(holder.exc, cst.Call) else None
                if (
                    is_argument
                    and raised is not None
                    and self.full_name(raised).rpartition(".")[2] in MISSING
                ):
                    return True
            if isinstance(holder, cst.ExceptHandler):
                return is_argument and bool(names(holder) & (MISSING - {"Exception"}))
            holder = self.parent(holder)
        return False
