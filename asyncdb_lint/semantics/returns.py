"""Type expressions of the knowledge (`Self`, `@0`, `Iterator[X]`) turned into kinds."""

from __future__ import annotations

import functools

from asyncdb_lint.semantics.kinds import NONE, UNKNOWN, Class, Instance, Iterator, Kind, Manager

WRAPPERS = {"Iterator", "AsyncIterator", "Sequence", "Manager", "AsyncManager", "Type"}


@functools.cache
def parse(text: str) -> tuple[str, tuple[object, ...]]:
    """`Name[X, Y]` as ("Name", (parsed X, parsed Y))."""
    name, bracket, rest = text.partition("[")
    if not bracket:
        return text.strip(), ()
    parts, depth, start = [], 0, 0
    inner = rest.rstrip()[:-1]
    for position, character in enumerate(inner):
        depth += (character == "[") - (character == "]")
        if character == "," and not depth:
            parts.append(inner[start:position])
            start = position + 1
    parts.append(inner[start:])
    return name.strip(), tuple(parse(part.strip()) for part in parts)


def instantiate(text: str, owner: Kind | None) -> Kind:
    """The kind that a knowledge type expression means for a method of `owner` (an instance or class)."""
    return build(parse(text), owner) if text else UNKNOWN


def build(parsed: tuple[str, tuple[object, ...]], owner: Kind | None) -> Kind:
    name, raw = parsed
    arguments = tuple(build(part, owner) for part in raw)  # type: ignore[arg-type]
    if name == "None":
        return NONE
    if name == "Self":
        if isinstance(owner, (Instance, Class)):
            declared = isinstance(owner, Instance) and owner.declared
            return Instance(owner.name, owner.arguments, declared)
        return UNKNOWN
    if name.startswith("@"):
        known = owner.arguments if isinstance(owner, (Instance, Class)) else ()
        position = int(name[1:])
        return known[position] if position < len(known) else UNKNOWN
    if name in WRAPPERS:
        of = arguments[0] if arguments else UNKNOWN
        if name in ("Manager", "AsyncManager"):
            return Manager(of, name == "AsyncManager")
        if name == "Type":
            return Class(of.name, of.arguments) if isinstance(of, Instance) else UNKNOWN
        return Iterator(of, name == "AsyncIterator")
    declared = isinstance(owner, Instance) and owner.declared
    return Instance(name, arguments, declared) if "." in name else UNKNOWN
