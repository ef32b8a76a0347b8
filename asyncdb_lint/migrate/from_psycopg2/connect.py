"""Arguments of psycopg2's functions and methods that have another name."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite, renamed

ROW_CURSORS = {"psycopg2.extras.RealDictCursor", "psycopg2.extras.NamedTupleCursor"}


class ConnectArguments(Rewrite):
    """`connect(dsn=…, database=…, cursor_factory=RealDictCursor)` and `cursor(cursor_factory=…)`."""

    DESCRIPTION = "Rename the arguments of psycopg2's connect(), cursor() and execute()."

    def examine(self) -> None:
        for call in self.calls():
            if self.full_name(call.func) == "psycopg2.connect":
                self.rename(call, {"dsn": "conninfo", "database": "dbname"}, factory=True)
                continue
            method = call.func
            if not isinstance(method, cst.Attribute):
                continue
            if method.attr.value == "cursor" and self.is_object(method.value, "connection"):
                self.rename(call, {}, factory=True)
            elif method.attr.value in ("execute", "executemany") and self.is_object(method.value, "cursor"):
                self.rename(call, {"vars": "params", "vars_list": "params_seq"})

    def rename(self, call: cst.Call, names: dict[str, str], *, factory: bool = False) -> None:
        found = {arg.keyword.value: arg for arg in call.args if arg.keyword is not None}
        names = {old: new for old, new in names.items() if old in found}
        given = found.get("cursor_factory") if factory else None
        if given is not None:
            kind = self.full_name(given.value)
            if kind in ROW_CURSORS:
                names["cursor_factory"] = "row_factory"
            elif not kind.startswith("psycopg2."):  # of others the name is told of
                self.tell(
                    given,
                    "manual",
                    f"`cursor_factory={self.file.source(given.value, 60)}` is not a row factory of psycopg 3",
                    "DictCursor: `row_factory=dict_row` where rows are read by key only",
                )
        for old, new in names.items():
            self.tell(found[old], "rewritten", f"the argument `{old}` is called `{new}`")
        if names:
            self.change(call, lambda updated: updated.with_changes(args=renamed(updated.args, names)))
