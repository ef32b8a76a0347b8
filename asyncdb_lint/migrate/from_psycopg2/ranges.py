"""Ranges: psycopg2 has a class for each type of range, psycopg 3 gives them all as `Range`."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.migrate.from_psycopg2.registering import Registrations

RANGES = {"DateRange", "DateTimeRange", "DateTimeTZRange"}  # `NumericRange` is called `Range` anyhow
COMPARING = {"builtins.isinstance", "builtins.issubclass"}
SAID = "values of all types of ranges are of class `Range`"


class RangeClasses(Registrations):
    """`isinstance(value, DateRange)`, where the value may come from the database."""

    DESCRIPTION = "Rewrite comparisons with psycopg2's classes of ranges."

    def examine(self) -> None:
        for node in self.uses_of(RANGES):
            if self.is_compared(node):
                self.judge(node)

    def judge(self, node: cst.Attribute | cst.Name) -> None:
        if not self.unsafe:
            self.hand_over(
                node, node, SAID, "ask for `psycopg.types.range.Range`, and for the type of its bounds"
            )
            return
        name = self.name(node, "psycopg.types.range", "Range")
        self.claim(node)
        self.tell(node, "changed behaviour", SAID)
        self.change(node, lambda _: cst.parse_expression(name))

    def is_compared(self, node: cst.BaseExpression) -> bool:
        """Whether a class stands in `isinstance()`, alone or in a tuple, or in a comparison of classes."""
        holder = self.parent(node)
        if isinstance(holder, cst.Element):
            holder = self.parent(holder)
            holder = self.parent(holder) if holder is not None else None
        if isinstance(holder, (cst.Comparison, cst.ComparisonTarget)):
            return True
        call = self.parent(holder) if isinstance(holder, cst.Arg) else None
        return isinstance(call, cst.Call) and self.full_name(call.func) in (
            "builtins.isinstance",
            "builtins.issubclass",
        )
