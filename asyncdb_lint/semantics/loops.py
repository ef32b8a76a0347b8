"""Where code makes an event loop for a coroutine, and which engines belong to the loop that used them first.

Coroutines are looked through with `effects.py`, so that a run is known by the engines that it takes connections from.
"""

from __future__ import annotations

import collections
import itertools
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst
import msgspec

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.effects import NO_EFFECT, Effect, Frame, effects_of, frame_of
from asyncdb_lint.semantics.kinds import Function
from asyncdb_lint.semantics.lifecycle import around
from asyncdb_lint.semantics.summary import FunctionSummary
from asyncdb_lint.semantics.trace import NodeRef, Site

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.semantics.callgraph import CallGraph, Where
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
ASKS = {"get_running_loop", "_get_running_loop", "is_running", "current_task", "current_async_library"}
"""What code calls that knows of a loop that may run already."""
DEPTH = 6


Way = tuple[tuple[tuple[str, str, int], str], ...]
"""Places, each with the function that it is in."""


class LoopRun(NamedTuple):
    """A call that makes a loop, the coroutine that runs on it, and the function (None at module level) that does so.

    `in_thread`: the loop is made by a thread, which is told to run the coroutine.
    """

    node: cst.Call
    coroutine: ex.Node
    scope: Scope | None
    in_thread: bool = False


class Nested(msgspec.Struct, frozen=True, array_like=True):
    """A call in a coroutine function, and the calls from there to the one that makes a loop, each with its function."""

    node: NodeRef
    callee: str
    way: Way


# In one file


def loop_runs(file: FileContext) -> Iterator[LoopRun]:
    """The calls of a file that make an event loop, or a project function's that does, for a coroutine."""
    for node in file.model.nodes.get(cst.Call, ()):
        assert isinstance(node, cst.Call)
        coroutine, in_thread = coroutine_of(file, node), False
        if coroutine is None:
            coroutine, in_thread = handed_to_runner(file, node), True
        if coroutine is not None:
            yield LoopRun(node, coroutine, file.model.scope_of(node).function, in_thread)


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
    return ex.Call(adapted, expr.args, expr.keywords) if adapted is not None else None


def handed_to_runner(file: FileContext, call: cst.Call) -> ex.Node | None:
    """The coroutine in `executor.submit(asyncio.run, main())` and `Thread(target=asyncio.run, args=(main(),))`."""
    for arg, following in itertools.pairwise(call.args):
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


def is_careful(file: FileContext, run: LoopRun) -> bool:
    """Whether it is a thread that makes the loop, or the function asks if one is running, or expects the error."""
    for parent, inner in around(file.model, run.node):
        if isinstance(parent, cst.Try) and inner is parent.body:
            names = {file.source(each.type, 80) for each in parent.handlers if each.type is not None}
            if any("RuntimeError" in name for name in names):
                return True
    return run.in_thread or any(
        isinstance(call, cst.Call) and file.model.scope_of(call).function is run.scope and asks(call.func)
        for call in file.model.nodes.get(cst.Call, ())
    )


def asks(func: cst.BaseExpression) -> bool:
    """Whether what is called tells of a running loop."""
    return getattr(func.attr if isinstance(func, cst.Attribute) else func, "value", "") in ASKS


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
    found = frame_of(file, scope) if scope is not None else None
    return found or Frame(effects_of(file.project), file.model.summary, FunctionSummary("<module>"))


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
        found[name] |= {each.parameter for each in function.runs if each.parameter}
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


def nested(graph: CallGraph) -> dict[str, list[Nested]]:
    """By coroutine function, its calls that make a loop for database work where one is running: that raises."""
    if any("nest_asyncio" in summary.imports for summary in graph.project.modules.values()):
        return {}
    callers: dict[str, list[tuple[str, str, Site]]] = collections.defaultdict(list)
    for module, name, function in graph.functions():
        for site in function.sites:
            if not site.awaits:
                callers[site.callee].append((module, name, site))
    ways: dict[str, Way] = {name: ((where, name),) for name, where in nesting(graph, callers).items()}
    todo = collections.deque(ways)
    found: dict[str, list[Nested]] = collections.defaultdict(list)
    while todo:
        callee = todo.popleft()
        if graph.wrappers(callee) != ():
            continue  # a decorator may run it in a thread
        for module, name, site in callers[callee]:
            if graph.is_async(name):
                found[name].append(Nested(site.node, callee, ways[callee]))
            elif name not in ways:
                ways[name] = (((module, *site.node), name), *ways[callee])
                todo.append(name)
    return dict(found)


def nesting(graph: CallGraph, callers: Mapping[str, Sequence[tuple[str, str, Site]]]) -> dict[str, Where]:
    """The plain functions that make a loop for database work, without a look at whether one is running, and where."""
    helpers: set[str] = set()
    makers: dict[str, Where] = {}
    for module, name, function in graph.functions():
        for each in function.runs:
            if not each.careful and not function.is_async:
                makers[name] = (module, *each.node)
                helpers |= {name} if each.parameter else set()
    for helper in helpers:
        for module, name, site in callers.get(helper, ()):
            makers.setdefault(name, (module, *site.node))
    effects = effects_of(graph.project)
    return {
        name: where
        for name, where in makers.items()
        if not graph.is_async(name) and any(
            site.awaits in ("run", "other") and effects.of(site.callee).acts + effects.of(site.callee).opens
            for site in graph.by_name[name].sites
        )
    }  # fmt: skip
