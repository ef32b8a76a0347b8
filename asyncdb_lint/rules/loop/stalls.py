"""Blocking operations on the event loop, gathered by cause: one object in one function is one stall."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.semantics.callables import ROUTE_METHODS
from asyncdb_lint.semantics.kinds import Function, Instance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.finding import Step
    from asyncdb_lint.semantics.blocking import Operation, Origin
    from asyncdb_lint.semantics.model import Scope

RUNNERS = {
    "asyncio.run", "asyncio.AbstractEventLoop.run_until_complete", "asyncio.Runner.run", "anyio.run",
    "uvloop.run",
}  # fmt: skip
CONCURRENCY = {
    "asyncio.create_task", "asyncio.ensure_future", "asyncio.gather", "asyncio.TaskGroup",
    "asyncio.as_completed", "asyncio.AbstractEventLoop.create_task", "asyncio.wait",
    "anyio.create_task_group", "asyncio.start_server",
}  # fmt: skip
# Code in these folders is run by hand or by a tool, one task on one loop.
SCRIPT_FOLDERS = {"scripts", "script", "alembic", "migrations"}


@dataclasses.dataclass(frozen=True, eq=False)
class Stall:
    """What one synchronous object does on the loop in one function, in the order of the text."""

    scope: Scope
    origin: Origin
    operations: tuple[Operation, ...]

    @property
    def first(self) -> Operation:
        """The operation that the finding points at."""
        return self.operations[0]


def stalls(file: FileContext) -> Iterator[Stall]:
    """The stalls of a file; none in tests and scripts, whose loops serve nobody else."""
    if file.is_test or SCRIPT_FOLDERS & set(file.model.path.split("/")[:-1]):
        return
    groups: dict[tuple[Scope, tuple[str, object]], list[Operation]] = {}
    for scope, operations in file.blocking.by_scope.items():
        function = scope.function
        if function is None or not scope.on_loop:
            continue
        for each in operations:
            groups.setdefault((function, each.origin.key), []).append(each)
    for (function, _), operations in groups.items():
        awaited = [each for each in operations if is_awaited(file, each.node)]
        ours = [each for each in operations if each.decisive and each not in awaited]
        if not ours or is_mistaken(file, ours[0].origin, awaited) or has_loop_for_itself(file, function):
            continue
        ours.sort(key=lambda each: file.span(each.node))
        yield Stall(function, ours[0].origin, tuple(ours))


def is_awaited(file: FileContext, node: cst.CSTNode) -> bool:
    """Whether what an expression, or a chain of calls on it, gives is awaited or entered by `async with`."""
    parents = file.model.parents
    parent = parents[node]
    while isinstance(parent, (cst.Attribute, cst.Call, cst.Subscript)):
        node, parent = parent, parents[parent]
    if isinstance(parent, cst.WithItem):
        holder = parents[parent]
        return isinstance(holder, cst.With) and holder.asynchronous is not None
    if isinstance(parent, (cst.For, cst.CompFor)):
        return parent.asynchronous is not None
    return isinstance(parent, cst.Await)


def is_mistaken(file: FileContext, origin: Origin, awaited: list[Operation]) -> bool:
    """Whether an annotation says synchronous while the function uses the object as an asynchronous one."""
    if awaited and all(isinstance(each.target, Instance) and each.target.declared for each in awaited):
        return True
    binding = origin.binding
    return binding is not None and any(is_awaited(file, use) for use in binding.uses)


def has_loop_for_itself(file: FileContext, function: Scope) -> bool:
    """Whether a coroutine is only ever started by `asyncio.run` and starts no other: nobody waits."""
    own = Function(f"{file.model.name}:{function.qualname}")
    alone = False
    for call in file.model.nodes.get(cst.Call, ()):
        assert isinstance(call, cst.Call)
        callee = file.kind(call.func)
        name = getattr(callee, "name", "")
        if name in CONCURRENCY and file.model.scope_of(call).function is function:
            return False
        if callee == own:
            taken = file.model.parents[call]
            runner = file.model.parents[taken] if isinstance(taken, cst.Arg) else None
            started = isinstance(runner, cst.Call) and getattr(file.kind(runner.func), "name", "") in RUNNERS
            if not started:
                return False
            alone = True
    return alone


# What to say


def described(file: FileContext, operation: Operation) -> str:
    """The operation in the user's own words, as the subject of a sentence."""
    source = file.source(operation.node, 60)
    if operation.method in ("__iter__", "__next__") and not isinstance(operation.node, cst.Call):
        return f"Iterating over `{source}`"
    return f"Leaving `with {source}`" if operation.method == "__exit__" else f"`{source}`"


def class_label(file: FileContext, operation: Operation) -> str:
    """What the object is that the operation goes through in the end, as a person would say it."""
    origin = operation.origin
    expr = origin.binding.expr if origin.binding is not None else file.model.exprs.get(origin.node)
    kind = file.kind_of(expr)
    if not isinstance(kind, Instance) or not file.project.role(kind)[0]:
        kind = operation.target
    name = str(getattr(kind, "name", "object"))
    library, last = name.partition(".")[0], re.split(r"[.:]", name)[-1]
    return f"`{last}`" if operation.is_orm or ":" in name else f"{library} {last.lower()}"


def steps(file: FileContext, stall: Stall) -> list[Step]:
    """Where the object comes from, then every later operation on it in the function."""
    found = []
    binding, node = stall.origin.binding, stall.origin.node
    if isinstance(node, cst.Param):
        default = node.default
        given = f" from `{file.source(default, 40)}`" if default is not None else ""
        found.append(
            file.step(
                node.name, f"`{node.name.value}` is a synchronous {class_label(file, stall.first)}{given}"
            )
        )
    elif isinstance(node, cst.Call) and node is not stall.first.node:
        name = f"`{binding.name}`" if binding is not None else f"the {class_label(file, stall.first)}"
        found.append(file.step(node, f"{name} is made here"))
    seen = {file.span(stall.first.node)[0].row}
    for each in stall.operations[1:]:
        row = file.span(each.node)[0].row
        if row not in seen:
            seen.add(row)
            found.append(file.step(each.node, f"{described(file, each)} blocks too"))
    return found


def is_startup(file: FileContext, scope: Scope) -> bool:
    """Whether a function runs when the application starts or stops, while nothing is served."""
    node = scope.node
    if not isinstance(node, cst.FunctionDef):
        return False
    for decorator in node.decorators:
        target = decorator.decorator
        if getattr(file.kind(target), "name", "") == "contextlib.asynccontextmanager":
            parameters = node.params.params
            return bool(parameters) and "app" in parameters[0].name.value
        if isinstance(target, cst.Call) and isinstance(target.func, cst.Attribute):
            event = file.kind(target.args[0].value) if target.args else None
            if target.func.attr.value == "on_event" and getattr(event, "value", "") in (
                "startup",
                "shutdown",
            ):
                return True
    return False


def could_be_plain(file: FileContext, scope: Scope) -> bool:
    """Whether it is a route of a web framework that awaits nothing, and so may be a plain `def`."""
    node = scope.node
    if not isinstance(node, cst.FunctionDef) or not any(is_route(each.decorator) for each in node.decorators):
        return False
    waits = [*file.model.nodes.get(cst.Await, ())]
    waits += [each for each in file.model.nodes.get(cst.With, ()) if getattr(each, "asynchronous", None)]
    waits += [each for each in file.model.nodes.get(cst.For, ()) if getattr(each, "asynchronous", None)]
    return not any(file.model.scope_of(each).function is scope for each in waits)


def is_route(decorator: cst.BaseExpression) -> bool:
    target = decorator.func if isinstance(decorator, cst.Call) else None
    return isinstance(target, cst.Attribute) and target.attr.value in ROUTE_METHODS - {
        "websocket",
        "middleware",
    }


def imports(file: FileContext, prefix: str) -> bool:
    """Whether any module of the project imports a library: nothing else is worth recommending."""
    return any(
        name == prefix or name.startswith(f"{prefix}.")
        for module in file.project.modules.values()
        for name in module.imports
    )


def remedy(file: FileContext, stall: Stall, async_form: str) -> str:
    """What to write instead; `async_form` is how an asynchronous library would do it."""
    if could_be_plain(file, stall.scope):
        return "make the endpoint a plain `def`, which runs in a thread: it awaits nothing"
    thread = "move this into a plain function that opens what it needs, and `await asyncio.to_thread(…)` it"
    return f"{async_form}, or {thread}" if async_form else thread
