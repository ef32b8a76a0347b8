"""Which engine an operation goes through in the end, and where the event loop waits for each engine.

A session is followed to its factory, the factory to what it is bound to, and so on to the call that makes the
engine, across files. The call is named by a key that every module can work out.
"""

from __future__ import annotations

import collections
import zlib
from typing import TYPE_CHECKING

import libcst as cst
import msgspec

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.callables import DEPENDS, REGISTRIES, SESSION, SESSION_FACTORIES, argument
from asyncdb_lint.semantics.kinds import Class, Function, Instance
from asyncdb_lint.semantics.modules import names_test
from asyncdb_lint.semantics.origins import extras
from asyncdb_lint.semantics.servers import APPLICATIONS
from asyncdb_lint.semantics.trace import NOTHING_GIVEN, EngineMade

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.semantics.callgraph import CallGraph, Reach, Where
    from asyncdb_lint.semantics.model import Scope
    from asyncdb_lint.semantics.project import Project
    from asyncdb_lint.semantics.trace import NodeRef, Place

ENGINE_MAKERS = {
    "sqlalchemy.engine.create.create_engine": False,
    "sqlalchemy.ext.asyncio.engine.create_async_engine": True,
}
"""The functions whose engines are told apart, and whether they make async ones."""

CACHES = {"functools.lru_cache", "functools.cache"}
HAND_THROUGH = {"contextlib.closing", "typing.cast", "builtins.next"}
# Folders of code that is run by hand, by a tool or by a worker that has its loop for one job.
ASIDE_FOLDERS = {
    "alembic", "benchmarks", "celery", "cli", "commands", "docs", "examples", "migrations", "notebooks", "script",
    "scripts", "tools", "worker", "workers",
}  # fmt: skip
MIGRATION_NAMES = {"alembic.context", "alembic.op"}
# What runs jobs or commands in processes of its own; web applications import these too, to start jobs.
JOB_RUNNERS = {"celery", "click", "dramatiq", "huey", "rq", "typer"}

Step = tuple[str, ex.Node, int | None]
"""An expression of a module, and the binding that holds it if one does."""


def call_key(module: str, call: ex.Call, held: int | None) -> str:
    """The name of what a call makes, for the whole project: its binding, or how it is written."""
    return f"{module}:{zlib.crc32(msgspec.json.encode(call)):x}" if held is None else f"{module}:{held}"


def engine_behind(project: Project, module: str, expr: ex.Node | None) -> str:
    """The key of the engine that an object works on; empty where some way to it cannot be followed.

    Of several (a branch for each dialect) it is the first.
    """
    keys = (call_key(home, call, held) for home, call, held in engines_behind(project, module, expr))
    return min(keys, default="", key=lambda key: (len(key), key))


def engines_behind(
    project: Project, module: str, expr: ex.Node | None, makers: Collection[str] = ENGINE_MAKERS
) -> list[tuple[str, ex.Call, int | None]]:
    """The calls that make the engine that an object works on; none where some way to them cannot be followed."""
    if expr is None:
        return []
    todo: list[Step] = [(module, expr, None)]
    seen: set[Step] = set()
    found = []
    while todo:
        step = todo.pop()
        if step in seen or step[1] == ex.NONE or isinstance(step[1], ex.Typed):
            continue  # `engine: Engine | None = None`: what it is later is assigned elsewhere
        seen.add(step)
        home, each, held = step
        if isinstance(each, ex.Call) and getattr(project.kind(home, each.func), "name", "") in makers:
            found.append((home, each, held))
            continue
        onward = list(sources(project, *step))
        if not onward:
            return []
        todo += onward
    return found


def sources(project: Project, module: str, expr: ex.Node, held: int | None) -> Iterator[Step]:
    """One step towards the engine."""
    match expr:
        case ex.Bound(index):
            yield module, project.modules[module].bindings[index], index
        case ex.First(options):
            yield module, options[0], held
        case ex.Either(options):
            yield from ((module, each, None) for each in options)
        case ex.Enter(value) | ex.Await(value) | ex.Each(value):
            yield module, value, None
        case ex.Call():
            yield from behind_call(project, module, expr)
        case ex.Param(function, name):
            yield from behind_parameter(project, module, function, name)
        case ex.Ref() | ex.Attr():
            named = [(home, each, None) for home, each in project.definitions(module, expr)]
            yield from named
            if isinstance(expr, ex.Attr) and not named:
                yield from behind_attribute(project, module, expr)
        case _:
            return


def behind_call(project: Project, module: str, expr: ex.Call) -> Iterator[Step]:
    """What a call's result works on: what its class is bound to, its factory, its object, what a function gives."""
    kind = project.kind(module, expr.func)
    name = getattr(kind, "name", "")
    if isinstance(kind, Class):
        bind = bound_to(project, name, expr)
        if bind is not None:
            yield module, bind, None
    elif isinstance(kind, Instance):
        if project.role(kind)[0] in ("session_factory", "scoped_registry"):
            yield module, argument(expr, "bind") or expr.func, None
    elif name in HAND_THROUGH or name.endswith("ExitStack.enter_context"):
        yield from ((module, each, None) for each in expr.args[-1:])
    elif isinstance(expr.func, ex.Attr) and project.role(project.kind(module, expr.func.value))[0]:
        yield module, expr.func.value, None
    elif (found := project.function(name)) is not None:
        home, summary = found
        given = summary.yields if summary.is_generator else summary.returns
        yield from ((home.name, each, None) for each in given)


def bound_to(project: Project, name: str, expr: ex.Call) -> ex.Node | None:
    """What a session, a factory or a registry is made with."""
    line = project.mro(name)
    if SESSION in line or not SESSION_FACTORIES.keys().isdisjoint(line):
        return argument(expr, "bind", 0)
    return argument(expr, "session_factory", 0) if not REGISTRIES.isdisjoint(line) else None


def behind_parameter(project: Project, module: str, function: str, name: str) -> Iterator[Step]:
    """What a dependency gives, or the parameter's default."""
    summary = project.modules[module].functions.get(function)
    parameter = next((each for each in summary.parameters if each.name == name), None) if summary else None
    if parameter is None:
        return
    for home, given in ((module, parameter.default), *extras(project, module, parameter.annotation)):
        if isinstance(given, ex.Call) and getattr(project.kind(home, given.func), "name", "") in DEPENDS:
            provider = argument(given, "dependency", 0)
            if provider is not None:
                yield home, ex.Call(provider), None
                return
    if parameter.default is not None:
        yield module, parameter.default, None


def behind_attribute(project: Project, module: str, expr: ex.Attr) -> Iterator[Step]:
    """What a project class's body and methods put there, or what its property gives."""
    owner = project.kind(module, expr.value)
    if not isinstance(owner, (Instance, Class)):
        return
    for base in project.mro(owner.name):
        found = project.class_(base)
        if found is None or expr.name not in found[1].attributes:
            continue
        home, summary = found
        for each in summary.attributes[expr.name]:
            method = home.functions.get(each.qualname) if isinstance(each, ex.Local) else None
            if method is None:
                yield home.name, each, None
            elif project.hierarchy.is_property(f"{home.name}:{method.qualname}"):
                yield from ((home.name, given, None) for given in method.returns)
        return


# What a module tells


def engine_made(file: FileContext, call: cst.Call, ref: NodeRef, *, is_async: bool) -> Iterator[EngineMade]:
    """The record of one call of an engine's maker."""
    url = file.argument(call, "url", 0)
    if url is None or not isinstance(file.model.exprs[call], ex.Call):
        return
    name, key = label_and_key(file, call)
    known = file.engines.get(call)
    driver = known.driver.name if known is not None and known.driver is not None else ""
    pool = known.pool or "" if known is not None else ""
    yield EngineMade(
        ref,
        key,
        is_async,
        name,
        file.model.exprs.get(url.value, ex.OPAQUE),
        driver,
        pool,
        lasting(file, call),
    )


def label_and_key(file: FileContext, call: cst.Call) -> tuple[str, str]:
    """What a call's engine or pool is called in its file ("" for nothing), and its key for the whole project."""
    expr = file.model.exprs[call]
    assert isinstance(expr, ex.Call)
    holder = file.model.parents[call]
    made = holder if isinstance(holder, cst.Await) else call
    held = next((each for each in file.model.bindings if each.value is made), None)
    name = held.name if held is not None else ""
    target = file.model.parents[made]
    if isinstance(target, cst.Assign) and isinstance(target.targets[0].target, cst.Attribute):
        name = file.source(target.targets[0].target, 40)
    return name, call_key(file.model.name, expr, held.index if held is not None else None)


def lasting(file: FileContext, call: cst.Call) -> str:
    """What keeps the engine that a call makes, as `EngineMade` has it."""
    target = file.model.parents[call]
    assigned = target.targets[0].target if isinstance(target, cst.Assign) else getattr(target, "target", None)
    scope = file.model.scope_of(call)
    function, cls = scope.function, scope.enclosing_class
    match assigned:
        case cst.Name(name) if scope.what == "module" or is_guarded_global(file, scope, name):
            return "module" if is_only_value(file, name) else ""
        case cst.Attribute(value=cst.Name("self")) if function is not None and cls is not None:
            is_init = function.qualname == f"{cls.qualname}.__init__"
            return f"{file.model.name}:{cls.qualname}" if is_init else ""
    if function is not None and isinstance(function.node, cst.FunctionDef):
        for each in function.node.decorators:
            decorator = each.decorator.func if isinstance(each.decorator, cst.Call) else each.decorator
            if getattr(file.kind(decorator), "name", "") in CACHES:
                return "cached"
    return ""


def is_guarded_global(file: FileContext, scope: Scope, name: str) -> bool:
    """Whether a function assigns a module's name, and only once: it asks what the name holds."""
    return scope.declared.get(name) == "global" and any(
        isinstance(test, cst.If)
        and file.model.scope_of(test) is scope
        and name in file.source(test.test, 200)
        for test in file.model.nodes.get(cst.If, ())
    )


def is_only_value(file: FileContext, name: str) -> bool:
    """Whether a module's name is this one object, as far as it is anything."""
    values = set()
    for each in file.model.summary.names.get(name, ()):
        value = file.model.bindings[each.index].expr if isinstance(each, ex.Bound) else each
        values |= {value} - {ex.NONE} if not isinstance(value, ex.Typed) else set()
    return len(values) == 1


# Where the loop waits


def engine_uses(graph: CallGraph, reach: Reach) -> dict[str, list[Where]]:
    """By engine, the places on a loop with other work where code waits for it, itself or through functions."""
    found: dict[str, dict[Where, None]] = collections.defaultdict(dict)
    for module, name, function in graph.functions():
        if not function.is_async or name in reach.alone or is_aside(graph.project, module):
            continue
        if is_startup(graph.project, name):
            continue
        for wait in function.waits:
            if wait.engine:
                found[wait.engine][(module, *wait.node)] = None
        for edge in reach.edges.get(name, ()):
            parameter = reach.first(edge.callee, edge.given)
            if parameter is None:
                continue
            given = edge.given.get(parameter, NOTHING_GIVEN)
            if given.own:
                engine = engine_behind(graph.project, module, ex.Param(name.partition(":")[2], given.own))
            else:
                way = reach.way(edge.callee, parameter)
                engine = given.engine or next((hop.engine for hop in way if hop.engine), "")
            if engine:
                found[engine][edge.where] = None
    return {engine: sorted(places) for engine, places in found.items()}


def spread(places: Iterable[Place], most: int) -> tuple[list[Place], int]:
    """The first places of as many files as may be, a line each, and how many are left out."""
    lines: dict[tuple[str, int], Place] = {}
    for place in sorted(places, key=lambda each: (each.path, each.row, each.column)):
        lines.setdefault((place.path, place.row), place)
    files: collections.Counter[str] = collections.Counter()
    ranked = []
    for (path, row), place in lines.items():
        ranked.append((files[path], path, row, place))
        files[path] += 1
    chosen = sorted(ranked, key=lambda each: each[:3])[:most]
    return [place for *_, place in sorted(chosen, key=lambda each: each[1:3])], len(ranked) - len(chosen)


def is_aside(project: Project, module: str) -> bool:
    """Whether a module is a script, a migration, a command or a worker's: nobody else waits for its loop."""
    if ASIDE_FOLDERS & set(module.split(".")):
        return True
    summary = project.modules.get(module)
    imports = summary.imports if summary is not None else ()
    if not MIGRATION_NAMES.isdisjoint(imports):
        return True
    roots = {name.partition(".")[0] for name in imports}
    return not JOB_RUNNERS.isdisjoint(roots) and APPLICATIONS.isdisjoint(imports)


def is_startup(project: Project, name: str) -> bool:
    """Whether a function is an application's lifespan or start-up handler: nothing is served meanwhile."""
    found = project.function(name)
    if found is None:
        return False
    module, summary = found
    for decorator in summary.decorators:
        if isinstance(decorator, ex.Call):
            event = decorator.args[0] if decorator.args else None
            if isinstance(decorator.func, ex.Attr) and decorator.func.name == "on_event":
                return event in (ex.Literal("startup"), ex.Literal("shutdown"))
        elif project.kind(module.name, decorator) == Function("contextlib.asynccontextmanager"):
            return bool(summary.parameters) and "app" in summary.parameters[0].name
    return False


def same_application(project: Project, left: str, right: str) -> bool:
    """Whether two modules run in one program: they are of one package, or something imports both."""
    if left == right or ((package := outermost(project, left)) and package == outermost(project, right)):
        return True
    importing: dict[str, list[str]] = collections.defaultdict(list)
    for name, summary in project.modules.items():
        if not names_test(name) and not is_aside(project, name):
            for dotted in summary.imports:
                home = project.index.locate(dotted, name)
                if home is not None:
                    importing[home].append(name)

    def above(module: str) -> set[str]:
        found, todo = {module}, [module]
        while todo:
            fresh = [each for each in importing[todo.pop()] if each not in found]
            found.update(fresh)
            todo += fresh
        return found

    return not above(left).isdisjoint(above(right))


def outermost(project: Project, module: str) -> str:
    """The topmost package that a module is in; empty where it is in none."""
    parts = module.split(".")
    names = (".".join(parts[:depth]) for depth in range(1, len(parts) + 1))
    return next((name for name in names if name in project.index.packages), "")
