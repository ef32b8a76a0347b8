"""Files that take one driver or the other, whichever is there: they work with both, and stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.import_statements import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.migrate.import_statements import Statement
    from asyncdb_lint.migrate.imports import Imports
    from asyncdb_lint.semantics.model import Model

MISSING = {"ImportError", "ModuleNotFoundError", "Exception"}


def alternative(imports: Imports, new: str) -> Statement | None:
    """The import of the old driver that another driver is the alternative to; None if there is none.

    That is one of the new driver, or one that gives another package the old driver's name.
    """
    old = [(each.line, each.statement) for each in imports.bound]
    own = {each.name for each in imports.bound if each.full == imports.driver}
    others = [
        line
        for line, statement in imports.statements
        if new in packages(statement)
        or (imports.driver not in packages(statement) and own & aliases(statement))
    ]
    for line, statement in old:
        if any(exclude(imports.model, line, other) for other in others):
            return statement
    return None


def packages(statement: Statement) -> set[str]:
    """The packages that a statement imports from."""
    if isinstance(statement, cst.ImportFrom):
        return set() if statement.relative else {dotted(statement.module).partition(".")[0]}
    return {dotted(alias.name).partition(".")[0] for alias in statement.names}


def aliases(statement: Statement) -> set[str]:
    """The names that a statement binds."""
    if isinstance(statement.names, cst.ImportStar):
        return set()
    return {alias.evaluated_alias or alias.evaluated_name.partition(".")[0] for alias in statement.names}


def exclude(model: Model, one: cst.CSTNode, other: cst.CSTNode) -> bool:
    """Whether two statements stand in different branches, or each may fail for want of its package."""
    left, right = dict(branches(model, one)), dict(branches(model, other))
    if any(left[node] is not right[node] for node in left.keys() & right.keys()):
        return True
    return may_fail(left) and may_fail(right)


def branches(model: Model, node: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, cst.CSTNode]]:
    """The statements with branches around a node, each with the branch that the node stands in."""
    while (parent := model.parents.get(node)) is not None:
        if isinstance(parent, cst.If) or (
            isinstance(parent, cst.Try) and isinstance(node, cst.ExceptHandler)
        ):
            yield parent, node
        elif isinstance(parent, cst.Try) and node is not parent.finalbody:
            yield parent, parent.body  # what follows in `else` is no alternative
        node = parent


def may_fail(around: dict[cst.CSTNode, cst.CSTNode]) -> bool:
    """Whether a statement is tried, with a handler for what is not installed."""
    return any(
        isinstance(statement, cst.Try)
        and branch is statement.body
        and any(names(handler) & MISSING for handler in statement.handlers)
        for statement, branch in around.items()
    )


def names(handler: cst.ExceptHandler) -> set[str]:
    """What a handler catches."""
    if isinstance(handler.type, cst.Tuple):
        return {dotted(each.value) for each in handler.type.elements}
    return {dotted(handler.type)}
