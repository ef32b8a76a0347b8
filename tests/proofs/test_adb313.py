"""ADB313 nested-checkout."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import NullPool

from .support import Database

QUERY = sa.text("select 1")
AT_ONCE = 2

Handler = Callable[[AsyncEngine, asyncio.Barrier], Awaitable[None]]


async def session_in_session(engine: AsyncEngine, all_hold_one: asyncio.Barrier) -> None:
    async with AsyncSession(engine) as outer:
        await outer.execute(QUERY)
        await all_hold_one.wait()
        async with AsyncSession(engine) as inner:
            await inner.execute(QUERY)


async def session_in_connection(engine: AsyncEngine, all_hold_one: asyncio.Barrier) -> None:
    async with engine.begin() as connection:
        await connection.execute(QUERY)
        await all_hold_one.wait()
        async with AsyncSession(engine) as inner:
            await inner.execute(QUERY)


async def one_after_the_other(engine: AsyncEngine, all_hold_one: asyncio.Barrier) -> None:
    async with AsyncSession(engine) as outer:
        await outer.execute(QUERY)
    await all_hold_one.wait()
    async with AsyncSession(engine) as inner:
        await inner.execute(QUERY)


async def after_a_commit(engine: AsyncEngine, all_hold_one: asyncio.Barrier) -> None:
    async with AsyncSession(engine) as outer:
        await outer.execute(QUERY)
        await outer.commit()
        await all_hold_one.wait()
        async with AsyncSession(engine) as inner:
            await inner.execute(QUERY)


async def session_not_used_yet(engine: AsyncEngine, all_hold_one: asyncio.Barrier) -> None:
    async with AsyncSession(engine) as outer:
        await all_hold_one.wait()
        async with AsyncSession(engine) as inner:
            await inner.execute(QUERY)
        await outer.execute(QUERY)


def serve(database: Database, driver: str, handler: Handler, **options: object) -> list[BaseException | None]:
    """As many requests at once as the pool has connections; what each ended with."""

    async def main() -> list[BaseException | None]:
        engine = create_async_engine(database.url(driver), **options)  # type: ignore[arg-type]
        barrier = asyncio.Barrier(AT_ONCE)
        try:
            requests = [handler(engine, barrier) for _ in range(AT_ONCE)]
            return await asyncio.gather(*requests, return_exceptions=True)
        finally:
            await engine.dispose()

    return asyncio.run(main())


LIMITED = {"pool_size": AT_ONCE, "max_overflow": 0, "pool_timeout": 0.3}


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize("handler", [session_in_session, session_in_connection])
def test_requests_wait_for_each_other(database: Database, driver: str, handler: Handler) -> None:
    results = serve(database, driver, handler, **LIMITED)

    assert any(isinstance(each, PoolTimeout) for each in results)


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize("handler", [one_after_the_other, after_a_commit, session_not_used_yet])
def test_one_connection_each_is_enough(database: Database, driver: str, handler: Handler) -> None:
    assert serve(database, driver, handler, **LIMITED) == [None] * AT_ONCE


def test_without_a_pool_nothing_waits(database: Database) -> None:
    assert serve(database, "psycopg", session_in_session, poolclass=NullPool) == [None] * AT_ONCE


@pytest.mark.parametrize("nested", [True, False])
def test_asyncpg_pool_hangs(database: Database, nested: bool) -> None:
    async def handler(pool: asyncpg.Pool, barrier: asyncio.Barrier) -> None:
        async with pool.acquire() as connection:
            await connection.fetch("select 1")
            await barrier.wait()
            await (pool if nested else connection).fetch("select 1")

    async def main() -> bool:
        pool = await asyncpg.create_pool(database.dsn(), min_size=AT_ONCE, max_size=AT_ONCE)
        barrier = asyncio.Barrier(AT_ONCE)
        work = asyncio.gather(*(handler(pool, barrier) for _ in range(AT_ONCE)))
        try:
            await asyncio.wait_for(work, 0.5)
        except TimeoutError:
            return True
        finally:
            pool.terminate()
        return False

    assert asyncio.run(main()) is nested


def test_two_dependencies_hold_two(database: Database) -> None:
    """Two session dependencies of one request are two connections, both held to its end."""

    async def main() -> int:
        engine = create_async_engine(database.url("psycopg"))
        factory = async_sessionmaker(engine)
        async with factory() as first, factory() as second:
            await first.execute(QUERY)
            await second.execute(QUERY)
            held = engine.pool.checkedout()  # type: ignore[attr-defined]
        await engine.dispose()
        return held

    assert asyncio.run(main()) == 2
