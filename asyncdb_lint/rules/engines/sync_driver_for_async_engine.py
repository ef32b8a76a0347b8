"""ADB501 sync-driver-for-async-engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.engines.rewriting import scheme_changed

if TYPE_CHECKING:
    import libcst as cst

    from asyncdb_lint.semantics.engines import EngineCall

# Async drivers of a dialect, with the package that brings each.
ASYNC_DRIVERS = {
    "postgresql": {"asyncpg": "asyncpg", "psycopg": "psycopg"},
    "sqlite": {"aiosqlite": "aiosqlite"},
    "mysql": {"asyncmy": "asyncmy", "aiomysql": "aiomysql"},
    "mariadb": {"asyncmy": "asyncmy", "aiomysql": "aiomysql"},
    "oracle": {"oracledb_async": "oracledb"},
    "mssql": {"aioodbc": "aioodbc"},
}


class SyncDriverForAsyncEngine(Rule):
    """A `create_async_engine` whose URL names a sync driver.

    ## What it flags

    `create_async_engine` with a URL that means a driver without async support: `postgresql+psycopg2://`,
    `sqlite://`, `mysql+pymysql://`. A URL without driver means what the project's SQLAlchemy version makes of
    it: plain `postgresql://` is psycopg2 up to 2.0 and psycopg, which is right, from 2.1. URLs are followed
    through constants of other modules, helpers, settings classes and the defaults of environment variables.

    ## Why it is bad

    Making the engine raises `InvalidRequestError: The asyncio extension requires an async driver to be used.
    The loaded 'psycopg2' is not async.`

    ## Good

    ```python
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://app@db/app")
    ```

    ## Bad

    ```python
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+psycopg2://app@db/app")
    ```

    ## When to ignore

    When the URL is only a placeholder that every environment replaces.

    ## Source

    SQLAlchemy, "Asynchronous I/O (asyncio)"; "What's New in SQLAlchemy 2.1", default PostgreSQL driver.
    """

    code = "ADB501"
    name = "sync-driver-for-async-engine"
    severity = Severity.ERROR
    fix = Applicability.UNSAFE
    holds_for = {"sqlalchemy": ">=1.4"}
    triggers = (b"create_async_engine", b"async_engine_from_config")

    def visit_Call(self, call: cst.Call) -> None:
        engine = self.file.engines.get(call)
        if engine is None or not engine.is_engine or not engine.maker.is_async:
            return
        if (
            engine.url is None
            or engine.url_node is None
            or engine.driver is None
            or engine.driver.mode != "sync"
        ):
            return
        drivers = ASYNC_DRIVERS.get(engine.driver.dialect, {})
        advice = " or ".join(f"`{engine.driver.dialect}+{name}://`" for name in self.usable(drivers))
        self.report(
            engine.url_node,
            f"`{engine.name}` gets `{engine.url.scheme}://`{engine.by_default}, whose driver"
            f" `{engine.driver.name}` is sync",
            why="Making the engine raises InvalidRequestError: an async driver is required",
            help=f"write {advice}" if advice else "use a driver with async support",
            repair=self.repair(engine, self.usable(drivers)),
        )

    def usable(self, drivers: dict[str, str]) -> list[str]:
        """Those that the project has; all of them where that is not known."""
        return [name for name, package in drivers.items() if package in self.file.versions] or list(drivers)

    def repair(self, engine: EngineCall, drivers: list[str]) -> Repair | None:
        if len(drivers) != 1 or engine.url is None or engine.driver is None:
            return None
        scheme = f"{engine.driver.dialect}+{drivers[0]}"
        replacement = scheme_changed(self.file, engine.url_node, engine.url.scheme, scheme)
        return Repair(Applicability.UNSAFE, f"Use `{scheme}://`", (replacement,)) if replacement else None
