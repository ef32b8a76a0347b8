"""ADB111 psycopg2-based-driver."""

from __future__ import annotations

from typing import NamedTuple

import libcst as cst

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.engines import url_of


class Wrapper(NamedTuple):
    """What makes a connection through psycopg2: the library that drives it, and what replaces it."""

    library: str
    instead: str


CONNECTION = "`psycopg.AsyncConnection` of psycopg 3, psycopg2's successor, or asyncpg"
POOL = "`psycopg_pool.AsyncConnectionPool` with psycopg 3, psycopg2's successor, or asyncpg"
ENGINE = (
    "SQLAlchemy's `create_async_engine` with `postgresql+psycopg://` (psycopg 3) or `postgresql+asyncpg://`"
)
CONNECTOR = "procrastinate's `PsycopgConnector`, which uses psycopg 3"
DATABASE = "peewee-async's `Psycopg3Database`, which uses psycopg 3"

# The makers by canonical name. gino, asyncpgsa and tortoise-orm stand on asyncpg, psycogreen on gevent.
WRAPPERS = {
    "aiopg.connection.connect": Wrapper("aiopg", CONNECTION),
    "aiopg.pool.create_pool": Wrapper("aiopg", POOL),
    "aiopg.sa.create_engine": Wrapper("aiopg", ENGINE),
    "aiopg.sa.engine.create_engine": Wrapper("aiopg", ENGINE),
    "momoko.Connection": Wrapper("momoko", CONNECTION),
    "momoko.Pool": Wrapper("momoko", POOL),
    "momoko.connect": Wrapper("momoko", CONNECTION),
    "peewee_async.PooledPostgresqlDatabase": Wrapper("aiopg", DATABASE),
    "peewee_async.PostgresqlDatabase": Wrapper("aiopg", DATABASE),
    "procrastinate.AiopgConnector": Wrapper("aiopg", CONNECTOR),
    "procrastinate.contrib.aiopg.AiopgConnector": Wrapper("aiopg", CONNECTOR),
    "psycaio.connect": Wrapper("psycaio", CONNECTION),
}
DATABASES = "databases.Database"  # takes the driver from its URL
DATABASES_SCHEME = "postgresql+aiopg"
LAST_RELEASES = {"aiopg": 2022, "momoko": 2018, "psycaio": 2020}


class Psycopg2BasedDriver(Rule):
    """An asynchronous wrapper of psycopg2 in use.

    ## What it flags

    A connection, pool or engine made with aiopg (`aiopg.connect`, `aiopg.create_pool`, `aiopg.sa`), momoko
    or psycaio, with procrastinate's `AiopgConnector`, peewee-async's `PostgresqlDatabase`, or a
    `postgresql+aiopg://` URL of the `databases` package. One finding a file, at the first. Imports alone and
    tests are left alone.

    ## Why it is bad

    These libraries do not block the loop. But they drive psycopg2, which gets no new features, and are
    themselves frozen: aiopg had its last release in 2022, psycaio in 2020, momoko in 2018. `aiopg.sa` raises
    ImportError with SQLAlchemy 2.

    ## Good

    ```python
    from psycopg_pool import AsyncConnectionPool

    async def names(pool: AsyncConnectionPool) -> list[str]:
        async with pool.connection() as conn:
            cur = await conn.execute("SELECT name FROM users")
            return [name async for (name,) in cur]
    ```

    ## Bad

    ```python
    import aiopg

    async def names(dsn: str) -> list[str]:
        async with aiopg.create_pool(dsn) as pool, pool.acquire() as conn, conn.cursor() as cur:
            await cur.execute("SELECT name FROM users")
            return [name async for (name,) in cur]
    ```

    ## When to ignore

    In a program that is no longer developed.

    ## Source

    aiopg, release history and `aiopg.sa`; psycopg 3, "Differences from psycopg2".
    """

    code = "ADB111"
    name = "psycopg2-based-driver"
    severity = Severity.INFO
    triggers = seeds = (b"aiopg", b"momoko", b"peewee_async", b"psycaio")

    def finish(self) -> None:
        if self.file.is_test:
            return
        calls = [call for call in self.file.model.nodes.get(cst.Call, ()) if isinstance(call, cst.Call)]
        found = [(call, wrapper) for call in calls if (wrapper := self.wrapper(call)) is not None]
        if found:
            found.sort(key=lambda each: self.file.span(each[0]))
            self.report_use(*found[0], [call for call, _ in found[1:]])

    def wrapper(self, call: cst.Call) -> Wrapper | None:
        """What a call makes its connections with."""
        name = getattr(self.kind(call.func), "name", "")
        if name != DATABASES:
            return WRAPPERS.get(name)
        argument = self.file.argument(call, "url", 0)
        url = url_of(self.file, argument.value) if argument is not None else None
        if url is None or url.scheme != DATABASES_SCHEME:
            return None
        return Wrapper("aiopg", "a `postgresql+asyncpg://` URL, or psycopg 3 without `databases`")

    def report_use(self, call: cst.Call, wrapper: Wrapper, others: list[cst.Call]) -> None:
        library, instead = wrapper
        refuses = ", and `aiopg.sa` cannot be imported with SQLAlchemy 2" if instead == ENGINE else ""
        self.report(
            call.func,
            f"`{self.source(call.func)}` connects through {library}, which wraps psycopg2",
            why=f"{library} has had no release since {LAST_RELEASES[library]}{refuses}",
            help=f"use {instead}",
            chain=[self.file.step(each, "is used here too") for each in others],
        )
