"""Lists of dependencies in TOML: `pyproject.toml` for every tool that keeps them there, `Pipfile`, `tox.toml` …"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from asyncdb_lint.migrate.dependencies import ini, toml_tables
from asyncdb_lint.migrate.dependencies.draft import WORD, Place, in_brackets
from asyncdb_lint.migrate.dependencies.requirement import DRIVERS, normal, swap
from asyncdb_lint.migrate.dependencies.toml_places import Node, Path, inner, nodes

if TYPE_CHECKING:
    from asyncdb_lint.migrate.dependencies.draft import Draft

LISTS = {
    "dependencies", "dev-dependencies", "extra-dependencies", "constraint-dependencies", "override-dependencies",
    "build-constraint-dependencies", "requires", "deps",
}  # fmt: skip
GROUPS = {"optional-dependencies", "dependency-groups", "dev-dependencies", "requires-extra"}
"""Keys of lists of requirements, and of tables of such lists."""


def migrate(draft: Draft) -> None:
    """Every list by itself. Raises `tomllib.TOMLDecodeError` for what is not TOML."""
    content = tomllib.loads(draft.text)
    draft.own = normal(str(content.get("project", {}).get("name", "")))
    found = nodes(draft.text)
    lists: dict[Path, list[Place]] = {}
    for node in found:
        if is_listed(node.path) and (place := _place(draft, node)):
            lists.setdefault(node.path[:-1], []).append(place)
    for path, places in lists.items():
        swap(draft, places, constrain="constraint-dependencies" in path)
    toml_tables.migrate(draft, found)
    _extras(draft, found)
    for node in found:
        if node.path[-1:] == ("legacy_tox_ini",) and (span := inner(draft.text, node)):
            ini.migrate(draft, *span)
    _rest(draft, found)


def is_listed(path: Path) -> bool:
    """Whether a path is that of a requirement in a list."""
    if len(path) < 2 or not isinstance(path[-1], int):
        return False
    return path[-2] in LISTS or (len(path) > 2 and path[-3] in GROUPS)


def _place(draft: Draft, node: Node) -> Place | None:
    span = inner(draft.text, node)
    return span and Place(span[0], draft.text[slice(*span)], in_brackets(draft, *node.value))


def _extras(draft: Draft, found: list[Node]) -> None:
    """Poetry's extras: lists of names that its tables of dependencies have."""
    lists: dict[Path, list[Node]] = {}
    for node in found:
        if node.path[:3] == ("tool", "poetry", "extras") and len(node.path) == 5:
            lists.setdefault(node.path[:-1], []).append(node)
    for listed in lists.values():
        names = {normal(draft.text[node.value[0] + 1 : node.value[1] - 1]) for node in listed}
        is_there = "psycopg" in names
        for node in listed:
            start, end = node.value[0] + 1, node.value[1] - 1
            if normal(draft.text[start:end]) not in DRIVERS:
                continue
            draft.tell(start, "rewritten", f"`{draft.text[start:end]}` is `psycopg`")
            if is_there:
                draft.replace(*in_brackets(draft, *node.value), "")
            else:
                draft.replace(start, end, "psycopg")
            is_there = True


def _rest(draft: Draft, found: list[Node]) -> None:
    """Settings of tools that name psycopg2; a description may."""
    for node in found:
        span = node.key if node.is_header else inner(draft.text, node) or node.key
        text = draft.text[slice(*span)]
        if not WORD.search(text) or draft.told(*span) or "+psycopg2" in text:
            continue
        if node.path[0] != "tool" and draft.path.name == "pyproject.toml":
            continue
        is_mypy = "mypy" in node.path
        advice = "drop it: psycopg is typed" if is_mypy else "name psycopg, or drop it"
        draft.tell(span[0], "manual", "a setting names psycopg2", advice)
