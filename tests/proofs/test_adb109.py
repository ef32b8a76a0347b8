"""ADB109 mixed-sync-async-engines."""

import asyncio

import pytest
import sqlalchemy as sa

from .support import (
    BLOCKED,
    FREE,
    SLOW_QUERY,
    Database,
    async_engine,
    least_stall,
    select_one,
    stall,
    sync_engine,
)

DRIVERS = [("psycopg2", "asyncpg"), ("psycopg", "psycopg"), ("psycopg2", "psycopg")]


def query(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        connection.execute(sa.text(SLOW_QUERY))


@pytest.mark.parametrize(("sync_driver", "async_driver"), DRIVERS)
def test_engines_coexist(database: Database, sync_driver: str, async_driver: str) -> None:
    """Both engines work in one loop, one after the other and at once, and raise nothing."""

    async def main() -> None:
        with sync_engine(database.url(sync_driver)) as engine:
            async with async_engine(database.url(async_driver)) as other:
                query(engine)
                await select_one(other)
                await asyncio.gather(select_one(other), asyncio.to_thread(query, engine), select_one(other))
                query(engine)

    asyncio.run(main())


def test_sync_engine_holds_up_the_async_one(database: Database) -> None:
    """While the synchronous engine queries on the loop, the asynchronous engine's query cannot go on."""

    async def main() -> None:
        with sync_engine(database.url("psycopg2")) as engine:
            async with async_engine(database.url("asyncpg")) as other:
                loop = asyncio.get_running_loop()
                for each in (select_one(other), asyncio.to_thread(query, engine)):
                    await each  # connected

                async def on_loop() -> None:
                    query(engine)

                async def waited(work: object) -> float:
                    start = loop.time()
                    quick = asyncio.create_task(select_one(other))
                    slow = asyncio.ensure_future(work)
                    await quick
                    took = loop.time() - start
                    await slow
                    return took

                assert await waited(on_loop()) >= BLOCKED
                assert await waited(asyncio.to_thread(query, engine)) < FREE

    asyncio.run(main())


def test_only_the_sync_engine_stalls(database: Database) -> None:
    """The same query stalls the loop through the one engine, not through the other, nor from a thread."""

    async def main() -> None:
        with sync_engine(database.url("psycopg2")) as engine:
            async with async_engine(database.url("asyncpg")) as other:

                async def bad() -> None:
                    query(engine)

                async def good() -> None:
                    async with other.connect() as connection:
                        await connection.execute(sa.text(SLOW_QUERY))

                async def in_thread() -> None:
                    await asyncio.to_thread(query, engine)

                assert await stall(bad) >= BLOCKED
                assert await least_stall(good) < FREE
                assert await least_stall(in_thread) < FREE

    asyncio.run(main())


def test_each_engine_has_a_pool(database: Database) -> None:
    """Two engines hold connections of their own, to one and the same database."""

    async def main() -> None:
        with sync_engine(database.url("psycopg2")) as engine:
            async with async_engine(database.url("asyncpg")) as other:
                await asyncio.to_thread(query, engine)
                await select_one(other)
                assert database.connections() == 2

    asyncio.run(main())
