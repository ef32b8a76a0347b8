"""ADB303 connection-never-released."""

import asyncio
import gc

import asyncpg
import psycopg_pool
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import create_async_engine

from .support import Database

QUERY = sa.text("select 1")
DRIVERS = ["asyncpg", "psycopg"]


@pytest.mark.parametrize("driver", DRIVERS)
def test_engine_runs_dry(database: Database, driver: str, no_gc: None) -> None:
    async def main() -> None:
        engine = create_async_engine(database.url(driver), pool_size=1, max_overflow=0, pool_timeout=0.2)

        async def leaks() -> None:
            connection = await engine.connect()
            await connection.execute(QUERY)

        async def releases() -> None:
            async with engine.connect() as connection:
                await connection.execute(QUERY)

        await releases()
        await releases()
        await leaks()
        with pytest.raises(PoolTimeout):
            await releases()
        await engine.dispose()

    asyncio.run(main())


def test_an_error_skips_the_close(database: Database, no_gc: None) -> None:
    async def main() -> None:
        engine = create_async_engine(database.url("psycopg"), pool_size=1, max_overflow=0, pool_timeout=0.2)

        async def leaks() -> None:
            connection = await engine.connect()
            await connection.execute(sa.text("select 1/0"))
            await connection.close()

        kept = (await asyncio.gather(leaks(), return_exceptions=True))[0]  # a log holds its traceback
        with pytest.raises(PoolTimeout):
            await engine.connect()
        assert kept is not None
        await engine.dispose()

    asyncio.run(main())


def test_asyncpg_pool_hangs(database: Database) -> None:
    """Not even the garbage collector gives an acquired connection back."""

    async def main() -> None:
        pool = await asyncpg.create_pool(database.dsn(), min_size=1, max_size=1)

        async def releases() -> None:
            async with pool.acquire() as connection:
                await connection.fetch("select 1")

        async def leaks() -> None:
            connection = await pool.acquire()
            await connection.fetch("select 1")

        await releases()
        await leaks()
        gc.collect()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(releases(), 0.3)
        pool.terminate()

    asyncio.run(main())


def test_psycopg_pool_runs_dry(database: Database) -> None:
    async def main() -> None:
        pool = psycopg_pool.AsyncConnectionPool(
            database.dsn(), min_size=1, max_size=1, open=False, timeout=0.3
        )
        await pool.open()

        async def leaks() -> None:
            connection = await pool.getconn()
            await connection.execute("select 1")

        async def releases() -> None:
            async with pool.connection() as connection:
                await connection.execute("select 1")

        await releases()
        await leaks()
        gc.collect()
        with pytest.raises(psycopg_pool.PoolTimeout):
            await releases()
        await pool.close()

    asyncio.run(main())


@pytest.mark.parametrize("closed", [False, True])
def test_pool_that_is_never_closed_keeps_its_connections(
    database: Database, closed: bool, no_gc: None
) -> None:
    async def works() -> None:
        pool = await asyncpg.create_pool(database.dsn(), min_size=2, max_size=2)
        await pool.fetch("select 1")
        if closed:
            await pool.close()

    async def main() -> int:
        await works()
        await works()
        return database.connections()

    assert asyncio.run(main()) == (0 if closed else 4)


def test_a_dropped_connection_of_its_own_is_closed(database: Database, no_gc: None) -> None:
    """Why the rule leaves `asyncpg.connect()` alone: no pool waits for it, and dropping it ends it."""

    async def works() -> None:
        connection = await asyncpg.connect(database.dsn())
        await connection.fetch("select 1")

    async def main() -> int:
        await works()
        await asyncio.sleep(0.1)
        return database.connections()

    assert asyncio.run(main()) == 0
