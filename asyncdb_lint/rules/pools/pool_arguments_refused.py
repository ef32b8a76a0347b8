"""ADB607 pool-arguments-refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.knowledge.drivers import all_pool_arguments, pool_arguments
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.engines.rewriting import without

if TYPE_CHECKING:
    import libcst as cst


class PoolArgumentsRefused(Rule):
    """Pool arguments that the engine's pool class does not take.

    ## What it flags

    `pool_size`, `max_overflow`, `pool_timeout` or `pool_use_lifo` for an engine with `NullPool`, `StaticPool`
    or `AssertionPool`, named or by default: in-memory SQLite gets `StaticPool` in an async engine and
    `SingletonThreadPool`, which takes no `max_overflow`, in a sync one. Arguments that only a branch adds are
    left alone.

    ## Why it is bad

    Making the engine raises `TypeError: Invalid argument(s) 'pool_size' sent to create_engine(), using
    configuration PGDialect_asyncpg/NullPool/Engine`.

    ## Good

    ```python
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    engine = create_async_engine("postgresql+asyncpg://app@db/app", poolclass=NullPool)
    ```

    ## Bad

    ```python
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    engine = create_async_engine("postgresql+asyncpg://app@db/app", poolclass=NullPool, pool_size=5)
    ```

    ## When to ignore

    Never.

    ## Source

    SQLAlchemy, "Connection Pooling", the pool classes' parameters.
    """

    code = "ADB607"
    name = "pool-arguments-refused"
    severity = Severity.ERROR
    fix = Applicability.SAFE
    holds_for = {"sqlalchemy": ">=1.4"}
    triggers = (b"pool_size", b"max_overflow", b"pool_timeout", b"pool_use_lifo")

    def visit_Call(self, call: cst.Call) -> None:
        engine = self.file.engines.get(call)
        if (
            engine is None
            or engine.pool is None
            or (engine.url is not None and engine.url.by_default and not engine.pool_node)
        ):
            return
        taken = pool_arguments(engine.pool, self.file.sqlalchemy)
        if taken is None:
            return
        of_pools = all_pool_arguments(self.file.sqlalchemy)
        refused = [
            each
            for each in engine.arguments.entries.values()
            if each.certain and each.name in of_pools and each.name not in taken
        ]
        if not refused:
            return
        names = ", ".join(f"`{each.name}`" for each in refused)
        whose = f"`{engine.pool}`" + (
            "" if engine.pool_node is not None else ", the pool of in-memory SQLite,"
        )
        self.report(
            refused[0].place,
            f"{whose} does not take {names}",
            why="Making the engine raises TypeError: Invalid argument(s) sent to create_engine()",
            help=f"leave {names} out",
            repair=self.repair(call, {each.name for each in refused}),
        )

    def repair(self, call: cst.Call, names: set[str]) -> Repair | None:
        """Taking them out of the call, when all of them stand there."""
        direct = {arg.keyword.value for arg in call.args if arg.keyword is not None}
        if not names <= direct:
            return None
        return Repair(Applicability.SAFE, "Leave them out", ((call, without(call, names)),))
