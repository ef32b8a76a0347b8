"""What becomes of a value: awaited, entered, passed on, stored, or nothing at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import libcst as cst

from asyncdb_lint.semantics.model import Binding, Model

What = Literal[
    "awaited", "entered", "discarded", "returned", "yielded", "passed", "stored", "bound", "iterated", "attribute",
    "called", "subscripted", "tested", "operand",
]  # fmt: skip


class Fate(NamedTuple):
    """What happens to a value, and the node that does it."""

    what: What
    consumer: cst.CSTNode


# The consumer's class tells; those that hand the value through or need a look are handled in `fate`.
BY_CONSUMER: dict[type[cst.CSTNode], What] = {
    cst.Await: "awaited",
    cst.WithItem: "entered",
    cst.Expr: "discarded",
    cst.Return: "returned",
    cst.Lambda: "returned",
    cst.Yield: "yielded",
    cst.From: "yielded",
    cst.Arg: "passed",
    cst.Decorator: "passed",
    cst.Element: "stored",
    cst.StarredElement: "stored",
    cst.DictElement: "stored",
    cst.StarredDictElement: "stored",
    cst.ListComp: "stored",
    cst.SetComp: "stored",
    cst.GeneratorExp: "stored",
    cst.DictComp: "stored",
    cst.For: "iterated",
    cst.CompFor: "iterated",
    cst.Attribute: "attribute",
    cst.Call: "called",
    cst.Subscript: "subscripted",
    cst.If: "tested",
    cst.While: "tested",
    cst.Assert: "tested",
    cst.CompIf: "tested",
    cst.UnaryOperation: "tested",
    cst.Comparison: "tested",
    cst.ComparisonTarget: "tested",
    cst.BinaryOperation: "operand",
    cst.FormattedStringExpression: "operand",
    cst.AugAssign: "operand",
    cst.Raise: "stored",
    cst.Param: "stored",
    cst.SubscriptElement: "stored",
    cst.Match: "tested",
    cst.Del: "operand",
}


def fate(model: Model, node: cst.CSTNode) -> Fate:
    """What happens to the value of an expression; conditional expressions and walruses hand it through."""
    parent = model.parents[node]
    if isinstance(parent, cst.IfExp):
        return fate(model, parent) if node is not parent.test else Fate("tested", parent)
    if isinstance(parent, cst.BooleanOperation):
        return fate(model, parent) if node is parent.right else Fate("tested", parent)
    if isinstance(parent, cst.NamedExpr):
        return Fate("bound", parent)
    if isinstance(parent, (cst.Assign, cst.AnnAssign)):
        targets = (
            [each.target for each in parent.targets] if isinstance(parent, cst.Assign) else [parent.target]
        )
        return Fate("bound" if all(isinstance(each, cst.Name) for each in targets) else "stored", parent)
    return Fate(BY_CONSUMER.get(type(parent), "stored"), parent)


def fates(model: Model, node: cst.CSTNode, seen: frozenset[cst.CSTNode] = frozenset()) -> Iterator[Fate]:
    """What happens to a value in the end: where a name holds it, what every reader of the name does."""
    first = fate(model, node)
    if first.what != "bound":
        yield first
        return
    holders = bindings_holding(model, first.consumer)
    if not holders or any(binding.scope.what != "function" for binding in holders):
        yield Fate("stored", first.consumer)  # a module's or class's name may be read from anywhere
        return
    if isinstance(first.consumer, cst.NamedExpr):
        yield from fates(model, first.consumer, seen)
    uses = [use for binding in holders for use in binding.uses]
    if not uses and not isinstance(first.consumer, cst.NamedExpr):
        yield Fate("discarded", first.consumer)
    for use in uses:
        if use not in seen:
            yield from fates(model, use, seen | {use})


def bindings_holding(model: Model, assignment: cst.CSTNode) -> list[Binding]:
    """The bindings that an assignment or walrus makes."""
    if isinstance(assignment, cst.Assign):
        targets: list[cst.CSTNode] = [each.target for each in assignment.targets]
    else:
        targets = [assignment.target]  # type: ignore[attr-defined]
    return [binding for target in targets if (binding := model.targets.get(target)) is not None]
