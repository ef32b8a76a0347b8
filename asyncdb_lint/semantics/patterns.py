"""Small questions about tree shapes that the walk asks: what a test narrows, what a pattern binds."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst
import libcst.matchers as m


def narrowed(test: cst.BaseExpression, *, positive: bool) -> Iterator[tuple[str, cst.BaseExpression | None]]:
    """Names that `isinstance` tells about when `test` is true (or, not `positive`, false), with the class.

    The class is None where the name is only known not to be what it was said to be.
    """
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        yield from narrowed(test.expression, positive=not positive)
    elif isinstance(test, cst.BooleanOperation) and isinstance(test.operator, cst.And) and positive:
        yield from narrowed(test.left, positive=True)
        yield from narrowed(test.right, positive=True)
    elif m.matches(test, m.Call(func=m.Name("isinstance"), args=[m.Arg(m.Name()), m.Arg()])):
        assert isinstance(test, cst.Call)
        name, classes = test.args[0].value, test.args[1].value
        assert isinstance(name, cst.Name)
        if positive and not isinstance(classes, cst.Tuple):
            yield name.value, classes
        elif not positive:
            yield name.value, None


def targets_of(pattern: cst.CSTNode) -> Iterator[str]:
    """The names that a `case` pattern binds."""
    for found in m.findall(pattern, m.MatchAs() | m.MatchStar()):
        name = getattr(found, "name", None)
        if isinstance(name, cst.Name):
            yield name.value
