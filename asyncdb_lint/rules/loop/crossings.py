"""Database objects of the calling code that a thread works with: as argument, receiver, or closed over."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import Instance
from asyncdb_lint.semantics.offload import LOOPS, Offload, target_scope
from asyncdb_lint.semantics.usage import fates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.semantics.blocking import Origin
    from asyncdb_lint.semantics.model import Scope

HELD = {"session", "connection", "cursor", "transaction"}
LOCKS = {
    "threading.Lock", "threading.RLock", "threading.Semaphore", "asyncio.Lock", "asyncio.Semaphore",
    "anyio.Lock",
}  # fmt: skip
# Ways back to the loop: a thread that uses them does not touch the object itself.
WAYS_BACK = {"asyncio.run_coroutine_threadsafe", "anyio.from_thread.run", "asgiref.sync.async_to_sync"}
WAITERS = {"asyncio.wait_for", "asyncio.shield", "asyncio.ensure_future", "asyncio.create_task"}


@dataclasses.dataclass(frozen=True, eq=False)
class Crossing:
    """One object that one offload takes into a thread. `how` is "argument", "receiver" or "closure"."""

    offload: Offload
    node: cst.BaseExpression
    kind: Instance
    mode: str
    origin: Origin
    how: str

    @property
    def made(self) -> cst.CSTNode | None:
        """The call that makes the object, where a local name holds it."""
        value = self.origin.binding.value if self.origin.binding is not None else self.origin.node
        return value if isinstance(value, cst.Call) else None


def crossings(file: FileContext, offload: Offload) -> Iterator[Crossing]:
    """The sessions, connections and cursors made outside that `offload` takes into a thread."""
    function = offload.function
    if isinstance(function, cst.Attribute):
        yield from crossing(file, offload, function.value, "receiver")
    for arg in offload.arguments:
        yield from crossing(file, offload, arg.value, "argument")
    scope = target_scope(file, function)
    if scope is not None:
        for use in used_from_outside(file, scope):
            yield from crossing(file, offload, use, "closure")


def crossing(file: FileContext, offload: Offload, node: cst.BaseExpression, how: str) -> Iterator[Crossing]:
    kind = file.kind(node)
    role, mode = file.project.role(kind)
    if role not in HELD or not isinstance(kind, Instance):
        return
    if isinstance(node, cst.Call):
        return  # made for this call
    origin = file.blocking.origin(node)
    if origin is not None:
        yield Crossing(offload, node, kind, mode, origin, how)


def used_from_outside(file: FileContext, scope: Scope) -> Iterator[cst.BaseExpression]:
    """The first use in a function of each database object that an enclosing function, or `self`, holds."""
    seen: set[object] = set()
    for name in names_in(file, scope):
        for binding in file.model.bindings_of(name):
            outside = binding.scope.what == "function" and not is_inside(binding.scope, scope)
            if outside and binding not in seen:
                seen.add(binding)
                yield name
    for node in file.model.nodes.get(cst.Attribute, ()):
        assert isinstance(node, cst.Attribute)
        if is_inside(file.model.scope_of(node), scope) and is_self(file, node.value):
            text = file.source(node, 80)
            if text not in seen:
                seen.add(text)
                yield node


def names_in(file: FileContext, scope: Scope) -> Iterator[cst.Name]:
    for node in file.model.nodes.get(cst.Name, ()):
        if (
            isinstance(node, cst.Name)
            and node in file.model.exprs
            and is_inside(file.model.scope_of(node), scope)
        ):
            yield node


def is_inside(inner: Scope | None, outer: Scope) -> bool:
    while inner is not None:
        if inner is outer:
            return True
        inner = inner.parent
    return False


def is_self(file: FileContext, node: cst.CSTNode) -> bool:
    """Whether a name is the first parameter of the method around it, however deep in nested functions."""
    for binding in file.model.bindings_of(node):
        owner = binding.scope.parent
        first = binding.expr
        in_method = owner is not None and owner.what == "class" and binding.scope.what == "function"
        if isinstance(first, ex.Param) and in_method:
            function = file.model.summary.functions.get(first.function)
            return (
                function is not None
                and bool(function.parameters)
                and function.parameters[0].name == first.name
            )
    return False


# How the thread runs


def is_launched(file: FileContext, node: cst.CSTNode) -> bool:
    """Whether a call is started without being waited for at once: gathered, collected, kept as a task."""
    for fate in fates(file.model, node):
        if fate.what in ("awaited", "returned"):
            continue
        if (
            fate.what == "attribute"
            and getattr(getattr(fate.consumer, "attr", None), "value", "") == "result"
        ):
            continue
        if fate.what == "passed":
            holder = file.model.parents[fate.consumer]
            name = getattr(file.kind(holder.func), "name", "") if isinstance(holder, cst.Call) else ""
            if name in WAITERS and not is_launched(file, holder):
                continue
        return True
    return False


def is_repeated(file: FileContext, node: cst.CSTNode) -> bool:
    """Whether a node stands in a loop or comprehension of its function."""
    scope = file.model.scope_of(node)
    if scope.what == "comprehension":
        return True
    parent = file.model.parents.get(node)
    while parent is not None and not isinstance(parent, (cst.FunctionDef, cst.Module)):
        if isinstance(parent, (cst.For, cst.While)):
            return True
        parent = file.model.parents.get(parent)
    return False


def is_locked(file: FileContext, offload: Offload) -> bool:
    """Whether a lock is held around the offload, or in what it runs."""
    scope = target_scope(file, offload.function)
    for item in file.model.nodes.get(cst.WithItem, ()):
        assert isinstance(item, cst.WithItem)
        if getattr(file.kind(item.item), "name", "") in LOCKS:
            holder = file.model.parents[item]
            if scope is not None and is_inside(file.model.scope_of(item), scope):
                return True
            if contains(file, holder, offload.call):
                return True
    return False


def contains(file: FileContext, outer: cst.CSTNode, inner: cst.CSTNode) -> bool:
    node: cst.CSTNode | None = inner
    while node is not None:
        if node is outer:
            return True
        node = file.model.parents.get(node)
    return False


def goes_back(file: FileContext, offload: Offload) -> bool:
    """Whether the thread hands its database calls back to the loop, or is given the loop to do so."""
    if any(getattr(file.kind(arg.value), "name", "") in LOOPS for arg in offload.arguments):
        return True
    scope = target_scope(file, offload.function)
    if scope is None:
        return False
    return any(
        isinstance(call, cst.Call)
        and is_inside(file.model.scope_of(call), scope)
        and getattr(file.kind(call.func), "name", "") in WAYS_BACK
        for call in file.model.nodes.get(cst.Call, ())
    )


def connect_calls(file: FileContext, node: cst.CSTNode) -> list[ex.Call]:
    """The calls, of any file, that may have made the object in `node`: assignments are followed back."""
    found: list[ex.Call] = []
    todo = [(file.model.name, file.model.exprs.get(node))]
    seen: set[tuple[str, ex.Node]] = set()
    while todo:
        module, expr = todo.pop()
        if expr is None or (module, expr) in seen or len(seen) > 40:
            continue
        seen.add((module, expr))
        match expr:
            case ex.Bound(index):
                todo.append((module, file.project.modules[module].bindings[index]))
            case ex.Either(options) | ex.First(options):
                todo += [(module, option) for option in options]
            case ex.Enter(value, _) | ex.Await(value):
                todo.append((module, value))
            case ex.Call():
                found.append(expr)
            case ex.Attr(value, name):
                owner = file.project.kind(module, value)
                for each in file.project.mro(owner.name) if isinstance(owner, Instance) else ():
                    home = file.project.class_(each)
                    if home is not None and name in home[1].attributes:
                        todo += [(home[0].name, option) for option in home[1].attributes[name]]
                        break
    return found
