"""What the server does not accept, or reads otherwise, once it binds parameters itself: each rule looks at SQL alone.

psycopg2 wrote values into the text; psycopg 3 sends `$1` and the values apart. Measured row by row in
tests/proofs/test_migrate_sql.py.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from asyncdb_lint.migrate.from_psycopg2.placeholders import statements
from asyncdb_lint.migrate.from_psycopg2.sql_edits import COMPARISONS, Edit, Finding, around, cast, spelled
from asyncdb_lint.migrate.from_psycopg2.utility_statements import of_statement
from asyncdb_lint.migrate.from_psycopg2.value_types import arrays, null_test, shared, sizes, untyped
from asyncdb_lint.migrate.literals import HOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from asyncdb_lint.migrate.from_psycopg2.placeholders import Statement, Style

TYPES = {
    "interval", "date", "timestamp", "timestamptz", "time", "timetz", "inet", "cidr", "macaddr", "json", "jsonb",
    "uuid", "bool", "boolean", "numeric", "decimal", "integer", "int", "bigint", "smallint", "real", "text", "xml",
    "point", "box", "path", "polygon", "circle", "bytea", "tsquery", "tsvector", "regclass", "geometry", "geography",
}  # fmt: skip
UNITS = {
    "us": "microsecond", "usec": "microsecond", "microsecond": "microsecond", "ms": "millisecond", "msec":
    "millisecond", "millisecond": "millisecond", "s": "second", "sec": "second", "second": "second", "": "second",
    "m": "minute", "min": "minute", "minute": "minute", "h": "hour", "hr": "hour", "hour": "hour", "d": "day",
    "day": "day", "w": "week", "week": "week", "mon": "month", "month": "month", "y": "year", "yr": "year",
    "year": "year", "decade": "decade", "century": "century", "centurie": "century", "millennium": "millennium",
}  # fmt: skip
LONG_UNITS = {"year", "decade", "century", "millennium"}
"""Fractions of these are cut to whole months in a literal, and not in a product."""
BOUNDARIES = {
    "and", "or", "not", "where", "on", "when", "then", "else", "case", "select", "having", "returning", "by", "if",
    "distinct", "all", "using", "filter", "limit", "set", "values", ",", ";",
}  # fmt: skip
SORTS = {"", ")", ",", "asc", "desc", "nulls", "limit", "offset", "fetch", "for", "rows", "range", "using"}
ENDS = {"", ")", "limit", "offset", "having", "order", "window", "union", "fetch", "for", "rows", "range"}


def findings(sql: str, style: Style) -> list[Finding]:
    """All places of a statement (or several) that psycopg 3 refuses or reads otherwise."""
    found: list[Finding] = []
    parts = statements(sql, style)
    if len(parts) > 1 and any(each.takes_parameters for each in parts):
        found.append(
            Finding("several", parts[1].tokens[0].start, "unsafe", "several statements take no parameters",
                    "execute them one by one", client=True)
        )  # fmt: skip
        return [*found, *(each for part in parts for each in membership(part))]  # tuples are rows there too
    for part in parts:
        refused = of_statement(part)
        if refused is not None:
            found.append(refused)
        for rule in RULES if refused is None else (membership,):
            found += rule(part)
    return found


def membership(statement: Statement) -> Iterator[Finding]:
    """`x IN %s` → `x = ANY(%s)`, and `NOT IN` → `<> ALL`."""
    for index, value in enumerate(statement.tokens):
        if value.kind != "placeholder" or statement.word(index - 1) != "in" or index < 2:
            continue
        opening = statement.opened[index]
        if opening > 0 and statement.word(opening - 1) == "position":
            continue
        negative = statement.word(index - 2) == "not"
        first = index - 2 if negative else index - 1
        new = spelled(statement, index - 1, "<> ALL" if negative else "= ANY") + f"({value.text})"
        message = f"`{'NOT ' if negative else ''}IN {value.text}` takes no tuple"
        advice = f"write `{'<> ALL' if negative else '= ANY'}({value.text})` and give a list"
        if is_row(statement, first - 1):
            yield Finding("row-membership", value.start, "manual", message,
                          "rows cannot be compared with ANY: unnest one list a column, or compose the values with"
                          " `psycopg.sql`", parameters=(value,))  # fmt: skip
        elif is_compared(statement, first - 1) or statement.word(index + 1) in COMPARISONS - {"is"}:
            yield Finding("membership", value.start, "manual", message, advice, parameters=(value,))
        else:
            yield Finding("membership", value.start, "safe", message, advice,
                          around(statement, first, index, new, value), (value,), "list")  # fmt: skip


def is_row(statement: Statement, last: int) -> bool:
    """Whether a parenthesis that ends here is a row, `(a, b)`, and not a function's arguments."""
    if statement.word(last) != ")":
        return False
    opening = next((start for start, end in statement.closed.items() if end == last), None)
    if opening is None:
        return False
    before = statement.word(opening - 1)
    is_call = (
        opening > 0 and statement.kind(opening - 1) in ("word", "name", "hole") and before not in BOUNDARIES
    )
    return len(statement.arguments(opening)) > 1 and (before == "row" or not is_call)


def is_compared(statement: Statement, last: int) -> bool:
    """Whether what ends here is the right side of a comparison, which binds as tightly as `= ANY` does."""
    level = statement.opened[last] if 0 <= last < len(statement.tokens) else -1
    for index in range(last, -1, -1):
        word = statement.word(index)
        if statement.opened[index] == level:
            if word in BOUNDARIES or (index == level):
                return False
            if word in COMPARISONS:
                return True
        elif index == level:
            return False
    return False


def distinction(statement: Statement) -> Iterator[Finding]:
    """`x IS %s` → `x IS NOT DISTINCT FROM %s`."""
    for index, value in enumerate(statement.tokens):
        if value.kind != "placeholder":
            continue
        negative = statement.word(index - 1) == "not" and statement.word(index - 2) == "is"
        at = index - 2 if negative else index - 1
        if at < 1 or statement.word(at) != "is":
            continue
        new = "IS DISTINCT FROM" if negative else "IS NOT DISTINCT FROM"
        message = f"`IS {'NOT ' if negative else ''}{value.text}` takes no parameter"
        advice = f"write `{new} {value.text}`"
        if statement.word(index + 1) in COMPARISONS:
            yield Finding("is", value.start, "manual", message, advice, parameters=(value,))
            continue
        edit = Edit(statement.tokens[at].start, statement.tokens[index - 1].end, spelled(statement, at, new))
        yield Finding("is", value.start, "safe", message, advice, (edit,), (value,))


def typed_literal(statement: Statement) -> Iterator[Finding]:
    """`interval %s` → `%s::interval`."""
    for index, value in enumerate(statement.tokens):
        if value.kind != "placeholder":
            continue
        first = index - 1
        if statement.word(first) == "zone" and statement.word(first - 2) in ("with", "without"):
            first -= 3
        if statement.word(first) == ")" and statement.kind(first - 1) == "number":
            first -= 3
        if first < 0 or statement.word(first) not in TYPES or statement.word(first - 1) in (".", "as", "::"):
            continue
        written = statement.tokens[first:index]
        name = " ".join(token.text for token in written).replace(" ( ", "(").replace(" )", ")")
        message = f"`{name} {value.text}` is a literal with its type, which takes no parameter"
        new = cast(value.text, name, statement.style)
        if statement.kind(index + 1) == "word" and statement.word(index + 1) in UNITS:
            yield Finding("typed-literal", value.start, "manual", message,
                          f"write `({value.text} || ' {statement.word(index + 1)}')::interval`",
                          parameters=(value,))  # fmt: skip
        else:
            yield Finding("typed-literal", value.start, "safe", message, f"write `{new}`",
                          around(statement, first, index, new, value), (value,))  # fmt: skip


AMOUNT = re.compile(
    r"'\s*(?P<sign>-?)\s*(?P<value>%s|%\(\w+\)s|:\w+)\s*(?P<unit>[a-z]*?)s?\s*'", re.IGNORECASE
)


def quoted(statement: Statement) -> Iterator[Finding]:
    """A placeholder in quotes: `interval '%s days'` is a product, and anything else is put together in Python."""
    for value, literal in statement.quoted:
        index = statement.tokens.index(literal)
        match = AMOUNT.fullmatch(literal.text)
        before = statement.word(index - 1) == "interval"
        after = statement.word(index + 1) == "::" and statement.word(index + 2) == "interval"
        unit = UNITS.get(match["unit"].lower()) if match is not None else None
        message = f"the placeholder in `{literal.text.replace(HOLE, '…')}` is text"
        is_qualified = statement.kind(index + 1) == "word" and statement.word(index + 1) in UNITS
        if match is None or unit is None or before == after or is_qualified or HOLE in literal.text:
            yield Finding("quoted", value.start, "manual", message,
                          "take the quotes away, and build the value in Python", parameters=(value,))  # fmt: skip
            continue
        interval = spelled(statement, index - 1 if before else index + 2, "interval")
        new = f"({match['sign']}{value.text} * {interval} '1 {unit}')"
        first, last = (index - 1, index) if before else (index, index + 2)
        is_long = unit in LONG_UNITS
        yield Finding("interval", value.start, "safe", message, f"write `{new}`",
                      around(statement, first, last, new, value), (value,), "whole" if is_long else "number",
                      note=f"fractions of a {unit} are no longer cut to whole months" if is_long else "")  # fmt: skip


def extraction(statement: Statement) -> Iterator[Finding]:
    """`extract(%s from x)` → `date_part(%s, x)`."""
    for index, value in enumerate(statement.tokens):
        if (
            value.kind == "placeholder"
            and statement.word(index - 2) == "extract"
            and statement.word(index + 1) == "from"
        ):
            opening = statement.tokens[index - 2]
            edits = (Edit(opening.start, opening.end, spelled(statement, index - 2, "date_part")),
                     Edit(value.end, statement.tokens[index + 1].end, ","))  # fmt: skip
            yield Finding("extract", value.start, "safe", "`extract()` takes no parameter for the field",
                          f"write `date_part({value.text}, …)`", edits, (value,),
                          note="`date_part()` gives a float where `extract()` gives a Decimal")  # fmt: skip


def order(statement: Statement) -> Iterator[Finding]:
    """`ORDER BY %s` orders by a constant, `GROUP BY f(%s)` does not know the `f(%s)` of the columns."""
    texts = [token.word for token in statement.tokens]
    for index in range(len(statement.tokens)):
        if statement.word(index - 1) != "by" or statement.word(index - 2) not in ("order", "group"):
            continue
        for start, end in items(statement, index, statement.opened[index]):
            tokens = statement.tokens[start:end]
            first = tokens[0]
            if first.kind == "placeholder" and statement.word(start + 1) in SORTS:
                clause = f"{statement.word(index - 2).upper()} BY {first.text}"
                yield Finding("order", first.start, "manual", f"`{clause}` is a constant, and orders nothing",
                              "name the column with `psycopg.sql.Identifier`", parameters=(first,))  # fmt: skip
            elif statement.word(index - 2) == "group" and len(tokens) > 1:
                bound = [token for token in tokens if token.kind == "placeholder" and not token.name]
                size = end - start
                if bound and any(texts[i : i + size] == texts[start:end] for i in range(start - size + 1)):
                    yield Finding("group", first.start, "manual",
                                  "the expression in GROUP BY has other parameters than the same one among the columns",
                                  "name the parameter, `%(name)s`, or group by the column's number",
                                  parameters=tuple(bound))  # fmt: skip


def items(statement: Statement, start: int, level: int) -> Iterator[tuple[int, int]]:
    """The comma-separated items of a clause that begins here."""
    begin = start
    for index in range(start, len(statement.tokens) + 1):
        word = statement.word(index)
        depth = statement.opened[index] if index < len(statement.tokens) else -1
        if depth > level and index < len(statement.tokens):
            continue
        ends = depth < level or word in ENDS
        if (word == "," or ends) and index > begin:
            yield begin, index
        if ends:
            return
        if word == ",":
            begin = index + 1


RULES: tuple[Callable[[Statement], Iterator[Finding]], ...] = (
    membership, distinction, typed_literal, quoted, extraction, null_test, untyped, sizes, arrays, shared, order,
)  # fmt: skip
