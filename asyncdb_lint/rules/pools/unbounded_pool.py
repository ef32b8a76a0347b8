"""ADB603 unbounded-pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.engines import QUEUES
from asyncdb_lint.semantics.servers import is_server_code, outlives_call

if TYPE_CHECKING:
    import libcst as cst

# Arguments of a queue pool whose value lifts its limit.
LIMITLESS = {
    "pool_size": (0, "`pool_size=0` means no limit, and `max_overflow` is then ignored"),
    "max_overflow": (-1, "`max_overflow=-1` means no limit"),
}


class UnboundedPool(Rule):
    """A pool without upper limit in a server.

    ## What it flags

    `pool_size=0` or `max_overflow=-1` for an engine that lives as long as a web application. Tests, scripts
    and migrations are left alone.

    ## Why it is bad

    Under load the pool opens a connection for each request that waits, until PostgreSQL answers `sorry, too
    many clients already` to this application and to all others. A bounded pool lets requests wait instead.

    ## Good

    ```python
    from fastapi import FastAPI
    from sqlalchemy.ext.asyncio import create_async_engine

    app = FastAPI()
    engine = create_async_engine("postgresql+asyncpg://app@db/app", pool_size=10, max_overflow=5)
    ```

    ## Bad

    ```python
    from fastapi import FastAPI
    from sqlalchemy.ext.asyncio import create_async_engine

    app = FastAPI()
    engine = create_async_engine("postgresql+asyncpg://app@db/app", max_overflow=-1)
    ```

    ## When to ignore

    When something else bounds the number of requests at work at a time, such as a semaphore.

    ## Source

    SQLAlchemy, `QueuePool`, parameters `pool_size` and `max_overflow`.
    """

    code = "ADB603"
    name = "unbounded-pool"
    severity = Severity.WARNING
    holds_for = {"sqlalchemy": ">=1.4"}
    triggers = (b"pool_size", b"max_overflow")

    def visit_Call(self, call: cst.Call) -> None:
        engine = self.file.engines.get(call)
        if engine is None or not engine.is_engine or engine.pool not in {*QUEUES, None}:
            return
        if engine.pool is None and engine.pool_node is not None:
            return
        for name, (limitless, why) in LIMITLESS.items():
            setting = engine.arguments.get(name)
            if setting is None or not setting.certain:
                continue
            value = self.file.kind(setting.value)
            if getattr(value, "value", None) != limitless or isinstance(getattr(value, "value", None), bool):
                continue
            expr = self.file.model.exprs.get(setting.value)
            if (
                isinstance(expr, ex.Either)
                or not is_server_code(self.file)
                or not outlives_call(self.file.model, call)
            ):
                return
            self.report(
                setting.place,
                f"The pool of `{engine.name}` has no upper limit",
                why=f"{why}: under load it opens connections until the server refuses everybody's",
                help="set `pool_size` and `max_overflow` so that all processes stay below the server's limit",
            )
            return
