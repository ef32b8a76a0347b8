"""conda's `environment.yml` and recipes: names of conda, and pip's under `pip:`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from asyncdb_lint.migrate.dependencies.companions import DROPPED, MANUAL
from asyncdb_lint.migrate.dependencies.draft import FLOOR, Place
from asyncdb_lint.migrate.dependencies.requirement import DRIVERS, advise, normal, swap

if TYPE_CHECKING:
    from asyncdb_lint.migrate.dependencies.draft import Draft

ENTRY = re.compile(r"(?P<indent>\s*)-\s+(?P<quote>[\"']?)(?P<text>[^\"'#]*[^\"'#\s])(?P=quote)\s*(?:#.*)?$")
PACKAGE = re.compile(r"(?P<channel>[\w./-]+::)?(?P<name>[A-Za-z0-9][\w.-]*)(?P<version>\s*[=<>!~ ].*)?$")


def migrate(draft: Draft) -> None:
    """A YAML file: an entry a line, those below `pip:` are requirements of pip's."""
    pip: list[Place] = []
    conda: list[tuple[int, str, int]] = []
    inner: int | None = None
    for offset, row in draft.rows():
        entry = ENTRY.match(row)
        if entry is None:
            continue
        indent = len(entry["indent"])
        if entry["text"] == "pip:":
            inner = indent
        elif inner is not None and indent > inner:
            pip.append(Place(offset + entry.start("text"), entry["text"], draft.row_of(offset, offset)))
        else:
            inner = None
            conda.append((offset + entry.start("text"), entry["text"], offset))
    swap(draft, pip)
    packages(draft, conda)
    for offset, row in draft.rows():
        code = row.partition("#")[0]
        if "psycopg2" in code and "+psycopg2" not in code and not draft.told(offset, offset + len(row)):
            draft.tell(offset, "manual", "the environment names psycopg2", "require psycopg")


def plain(draft: Draft) -> None:
    """A text for `conda install --file`: a package a line."""
    packages(
        draft,
        [
            (offset, row.partition("#")[0].rstrip(), offset)
            for offset, row in draft.rows()
            if row[:1].isalnum()
        ],
    )


def packages(draft: Draft, entries: list[tuple[int, str, int]]) -> None:
    """Packages of conda's, which have no extras: the pool is one of its own."""
    found = [(start, match, row) for start, text, row in entries if (match := PACKAGE.match(text))]
    names = {normal(match["name"]) for _, match, _ in found}
    is_there = "psycopg" in names
    for start, match, row in found:
        name = normal(match["name"])
        at, end = start + match.start("name"), start + match.end()
        if name in DROPPED:
            draft.tell(at, "rewritten", f"`{name}` is dropped: {DROPPED[name]}")
            draft.replace(*draft.row_of(row, row), "")
        elif name in MANUAL:
            advise(draft, at, name)
        elif name in DRIVERS:
            space = " " if (match["version"] or "").startswith(" ") else ""
            new = f"psycopg{space}>={FLOOR}"
            draft.tell(at, "rewritten", f"`{draft.text[at:end]}` is `{new}`")
            if is_there:
                draft.replace(*draft.row_of(row, row), "")
                continue
            is_there = True
            draft.replace(at, end, new)
            if draft.plan.pool and "psycopg-pool" not in names:
                draft.replace(row, row, f"{draft.text[row:at]}psycopg-pool{draft.newline}")
