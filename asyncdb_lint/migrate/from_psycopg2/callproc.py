"""`cursor.callproc()`: psycopg 3 has no such method."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.from_psycopg2.copying import is_called_cursor, literal, quoted, written
from asyncdb_lint.migrate.helpers import Helper

CALLPROC = Helper(
    "callproc",
    ("import psycopg",),
    '''
def callproc(cur, name, params=()):
    """Select from a function of the database; gives the parameters."""
    if isinstance(params, dict):
        places = [f"{psycopg.sql.Identifier(key).as_string(cur)} => %({key})s" for key in params]
    else:
        places = ["%s"] * len(params or ())
    cur.execute(psycopg.ClientCursor(cur.connection).mogrify(f"SELECT * FROM {name}({', '.join(places)})", params))
    return params
''',
)
ADVICE = "execute `SELECT * FROM name(%s)`"


class CallprocMethods(Rewrite):
    """A function that selects as psycopg2 does; the statement itself where the server may guess types."""

    DESCRIPTION = "Rewrite cursor.callproc() to SELECT * FROM function()."

    def examine(self) -> None:
        for method in self.attributes():
            if method.attr.value != "callproc" or ":" in self.full_name(
                method
            ):  # a method of the project's own
                continue
            call = self.parent(method)
            is_called = isinstance(call, cst.Call) and call.func is method
            if self.is_object(method.value, "cursor") and isinstance(call, cst.Call) and is_called:
                self.judge(call)
            elif self.is_object(method.value, "cursor") or self.may_be_ours(method):
                self.tell(method, "manual", "psycopg 3's cursors have no `callproc`", ADVICE)

    def may_be_ours(self, method: cst.Attribute) -> bool:
        """Other drivers have the method too: a cursor of unknown kind counts beside an import of psycopg2."""
        return self.is_unknown(method.value) and is_called_cursor(method) and bool(self.work.imports.bound)

    def judge(self, call: cst.Call) -> None:
        statement = self.statement(call)
        if self.unsafe and statement is not None and isinstance(self.parent(call), cst.Expr):
            self.tell(
                call,
                "changed behaviour",
                "`callproc` is a SELECT, whose parameters get their types from the server",
                "cast them if the function is not found",
            )
            self.change(call, lambda updated: executed(updated, statement))
            return
        new = self.helper(CALLPROC, at=call)
        self.tell(call, "rewritten", f"`callproc` is `{new}`, a function of the project's own")

        def function(updated: cst.Call) -> cst.Call:
            cursor = cst.ensure_type(updated.func, cst.Attribute).value
            comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
            return updated.with_changes(
                func=cst.Name(new), args=[cst.Arg(cursor, comma=comma), *updated.args]
            )

        self.change(call, function)

    def statement(self, call: cst.Call) -> str | None:
        """The SELECT, where the function's name and the number of its parameters are written there."""
        if not 1 <= len(call.args) <= 2 or any(arg.star or arg.keyword is not None for arg in call.args):
            return None
        name = literal(call.args[0])
        given = call.args[1].value if len(call.args) == 2 else cst.Tuple([])
        if name is None or not isinstance(given, (cst.Tuple, cst.List, cst.Dict)):
            return None
        places = []
        for element in given.elements:
            if isinstance(element, cst.Element):
                places.append("%s")
            elif isinstance(element, cst.DictElement) and isinstance(element.key, cst.SimpleString):
                key = str(element.key.evaluated_value)
                places.append(f"{quoted(key)} => %({key})s")
            else:
                return None
        return f"SELECT * FROM {name}({', '.join(places)})"


def executed(call: cst.Call, statement: str) -> cst.Call:
    """The cursor's `execute()` with the statement in the place of the function's name."""
    method = cst.ensure_type(call.func, cst.Attribute).with_changes(attr=cst.Name("execute"))
    first = call.args[0].with_changes(value=cst.parse_expression(written(statement)))
    return call.with_changes(func=method, args=[first, *call.args[1:]])
