"""ADB504 unknown-url-option."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.knowledge.drivers import SSL_MODES
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.engines.rewriting import rewritten

if TYPE_CHECKING:
    import libcst as cst

    from asyncdb_lint.semantics.engines import EngineCall

# asyncpg sends what it does not know in a DSN to the server, which has no such parameters.
RAW_ASYNCPG = {
    "ssl": "CantChangeRuntimeParamError",
    **dict.fromkeys(
        (
            "command_timeout", "connect_timeout", "connection_limit", "pgbouncer", "pool_timeout",
            "prepared_statement_cache_size", "schema", "statement_cache_size", "timeout",
        ),
        "UndefinedObjectError",
    ),
}  # fmt: skip
SQLALCHEMY_OWN = {"plugin"}


class UnknownUrlOption(Rule):
    """An option behind `?` in a database URL that the driver does not take.

    ## What it flags

    A key in the query of an engine's URL that its driver refuses, or that fails there because a URL carries
    text: `?sslmode=require` or `?statement_cache_size=0` with asyncpg, `?prepare_threshold=0` with psycopg. A
    DSN given to `asyncpg.connect` follows other rules: `sslmode` works there and `ssl` does not.

    ## Why it is bad

    SQLAlchemy hands the query to the driver's `connect` as keyword arguments. The engine is made, and the
    first connection raises `TypeError: connect() got an unexpected keyword argument 'sslmode'`.

    ## Good

    ```python
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://app@db/app?ssl=require")
    ```

    ## Bad

    ```python
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://app@db/app?sslmode=require")
    ```

    ## When to ignore

    When an event listener takes the option away before connecting (`do_connect`).

    ## Source

    SQLAlchemy, "PostgreSQL: asyncpg"; asyncpg, `connect`; libpq, "Connection URIs".
    """

    code = "ADB504"
    name = "unknown-url-option"
    severity = Severity.ERROR
    fix = Applicability.UNSAFE
    holds_for = {"sqlalchemy": ">=2.0", "asyncpg": ">=0.29", "psycopg": ">=3.1"}
    triggers = (b"connect", b"create_engine", b"create_async_engine", b"create_pool", b"ConnectionPool")

    def visit_Call(self, call: cst.Call) -> None:
        engine = self.file.engines.get(call)
        if engine is None or engine.url is None or engine.url_node is None or engine.driver is None:
            return
        for key, value in engine.url.query.items():
            reason = self.refusal(engine, key, value)
            if reason is not None:
                self.report_option(engine, key, value, reason)

    def refusal(self, engine: EngineCall, key: str, value: str | None) -> str | None:
        """Why the driver refuses an option; None when it takes it, or that is not known."""
        driver = engine.driver
        assert driver is not None
        if engine.maker.library == "asyncpg":
            return RAW_ASYNCPG.get(key)
        if driver.url_query is None or key in SQLALCHEMY_OWN:
            return None
        if not engine.is_engine:
            # libpq reads `ssl=true` in a URI as sslmode=require.
            taken = (
                key in driver.url_query or key == "dbname" or (key, value) in (("ssl", "true"), ("ssl", None))
            )
            return None if taken else "ProgrammingError: invalid URI query parameter"
        if key in driver.url_broken:
            return driver.url_broken[key]
        if driver.name == "asyncpg" and key == "ssl" and value is not None and value not in SSL_MODES:
            return "ClientConfigurationError: in a URL, ssl is the name of a mode such as require"
        if key in driver.url_query or key in (driver.connect_args or ()):
            return None
        return "TypeError" if driver.name == "asyncpg" else "ProgrammingError: invalid connection option"

    def report_option(self, engine: EngineCall, key: str, value: str | None, reason: str) -> None:
        assert engine.driver is not None
        assert engine.url_node is not None
        driver = engine.driver.name.removesuffix("_async")
        instead = engine.driver.equivalents.get(key)
        if key in engine.driver.url_broken:
            advice = f'`connect_args={{"{key}": …}}`'
        elif engine.maker.library == "asyncpg":
            advice = "`sslmode=…`" if key == "ssl" else f"the keyword argument `{key}`"
        elif instead is not None and instead.key in (engine.driver.url_query or ()):
            advice = f"`{instead.key}=…`"
        else:
            advice = f"`connect_args` with {instead.write}" if instead is not None and instead.key else ""
        given = key if value is None else f"{key}={value}"
        self.report(
            engine.url_node,
            f"`{driver}` does not take `{given}`, which the URL of `{engine.name}` has{engine.by_default}",
            why=f"Connecting raises {reason}",
            help=f"write {advice}" if advice else "leave it out of the URL",
            repair=self.repair(engine, key, value),
        )

    def repair(self, engine: EngineCall, key: str, value: str | None) -> Repair | None:
        driver = engine.driver
        instead = driver.equivalents.get(key) if driver is not None and engine.is_engine else None
        if driver is None or instead is None or instead.key not in (driver.url_query or ()):
            return None
        if value is not None and not instead.carries(value):
            return None
        for mark in "?&":
            replacement = rewritten(self.file, engine.url_node, f"{mark}{key}=", f"{mark}{instead.key}=")
            if replacement is not None:
                return Repair(Applicability.UNSAFE, f"Write `{instead.key}`", (replacement,))
        return None
