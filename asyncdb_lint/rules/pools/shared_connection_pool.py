"""ADB608 shared-connection-pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.engines.rewriting import without
from asyncdb_lint.rules.pools.sync_pool_for_async_engine import POOL_MODULES
from asyncdb_lint.semantics.engines import QUEUES, SERVERS, dialect_of

if TYPE_CHECKING:
    from asyncdb_lint.semantics.engines import EngineCall


class SharedConnectionPool(Rule):
    """A pool that gives everybody the same connection, or everybody a database of their own.

    ## What it flags

    `poolclass=StaticPool` for a database server; and a `NullPool` or a queue of connections for SQLite in memory.
    Tests are left alone: many use one session, and no more.

    ## Why it is bad

    A `StaticPool` has one connection for all tasks. The task that closes its session rolls back what the others have
    written, whose `commit()` then succeeds with nothing stored; asyncpg also raises `another operation is in
    progress`. Each connection to SQLite in memory, on the other hand, is a database of its own: `no such table`.

    ## Good

    ```python
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://app@db/app")
    ```

    ## Bad

    ```python
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import StaticPool

    engine = create_async_engine("postgresql+asyncpg://app@db/app", poolclass=StaticPool)
    ```

    ## When to ignore

    In a program with a single task that never has two sessions.

    ## Source

    SQLAlchemy, "Connection Pooling", `StaticPool`; "Using a Memory Database in Multiple Threads".
    """

    code = "ADB608"
    name = "shared-connection-pool"
    severity = Severity.ERROR
    fix = Applicability.UNSAFE
    holds_for = {"sqlalchemy": ">=1.4"}
    triggers = (b"StaticPool", b"NullPool", b"QueuePool")

    def visit_Call(self, call: cst.Call) -> None:
        engine = self.file.engines.get(call)
        if engine is None or engine.url is None or engine.pool_node is None or engine.url.by_default:
            return
        if self.file.is_test:
            return
        if engine.pool == "StaticPool" and dialect_of(engine.url) in SERVERS:
            self.report_pool(
                call,
                engine,
                f"`{self.source(engine.pool_node)}` gives all tasks the same connection to the server",
                why="Who closes a session rolls back what the others have written, and their commit stores nothing"
                if engine.maker.is_async
                else "Two threads use one connection: who closes a session rolls back what the others have written",
            )
        elif engine.pool in {"NullPool", *QUEUES} and engine.url.is_memory and self.is_private(engine):
            self.report_pool(
                call,
                engine,
                f"`{self.source(engine.pool_node)}` opens several connections to SQLite in memory, each a database of"
                " its own",
                why="What one connection creates the next does not find: `no such table`",
            )

    def is_private(self, engine: EngineCall) -> bool:
        """Whether each connection has its own memory: not with a shared cache."""
        url = engine.url
        return url is not None and "cache=shared" not in url.text and "uri" not in url.text

    def report_pool(self, call: cst.Call, engine: EngineCall, message: str, why: str) -> None:
        assert engine.pool_node is not None
        name = self.source(engine.pool_node)
        is_keyword = any(arg.keyword is not None and arg.keyword.value == "poolclass" for arg in call.args)
        repair = Repair(
            Applicability.UNSAFE,
            "Use the default pool",
            ((call, without(call, {"poolclass"})),),
            remove_unused=tuple((module, name) for module in POOL_MODULES),
        )
        self.report(
            engine.pool_node,
            message,
            why=why,
            help="leave `poolclass` out: the default fits the driver",
            repair=repair if is_keyword else None,
        )
