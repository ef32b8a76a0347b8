"""One text with its edits to come: places are those of the text as it was, all else stays to the byte."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from asyncdb_lint.migrate.command import CODES, Item, Outcome
from asyncdb_lint.source import Lines, newline_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FLOOR = "3.2"
"""The oldest psycopg that has everything which the rewrites put in."""
WORD = re.compile(r"(?<!\w)psycopg2(?!\d)", re.IGNORECASE)
"""psycopg2, or what has a name that begins so; not another version's (`psycopg28`)."""

Build = Literal["c", "binary", ""]


class Plan(NamedTuple):
    """What is wanted: how psycopg is built where psycopg2 was, whether with the pool, and how far to go.

    `concerns` says whether the project requires psycopg at all, of whatever version.
    """

    build: Build = "c"
    pool: bool = False
    unsafe: bool = False
    concerns: bool = True

    def extras(self, *, binary: bool) -> list[str]:
        """The extras of psycopg in the place of psycopg2-binary or psycopg2."""
        build = "binary" if binary else self.build
        return [*([build] if build else []), *(["pool"] if self.pool else [])]


class Place(NamedTuple):
    """A piece of a text: where it begins, the text itself, what goes with it when it is removed.

    `condition` is what the list itself says of when it holds, such as tox's factors.
    """

    start: int
    text: str
    whole: tuple[int, int]
    condition: str = ""


class Draft:
    """A file's text, the edits registered so far, and what there is to tell."""

    def __init__(self, path: Path, text: str, plan: Plan) -> None:
        self.path = path
        self.text = text
        self.plan = plan
        self.newline = newline_of(text)
        self.own = ""  # the project's name, if the file says it
        self.items: list[Item] = []
        self.edits: list[tuple[int, int, str]] = []
        self._lines = Lines(text)

    def replace(self, start: int, end: int, new: str) -> None:
        """Put `new` in the place of a piece of the text."""
        self.edits.append((start, end, new))

    def tell(self, offset: int, outcome: Outcome, message: str, advice: str = "") -> None:
        """What was done at an offset, or is left to do there; a place is told of once."""
        place = self._lines.position(offset)
        item = Item(self.path.as_posix(), place, outcome, CODES[outcome], message, advice)
        if item not in self.items:
            self.items.append(item)

    def told(self, start: int, end: int) -> bool:
        """Whether something between two offsets has been told of or edited."""
        return any(start <= self._lines.offset(item.location) <= end for item in self.items) or any(
            start <= edit[0] <= end for edit in self.edits
        )

    def rows(self, start: int = 0, end: int | None = None) -> Iterator[tuple[int, str]]:
        """The rows of a piece of the text, each with its offset and without its newline."""
        end = len(self.text) if end is None else end
        for first, following in zip(
            self._lines.starts, [*self._lines.starts[1:], len(self.text)], strict=True
        ):
            if first < end and following > start:
                low = max(first, start)
                yield low, self.text[low : min(following, end)].rstrip("\r\n")

    def row_of(self, start: int, end: int) -> tuple[int, int]:
        """The rows that a piece of the text lies in, newline and all."""
        low, high = self._lines.position(start).row, self._lines.position(end).row
        starts = [*self._lines.starts, len(self.text)]
        return starts[low - 1], starts[high]

    @property
    def result(self) -> str:
        """The text with all edits; of two that overlap the later loses what the earlier took."""
        parts, at = [], 0
        for start, end, new in sorted(self.edits):
            if start >= at or not new:
                parts += [self.text[at : max(start, at)], new]
                at = max(end, at)
        return "".join([*parts, self.text[at:]])


def in_brackets(draft: Draft, start: int, end: int) -> tuple[int, int]:
    """What goes when an element of a bracketed list goes: its comma, and its row if nothing else is there."""
    text = draft.text
    after = end + len(text[end:]) - len(text[end:].lstrip(" \t"))
    has_comma = text[after : after + 1] == ","
    if has_comma:
        after += 1
    low, high = draft.row_of(start, end)
    rest = text[after:high].strip()
    if not text[low:start].strip() and (not rest or rest.startswith("#")):
        return low, high
    if has_comma:
        return start, after + len(text[after:high]) - len(text[after:high].lstrip(" \t"))
    before = text[:start].rstrip()
    return (len(before) - 1 if before.endswith(",") else start), end
