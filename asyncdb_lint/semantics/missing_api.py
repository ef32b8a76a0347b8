"""Attributes that async objects do not have, though their synchronous twins or older versions do."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from asyncdb_lint.semantics.kinds import Class

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from asyncdb_lint.knowledge import Knowledge
    from asyncdb_lint.semantics.kinds import Instance
    from asyncdb_lint.semantics.project import Project

ASYNC_SESSION = "sqlalchemy.ext.asyncio.session.AsyncSession"
# By async class, the classes whose attributes code expects on it.
TWINS = {
    "sqlmodel.ext.asyncio.session.AsyncSession": ("sqlalchemy.orm.session.Session",),
    ASYNC_SESSION: ("sqlalchemy.orm.session.Session", "sqlmodel.orm.session.Session"),
    "sqlalchemy.ext.asyncio.scoping.async_scoped_session": (
        "sqlalchemy.orm.scoping.scoped_session", ASYNC_SESSION,
    ),
    "sqlalchemy.ext.asyncio.engine.AsyncEngine": ("sqlalchemy.engine.base.Engine",),
    "sqlalchemy.ext.asyncio.engine.AsyncConnection": ("sqlalchemy.engine.base.Connection",),
}  # fmt: skip
# What the synchronous ones had before SQLAlchemy 2.0, and the async ones never.
LEGACY = {
    "sqlalchemy.ext.asyncio.engine.AsyncEngine": (
        "execute", "scalar", "has_table", "table_names", "transaction", "run_callable",
    ),
    "sqlalchemy.ext.asyncio.engine.AsyncConnection": ("run_callable",),
}  # fmt: skip


@functools.lru_cache(maxsize=4)
def missing_from(knowledge: Knowledge) -> Mapping[str, frozenset[str]]:
    """By async class, the public attributes that one would look for on it in vain."""
    return {name: frozenset(vain(knowledge, name)) for name in TWINS if name in knowledge.classes}


def vain(knowledge: Knowledge, name: str) -> Iterator[str]:
    """What the twins of a class have and it has not."""
    own = {each for info in knowledge.mro(name) for each in info.members}
    for twin in TWINS[name]:
        for info in knowledge.mro(twin):
            yield from (each for each in info.members if each not in own and not each.startswith("_"))
    yield from LEGACY.get(name, ())


def async_class(project: Project, kind: Instance) -> str | None:
    """The library's async class that an object is of; None where a base class is unknown."""
    for name in project.mro(kind.name):
        if name in TWINS:
            return name
        found = project.class_(name)
        if found is None:
            return None
        module, summary = found
        if not all(isinstance(project.kind(module.name, base), Class) for base in summary.bases):
            return None
    return None


def adds(project: Project, kind: Instance, name: str) -> bool:
    """Whether the project gives the object that attribute: its class, or a subclass where only an annotation speaks."""
    own = [each for each in project.mro(kind.name) if ":" in each]
    if kind.declared:
        own += project.hierarchy.subclasses.get(kind.name, ())
    for each in own:
        found = project.class_(each)
        if found is None:
            continue
        summary = found[1]
        if not {name, "__getattr__", "__getattribute__"}.isdisjoint(
            {*summary.attributes, *summary.annotations}
        ):
            return True
    return False
