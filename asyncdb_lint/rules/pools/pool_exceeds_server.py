"""ADB602 pool-exceeds-server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncdb_lint.finding import Position, Severity, Step
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.inventory import demand, size_of

if TYPE_CHECKING:
    import libcst as cst

    from asyncdb_lint.semantics.inventory import Demand
    from asyncdb_lint.semantics.trace import Asset


class PoolExceedsServer(Rule):
    """Pools that may together open more connections than the server takes.

    ## What it flags

    With `max-connections` in the settings: the sum of `pool_size + max_overflow` over all pools that the
    application makes, times `processes`, where it is larger. Pools of unknown size, tests, scripts and migrations do
    not count. `asyncdb-lint engines` shows the sum.

    ```toml
    [tool.asyncdb-lint]
    max-connections = 100
    processes = 4
    ```

    ## Why it is bad

    Every process has pools of its own. Under load they open all that they may, and the server refuses the rest:
    `sorry, too many clients already`. That hits the processes which had connections left in their own count, and
    whoever else needs the server, such as a migration.

    ## Good

    ```python
    # settings: max_connections=100, processes=4
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://app@db/app", pool_size=5, max_overflow=5)
    ```

    ## Bad

    ```python
    # settings: max_connections=100, processes=4
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://app@db/app", pool_size=20, max_overflow=40)
    ```

    ## When to ignore

    When a pooler stands before the server: then `max-connections` is what the pooler takes.

    ## Source

    PostgreSQL, `max_connections`; SQLAlchemy, `QueuePool`.
    """

    code = "ADB602"
    name = "pool-exceeds-server"
    severity = Severity.WARNING
    holds_for = {"sqlalchemy": ">=1.4", "asyncpg": ">=0.29", "psycopg_pool": ">=3.1", "psycopg2": ">=2.9"}

    def finish(self) -> None:
        limit, processes = self.file.settings.max_connections, self.file.settings.processes or 1
        assets = self.file.reach.assets
        if limit is None or not any(module == self.file.model.name for module, _ in assets):
            return
        found = demand(self.file.project, assets)
        if found.total * processes <= limit:
            return
        module, largest = max(found.pools, key=lambda each: (each[1].most or 0, each[0], each[1].node))
        if module == self.file.model.name:
            self.report_sum(self.file.node(largest.node), found, processes, limit)

    def report_sum(self, node: cst.CSTNode, found: Demand, processes: int, limit: int) -> None:
        sizes = " and ".join(f"{size_of(each)} of {self.label(module, each)}" for module, each in found.pools)
        times = f"{processes} processes with {sizes} each" if processes > 1 else sizes
        places = self.file.reach.places
        chain = [
            Step(
                place.path,
                Position(place.row, place.column),
                f"{self.label(module, each)} may open {size_of(each)}",
            )
            for module, each in found.pools
            if (place := places.get((module, *each.node))) is not None and len(found.pools) > 1
        ]
        self.report(
            node,
            f"The pools may open {found.total * processes} connections, and the server takes {limit}: {times}",
            why="Under load the server refuses what is over: `sorry, too many clients already`",
            help="make the pools smaller, run fewer processes, or put a pooler before the server",
            chain=chain,
        )

    def label(self, module: str, each: Asset) -> str:
        return f"`{each.name}`" if each.name else f"`{each.maker}(…)` in `{module}`"
