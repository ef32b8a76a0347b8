"""`setup.cfg`, `tox.ini` and their like: requirements under the options that list them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from asyncdb_lint.migrate.dependencies.draft import WORD, Place
from asyncdb_lint.migrate.dependencies.requirement import swap

if TYPE_CHECKING:
    from asyncdb_lint.migrate.dependencies.draft import Draft

SECTION = re.compile(r"\s*\[(?P<name>[^\]]+)\]")
OPTION = re.compile(r"(?P<name>[^\s=:#;\[][^=:]*?)\s*[=:]\s*")
FACTORS = re.compile(r"\s*[\w{},.!-]+\s*:\s+")
"""Tox's condition before a line: `py38,py39: psycopg2`."""
LISTS = {"install_requires", "tests_require", "setup_requires", "deps"}
PROSE = {"description", "long_description", "keywords", "classifiers", "summary", "name", "url"}


def migrate(draft: Draft, start: int = 0, end: int | None = None) -> None:
    """Each option by itself; whatever else names psycopg2, but prose, is a person's."""
    section = option = ""
    lists: dict[tuple[str, str], list[Place]] = {}
    others: list[tuple[int, int, str]] = []
    for offset, row in draft.rows(start, end):
        if not row.strip() or row.lstrip()[0] in "#;":
            continue
        begin = 0
        if not row[0].isspace() and (header := SECTION.match(row)):
            section, option = header["name"].strip(), ""
        elif not row[0].isspace() and (found := OPTION.match(row)):
            option, begin = found["name"].strip().lower(), found.end()
        if option and (option in LISTS or section.endswith("extras_require")):
            lists.setdefault((section, option), []).append(_place(draft, offset, row, begin))
        if WORD.search(row) and option not in PROSE and "+psycopg2" not in row:
            others.append((offset, offset + len(row), section))
    for places in lists.values():
        swap(draft, places)
    for low, high, name in others:
        if not draft.told(low, high):
            advice = "drop it: psycopg is typed" if name.startswith("mypy") else "name psycopg, or drop it"
            draft.tell(low, "manual", "a setting names psycopg2", advice)


def _place(draft: Draft, offset: int, row: str, begin: int) -> Place:
    text, condition = row[begin:], ""
    if factors := FACTORS.match(text):
        text, condition = text[factors.end() :], factors[0].strip()
    first = offset + len(row) - len(text)
    whole = draft.row_of(offset, offset) if not begin else (first, offset + len(row))
    return Place(first, text, whole, condition)
