"""A record, for the summaries, of what coroutine functions await and enter; `effects.py` says what that comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.afterwards import stands_in
from asyncdb_lint.semantics.summary import Work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.semantics.model import Model, Scope

BROAD = {"Exception", "BaseException"}


class Doing(NamedTuple):
    """One such call: `node` is the expression, `scope` the coroutine function that does it."""

    node: cst.BaseExpression
    scope: Scope
    work: Work


def note_work(model: Model) -> None:
    """Enter into the summaries what coroutine functions do, and what they read of functions around them."""
    found: dict[str, dict[Work, None]] = {}
    for each in doings(model):
        found.setdefault(each.scope.qualname, {})[each.work] = None
    for qualname, works in found.items():
        if qualname in model.summary.functions:
            model.summary.functions[qualname].work = tuple(works)
    if any("<locals>" in qualname for qualname in found):
        note_captured(model)


def note_captured(model: Model) -> None:
    for binding in model.bindings:
        owner = binding.scope.function
        for use in binding.uses if owner is not None else ():
            reader = model.scope_of(use).function
            summary = model.summary.functions.get(reader.qualname) if reader is not None else None
            if reader is not owner and summary is not None and binding.index not in summary.captured:
                summary.captured = (*summary.captured, binding.index)


def doings(model: Model) -> Iterator[Doing]:
    """What the coroutine functions of a file await, enter and iterate, and what they dispose of."""
    for node in model.nodes.get(cst.Await, ()):
        assert isinstance(node, cst.Await)
        yield from doing(model, node.expression, "awaited")
    for node in model.nodes.get(cst.WithItem, ()):
        assert isinstance(node, cst.WithItem)
        if getattr(model.parents[node], "asynchronous", None) is not None:
            yield from doing(model, node.item, "entered")
    for loop in (*model.nodes.get(cst.For, ()), *model.nodes.get(cst.CompFor, ())):
        assert isinstance(loop, (cst.For, cst.CompFor))
        if loop.asynchronous is not None:
            yield from doing(model, loop.iter, "iterated")
    for call in model.nodes.get(cst.Call, ()):
        assert isinstance(call, cst.Call)
        is_dispose = isinstance(call.func, cst.Attribute) and call.func.attr.value == "dispose"
        if is_dispose and not isinstance(model.parents[call], cst.Await):
            yield from doing(model, call, "called")  # of a synchronous engine


def doing(model: Model, node: cst.BaseExpression, how: str) -> Iterator[Doing]:
    expr = model.exprs.get(node)
    if isinstance(expr, ex.Call):
        scope = model.scope_of(node).function
        if scope is not None and scope.is_async:
            held = tuple(locks_around(model, node))
            unless = tuple(needed_none(model, node))
            yield Doing(node, scope, Work(expr, how, held, is_contained(model, node), unless))


def locks_around(model: Model, node: cst.CSTNode) -> Iterator[ex.Node]:
    """What `async with lock:` around a node holds; a lock is entered by its name, without a call."""
    while not isinstance(node, (cst.FunctionDef, cst.Lambda, cst.Module)):
        parent = model.parents[node]
        if isinstance(parent, cst.With) and node is parent.body and parent.asynchronous is not None:
            for item in parent.items:
                expr = model.exprs.get(item.item)
                if expr is not None and not isinstance(expr, ex.Call):
                    yield expr
        node = parent


def needed_none(model: Model, node: cst.CSTNode) -> Iterator[str]:
    """The parameters that have to be None, or false, for code to run: by an `if` around it, or one that returns."""
    while not isinstance(node, (cst.FunctionDef, cst.Lambda, cst.Module)):
        parent = model.parents[node]
        if isinstance(parent, cst.If) and node is not parent.test:
            yield from parameters_of(model, tested_none(parent.test, positive=node is parent.body))
        elif isinstance(parent, cst.IndentedBlock):
            for before in parent.body[: parent.body.index(node)]:
                if isinstance(before, cst.If) and ends_in_return(before.body) and before.orelse is None:
                    yield from parameters_of(model, tested_none(before.test, positive=False))
        node = parent


def tested_none(test: cst.BaseExpression, *, positive: bool) -> cst.Name | None:
    """The name that is None, or false, where a test is true (or, not `positive`, false)."""
    match test:
        case cst.UnaryOperation(operator=cst.Not(), expression=cst.Name() as name) if positive:
            return name
        case cst.Name() if not positive:
            return test
        case cst.Comparison(
            left=cst.Name() as name, comparisons=[cst.ComparisonTarget(operator, cst.Name("None"))]
        ):
            is_none = isinstance(operator, cst.Is)
            return name if isinstance(operator, (cst.Is, cst.IsNot)) and is_none is positive else None
        case _:
            return None


def parameters_of(model: Model, name: cst.Name | None) -> Iterator[str]:
    for binding in model.bindings_of(name) if name is not None else ():
        if isinstance(binding.target, cst.Param):
            yield binding.name


def ends_in_return(block: cst.BaseSuite) -> bool:
    last = block.body[-1] if block.body else None
    return isinstance(last, cst.SimpleStatementLine) and isinstance(last.body[-1], (cst.Return, cst.Raise))


def is_contained(model: Model, node: cst.CSTNode) -> bool:
    """Whether no error leaves a `try` around a node with its session in a failed transaction.

    A handler that swallows it is judged where it stands; one that rolls back leaves the session as good as new.
    """
    while not isinstance(node, (cst.FunctionDef, cst.Lambda, cst.Module)):
        parent = model.parents[node]
        if isinstance(parent, cst.Try) and node is parent.body:
            handler = next((each for each in parent.handlers if is_broad(each)), None)
            if handler is not None and (not raises(handler.body) or rolls_back(model, handler)):
                return True
        node = parent
    return False


def is_broad(handler: cst.ExceptHandler) -> bool:
    """Whether a handler takes any error, by what is written there."""
    return handler.type is None or (isinstance(handler.type, cst.Name) and handler.type.value in BROAD)


def raises(block: cst.BaseSuite) -> bool:
    """Whether a block ends in a `raise`."""
    last = block.body[-1] if block.body else None
    return isinstance(last, cst.SimpleStatementLine) and isinstance(last.body[-1], cst.Raise)


def rolls_back(model: Model, handler: cst.ExceptHandler) -> bool:
    """Whether a handler calls `rollback()` of something."""
    return any(
        isinstance(call, cst.Call) and isinstance(call.func, cst.Attribute) and call.func.attr.value == "rollback"
        and stands_in(model, call, handler)
        for call in model.nodes.get(cst.Call, ())
    )  # fmt: skip
