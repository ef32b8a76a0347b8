"""What a fix would change, as the lines that go and the lines that come."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import NamedTuple

from asyncdb_lint.finding import Edit, Fix
from asyncdb_lint.reporting.sources import NEWLINE


class Change(NamedTuple):
    """A line that a fix takes out (`-`, its row now) or puts in (`+`, its row afterwards)."""

    mark: str
    row: int
    text: str


def changes(lines: Sequence[str], fix: Fix) -> list[Change]:
    """The changed lines, from top to bottom; none when `lines` are not those that the fix was made for."""
    found: list[Change] = []
    shift = 0
    for first, last, edits in blocks(fix.edits):
        old = list(lines[first - 1 : last])
        new = edited(old, first, edits)
        if new is None:
            return []
        for kind, start, stop, new_start, new_stop in difflib.SequenceMatcher(
            None, old, new, autojunk=False
        ).get_opcodes():
            if kind != "equal":
                found += [Change("-", first + at, old[at]) for at in range(start, stop)]
                found += [Change("+", first + shift + at, new[at]) for at in range(new_start, new_stop)]
        shift += len(new) - len(old)
    return found


def blocks(edits: Sequence[Edit]) -> list[tuple[int, int, list[Edit]]]:
    """The edits grouped by the rows that they touch together: first row, last row, edits."""
    found: list[tuple[int, int, list[Edit]]] = []
    for edit in sorted(edits, key=lambda edit: (edit.location, edit.end_location)):
        if found and edit.location.row <= found[-1][1]:
            first, last, members = found[-1]
            found[-1] = (first, max(last, edit.end_location.row), [*members, edit])
        else:
            found.append((edit.location.row, edit.end_location.row, [edit]))
    return found


def edited(old: Sequence[str], first: int, edits: Sequence[Edit]) -> list[str] | None:
    """The lines from row `first` on after the edits; None for a place that they do not have."""
    text = "\n".join(old)
    starts = [0]
    for line in old:
        starts.append(starts[-1] + len(line) + 1)
    for edit in reversed(edits):
        offsets = []
        for place in (edit.location, edit.end_location):
            row = place.row - first
            if row >= len(old) or place.column > len(old[row]) + 1:
                return None
            offsets.append(starts[row] + place.column - 1)
        text = text[: offsets[0]] + edit.content + text[offsets[1] :]
    return NEWLINE.split(text)
