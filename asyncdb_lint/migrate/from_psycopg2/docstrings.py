"""Docstrings and comments that name psycopg2 or what is in it: they describe code that uses psycopg 3 now."""

from __future__ import annotations

import re

import libcst as cst
from libcst import matchers

from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.from_psycopg2.table import target

# Not in addresses, names of packages and targets of references, and not where a version of psycopg2 is spoken of.
VERSION = r"(?!\W*[<>=!~]=?\s*\d|[\s`_]+(?:version\s+)?v?\d)"
NAMED = re.compile(
    rf"(?<![\w/.+#-])psycopg2((?:\.[A-Za-z_]\w*)*)(-binary)?(?![\w/]|\.\d|-\w|`_|:[\w/]){VERSION}"
)

TYPE_COMMENT = re.compile(r"#\s*type:(?!\s*ignore)")
"""A comment that is code."""
OWN_MODULES = (".extras.", ".extensions.", ".errorcodes.", ".pool.", ".tz.", ".errors.", ".sql.")
"""What is in psycopg2's modules and has no equal keeps its name."""


class Docstrings(Rewrite):
    """Names psycopg 3 in docstrings and comments."""

    DESCRIPTION = "Rename psycopg2 in docstrings and comments."
    DESCRIBES = True

    def examine(self) -> None:
        if any("psycopg" in name.split(".") for name in self.work.imports.absolute()):
            return  # it may well speak of the difference
        if "psycopg2" not in self.file.text:
            return
        module = self.file.model.module
        for node in dict.fromkeys((module, *self.file.model.opened)):
            body = node.body if isinstance(node, cst.Module) else getattr(node, "body", None)
            text = docstring(body)
            if text is not None and NAMED.search(text.value):
                self.rename(text, "docstring")
        if not any(NAMED.search(line.partition("#")[2]) for line in self.file.text.splitlines()):
            return
        for comment in matchers.findall(module, matchers.Comment()):
            if isinstance(comment, cst.Comment) and not TYPE_COMMENT.match(comment.value):
                self.rename(comment, "comment")

    def rename(self, text: cst.SimpleString | cst.Comment, what: str) -> None:
        new = NAMED.sub(renamed, text.value)
        if new != text.value:
            self.tell(text, "rewritten", f"a {what} names psycopg2")
            self.change(text, lambda updated: updated.with_changes(value=new))


def renamed(match: re.Match[str]) -> str:
    """The new name of what is named; of what has none, the driver's is changed."""
    if match[2]:
        return "psycopg[binary]"
    found = target(f"psycopg2{match[1]}")
    if found is None or found.rest:
        return match[0] if f"{match[1]}.".startswith(OWN_MODULES) else f"psycopg{match[1]}"
    return ".".join(part for part in (found.module, found.name) if part)


def docstring(body: object) -> cst.SimpleString | None:
    """The string that a body begins with."""
    statements = body if isinstance(body, (list, tuple)) else getattr(body, "body", ())
    first = statements[0] if isinstance(statements, (list, tuple)) and statements else None
    small = first.body[0] if isinstance(first, cst.SimpleStatementLine) and first.body else None
    value = small.value if isinstance(small, cst.Expr) else None
    return value if isinstance(value, cst.SimpleString) else None
