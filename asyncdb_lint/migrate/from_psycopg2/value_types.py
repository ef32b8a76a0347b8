"""Rules that hold for some values only: what the type is of a parameter that the server cannot tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncdb_lint.migrate.from_psycopg2.sql_edits import COMPARISONS, Edit, Finding, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.migrate.from_psycopg2.placeholders import Statement, Token

VARIADIC = {
    "concat": 0, "concat_ws": 1, "format": 1, "json_build_object": 0, "jsonb_build_object": 0, "json_build_array": 0,
    "jsonb_build_array": 0, "pg_typeof": 0, "num_nulls": 0, "num_nonnulls": 0, "row": 0, "count": 0,
    "json_object_agg": 0, "jsonb_object_agg": 0,
}  # fmt: skip
"""Functions of arguments of any type, and the first such argument."""
OF_ARRAYS = {
    "unnest": 0, "array_length": 0, "cardinality": 0, "array_to_string": 0, "array_upper": 0, "array_lower": 0,
    "array_ndims": 0,
}  # fmt: skip
CLAUSES = {"set", "where", "on", "having", "and", "or", "not", "when", "select", "returning", "values"}
SMALL = "a list of small integers is a `smallint[]` for the server"


def null_test(statement: Statement) -> Iterator[Finding]:
    """`%s IS NULL` needs a type: any will do, unless the parameter is used elsewhere by its name."""
    for index, value in enumerate(statement.tokens):
        words = [statement.word(index + step) for step in (1, 2, 3)]
        if value.kind != "placeholder" or (words[:2] != ["is", "null"] and words != ["is", "not", "null"]):
            continue
        if statement.word(index - 1) in COMPARISONS or statement.kind(index - 1) == "operator":
            continue
        test = " ".join(words[: 3 if words[1] == "not" else 2]).upper()
        message = f"the type of `{value.text}` is not known in `{value.text} {test}`"
        others = [
            i
            for i, token in enumerate(statement.tokens)
            if value.name and token.text == value.text and i != index
        ]
        if any(is_typed(statement, i) for i in others[:1]) or any(i < index for i in others):
            continue  # the first use says what it is
        casts = {cast_of(statement, i) for i in others if cast_of(statement, i)}
        to = (
            casts.pop()
            if len(casts) == 1
            else ("text" if not others or is_all_tests(statement, others) else "")
        )
        advice = f"cast it: `{cast(value.text, to or '<type of the column>', statement.style)} {test}`"
        if to:
            edit = Edit(value.start, value.end, cast(value.text, to, statement.style))
            yield Finding("null", value.start, "unsafe", message, advice, (edit,), (value,), "null")
        else:
            yield Finding("null", value.start, "manual", message, advice, parameters=(value,), need="null")


def is_typed(statement: Statement, index: int) -> bool:
    """Whether a placeholder is cast."""
    return bool(cast_of(statement, index)) and index == min(
        i for i, token in enumerate(statement.tokens) if token.text == statement.tokens[index].text
    )


def cast_of(statement: Statement, index: int) -> str:
    """The type that a placeholder is cast to."""
    if statement.word(index + 1) == "::" and statement.kind(index + 2) == "word":
        return statement.word(index + 2) + ("[]" if statement.word(index + 3) == "[" else "")
    if (
        statement.word(index + 1) == "as"
        and statement.word(index - 2) == "cast"
        and statement.word(index + 3) == ")"
    ):
        return statement.word(index + 2)
    return ""


def is_all_tests(statement: Statement, indexes: list[int]) -> bool:
    return all(statement.word(i + 1) == "is" for i in indexes)


def untyped(statement: Statement) -> Iterator[Finding]:
    """Strings have no type of their own: functions that take anything need one."""
    for opening in statement.closed:
        name = statement.word(opening - 1) if statement.tokens[opening].text == "(" and opening else ""
        table, to, need = (VARIADIC, "text", "str") if name in VARIADIC else (OF_ARRAYS, "text[]", "strings")
        if name not in table:
            continue
        for position, (start, end) in enumerate(statement.arguments(opening)):
            value = statement.tokens[start]
            if position < table[name] or end != start + 1 or value.kind != "placeholder":
                continue
            if table is OF_ARRAYS and position > 0:
                continue
            new = cast(value.text, to, statement.style)
            yield Finding("untyped", value.start, "unsafe", f"`{name}()` cannot tell the type of `{value.text}`",
                          f"cast it if it is text: `{new}`", (Edit(value.start, value.end, new),), (value,),
                          "str" if need == "str" else "strings")  # fmt: skip


def sizes(statement: Statement) -> Iterator[Finding]:
    """Small integers are `smallint` for the server."""
    for opening in statement.closed:
        name = statement.word(opening - 1) if statement.tokens[opening].text == "(" and opening else ""
        arguments = statement.arguments(opening)
        bare = [
            statement.tokens[start]
            for start, end in arguments
            if end == start + 1 and statement.kind(start) == "placeholder"
        ]
        if name == "generate_series" and bare and len(bare) == len(arguments):
            edits = tuple(
                Edit(each.start, each.end, cast(each.text, "int", statement.style)) for each in bare
            )
            yield Finding("series", bare[0].start, "unsafe",
                          "`generate_series()` cannot tell which integers are meant",
                          f"cast them: `{cast(bare[0].text, 'int', statement.style)}`",
                          edits, tuple(bare), "int")  # fmt: skip
        elif (
            name == "round"
            and len(arguments) == 2
            and bare
            and bare[0].start == statement.tokens[opening + 1].start
        ):
            yield Finding("round", bare[0].start, "manual", "`round(float, int)` does not exist",
                          f"cast it: `{cast(bare[0].text, 'numeric', statement.style)}`",
                          (), (bare[0],), "numbers")  # fmt: skip
    for index, value in enumerate(statement.tokens[:-2]):
        sign, other = statement.tokens[index + 1], statement.tokens[index + 2]
        if value.kind == other.kind == "placeholder" and sign.text in ("+", "*", "-"):
            yield Finding("overflow", value.start, "manual",
                          f"`{value.text} {sign.text} {other.text}` of small integers is a smallint",
                          f"cast one: `{cast(value.text, 'int', statement.style)}`",
                          (), (value, other), "int")  # fmt: skip


def arrays(statement: Statement) -> Iterator[Finding]:
    """A list of small integers is `smallint[]`, which array operators do not compare with `integer[]`."""
    for index, value in enumerate(statement.tokens):
        signs = {statement.word(index - 1), statement.word(index + 1)}
        if value.kind == "placeholder" and signs & {"@>", "<@", "&&"} and statement.word(index + 1) != "::":
            new = cast(value.text, "int[]", statement.style)
            yield Finding("array", value.start, "manual", SMALL, f"cast it to the column's type: `{new}`",
                          (), (value,), "numbers")  # fmt: skip


def compared(statement: Statement) -> Iterator[Finding]:
    """`column = %s`, for values that are lists of integers."""
    for index, value in enumerate(statement.tokens):
        signs = {statement.word(index - 1), statement.word(index + 1)}
        if value.kind == "placeholder" and signs & {"=", "<>", "!="} and is_condition(statement, index):
            new = cast(value.text, "int[]", statement.style)
            yield Finding("array", value.start, "manual", SMALL, f"cast it to the column's type: `{new}`",
                          (), (value,), "numbers")  # fmt: skip


def is_condition(statement: Statement, index: int) -> bool:
    """Whether a comparison stands here, and not an assignment of `UPDATE … SET`."""
    level = statement.opened[index]
    words = (statement.word(i) for i in range(index, -1, -1) if statement.opened[i] == level)
    return next((word for word in words if word in CLAUSES), "") != "set"


def shared(statement: Statement) -> Iterator[Finding]:
    """A named parameter is one for the server, wherever it stands: it cannot be of two types."""
    columns: dict[str, dict[str, Token]] = {}
    inserted = inserted_columns(statement)
    for index, value in enumerate(statement.tokens):
        if value.kind == "placeholder" and value.name and not cast_of(statement, index):
            column = inserted.get(index, "")
            if statement.word(index - 1) == "=" and statement.kind(index - 2) in ("word", "name"):
                column = statement.word(index - 2)
            if column:
                columns.setdefault(value.name, {}).setdefault(column, value)
    for places in columns.values():
        if len(places) > 1:
            value = list(places.values())[1]
            yield Finding("shared", value.start, "manual",
                          f"`{value.text}` is one parameter, for columns that may be of different types",
                          f"cast each use to its column's type: `{cast(value.text, '<type>', statement.style)}`",
                          parameters=(value,), need="text")  # fmt: skip


def inserted_columns(statement: Statement) -> dict[int, str]:
    """The columns of an `INSERT` that single values are for, by the values' indexes."""
    words = [token.word for token in statement.tokens]
    if "insert" not in words or "values" not in words:
        return {}
    values = words.index("values") + 1
    names = next((start for start, end in statement.closed.items() if end == values - 2), None)
    if names is None or statement.word(values) != "(":
        return {}
    columns, items = statement.arguments(names), statement.arguments(values)
    if len(columns) != len(items):
        return {}
    pairs = zip(columns, items, strict=True)
    return {item[0]: statement.word(column[0]) for column, item in pairs if item[1] == item[0] + 1}
