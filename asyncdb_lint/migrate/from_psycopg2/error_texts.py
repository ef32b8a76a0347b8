"""Texts of psycopg2's own errors that code looks for: psycopg 3 says them otherwise."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.from_psycopg2.executions import SHOWING, is_concerned

SAID = {
    "connection already closed": "the connection is closed",
    "cursor already closed": "the cursor is closed",
    "can't adapt type": "cannot adapt type",
}
GONE = {
    "no results to fetch": "`the last operation didn't produce records`, or `no result available`",
    "can't execute an empty query": "nothing: it executes one",
    "set_session cannot be used inside a transaction": "`can't change '…' now`",
    "connection pool exhausted": "`couldn't get a connection after … sec`, with a `PoolTimeout`",
}
ERRORS = ("Error", "Exception", "Warning")


class ErrorTexts(Rewrite):
    """`if "connection already closed" in str(error)`."""

    DESCRIPTION = "Look for the texts of psycopg 3's errors."

    def examine(self) -> None:
        if not is_concerned(self):
            return
        for text in self.file.model.nodes.get(cst.SimpleString, ()):
            if isinstance(text, cst.SimpleString):
                self.judge(text)

    def judge(self, text: cst.SimpleString) -> None:
        old = next((each for each in (*SAID, *GONE) if each in text.value), None)
        if old is None or text not in self.file.positions or not self.is_looked_for(text):
            return
        said = f"`{old}` is what psycopg2 said"
        if old in GONE:
            self.tell(text, "manual", said, f"psycopg 3 says {GONE[old]}; look for the class of the error")
        elif self.unsafe:
            self.tell(text, "changed behaviour", said, f"psycopg 3 says `{SAID[old]}`")
            self.change(
                text, lambda updated: updated.with_changes(value=updated.value.replace(old, SAID[old]))
            )
        else:
            self.tell(text, "manual", said, f"psycopg 3 says `{SAID[old]}`; look for the class of the error")

    def is_looked_for(self, text: cst.SimpleString) -> bool:
        """Whether a text is not merely shown, raised or written down by the project itself."""
        holder = self.parent(text)
        if isinstance(holder, cst.Expr):
            return False
        call = self.parent(holder) if isinstance(holder, cst.Arg) else None
        if not isinstance(call, cst.Call):
            return True
        func = call.func
        name = func.attr.value if isinstance(func, cst.Attribute) else getattr(func, "value", "")
        return name == "format" or (name not in SHOWING and not name.endswith(ERRORS))
