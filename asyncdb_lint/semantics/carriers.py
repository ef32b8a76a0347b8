"""Which of a module's names matter to the modules that import them: they carry database objects, or reach one."""

from __future__ import annotations

from collections.abc import Collection

from asyncdb_lint.knowledge import CARRYING_ROLES
from asyncdb_lint.semantics import callables
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import (
    Class,
    Coroutine,
    Function,
    Instance,
    Iterator,
    Kind,
    Manager,
    Sequence,
    Startable,
)  # fmt: skip
from asyncdb_lint.semantics.project import Project
from asyncdb_lint.semantics.summary import ModuleSummary


class Carriers:
    """Asks of kinds whether a database object can be had through them; remembers classes.

    `reaching` are the functions that wait for a database, or would make others do so.
    """

    def __init__(self, project: Project, driver: str = "") -> None:
        self.project = project
        self.driver = driver
        """The only library whose objects are asked for; all where it is empty."""
        self.reaching: Collection[str] = ()
        self.classes: dict[str, bool] = {}
        self.asking: set[Function] = set()

    def names(self, summary: ModuleSummary) -> set[str]:
        """The module-level names of a module that carry, and the pytest fixtures that it gives and that do."""
        found = set()
        for name in summary.names:
            kind = self.project.named(summary.name, name)
            if self.carries(kind) or self.carries(self.alias(summary, name, kind)):
                found.add(name)
        for source in (summary.name, *callables.plugins(self.project, summary.name)):
            if source not in self.project.modules:
                self.project.want(source)
                continue
            for name, qualname in self.project.modules[source].fixtures.items():
                if self.carries(callables.result(self.project, Function(f"{source}:{qualname}"))):
                    found.add(name)
        return found

    def held(self, summary: ModuleSummary) -> set[str]:
        """The names under which a module puts what carries into the state of an application or request."""
        return {
            name
            for name, options in summary.states.items()
            if any(self.carries(self.project.kind(summary.name, value)) for _, value in options)
        }

    def alias(self, summary: ModuleSummary, name: str, kind: Kind | None) -> Kind | None:
        """What a name means as an annotation, if it is one."""
        if isinstance(kind, (Class, Function, Instance)):
            return None
        return self.project.kind(summary.name, ex.Typed(ex.Ref(f"{summary.name}.{name}")))

    def carries(self, kind: Kind | None) -> bool:
        """Whether an object of this kind is, gives or holds a database object."""
        match kind:
            case Coroutine(of) | Startable(of) | Manager(of) | Iterator(of):
                return self.carries(of)
            case Sequence(items):
                return any(self.carries(item) for item in items)
            case Function(name) if name in self.reaching or self.project.declared.carries(name):
                return True
            case Function():
                return self.function_carries(kind)
            case Instance(name, arguments) | Class(name, arguments):
                if any(self.carries(argument) for argument in arguments):
                    return True
                return self.class_carries(name)
            case _:
                return False

    def function_carries(self, function: Function) -> bool:
        """Whether calling a function gives what carries; one that gives itself adds nothing."""
        if function in self.asking:
            return False
        self.asking.add(function)
        try:
            return self.carries(callables.result(self.project, function))
        finally:
            self.asking.discard(function)

    def class_carries(self, name: str) -> bool:
        """Whether objects of a class hold or hand out database objects."""
        if name not in self.classes:
            self.classes[name] = False  # a class that refers to itself adds nothing
            line = self.project.mro(name)
            self.classes[name] = any(self.own(owner, position) for position, owner in enumerate(line))
        return self.classes[name]

    def own(self, name: str, distance: int) -> bool:
        """The same, of what one class itself defines, `distance` steps up from the class that is asked about."""
        if self.project.declared.carries(name):
            return True
        if name in self.project.knowledge.classes:
            # A model base carries its metadata; the models below it are everywhere and carry nothing more.
            if not name.startswith(f"{self.driver}." * bool(self.driver)):
                return False
            role = self.project.knowledge.classes[name].role
            return role in CARRYING_ROLES and (role != "model_base" or distance <= 1)
        found = self.project.class_(name)
        if found is None:
            return False
        module, summary = found
        if any(f"{name}.{each}" in self.reaching for each in summary.attributes):
            for base in summary.bases:  # whoever is handed the object may know it by a base class only
                self.project.insist(module.name, base)
            return True
        members = [option for options in summary.attributes.values() for option in options]
        members += [ex.Typed(annotation) for annotation in summary.annotations.values()]
        return any(self.carries(self.project.kind(module.name, member)) for member in members)
