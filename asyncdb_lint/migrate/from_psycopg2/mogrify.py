"""`cursor.mogrify()` gives bytes in psycopg2; in psycopg 3 only a `ClientCursor` has it, and it gives text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst
import libcst.matchers as m

from asyncdb_lint.migrate.command import Rewrite, renamed
from asyncdb_lint.migrate.from_psycopg2.copy_sides import texts
from asyncdb_lint.migrate.helpers import Helper
from asyncdb_lint.semantics.kinds import Constant
from asyncdb_lint.semantics.usage import bindings_holding

if TYPE_CHECKING:
    from asyncdb_lint.migrate.changes import How
    from asyncdb_lint.semantics.model import Binding

MOGRIFY = Helper(
    "mogrify",
    ("import psycopg",),
    '''
def mogrify(cur, query, params=None):
    """The bytes of a statement with its parameters filled in, tuples as lists in brackets."""
    client = psycopg.ClientCursor(cur.connection)
    values = params.values() if isinstance(params, dict) else params or ()
    if any(isinstance(value, tuple) for value in values):

        class InBrackets(psycopg.adapt.RecursiveDumper):
            def dump(self, value):
                return self.quote(value)

            def quote(self, value):
                return b"(%s)" % b", ".join(map(self._tx.as_literal, value))

        client.adapters.register_dumper(tuple, InBrackets)
    return client.mogrify(query, params).encode(cur.connection.info.encoding)
''',
)
"""For bytes that go somewhere else, and for tuples, which psycopg 3 by itself writes as records."""

OF_TUPLES = re.compile(r"\b(?:IN|VALUES)\s+%(?:\(\w+\))?s", re.IGNORECASE)
LOGGING = {"debug", "info", "warning", "error", "exception", "critical", "log"}
ADVICE = "use `psycopg.ClientCursor(connection).mogrify(…)`, which gives text"

Changes = list[tuple[cst.CSTNode, "How"]]
"""What has to be changed for a value to be text in place of bytes."""


class MogrifyMethods(Rewrite):
    """Text where all that becomes of the bytes is seen, and the same bytes from a function elsewhere."""

    DESCRIPTION = "Rewrite cursor.mogrify() to psycopg.ClientCursor(…).mogrify()."

    def examine(self) -> None:
        self.changed: set[cst.CSTNode] = set()
        for method in self.attributes():
            if method.attr.value != "mogrify" or ":" in self.full_name(
                method
            ):  # a method of the project's own
                continue
            call = self.parent(method)
            is_called = isinstance(call, cst.Call) and call.func is method
            if self.is_object(method.value, "cursor") and isinstance(call, cst.Call) and is_called:
                self.judge(call, method)
            elif self.is_object(method.value, "cursor") or self.is_unknown(method.value):
                self.tell(method, "manual", "psycopg 3's cursors have no `mogrify`", ADVICE)

    def may_lack_placeholders(self, call: cst.Call) -> bool:
        """Whether there are parameters, and nobody knows the statement that they are for."""
        return len(call.args) > 1 and not isinstance(self.file.kind(call.args[0].value), Constant)

    def judge(self, call: cst.Call, method: cst.Attribute) -> None:
        self.is_shown = False
        self.followed: set[cst.Assign] = set()
        changes = None if self.takes_tuples(call) else self.as_text(call)
        self.change(
            call, lambda updated: updated.with_changes(args=renamed(updated.args, {"vars": "params"}))
        )
        if changes is None:
            self.to_helper(call)
            return
        client = self.name(call, "psycopg", "ClientCursor")
        self.tell(
            call,
            "changed behaviour" if self.is_shown or self.may_lack_placeholders(call) else "rewritten",
            "`mogrify` is that of a `ClientCursor`, and gives text"
            + ", which is what is logged" * self.is_shown,
            "parameters for which the statement has no placeholder raise; psycopg2 ignores them"
            * self.may_lack_placeholders(call),
        )

        def of_client(updated: cst.BaseExpression) -> cst.Call:
            return cst.Call(
                cst.parse_expression(client), [cst.Arg(cst.Attribute(updated, cst.Name("connection")))]
            )

        self.change(method.value, of_client)
        for node, how in changes:
            if node not in self.changed:  # by another call that ends in the same place
                self.changed.add(node)
                self.change(node, how)

    def to_helper(self, call: cst.Call) -> None:
        new = self.helper(MOGRIFY, at=call)
        self.tell(
            call, "rewritten", f"`mogrify` is `{new}`, a function of the project's own that gives bytes"
        )

        def function(updated: cst.Call) -> cst.Call:
            cursor = cst.ensure_type(updated.func, cst.Attribute).value
            comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
            return updated.with_changes(
                func=cst.Name(new), args=[cst.Arg(cursor, comma=comma), *updated.args]
            )

        self.change(call, function)

    def takes_tuples(self, call: cst.Call) -> bool:
        """Whether a statement has a tuple filled in, as `IN %s` needs one."""
        query = self.file.argument(call, "query", 0)
        if query is not None and OF_TUPLES.search(" ".join(texts(self.file, query.value))):
            return True
        given = self.file.argument(call, "vars", 1)
        values = given.value if given is not None else None
        if not isinstance(values, (cst.Tuple, cst.List, cst.Dict)):
            return False
        is_tuple = m.Tuple() | m.Call(func=m.Name("tuple"))
        return any(m.matches(each.value, is_tuple) for each in values.elements)

    # What becomes of the bytes

    def as_text(self, node: cst.BaseExpression) -> Changes | None:
        """What to change where a value is used, for it to be text; None where a use is not seen or needs bytes."""
        parent = self.parent(node)
        match parent:
            case cst.Attribute(attr=cst.Name("decode")):
                call = self.parent(parent)
                return [(call, undecoded)] if isinstance(call, cst.Call) and call.func is parent else None
            case cst.Arg():
                call = self.parent(parent)
                return self.as_argument(parent, call) if isinstance(call, cst.Call) else None
            case cst.GeneratorExp() | cst.ListComp() if parent.elt is node:
                return self.as_text(parent)
            case cst.BinaryOperation(operator=cst.Add()):
                other = parent.right if parent.left is node else parent.left
                return self.with_literal(other, parent)
            case cst.Assign():
                return self.as_name(parent)
            case _:
                return None

    def as_argument(self, arg: cst.Arg, call: cst.Call) -> Changes | None:
        """The statement that a cursor executes; `b",".join(…)`; `str(…, "utf-8")`; what is printed or logged."""
        if arg.star:
            return None
        if self.unsafe and is_shown(call.func):
            self.is_shown = True
            return []
        if arg is not call.args[0]:
            return None
        match call.func:
            case cst.Attribute(attr=cst.Name("execute")):
                return []
            case cst.Attribute(value=cst.SimpleString() as separator, attr=cst.Name("join")):
                return self.with_literal(separator, call)
            case cst.Name("str") if len(call.args) > 1 and not self.file.model.bindings_of(call.func):
                return [(call, lambda updated: updated.args[0].value)]
            case _:
                return None

    def with_literal(self, literal: cst.BaseExpression, whole: cst.BaseExpression) -> Changes | None:
        """A literal that is put together with a value, and what becomes of the whole."""
        parts = m.findall(literal, m.SimpleString())
        if not isinstance(literal, (cst.SimpleString, cst.ConcatenatedString)) or not all(
            map(is_ascii, parts)
        ):
            return None
        rest = self.as_text(whole)
        return None if rest is None else [*((part, without_b) for part in parts), *rest]

    def as_name(self, assignment: cst.Assign) -> Changes | None:
        """A variable of a function, which holds what `mogrify()` gives wherever it is read."""
        if assignment in self.followed:
            return []
        self.followed.add(assignment)
        holders = bindings_holding(self.file.model, assignment)
        found: Changes = []
        for binding in holders:
            if binding.scope.what != "function" or binding.name in binding.scope.declared:
                return None
            for use in binding.uses:
                others = [each for each in self.file.model.bindings_of(use) if each is not binding]
                for changes in (self.as_text(use), *map(self.as_other, others)):
                    if changes is None:
                        return None
                    found += changes
        return found if len(holders) == len(assignment.targets) else None

    def as_other(self, binding: Binding) -> Changes | None:
        """What else a variable may hold where it is read: the same, as another branch leaves it."""
        call = binding.value
        if not isinstance(call, cst.Call) or not isinstance(call.func, cst.Attribute):
            return None
        is_alike = call.func.attr.value == "mogrify" and self.is_object(call.func.value, "cursor")
        assignment = self.parent(call)
        if not is_alike or self.takes_tuples(call) or not isinstance(assignment, cst.Assign):
            return None
        return self.as_name(assignment)


def is_shown(function: cst.BaseExpression) -> bool:
    """Whether a function prints or logs."""
    return m.matches(
        function, m.Name("print") | m.Attribute(attr=m.Name(value=m.MatchIfTrue(LOGGING.__contains__)))
    )


def undecoded(updated: cst.Call) -> cst.BaseExpression:
    """`value.decode()` without the call."""
    return cst.ensure_type(updated.func, cst.Attribute).value


def is_ascii(literal: cst.CSTNode) -> bool:
    """Whether a literal of bytes says the same as one of text."""
    value = literal.evaluated_value if isinstance(literal, cst.SimpleString) else None
    return isinstance(value, bytes) and value.isascii()


def without_b(updated: cst.SimpleString) -> cst.SimpleString:
    """A literal of bytes as one of text."""
    prefix = updated.prefix
    return updated.with_changes(value=prefix.replace("b", "") + updated.value[len(prefix) :])
