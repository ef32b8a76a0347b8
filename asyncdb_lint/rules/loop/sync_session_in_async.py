"""ADB102 sync-session-in-async."""

from __future__ import annotations

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.loop.stalls import Stall, direct_stalls, imports, is_startup, remedy, steps
from asyncdb_lint.semantics.blocking import class_label, described


class SyncSessionInAsync(Rule):
    """Synchronous SQLAlchemy or SQLModel I/O on the event loop.

    ## What it flags

    Calls in an `async def` that talk to the database through a synchronous `Session`, `scoped_session`,
    `Query`, `Connection` or `Engine`, wherever the object comes from: a dependency, a `with` block, a factory
    of another module, an attribute. All that one object does in one function is one finding, at its first
    blocking line.

    Code in a plain `def`, a lambda or nested function that is handed on (`run_sync`, `to_thread`), and calls
    that send nothing (`session.add`, reading a buffered result) are left alone; so are tests, migrations, and
    objects that the function itself awaits although their annotation says synchronous.

    ## Why it is bad

    There is no exception. While the database answers, the whole event loop stands still: a query of 500 ms
    stalls every other request for 500 ms, and a server that accepts the connection and never answers stalls
    them for the whole connect timeout.

    ## Good

    ```python
    from sqlalchemy import select
    from sqlalchemy.ext.asyncio import AsyncSession

    async def count(session: AsyncSession, statement) -> int:
        return (await session.execute(statement)).scalar_one()
    ```

    ```python
    import asyncio
    from sqlalchemy.orm import Session, sessionmaker

    SessionLocal = sessionmaker()

    def count(statement) -> int:
        with SessionLocal() as session:
            return session.execute(statement).scalar_one()

    async def handler(statement) -> int:
        return await asyncio.to_thread(count, statement)
    ```

    ## Bad

    ```python
    from sqlalchemy.orm import Session

    async def count(session: Session, statement) -> int:
        return session.execute(statement).scalar_one()
    ```

    ## When to ignore

    In a program whose loop has nothing else to do meanwhile.

    ## Source

    SQLAlchemy, "Asynchronous I/O (asyncio)"; FastAPI, "Concurrency and async / await".
    """

    code = "ADB102"
    name = "sync-session-in-async"
    severity = Severity.ERROR
    holds_for = {"sqlalchemy": ">=1.4"}

    def finish(self) -> None:
        for stall in direct_stalls(self.file):
            if stall.first.is_orm and not self.file.blocking.is_factory(stall.first.origin):
                self.report_stall(stall)

    def report_stall(self, stall: Stall) -> None:
        startup = is_startup(self.file, stall.scope)
        self.report(
            stall.first.node,
            f"{described(self.file, stall.first)} blocks the event loop: it goes through a synchronous "
            f"{class_label(self.file, stall.first)}",
            why="The application cannot start, stop or answer until the database has"
            if startup
            else "Nothing else runs on this loop until the database has answered",
            help=remedy(self.file, stall, self.async_form()),
            chain=steps(self.file, stall),
            severity=Severity.WARNING if startup else None,
        )

    def async_form(self) -> str:
        if imports(self.file, "sqlmodel.ext.asyncio") or imports(self.file, "sqlalchemy.ext.asyncio"):
            return "use the project's `AsyncSession` or `AsyncEngine` and await the call"
        return "use an `AsyncSession` on a `create_async_engine` and await the call"
