"""Engines and pools that are made anew on each call of a function, and what the function does with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import libcst as cst

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.callables import CONTEXT_MANAGERS, REGISTRIES, argument
from asyncdb_lint.semantics.engine_uses import bound_to
from asyncdb_lint.semantics.engines import QUEUES
from asyncdb_lint.semantics.kinds import Class, Function, Instance
from asyncdb_lint.semantics.lifecycle import LOOKERS, borrows
from asyncdb_lint.semantics.usage import fates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.semantics.model import Binding, Model
    from asyncdb_lint.semantics.project import Project
    from asyncdb_lint.semantics.summary import FunctionSummary

POOLED = {
    "sqlalchemy.engine.create.create_engine",
    "sqlalchemy.engine.create.engine_from_config",
    "sqlalchemy.ext.asyncio.engine.create_async_engine",
    "sqlalchemy.ext.asyncio.engine.async_engine_from_config",
    "asyncpg.pool.create_pool",
    "psycopg_pool.pool.ConnectionPool",
    "psycopg_pool.pool_async.AsyncConnectionPool",
}
"""What makes an object that keeps connections open."""

LIBRARIES = {"sqlalchemy", "sqlmodel", "asyncpg", "psycopg_pool"}
OWN_POOLS = ("pool", "poolclass", "creator", "async_creator", "**")
"""Arguments that may make an engine keep nothing, or what somebody else has."""

ENDING = {"dispose", "close", "aclose", "terminate", "expire_connections"}
WORKING = {"connect", "begin", "raw_connection", "acquire", "connection", "getconn", "execution_options"}
"""Methods whose result holds the engine."""
KEEPING = {"add", "append", "insert", "put", "register", "set", "setdefault", "update"}
BORROWERS = ("sqlalchemy.", "pandas.", "sqlmodel.")
HANDS_OUT = {"builtins.staticmethod", "builtins.classmethod", "typing.no_type_check", *CONTEXT_MANAGERS}
DEPTH = 8

End = Literal["dropped", "returned", "yielded", "kept"]


class Made(NamedTuple):
    """The call that makes an engine, in its module, and the project functions that hand it back, outermost first."""

    module: str
    call: ex.Call
    through: tuple[str, ...]


# What a module tells of itself


def note_kept(model: Model) -> None:
    """Enter into the summary which objects that functions make are stored where they outlive the call."""
    if LIBRARIES.isdisjoint(name.partition(".")[0] for name in model.summary.imports):
        return
    model.summary.kept = tuple(each.index for each in model.bindings if is_kept(model, each))


def is_kept(model: Model, binding: Binding) -> bool:
    """Whether the function that makes an object puts it somewhere, or ends it."""
    value = binding.value
    if not isinstance(value, (cst.Call, cst.Await)) or model.scope_of(value).function is None:
        return False
    home = model.scope_of(value).function
    for what, consumer in fates(model, value):
        if what in ("stored", "subscripted", "entered") or model.scope_of(consumer).function is not home:
            return True
        if what == "attribute" and isinstance(consumer, cst.Attribute) and consumer.attr.value in ENDING:
            return True
        if what == "passed" and is_put_away(model, consumer):
            return True
    return False


def is_put_away(model: Model, arg: cst.CSTNode) -> bool:
    """Whether a call adds its argument to a collection: `cache.set(key, engine)`."""
    call = model.parents[arg]
    return (
        isinstance(call, cst.Call)
        and isinstance(call.func, cst.Attribute)
        and call.func.attr.value in KEEPING
    )


# What a call makes


def made_anew(project: Project, module: str, expr: ex.Node | None, depth: int = DEPTH) -> Made | None:
    """The engine behind an expression, if it is a new one each time the expression is evaluated."""
    if expr is None or depth == 0:
        return None
    match expr:
        case ex.Bound(index):
            summary = project.modules[module]
            return (
                made_anew(project, module, summary.bindings[index], depth - 1)
                if index not in summary.kept
                else None
            )
        case ex.Await(value):
            return made_anew(project, module, value, depth - 1)
        case ex.First(options):
            return made_anew(project, module, options[0], depth - 1)
        case ex.Either(options):
            found = [made_anew(project, module, each, depth - 1) for each in options]
            return found[0] if None not in found else None
        case ex.Call():
            return made_by_call(project, module, expr, depth - 1)
        case _:
            return None


def made_by_call(project: Project, module: str, expr: ex.Call, depth: int) -> Made | None:
    """The same for a call: of a maker, of a session or factory bound to what it makes, of a function."""
    kind = project.kind(module, expr.func)
    name = getattr(kind, "name", "")
    if isinstance(kind, (Class, Function)) and name in POOLED:
        return Made(module, expr, ()) if keeps_connections(project, module, expr) else None
    if isinstance(kind, Class):
        return made_anew(project, module, bound_to(project, name, expr), depth)
    if isinstance(kind, Instance):
        is_factory = project.role(kind)[0] in ("session_factory", "scoped_registry")
        return made_anew(project, module, argument(expr, "bind") or expr.func, depth) if is_factory else None
    found = project.function(name) if isinstance(kind, Function) else None
    if found is None:
        return None
    home, summary = found
    if summary.is_generator or not hands_out(project, home.name, summary):
        return None
    results = [made_anew(project, home.name, each, depth) for each in summary.returns if each != ex.NONE]
    first = results[0] if results and None not in results else None
    return first._replace(through=(name, *first.through)) if first is not None else None


def hands_out(project: Project, module: str, summary: FunctionSummary) -> bool:
    """Whether nothing around a function keeps what it gives: any decorator that is not known may be a cache."""
    names = (getattr(project.kind(module, each), "name", "") for each in summary.decorators)
    return all(name in HANDS_OUT for name in names)


def keeps_connections(project: Project, module: str, expr: ex.Call) -> bool:
    """Whether what a call makes surely has a pool of its own, of a database that lasts."""
    for keyword, value in expr.keywords:
        if keyword in OWN_POOLS:
            kind = project.kind(module, value)
            if keyword != "poolclass" or getattr(kind, "name", "").rpartition(".")[2] not in QUEUES:
                return False
    return True


# What a function does with it


def ends(file: FileContext, made: cst.CSTNode) -> set[End]:
    """What becomes of a new engine in the function that has it; "dropped" means that nobody has it afterwards."""
    return set(outcomes(file, made, file.role(made)[0] in ("session", "connection"), DEPTH))


def outcomes(file: FileContext, node: cst.CSTNode, is_session: bool, depth: int) -> Iterator[End]:
    """The same for an engine or what holds it; a session ends without its engine."""
    home = file.model.scope_of(node).function
    if depth == 0:
        yield "kept"
        return
    for what, consumer in fates(file.model, node):
        if file.model.scope_of(consumer).function is not home:
            yield "kept"
            continue
        match what:
            case "returned":
                yield "returned"
            case "yielded":
                yield "dropped" if is_session else "yielded"
            case "awaited":
                yield from outcomes(file, consumer, is_session, depth - 1)
            case "attribute":
                yield from by_attribute(file, consumer, is_session, depth)
            case "called":
                yield from outcomes(file, consumer, True, depth - 1)
            case "passed":
                yield from by_call(file, consumer, is_session, depth)
            case "entered":  # a pool is closed at the end of the block
                is_pool = not is_session and file.role(node)[0] != "engine"
                yield "kept" if is_pool else "dropped"
            case "tested" | "operand" | "discarded":
                yield "dropped"
            case _:
                yield "kept"


def by_attribute(file: FileContext, node: cst.CSTNode, is_session: bool, depth: int) -> Iterator[End]:
    """What reading or calling an attribute of it means for the engine."""
    assert isinstance(node, cst.Attribute)
    name, call = node.attr.value, file.model.parents[node]
    if is_session:
        yield "kept" if name in ("bind", "get_bind", "kw") else "dropped"
    elif name in ENDING:
        yield "kept"
    elif name in WORKING and isinstance(call, cst.Call) and call.func is node:
        yield from outcomes(file, call, True, depth - 1)
    else:
        yield "dropped"


def by_call(file: FileContext, arg: cst.CSTNode, is_session: bool, depth: int) -> Iterator[End]:
    """What being passed to a call means for the engine."""
    call = file.model.parents[arg]
    callee = file.call(call) if isinstance(call, cst.Call) else None
    if callee is None or not isinstance(call, cst.Call):
        yield "dropped" if is_session else "kept"
        return
    holds = file.role(call)[0]
    line = file.project.mro(callee.function)
    if holds in ("session", "session_factory") or not REGISTRIES.isdisjoint(line):
        yield from outcomes(file, call, holds == "session", depth - 1)
    else:
        looks = callee.function.removeprefix("builtins.") in LOOKERS or callee.function.startswith(BORROWERS)
        is_only_session = is_session and file.role(getattr(arg, "value", arg))[0] == "session"
        yield "dropped" if looks or is_only_session or borrows(file, call, callee, arg) else "kept"
