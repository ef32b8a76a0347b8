"""Arguments of psycopg2's functions and methods that have another name."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite, renamed


class ConnectArguments(Rewrite):
    """`connect(dsn=…, database=…)` and `execute(vars=…)`."""

    DESCRIPTION = "Rename the arguments of psycopg2's connect() and execute()."

    def examine(self) -> None:
        for call in self.calls():
            if self.full_name(call.func) == "psycopg2.connect":
                self.rename(call, {"dsn": "conninfo", "database": "dbname"})
                continue
            method = call.func
            if not isinstance(method, cst.Attribute):
                continue
            if method.attr.value in ("execute", "executemany") and self.is_object(method.value, "cursor"):
                self.rename(call, {"vars": "params", "vars_list": "params_seq"})

    def rename(self, call: cst.Call, names: dict[str, str]) -> None:
        found = {arg.keyword.value: arg for arg in call.args if arg.keyword is not None}
        names = {old: new for old, new in names.items() if old in found}
        for old, new in names.items():
            self.tell(found[old], "rewritten", f"the argument `{old}` is called `{new}`")
        if names:
            self.change(call, lambda updated: updated.with_changes(args=renamed(updated.args, names)))
