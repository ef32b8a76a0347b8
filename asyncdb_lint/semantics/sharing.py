"""What runs at the same time: the coroutines that `gather` or a task group is given, and the objects they share."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.semantics.kinds import Function

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.semantics.model import Model

COMPREHENSIONS = (cst.ListComp, cst.SetComp, cst.GeneratorExp)
LOOPS = (cst.For, cst.While)
GROUPS = {"asyncio.TaskGroup.create_task", "asyncio.taskgroups.TaskGroup.create_task"}
GROUP = {"asyncio.TaskGroup", "asyncio.taskgroups.TaskGroup"}


@dataclasses.dataclass(frozen=True, eq=False)
class Work:
    """The expression that makes a coroutine; `around` is the loop or comprehension that makes many of them."""

    node: cst.BaseExpression
    around: cst.CSTNode | None = None

    @property
    def repeated(self) -> bool:
        """Whether the same expression makes any number of coroutines."""
        return self.around is not None

    def parts(self, model: Model) -> Iterator[cst.BaseExpression]:
        """The names and attributes in it, the longest first; nested functions run elsewhere."""
        todo: list[cst.CSTNode] = [self.node]
        while todo:
            node = todo.pop()
            if isinstance(node, (cst.Name, cst.Attribute)):
                yield node
            if not isinstance(node, cst.Lambda):
                todo += [
                    child
                    for child in node.children
                    if child in model.parents and not isinstance(node, cst.Name)
                ]

    def identity(self, model: Model, node: cst.BaseExpression) -> tuple[object, str] | None:
        """Equal for the same object in several coroutines; None for what the loop makes anew each time."""
        root = node
        while isinstance(root, cst.Attribute):
            root = root.value
        if not isinstance(root, cst.Name):
            return None
        bindings = model.bindings_of(root)
        if self.around is not None and any(self.is_within(model, each.target) for each in bindings):
            return None
        text = model.module.code_for_node(node)
        return (tuple(id(each) for each in bindings) or root.value, text), text

    def is_within(self, model: Model, target: cst.CSTNode) -> bool:
        node: cst.CSTNode | None = target
        while node is not None:
            if node is self.around:
                return True
            node = model.parents.get(node)
        return False


def gathered(model: Model, call: cst.Call) -> Iterator[Work]:
    """What `gather(…)` or `wait([…])` runs: arguments, displays, comprehensions, and lists filled before."""
    for arg in call.args:
        if arg.keyword is None:
            yield from (of_many(model, arg.value) if arg.star else of_one(model, arg.value))


def of_one(model: Model, node: cst.BaseExpression) -> Iterator[Work]:
    """One coroutine or task, or a collection of them (`wait` takes one)."""
    if isinstance(node, (cst.Call, cst.Attribute)):
        yield Work(node)
    elif isinstance(node, (cst.List, cst.Tuple, cst.Set, *COMPREHENSIONS)):
        yield from of_many(model, node)
    elif isinstance(node, cst.Name):
        for value in values(model, node):
            yield from of_many(model, node) if is_collection(value) else [Work(value)]


def of_many(model: Model, node: cst.BaseExpression) -> Iterator[Work]:
    """The coroutines of a collection."""
    if isinstance(node, (cst.List, cst.Tuple, cst.Set)):
        for element in node.elements:
            yield from (
                of_many(model, element.value)
                if isinstance(element, cst.StarredElement)
                else of_one(model, element.value)
            )
    elif isinstance(node, COMPREHENSIONS):
        yield Work(node.elt, node)
    elif isinstance(node, cst.Name):
        for value in values(model, node):
            if is_collection(value):
                yield from of_many(model, value)
        yield from appended(model, node)


def values(model: Model, name: cst.Name) -> list[cst.BaseExpression]:
    """What assignments put into a name."""
    return [each.value for each in model.bindings_of(name) if isinstance(each.value, cst.BaseExpression)]


def is_collection(node: cst.CSTNode) -> bool:
    return isinstance(node, (cst.List, cst.Tuple, cst.Set, *COMPREHENSIONS))


def appended(model: Model, name: cst.Name) -> Iterator[Work]:
    """What `tasks.append(…)` puts into a list."""
    for binding in model.bindings_of(name):
        for use in binding.uses:
            attribute = model.parents.get(use)
            call = model.parents.get(attribute) if attribute is not None else None
            if (
                isinstance(attribute, cst.Attribute)
                and attribute.attr.value in ("append", "add")
                and isinstance(call, cst.Call)
                and call.func is attribute
                and len(call.args) == 1
            ):
                yield Work(call.args[0].value, loop_around(model, call, binding.target))


def loop_around(model: Model, node: cst.CSTNode, outside: cst.CSTNode) -> cst.CSTNode | None:
    """The outermost loop around a node that is not around `outside` too."""
    others = set(above(model, outside))
    loops = [each for each in above(model, node) if isinstance(each, LOOPS) and each not in others]
    return loops[-1] if loops else None


def above(model: Model, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The nodes around a node, within its function."""
    parent = model.parents.get(node)
    while parent is not None and not isinstance(parent, (cst.FunctionDef, cst.Lambda, cst.ClassDef)):
        yield parent
        parent = model.parents.get(parent)


def started(file: FileContext, node: cst.With) -> Iterator[tuple[cst.CSTNode, list[Work]]]:
    """The task groups that an `async with` opens, each with what it is given to run."""
    for item in node.items:
        if item.asname is None or getattr(file.kind(item.item), "name", "") not in GROUP:
            continue
        target = file.model.targets.get(item.asname.name)
        works = []
        for use in target.uses if target is not None else ():
            attribute = file.model.parents.get(use)
            call = file.model.parents.get(attribute) if attribute is not None else None
            if isinstance(call, cst.Call) and isinstance(attribute, cst.Attribute) and call.args:
                kind = file.kind(call.func)
                if isinstance(kind, Function) and kind.name in GROUPS:
                    works.append(Work(call.args[0].value, loop_inside(file.model, call, node)))
        yield item.item, works


def loop_inside(model: Model, node: cst.CSTNode, outer: cst.With) -> cst.CSTNode | None:
    """The outermost loop or comprehension around a node inside `outer`."""
    found = None
    for each in above(model, node):
        if each is outer:
            break
        if isinstance(each, (*LOOPS, *COMPREHENSIONS)):
            found = each
    return found
