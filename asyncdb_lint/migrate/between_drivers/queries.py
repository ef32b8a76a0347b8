"""Texts of URLs: their parts as written in the code, and the options behind `?` in them."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_plus

import libcst as cst

from asyncdb_lint.migrate.between_drivers.answers import KEPT, UNKNOWN, Answer, Given, answer
from asyncdb_lint.migrate.between_drivers.session import as_options
from asyncdb_lint.semantics.settings import only_binding
from asyncdb_lint.semantics.urls import HOLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.migrate.between_drivers.direction import Direction

Piece = cst.SimpleString | cst.FormattedStringText
OPTION = re.compile(r"(?P<mark>[?&])(?P<key>\w+)=(?P<value>[^&#'\"\s\\]*)")


def pieces(node: cst.CSTNode) -> Iterator[Piece | None]:
    """The literal parts of a text in their order; None for what stands between them."""
    match node:
        case cst.SimpleString() | cst.FormattedStringText():
            yield node
        case cst.FormattedString():
            for part in node.parts:
                yield from pieces(part)
        case cst.ConcatenatedString() | cst.BinaryOperation(operator=cst.Add()):
            yield from pieces(node.left)
            yield from pieces(node.right)
        case _:
            yield None


def whole(file: FileContext, node: cst.CSTNode) -> cst.CSTNode:
    """The whole text that a literal is part of."""
    while isinstance(
        parent := file.model.parents.get(node),
        (cst.ConcatenatedString, cst.BinaryOperation, cst.FormattedString),
    ):
        if isinstance(parent, cst.BinaryOperation) and not isinstance(parent.operator, cst.Add):
            break
        node = parent
    return node


def addresses(file: FileContext, node: cst.CSTNode | None) -> Iterator[cst.CSTNode]:
    """The texts that a URL argument is written as, in this file and for nothing else."""
    match node:
        case cst.SimpleString() | cst.FormattedString() | cst.ConcatenatedString() | cst.BinaryOperation():
            yield whole(file, node)
        case cst.BooleanOperation():
            yield from addresses(file, node.left)
            yield from addresses(file, node.right)
        case cst.Name():
            binding = only_binding(file.model, node)
            if binding is not None and len(binding.uses) == 1:
                yield from addresses(file, binding.value)
        case cst.Call():
            for arg in node.args:
                if isinstance(arg.value, (cst.SimpleString, cst.FormattedString, cst.ConcatenatedString)):
                    yield arg.value


def template(node: cst.CSTNode) -> str:
    """A text with holes."""
    parts = (
        HOLE if each is None else each.raw_value if isinstance(each, cst.SimpleString) else each.value
        for each in pieces(node)
    )
    return "".join(parts)


@dataclasses.dataclass
class Query:
    """The options of a text: the new texts of its pieces, what to tell of them, and what has to leave the URL."""

    texts: dict[Piece, str] = dataclasses.field(default_factory=dict)
    told: list[tuple[Piece, Answer]] = dataclasses.field(default_factory=list)
    moved: list[Answer] = dataclasses.field(default_factory=list)


def translated(
    file: FileContext, node: cst.CSTNode, direction: Direction, *, unsafe: bool, can_move: bool
) -> Query:
    """The options of a URL's text for the new driver.

    A URL carries text only. What the new driver takes in another form goes to `connect_args`, if they can be
    written (`can_move`).
    """
    found = Query()
    parts = list(pieces(node))
    driver = direction.driver(file.sqlalchemy)
    given = options(parts)
    beside: dict[str, object] = {key: value for _, key, value in given}
    mark = ""
    for number, piece in enumerate(parts):
        if piece is None:
            continue
        text, place, written = piece.value, 0, ""
        for match in OPTION.finditer(text):
            value = value_of(match, text, parts, number)
            mark = mark or match["mark"]
            reply = answer(Given(match["key"], value, file, beside=beside), direction.rules, driver)
            if match["key"] not in (direction.old_driver(file.sqlalchemy).connect_args or ()):
                reply = Answer(
                    "rewritten", "", entries=((match["key"], KEPT),)
                )  # the old one does not take it
            if reply.unsafe and not unsafe:
                reply = dataclasses.replace(reply, outcome="manual")
            new = as_query(reply, direction, driver.url_query or frozenset())
            if reply.outcome != "manual" and new is None:
                if can_move and value is not UNKNOWN:
                    found.moved.append(reply)
                    new = []
                else:
                    reply = Answer("manual", reply.message, "a URL cannot say it: put it into `connect_args`")
            if reply.message:
                found.told.append((piece, reply))
            if reply.outcome == "manual" or new is None:
                new = [(match["key"], None)]
            shown = "&".join(f"{key}={match['value'] if each is None else each}" for key, each in new)
            written += text[place : match.start()] + (mark + shown if new else "")
            place = match.end()
            mark = "" if new else mark
        written += text[place:]
        if written != text:
            found.texts[piece] = written
    return found


def options(parts: list[Piece | None]) -> list[tuple[Piece, str, object]]:
    """All options of a text."""
    return [
        (piece, match["key"], value_of(match, piece.value, parts, number))
        for number, piece in enumerate(parts)
        if piece is not None
        for match in OPTION.finditer(piece.value)
    ]


def value_of(match: re.Match[str], text: str, parts: list[Piece | None], number: int) -> object:
    """The value of an option, if all of it is written in the piece."""
    ends = match.end() == len(text.rstrip("'\""))
    following = parts[number + 1] if number + 1 < len(parts) else match
    if (
        "{" in match["value"]
        or "%(" in match["value"]
        or "%s" in match["value"]
        or (ends and following is not match)
    ):
        return UNKNOWN
    return unquote_plus(match["value"])


def as_query(
    reply: Answer, direction: Direction, works: frozenset[str] | Mapping[str, object]
) -> list[tuple[str, str | None]] | None:
    """An answer as options of a URL; None for what a URL cannot say."""
    new: list[tuple[str, str | None]] = []
    for key, value in reply.entries:
        if key not in works or not (
            value is KEPT or (isinstance(value, (str, int)) and not isinstance(value, bool))
        ):
            return None
        new.append((key, None if value is KEPT else quote(str(value), safe="/")))
    if reply.session or reply.spread:
        if direction.session not in works or not all(isinstance(value, str) for _, value in reply.session):
            return None
        text = as_options(reply.session, (), lambda helper: helper.name)
        new.append((direction.session, quote(str(text), safe="")))
    return new
