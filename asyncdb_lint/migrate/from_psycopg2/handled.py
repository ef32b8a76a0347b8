"""What handlers know of errors beside their class in psycopg2: texts that begin so, errors of Python's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.from_psycopg2.error_classes import ErrorClasses
from asyncdb_lint.migrate.from_psycopg2.lifetimes import CONNECT, is_within

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNTED = {"IndexError", "TypeError"}
"""What psycopg2 raises for too few and for too many parameters."""
WRONG_COUNT = "a wrong number of parameters gives a ProgrammingError"
OVER = {"ProgrammingError", "DatabaseError", "Error", "Exception"}
TEXTS = "psycopg 3 puts what it was doing in front of the text of errors of connect(), and no newline behind"


class HandledErrors(ErrorClasses):
    """`except IndexError` around `execute()`; `str(error).startswith(…)` after `connect()`."""

    DESCRIPTION = "Rewrite what handlers expect of psycopg2's errors beside their class."

    def examine(self) -> None:
        for node in self.file.model.nodes.get(cst.ExceptHandler, ()):
            handler = cst.ensure_type(node, cst.ExceptHandler)
            for use in self.counted(handler):
                self.widen_count(handler, use)
            for text in self.texts(handler):
                self.judge_text(text)

    # Parameters that are too few or too many

    def counted(self, handler: cst.ExceptHandler) -> list[cst.BaseExpression]:
        """Python's classes in a handler for a body that does nothing but execute statements."""
        given = handler.type
        uses = [each.value for each in given.elements] if isinstance(given, cst.Tuple) else [given]
        found = [each for each in uses if isinstance(each, cst.Name) and each.value in COUNTED]
        return list(found[-1:]) if found and self.only_executes(handler) else []

    def only_executes(self, handler: cst.ExceptHandler) -> bool:
        statement = self.parent(handler)
        lines = statement.body.body if isinstance(statement, cst.Try) else ()
        small = [
            each
            for line in lines
            for each in (line.body if isinstance(line, cst.SimpleStatementLine) else [line])
        ]
        return bool(small) and all(
            isinstance(each, cst.Expr)
            and isinstance(each.value, cst.Call)
            and isinstance(each.value.func, cst.Attribute)
            and each.value.func.attr.value in ("execute", "executemany")
            and self.is_object(each.value.func.value, "cursor")
            for each in small
        )

    def widen_count(self, handler: cst.ExceptHandler, use: cst.BaseExpression) -> None:
        if self.names_of(handler.type) & OVER:
            return
        if self.unsafe and not self.is_caught_by_others(handler, OVER):
            self.tell(use, "changed behaviour", f"{WRONG_COUNT}: it is caught too")
            self.add(use, handler, self.name(use, "psycopg", "ProgrammingError"))
        else:
            self.tell(
                use, "manual", WRONG_COUNT, "catch `psycopg.ProgrammingError` too, if the handler is for that"
            )

    # Texts

    def texts(self, handler: cst.ExceptHandler) -> Iterator[cst.Call]:
        """`str(error)` in a handler of psycopg2's errors for a body that connects."""
        name = handler.name.name if handler.name is not None else None
        statement = self.parent(handler)
        if not isinstance(name, cst.Name) or not isinstance(statement, cst.Try):
            return
        model = self.file.model
        if not self.names_of(handler.type) & {"OperationalError", "DatabaseError", "Error"} or not any(
            self.full_name(call.func) == CONNECT and is_within(model, call, statement.body)
            for call in self.calls()
        ):
            return
        for call in self.calls():
            if (
                self.full_name(call.func) == "builtins.str"
                and len(call.args) == 1
                and isinstance(call.args[0].value, cst.Name)
                and call.args[0].value.value == name.value
                and is_within(model, call, handler)
            ):
                yield call

    def judge_text(self, text: cst.Call) -> None:
        """Only what it begins with, or all of it, is another text."""
        holder = self.parent(text)
        outer = self.parent(holder) if isinstance(holder, cst.Attribute) else None
        place: cst.CSTNode
        if isinstance(holder, (cst.Comparison, cst.ComparisonTarget)):
            comparison = holder if isinstance(holder, cst.Comparison) else self.parent(holder)
            asked = comparison.comparisons[0].operator if isinstance(comparison, cst.Comparison) else None
            if isinstance(asked, (cst.Equal, cst.NotEqual)):
                self.tell(text, "manual", TEXTS, "look for a part of the text: `in`")
        elif (
            isinstance(holder, cst.Attribute)
            and holder.attr.value == "startswith"
            and isinstance(outer, cst.Call)
        ):
            start = outer.args[0].value
            if not self.unsafe or len(outer.args) != 1 or not isinstance(self.constant(start), str):
                self.tell(text, "manual", TEXTS, "look for a part of the text: `in`")
                return
            self.tell(text, "changed behaviour", f"{TEXTS}: it is looked for anywhere in the text")
            place, operator = outer, "in"
            turned = self.parent(outer)
            if isinstance(turned, cst.UnaryOperation) and isinstance(turned.operator, cst.Not):
                place, operator = turned, "not in"
            new = f"{self.code(start)} {operator} {self.code(text)}"
            is_open = isinstance(self.parent(place), (cst.If, cst.BooleanOperation, cst.Return, cst.Element))
            self.change(place, lambda _: cst.parse_expression(new if is_open else f"({new})"))
