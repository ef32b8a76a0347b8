"""Where the functions of a project are named in a file: called, handed to a thread, injected, or handed on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.import_statements import dotted
from asyncdb_lint.migrate.to_async.facts import Named, Reference
from asyncdb_lint.migrate.to_async.threads import is_replaceable
from asyncdb_lint.semantics import callables
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import Class, Constant, Function, Instance, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.migrate.to_async.facts import FileFacts, How
    from asyncdb_lint.semantics.offload import Offload

LOOKING_UP = {"builtins.getattr", "operator.attrgetter", "operator.methodcaller"}
SPECIAL: dict[type[cst.CSTNode], tuple[str, ...]] = {
    cst.With: ("__enter__", "__exit__"),
    cst.For: ("__iter__", "__next__"),
    cst.CompFor: ("__iter__", "__next__"),
    cst.Subscript: ("__getitem__",),
}
"""Methods that statements and expressions call by themselves."""


class References:
    """Enters into a file's facts which functions it names, and how."""

    def __init__(self, facts: FileFacts) -> None:
        self.facts, self.file = facts, facts.file
        self.model, self.project = facts.file.model, facts.file.project
        self.tracing = facts.file.tracing
        self.offloads: dict[cst.CSTNode, Offload] = {each.function: each for each in facts.file.offloads}

    def gather(self) -> None:
        """Look at all names, attributes and lambdas, and at what is called without being named."""
        for kind in (cst.Name, cst.Attribute):
            for node in self.model.nodes.get(kind, ()):
                if isinstance(node, (cst.Name, cst.Attribute)) and node in self.model.exprs:
                    self.note(node)
        for node in self.model.nodes.get(cst.Lambda, ()):
            assert isinstance(node, cst.Lambda)
            name = f"{self.model.name}:{self.tracing.names[self.model.opened[node]]}"
            self.add(node, (name,), *self.use(node))
        for call in self.model.nodes.get(
            cst.Call, ()
        ):  # what `__call__`, `__init__` do, and calls of their results
            assert isinstance(call, cst.Call)
            if not isinstance(call.func, (cst.Name, cst.Attribute)):
                self.note_called(call)
            elif dotted(call.func).endswith(".enter_context"):
                self.note_entered(call)
            elif getattr(self.file.kind(call.func), "name", "") in LOOKING_UP:
                for arg in call.args:
                    given = self.file.kind(arg.value)
                    if isinstance(given, Constant) and isinstance(given.value, str):
                        self.facts.by_name.append((given.value, call))
        self.note_special()
        self.note_injected()

    def add(
        self, node: cst.CSTNode, targets: tuple[str, ...], how: How, call: cst.Call | None = None
    ) -> None:
        within = self.facts.around(node).name
        self.facts.references.append(Reference(targets, how, within, self.model.name, node, call))

    def note(self, node: cst.Name | cst.Attribute) -> None:
        """One name or attribute, where it means functions of the project."""
        kind = self.file.kind(node)
        is_target = node in self.model.targets or isinstance(
            self.model.parents.get(node), (cst.AssignTarget, cst.Param)
        )
        if is_target and (isinstance(node, cst.Name) or not isinstance(kind, Function)):
            return
        is_called = self.is_called(node)
        if isinstance(kind, (Class, Instance)) and not is_called:
            if isinstance(node, cst.Attribute):
                self.note_property(node)
            return
        targets = tuple(each.name for each in self.tracing.callees(node, kind))
        if targets:
            self.add(node, targets, *self.use(node))
        elif isinstance(node, cst.Attribute):
            is_unknown = isinstance(kind, Unknown) and isinstance(self.file.kind(node.value), Unknown)
            if is_unknown and not self.is_super(
                node.value
            ):  # `super()` is known where its class is the project's
                self.facts.unknown.append(Named(self.model.name, self.facts.around(node).name, node))
            self.note_property(node)

    def note_entered(self, call: cst.Call) -> None:
        """`stack.enter_context(thing)` runs `__enter__` and `__exit__`."""
        for arg in call.args[:1]:
            targets = [
                each.name
                for name in ("__enter__", "__exit__")
                for each in self.tracing.dispatch(self.file.kind(arg.value), name)
            ]
            if targets:
                self.add(arg.value, tuple(targets), "handed")

    def is_super(self, node: cst.BaseExpression) -> bool:
        return isinstance(node, cst.Call) and self.file.kind(node.func) == Function("builtins.super")

    def note_called(self, call: cst.Call) -> None:
        targets = tuple(each.name for each in self.tracing.callees(call.func, self.file.kind(call.func)))
        if targets:
            self.add(call.func, targets, "called", call)

    def note_property(self, node: cst.Attribute) -> None:
        """Reading a property runs its function."""
        if node.attr.value not in self.project.hierarchy.properties:
            return
        owner = self.file.kind(node.value)
        for target in self.tracing.methods(node, owner):
            if self.project.hierarchy.is_property(target.name):
                self.add(node, (target.name,), "handed")

    def note_special(self) -> None:
        """`with thing:` runs `__enter__`, `thing[0]` runs `__getitem__`."""
        for kind, names in SPECIAL.items():
            for node in self.model.nodes.get(kind, ()):
                for expression in self.operands(node):
                    owner = self.file.kind(expression)
                    if isinstance(owner, Unknown) and kind is cst.With:
                        self.facts.entered.append(expression)
                    if not isinstance(owner, Instance) or ":" not in owner.name:
                        continue
                    for name in names:
                        targets = tuple(each.name for each in self.tracing.dispatch(owner, name))
                        if targets:
                            self.add(expression, targets, "called")

    def operands(self, node: cst.CSTNode) -> Iterator[cst.BaseExpression]:
        match node:
            case cst.With(items=items, asynchronous=None):
                yield from (each.item for each in items)
            case cst.For(iter=iterable, asynchronous=None) | cst.CompFor(iter=iterable, asynchronous=None):
                yield iterable
            case cst.Subscript(value=value):
                yield value

    # How a name is used

    def is_called(self, node: cst.CSTNode) -> bool:
        parent = self.model.parents.get(node)
        return isinstance(parent, cst.Call) and parent.func is node

    def use(self, node: cst.BaseExpression) -> tuple[How, cst.Call | None]:
        """How an expression that is a function is used, and the call that uses it."""
        parent = self.model.parents[node]
        if isinstance(parent, cst.Call) and parent.func is node:
            offload = self.offloads.get(node)  # `sync_to_async(save)(user)` is not followed
            return ("handed", None) if offload is not None else ("called", parent)
        if (offload := self.offloads.get(node)) is not None and is_replaceable(self.file, offload):
            return "offloaded", offload.call
        if isinstance(parent, cst.Decorator):
            return "handed", None
        call = self.model.parents.get(parent)
        if isinstance(parent, cst.Arg) and isinstance(call, cst.Call) and self.is_depends(call):
            return "injected", call
        return "handed", None

    def is_depends(self, call: cst.Call) -> bool:
        return callables.is_depends(self.project, self.model.name, self.model.exprs.get(call))

    # Dependencies

    def note_injected(self) -> None:
        """FastAPI runs what `Depends()` names; whoever takes the parameter shares what it gives."""
        for qualname, summary in self.model.summary.functions.items():
            for parameter in summary.parameters:
                injection = callables.injection(self.project, self.model.name, parameter)
                if not isinstance(injection, ex.Call):
                    continue
                given = callables.argument(injection, "dependency", 0)
                kind = self.project.kind(self.model.name, given) if given is not None else None
                if isinstance(kind, Function) and ":" in kind.name:
                    name = f"{self.model.name}:{qualname}"
                    if name in self.facts.functions:
                        node = self.facts.functions[name].scope.node
                        self.facts.references.append(
                            Reference((kind.name,), "injected", name, self.model.name, node)
                        )
