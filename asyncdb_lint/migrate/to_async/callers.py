"""Finds the modules in which functions may be called that would have to be awaited, whatever else they are about."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

from asyncdb_lint.migrate.to_async.candidates import BUILTIN_METHODS
from asyncdb_lint.migrate.to_async.plan import Planning

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asyncdb_lint.linking import Linking
    from asyncdb_lint.screen import Screen
    from asyncdb_lint.worker import Worker

ASYNCHRONOUS = (b"async def", b"fastapi", b"starlette", b"litestar", b"quart", b"sanic", b"strawberry")
"""What a project says in which anything may become asynchronous."""
ROUNDS = 12  # a round for each step of the longest chain of calls across files


def follow(worker: Worker, linking: Linking, screen: Screen) -> None:
    """Parse who imports such a function or its class, or calls a method of its name, until nobody new turns up."""
    if not any(screen.mentions(name, ASYNCHRONOUS) for name in linking.modules):
        return
    for _ in range(ROUNDS):
        worker.files.clear()  # they remember what was told before all was known
        files = [worker.file(name) for name in sorted(worker.models)]
        planning = Planning(files, worker.models, unsafe=False)
        waiting = [name for name in planning.reaching() if not planning.functions[name].is_async]
        others = linking.modules - linking.done
        more = screen.who_names(named(waiting), others)
        words = {f".{name}".encode() for name in methods(waiting)}
        more |= {module for module in others if words and screen.mentions(module, words)}
        if not more:
            break
        collections.deque(linking.rounds(more), maxlen=0)


def named(functions: Iterable[str]) -> dict[str, set[str]]:
    """By module, the names by which others get hold of functions: their own, or that of their class."""
    found: dict[str, set[str]] = collections.defaultdict(set)
    for name in functions:
        module, _, qualname = name.partition(":")
        found[module].add(qualname.partition(".")[0])
    return found


def methods(functions: Iterable[str]) -> set[str]:
    """The names of methods that may be called on objects of which nobody knows the class."""
    last = {name.rpartition(".")[2] for name in functions if "." in name.partition(":")[2]}
    return {name for name in last if not name.startswith("__") and "<" not in name} - BUILTIN_METHODS
