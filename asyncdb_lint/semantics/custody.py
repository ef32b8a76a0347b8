"""What a function does with what it is given: uses it for a while, or ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from asyncdb_lint.semantics.model import Binding, Model

CLOSING = {"close", "aclose", "__aexit__", "__exit__", "remove", "release", "dispose"}
HARMLESS = (
    cst.Comparison,
    cst.ComparisonTarget,
    cst.UnaryOperation,
    cst.If,
    cst.Assert,
    cst.FormattedStringExpression,
)


def note_custody(model: Model) -> None:
    """Enter into the summaries which parameters a function only borrows, and which it closes or enters."""
    for binding in model.bindings:
        if not isinstance(binding.target, cst.Param) or binding.scope.what != "function":
            continue
        summary = model.summary.functions.get(binding.scope.qualname)
        if summary is None:
            continue
        ends = [ends_by(model, binding, use) for use in binding.uses]
        if True in ends:
            summary.closed = (*summary.closed, binding.name)
        elif None not in ends:
            summary.borrowed = (*summary.borrowed, binding.name)


def ends_by(model: Model, binding: Binding, use: cst.CSTNode) -> bool | None:
    """Whether a use ends the object (True), only uses it (False), or hands it to somebody else (None)."""
    parent = model.parents[use]
    if isinstance(parent, cst.WithItem):
        return True
    if isinstance(parent, cst.Attribute) and parent.attr.value in CLOSING:
        return True
    if model.scope_of(use).function is not binding.scope:
        return None  # a closure may live on
    return False if isinstance(parent, (cst.Attribute, *HARMLESS)) else None
