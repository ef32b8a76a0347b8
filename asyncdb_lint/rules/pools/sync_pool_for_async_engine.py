"""ADB601 sync-pool-for-async-engine."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.knowledge.drivers import is_async_pool
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.engines import pool_class

ASYNC_POOL = "AsyncAdaptedQueuePool"
POOL_MODULES = ("sqlalchemy.pool", "sqlalchemy")


class SyncPoolForAsyncEngine(Rule):
    """A pool class that an async engine refuses.

    ## What it flags

    `create_async_engine(poolclass=QueuePool)`, `SingletonThreadPool` or a subclass of them; and the reverse,
    the async queue pool on a sync engine. `NullPool`, `StaticPool` and `AssertionPool` fit both, and an async
    engine with pool arguments and no `poolclass` has the async pool already.

    ## Why it is bad

    Making the engine raises `ArgumentError: Pool class QueuePool cannot be used with asyncio engine`.

    ## Good

    ```python
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import AsyncAdaptedQueuePool

    engine = create_async_engine("postgresql+asyncpg://app@db/app", poolclass=AsyncAdaptedQueuePool)
    ```

    ## Bad

    ```python
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import QueuePool

    engine = create_async_engine("postgresql+asyncpg://app@db/app", poolclass=QueuePool)
    ```

    ## When to ignore

    Never.

    ## Source

    SQLAlchemy, "Connection Pooling", "Using a Pool with asyncio".
    """

    code = "ADB601"
    name = "sync-pool-for-async-engine"
    severity = Severity.ERROR
    fix = Applicability.SAFE
    holds_for = {"sqlalchemy": ">=1.4"}
    triggers = (b"poolclass",)

    def visit_Call(self, call: cst.Call) -> None:
        engine = self.file.engines.get(call)
        if engine is None or not engine.is_engine or engine.pool_node is None:
            return
        refused = pool_class(self.file, engine.pool_node)
        if refused is None or is_async_pool(refused, self.file.sqlalchemy) is not (not engine.maker.is_async):
            return
        name = refused.rpartition(".")[2]
        mode = "an async" if engine.maker.is_async else "a sync"
        kind = "asyncio" if engine.maker.is_async else "non-asyncio"
        self.report(
            engine.pool_node,
            f"`{self.source(engine.pool_node)}` cannot be the pool of {mode} engine",
            why=f"It raises ArgumentError: Pool class {name} cannot be used with {kind} engine",
            help=f"use `{ASYNC_POOL}`, or leave `poolclass` out"
            if engine.maker.is_async
            else "use `QueuePool`",
            repair=self.repair(engine.pool_node, name) if engine.maker.is_async else None,
        )

    def repair(self, node: cst.BaseExpression, name: str) -> Repair | None:
        """The async pool takes what `QueuePool` takes."""
        if name != "QueuePool":
            return None
        if isinstance(node, cst.Attribute) and node.attr.value == name:
            return Repair(
                Applicability.SAFE,
                f"Use `{ASYNC_POOL}`",
                ((node.attr, node.attr.with_changes(value=ASYNC_POOL)),),
            )
        if not isinstance(node, cst.Name) or node.value != name:
            return None
        return Repair(
            Applicability.SAFE,
            f"Use `{ASYNC_POOL}`",
            ((node, node.with_changes(value=ASYNC_POOL)),),
            add_imports=(("sqlalchemy.pool", ASYNC_POOL, None),),
            remove_unused=tuple((module, name) for module in POOL_MODULES),
        )
