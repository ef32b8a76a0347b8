"""What an application or request carries along: `app.state.pool = …` here, `request.app.state.pool` there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncdb_lint.semantics.kinds import UNKNOWN, Instance, Kind, known

if TYPE_CHECKING:
    from collections.abc import Collection

    from asyncdb_lint.semantics.project import Project

APPLICATIONS = {
    "fastapi.FastAPI", "fastapi.applications.FastAPI", "starlette.applications.Starlette", "litestar.Litestar",
    "litestar.app.Litestar",
}  # fmt: skip
CONNECTIONS = {
    *(f"{module}.{name}" for module in ("fastapi", "fastapi.requests", "starlette.requests", "litestar",
      "litestar.connection") for name in ("Request", "HTTPConnection")),
    *(f"{module}.WebSocket" for module in ("fastapi", "fastapi.websockets", "starlette.websockets", "litestar",
      "litestar.connection")),
    "litestar.connection.ASGIConnection",
}  # fmt: skip
STATE = "starlette.datastructures.State"
APPLICATION = Instance("starlette.applications.Starlette")
OWNERS = APPLICATIONS | CONNECTIONS | {STATE}
"""The classes of which `attribute` knows something."""


def attribute(project: Project, value: Kind, owner: str, name: str) -> Kind | None:
    """`value.name`, where `owner` is the class of `OWNERS` that `value` is of; None for what others know better."""
    if owner == STATE:
        return held(project, value, name)
    if name == "state":
        return Instance(STATE, (Instance("application" if owner in APPLICATIONS else "request"),))
    return APPLICATION if name == "app" and owner in CONNECTIONS else None


def held(project: Project, state: Kind, name: str) -> Kind:
    """What all assignments to a name of such a state agree on."""
    project.missing.add(assigned(name))
    kinds = (
        project.kind(module, value)
        for module, base, value in project.states.get(name, ())
        if project.kind(module, base) == state
    )
    return project.join(kind for kind in kinds if known(kind)) or UNKNOWN


def assigned(name: str) -> str:
    """A name of a state, beside modules in what an answer went without."""
    return f"state.{name}="


def mentions(names: Collection[str], content: bytes) -> bool:
    """Whether a file may read one of some names off a state."""
    return b".state" in content and any(name.encode() in content for name in names)
