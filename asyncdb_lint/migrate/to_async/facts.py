"""What a file says that matters for what can be asynchronous: who uses connections, who calls whom, what stands in the
way.

All is entered by function (`module:qualname`); code that runs at import is that of `module:<module>`, and a lambda is
a function too.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import libcst as cst

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.semantics.model import Scope

How = Literal["called", "offloaded", "injected", "handed"]
ON_IMPORT = "<module>"


class Obstacle(NamedTuple):
    """Why something cannot be asynchronous: the place, what is wrong there, and what can be done."""

    module: str
    node: cst.CSTNode
    reason: str
    advice: str


class Reference(NamedTuple):
    """A place where functions of the project are named, by a function.

    `call` is the call that runs them, or that hands them to a thread.
    """

    targets: tuple[str, ...]
    how: How
    within: str
    module: str
    node: cst.CSTNode
    call: cst.Call | None = None


@dataclasses.dataclass(eq=False)
class FunctionFacts:
    """One function: whether it uses psycopg2's objects, where it would have to wait, and with whom it shares them."""

    name: str
    file: FileContext
    scope: Scope
    touches: bool = False
    gives: bool = False
    """Whether it returns or yields an object of psycopg2's."""
    waits: list[cst.CSTNode] = dataclasses.field(default_factory=list)
    shares: set[str] = dataclasses.field(default_factory=set)
    obstacles: list[Obstacle] = dataclasses.field(default_factory=list)
    notes: list[Obstacle] = dataclasses.field(default_factory=list)
    """What behaves otherwise when its objects are asynchronous."""

    @property
    def is_async(self) -> bool:
        """Whether it is a coroutine function or an asynchronous generator already."""
        return self.scope.is_async

    @property
    def shown(self) -> str:
        """How a report names it."""
        name = self.name.partition(":")[2]
        return "code that runs at import" if name == ON_IMPORT else f"`{name.replace('.<locals>', '')}`"

    def note(self, node: cst.CSTNode, what: str) -> None:
        """Note what behaves otherwise."""
        self.notes.append(Obstacle(self.file.model.name, node, what, ""))

    def obstruct(self, node: cst.CSTNode, reason: str, advice: str = "") -> None:
        """Note what stands in the way."""
        self.obstacles.append(Obstacle(self.file.model.name, node, reason, advice))


class Named(NamedTuple):
    """A method that is called on an object of which nobody knows what it is."""

    module: str
    within: str
    node: cst.Attribute


@dataclasses.dataclass(eq=False)
class FileFacts:
    """All that one file says."""

    file: FileContext
    functions: dict[str, FunctionFacts] = dataclasses.field(default_factory=dict)
    references: list[Reference] = dataclasses.field(default_factory=list)
    unknown: list[Named] = dataclasses.field(default_factory=list)
    entered: list[cst.BaseExpression] = dataclasses.field(default_factory=list)
    """What plain `with` statements enter of which nobody knows what it is."""
    by_name: list[tuple[str, cst.Call]] = dataclasses.field(default_factory=list)
    """The names that `getattr()` and its like look up."""
    of_scope: dict[Scope, FunctionFacts] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for scope, name in self.file.tracing.names.items():
            facts = FunctionFacts(f"{self.file.model.name}:{name}", self.file, scope)
            self.functions[facts.name] = self.of_scope[scope] = facts

    def around(self, node: cst.CSTNode) -> FunctionFacts:
        """The function whose code a node is."""
        return self.of_scope[self.file.tracing.function_of(node)]
