"""ADB605 no-recycle."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.call_edit import with_keyword
from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.engines import QUEUES, SERVERS, dialect_of
from asyncdb_lint.semantics.inventory import number
from asyncdb_lint.semantics.servers import is_server_code, outlives_call


class NoRecycle(Rule):
    """A pool that keeps idle connections longer than the network does.

    ## What it flags

    With `idle-timeout` in the settings: a pooled engine of a long-lived server whose `pool_recycle` is missing or not
    below that number of seconds.

    ```toml
    [tool.asyncdb-lint]
    idle-timeout = 350  # a load balancer's
    ```

    ## Why it is bad

    A connection that was cut fails the first query after a pause. `pool_pre_ping` helps where the other side said
    goodbye; a firewall that only forgets a connection does not, and then the ping waits until TCP gives up.
    `pool_recycle` replaces what is older when it is checked out, without asking it.

    ## Good

    ```python
    # settings: idle_timeout=350
    from fastapi import FastAPI
    from sqlalchemy.ext.asyncio import create_async_engine

    app = FastAPI()
    engine = create_async_engine("postgresql+asyncpg://app@db/app", pool_pre_ping=True, pool_recycle=300)
    ```

    ## Bad

    ```python
    # settings: idle_timeout=350
    from fastapi import FastAPI
    from sqlalchemy.ext.asyncio import create_async_engine

    app = FastAPI()
    engine = create_async_engine("postgresql+asyncpg://app@db/app", pool_pre_ping=True)
    ```

    ## When to ignore

    When the driver sends keepalives more often than that.

    ## Source

    SQLAlchemy, "Setting Pool Recycle".
    """

    code = "ADB605"
    name = "no-recycle"
    severity = Severity.INFO
    default = False
    fix = Applicability.SAFE
    holds_for = {"sqlalchemy": ">=1.4"}
    triggers = (b"create_engine", b"create_async_engine")

    def visit_Call(self, call: cst.Call) -> None:
        limit, engine = self.file.settings.idle_timeout, self.file.engines.get(call)
        if limit is None or engine is None or engine.pool not in QUEUES or engine.url is None:
            return
        if dialect_of(engine.url) not in SERVERS or not is_server_code(self.file):
            return
        if not outlives_call(self.file.model, call) or engine.arguments.get("pool") is not None:
            return
        given = engine.arguments.get("pool_recycle")
        if given is None:
            if engine.arguments.complete:
                self.report_engine(
                    call, f"no `pool_recycle`, and idle connections are cut after {limit} s", limit
                )
        elif given.certain:
            seconds = number(self.file.project, self.file.model.name, self.file.model.exprs.get(given.value))
            if seconds is not None and seconds >= limit:
                text = (
                    f"`pool_recycle={self.source(given.value)}`, and idle connections are cut after {limit} s"
                )
                self.report_engine(call, text, None)

    def report_engine(self, call: cst.Call, what: str, limit: int | None) -> None:
        """`limit` where the argument is missing, and can be put in."""
        repair = None
        if limit is not None and limit > 1:
            seconds = cst.Integer(str(max(1, limit * 4 // 5)))
            repair = Repair(
                Applicability.SAFE,
                "Recycle connections in time",
                ((call, with_keyword(call, "pool_recycle", seconds)),),
            )
        self.report(
            call.func,
            f"`{self.source(call.func)}` makes a pool with {what}",
            why="The first query after a pause gets a connection that is no longer there: it fails, or waits until TCP"
            " gives up",
            help="set `pool_recycle` to less than that",
            repair=repair,
        )
