"""Tables of dependencies (`name = "versions"`): Poetry's, Pipenv's and Pixi's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from asyncdb_lint.migrate.dependencies.companions import DROPPED, MANUAL, NEEDED, is_too_old
from asyncdb_lint.migrate.dependencies.draft import FLOOR
from asyncdb_lint.migrate.dependencies.requirement import (
    DRIVERS,
    advise,
    normal,
    outdated,
    swap_extras,
)
from asyncdb_lint.migrate.dependencies.toml_places import inner
from asyncdb_lint.project_version import from_poetry

if TYPE_CHECKING:
    from asyncdb_lint.migrate.dependencies.draft import Draft
    from asyncdb_lint.migrate.dependencies.toml_places import Node, Path

PIPFILE = {"source", "requires", "scripts", "pipenv"}
"""The tables of a Pipfile that hold no packages."""
ADDRESSES = ("git", "path", "url", "file", "hg")


def migrate(draft: Draft, found: list[Node]) -> None:
    """psycopg in the place of psycopg2, table by table."""
    tables: dict[Path, list[Node]] = {}
    for node in found:
        if node.path and isinstance(node.path[-1], str) and is_table(draft, node.path[:-1]):
            tables.setdefault(node.path[:-1], []).append(node)
    for path, entries in tables.items():
        _table(draft, found, entries, conda=path[-1] != "pypi-dependencies" and is_pixi(draft, path))


def is_pixi(draft: Draft, path: Path) -> bool:
    """Whether a table is Pixi's, whose `dependencies` are conda's packages."""
    return draft.path.name == "pixi.toml" or path[:2] == ("tool", "pixi")


def is_table(draft: Draft, path: Path) -> bool:
    """Whether the keys of a table are names of packages."""
    if draft.path.name == "Pipfile":
        return len(path) == 1 and path[0] not in PIPFILE
    if not path:
        return False
    if is_pixi(draft, path):
        return path[-1] in ("dependencies", "host-dependencies", "build-dependencies", "pypi-dependencies")
    return path[:2] == ("tool", "poetry") and path[-1] in ("dependencies", "dev-dependencies")


def _table(draft: Draft, found: list[Node], entries: list[Node], *, conda: bool) -> None:
    named = {id(node): normal(str(node.path[-1])) for node in entries}
    present = next((node for node in entries if named[id(node)] == "psycopg"), None)
    if drivers := [node for node in entries if named[id(node)] in DRIVERS]:
        is_binary = any(named[id(node)] != "psycopg2" for node in drivers)
        has_pool = "psycopg-pool" in named.values()
        _drivers(draft, found, drivers, present, is_binary=is_binary, conda=conda, has_pool=has_pool)
    for node in entries:
        name = named[id(node)]
        if name in DROPPED and not node.is_header:
            draft.tell(node.key[0], "rewritten", f"`{name}` is dropped: {DROPPED[name]}")
            draft.replace(*draft.row_of(node.key[0], node.value[1]), "")
        elif name in DROPPED or name in MANUAL or ("psycopg2" in name and name not in DRIVERS):
            advise(draft, node.key[0], name)
        else:
            _companion(draft, found, node, name)


def _drivers(
    draft: Draft, found: list[Node], drivers: list[Node], present: Node | None, *,
    is_binary: bool, conda: bool, has_pool: bool,
) -> None:  # fmt: skip
    """The entries of psycopg2: the first is renamed, or goes with the others into one that is there already."""
    kept = present or drivers[0]
    parts = _specifications(draft, found, kept)
    extras = [] if conda else draft.plan.extras(binary=is_binary)
    new = f"psycopg[{','.join(extras)}]" if extras else "psycopg"
    for node in drivers:
        is_movable = node is kept or not (node.is_header or _specifications(draft, found, node) is None)
        if parts is None or not is_movable:
            draft.tell(node.key[0], "manual", f"{node.path[-1]} is required here", f"require {new}>={FLOOR}")
            continue
        draft.tell(node.key[0], "rewritten", f"`{node.path[-1]}` is `{new}`")
        if node is kept:
            draft.replace(*node.key, "psycopg")
        else:
            draft.replace(*draft.row_of(node.key[0], node.value[1]), "")
    if parts is None:
        return
    for part in parts:
        _specify(draft, found, part, extras, FLOOR if present is None else None)
    if conda and draft.plan.pool and not has_pool and not kept.is_header:  # conda's packages have no extras
        row = draft.row_of(*kept.key)[0]
        draft.replace(row, row, f'psycopg-pool = ">={FLOOR}"{draft.newline}')


def _specifications(draft: Draft, found: list[Node], node: Node) -> list[Node] | None:
    """The strings and tables that say which versions are wanted; None for what is not by version."""
    first = draft.text[node.value[0]]
    if node.is_header:
        parts = [node]
    elif first == "[":
        parts = [each for each in found if each.path[:-1] == node.path and isinstance(each.path[-1], int)]
    else:
        parts = [node]
    keys = {each.path[-1] for part in parts for each in _children(found, part)}
    is_dotted = not node.is_header and any(each.path == node.path and each is not node for each in found)
    return None if keys & set(ADDRESSES) or is_dotted else parts


def _children(found: list[Node], node: Node) -> list[Node]:
    return [each for each in found if each.path[:-1] == node.path and not isinstance(each.path[-1], int)]


def _specify(draft: Draft, found: list[Node], part: Node, extras: list[str], floor: str | None) -> None:
    """The versions and extras of one string or table."""
    children = {str(each.path[-1]): each for each in _children(found, part)}
    listed = ", ".join(f'"{extra}"' for extra in extras)
    if not part.is_header and draft.text[part.value[0]] in "\"'":
        version = _version(_string(draft, part), floor)
        table = f'{{extras = [{listed}], version = "{version}"}}' if extras else f'"{version}"'
        draft.replace(*part.value, table)
        return
    if (version_node := children.get("version")) and floor:
        draft.replace(*version_node.value, f'"{_version(_string(draft, version_node), floor)}"')
    if not extras:
        return
    present = children.get("extras")
    if present is not None:
        names = set(re.findall(r"[\w-]+", draft.text[slice(*present.value)]))
        missing = [
            each
            for each in extras
            if each not in names and not (each in ("c", "binary") and names & {"c", "binary"})
        ]
        if missing:
            start = present.value[0] + 1
            more = ", ".join(f'"{extra}"' for extra in missing)
            draft.replace(start, start, more + (", " if names else ""))
    elif part.is_header:
        end = max([part.value[1], *(each.value[1] for each in children.values())])
        draft.replace(end, end, f"{draft.newline}extras = [{listed}]")
    else:
        end = max([part.value[0] + 1, *(each.value[1] for each in children.values())])
        draft.replace(end, end, f"{', ' if children else ''}extras = [{listed}]")


def _string(draft: Draft, node: Node) -> str:
    return draft.text[slice(*(inner(draft.text, node) or node.value))]


def _version(old: str, floor: str | None) -> str:
    if floor is None:
        return old
    return f"^{floor}" if old.lstrip().startswith("^") else f">={floor}"


def _companion(draft: Draft, found: list[Node], node: Node, name: str) -> None:
    """Another package: whether it is new enough, and whether its extras bring psycopg2."""
    children = {str(each.path[-1]): each for each in _children(found, node)}
    version = children.get("version", node)
    if name in NEEDED and (span := inner(draft.text, version)):
        wanted_versions = ",".join(map(from_poetry, draft.text[slice(*span)].split(",")))
        if is_too_old(name, wanted_versions):
            outdated(draft, node.key[0], name)
            return
    if extras := children.get("extras"):
        swap_extras(draft, extras.value[0], draft.text[slice(*extras.value)], name)
