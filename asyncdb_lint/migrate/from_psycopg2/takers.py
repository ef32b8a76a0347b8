"""Who takes a cursor factory: psycopg2's own functions, functions of the project that hand it on, or others."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate import evidence
from asyncdb_lint.semantics.kinds import NONE, Class, Function, Instance, Unknown

if TYPE_CHECKING:
    from asyncdb_lint.migrate.command import Rewrite
    from asyncdb_lint.semantics.summary import FunctionSummary

DRIVER, KEPT, OPEN, FOREIGN = "psycopg2", "kept", "open", "foreign"
"""psycopg2's own; a project function with a parameter of that name; `**` or an object that nobody knows, which take it
for psycopg2; and functions of other packages."""
POOLS = "psycopg2.pool."
PASSING = ("psycopg2.", "sqlalchemy.pool.")
"""Whose objects are psycopg2's, or hand all on to them."""
DICTS = {"builtins.dict", "dict"}
EXPECTATIONS = {"assert_called_with", "assert_called_once_with", "assert_any_call"}
EXPECTED = {"unittest.mock.call", "mock.call"}
CONNECTING = {"cursor", "connect", "get_connection", "getconn", "update", "get_conn"}


class Takers:
    """What calls of one file do with an argument of a name."""

    def __init__(self, rewrite: Rewrite) -> None:
        self.rewrite, self.file = rewrite, rewrite.file

    def of(self, call: cst.Call, keyword: str) -> str:
        """Who is called."""
        if self.is_awaited(call):
            return FOREIGN
        name = self.rewrite.full_name(call.func)
        if name == "functools.partial" and call.args:
            if self.rewrite.full_name(call.args[0].value) == "psycopg2.connect":
                return DRIVER
            own = self.function(call.args[0].value)
            return KEPT if own is not None and has(own, keyword) else OPEN
        if name == "psycopg2.connect" or name.startswith(POOLS):
            return DRIVER
        own = self.function(call.func)
        if own is not None:
            if has(own, keyword):
                return KEPT
            return OPEN if any(each.star == "**" for each in own.parameters) else FOREIGN
        if self.is_expectation(call, name):
            return OPEN
        if isinstance(call.func, cst.Attribute):
            method = call.func.attr.value
            if method == "cursor" and self.rewrite.is_object(call.func.value, "connection"):
                return DRIVER
            is_own = method in self.named and not self.is_inside(call, method)
            may_be = self.is_open(call.func.value) or self.hands_through(call.func.value)
            if may_be and is_own != (method in CONNECTING):
                return KEPT if is_own else OPEN
        return OPEN if name in DICTS else FOREIGN

    def is_inside(self, call: cst.Call, method: str) -> bool:
        """Whether a call stands in the method that hands it on to another object's of the same name."""
        scope = self.file.model.scope_of(call).function
        return scope is not None and scope.qualname.rpartition(".")[2] == method

    def is_awaited(self, call: cst.Call) -> bool:
        """Whether a call is one of aiopg's, say: psycopg2 has nothing to wait for."""
        holder = self.rewrite.parent(call)
        outer = self.rewrite.parent(holder) if isinstance(holder, cst.WithItem) else None
        return isinstance(holder, cst.Await) or (isinstance(outer, cst.With) and bool(outer.asynchronous))

    def is_expectation(self, call: cst.Call, name: str) -> bool:
        """What a test expects psycopg2 to be called with; a mock of what the project has itself is another's."""
        if not isinstance(call.func, cst.Attribute) or call.func.attr.value not in EXPECTATIONS:
            return name in EXPECTED and not self.named
        mock = call.func.value
        called = mock.attr.value if isinstance(mock, cst.Attribute) else ""
        return called in ("cursor", "connect") or not self.named

    def function(self, called: cst.BaseExpression) -> FunctionSummary | None:
        """The project's function that an expression means; of a class its `__init__`."""
        kind, project = self.file.kind(called), self.file.project
        if isinstance(kind, Class):
            for base in project.mro(kind.name):
                if ":" in base and (found := project.function(f"{base}.__init__")) is not None:
                    return found[1]
            return None
        found = project.function(kind.name) if isinstance(kind, Function) else None
        return found[1] if found is not None and found[0].name != evidence.MODULE else None

    def parameters(self, call: cst.Call) -> set[str]:
        """The names of the parameters of the project's function that is called."""
        own = self.function(call.func)
        return {each.name for each in own.parameters} if own is not None else set()

    def is_open(self, receiver: cst.BaseExpression) -> bool:
        """Whether an object may be psycopg2's for all that is known of it."""
        kind = self.file.kind(receiver)
        if isinstance(kind, Instance):
            return any(name.startswith(PASSING) for name in self.file.project.mro(kind.name))
        return isinstance(kind, (Unknown, Function)) or kind == NONE

    def hands_through(self, receiver: cst.BaseExpression) -> bool:
        """Whether an object is of the project's own class, which has a method from elsewhere."""
        kind = self.file.kind(receiver)
        return isinstance(kind, Instance) and all(":" in name for name in self.file.project.mro(kind.name))

    @functools.cached_property
    def named(self) -> frozenset[str]:
        """The names of the project's functions and methods that have a parameter `cursor_factory`."""
        return frozenset(
            qualname.rpartition(".")[2]
            for summary in self.file.project.modules.values()
            if summary.name != evidence.MODULE
            for qualname, function in summary.functions.items()
            if has(function, "cursor_factory")
        )

    @functools.cached_property
    def unpacks_into_kept(self) -> bool:
        """Whether the file unpacks a dict into a project function that has the parameter itself."""
        return any(
            any(arg.star == "**" for arg in call.args)
            and (own := self.function(call.func)) is not None
            and has(own, "cursor_factory")
            for call in self.rewrite.calls()
        )


def has(function: FunctionSummary, parameter: str) -> bool:
    """Whether a function has a parameter of a name."""
    return any(each.name == parameter for each in function.parameters)
