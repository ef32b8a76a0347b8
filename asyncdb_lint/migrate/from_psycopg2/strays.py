"""Statements that are written down here and executed elsewhere: returned, handed on, put into a list."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.from_psycopg2.arguments import Parameters
from asyncdb_lint.migrate.from_psycopg2.executions import SHOWING, STATEMENT, Execution
from asyncdb_lint.migrate.from_psycopg2.placeholders import parameters
from asyncdb_lint.migrate.literals import HOLE, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from asyncdb_lint.migrate.command import Rewrite
    from asyncdb_lint.migrate.from_psycopg2.placeholders import Style

WORDS = re.compile(r"\b(?:in|is|extract|interval|date|time|timestamp)\b", re.IGNORECASE)
"""Without one of these no rule of them holds: most texts need not be read."""
CLAUSE = re.compile(
    rf"[\s(]*(?:(?:and|or|where|not)\s+)?[\w.\"{HOLE}]+(?:\([\w.\"]+\))?\s+(?:not\s+)?in\s+(?:%\(\w+\)s|:\w+)[\s)]*",
    re.IGNORECASE,
)
"""`column IN %(name)s`, which lists of conditions are made of; `found in %s` may be anything."""
RULES = {"membership", "row-membership", "typed-literal", "interval", "is", "extract"}
"""Rules that hold whoever executes the statement, with whatever values."""


def strays(rewrite: Rewrite, found: Sequence[Execution]) -> Iterator[Execution]:
    """Whole statements and single conditions that are in no call that is known to execute them."""
    file = rewrite.file
    taken = {piece.node for each in found for literal in each.texts for piece in literal.pieces}
    styles: list[Style] = ["percent"]
    if any(
        name.partition(".")[0] in ("sqlalchemy", "flask_sqlalchemy") for name in file.model.summary.imports
    ):
        styles.append("colon")
    for kind in (cst.SimpleString, cst.ConcatenatedString, cst.FormattedString):
        for node in file.model.nodes.get(kind, ()):
            if not isinstance(node, cst.BaseExpression) or is_shown(rewrite, node):
                continue
            if WORDS.search(file.model.module.code_for_node(node)) is None:
                continue
            literal = read(file, node)
            if literal is None or not (STATEMENT.match(literal.text) or CLAUSE.fullmatch(literal.text)):
                continue
            if any(piece.node in taken for piece in literal.pieces):
                continue
            style = next((each for each in styles if parameters(literal.text, each)), None)
            if style is not None:
                nothing = Parameters(file, None, many=False)
                yield Execution(cst.Call(node), node, (literal,), style, nothing, None, known=False)


def is_shown(rewrite: Rewrite, node: cst.BaseExpression) -> bool:
    """Whether a text is documentation, for people to read, filled in by Python, or a template of psycopg2's helpers."""
    parents = rewrite.file.model.parents
    parent = parents.get(node)
    if isinstance(parent, (cst.Expr, cst.ConcatenatedString, cst.Comparison)):
        return True
    if isinstance(parent, cst.BinaryOperation) and isinstance(parent.operator, cst.Modulo):
        return parent.left is node
    uses: list[cst.CSTNode] = [node]
    if isinstance(parent, cst.Assign):
        names = [target.target for target in parent.targets]
        uses += [use for name in names if name in rewrite.file.model.targets
                 for use in rewrite.file.model.targets[name].uses]  # fmt: skip
    return any(is_for_others(rewrite, use) for use in uses)


def is_for_others(rewrite: Rewrite, use: cst.CSTNode) -> bool:
    """Whether a text is an argument of something that shows it, raises it, or expands its one placeholder."""
    parents = rewrite.file.model.parents
    around = parents.get(use)
    call = parents.get(around) if isinstance(around, cst.Arg) else around
    if not isinstance(call, cst.Call):
        return False
    name = call.func.attr.value if isinstance(call.func, cst.Attribute) else getattr(call.func, "value", "")
    is_raised = isinstance(parents.get(call), cst.Raise)
    return is_raised or name in SHOWING - {"format"} or name in ("execute_values", "execute_batch")
