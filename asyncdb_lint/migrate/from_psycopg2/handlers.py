"""What rewrites of caught classes have in common."""

from __future__ import annotations

import libcst as cst


def in_a_row(element: cst.Element, values: list[cst.BaseExpression]) -> cst.FlattenSentinel[cst.Element]:
    """Several elements in the place of one."""
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    *first, last = values
    return cst.FlattenSentinel(
        [*(cst.Element(value, comma) for value in first), element.with_changes(value=last)]
    )
