"""How the targets are written down: what to keep of a library, and what introspection cannot see."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Says:
    """What is declared of a member because the library has no annotation that says it.

    `gives` names the class of the object that the call itself gives, where that object must still be awaited
    or entered; the protocol then follows from that class. `since` is the version whose absence is no mistake
    before.
    """

    returns: str | None = None
    gives: str | None = None
    protocol: str | None = None
    since: str = ""


@dataclass(frozen=True)
class Keep:
    """A class to keep: its role, and what it does that talks to the database.

    `twin` is the async class whose coroutines tell which methods talk; `blocks` adds methods that no twin
    has, `quiet` takes away those that are coroutines for another reason (a thread hop, a buffered row).
    `only` keeps a few members of a class that has too many. `base` is a class whose members it has by
    `__getattr__`. `assumed` are methods that some builds of the library lack.
    """

    role: str = ""
    mode: str = ""
    twin: str = ""
    blocks: Sequence[str] = ()
    quiet: Sequence[str] = ()
    says: Mapping[str, Says] = field(default_factory=dict)
    only: Sequence[str] | None = None
    base: str = ""
    assumed: Sequence[str] = ()


@dataclass(frozen=True)
class Function:
    """A module-level function to keep."""

    returns: str | None = None
    gives: str | None = None
    protocol: str | None = None
    blocks: bool = False


@dataclass(frozen=True)
class Target:
    """A library: where it is found, which modules have public names, and what of it is kept.

    Classes and functions are keyed by any public path; the canonical name is worked out.
    """

    name: str
    distribution: str
    roots: tuple[str, ...]
    modules: tuple[str, ...]
    classes: Mapping[str, Keep]
    functions: Mapping[str, Function] = field(default_factory=dict)
    per_minor: bool = False
