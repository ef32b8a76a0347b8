"""Decides, before anything is rewritten, what becomes asynchronous: as much as hangs together, or none of it.

Functions hang together that share an object of psycopg2's or call one another on the way to one. A coroutine function
that touches no such object itself may await one helper and call another as before: it joins nothing.
"""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.to_async import candidates
from asyncdb_lint.migrate.to_async.facts import FileFacts, FunctionFacts, Obstacle, Reference
from asyncdb_lint.migrate.to_async.objects import Objects
from asyncdb_lint.migrate.to_async.places import no_await
from asyncdb_lint.migrate.to_async.references import References
from asyncdb_lint.semantics.modules import names_test

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from asyncdb_lint.file_context import FileContext

SHOWN = 3  # functions that a report names
UNREACHED = "nothing asynchronous leads here"
LEAD = "make the functions `async def` that are to wait for it"


@dataclasses.dataclass(eq=False)
class Component:
    """Functions that become asynchronous together, or stay as they are: those that touch an object, and their callers.

    `converted` are those of them that have to be `async def`.
    """

    members: list[FunctionFacts]
    converted: set[str] = dataclasses.field(default_factory=set)
    obstacles: list[Obstacle] = dataclasses.field(default_factory=list)
    is_reached: bool = True
    """Whether anything asynchronous leads to it."""

    @property
    def waiting(self) -> list[str]:
        """The functions that would have to wait, as a report names them."""
        found = [each for each in self.members if each.waits or each.name in self.converted] or self.members
        return list(dict.fromkeys(each.shown for each in found))


@dataclasses.dataclass(eq=False)
class Plan:
    """What becomes asynchronous in a project."""

    converted: set[str] = dataclasses.field(default_factory=set)
    """Functions that become `async def`."""
    changed: set[str] = dataclasses.field(default_factory=set)
    """Functions whose objects are asynchronous, those that are `async def` already included."""
    files: dict[str, FileFacts] = dataclasses.field(default_factory=dict)
    staying: list[Component] = dataclasses.field(default_factory=list)
    """What stays as it is, each with what stands in the way."""
    tests: list[Reference] = dataclasses.field(default_factory=list)
    """Where tests call what is a coroutine function now."""
    notes: list[Obstacle] = dataclasses.field(default_factory=list)
    """What behaves otherwise."""

    def covers(self, file: FileContext, node: cst.CSTNode) -> bool:
        """Whether connections and cursors are asynchronous where a node stands; an annotation is its function's."""
        facts, parents = self.files[file.model.name], file.model.parents
        holder: cst.CSTNode | None = node
        while isinstance(holder, (cst.BaseExpression, cst.SubscriptElement, cst.Index)):
            holder = parents.get(holder)
        if isinstance(holder, cst.Annotation):
            while holder is not None and not isinstance(holder, (cst.FunctionDef, cst.ClassDef, cst.Module)):
                holder = parents.get(holder)
            if isinstance(holder, cst.FunctionDef):
                return facts.of_scope[file.model.opened[holder]].name in self.changed
            if isinstance(holder, cst.ClassDef):
                cls = f"{file.model.name}:{file.model.opened[holder].qualname}."
                return any(each.startswith(cls) for each in self.changed)
        return facts.around(node).name in self.changed


def decide(files: Iterable[FileContext], given: Collection[str], *, unsafe: bool = False) -> Plan:
    """The plan for the files of a project, of which the modules `given` may be changed."""
    planning = Planning(list(files), given, unsafe=unsafe)
    return planning.decide()


class Planning:
    """The work of deciding."""

    def __init__(self, files: list[FileContext], given: Collection[str], *, unsafe: bool) -> None:
        self.given, self.unsafe = given, unsafe
        self.files: dict[str, FileFacts] = {}
        for file in files:
            facts = self.files[file.model.name] = FileFacts(file)
            Objects(facts, unsafe=unsafe).gather()
            References(facts).gather()
        self.functions = {
            name: function
            for module, facts in self.files.items()
            if not names_test(module)
            for name, function in facts.functions.items()
        }
        self.references: dict[str, list[Reference]] = collections.defaultdict(list)
        self.tests: dict[str, list[Reference]] = collections.defaultdict(list)
        for module, facts in self.files.items():
            for each in facts.references:
                for target in each.targets:
                    (self.tests if names_test(module) else self.references)[target].append(each)

    def decide(self) -> Plan:
        plan = Plan(files=self.files)
        for component in self.components():
            self.settle(component)
            if component.obstacles:
                plan.staying.append(component)
                continue
            plan.converted |= component.converted
            plan.changed |= {each.name for each in component.members}
            plan.notes += [note for each in component.members for note in each.notes]
            for name in sorted(component.converted):
                plan.tests += self.tests.get(name, ())
        return plan

    # What hangs together

    def reaching(self) -> set[str]:
        """The functions that touch psycopg2's objects, the plain ones that lead there, and methods in their place."""
        found = {name for name, each in self.functions.items() if each.touches}
        todo = list(found)
        while todo:
            name = todo.pop()
            for other in self.alike(name):
                if other not in found:
                    found.add(other)
                    todo.append(other)
            for each in self.references.get(name, ()):
                if each.within not in found and each.within in self.functions:
                    if self.functions[each.within].is_async and each.how in ("called", "offloaded"):
                        continue
                    if each.how == "injected" and each.call is not None:
                        continue
                    found.add(each.within)
                    todo.append(each.within)
        return found

    def alike(self, name: str) -> list[str]:
        """The methods in whose place a method may run, those that may run in its own, and the other of a pair."""
        found = [each for each in candidates.replaceable(self.files, name) if each in self.functions]
        cls, _, method = name.rpartition(".")
        other = f"{cls}.{candidates.PAIR[method]}" if method in candidates.PAIR else ""
        return [*found, other] if other in self.functions else found

    def components(self) -> Iterator[Component]:
        """The functions that hang together, in a stable order."""
        reaching = self.reaching()
        joined: dict[str, str] = {}

        def top(name: str) -> str:
            while (above := joined.get(name, name)) != name:
                name = above
            return name

        def join(left: str, right: str) -> None:
            if (a := top(left)) != (b := top(right)):
                joined[max(a, b)] = min(a, b)

        for name in sorted(reaching):
            for slot in (*sorted(self.functions[name].shares), *self.alike(name)):
                join(name, slot)
            for each in self.references.get(name, ()):
                for target in each.targets:
                    if target in reaching:
                        join(name, target)
                if each.within in reaching and not (each.how == "injected" and each.call is not None):
                    join(name, each.within)
        members: dict[str, list[FunctionFacts]] = collections.defaultdict(list)
        for name in sorted(reaching):
            members[top(name)].append(self.functions[name])
        yield from (Component(each) for each in members.values())

    # What stands in the way

    def settle(self, component: Component) -> None:
        """Find out which members have to be `async def`, and what stands in the way of any of it."""
        component.converted = self.needing(component)
        component.is_reached = self.has_root(component)
        if not component.is_reached:
            first = next((each for each in component.members if each.waits), component.members[0])
            component.obstacles = [Obstacle(first.file.model.name, first.scope.node, UNREACHED, LEAD)]
            return
        found: list[Obstacle] = []
        for each in component.members:
            found += each.obstacles
            if each.file.model.name not in self.given and (each.waits or each.name in component.converted):
                found.append(not_given(each.file.model.name, each.scope.node, each))
        for name in sorted(component.converted):
            found += candidates.obstacles(self.functions[name], unsafe=self.unsafe)
            found += self.uncalled(name)
        touched = {each.name for each in component.members if each.touches}
        for name in sorted(component.converted | touched):
            for reference in self.references.get(name, ()):
                found += self.judge(reference, name, component)
        found += self.unresolved(component)
        found += self.unknown_blocks(component)
        found += self.looked_up(component)
        component.obstacles = list({each.reason: each for each in reversed(found)}.values())[::-1]

    def needing(self, component: Component) -> set[str]:
        """The plain functions that would have to wait: for an object, or for one another."""
        found = {each.name for each in component.members if each.waits and not each.is_async}
        todo = list(found)
        while todo:
            name = todo.pop()
            for other in self.alike(name):
                if other not in found and not self.functions[other].is_async:
                    found.add(other)
                    todo.append(other)
            for each in self.references.get(name, ()):
                function = self.functions.get(each.within)
                if each.how != "called" or function is None or function.is_async:
                    continue
                if each.within not in found:
                    found.add(each.within)
                    todo.append(each.within)
        return found

    def judge(self, each: Reference, name: str, component: Component) -> Iterator[Obstacle]:
        """Why a place where a function is named cannot go along with its being a coroutine function."""
        function, facts = self.functions[name], self.files[each.module]
        shown = function.shown
        if function.gives:
            yield from candidates.given(facts, each, function)
        is_read = facts.file.project.hierarchy.is_property(name)
        if name not in component.converted and not (each.how == "handed" and function.gives and not is_read):
            return
        if each.module not in self.given:
            yield not_given(each.module, each.node, function)
        if each.how == "handed":
            yield from candidates.handed(facts, each, function)
        elif each.how == "called" and name in component.converted:
            if any(target not in component.converted for target in each.targets):
                other = next(target for target in each.targets if target not in component.converted)
                if other not in self.functions or not self.functions[other].is_async:
                    reason = f"{shown} or `{other.partition(':')[2]}` is called here"
                    yield Obstacle(each.module, each.node, reason, "give both the same shape first")
            yield from candidates.called(facts, each, function)
            if (why := no_await(facts, each.node)) is not None:
                yield Obstacle(each.module, each.node, *why)

    def uncalled(self, name: str) -> Iterator[Obstacle]:
        """A function that nothing in the project calls is called from elsewhere, or by a name that nobody sees."""
        function = self.functions[name]
        is_special = name.endswith("__") or isinstance(function.scope.node, cst.Module)
        alike = any(self.references.get(each) for each in (name, *self.alike(name)))
        if alike or is_special or self.unsafe or candidates.is_endpoint(function):
            return
        yield Obstacle(
            function.file.model.name, function.scope.node, f"nothing calls {function.shown} that could await it",
            "make it `async def` first, remove it, or use --unsafe-fixes",
        )  # fmt: skip

    def unresolved(self, component: Component) -> Iterator[Obstacle]:
        """Calls on objects that nobody knows, which may be calls of a method that would have to be awaited."""
        methods: dict[str, list[str]] = collections.defaultdict(list)
        for name in component.converted:
            if "." in (qualname := name.partition(":")[2]) and not qualname.endswith(("__", ">")):
                methods[qualname.rpartition(".")[2]].append(name)
        for module, facts in self.files.items():
            for each in facts.unknown if not names_test(module) else ():
                for name in methods.get(each.node.attr.value, ()):
                    if candidates.may_be(facts, each.node, self.functions[name]):
                        shown = facts.file.source(each.node, 40)
                        yield Obstacle(
                            module, each.node, f"`{shown}` may be {self.functions[name].shown}",
                            f"annotate `{facts.file.source(each.node.value, 40)}`",
                        )  # fmt: skip

    def looked_up(self, component: Component) -> Iterator[Obstacle]:
        """Functions that `getattr()` gets by a name of theirs."""
        names = {name.rpartition(".")[2].rpartition(":")[2]: name for name in component.converted}
        for module, facts in self.files.items():
            for text, call in facts.by_name if not names_test(module) else ():
                if text in names:
                    shown = self.functions[names[text]].shown
                    reason = f"`{facts.file.source(call, 40)}` may give {shown}, and nobody awaits it"
                    yield Obstacle(module, call, reason, "call it by its name")

    def unknown_blocks(self, component: Component) -> Iterator[Obstacle]:
        """`with` statements that may enter an object of a class whose `__enter__` would have to be awaited."""
        entered = {name.partition(":")[0] for name in component.converted if name.endswith(".__enter__")}
        for module, facts in self.files.items() if entered else ():
            index, names = facts.file.project.index, facts.file.model.summary.imports
            if names_test(module) or entered.isdisjoint(
                {module, *(index.locate(each, module) for each in names)}
            ):
                continue
            for node in facts.entered:
                shown = facts.file.source(node, 40)
                yield Obstacle(
                    module, node, f"nobody knows what `with {shown}` enters", f"annotate `{shown}`"
                )

    def has_root(self, component: Component) -> bool:
        """Whether something asynchronous leads to a component."""
        if any(each.is_async for each in component.members):
            return True
        for name in sorted(each.name for each in component.members):
            if self.unsafe and candidates.is_endpoint(self.functions[name]):
                return True
            for each in self.references.get(name, ()):
                if self.functions[each.within].is_async and each.how in ("called", "offloaded"):
                    return True
        return False


def not_given(module: str, node: cst.CSTNode, function: FunctionFacts) -> Obstacle:
    """That a file is left out which would have to be changed."""
    reason = f"{function.shown} is defined or called in a file that is not to be changed"
    return Obstacle(module, node, reason, "name that file too")


def staying(names: list[str]) -> str:
    """What a report says of functions that stay as they are."""
    others = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{others} {'stays' if len(names) == 1 else 'stay'} synchronous"
