"""What may run after a statement of a function: the parts of the tree, in the order in which they would run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.semantics.model import Model

LOOPS = (cst.For, cst.While)
LEAVING = (cst.Return, cst.Raise)


Ends = Callable[[cst.CSTNode], bool]
"""Whether what is asked for ends with a block that is left, or before another round of a loop."""


def never(_: cst.CSTNode) -> bool:
    return False


def after(model: Model, node: cst.CSTNode, ends: Ends = never) -> Iterator[cst.CSTNode]:
    """What may run once a statement is done. A loop around it runs its body again before what follows the loop.

    Branches further on are given whole: something in them may run.
    """
    while not isinstance(node, (cst.FunctionDef, cst.Lambda, cst.Module)):
        parent = model.parents[node]
        if isinstance(parent, (cst.IndentedBlock, cst.SimpleStatementLine, cst.SimpleStatementSuite)):
            for statement in later(parent.body, node):
                yield statement
                left = last_of(statement)
                if isinstance(left, (*LEAVING, cst.Continue, cst.Break)):
                    yield from after_leaving(model, left, statement, ends)
                    return
        elif isinstance(parent, (cst.With, *LOOPS)) and node is parent.body and ends(parent):
            return
        elif isinstance(parent, LOOPS) and node is parent.body:
            yield parent.body
        elif isinstance(parent, cst.Try):
            yield from after_part(parent, node)
        node = parent


def may_follow(model: Model, node: cst.CSTNode, later: cst.CSTNode) -> bool:
    """Whether code further down in the same function may run once the statement of `node` has run."""
    statement = node
    while not isinstance(statement, cst.BaseStatement):
        statement = model.parents[statement]
    if stands_in(model, later, statement):
        return True
    if isinstance(last_of(statement), LEAVING):
        return False
    return any(stands_in(model, later, part) for part in after(model, statement))


def stands_in(model: Model, node: cst.CSTNode, outer: cst.CSTNode) -> bool:
    """Whether a node is another or stands in it, in the same function."""
    while node is not outer:
        if isinstance(node, (cst.FunctionDef, cst.Lambda, cst.Module)):
            return False
        node = model.parents[node]
    return True


def after_handler(model: Model, handler: cst.ExceptHandler, ends: Ends = never) -> Iterator[cst.CSTNode]:
    """What may run once a handler has caught its error: its own body, and what comes after."""
    yield handler.body
    left = last_of(handler.body.body[-1]) if handler.body.body else None
    if isinstance(left, (*LEAVING, cst.Continue, cst.Break)):
        yield from after_leaving(model, left, handler, ends)
    else:
        yield from after(model, handler, ends)


def after_leaving(model: Model, left: cst.CSTNode, node: cst.CSTNode, ends: Ends) -> Iterator[cst.CSTNode]:
    """What runs after a `return`, `raise`, `continue` or `break` that stands in `node`, but for cleaning up."""
    while not isinstance(left, LEAVING) and not isinstance(node, (cst.FunctionDef, cst.Lambda, cst.Module)):
        parent = model.parents[node]
        if isinstance(parent, (cst.With, *LOOPS)) and node is parent.body and ends(parent):
            return
        if isinstance(parent, LOOPS) and node is parent.body:
            if isinstance(left, cst.Continue):
                yield parent.body
            yield from after(model, parent, ends)
            return
        node = parent


def after_part(statement: cst.Try, part: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """What of a `try` runs after one of its parts, where nothing is raised."""
    if part is statement.body and statement.orelse is not None:
        yield statement.orelse
    if part is not statement.finalbody and statement.finalbody is not None:
        yield statement.finalbody


def later(statements: object, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The statements of a block after one of them."""
    assert isinstance(statements, (list, tuple))
    position = next(number for number, each in enumerate(statements) if each is node)
    yield from statements[position + 1 :]


def last_of(statement: cst.CSTNode) -> cst.CSTNode:
    """The last small statement on a line."""
    is_line = isinstance(statement, (cst.SimpleStatementLine, cst.SimpleStatementSuite)) and statement.body
    return statement.body[-1] if is_line else statement  # type: ignore[attr-defined]
