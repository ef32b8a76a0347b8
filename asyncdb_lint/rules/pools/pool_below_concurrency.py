"""ADB606 pool-below-concurrency."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.engines import QUEUES
from asyncdb_lint.semantics.inventory import MAKING, asset, size_of
from asyncdb_lint.semantics.kinds import Constant
from asyncdb_lint.semantics.servers import is_server_code

FAR_BELOW = 4
"""A pool that serves fewer than one in so many requests at once makes most of them wait."""


class PoolBelowConcurrency(Rule):
    """A pool that is far smaller than the number of requests that need it.

    ## What it flags

    With `concurrency` in the settings: a pool of a server that holds less than a quarter of that. And in any server:
    `pool_timeout=0` and `pool_timeout=None`.

    ```toml
    [tool.asyncdb-lint]
    concurrency = 100
    ```

    ## Why it is bad

    Requests queue for connections: each waits for all that stand before it, and fails after `pool_timeout` (30
    seconds by default). With `pool_timeout=0` everybody who finds no free connection fails at once, with `None`
    everybody waits for ever, and a leaked connection stops the service without a word.

    ## Good

    ```python
    # settings: concurrency=100
    from fastapi import FastAPI
    from sqlalchemy.ext.asyncio import create_async_engine

    app = FastAPI()
    engine = create_async_engine("postgresql+asyncpg://app@db/app", pool_size=20, max_overflow=20, pool_timeout=5)
    ```

    ## Bad

    ```python
    # settings: concurrency=100
    from fastapi import FastAPI
    from sqlalchemy.ext.asyncio import create_async_engine

    app = FastAPI()
    engine = create_async_engine("postgresql+asyncpg://app@db/app", pool_size=2, max_overflow=0)
    ```

    ## When to ignore

    When few of the requests touch the database, or a small pool is what protects the server.

    ## Source

    SQLAlchemy, `QueuePool`, parameters `pool_size`, `max_overflow` and `timeout`.
    """

    code = "ADB606"
    name = "pool-below-concurrency"
    severity = Severity.INFO
    default = False
    holds_for = {"sqlalchemy": ">=1.4", "asyncpg": ">=0.29", "psycopg_pool": ">=3.1"}

    def visit_Call(self, call: cst.Call) -> None:
        name = getattr(self.kind(call.func), "name", "")
        if name not in MAKING or not is_server_code(self.file):
            return
        made = asset(self.file, call, name, self.file.tracing.ref(call))
        if made is None or made.what == "session factory" or not made.lasts or made.database == "sqlite":
            return
        if made.pool in QUEUES:
            self.judge_timeout(call)
        limit = self.file.settings.concurrency
        sized = made.what == "pool" or made.pool in QUEUES
        if limit is not None and sized and made.most is not None and made.most * FAR_BELOW < limit:
            self.report(
                call.func,
                f"The pool of `{made.name or made.maker}` holds {size_of(made)} connections for {limit} requests at"
                " once",
                why="Most requests wait for a connection, one after the other, and fail when they have waited too long",
                help="make the pool larger, or let fewer requests in at a time",
            )

    def judge_timeout(self, call: cst.Call) -> None:
        engine = self.file.engines.get(call)
        setting = engine.arguments.get("pool_timeout") if engine is not None else None
        if setting is None or not setting.certain:
            return
        kind = self.kind(setting.value)
        value = kind.value if isinstance(kind, Constant) else ...
        is_none = isinstance(setting.value, cst.Name) and setting.value.value == "None"
        if is_none or (value == 0 and not isinstance(value, bool)):
            self.report(
                setting.place,
                f"`pool_timeout={self.source(setting.value)}`: who finds no free connection"
                f" {'waits for ever' if is_none else 'fails at once'}",
                why="A pool that is busy for a moment "
                + (
                    "and one that never recovers look the same"
                    if is_none
                    else "fails requests that could have waited"
                ),
                help="give it a few seconds",
            )
