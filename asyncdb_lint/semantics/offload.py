"""Calls that hand a function to a thread: which function, with which arguments."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import Class, Constant, Function, Instance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.semantics.model import Scope
    from asyncdb_lint.semantics.summary import FunctionSummary, ModuleSummary

LOOPS = ("asyncio.AbstractEventLoop", "asyncio.BaseEventLoop", "asyncio.events.AbstractEventLoop")
POOLS = ("concurrent.futures.ThreadPoolExecutor", "concurrent.futures.thread.ThreadPoolExecutor")
PROCESSES = ("concurrent.futures.ProcessPoolExecutor", "concurrent.futures.process.ProcessPoolExecutor")

# Where the function stands among the arguments; its own arguments follow it.
OFFLOADERS = {
    "asyncio.to_thread": 0,
    "asyncio.threads.to_thread": 0,
    "anyio.to_thread.run_sync": 0,
    "trio.to_thread.run_sync": 0,
    "starlette.concurrency.run_in_threadpool": 0,
    "fastapi.concurrency.run_in_threadpool": 0,
    **dict.fromkeys((f"{loop}.run_in_executor" for loop in LOOPS), 1),
    **dict.fromkeys((f"{pool}.submit" for pool in POOLS), 0),
}
# They give an async function that offloads each call: `await sync_to_async(save)(user)`.
WRAPPERS = {"asgiref.sync.sync_to_async", "asyncer.asyncify", "asyncer._main.asyncify"}
FUNCTION_KEYWORDS = ("func", "fn", "function")


@dataclasses.dataclass(frozen=True, eq=False)
class Offload:
    """A call that runs `function` in a thread, with `arguments`.

    `through` is what offloads; `executor` the argument that names a pool of threads, where there is one.
    """

    call: cst.Call
    through: str
    function: cst.BaseExpression
    arguments: tuple[cst.Arg, ...]
    executor: cst.BaseExpression | None = None


def offloads(file: FileContext) -> Iterator[Offload]:
    """All calls of the file that hand a function to a thread, project helpers that do it included."""
    for call in file.model.nodes.get(cst.Call, ()):
        assert isinstance(call, cst.Call)
        found = offload(file, call)
        if found is not None:
            yield found


def offload(file: FileContext, call: cst.Call) -> Offload | None:
    """The offload that a call is, if it is one."""
    kind = file.kind(call.func)
    if isinstance(call.func, cst.Call):  # sync_to_async(save)(user)
        inner = file.kind(call.func.func)
        if isinstance(inner, Function) and inner.name in WRAPPERS and call.func.args:
            return Offload(call, inner.name, call.func.args[0].value, tuple(call.args))
        return None
    if not isinstance(kind, Function):
        return None
    position = OFFLOADERS.get(kind.name)
    if position is None:
        position = file.project.declared.position(kind)
    if position is None and ":" in kind.name:
        position = helper_position(file, kind)
    if position is None:
        return None
    positional = [arg for arg in call.args if arg.keyword is None and not arg.star]
    named = (arg for arg in call.args if arg.keyword is not None)
    keyword = next((arg for arg in named if arg.keyword and arg.keyword.value in FUNCTION_KEYWORDS), None)
    given = positional[position] if position < len(positional) else keyword
    if given is None:
        return None
    executor = positional[0].value if position == 1 and kind.name.endswith(".run_in_executor") else None
    if executor is not None and isinstance(pool := file.kind(executor), Instance) and pool.name in PROCESSES:
        return None
    rest = tuple(arg for arg in call.args if arg is not given and arg.value is not executor)
    return unpacked(file, Offload(call, kind.name, given.value, rest, executor))


def unpacked(file: FileContext, found: Offload) -> Offload:
    """`partial(save, session)` and `lambda: save(session)` are the call that they stand for."""
    function = found.function
    if (
        isinstance(function, cst.Call)
        and function.args
        and file.kind(function.func) == Function("functools.partial")
    ):
        rest = (*function.args[1:], *found.arguments)
        return dataclasses.replace(found, function=function.args[0].value, arguments=rest)
    return found


# Project helpers that offload what they are given


def helper_position(file: FileContext, function: Function) -> int | None:
    """Which positional argument of a project function is handed to a thread, as its body shows."""
    found = file.project.function(function.name)
    if found is None:
        return None
    module, summary = found
    key = (module.name, f"offloads {summary.qualname}")
    position = file.project.remember(key, lambda: Constant(handed_over(file, module, summary)))
    value = position.value if isinstance(position, Constant) else None
    if not isinstance(value, int):
        return None
    return value - 1 if function.owner is not None and value > 0 else value


def handed_over(file: FileContext, module: ModuleSummary, summary: FunctionSummary) -> int | None:
    """The position of a parameter that the function passes, as a function, to something that offloads."""
    names = [each.name for each in summary.parameters if each.positional and not each.star]
    for returned in summary.returns:
        call = returned.value if isinstance(returned, ex.Await) else returned
        if not isinstance(call, ex.Call):
            continue
        kind = file.project.kind(module.name, call.func)
        place = OFFLOADERS.get(kind.name) if isinstance(kind, Function) else None
        if place is None:
            place = file.project.declared.position(kind)
        itself = f"{module.name}:{summary.qualname}"
        if place is None and isinstance(kind, Function) and ":" in kind.name and kind.name != itself:
            place = helper_position(file, kind)
        given = call.args[place] if place is not None and place < len(call.args) else None
        if isinstance(given, ex.Bound):
            given = module.bindings[given.index]
        if isinstance(given, ex.Param) and given.function == summary.qualname and given.name in names:
            return names.index(given.name)
    return None


# What runs in the thread


def target_scope(file: FileContext, function: cst.BaseExpression) -> Scope | None:
    """The scope of the function that is handed over, where it is defined in this file."""
    if isinstance(function, cst.Lambda):
        return file.model.opened.get(function)
    kind = file.kind(function)
    module, _, qualname = kind.name.partition(":") if isinstance(kind, Function) else ("", "", "")
    if module != file.model.name:
        return None
    scopes = (scope for scope in file.model.opened.values() if scope.what == "function")
    return next((scope for scope in scopes if scope.qualname == qualname), None)


def may_be_function(file: FileContext, call: cst.Call) -> bool:
    """Whether the call's value can be called: a function made by it, or nothing is known of it."""
    kind = file.kind(call)
    if isinstance(kind, (Function, Class)):
        return True
    if isinstance(kind, Instance):
        return kind.name == "builtins.lambda" or isinstance(
            file.project.class_attribute(kind, "__call__"), Function
        )
    callee = file.kind(call.func)
    found = file.project.function(callee.name) if isinstance(callee, Function) else None
    if found is None:
        return not isinstance(callee, Function) or file.project.member(callee) is None
    module, summary = found
    kinds = (file.project.kind(module.name, each) for each in summary.returns)
    return any(isinstance(kind, (Function, Class)) for kind in kinds) or any(
        isinstance(each, (ex.Lambda, ex.Local)) for each in summary.returns
    )
