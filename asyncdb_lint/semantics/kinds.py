"""Kinds: what an expression is, as far as databases go. Unknown is a fine answer, and rules stay silent on it."""

from __future__ import annotations

import msgspec


class Kind(msgspec.Struct, frozen=True, tag=True):
    """Base of all kinds."""


class Unknown(Kind, frozen=True):
    """Anything that could not be told, or does not matter."""


class OneOf(Unknown, frozen=True):
    """One of several objects, nobody knows which: only a method that no other has tells it."""

    options: tuple[Kind, ...]


class Constant(Kind, frozen=True):
    """A literal: text, number, boolean or None."""

    value: str | int | float | bool | bytes | None


class Text(Kind, frozen=True):
    """A string of which not all is known (an f-string, a concatenation): `prefix` goes up to the first hole."""

    prefix: str


class Instance(Kind, frozen=True):
    """An object of a library or project class, by the class's canonical name.

    `arguments` are type arguments (what a session factory makes). `declared` is true where only an annotation
    says so: enough to know what is meant, not always what is passed.
    """

    name: str
    arguments: tuple[Kind, ...] = ()
    declared: bool = False


class Given(Instance, frozen=True):
    """What a declared factory gives, however it does so: awaited, entered or iterated it gives the same object."""


class Class(Kind, frozen=True):
    """A class itself, by canonical name."""

    name: str
    arguments: tuple[Kind, ...] = ()


class Function(Kind, frozen=True):
    """A project or library function, or a method bound to `owner`."""

    name: str
    owner: Kind | None = None


class Module(Kind, frozen=True):
    """An imported module."""

    name: str


class Coroutine(Kind, frozen=True):
    """What calling a coroutine function gives: awaiting it gives `of`."""

    of: Kind


class Startable(Kind, frozen=True):
    """May be awaited or entered, both give `of`; doing neither is silently nothing (`engine.connect()`)."""

    of: Kind


class Manager(Kind, frozen=True):
    """A context manager that gives `of` when entered; `is_async` tells which `with`."""

    of: Kind
    is_async: bool


class Iterator(Kind, frozen=True):
    """Gives `of` when iterated by `for` or (`is_async`) `async for`."""

    of: Kind
    is_async: bool


class Sequence(Kind, frozen=True):
    """A tuple or list display whose items are known."""

    items: tuple[Kind, ...]


UNKNOWN = Unknown()
NONE = Constant(None)


def known(kind: Kind | None) -> bool:
    """Whether a kind says anything."""
    return kind is not None and not isinstance(kind, Unknown)
