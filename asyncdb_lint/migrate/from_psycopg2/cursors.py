"""Attributes of psycopg2's cursors, and what its named cursors do otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import libcst as cst

from asyncdb_lint.call_edit import with_keyword
from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.from_psycopg2.cursor_names import NAMED, PLAIN, TEXT, naming
from asyncdb_lint.migrate.from_psycopg2.cursor_uses import closes_before, creation, is_iterated, statement_of
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import Instance

if TYPE_CHECKING:
    from asyncdb_lint.semantics.model import Binding

ITERSIZE = 2000  # rows that psycopg2's named cursors fetch at a time
OF_NAMED = {"itersize": str(ITERSIZE), "name": "None", "scrollable": "None", "withhold": "False"}
"""Attributes that only named cursors have now, and what psycopg2's plain ones say."""
FORGOTTEN = {"rowcount": "-1", "description": "None", "statusmessage": "None"}
"""What a closed cursor says of its statement now."""
MANUAL = {
    "lastrowid": "use `INSERT … RETURNING`",
    "query": "`psycopg.ClientCursor(connection).mogrify(query, params)` gives the text of a statement",
    "tzinfo_factory": "convert the times that a statement gives, or register a loader of your own",
    "typecaster": "`connection.adapters.get_loader(oid, format)` gives the class that loads a type",
    "cast": "`psycopg.adapt.Transformer(connection).get_loader(oid, format).load(data)` loads a value",
    "binary_types": "register a loader: `cursor.adapters.register_loader(…)`",
    "string_types": "register a loader: `cursor.adapters.register_loader(…)`",
    "pgresult_ptr": "`cursor.pgresult` is libpq's result",
    "index": "the names are in `cursor.description`",
    "column_mapping": "the names are in `cursor.description`",
    "Record": "the rows' class is `type(row)`",
}


OF_COLUMN = {"table_oid": "ftable", "table_column": "ftablecol"}
"""What the columns of a description tell no more, and libpq's function for it."""
DEPTH = 6


class CursorAttributes(Rewrite):
    """`cursor.itersize`, `next(cursor)`, `cursor.rowcount` of a closed cursor."""

    DESCRIPTION = "Rewrite what cursors of psycopg 3 do not have, or do otherwise."

    def examine(self) -> None:
        for attribute in self.attributes():
            name = attribute.attr.value
            if name in {*OF_NAMED, *FORGOTTEN, *MANUAL} and self.is_object(attribute.value, "cursor"):
                self.judge(attribute, name)
            elif name in {*OF_NAMED, *MANUAL} and self.is_suspected(attribute.value, "cursor"):
                advice = MANUAL.get(name) or f"only named cursors have `{name}` in psycopg 3"
                self.tell(
                    attribute, "manual", f"if this is a cursor, it has no `{name}` in psycopg 3", advice
                )
            elif name in OF_COLUMN and self.is_column(attribute.value):
                said = f"a column has no `{name}` in psycopg 3"
                self.tell(attribute, "manual", said, f"`cursor.pgresult.{OF_COLUMN[name]}(number)` tells it")
        for call in self.calls():
            self.judge_call(call)

    def judge(self, attribute: cst.Attribute, name: str) -> None:
        owner = attribute.value
        target = self.parent(attribute)
        is_set = isinstance(target, (cst.AssignTarget, cst.AnnAssign)) and target.target is attribute
        if name in MANUAL:
            self.tell(attribute, "manual", f"a cursor has no `{name}`", MANUAL[name])
        elif name in FORGOTTEN:
            if not is_set and closes_before(self.file.model, owner):
                advice = f"read it before the cursor is closed; psycopg 3 says `{FORGOTTEN[name]}` then"
                self.tell(attribute, "manual", f"a closed cursor has no `{name}` any more", advice)
        elif is_set:
            self.set(attribute, name)
        elif naming(self.file, owner) != TEXT:
            self.tell(attribute, "rewritten", f"only named cursors have `{name}`")
            text = f'getattr({self.file.source(owner, 10_000)}, "{name}", {OF_NAMED[name]})'
            self.change(attribute, lambda _: cst.parse_expression(text))

    def is_column(self, node: cst.BaseExpression) -> bool:
        """Whether an expression is a column of a cursor's description."""
        kind = self.file.kind(node)
        if isinstance(kind, Instance):
            return kind.name == "psycopg2.extensions.Column"
        return self.is_of_description(self.file.model.exprs.get(node), DEPTH)

    def is_of_description(self, expr: ex.Node | None, depth: int) -> bool:
        match expr:
            case _ if not depth:
                return False
            case ex.Attr(_, "description"):
                return depth < DEPTH
            case ex.Sub(value) | ex.Each(value):
                return self.is_of_description(value, depth - 1)
            case ex.Bound(index):
                return self.is_of_description(self.file.model.summary.bindings[index], depth - 1)
        return False

    # Attributes of named cursors

    def set(self, attribute: cst.Attribute, name: str) -> None:
        """`cursor.withhold = True`, `cursor.itersize = 500`."""
        assign = self.parent(cast("cst.CSTNode", self.parent(attribute)))
        value = assign.value if isinstance(assign, cst.Assign) and len(assign.targets) == 1 else None
        if name == "itersize":
            if naming(self.file, attribute.value) == PLAIN and value is not None:
                self.tell(attribute, "rewritten", "only named cursors have `itersize`, of use to no other")
                self.change(cast("cst.CSTNode", assign), lambda _: cst.RemoveFromParent())
            return
        call = creation(self.file.model, attribute.value, cast("cst.CSTNode", assign))
        if name == "name" or call is None or value is None or not is_constant(value):
            self.tell(
                attribute, "manual", f"`{name}` cannot be set any more", f"give it to `cursor({name}=…)`"
            )
            return
        self.tell(attribute, "rewritten", f"`{name}` is an argument of `cursor()`")
        self.change(call, lambda updated: with_keyword(updated, name, value))
        self.change(cast("cst.CSTNode", assign), lambda _: cst.RemoveFromParent())

    def judge_call(self, call: cst.Call) -> None:
        method = call.func
        if isinstance(method, cst.Name) and method.value == "next" and call.args:
            if self.is_object(call.args[0].value, "cursor"):
                self.next(call)
        elif not isinstance(method, cst.Attribute):
            pass
        elif method.attr.value == "execute" and self.is_object(method.value, "cursor"):
            if not isinstance(self.parent(call), (cst.Expr, cst.Await)):
                self.tell(call, "changed behaviour", "`execute()` gives the cursor now, and not None")
        elif method.attr.value == "cursor" and self.is_object(method.value, "connection"):
            self.fetch_as_many(call)

    def next(self, call: cst.Call) -> None:
        """`next(cursor)`: cursors are iterators from psycopg 3.3 on; `fetchone()` does the same with all."""
        cursor = self.file.source(call.args[0].value, 10_000)
        is_none = len(call.args) == 2 and self.file.source(call.args[1].value, 10) == "None"
        new = f"{cursor}.fetchone()" if is_none else f"next(iter({cursor}.fetchone, None))"
        self.tell(call, "rewritten", "a cursor is an iterator from psycopg 3.3 on")
        if is_none:
            self.change(call, lambda _: cst.parse_expression(new))
        else:
            inner = f"iter({cursor}.fetchone, None)"
            self.change(call.args[0].value, lambda _: cst.parse_expression(inner))

    def fetch_as_many(self, call: cst.Call) -> None:
        """A named cursor that is iterated fetches as many rows at a time as psycopg2's does."""
        named = naming(self.file, call)
        if named not in (TEXT, NAMED):
            return
        held = next((each for each in self.file.model.bindings if each.value is call), None)
        target = held.target if held is not None else None
        holder = self.parent(call)
        if held is None and isinstance(holder, cst.Assign) and len(holder.targets) == 1:
            target = holder.targets[0].target
        name = self.file.source(target, 10_000) if target is not None else ""
        if self.sets_itersize(name, held) or (held is not None and not is_iterated(self.file.model, held)):
            return
        if named == TEXT and name and self.put_size(call, name):
            self.tell(call, "rewritten", f"a named cursor fetches {ITERSIZE} rows at a time, as before")
        else:
            self.tell(
                call, "changed behaviour", f"a named cursor fetches 100 rows at a time, not {ITERSIZE}",
                f"set its `itersize = {ITERSIZE}`",
            )  # fmt: skip

    def sets_itersize(self, name: str, held: Binding | None) -> bool:
        """Whether the program says itself how many rows a cursor fetches."""
        owners = [
            each.value
            for each in self.attributes()
            if each.attr.value == "itersize" and isinstance(self.parent(each), cst.AssignTarget)
        ]
        if held is not None:
            return any(owner in held.uses for owner in owners)
        return any(self.file.source(owner, 10_000) == name for owner in owners)

    def put_size(self, call: cst.Call, name: str) -> bool:
        """Put `cursor.itersize = 2000` after the statement that makes the cursor, or into its block."""
        line = cst.parse_statement(f"{name}.itersize = {ITERSIZE}")
        statement = statement_of(self.file.model, call)
        if isinstance(statement, cst.With):
            if not isinstance(statement.body, cst.IndentedBlock):
                return False
            self.change(statement.body, lambda updated: updated.with_changes(body=[line, *updated.body]))
            return True
        if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
            return False
        self.change(statement, lambda updated: cst.FlattenSentinel([updated, line]))
        return True


def is_constant(value: cst.BaseExpression) -> bool:
    """Whether a value is the same at any place."""
    return isinstance(value, cst.Name) and value.value in ("True", "False", "None")
