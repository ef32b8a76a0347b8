"""ADB701 prepared-statements-behind-pooler."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.call_edit import with_setting
from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.caches.switches import (
    asyncpg_is_old,
    is_half_off,
    is_switched_off,
    is_zero_threshold,
    pooler,
)  # fmt: skip

if TYPE_CHECKING:
    from asyncdb_lint.semantics.engines import EngineCall

HOLDERS = {"sqlalchemy": "connect_args", "psycopg_pool": "kwargs"}
"""The keyword that takes the driver's own arguments; the drivers take them directly."""


class PreparedStatementsBehindPooler(Rule):
    """Prepared statements left on behind a pooler that changes the server connection between transactions.

    ## What it flags

    An asyncpg or psycopg engine, pool or connection with prepared statements on, where the setting `pooler =
    "transaction"` says, or the URL shows (a host named pgbouncer, port 6432), that a transaction pooler is in
    front. Every combination of arguments that works with the project's version of the driver is accepted.

    ## Why it is bad

    A statement is prepared on one server connection and executed on another: `prepared statement
    "__asyncpg_stmt_1__" does not exist` or `already exists`, `prepared statement "_pg3_0" already exists`.
    PgBouncer 1.21 and newer can follow prepared statements when `max_prepared_statements` is set; 1.24 does
    by default.

    ## Good

    ```python
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(
        "postgresql+asyncpg://app@pgbouncer:6432/app", connect_args={"statement_cache_size": 0}
    )
    ```

    ## Bad

    ```python
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://app@pgbouncer:6432/app")
    ```

    ## When to ignore

    When the pooler is in session mode (say so: `pooler = "session"`), or follows prepared statements itself.

    ## Source

    SQLAlchemy, "Prepared Statement Name with PGBouncer"; psycopg, "Prepared statements"; PgBouncer, changelog
    1.21.
    """

    code = "ADB701"
    name = "prepared-statements-behind-pooler"
    severity = Severity.ERROR
    fix = Applicability.UNSAFE
    holds_for = {"asyncpg": ">=0.29", "psycopg": ">=3.1"}
    triggers = (b"connect", b"create_engine", b"create_async_engine", b"create_pool", b"ConnectionPool")

    def visit_Call(self, call: cst.Call) -> None:
        engine = self.file.engines.get(call)
        if engine is None or engine.driver is None or self.file.is_test:
            return
        if engine.driver.name not in ("asyncpg", "psycopg", "psycopg_async"):
            return
        shown_by, sure = pooler(self.file, engine)
        if not shown_by or is_switched_off(self.file, engine):
            return
        if is_half_off(self.file, engine) or is_zero_threshold(self.file, engine):
            return  # ADB702 tells that story
        driver = engine.driver.name.removesuffix("_async")
        self.report(
            call.func,
            f"`{engine.name}` leaves `{driver}`'s prepared statements on behind a transaction pooler",
            why=f"A pooler is shown by {shown_by}: statements are prepared on one connection and executed on"
            " another, which does not know them",
            help=f"pass {self.switch(engine)}",
            severity=Severity.ERROR if sure else Severity.WARNING,
            repair=self.repair(call, engine),
        )

    def repair(self, call: cst.Call, engine: EngineCall) -> Repair | None:
        """The setting, where one is enough; asyncpg up to 0.30 needs a function for names, which is the user's."""
        is_psycopg = engine.driver is not None and engine.driver.name.startswith("psycopg")
        if not is_psycopg and engine.is_engine and asyncpg_is_old(self.file):
            return None
        name, value = ("prepare_threshold", "None") if is_psycopg else ("statement_cache_size", "0")
        if engine.connect_args.get(name) is not None:
            return None
        mended = with_setting(call, HOLDERS.get(engine.maker.library), name, cst.parse_expression(value))
        return (
            Repair(Applicability.UNSAFE, "Switch them off", ((call, mended),)) if mended is not None else None
        )

    def switch(self, engine: EngineCall) -> str:
        """What switches them off here."""
        if engine.driver is not None and engine.driver.name.startswith("psycopg"):
            setting = "prepare_threshold"
            holder = HOLDERS.get(engine.maker.library)
            return f'`{holder}={{"{setting}": None}}`' if holder else f"`{setting}=None`"
        if not engine.is_engine:
            return "`statement_cache_size=0`"
        if asyncpg_is_old(self.file):
            return (
                '`connect_args={"statement_cache_size": 0, "prepared_statement_cache_size": 0,'
                ' "prepared_statement_name_func": lambda: f"__asyncpg_{uuid4()}__"}`'
            )
        return '`connect_args={"statement_cache_size": 0}` (enough from asyncpg 0.31)'
