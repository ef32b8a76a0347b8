"""What is set on a session as a whole: its encoding, and everything back to the start."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.call_edit import with_keyword
from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.from_psycopg2.lifetimes import CONNECT, idle_since
from asyncdb_lint.migrate.helpers import Helper

RESET = Helper(
    "reset_connection",
    ("from typing import Any",),
    '''
def reset_connection(connection: Any) -> None:
    """Roll back, and make the session as new again."""
    connection.rollback()
    connection.isolation_level = connection.read_only = connection.deferrable = None
    connection.autocommit = True
    connection.execute("RESET ALL")
    connection.execute("SET SESSION AUTHORIZATION DEFAULT")
    connection.autocommit = False
''',
)
SET_ENCODING = Helper(
    "set_client_encoding",
    ("from typing import Any",),
    '''
def set_client_encoding(connection: Any, encoding: str) -> None:
    """Roll back, and set the encoding of the session, whatever becomes of the next transaction."""
    connection.rollback()
    connection.execute("SELECT set_config('client_encoding', %s, false)", [encoding])
    connection.commit()
''',
)


PREPARED = "psycopg 3 needs no `reset()` between `tpc_prepare()` and the end of the transaction"


class SessionState(Rewrite):
    """`set_client_encoding()` and `reset()`."""

    DESCRIPTION = "Rewrite set_client_encoding() and reset() of psycopg2's connections."

    def examine(self) -> None:
        for call in self.calls():
            method = call.func
            if not isinstance(method, cst.Attribute) or not self.is_object(method.value, "connection"):
                continue
            if method.attr.value == "set_client_encoding":
                self.set_encoding(call, method.value)
            elif method.attr.value == "reset" and not call.args:
                if self.is_prepared(call, method.value):
                    self.tell(
                        call, "manual", PREPARED, "leave it out, and commit or roll back without the xid"
                    )
                else:
                    self.call_helper(call, RESET, [])

    def is_prepared(self, call: cst.Call, owner: cst.BaseExpression) -> bool:
        """Whether a transaction of the connection is prepared before, in the same function."""
        name, scope, start = (
            self.file.source(owner, 200),
            self.file.model.scope_of(call),
            self.file.span(call)[0],
        )
        return any(
            isinstance(each.func, cst.Attribute)
            and each.func.attr.value == "tpc_prepare"
            and self.file.source(each.func.value, 200) == name
            and self.file.model.scope_of(each) is scope
            and self.file.span(each)[0] < start
            for each in self.calls()
        )

    def call_helper(self, call: cst.Call, helper: Helper, arguments: list[cst.Arg]) -> None:
        name = self.helper(helper, at=call)
        self.tell(call, "rewritten", f"`{name}()` does what psycopg2's method did")
        self.change(
            call,
            lambda updated: cst.Call(
                cst.Name(name),
                [cst.Arg(updated.func.value), *(each.with_changes(keyword=None) for each in arguments)],
            ),
        )

    def set_encoding(self, call: cst.Call, owner: cst.BaseExpression) -> None:
        """Right after `connect()`, it is an argument of it."""
        made, statement = idle_since(self, owner, call), self.parent(call)
        if len(call.args) != 1 or call.args[0].star:
            self.tell(
                call,
                "manual",
                "a connection has no `set_client_encoding`",
                "give `client_encoding` to connect()",
            )
            return
        given = call.args[0]
        if (
            isinstance(made, cst.Call)
            and self.full_name(made.func) == CONNECT
            and isinstance(given.value, cst.SimpleString)
            and isinstance(statement, cst.Expr)
        ):
            self.tell(call, "rewritten", "the encoding is an argument of `connect()`")
            self.change(made, lambda updated: with_keyword(updated, "client_encoding", given.value))
            self.change(statement, lambda _: cst.RemoveFromParent())
        else:
            self.call_helper(call, SET_ENCODING, [given])
