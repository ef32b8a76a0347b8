"""ADB106 database-work-in-executor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.loop.stalls import SCRIPT_FOLDERS, imports, way_steps
from asyncdb_lint.semantics.blocking import RELEASES

if TYPE_CHECKING:
    import libcst as cst

    from asyncdb_lint.finding import Step
    from asyncdb_lint.semantics.offload import Offload

# Without one of these at hand a thread is the right place for database work, and other rules advise it.
ASYNC_DATABASES = (
    "sqlalchemy.ext.asyncio", "sqlmodel.ext.asyncio", "asyncpg", "psycopg.AsyncConnection",
    "psycopg_pool.AsyncConnectionPool", "aiomysql", "asyncmy",
)  # fmt: skip
# aiosqlite, the asynchronous way to SQLite, is a thread too: nothing is won by it.
NO_BETTER_WAY = {"sqlite3"}
# Adapters for synchronous sessions end them in a thread, and that is right: the work was done elsewhere.
ENDS = {"commit", "rollback", "flush", *RELEASES}


class DatabaseWorkInExecutor(Rule):
    """Database work that async code hands to a thread.

    ## What it flags

    A function that talks to the database through a synchronous session, connection or cursor, handed from an
    `async def` to `asyncio.to_thread`, `run_in_executor`, `run_in_threadpool` or `anyio.to_thread.run_sync`;
    also a bound method such as `session.commit`. One finding per function, however often it is handed over.
    SQLite is left alone: its asynchronous library uses a thread too. So are projects that use no asynchronous
    driver or session anywhere: there a thread is the way.

    ## Why it is bad

    It does not block the loop. But every query in
    flight holds a thread and a connection: `to_thread` has `min(32, cpus + 4)` threads for the whole process,
    starlette and anyio have 40, and what waits for a thread waits behind everything else that is offloaded.

    ## Good

    ```python
    from sqlalchemy.ext.asyncio import AsyncSession

    async def total(session: AsyncSession, statement) -> int:
        return (await session.execute(statement)).scalar_one()
    ```

    ## Bad

    ```python
    import asyncio
    from sqlalchemy.ext.asyncio import async_sessionmaker
    from sqlalchemy.orm import sessionmaker

    AsyncSessionLocal = async_sessionmaker()
    SessionLocal = sessionmaker()

    def total(statement) -> int:
        with SessionLocal() as session:
            return session.execute(statement).scalar_one()

    async def handler(statement) -> int:
        return await asyncio.to_thread(total, statement)
    ```

    ## When to ignore

    When the driver or the library that does the work has no asynchronous form, or the work is rare.

    ## Source

    Python, `asyncio.to_thread` and `ThreadPoolExecutor`; SQLAlchemy, `AsyncSession.run_sync`.
    """

    code = "ADB106"
    name = "database-work-in-executor"
    severity = Severity.WARNING
    requires = (b"async def",)

    def finish(self) -> None:
        if self.file.is_test or SCRIPT_FOLDERS & set(self.file.model.path.split("/")[:-1]):
            return
        if not any(imports(self.file, each) for each in ASYNC_DATABASES):
            return
        works: dict[object, tuple[list[Offload], list[Step]]] = {}
        for found in self.file.offloads:
            work = self.work(found) if self.on_loop(found.call) else None
            if work is not None:
                works.setdefault(work[0], ([], work[1]))[0].append(found)
        for places, steps in works.values():
            self.report_work(places, steps)

    def work(self, found: Offload) -> tuple[object, list[Step]] | None:
        """What identifies the function and where it talks to the database; None where it is not seen to."""
        kind = self.kind(found.function)
        member = self.file.project.member(kind)
        if member is not None:
            owner = getattr(kind, "owner", None)
            is_sync = self.file.project.role(owner)[1] == "sync" if owner is not None else True
            library = getattr(kind, "name", "").partition(".")[0]
            ends = getattr(kind, "name", "").rpartition(".")[2] in ENDS
            if (
                member.blocks
                and not ends
                and is_sync
                and member.protocol == "plain"
                and library not in NO_BETTER_WAY
            ):
                return self.source(found.function), []
            return None
        for name in self.file.tracing.passed(found.function):
            for parameter in self.file.reach.hops.get(name, ()):
                way = self.file.reach.way(name, parameter)
                if way[-1].library not in NO_BETTER_WAY and self.is_first(name):
                    return name, way_steps(self.file, name, parameter)
        return None

    def is_first(self, name: str) -> bool:
        """Whether a function that several files hand to threads is told in this one."""
        return self.file.reach.handed.get(name, [self.file.model.name])[0] == self.file.model.name

    def report_work(self, places: list[Offload], steps: list[Step]) -> None:
        first = places[0]
        function: cst.CSTNode = first.function
        more = [self.file.step(each.call, "handed to a thread here too") for each in places[1:]]
        self.report(
            function,
            f"`{self.source(function, 40)}` does database work in a thread of "
            f"`{self.source(first.call.func, 40)}`",
            why="Every query in flight holds one of a few dozen threads, or waits for one",
            help="use the project's async driver or session (`session.run_sync(…)` runs synchronous ORM code on it)",
            chain=[*steps, *more],
        )
