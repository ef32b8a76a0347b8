"""Small questions about tree shapes that the walk asks: what a test narrows, what a pattern binds."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst


def narrowed(test: cst.BaseExpression, *, positive: bool) -> Iterator[tuple[str, cst.BaseExpression | None]]:
    """Names that `isinstance` tells about when `test` is true (or, not `positive`, false), with the class.

    The class is None where the name is only known not to be what it was said to be.
    """
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        yield from narrowed(test.expression, positive=not positive)
    elif isinstance(test, cst.BooleanOperation) and isinstance(test.operator, cst.And) and positive:
        yield from narrowed(test.left, positive=True)
        yield from narrowed(test.right, positive=True)
    elif isinstance(test, cst.Call) and isinstance(test.func, cst.Name) and test.func.value == "isinstance":
        name, classes = (arg.value for arg in test.args) if len(test.args) == 2 else (None, None)
        if not isinstance(name, cst.Name) or classes is None:
            return
        if positive and not isinstance(classes, cst.Tuple):
            yield name.value, classes
        elif not positive:
            yield name.value, None


def targets_of(pattern: cst.CSTNode) -> Iterator[str]:
    """The names that a `case` pattern binds."""
    if isinstance(pattern, (cst.MatchAs, cst.MatchStar)) and pattern.name is not None:
        yield pattern.name.value
    for child in pattern.children:
        yield from targets_of(child)
