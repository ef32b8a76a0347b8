"""What the settings say of a team's own wrappers: names whose code is too dynamic to be seen through.

A declared name is looked up as an import would find it, and compared by what it comes to: `module:qualname` in the
project, a dotted name in a library.
"""

from __future__ import annotations

import difflib
import functools
import sys
from typing import TYPE_CHECKING, TypeVar

import msgspec

from asyncdb_lint.errors import UsageProblem
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.hierarchy import strip
from asyncdb_lint.semantics.kinds import (
    Class,
    Coroutine,
    Function,
    Given,
    Instance,
    Iterator,
    Kind,
    Manager,
    Module,
    Startable,
    known,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from asyncdb_lint.config import Settings
    from asyncdb_lint.screen import Screen
    from asyncdb_lint.semantics.modules import ModuleIndex
    from asyncdb_lint.semantics.project import Project
    from asyncdb_lint.semantics.summary import FunctionSummary

T = TypeVar("T")
SESSIONS = {
    "sync": "sqlalchemy.orm.session.Session",
    "async": "sqlalchemy.ext.asyncio.session.AsyncSession",
}
HOPS = 10  # of re-exports


class Declarations(msgspec.Struct, frozen=True):
    """The declared names as written; offloaders with a position, decorators with parameter and mode."""

    blocking: tuple[str, ...] = ()
    offloaders: dict[str, int] = {}
    factories: dict[str, str] = {}
    decorators: dict[str, tuple[str, str]] = {}

    def names(self) -> list[str]:
        """Each name once."""
        return list(dict.fromkeys((*self.blocking, *self.offloaders, *self.factories, *self.decorators)))


NOTHING = Declarations()


def declarations(settings: Settings) -> Declarations:
    """What the settings declare."""
    positions = (each.partition(":") for each in settings.offloaders)
    return Declarations(
        blocking=settings.blocking_calls,
        offloaders={name: int(position or 0) for name, _, position in positions},
        factories=dict(settings.session_factories),
        decorators={name: (each.parameter, each.mode) for name, each in settings.session_decorators.items()},
    )


def homes(index: ModuleIndex, dotted: str) -> list[tuple[str, str]]:
    """The project modules that the longest beginning of a dotted name may mean, with the rest of the name."""
    parts = dotted.split(".")
    for length in range(len(parts) - 1, 0, -1):
        prefix = ".".join(parts[:length])
        found = [name for name in index.suffixes.get(prefix, ()) if index.is_root(name, prefix, "")]
        if found:
            return [(name, ".".join(parts[length:])) for name in found]
    return []


def seeds(index: ModuleIndex, declarations: Declarations) -> set[str]:
    """The project modules that declared names live in."""
    return {module for name in declarations.names() for module, _ in homes(index, name)}


class Declared:
    """The declarations as they hold in a linked project."""

    def __init__(self, project: Project, declarations: Declarations) -> None:
        self.project = project
        self.declarations = declarations
        self.places = {name: homes(project.index, name) for name in declarations.names()}
        self.written: frozenset[str] = frozenset()
        """The declared names, by the project modules that define them."""
        self.outer: frozenset[str] = frozenset()
        """The classes and objects that some of these are attributes of."""
        self.names: frozenset[str] = frozenset()
        """What the declared names come to."""
        self.owners: frozenset[str] = frozenset()
        """The classes of those that are methods."""
        self.blocking: Mapping[str, bool] = {}
        self.offloaders: Mapping[str, int] = {}
        self.factories: Mapping[str, str] = {}
        self.decorators: Mapping[str, tuple[str, str]] = {}

    def link(self) -> None:
        """Work out what the names mean, by the modules that are linked so far."""
        every = [place for places in self.places.values() for place in places]
        self.written = frozenset(self.definition(module, rest) for module, rest in every)
        self.outer = frozenset(outer for name in self.written for outer in owners(name))
        means = {
            name: [name, *(self.meaning(module, rest) for module, rest in places or [("", name)])]
            for name, places in self.places.items()
        }
        self.names = frozenset(each for found in means.values() for each in found)
        self.owners = frozenset(outer for name in self.names for outer in owners(name))
        self.blocking = spread(dict.fromkeys(self.declarations.blocking, True), means)
        self.offloaders = spread(self.declarations.offloaders, means)
        self.factories = spread(self.declarations.factories, means)
        self.decorators = spread(self.declarations.decorators, means)

    def definition(self, module: str, rest: str) -> str:
        """A name of a module, by the module that gives its first part a value."""
        name, dot, inner = rest.partition(".")
        for _ in range(HOPS):
            summary = self.project.modules.get(module)
            options = summary.names.get(name, ()) if summary is not None else ()
            if len(options) != 1 or not isinstance(options[0], ex.Ref):
                break
            owner, _, last = options[0].name.rpartition(".")
            home = owner if owner in self.project.index.paths else self.project.index.locate(owner, module)
            if home is None:
                break
            module, name = home, last
        return f"{module}:{name}{dot}{inner}"

    def meaning(self, module: str, rest: str) -> str:
        """The canonical name of what a name of a module means ("" for a library's); as written if nobody can tell."""
        expr = expression(module, rest)
        if isinstance(expr, ex.Attr):
            owner = self.project.insist(module, expr.value)
            if isinstance(owner, (Class, Instance)):
                return self.method(owner, expr.name)
        kind = self.project.insist(module, expr)
        if isinstance(kind, (Function, Class)):
            return kind.name
        return self.definition(module, rest) if module else rest

    def method(self, owner: Class | Instance, name: str) -> str:
        """The canonical name of a method or other attribute: it carries the class that defines it."""
        method = self.project.hierarchy.method(owner.name, name)
        if method is not None:
            return method
        kind = self.project.class_attribute(owner, name)
        if isinstance(kind, Function):
            return kind.name
        line = ((each, self.project.class_(each)) for each in self.project.mro(owner.name))
        definer = next((each for each, found in line if found and name in found[1].attributes), owner.name)
        return f"{definer}.{name}"

    # What is declared of a kind

    def find(self, table: Mapping[str, T], kind: Kind) -> T | None:
        """What a table says of a function or class, or of the one that it overrides or derives from."""
        if not table or not isinstance(kind, (Function, Class)):
            return None
        if kind.name in table:
            return table[kind.name]
        names: Iterable[str] = ()
        if isinstance(kind, Class):
            names = self.project.mro(kind.name)
        elif isinstance(kind.owner, (Class, Instance)):
            last = kind.name.rpartition(".")[2]
            names = (f"{base}.{last}" for base in self.project.mro(kind.owner.name))
        return next((table[name] for name in names if name in table), None)

    def is_blocking(self, kind: Kind) -> bool:
        """Whether calling a function, a method or a class is declared to wait for a database.

        A method that overrides a declared one waits too, unless it is a coroutine function.
        """
        if self.find(self.blocking, kind) is None:
            return False
        found = self.project.function(kind.name) if isinstance(kind, Function) else None
        return found is None or not found[1].is_async or getattr(kind, "name", "") in self.blocking

    def position(self, kind: Kind) -> int | None:
        """The position of the argument that a declared offloader runs in a thread."""
        return self.find(self.offloaders, kind)

    def is_decorator(self, kind: Kind) -> bool:
        """Whether a decorator is declared to put a session into what it decorates."""
        return self.find(self.decorators, kind) is not None

    def injected(self, module: str, function: FunctionSummary, parameter: str) -> Kind | None:
        """The session that a declared decorator puts into a parameter."""
        for decorator in function.decorators if self.decorators else ():
            expr = decorator.func if isinstance(decorator, ex.Call) else decorator
            name, mode = self.find(self.decorators, self.project.insist(module, expr)) or ("", "")
            if name == parameter:
                return Instance(SESSIONS[mode])
        return None

    def given(self, function: Kind, made: Kind | None) -> Kind | None:
        """What calling a function gives: a session where it is declared to, in whatever `made` wraps it."""
        mode = self.find(self.factories, function)
        return made if mode is None else self.session(made, mode)

    def session(self, made: Kind | None, mode: str) -> Kind:
        match made:
            case Coroutine(of) | Startable(of) | Manager(of) | Iterator(of):
                return msgspec.structs.replace(made, of=self.session(of, mode))
            case Instance() if self.project.role(made) == ("session", mode):
                return msgspec.structs.replace(made, declared=False)
            case _:
                return Given(SESSIONS[mode])

    def carries(self, name: str) -> bool:
        """Whether modules that import a function or class of this name matter for its declaration."""
        return name in self.names or name in self.owners

    # Declared names whose value cannot be told, or is an object that is called, stand for functions

    def told(self, name: str, kind: Kind | None) -> Kind | None:
        """What a module-level name means."""
        if (name in self.written and not self.is_clear(kind)) or (name in self.outer and not known(kind)):
            return Function(name)
        return kind

    def told_attribute(self, owner: Class | Instance, name: str, kind: Kind | None) -> Kind | None:
        """What an attribute of a class or object means."""
        if self.names and not self.is_clear(kind):
            candidates = (f"{base}.{name}" for base in self.project.mro(owner.name))
            found = next((each for each in candidates if each in self.names), None)
            if found is not None:
                return Function(found, owner)
        return kind

    def is_clear(self, kind: Kind | None) -> bool:
        """Whether a kind says enough for a declaration to be compared with it, or needs none."""
        if isinstance(kind, Instance):
            role, _ = self.project.role(kind)
            return role == "session" or (role == "session_factory" and bool(kind.arguments))
        return isinstance(kind, (Function, Class, Module))


def expression(module: str, rest: str) -> ex.Node:
    """A name of a module, or with "" a library's, as code would write it."""
    if not module:
        owner, _, last = rest.rpartition(".")
        return ex.Attr(ex.Ref(owner), last)
    first, *inner = rest.split(".")
    expr: ex.Node = ex.Ref(f"{module}.{first}")
    for part in inner:
        expr = ex.Attr(expr, part)
    return expr


def owners(name: str) -> list[str]:
    """What a canonical name is an attribute of: `app.db:Client` of `app.db:Client.fetch`."""
    found = []
    while "." in name.rpartition(":")[2]:
        name = name.rpartition(".")[0]
        found.append(name)
    return found


def spread(table: Mapping[str, T], means: Mapping[str, list[str]]) -> dict[str, T]:
    """A table by what its names mean."""
    return {each: value for name, value in table.items() for each in means[name]}


# Names that do not exist


def verify(project: Project, screen: Screen, settings: Settings, base: Path) -> None:
    """Raise `UsageProblem` at the first declared name that the project neither has nor imports."""
    from asyncdb_lint.config import DECLARING, place_below

    lookup = Lookup(project, screen)
    for key in DECLARING:
        for entry in getattr(settings, key.replace("-", "_")):
            said = lookup.problem(entry.partition(":")[0])
            if said is not None:
                raise UsageProblem(f"{place_below(base, key, entry)}`{key}`: {said}")


class Lookup:
    """Follows declared names part by part, to tell the first part that is not there."""

    def __init__(self, project: Project, screen: Screen) -> None:
        self.project, self.screen, self.index = project, screen, project.index

    @functools.cached_property
    def modules(self) -> set[str]:
        """All dotted names by which imports reach modules, and their folders."""
        found: set[str] = set()
        for suffix, names in self.index.suffixes.items():
            if any(self.index.is_root(name, suffix, "") for name in names):
                found.update((suffix, *owners(suffix)))
        return found

    def problem(self, dotted: str) -> str | None:
        """What is wrong with a name that does not exist; None for one that does, or may."""
        parts = dotted.split(".")
        places = homes(self.index, dotted)
        dead_ends = [self.folder(parts)]
        for module, rest in places:
            absent = self.absent(module, rest.split("."))
            if absent is None:
                return None
            dead_ends.append((len(parts) - len(rest.split(".")) + absent[0], absent[1]))
        at = max(position for position, _ in dead_ends)
        others = {name for position, names in dead_ends if position == at for name in names}
        if parts[at] in others:
            return f"`{dotted}` is a module: name what is in it"
        # Relative imports are written from the project's root, and names from the source root that imports start at.
        roots = {"", *(module[: -len(dotted.removesuffix(f".{rest}"))] for module, rest in places)}
        if any(self.is_imported(root + ".".join(parts[: at + 1])) for root in roots):
            return None
        close = difflib.get_close_matches(parts[at], sorted(others), 1, 0.6)
        hint = f" (did you mean `{'.'.join((*parts[:at], *close, *parts[at + 1 :]))}`?)" if close else ""
        if at == 0:
            return f"`{dotted}`: the project neither has nor imports `{parts[0]}`{hint}"
        return f"`{dotted}`: `{'.'.join(parts[:at])}` has no `{parts[at]}`{hint}"

    def folder(self, parts: list[str]) -> tuple[int, set[str]]:
        """How far a name leads through modules, and the modules that it could go on to."""
        lengths = range(len(parts) - 1, 0, -1)
        length = next((each for each in lengths if ".".join(parts[:each]) in self.modules), 0)
        inside = (each.rpartition(".") for each in self.modules)
        return length, {last for outer, _, last in inside if outer == ".".join(parts[:length])}

    def absent(self, module: str, names: list[str]) -> tuple[int, set[str]] | None:
        """The first part of a name that a module does not have, and what it has; None where it has all, or may.

        A name that leads to a module lacks what is in it.
        """
        summary = self.project.modules.get(module)
        if summary is None or "__getattr__" in summary.names:
            return None
        if names[0] not in summary.names and not known(self.project.find(module, names[0], set())):
            stars = [self.index.locate(star, module) for star in summary.stars]
            return None if None in stars else (0, set(summary.names))
        kind = self.project.named(module, names[0])
        for position, name in enumerate(names[1:], 1):
            match kind:
                case Class() | Instance():
                    attributes = self.attributes(kind.name)
                    if attributes is not None and name not in attributes:
                        return position, attributes
                case Module(inner) if (home := self.index.locate(inner, module)) is not None:
                    found = self.absent(home, names[position:])
                    return None if found is None else (position + found[0], found[1])
                case Function(function) if self.project.function(function) is not None:
                    return position, set()
            kind = self.project.attribute(kind, name) if kind is not None else None
        is_own = isinstance(kind, Module) and self.index.locate(kind.name, module) is not None
        return (len(names) - 1, {names[-1]}) if is_own else None

    def attributes(self, name: str) -> set[str] | None:
        """What objects of a class have; None where not all of its bases are known."""
        found: set[str] = set()
        for owner in self.project.mro(name):
            library, own = self.project.knowledge.classes.get(owner), self.project.class_(owner)
            if own is not None:
                module, summary = own
                found.update(summary.attributes, summary.annotations)
                kinds = [self.project.kind(module.name, strip(base)) for base in summary.bases]
                if summary.decorators or not all(is_seen(each) for each in kinds):
                    return None
            elif library is not None and not library.partial:
                found.update(library.members)
            else:
                return None
        return None if "__getattr__" in found else found

    def is_imported(self, dotted: str) -> bool:
        """Whether a module of the project imports a name, or from it: somebody knows better than a look at files."""
        last = dotted.rpartition(".")[2].encode()
        return any(
            f"{base}.{name}.".startswith(f"{dotted}.")
            for module, content in self.screen.contents.items()
            if last in content
            for base, name in self.screen.imported(module)
        )


def is_seen(base: Kind) -> bool:
    """Whether a base class is known, or one of the standard library, which adds nothing that is declared."""
    if isinstance(base, Function):
        return base.name.partition(".")[0] in sys.stdlib_module_names
    return isinstance(base, (Class, Instance))
