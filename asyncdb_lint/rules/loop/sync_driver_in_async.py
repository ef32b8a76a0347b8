"""ADB103 sync-driver-in-async."""

from __future__ import annotations

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.loop.stalls import Stall, direct_stalls, imports, is_startup, remedy, steps
from asyncdb_lint.semantics.blocking import class_label, described

ASYNC_FORMS = {
    "psycopg": "use `psycopg.AsyncConnection` and await the call",
    "psycopg_pool": "use `psycopg_pool.AsyncConnectionPool` and await the call",
}
# Async libraries for a driver's database: named only where the project has them already.
ASYNC_RELATIVES = {
    "sqlite3": ("aiosqlite",),
    "psycopg2": ("asyncpg", "aiopg"),
    "pymysql": ("aiomysql", "asyncmy"),
    "MySQLdb": ("aiomysql", "asyncmy"),
}


class SyncDriverInAsync(Rule):
    """Synchronous I/O through a database driver on the event loop.

    ## What it flags

    Calls in an `async def` that connect or talk to the database through a synchronous driver: psycopg2,
    psycopg's synchronous classes and pools, sqlite3 and their like. All that one connection does in one
    function is one finding, at its first blocking line.

    Code in a plain `def`, and in a lambda or nested function that is handed on (`to_thread`,
    `run_in_executor`), is left alone; so are tests, migrations, in-memory SQLite databases and connections
    made with `async_=1`.

    ## Why it is bad

    There is no exception. While the driver waits, the whole event loop stands still: a query of 500 ms stalls
    every other task for 500 ms, and connecting to a server that never answers stalls them for the whole
    connect timeout.

    ## Good

    ```python
    import psycopg

    async def names(dsn: str) -> list[tuple]:
        async with await psycopg.AsyncConnection.connect(dsn) as conn:
            cursor = await conn.execute("SELECT name FROM users")
            return await cursor.fetchall()
    ```

    ## Bad

    ```python
    import psycopg2

    async def names(dsn: str) -> list[tuple]:
        with psycopg2.connect(dsn) as conn, conn.cursor() as cur:
            cur.execute("SELECT name FROM users")
            return cur.fetchall()
    ```

    ## When to ignore

    In a program whose loop has nothing else to do meanwhile; for a small SQLite file where a stall of
    microseconds is accepted.

    ## Source

    Python, "Developing with asyncio: running blocking code".
    """

    code = "ADB103"
    name = "sync-driver-in-async"
    severity = Severity.ERROR

    def finish(self) -> None:
        for stall in direct_stalls(self.file):
            if not stall.first.is_orm and not self.file.blocking.is_factory(stall.first.origin):
                self.report_stall(stall)

    def report_stall(self, stall: Stall) -> None:
        startup = is_startup(self.file, stall.scope)
        first = stall.first
        through = (
            ""
            if first.origin.node is first.node
            else f": it goes through a synchronous {class_label(self.file, first)}"
        )
        self.report(
            first.node,
            f"{described(self.file, first)} blocks the event loop{through}",
            why="The application cannot start, stop or answer until the database has"
            if startup
            else "Nothing else runs on this loop until the database has answered",
            help=remedy(self.file, stall, self.async_form(first.library)),
            chain=steps(self.file, stall),
            severity=Severity.WARNING if startup else None,
        )

    def async_form(self, library: str) -> str:
        if library in ASYNC_FORMS:
            return ASYNC_FORMS[library]
        known = [each for each in ASYNC_RELATIVES.get(library, ()) if imports(self.file, each)]
        return f"use `{known[0]}` and await the call" if known else ""
