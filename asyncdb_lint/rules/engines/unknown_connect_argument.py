"""ADB503 unknown-connect-argument."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.knowledge.drivers import (
    Equivalent,
    all_pool_arguments,
    driver_of,
    engine_arguments,
    raw_connect_arguments,
)  # fmt: skip
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics import expressions as ex

if TYPE_CHECKING:
    from asyncdb_lint.semantics.engines import EngineCall
    from asyncdb_lint.semantics.settings import Setting

# What the raw makers take beside the keywords of the driver's `connect`.
MAKERS_OWN = {
    "asyncpg": {
        "dsn", "min_size", "max_size", "max_queries", "max_inactive_connection_lifetime", "connect", "setup",
        "init", "reset", "loop", "connection_class", "record_class",
    },
    "aiosqlite": {"database", "loop"},
    "psycopg2": {"dsn", "database"},
}  # fmt: skip
DROPS_NONE = {"psycopg", "psycopg_async", "psycopg2"}
URLS = (
    "postgresql+asyncpg", "postgresql+psycopg", "postgresql+psycopg2", "postgresql+pg8000",
    "sqlite+aiosqlite", "sqlite+pysqlite", "mysql+pymysql", "mysql+pyodbc", "oracle+oracledb", "mssql+pyodbc",
)  # fmt: skip


@functools.cache
def drivers_only(sqlalchemy: str) -> frozenset[str]:
    """Keywords that some driver takes in `connect_args` and no engine takes directly."""
    found = [driver for url in URLS if (driver := driver_of(url, sqlalchemy)) is not None]
    of_drivers = frozenset[str]().union(*(driver.connect_args or () for driver in found))
    of_engines = frozenset[str]().union(
        *(engine_arguments(driver, is_async=True, sqlalchemy=sqlalchemy) for driver in found)
    )
    return of_drivers - of_engines - all_pool_arguments(sqlalchemy)


class UnknownConnectArgument(Rule):
    """A connection argument that the driver does not take.

    ## What it flags

    A key of `connect_args` that the engine's driver refuses: `sslmode` and `connect_timeout` for asyncpg,
    `ssl`, `timeout` and `statement_cache_size` for psycopg. Also such a keyword of `asyncpg.connect`,
    `asyncpg.create_pool`, `psycopg.connect` and the connections of a psycopg pool, and driver options given
    to `create_engine` itself instead of in `connect_args`.

    ## Why it is bad

    The engine is made, and every attempt to connect fails: asyncpg raises `TypeError: connect() got an
    unexpected keyword argument 'sslmode'`, psycopg `ProgrammingError: invalid connection option "ssl"`. Given
    to the engine itself, making it raises `TypeError: Invalid argument(s) 'sslmode' sent to create_engine()`.

    ## Good

    ```python
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://app@db/app", connect_args={"ssl": "require"})
    ```

    ## Bad

    ```python
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://app@db/app", connect_args={"sslmode": "require"})
    ```

    ## When to ignore

    When a wrapper of the driver takes the key away before connecting.

    ## Source

    asyncpg, "Connections"; psycopg, "The connection classes"; PostgreSQL, "Parameter Key Words" of libpq.
    """

    code = "ADB503"
    name = "unknown-connect-argument"
    severity = Severity.ERROR
    fix = Applicability.SAFE
    holds_for = {"sqlalchemy": ">=2.0", "asyncpg": ">=0.29", "psycopg": ">=3.1"}
    triggers = (b"connect", b"create_engine", b"create_async_engine", b"create_pool", b"ConnectionPool")

    def visit_Call(self, call: cst.Call) -> None:
        engine = self.file.engines.get(call)
        if engine is None:
            return
        if engine.is_engine:
            self.check_engine_keywords(engine)
        accepted = self.accepted(engine)
        if accepted is None or engine.driver is None:
            return
        for setting in engine.connect_args.entries.values():
            if not setting.certain or setting.name in accepted:
                continue
            if engine.driver.name in DROPS_NONE and self.file.model.exprs.get(setting.value) == ex.NONE:
                continue  # these drivers leave out what is None
            self.report_unknown(engine, setting, engine.driver.equivalents.get(setting.name))

    def accepted(self, engine: EngineCall) -> frozenset[str] | None:
        """What `connect` takes here; None when that is not known."""
        if engine.driver is None:
            return None
        if engine.is_engine:
            return engine.driver.connect_args
        if engine.maker.library == "aiosqlite":
            return None  # its factories take what sqlite3 takes, per Python version
        raw = raw_connect_arguments(engine.driver.name)
        return raw | MAKERS_OWN.get(engine.maker.library, set()) if raw is not None else None

    def report_unknown(self, engine: EngineCall, setting: Setting, instead: Equivalent | None) -> None:
        assert engine.driver is not None
        driver = engine.driver.name.removesuffix("_async")
        error = (
            "TypeError" if driver in ("asyncpg", "aiosqlite", "pymysql", "aiomysql") else "ProgrammingError"
        )
        where = f"by default in `{engine.name}`" if engine.by_default else f"in `{engine.name}`"
        self.report(
            setting.place,
            f"`{setting.name}` is no connection argument of `{driver}`, the driver {where}",
            why=f"Every attempt to connect raises {error}; making the engine or pool raises nothing",
            help=self.advice(instead),
            repair=self.repair(engine, setting, instead) if instead is not None else None,
        )

    def advice(self, instead: Equivalent | None) -> str:
        if instead is None:
            return "leave it out"
        return f"write `{instead.write}`" if instead.key else instead.write

    def repair(self, engine: EngineCall, setting: Setting, instead: Equivalent) -> Repair | None:
        """Renaming the key: safe where a literal value means the same under the other name."""
        if not instead.values or instead.inside or engine.connect_args.get(instead.key) is not None:
            return None
        expr = self.file.model.exprs.get(setting.value)
        literal = isinstance(expr, ex.Literal)
        if literal and not instead.carries(getattr(expr, "value", None)):
            return None
        renamed: cst.CSTNode
        if isinstance(setting.place, cst.Name):
            renamed = setting.place.with_changes(value=instead.key)
        elif isinstance(setting.place, cst.SimpleString):
            renamed = setting.place.with_changes(value=setting.place.value.replace(setting.name, instead.key))
        else:
            return None
        sure = Applicability.SAFE if literal else Applicability.UNSAFE
        return Repair(sure, f"Write `{instead.key}`", ((setting.place, renamed),))

    def check_engine_keywords(self, engine: EngineCall) -> None:
        """Driver options that stand beside `connect_args` instead of in it."""
        for setting in engine.arguments.entries.values():
            if not setting.certain or setting.name not in drivers_only(self.file.sqlalchemy):
                continue
            own = engine_arguments(engine.driver, is_async=True) if engine.driver is not None else frozenset()
            if setting.name in own:
                continue
            known = engine.driver.connect_args if engine.driver is not None else None
            instead = engine.driver.equivalents.get(setting.name) if engine.driver is not None else None
            taken = known is None or setting.name in known
            self.report(
                setting.place,
                f"`{setting.name}` is no argument of `{engine.name}`",
                why="Making the engine raises TypeError: Invalid argument(s) sent to create_engine()",
                help=f'pass it to the driver: `connect_args={{"{setting.name}": …}}`'
                if taken
                else self.advice(instead),
            )
