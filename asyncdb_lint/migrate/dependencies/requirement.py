"""Requirements as pip writes them (`name[extras]>=1.0; marker`), in lists of any file format."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from asyncdb_lint.migrate.dependencies.companions import DROPPED, EXTRAS, MANUAL, NEEDED, is_too_old
from asyncdb_lint.migrate.dependencies.draft import FLOOR, Draft, Place

if TYPE_CHECKING:
    from collections.abc import Iterable

_OPERATOR = "(?:===|==|~=|>=|<=|!=|<|>)"
REQUIREMENT = re.compile(
    rf"""\s*+(?P<name>[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)(?:(?P<gap>\s*+)(?=[\[(<>=!~]))?
    (?P<extras>\[[^\]"']*\])?
    (?P<version>(?P<before>\s*+(?:\(\s*+)?){_OPERATOR}(?P<space>\s*+)[\w.*+!-]+
        (?:\s*+,\s*+{_OPERATOR}\s*+[\w.*+!-]+)*,?(?P<after>(?:\s*+\))?))?
    (?P<rest>\s*+$|\s*+[;@\\].*|\s++(?:--|\#).*)""",
    re.VERBOSE | re.DOTALL,
)
DRIVERS = ("psycopg2", "psycopg2-binary")
PARTS = {"psycopg-binary": "binary", "psycopg-c": "c", "psycopg-pool": "pool"}
"""Packages that an extra of psycopg stands for."""


class Requirement(NamedTuple):
    """A requirement and where it is: its name, its extras, its versions; `end` is where its marker begins."""

    place: Place
    name: str
    extras: tuple[str, ...]
    version: str
    marker: str
    match: re.Match[str]

    @property
    def start(self) -> int:
        return self.place.start + self.match.start("name")

    @property
    def end(self) -> int:
        return self.place.start + self.match.start("rest")

    @property
    def is_direct(self) -> bool:
        """Whether it is required from an address rather than by version."""
        return self.match["rest"].lstrip().startswith("@")


def normal(name: str) -> str:
    """The one spelling of a package's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse(place: Place) -> Requirement | None:
    """The requirement that a text is, if it is one."""
    match = REQUIREMENT.match(place.text)
    if match is None:
        return None
    extras = tuple(
        part.strip() for part in (match["extras"] or "[]").strip()[1:-1].split(",") if part.strip()
    )
    marker = re.split(r"\s--|\s#|\\", match["rest"], maxsplit=1)[0]
    version = (match["version"] or "").strip().strip("()")
    return Requirement(
        place,
        normal(match["name"]),
        extras,
        version,
        place.condition + "".join(marker.split()).strip(";"),
        match,
    )


def swap(draft: Draft, places: Iterable[Place], *, constrain: bool = False) -> None:
    """One list with psycopg in the place of psycopg2; a constraint, for pip, has no extras."""
    found = [each for place in places if (each := parse(place)) is not None]
    by_marker: dict[str, list[Requirement]] = {}
    for each in found:
        if each.name in DRIVERS and each.is_direct:
            draft.tell(each.start, "manual", f"{each.name} is required from an address", "require psycopg")
        elif each.name in DRIVERS or each.name == "psycopg":
            by_marker.setdefault(each.marker, []).append(each)
        else:
            companion(draft, each)
    parts = {PARTS[each.name] for each in found if each.name in PARTS}
    for same in by_marker.values():
        if any(each.name in DRIVERS for each in same):
            _merge(draft, same, parts, constrain=constrain)


def _merge(draft: Draft, same: list[Requirement], parts: set[str], *, constrain: bool) -> None:
    """What is required of psycopg under one marker, as one requirement."""
    old = [each for each in same if each.name in DRIVERS]
    kept = next((each for each in same if each.name == "psycopg"), old[0])
    extras = wanted(draft, {each.name for each in old}, kept.extras, parts)
    if constrain:
        extras = []
    listed = f"[{','.join(extras)}]" if extras else ""
    name = f"{kept.match['name'] if kept.name == 'psycopg' else 'psycopg'}{listed}"
    versions = f"{kept.match['before'] or ''}>={kept.match['space'] or ''}{FLOOR}{kept.match['after'] or ''}"
    new = (
        f"{name}{kept.match['version'] or ''}"
        if kept.name == "psycopg"
        else f"{name}{(kept.match['gap'] or '') if kept.match['version'] else ''}{versions}"
    )
    if draft.text[kept.start : kept.end] != new:
        draft.replace(kept.start, kept.end, new)
    for each in old:
        if each is not kept:
            draft.replace(*each.place.whole, "")
        draft.tell(each.start, "rewritten", f"`{draft.text[each.start : each.end]}` is `{new}`")


def wanted(draft: Draft, names: set[str], present: Iterable[str], parts: Iterable[str] = ()) -> list[str]:
    """The extras of psycopg where some of psycopg2's packages were, and psycopg may have been."""
    extras = list(present)
    new = draft.plan.extras(binary="psycopg2-binary" in names)
    there = {*extras, *parts}
    if there & {"c", "binary"}:
        there |= {"c", "binary"}
    return [*extras, *(each for each in new if each not in there)]


def companion(draft: Draft, found: Requirement) -> None:
    """A package that belongs to psycopg2, or must be new enough for psycopg 3."""
    if found.name in DROPPED:
        draft.replace(*found.place.whole, "")
        draft.tell(found.start, "rewritten", f"`{found.name}` is dropped: {DROPPED[found.name]}")
    elif found.name in MANUAL or "psycopg2" in found.name:
        advise(draft, found.start, found.name)
    elif found.name in NEEDED and is_too_old(found.name, found.version):
        outdated(draft, found.start, found.name)
    elif found.match["extras"]:
        start = found.place.start + found.match.start("extras")
        swap_extras(draft, start, found.match["extras"], found.name)


def advise(draft: Draft, offset: int, name: str) -> None:
    """A package that only a person can replace."""
    draft.tell(offset, "manual", f"`{name}` belongs to psycopg2", MANUAL.get(name, "replace or drop it"))


def outdated(draft: Draft, offset: int, name: str) -> None:
    """A package in versions that do not work with psycopg 3."""
    if draft.plan.concerns:
        message = f"this {name} does not work with psycopg 3"
        draft.tell(offset, "manual", message, f"require {name}>={NEEDED[name]}")


def swap_extras(draft: Draft, start: int, text: str, name: str) -> None:
    """Extras of a package that bring psycopg2, in a text such as `[asyncio, postgresql]`."""
    for match in re.finditer(r"[\w.-]+", text):
        extra, offset = normal(match[0]), start + match.start()
        if new := EXTRAS.get(name, {}).get(extra):
            draft.replace(offset, start + match.end(), new)
            draft.tell(offset, "rewritten", f"the extra `{match[0]}` of {name} is `{new}`")
        elif "psycopg2" in extra and name != draft.own:
            draft.tell(
                offset,
                "manual",
                f"the extra `{match[0]}` of {name} names psycopg2",
                "take its extra for psycopg 3, if it has one",
            )
