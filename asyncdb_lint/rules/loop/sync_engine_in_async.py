"""ADB101 sync-engine-in-async."""

from __future__ import annotations

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.loop.stalls import Stall, direct_stalls, imports, is_startup, remedy, steps


class SyncEngineInAsync(Rule):
    """A synchronous engine or session factory made on the event loop and used there.

    ## What it flags

    `create_engine(…)` or `sessionmaker(…)` in an `async def` that then connects, queries or opens sessions
    with it in the same function. Making an engine sends nothing: where it is only kept, or used in threads,
    it is left alone.

    ## Why it is bad

    The first use connects while the event loop stands still, and so does every query after it. Each call of
    the function also makes a pool of its own, with connections that nobody reuses.

    ## Good

    ```python
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+psycopg://db/app")

    async def ping() -> None:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    ```

    ## Bad

    ```python
    from sqlalchemy import create_engine, text

    async def ping() -> None:
        engine = create_engine("postgresql+psycopg2://db/app")
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    ```

    ## When to ignore

    In a program whose loop has nothing else to do meanwhile.

    ## Source

    SQLAlchemy, "Asynchronous I/O (asyncio)" and "Engine Configuration".
    """

    code = "ADB101"
    name = "sync-engine-in-async"
    severity = Severity.ERROR
    holds_for = {"sqlalchemy": ">=1.4"}

    def finish(self) -> None:
        for stall in direct_stalls(self.file):
            if self.file.blocking.is_factory(stall.first.origin):
                self.report_stall(stall)

    def report_stall(self, stall: Stall) -> None:
        made = stall.first.origin.node
        role = self.file.role(made)[0]
        what = "engine" if role == "engine" else "session factory"
        uses = [
            self.file.step(stall.first.node, f"`{self.source(stall.first.node, 40)}` blocks the event loop")
        ]
        uses += [step for step in steps(self.file, stall) if step.location != self.file.span(made)[0]]
        known = "the project's" if imports(self.file, "sqlalchemy.ext.asyncio") else "an"
        self.report(
            made,
            f"`{self.source(made)}` makes a synchronous {what} that is used on the event loop",
            why="Connecting and every query stop the whole loop until the database has answered",
            help=remedy(self.file, stall, f"use {known} `AsyncEngine` and await the calls"),
            chain=uses,
            severity=Severity.WARNING if is_startup(self.file, stall.scope) else None,
        )
