"""What libraries are, as data: which calls are coroutines, what they return, what talks to the database.

The data in `data/*.json` is written by `scripts/introspect.py` from the installed libraries, a file per
library and version; a test fails when data and library disagree. Nothing here imports the libraries
themselves.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Protocol = Literal[
    "plain",  # an ordinary function: calling it does the work and gives `returns`
    "coroutine",  # must be awaited; awaiting gives `returns`
    "async_generator",  # consumed by `async for`, which gives `returns`
    "async_with",  # gives an async context manager that cannot be awaited; entering gives `returns`
    "startable",  # gives an object that may be awaited or entered; doing neither does silently nothing
    "future",  # gives a future whose work needs no await; awaiting it is allowed and gives `returns`
    "property",  # read without a call; gives `returns`
]


CARRYING_ROLES = {
    "client", "collection", "connection", "cursor", "database", "engine", "metadata", "model_base", "pool",
    "scoped_registry", "session", "session_factory",
}  # fmt: skip
"""What code can reach the database with; results, statements and models only come from these."""


class Member(msgspec.Struct, frozen=True, array_like=True):
    """A function, method or property: how it is used, what comes out, and whether it talks to the database.

    `returns` is a type expression: a canonical class name, `Self`, `None`, `Iterator[X]`, `AsyncIterator[X]`,
    `Sequence[X]`, `Type[X]`, `Manager[X]` (a sync context manager that gives X), `@0` (the owner's first type
    argument), `Name[X, Y]`, or empty when unknown or of no interest (plain data).

    `gives` is the class of the object that the call itself gives before it is awaited or entered, where that
    class is known: asyncpg's `connection.transaction()` gives a `Transaction` with `start()`, though entering
    it gives None. A member `__init__` is there only where making an object talks to the database.
    """

    protocol: Protocol
    returns: str = ""
    blocks: bool = False
    gives: str = ""


class ClassInfo(msgspec.Struct, frozen=True):
    """A library class that the linter has to know.

    `role` is what it is to databases (engine, connection, session, session_factory, cursor, pool,
    transaction, result, query, statement…), empty for helpers; `mode` is "sync", "async" or empty where the
    word has no sense. `parameters` counts type parameters, `defaults` is what each stands for when nothing
    says otherwise (`async_sessionmaker(engine)` makes an `AsyncSession`). `partial` is true where only some
    members are listed, so that a missing one proves nothing.
    """

    name: str
    bases: tuple[str, ...] = ()
    role: str = ""
    mode: str = ""
    parameters: int = 0
    defaults: tuple[str, ...] = ()
    partial: bool = False
    members: dict[str, Member] = {}


class Library(msgspec.Struct, frozen=True):
    """One data file: a library at one version, introspected with one minor version of Python.

    `aliases` maps every public dotted name to its canonical one.
    """

    name: str
    version: str
    roots: tuple[str, ...]
    python: str = ""
    modules: tuple[str, ...] = ()
    aliases: dict[str, str] = {}
    classes: dict[str, ClassInfo] = {}
    functions: dict[str, Member] = {}


class Knowledge:
    """The facts that hold for one linted project: one version of each library."""

    def __init__(self, libraries: Iterable[Library]) -> None:
        self.roots: set[str] = set()
        self.modules: set[str] = set()
        self.aliases: dict[str, str] = {}
        self.classes: dict[str, ClassInfo] = {}
        self.functions: dict[str, Member] = {}
        self.versions: dict[str, str] = {}
        for library in libraries:
            self.versions[library.name] = library.version
            self.roots.update(library.roots)
            self.modules.update(library.modules)
            self.aliases.update(library.aliases)
            self.classes.update(library.classes)
            self.functions.update(library.functions)

    def canonical(self, dotted: str) -> str:
        """The name under which a public dotted name is kept: where `sqlalchemy.create_engine` is defined."""
        return self.aliases.get(dotted, dotted)

    def entries(self) -> dict[str, set[str]]:
        """By library, the words by which code gets hold of a database object: `Session`, `create_engine`…"""
        giving = {name for name, info in self.classes.items() if info.role in CARRYING_ROLES}
        for name, member in self.functions.items():
            if (
                member.blocks
                or not name.startswith("sqlalchemy.")
                or any(each in member.returns for each in giving)
            ):
                giving.add(name)
        public = [public for public, name in self.aliases.items() if name in giving]
        found: dict[str, set[str]] = {root: set() for root in self.roots}
        for dotted in (*public, *giving):
            root, _, rest = dotted.partition(".")
            found.setdefault(root, set()).add(rest.rpartition(".")[2])
        return found

    def mro(self, name: str) -> Iterator[ClassInfo]:
        """A library class and its known bases, most derived first."""
        todo, seen = [name], set[str]()
        while todo:
            current = todo.pop(0)
            info = self.classes.get(current)
            if info is not None and current not in seen:
                seen.add(current)
                yield info
                todo.extend(info.bases)

    def member(self, class_name: str, member: str) -> Member | None:
        """A method or property of a library class, inherited ones included; None when it has no such name."""
        for info in self.mro(class_name):
            if member in info.members:
                return info.members[member]
        return None


@functools.cache
def load(sqlalchemy: str = "2.1") -> Knowledge:
    """The knowledge for a project on SQLAlchemy `sqlalchemy` (major.minor; the nearest known is taken)."""
    decoder = msgspec.json.Decoder(Library)
    folder = resources.files(__name__) / "data"
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".json"))
    minors = [name for name in names if name.startswith("sqlalchemy-")]
    chosen = (
        f"sqlalchemy-{nearest_minor(sqlalchemy, [name[len('sqlalchemy-') : -5] for name in minors])}.json"
    )
    skipped = {"drivers.json", *minors} - {chosen}
    return Knowledge(decoder.decode((folder / name).read_bytes()) for name in names if name not in skipped)


def nearest_minor(wanted: str, known: Sequence[str]) -> str:
    """The known `major.minor` that is closest to a version; the newest where it is unreadable."""

    def number(version: str) -> int:
        major, _, rest = version.partition(".")
        return int(major) * 100 + int(rest.partition(".")[0] or 0)

    ordered = sorted(known, key=number)
    try:
        return min(reversed(ordered), key=lambda item: abs(number(item) - number(wanted)))
    except ValueError:
        return ordered[-1]
