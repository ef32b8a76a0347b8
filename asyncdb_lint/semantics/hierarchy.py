"""The project's classes as a whole: who derives from whom, and which methods a call on an object may run."""

from __future__ import annotations

import collections
import functools
from typing import TYPE_CHECKING

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import Class, Function, Instance
from asyncdb_lint.semantics.modules import names_test
from asyncdb_lint.semantics.trace import Target

if TYPE_CHECKING:
    from asyncdb_lint.semantics.kinds import Kind
    from asyncdb_lint.semantics.project import Project
    from asyncdb_lint.semantics.summary import FunctionSummary

PROTOCOLS = {"typing.Protocol", "typing_extensions.Protocol"}
PROPERTY_NAMES = {"property", "cached_property"}


class Hierarchy:
    """Subclasses, implementations and properties of a linked project; tests do not count."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.known: dict[str, tuple[str, ...]] = {}

    @functools.cached_property
    def subclasses(self) -> dict[str, list[str]]:
        """By class, all project classes that derive from it at any distance."""
        found: dict[str, list[str]] = collections.defaultdict(list)
        for module, summary in self.project.modules.items():
            if summary.classes and not names_test(module):
                for qualname in summary.classes:
                    name = f"{module}:{qualname}"
                    for base in self.project.mro(name)[1:]:
                        found[base].append(name)
        return found

    @functools.cached_property
    def properties(self) -> frozenset[str]:
        """The names of all properties that the project's classes define."""
        return frozenset(
            function.qualname.rpartition(".")[2]
            for summary in self.project.modules.values()
            for function in summary.functions.values()
            if function.owner is not None and any(names_property(each) for each in function.decorators)
        )

    def is_property(self, function: str) -> bool:
        """Whether reading a method from an object calls it."""
        found = self.project.function(function)
        return found is not None and any(names_property(each) for each in found[1].decorators)

    def is_plain(self, cls: str) -> bool:
        """Whether a class has neither bases nor subclasses in the project: nothing of it can be replaced."""
        return not self.subclasses.get(cls) and not any(":" in base for base in self.project.mro(cls)[1:])

    def method(self, cls: str, name: str) -> str | None:
        """The project function that `name` means on an object of exactly the class `cls`."""
        for owner in self.project.mro(cls):
            found = self.project.class_(owner)
            if found is not None:
                module, summary = found
                if f"{summary.qualname}.{name}" in module.functions:
                    return f"{owner}.{name}"
                if name in summary.attributes:
                    return self.assigned(Instance(cls), name)
        return None

    def assigned(self, receiver: Instance, name: str) -> str | None:
        """A function that a class's body puts under another name (`all = list_all`)."""
        kind = self.project.class_attribute(receiver, name)
        return kind.name if isinstance(kind, Function) and ":" in kind.name else None

    def methods(self, receiver: Kind, name: str, *, exact: bool, caller: str = "") -> list[Target]:
        """The project functions that `receiver.name` may mean, each with the classes whose objects have it.

        An object that is only said to be of a class may be of a subclass, and a protocol stands for whoever has its
        methods. `caller` is the method in which `self` is the receiver: a subclass that replaces it never runs it.
        """
        if not isinstance(receiver, (Instance, Class)) or ":" not in receiver.name:
            return []
        candidates = [receiver.name]
        if not exact:
            candidates += self.subclasses.get(receiver.name, ())
            candidates += self.implementors(receiver.name)
        method = caller.rpartition(".")[2]
        found: dict[str, list[str]] = {}
        for cls in dict.fromkeys(candidates):
            if caller and cls != receiver.name and self.method(cls, method) != caller:
                continue
            target = self.method(cls, name)
            if target is not None:
                found.setdefault(target, []).append(cls)
        return [Target(target, tuple(classes), "self" if caller else "") for target, classes in found.items()]

    @functools.cached_property
    def protocols(self) -> list[str]:
        """The project's own protocols."""
        classes = ((module.name, each) for module in self.project.modules.values() for each in module.classes)
        return [name for module, each in classes if self.is_protocol(name := f"{module}:{each}")]

    def protocols_of(self, cls: str) -> list[str]:
        """The protocols whose methods a class has."""
        return [each for each in self.protocols if cls in self.implementors(each)]

    def implementors(self, protocol: str) -> tuple[str, ...]:
        """The project classes that have all methods of a protocol, with the same parameters."""
        if protocol not in self.known:
            self.known[protocol] = self.find_implementors(protocol) if self.is_protocol(protocol) else ()
        return self.known[protocol]

    def is_protocol(self, cls: str) -> bool:
        """Whether a project class is itself a protocol, not only a class that implements one."""
        found = self.project.class_(cls)
        if found is None:
            return False
        module, summary = found
        bases = (self.project.kind(module.name, strip(base)) for base in summary.bases)
        return any(isinstance(base, (Class, Function)) and base.name in PROTOCOLS for base in bases)

    def find_implementors(self, protocol: str) -> tuple[str, ...]:
        wanted = {
            name: function
            for owner in self.project.mro(protocol)
            for name, function in self.own_methods(owner).items()
            if not name.startswith("__")
        }
        if not wanted:
            return ()
        found = []
        for module, summary in self.project.modules.items():
            if names_test(module):
                continue
            for qualname in summary.classes:
                name = f"{module}:{qualname}"
                if name != protocol and not self.is_protocol(name) and self.has_all(name, wanted):
                    found.append(name)
        return tuple(found)

    def own_methods(self, cls: str) -> dict[str, FunctionSummary]:
        """The methods that a project class itself defines."""
        found = self.project.class_(cls)
        if found is None:
            return {}
        module, summary = found
        return {
            name: module.functions[f"{summary.qualname}.{name}"]
            for name in summary.attributes
            if f"{summary.qualname}.{name}" in module.functions
        }

    def has_all(self, cls: str, wanted: dict[str, FunctionSummary]) -> bool:
        """Whether a class has each of some methods, asynchronous or not alike, with the same parameters."""
        for name, model in wanted.items():
            target = self.method(cls, name)
            found = self.project.function(target) if target is not None else None
            if found is None or signature(found[1]) != signature(model):
                return False
        return True


def signature(function: FunctionSummary) -> tuple[bool, tuple[str, ...]]:
    """What must agree for one method to stand for another."""
    return function.is_async, tuple(each.name for each in function.parameters)


def names_property(decorator: ex.Node) -> bool:
    """Whether a decorator's last name says that it makes a property; which one it is, is asked later."""
    name = ex.dotted_name(decorator)
    return name is not None and name.rpartition(".")[2] in PROPERTY_NAMES


def strip(base: ex.Node) -> ex.Node:
    """`Protocol` of `Protocol[T]`."""
    return base.value if isinstance(base, ex.Sub) else base
