"""Takes the inventory of a project: what opens connections there, with the sum, for `asyncdb-lint engines`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import msgspec

from asyncdb_lint.engine import inspect
from asyncdb_lint.semantics.inventory import demand

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from asyncdb_lint.config import Settings
    from asyncdb_lint.engine import Linked, Progress
    from asyncdb_lint.semantics.trace import Asset, Place


@dataclasses.dataclass(frozen=True)
class Item:
    """One engine, pool or session factory, the places where it is closed, and for a factory its engine's name."""

    asset: Asset
    place: Place
    closed: list[Place]
    engine: str
    counts: bool
    """Whether it is part of the sum."""


@dataclasses.dataclass
class Inventory:
    """What was found, by place; `total` is what one process may open, without `unknown` pools."""

    items: list[Item] = dataclasses.field(default_factory=list)
    total: int = 0
    unknown: int = 0
    problems: list[str] = dataclasses.field(default_factory=list)


def take(
    paths: Sequence[Path],
    settings: Settings,
    *,
    base: Path,
    jobs: int = 0,
    progress: Progress | None = None,
) -> Inventory:
    """The inventory of the projects under `paths`; files that cannot be read are left out."""
    chosen = msgspec.structs.replace(settings, select=("ADB602",), extend_select=(), ignore=())
    outcome, projects = inspect(paths, chosen, base=base, jobs=jobs, progress=progress, inventory=True)
    found = Inventory(problems=list(outcome.problems))
    for linked in projects:
        add(found, linked)
    found.items.sort(key=lambda each: (each.place.path, each.place.row))
    return found


def add(found: Inventory, linked: Linked) -> None:
    """Enter what one project has, as far as it stands in the given files."""
    reach, project = linked.linking.reach, linked.linking.project
    given = [each for each in reach.assets if linked.task.paths[each[0]] in linked.given]
    asked = demand(project, given)
    found.total += asked.total
    found.unknown += len(asked.unknown)
    counted = {id(each) for _, each in asked.pools}
    names = {each.key: each.name or each.maker for _, each in reach.assets}
    for module, each in given:
        closed = [reach.places[where] for where in reach.disposals.get(each.key, ()) if where in reach.places]
        place = reach.places[module, *each.node]
        found.items.append(Item(each, place, closed, names.get(each.on, ""), id(each) in counted))
