"""Building `await` expressions that keep their meaning where they stand."""

from __future__ import annotations

import libcst as cst


def awaited(node: cst.BaseExpression, parent: cst.CSTNode | None) -> cst.BaseExpression:
    """`await node`, in parentheses where something is read from or called on the result."""
    binds_tighter = isinstance(parent, (cst.Attribute, cst.Subscript, cst.Call)) or (
        isinstance(parent, cst.BinaryOperation) and isinstance(parent.operator, cst.Power)
    )
    if not binds_tighter:
        return cst.Await(node.with_changes(lpar=[], rpar=[]), lpar=node.lpar, rpar=node.rpar)
    return cst.Await(node, lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
