"""The engines, pools and session factories that a project makes, with their sizes, and where they are closed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import libcst as cst

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.callables import SESSION_FACTORIES
from asyncdb_lint.semantics.engine_uses import (
    ENGINE_MAKERS,
    MIGRATION_NAMES,
    call_key,
    engines_behind,
    label_and_key,
)
from asyncdb_lint.semantics.engines import QUEUES, dialect_of
from asyncdb_lint.semantics.kinds import UNKNOWN, Class, Constant, Instance
from asyncdb_lint.semantics.modules import names_test
from asyncdb_lint.semantics.servers import ASIDE, outlives_call
from asyncdb_lint.semantics.trace import Asset
from asyncdb_lint.semantics.urls import field_default

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.semantics.engines import EngineCall
    from asyncdb_lint.semantics.model import Scope
    from asyncdb_lint.semantics.project import Project
    from asyncdb_lint.semantics.trace import NodeRef

UNPOOLED = {"NullPool", "StaticPool"}
QUEUE_SIZE, QUEUE_OVERFLOW = 5, 10
"""What SQLAlchemy's pools hold by default."""
ENGINE_OPTIONS = (
    "pool_pre_ping", "pool_recycle", "pool_timeout", "pool_reset_on_return", "query_cache_size", "isolation_level",
    "echo",
)  # fmt: skip
CACHES = (
    "statement_cache_size",
    "prepared_statement_cache_size",
    "prepare_threshold",
    "prepared_statement_name_func",
)
DISPOSING = {"dispose", "close", "aclose", "terminate", "closeall"}
UNTOLD = "?"
DEPTH = 6


class PoolMaker(NamedTuple):
    """A driver's pool: the arguments that bound it, with the position and the default of each."""

    driver: str
    is_async: bool
    least: tuple[str, int | None, int]
    most: tuple[str, int | None, int | None]
    options: tuple[str, ...] = ()


PSYCOPG = (("min_size", None, 4), ("max_size", None, None), ("timeout", "max_idle", "max_lifetime", "open"))
POOLS = {
    "asyncpg.pool.create_pool": PoolMaker(
        "asyncpg", True, ("min_size", None, 10), ("max_size", None, 10), ("max_inactive_connection_lifetime",)
    ),
    "psycopg_pool.pool.ConnectionPool": PoolMaker("psycopg", False, *PSYCOPG),
    "psycopg_pool.pool_async.AsyncConnectionPool": PoolMaker("psycopg", True, *PSYCOPG),
    "psycopg2.pool.SimpleConnectionPool": PoolMaker(
        "psycopg2", False, ("minconn", 0, 0), ("maxconn", 1, None)
    ),
    "psycopg2.pool.ThreadedConnectionPool": PoolMaker(
        "psycopg2", False, ("minconn", 0, 0), ("maxconn", 1, None)
    ),
}
POOLED = ENGINE_MAKERS.keys() | POOLS.keys()
MAKING = POOLED | SESSION_FACTORIES.keys()
"""What makes an asset."""


def asset(file: FileContext, call: cst.Call, name: str, ref: NodeRef) -> Asset | None:
    """What a call makes, by the canonical name of the function or class; None for anything else."""
    expr = file.model.exprs.get(call)
    if not isinstance(expr, ex.Call):
        return None
    what: Literal["engine", "pool", "session factory"]
    if name in ENGINE_MAKERS:
        what = "engine"
    elif name in POOLS:
        what = "pool"
    elif name in SESSION_FACTORIES:
        what = "session factory"
    else:
        return None
    label, key = label_and_key(file, call)
    maker = name.rpartition(".")[2]
    holder = file.model.parents[call]
    lasts = outlives_call(file.model, holder if isinstance(holder, cst.Await) else call)
    if what == "session factory":
        found = engines_behind(file.project, file.model.name, expr)
        on = call_key(*found[0]) if len(found) == 1 else ""
        is_async = file.project.role(file.kind(call))[1] == "async"
        return Asset(ref, what, key, label, maker, is_async, on=on, lasts=lasts)
    if what == "pool":
        pool = POOLS[name]
        least = size(file, call, *pool.least)
        most = size(file, call, *pool.most[:2], pool.most[2] if pool.most[2] is not None else least)
        options = written(file, call, pool.options)
        return Asset(
            ref, what, key, label, maker, pool.is_async, "postgresql", pool.driver, maker, least, most, options,
            lasts=lasts,
        )  # fmt: skip
    engine = file.engines.get(call)
    if engine is None:
        return None
    return of_engine(file, engine, Asset(ref, what, key, label, maker, engine.maker.is_async, lasts=lasts))


def of_engine(file: FileContext, engine: EngineCall, bare: Asset) -> Asset:
    """The record of a SQLAlchemy engine."""
    least, most = None, None
    if engine.pool in QUEUES:
        least = setting(file, engine, "pool_size", QUEUE_SIZE)
        overflow = setting(file, engine, "max_overflow", QUEUE_OVERFLOW)
        if least == 0 or (overflow is not None and overflow < 0):
            most = math.inf
        elif least is not None and overflow is not None:
            most = least + overflow
    elif engine.pool == "StaticPool":
        least, most = 1, 1
    elif engine.pool == "NullPool":
        least, most = 0, math.inf
    options = {
        name: file.source(found.value, 40)
        for names, settings in ((ENGINE_OPTIONS, engine.arguments), (CACHES, engine.connect_args))
        for name in names
        if (found := settings.get(name)) is not None
    }
    return Asset(
        bare.node, bare.what, bare.key, bare.name, bare.maker, bare.is_async,
        dialect_of(engine.url) if engine.url is not None else "",
        engine.driver.name if engine.driver is not None else "",
        engine.pool or "", least, most, options, lasts=bare.lasts,
    )  # fmt: skip


def setting(file: FileContext, engine: EngineCall, name: str, default: int) -> float | None:
    """The number that an engine's argument gives."""
    found = engine.arguments.get(name)
    if found is None:
        return default if engine.arguments.complete else None
    return number(file.project, file.model.name, file.model.exprs.get(found.value)) if found.certain else None


def size(
    file: FileContext, call: cst.Call, name: str, position: int | None, default: float | None
) -> float | None:
    """The number that an argument of a pool gives."""
    arg = file.argument(call, name, position)
    if arg is not None:
        return number(file.project, file.model.name, file.model.exprs.get(arg.value))
    return None if any(each.star == "**" for each in call.args) else default


def written(file: FileContext, call: cst.Call, names: tuple[str, ...]) -> dict[str, str]:
    """Arguments as they are written."""
    return {
        name: file.source(arg.value, 40) for name in names if (arg := file.argument(call, name)) is not None
    }


def number(project: Project, module: str, expr: ex.Node | None, depth: int = DEPTH) -> int | None:
    """A number in the code, or the default that a setting or an environment variable has there."""
    if expr is None or depth == 0:
        return None
    kind = project.kind(module, expr)
    if isinstance(kind, Constant):
        if isinstance(kind.value, bool):
            return None
        if isinstance(kind.value, str):
            return int(kind.value) if kind.value.isdecimal() else None
        return kind.value if isinstance(kind.value, int) else None
    match expr:
        case ex.Bound(index):
            return number(project, module, project.modules[module].bindings[index], depth - 1)
        case ex.First(options):
            return number(project, module, options[0], depth - 1)
        case ex.Ref():
            found = [
                number(project, home, each, depth - 1) for home, each in project.definitions(module, expr)
            ]
            return found[0] if len(found) == 1 else None
        case ex.Call(func, args):
            name = getattr(project.kind(module, func), "name", "")
            if name == "builtins.int" and args:
                return number(project, module, args[0], depth - 1)
            if name in ("os.getenv", "os.environ.get") and len(args) == 2:
                return number(project, module, args[1], depth - 1)
            return None
        case ex.Attr(value, name):
            return default_of_field(project, project.kind(module, value), name, depth - 1)
        case _:
            return None


def default_of_field(project: Project, owner: object, name: str, depth: int) -> int | None:
    """What the class of a settings object says."""
    for each in project.mro(owner.name) if isinstance(owner, (Instance, Class)) else ():
        found = project.class_(each)
        if found is not None and len(found[1].attributes.get(name, ())) == 1:
            home, summary = found
            given = field_default(project, home.name, summary.attributes[name][0])
            return number(project, home.name, given, depth)
    return None


def disposal(file: FileContext, method: cst.Attribute) -> list[str]:
    """The keys of the engines or pools whose closing method is named, `UNTOLD` where nobody knows whose it is.

    A method that is only handed over (`stack.push_async_callback(engine.dispose)`) counts too.
    """
    if method.attr.value not in DISPOSING:
        return []
    owner = method.value
    if isinstance(owner, cst.Attribute) and owner.attr.value == "sync_engine":
        owner = owner.value
    if file.kind(owner) == UNKNOWN:
        tells = method.attr.value == "dispose" or "pool" in file.source(owner, 80).lower()
        return [UNTOLD] if tells else []
    if file.role(owner)[0] not in ("engine", "pool"):
        return []
    found = engines_behind(file.project, file.model.name, file.model.exprs.get(owner), POOLED)
    return [call_key(*each) for each in found] or [UNTOLD]


def disposes(file: FileContext, scope: Scope | None) -> bool:
    """Whether a function names the `dispose` of something itself."""
    return any(
        isinstance(each, cst.Attribute)
        and each.attr.value == "dispose"
        and file.model.scope_of(each).function is scope
        for each in file.model.nodes.get(cst.Attribute, ())
    )


# The sum


class Demand(NamedTuple):
    """The connections that the pools of one process may open: of each, all together, and pools of unknown size."""

    pools: list[tuple[str, Asset]]
    total: int
    unknown: list[tuple[str, Asset]]


def demand(project: Project, assets: Iterable[tuple[str, Asset]]) -> Demand:
    """What an application's own pools may ask of a server; scripts, tests and migrations come and go.

    Of several engines under one name (a branch for each environment) the largest counts.
    """
    largest: dict[tuple[str, str], tuple[str, Asset]] = {}
    unknown = []
    for module, each in assets:
        if each.what == "session factory" or not each.lasts or is_short_lived(project, module):
            continue
        if each.database == "sqlite" or each.pool in UNPOOLED:
            continue
        if each.most is None or math.isinf(each.most):
            unknown.append((module, each))
            continue
        known = largest.get((module, each.name or each.key))
        if known is None or (known[1].most or 0) < each.most:
            largest[module, each.name or each.key] = (module, each)
    pools = list(largest.values())
    return Demand(pools, sum(int(each.most or 0) for _, each in pools), unknown)


def is_short_lived(project: Project, module: str) -> bool:
    """Whether a module is a test, a script or a migration."""
    summary = project.modules.get(module)
    imports = summary.imports if summary is not None else ()
    if names_test(module) or ASIDE & set(module.split(".")):
        return True
    return not MIGRATION_NAMES.isdisjoint(imports)


def size_of(each: Asset) -> str:
    """How many connections a pool may have open: `5 + 10`, `10`, or words."""
    if each.most is None:
        return "?"
    if math.isinf(each.most):
        return "no limit"
    overflow = each.what == "engine" and each.pool in QUEUES
    return f"{each.least:.0f} + {each.most - (each.least or 0):.0f}" if overflow else f"{each.most:.0f}"
