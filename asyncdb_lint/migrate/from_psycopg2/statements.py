"""What psycopg 3 does otherwise with a statement: parameters that the server binds."""

from __future__ import annotations

import re

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.semantics.sql_text import TEXT

BOUND_NAME = re.compile(r"(?<![:\w\\]):[A-Za-z_]\w*(?!:)")
EXECUTING = {"execute", "executemany"}
# Text with placeholders that psycopg2 filled in and that the server now gets as parameters.
TRAPS = (
    (re.compile(r"\bIN\s+%s|\bIN\s+%\(\w+\)s", re.IGNORECASE), "`IN %s` takes no tuple",
     "write `= ANY(%s)` (`<> ALL(%s)` for NOT IN) and give a list"),
    (re.compile(r"'[^']*%(?:\(\w+\))?s[^']*'"), "a placeholder inside quotes is text",
     "build the value in Python, and leave the quotes out"),
    (re.compile(r"\b(?:interval|date|timestamp|timestamptz|time|inet)\s+%s", re.IGNORECASE),
     "a typed literal takes no parameter", "write `%s::interval`"),
    (re.compile(r"\bIS\s+(?:NOT\s+)?%s", re.IGNORECASE), "`IS %s` takes no parameter",
     "write `IS NOT DISTINCT FROM %s`, or `IS DISTINCT FROM %s` for IS NOT"),
    (re.compile(r"^\s*SET\s+(?:LOCAL\s+|SESSION\s+)?\w[^;]*%s", re.IGNORECASE), "`SET` takes no parameters",
     "write `SELECT set_config('name', %s, false)`"),
    (re.compile(r"^\s*NOTIFY\s[^;]*%s", re.IGNORECASE), "`NOTIFY` takes no parameters",
     "write `SELECT pg_notify(…, %s)`"),
    (re.compile(r"^\s*(?:CREATE|ALTER|DROP|GRANT|COMMENT|DO)\b.*%s", re.IGNORECASE | re.DOTALL),
     "statements that define something take no parameters", "compose it with `psycopg.sql`, or use `ClientCursor`"),
    (re.compile(r"%(?:\(\w+\))?s.*;\s*\S", re.DOTALL), "several statements take no parameters",
     "execute them one by one"),
)  # fmt: skip


class ReportStatements(Rewrite):
    """Finds what a person has to look at: it changes nothing."""

    DESCRIPTION = "Report statements that psycopg 3 refuses or reads otherwise."

    def examine(self) -> None:
        for call in self.calls():
            sql = self.statement(call)
            for pattern, what, advice in TRAPS if sql is not None else ():
                if sql is not None and pattern.search(sql):
                    self.tell(call.args[0], "manual", what, advice)

    def statement(self, call: cst.Call) -> str | None:
        """The SQL that a cursor executes with parameters, or that SQLAlchemy is given with bound names."""
        func = call.func
        sql = getattr(self.file.kind(call.args[0].value), "value", None) if call.args else None
        if not isinstance(sql, str):
            return None
        if getattr(self.file.kind(func), "name", "") in TEXT:
            return BOUND_NAME.sub("%s", sql)
        executes = isinstance(func, cst.Attribute) and func.attr.value in EXECUTING and len(call.args) > 1
        return (
            sql
            if executes and isinstance(func, cst.Attribute) and self.is_object(func.value, "cursor")
            else None
        )
