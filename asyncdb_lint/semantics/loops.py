"""Where code makes an event loop for a coroutine, and which engines belong to the loop that used them first.

Coroutines are looked through with `effects.py`, so that a run is known by the engines that it takes connections from.
"""

from __future__ import annotations

import collections
import itertools
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.effects import NO_EFFECT, Effect, Frame, effects_of
from asyncdb_lint.semantics.kinds import Function
from asyncdb_lint.semantics.summary import FunctionSummary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.semantics.callgraph import CallGraph
    from asyncdb_lint.semantics.model import Scope
    from asyncdb_lint.semantics.trace import EngineMade

RUNNERS = {"asyncio.run", "uvloop.run"}
"""Functions that make a loop for the coroutine that they are given."""
CALLING_RUNNERS = {"anyio.run"}
"""The same with a coroutine function and its arguments."""
ADAPTERS = {"asgiref.sync.async_to_sync", "asgiref.sync.AsyncToSync"}
METHODS = {"run_until_complete", "run"}
"""Of a loop or an `asyncio.Runner` that was just made."""
LOOP_MAKERS = {"asyncio.new_event_loop", "uvloop.new_event_loop", "asyncio.Runner"}
ASKS = {"get_running_loop", "is_running", "current_task", "nest_asyncio", "sniffio"}
"""Names by which code shows that it knows of a loop that may run already."""
DEPTH = 6


class LoopRun(NamedTuple):
    """A call that makes a loop, the coroutine that runs on it, and the function (None at module level) that does so."""

    node: cst.Call
    coroutine: ex.Node
    scope: Scope | None


# In one file


def loop_runs(file: FileContext) -> Iterator[LoopRun]:
    """The calls of a file that make an event loop, or a project function's that does, for a coroutine."""
    for node in file.model.nodes.get(cst.Call, ()):
        assert isinstance(node, cst.Call)
        coroutine = coroutine_of(file, node)
        if coroutine is not None:
            yield LoopRun(node, coroutine, file.model.scope_of(node).function)


def coroutine_of(file: FileContext, call: cst.Call) -> ex.Node | None:
    """What a call runs on a loop of its own; None for every other call."""
    name = getattr(file.kind(call.func), "name", "")
    expr = file.model.exprs.get(call)
    if not isinstance(expr, ex.Call):
        return None
    if name in RUNNERS or is_made_here(file, call.func):
        return expr.args[0] if expr.args else None
    if name in CALLING_RUNNERS:
        return ex.Call(expr.args[0], expr.args[1:]) if expr.args else None
    adapted = adapter(file, expr.func)
    if adapted is not None:
        return ex.Call(adapted, expr.args, expr.keywords)
    for arg, following in itertools.pairwise(call.args):  # `submit(asyncio.run, main())`
        if names_run(arg.value) and getattr(file.kind(arg.value), "name", "") in RUNNERS:
            value = following.value
            if isinstance(value, cst.Tuple) and value.elements:
                value = value.elements[0].value
            return file.model.exprs.get(value)
    return None


def names_run(node: cst.BaseExpression) -> bool:
    """Whether an expression is called `run`: only then its kind is worth asking for."""
    return getattr(node.attr if isinstance(node, cst.Attribute) else node, "value", "") == "run"


def adapter(file: FileContext, func: ex.Node) -> ex.Node | None:
    """The coroutine function in `async_to_sync(function)`."""
    for _ in range(DEPTH):
        if not isinstance(func, ex.Bound):
            break
        func = file.model.bindings[func.index].expr
    if isinstance(func, ex.Call) and func.args and getattr(file.kind_of(func.func), "name", "") in ADAPTERS:
        return func.args[0]
    return None


def is_made_here(file: FileContext, func: cst.BaseExpression) -> bool:
    """Whether the function that runs something on a loop, or a runner, has just made it."""
    match func:
        case cst.Attribute(value=cst.Name() as name, attr=cst.Name(method)) if method in METHODS:
            bindings = file.model.bindings_of(name)
        case _:
            return False
    function = file.model.scope_of(func).function
    return bool(bindings) and all(
        each.scope.function is function and is_new(file, each.expr) for each in bindings
    )


def is_new(file: FileContext, expr: ex.Node) -> bool:
    if isinstance(expr, ex.Enter):
        expr = expr.value
    return isinstance(expr, ex.Call) and getattr(file.kind_of(expr.func), "name", "") in LOOP_MAKERS


def own_parameter(file: FileContext, run: LoopRun) -> str:
    """The parameter of the function itself that is the coroutine, or the coroutine function; else empty."""
    expr = run.coroutine
    if isinstance(expr, ex.Call):
        expr = expr.func
    for _ in range(DEPTH):
        match expr:
            case ex.Bound(index):
                expr = file.model.bindings[index].expr
            case ex.First(options):
                expr = options[0]
            case ex.Param(function, name) if run.scope is not None and function == run.scope.qualname:
                return name
            case _:
                break
    return ""


def knows_of_loops(file: FileContext, scope: Scope) -> bool:
    """Whether a function asks if a loop is running before it makes one."""
    return any(
        isinstance(name, cst.Name) and name.value in ASKS and file.model.scope_of(name).function is scope
        for name in file.model.nodes.get(cst.Name, ())
    )


def lent_runs(file: FileContext) -> Iterator[LoopRun]:
    """Calls of project functions that make a loop for a coroutine that they are given."""
    runners = file.reach.runners
    for call in file.model.nodes.get(cst.Call, ()) if runners else ():
        assert isinstance(call, cst.Call)
        kind = file.kind(call.func)
        expr = file.model.exprs.get(call)
        if not isinstance(kind, Function) or kind.name not in runners or not isinstance(expr, ex.Call):
            continue
        found = file.project.function(kind.name)
        scope = file.model.scope_of(call).function
        frame = frame_at(file, scope)
        for parameter in runners[kind.name] if found is not None else ():
            given = frame.argument(expr, kind, found[1], parameter) if found is not None else None
            if given is not None:
                is_function = isinstance(file.kind_of(given), Function) and not isinstance(given, ex.Call)
                yield LoopRun(call, ex.Call(given) if is_function else given, scope)


# What a run does


def frame_at(file: FileContext, scope: Scope | None) -> Frame:
    """The frame of a function of a file, or of the module itself."""
    summary = file.model.summary.functions.get(scope.qualname) if scope is not None else None
    return Frame(effects_of(file.project), file.model.summary, summary or FunctionSummary("<module>"))


def effect_of(file: FileContext, run: LoopRun) -> Effect:
    """What a coroutine does until it ends."""
    frame = frame_at(file, run.scope)
    coroutine = frame.followed(run.coroutine)
    return frame.effects.of_call(frame, coroutine, "awaited") if isinstance(coroutine, ex.Call) else NO_EFFECT


def taken(effect: Effect) -> set[str]:
    """The keys of the engines and pools that something takes connections from, and leaves connections in."""
    keys = {each.source for each in effect.opens}
    keys |= {act.root.source for act in effect.acts if act.root.what == "made" and act.verb != "closes"}
    return keys - set(effect.disposes) - {""}


# In the project


def runners(graph: CallGraph) -> dict[str, tuple[str, ...]]:
    """The functions that make a loop for a coroutine that they are given: by name, the parameters that are it."""
    found: dict[str, set[str]] = collections.defaultdict(set)
    for _, name, function in graph.functions():
        found[name] |= {parameter for _, parameter in function.runs if parameter}
    todo = [name for name, parameters in found.items() if parameters]
    while todo:
        callee = todo.pop()
        for _, name, function in graph.functions():
            for site in function.sites if name != callee else ():
                given = {site.given[each].own for each in found[callee] if each in site.given} - {""}
                if site.callee == callee and not given <= found[name]:
                    found[name] |= given
                    todo.append(name)
    return {name: tuple(sorted(parameters)) for name, parameters in found.items() if parameters}


def lasting_engines(graph: CallGraph) -> dict[str, tuple[str, EngineMade]]:
    """The pooled asyncpg engines that live as long as the process, by key, each with its module.

    Those of objects count where objects of that class are made at module level, and nowhere else.
    """
    made: dict[bool, set[str]] = {True: set(), False: set()}
    for module, name, function in graph.functions():
        for site in function.sites:
            if site.callee.endswith(".__init__"):
                made[name == f"{module}:<module>"].add(site.callee.removesuffix(".__init__"))
    keepers = {"module", "cached", *made[True]} - made[False]
    return {
        each.key: (module, each)
        for module, trace in graph.traces.items()
        for each in trace.engines
        if each.driver == "asyncpg" and each.pool == "AsyncAdaptedQueuePool" and each.lasting in keepers
    }
