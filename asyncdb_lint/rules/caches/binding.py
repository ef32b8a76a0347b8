"""Turning values in the text of a statement into bound parameters, where that is simple."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.semantics.sql_text import Value

EXECUTING = {"execute", "scalar", "scalars", "stream", "stream_scalars"}
BOUND = re.compile(r"(?<!:):\w")


def with_bound_values(
    file: FileContext, call: cst.Call, given: cst.BaseExpression, values: Sequence[Value]
) -> tuple[cst.Call, cst.Call] | None:
    """`execute(text(f"… '{name}'"))` as `execute(text("… :name"), {"name": name})`.

    `call` is the call of `text`. None where a value is no plain name, or is only a part of its literal.
    """
    arg = file.model.parents[call]
    execute = file.model.parents[arg]
    if not isinstance(given, cst.FormattedString) or not isinstance(execute, cst.Call):
        return None
    facts = file.call(execute)
    if facts is None or facts.method not in EXECUTING or facts.role not in ("session", "connection"):
        return None
    names = list(dict.fromkeys(each.node.value for each in values if isinstance(each.node, cst.Name)))
    statement = rewritten(given, values)
    if statement is None or len(execute.args) != 1 or len(call.args) != 1 or not names:
        return None
    elements = [cst.DictElement(cst.SimpleString(f'"{name}"'), cst.Name(name)) for name in names]
    textual = call.with_changes(args=[call.args[0].with_changes(value=statement)])
    first = execute.args[0].with_changes(
        value=textual, comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    )
    return execute, execute.with_changes(args=[first, cst.Arg(cst.Dict(elements))])


def rewritten(given: cst.FormattedString, values: Sequence[Value]) -> cst.BaseExpression | None:
    """The literal with `:name` in the place of each value."""
    to_bind = {each.node: each.quoted for each in values}
    parts = list(given.parts)
    if any(isinstance(part, cst.FormattedStringText) and BOUND.search(part.value) for part in parts):
        return None
    for position, part in enumerate(parts):
        if not isinstance(part, cst.FormattedStringExpression) or part.expression not in to_bind:
            continue
        quoted = to_bind.pop(part.expression)
        before, after = text_at(parts, position - 1), text_at(parts, position + 1)
        if not isinstance(part.expression, cst.Name) or part.conversion or part.format_spec:
            return None
        if quoted:
            if not before.endswith("'") or not after.startswith("'") or before.endswith("''"):
                return None
            before, after = before[:-1], after[1:]
        if before.endswith(":") or after.startswith(":") or after[:1].isalnum():
            return None
        put_text(parts, position - 1, before)
        put_text(parts, position + 1, after)
        parts[position] = cst.FormattedStringText(f":{part.expression.value}")
    return None if to_bind else literal(given, parts)


def text_at(parts: Sequence[cst.BaseFormattedStringContent], position: int) -> str:
    part = parts[position] if 0 <= position < len(parts) else None
    return part.value if isinstance(part, cst.FormattedStringText) else ""


def put_text(parts: list[cst.BaseFormattedStringContent], position: int, text: str) -> None:
    if 0 <= position < len(parts) and isinstance(parts[position], cst.FormattedStringText):
        parts[position] = cst.FormattedStringText(text)


def literal(
    given: cst.FormattedString, parts: Sequence[cst.BaseFormattedStringContent]
) -> cst.BaseExpression:
    """A plain string where no expressions are left."""
    if any(isinstance(part, cst.FormattedStringExpression) for part in parts):
        return given.with_changes(parts=parts)
    text = "".join(part.value for part in parts if isinstance(part, cst.FormattedStringText))
    start = given.start.replace("f", "").replace("F", "")
    return cst.SimpleString(f"{start}{text.replace('{{', '{').replace('}}', '}')}{given.end}")
