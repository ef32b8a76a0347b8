"""One parsed file as rules see it: the tree with scopes, bindings and lowered expressions beside it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import libcst as cst

    from asyncdb_lint.semantics.expressions import Node
    from asyncdb_lint.semantics.summary import ModuleSummary


@dataclasses.dataclass(eq=False, slots=True)
class Binding:
    """One assignment to a name: what it binds and who reads it. `value` is the bound expression, if there is one."""

    index: int
    name: str
    expr: Node
    scope: Scope
    target: cst.CSTNode
    value: cst.CSTNode | None = None
    uses: list[cst.Name] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(eq=False, slots=True)
class Scope:
    """A module, class, function, lambda or comprehension. `node` is the tree node that opens it."""

    what: Literal["module", "class", "function", "lambda", "comprehension"]
    node: cst.CSTNode
    parent: Scope | None
    qualname: str
    is_async: bool = False
    bindings: dict[str, list[Binding]] = dataclasses.field(default_factory=dict)
    declared: dict[str, Literal["global", "nonlocal"]] = dataclasses.field(default_factory=dict)

    @property
    def on_loop(self) -> bool:
        """Whether code directly in this scope runs on the event loop: the body of an `async def` does."""
        if self.what == "function":
            return self.is_async
        if self.what in ("class", "comprehension") and self.parent is not None:
            return self.parent.on_loop
        return False

    @property
    def function(self) -> Scope | None:
        """The innermost function or lambda that runs this scope's code; None at module level."""
        scope: Scope | None = self
        while scope is not None and scope.what not in ("function", "lambda"):
            scope = scope.parent
        return scope

    @property
    def enclosing_class(self) -> Scope | None:
        """The class whose body holds this scope, if any."""
        scope: Scope | None = self
        while scope is not None and scope.what != "class":
            scope = scope.parent
        return scope


@dataclasses.dataclass(eq=False, slots=True)
class Model:
    """A file's tree and all that the walk over it found.

    `nodes` lists the visited nodes by class, so that a rule looks only at those it judges; `exprs` holds the
    lowered form of expressions, `parents` the node that holds a node, `scopes` where each node runs, `targets` the
    binding that a name in a store position makes, `opened` the scope that a definition opens.
    """

    module: cst.Module
    name: str
    path: str
    nodes: dict[type[cst.CSTNode], list[cst.CSTNode]]
    exprs: dict[cst.CSTNode, Node]
    parents: dict[cst.CSTNode, cst.CSTNode]
    scopes: dict[cst.CSTNode, Scope]
    bindings: list[Binding]
    targets: dict[cst.CSTNode, Binding]
    opened: dict[cst.CSTNode, Scope]
    summary: ModuleSummary

    def scope_of(self, node: cst.CSTNode) -> Scope:
        """The scope in which a node's code runs; a function's own node belongs to the scope that defines it."""
        while node not in self.scopes:
            node = self.parents[node]
        return self.scopes[node]

    def bindings_of(self, name: cst.CSTNode) -> list[Binding]:
        """The bindings that a name in a load position may come from, if they are in this file."""
        expr = self.exprs.get(name)
        options = getattr(expr, "options", (expr,))
        return [
            self.bindings[index]
            for option in options
            if (index := getattr(option, "index", None)) is not None
        ]
