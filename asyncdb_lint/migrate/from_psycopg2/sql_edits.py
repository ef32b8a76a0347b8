"""What a rule about SQL finds: a place, what is wrong there, and the edits of the text that mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from asyncdb_lint.migrate.from_psycopg2.placeholders import Statement, Style, Token

Safety = Literal["safe", "unsafe", "manual"]
Need = Literal["", "list", "int", "whole", "number", "str", "strings", "numbers", "text", "null"]
"""What the parameter must be for the edit: see `arguments.py`."""


class Edit(NamedTuple):
    """A replacement in the text."""

    start: int
    end: int
    new: str


class Finding(NamedTuple):
    """A place that psycopg 3 reads otherwise: what is wrong, the edits that mend it, what they ask of the parameters.

    `client` says that binding by the client, as psycopg2 did, keeps the statement as it is.
    """

    rule: str
    start: int
    safety: Safety
    message: str
    advice: str
    edits: tuple[Edit, ...] = ()
    parameters: tuple[Token, ...] = ()
    need: Need = ""
    client: bool = False
    note: str = ""


COMPARISONS = {
    "=",
    "<>",
    "!=",
    "<",
    ">",
    "<=",
    ">=",
    "is",
    "like",
    "ilike",
    "between",
    "similar",
    "isnull",
    "notnull",
}
"""Operators that bind as tightly as `= ANY` does, or less."""


def cast(text: str, to: str, style: Style) -> str:
    """A placeholder with its type; SQLAlchemy would read `:x::int` as no name at all."""
    return f"CAST({text} AS {to})" if style == "colon" else f"{text}::{to}"


def keywords(statement: Statement, keyword: str, function: str) -> str:
    """A keyword in the case of the statement's first, and a function's name."""
    return f"{spelled(statement, 0, keyword)} {function}"


def spelled(statement: Statement, index: int, words: str) -> str:
    """Keywords in the case in which the statement writes another."""
    return words.upper() if statement.tokens[index].text.isupper() else words.lower()


def around(statement: Statement, first: int, last: int, new: str, value: Token) -> tuple[Edit, ...]:
    """The edits that turn a range of tokens into a new text, and leave the placeholder itself where it is."""
    head, found, tail = new.partition(value.text)
    start, end = statement.tokens[first].start, statement.tokens[last].end
    if not found:
        return (Edit(start, end, new),)
    return tuple(
        edit
        for edit in (Edit(start, value.start, head), Edit(value.end, end, tail))
        if edit.new or edit.start < edit.end
    )
