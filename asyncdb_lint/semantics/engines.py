"""What a call that makes an engine, a pool or a connection was given: URL, driver, pool, arguments."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal, NamedTuple

import libcst as cst

from asyncdb_lint.knowledge.drivers import Driver, driver_of
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import Class
from asyncdb_lint.semantics.settings import NOTHING, UNREADABLE, Setting, Settings, of_call, of_value
from asyncdb_lint.semantics.urls import Url, read_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asyncdb_lint.file_context import FileContext

Library = Literal["sqlalchemy", "asyncpg", "psycopg", "psycopg_pool", "psycopg2", "aiosqlite"]


class Maker(NamedTuple):
    """A function that makes an engine, a pool or a connection, and where it takes its URL."""

    library: Library
    is_async: bool
    url: str
    driver: str = ""


# What makes connections, by canonical name. `driver` is what a raw maker always uses.
MAKERS = {
    "sqlalchemy.engine.create.create_engine": Maker("sqlalchemy", False, "url"),
    "sqlalchemy.ext.asyncio.engine.create_async_engine": Maker("sqlalchemy", True, "url"),
    "sqlalchemy.engine.create.engine_from_config": Maker("sqlalchemy", False, ""),
    "sqlalchemy.ext.asyncio.engine.async_engine_from_config": Maker("sqlalchemy", True, ""),
    "asyncpg.connection.connect": Maker("asyncpg", True, "dsn", "postgresql+asyncpg"),
    "asyncpg.pool.create_pool": Maker("asyncpg", True, "dsn", "postgresql+asyncpg"),
    "psycopg.connect": Maker("psycopg", False, "conninfo", "postgresql+psycopg"),
    "psycopg.Connection.connect": Maker("psycopg", False, "conninfo", "postgresql+psycopg"),
    "psycopg.AsyncConnection.connect": Maker("psycopg", True, "conninfo", "postgresql+psycopg"),
    "psycopg_pool.pool.ConnectionPool": Maker("psycopg_pool", False, "conninfo", "postgresql+psycopg"),
    "psycopg_pool.pool_async.AsyncConnectionPool": Maker(
        "psycopg_pool", True, "conninfo", "postgresql+psycopg"
    ),
    "psycopg_pool.null_pool.NullConnectionPool": Maker(
        "psycopg_pool", False, "conninfo", "postgresql+psycopg"
    ),
    "psycopg_pool.null_pool_async.AsyncNullConnectionPool": Maker(
        "psycopg_pool", True, "conninfo", "postgresql+psycopg"
    ),
    "psycopg2.connect": Maker("psycopg2", False, "dsn", "postgresql+psycopg2"),
    "aiosqlite.core.connect": Maker("aiosqlite", True, "", "sqlite+aiosqlite"),
}


QUEUES = {"QueuePool", "AsyncAdaptedQueuePool"}
"""The pools that keep several connections."""

# Dialects of database servers; SQLAlchemy's own name first, then what older versions took.
SERVERS = {"postgresql", "mysql", "mariadb", "oracle", "mssql", "cockroachdb", "postgres"}


@dataclasses.dataclass(frozen=True, eq=False)
class EngineCall:
    """One such call. `arguments` are its keyword arguments, `connect_args` what the driver's `connect` gets.

    `pool` is the class name of the pool that a SQLAlchemy engine gets, None when it cannot be told;
    `pool_node` is where it is named.
    """

    node: cst.Call
    maker: Maker
    name: str
    url: Url | None
    url_node: cst.BaseExpression | None
    driver: Driver | None
    arguments: Settings
    connect_args: Settings
    pool: str | None
    pool_node: cst.BaseExpression | None

    @property
    def is_engine(self) -> bool:
        """Whether it makes a SQLAlchemy engine."""
        return self.maker.library == "sqlalchemy"

    @property
    def by_default(self) -> str:
        """What a message says where the environment may give another URL than the one in the code."""
        return " by default" if self.url is not None and self.url.by_default else ""


def engine_calls(file: FileContext) -> Mapping[cst.Call, EngineCall]:
    """All such calls of a file."""
    found = {}
    for node in file.model.nodes.get(cst.Call, ()):
        assert isinstance(node, cst.Call)
        facts = file.call(node)
        maker = MAKERS.get(facts.function) if facts is not None else None
        if facts is not None and maker is not None:
            found[node] = engine_call(file, node, maker, file.source(node.func, 60))
    return found


def engine_call(file: FileContext, node: cst.Call, maker: Maker, name: str) -> EngineCall:
    """Read one call."""
    arguments = of_call(file.model, node.args)
    if maker.library == "sqlalchemy" and not maker.url:
        arguments = Settings(arguments.entries, complete=False)  # the rest is in the configuration
    url_arg = file.argument(node, maker.url, 0) if maker.url else None
    url_node = url_arg.value if url_arg is not None else None
    url = url_of(file, url_node)
    driver = driver_of(maker.driver or (url.scheme if url is not None else ""), file.sqlalchemy)
    pool_node = value_of(arguments.get("poolclass"))
    return EngineCall(
        node=node, maker=maker, name=name, url=url, url_node=url_node, driver=driver, arguments=arguments,
        connect_args=connect_args(file, maker, arguments), pool_node=pool_node,
        pool=pool_of(file, maker, arguments, pool_node, url, driver),
    )  # fmt: skip


def value_of(setting: Setting | None) -> cst.BaseExpression | None:
    """A setting's value, where it surely is the one."""
    return setting.value if setting is not None and setting.certain else None


def url_of(file: FileContext, node: cst.BaseExpression | None) -> Url | None:
    """The URL that an argument is."""
    expr = file.model.exprs.get(node) if node is not None else None
    return read_url(file.project, file.model.name, expr) if expr is not None else None


def connect_args(file: FileContext, maker: Maker, arguments: Settings) -> Settings:
    """What reaches the driver's `connect`: SQLAlchemy and psycopg's pools take it as a dict."""
    if maker.library not in ("sqlalchemy", "psycopg_pool"):
        return arguments
    given = arguments.get("connect_args" if maker.library == "sqlalchemy" else "kwargs")
    if given is None:
        return NOTHING if arguments.complete else UNREADABLE
    found = of_value(file.model, given.value)
    if given.certain:
        return found
    entries = {name: dataclasses.replace(each, certain=False) for name, each in found.entries.items()}
    return Settings(entries, found.complete)


def pool_of(
    file: FileContext,
    maker: Maker,
    arguments: Settings,
    node: cst.BaseExpression | None,
    url: Url | None,
    driver: Driver | None,
) -> str | None:
    """The class name of the pool of a SQLAlchemy engine."""
    if maker.library != "sqlalchemy" or arguments.get("pool") is not None:
        return None
    if node is not None:
        named = pool_class(file, node)
        if named is not None:
            return named.rpartition(".")[2] if file.kind(node) == Class(named) else None
        if file.model.exprs.get(node) != ex.NONE:
            return None
    elif not arguments.lacks("poolclass"):
        return None
    queue = "AsyncAdaptedQueuePool" if maker.is_async else "QueuePool"
    if driver is None or url is None:
        return queue if url is not None and dialect_of(url) in SERVERS else None
    surely_file = url.database is not None and not url.is_memory and "mode=memory" not in url.text
    default = driver.default_pool(is_async=maker.is_async, memory=url.is_memory)
    if driver.dialect == "sqlite" and not url.is_memory and not surely_file:
        return None
    return default


def dialect_of(url: Url) -> str:
    """The database that a URL names, its driver left out."""
    return url.scheme.partition("+")[0]


def pool_class(file: FileContext, node: cst.BaseExpression) -> str | None:
    """The library's pool class that an expression names; None where a branch chooses one."""
    expr = file.model.exprs.get(node)
    while isinstance(expr, ex.Bound):
        expr = file.model.bindings[expr.index].expr
    kind = file.kind(node)
    if isinstance(expr, ex.Either) or not isinstance(kind, Class):
        return None
    owner, _, name = expr.name.rpartition(".") if isinstance(expr, ex.Ref) else ("", "", "")
    if owner in file.project.modules and len(file.project.modules[owner].names.get(name, ())) > 1:
        return None
    library = (name for name in file.project.mro(kind.name) if name.startswith("sqlalchemy.pool."))
    return next(library, None)
