"""Texts that still name the old driver when all rewrites are done: targets of patches, names of loggers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from asyncdb_lint.finding import Position
from asyncdb_lint.migrate.command import CODES, Item, Outcome

PROSE = re.compile(r"\w[,.:]? \w+ \w")
"""Words one after another: nobody looks such a text up."""


def leftovers(path: Path, old: str, new: str, items: Iterable[Item], driver: str) -> Iterator[Item]:
    """Places of which no rewrite has told, outside comments."""
    if driver not in new:
        return
    text_of_it = re.compile(rf"""(['"])[^'"]*?({driver}(?!\d))[^'"]*\1""")
    told = {each.location.row for each in items if each.outcome == "manual"}
    kept = set(new.splitlines())
    for row, line in enumerate(old.splitlines(), 1):
        text = text_of_it.search(line.partition("#")[0])
        if text is not None and line in kept and row not in told:
            place = Position(row, text.start(2) + 1)
            outcome: Outcome = "changed behaviour" if PROSE.search(text[0]) else "manual"
            advice = "it is shown" if outcome != "manual" else "rename it if it is looked up"
            yield Item(path.as_posix(), place, outcome, CODES[outcome], f"a text names {driver}", advice)
