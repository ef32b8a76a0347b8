"""ADB313 nested-checkout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.effects import frame_of, label
from asyncdb_lint.semantics.holding import WORKING, Holding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.semantics.effects import Done, Frame, Root
    from asyncdb_lint.semantics.holding import Held


class NestedCheckout(Rule):
    """A second connection taken from a pool by a task that still holds one.

    ## What it flags

    A session or connection that takes a connection from the same engine or pool while another one of the same
    function holds one: an inner `async with factory()`, `pool.fetch()` beside an acquired connection, or a project
    function that opens its own. A session holds a connection from its first statement until it commits, rolls back or
    closes. Engines without a pool (`NullPool`) are left alone, and so is what stands under a lock.

    ## Why it is bad

    When as many tasks as the pool has connections hold their first one, each waits for a second that nobody can give
    back. SQLAlchemy's tasks fail after `pool_timeout` with `QueuePool limit … reached`; asyncpg's wait for ever.

    ## Good

    ```python
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

    engine = create_async_engine("postgresql+asyncpg://db/app")
    factory = async_sessionmaker(engine)

    async def audit(session: AsyncSession) -> None:
        await session.execute(text("insert into audit default values"))

    async def order() -> None:
        async with factory() as session:
            await session.execute(text("insert into orders default values"))
            await audit(session)
            await session.commit()
    ```

    ## Bad

    ```python
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

    engine = create_async_engine("postgresql+asyncpg://db/app")
    factory = async_sessionmaker(engine)

    async def audit() -> None:
        async with factory() as session:
            await session.execute(text("insert into audit default values"))
            await session.commit()

    async def order() -> None:
        async with factory() as session:
            await session.execute(text("insert into orders default values"))
            await audit()
            await session.commit()
    ```

    ## When to ignore

    When the second transaction has to be independent of the first, and fewer tasks run at once than the pool has
    connections.

    ## Source

    SQLAlchemy, "Connection Pooling"; asyncpg, "Connection Pools".
    """

    code = "ADB313"
    name = "nested-checkout"
    severity = Severity.WARNING
    holds_for = {"sqlalchemy": ">=1.4"}
    triggers = (b"async with", b"AsyncSession", b"acquire")

    def finish(self) -> None:
        if self.file.is_test:
            return
        for scope, done in self.file.done.items():
            frame = frame_of(self.file, scope)
            if frame is not None and isinstance(scope.node, cst.FunctionDef):
                self.judge(frame, done)

    def judge(self, frame: Frame, done: list[Done]) -> None:
        holding = Holding(self.file, frame)
        told: set[Root] = set()
        for each in done:
            for root, source in self.taken(holding, each):
                first = next((held for held in holding.at(each.node) if held.source == source), None)
                if first is not None and root not in holding.held and first.root not in told:
                    told.add(first.root)
                    self.tell(first, each)
            holding.note(each)

    def taken(self, holding: Holding, each: Done) -> Iterator[tuple[Root | None, str]]:
        """The pools that a call takes a connection from, with the session that keeps it if that is known here."""
        for opens in each.effect.opens:
            if opens.source and not opens.locked and not opens.unless:
                yield None, opens.source
        for act in each.effect.acts:
            if act.verb in WORKING and not act.locked and (source := holding.source_of(act.root)):
                yield act.root, source

    def tell(self, held: Held, each: Done) -> None:
        name = label(self.file, held.root)
        holder = f"`{name}`" if name else f"`{self.source(held.since)}`"
        self.report(
            each.node,
            f"`{self.source(each.node)}` takes a second connection while {holder} holds one of the same pool",
            why="When every connection of the pool is held that way, all of them wait for each other",
            help=f"do the work with {holder}, or end its transaction first",
            chain=[self.file.step(held.since, f"{holder} holds a connection from here")],
        )
