"""Text in terminal columns: how wide it is, what must not reach a terminal raw, and cropping around a span."""

from __future__ import annotations

import re
import unicodedata

TAB = " " * 4
ZERO_WIDTH = ("Mn", "Me", "Cf")
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """`text` on one line, tabs as spaces; control and direction characters as symbols that do nothing."""
    return text if text.isascii() and text.isprintable() else UNPRINTABLE.sub(symbol, text)


def symbol(match: re.Match[str]) -> str:
    """What is shown in place of a character that would move the cursor, colour or reorder."""
    character = match.group()
    if character == "\t":
        return TAB
    return chr(0x2400 + ord(character)) if character < " " else "\ufffd"


def width(text: str) -> int:
    """How many terminal columns a text takes: wide characters two, combining and joining ones none."""
    return len(text) if text.isascii() else sum(map(cell, text))


def cell(character: str) -> int:
    """The columns of one character."""
    if unicodedata.category(character) in ZERO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def head(text: str, room: int) -> str:
    """The start of a text, with `…` for what does not fit."""
    if width(text) <= room:
        return text
    taken = 0
    for index, character in enumerate(text):
        taken += cell(character)
        if taken > room - 1:
            return text[:index] + "…"
    return text


def tail(text: str, room: int) -> str:
    """The end of a text, with `…` for what does not fit."""
    if width(text) <= room:
        return text
    taken = 0
    for index in range(len(text) - 1, -1, -1):
        taken += cell(text[index])
        if taken > room - 1:
            return "…" + text[index + 1 :]
    return text


def around(line: str, start: int, stop: int, room: int) -> tuple[str, str, str]:
    """What is before, in and after `line[start:stop]`, visible and within `room` columns, the span in sight."""
    before, span, after = visible(line[:start]), visible(line[start:stop]), visible(line[stop:].rstrip())
    if width(before) + width(span) + width(after) <= room:
        return before, span, after
    span = head(span, room - 2)  # at least an ellipsis on either side
    spare = room - width(span)
    before = tail(before, max(spare // 2, spare - width(after)))
    return before, span, head(after, spare - width(before)) if width(before) < spare else ""
