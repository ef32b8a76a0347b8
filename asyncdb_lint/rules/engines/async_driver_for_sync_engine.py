"""ADB502 async-driver-for-sync-engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.engines.rewriting import scheme_changed
from asyncdb_lint.semantics.kinds import Class, Function
from asyncdb_lint.semantics.usage import bindings_holding, fate, fates

if TYPE_CHECKING:
    from asyncdb_lint.semantics.engines import EngineCall

# Sync drivers of a dialect, with the packages that bring each; SQLite's needs none.
SYNC_DRIVERS: dict[str, dict[str, set[str]]] = {
    "postgresql": {"+psycopg": {"psycopg"}, "+psycopg2": {"psycopg2", "psycopg2-binary"}},
    "sqlite": {"": set()},
    "mysql": {"+pymysql": {"pymysql"}, "+mysqldb": {"mysqlclient"}},
    "mariadb": {"+pymysql": {"pymysql"}, "+mysqldb": {"mysqlclient"}},
}
ASYNC_ENGINE = "sqlalchemy.ext.asyncio.engine.AsyncEngine"
NO_CONNECTION = {"dialect", "url", "name", "driver"}


class AsyncDriverForSyncEngine(Rule):
    """A `create_engine` whose URL names an async driver.

    ## What it flags

    `create_engine` with a URL of asyncpg, aiosqlite, aiomysql or asyncmy. `postgresql+psycopg://` is right
    for both kinds of engine. An engine that is wrapped in `AsyncEngine(…)`, or asked for nothing but its
    dialect, is left alone.

    ## Why it is bad

    The engine is made without complaint; the first connection raises `MissingGreenlet: greenlet_spawn has not
    been called; can't call await_only() here`.

    ## Good

    ```python
    from sqlalchemy import create_engine

    engine = create_engine("postgresql+psycopg://app@db/app")
    ```

    ## Bad

    ```python
    from sqlalchemy import create_engine

    engine = create_engine("postgresql+asyncpg://app@db/app")
    ```

    ## When to ignore

    When the engine never connects.

    ## Source

    SQLAlchemy, "Asynchronous I/O (asyncio)".
    """

    code = "ADB502"
    name = "async-driver-for-sync-engine"
    severity = Severity.ERROR
    fix = Applicability.UNSAFE
    holds_for = {"sqlalchemy": ">=1.4"}
    triggers = (b"create_engine", b"engine_from_config")

    def visit_Call(self, call: cst.Call) -> None:
        engine = self.file.engines.get(call)
        if engine is None or not engine.is_engine or engine.maker.is_async:
            return
        if (
            engine.url is None
            or engine.url_node is None
            or engine.driver is None
            or engine.driver.mode != "async"
        ):
            return
        if "async_fallback" in engine.url.query or not self.connects(call):
            return
        drivers = self.usable(engine.driver.dialect)
        advice = " or ".join(f"`{engine.driver.dialect}{each}://`" for each in drivers)
        self.report(
            engine.url_node,
            f"`{engine.name}` gets `{engine.url.scheme}://`{engine.by_default}, whose driver"
            f" `{engine.driver.name}` is async",
            why="The engine is made, and its first connection raises MissingGreenlet",
            help=f"use `create_async_engine`{f', or write {advice}' if advice else ''}",
            repair=self.repair(engine, drivers),
        )

    def connects(self, call: cst.Call) -> bool:
        """Whether the engine may be used as a sync one: not wrapped, not only asked for its dialect."""
        model = self.file.model
        found = list(fates(model, call))
        if any(
            each.what == "stored" for each in found
        ):  # in a module's name, whose uses in the file can be seen
            held = (
                bindings_holding(model, found[0].consumer)
                if isinstance(found[0].consumer, cst.Assign)
                else []
            )
            found += [fate(model, use) for binding in held for use in binding.uses]
        for each in found:
            holder = self.parent(each.consumer) if each.what == "passed" else None
            kind = self.kind(holder.func) if isinstance(holder, cst.Call) else None
            if isinstance(kind, (Class, Function)) and kind.name == ASYNC_ENGINE:
                return False
        if self.file.is_test and found and all(each.what == "passed" for each in found):
            return False  # handed to the code under test, which may do no more than keep it
        return not found or not all(
            isinstance(each.consumer, cst.Attribute) and each.consumer.attr.value in NO_CONNECTION
            for each in found
        )

    def usable(self, dialect: str) -> list[str]:
        """The drivers that the project has; all of them where that is not known."""
        drivers = SYNC_DRIVERS.get(dialect, {})
        present = [name for name, packages in drivers.items() if packages & set(self.file.versions)]
        return present or list(drivers)

    def repair(self, engine: EngineCall, drivers: list[str]) -> Repair | None:
        if len(drivers) != 1 or engine.url is None or engine.driver is None:
            return None
        scheme = f"{engine.driver.dialect}{drivers[0]}"
        replacement = scheme_changed(self.file, engine.url_node, engine.url.scheme, scheme)
        return Repair(Applicability.UNSAFE, f"Use `{scheme}://`", (replacement,)) if replacement else None
