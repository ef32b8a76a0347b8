"""ADB505 engine-per-call."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import asyncpg
import psycopg_pool
import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from .support import Database, async_engine

CALLS = 5
QUERY = sa.text("select 1")
Form = Callable[[Database], Awaitable[None]]


async def engine_of_its_own(database: Database) -> None:
    engine = create_async_engine(database.url("asyncpg"))
    async with engine.connect() as connection:
        await connection.execute(QUERY)


async def session_entered(database: Database) -> None:
    async with AsyncSession(create_async_engine(database.url("psycopg"))) as session:
        await session.execute(QUERY)


async def factory_of_its_own(database: Database) -> None:
    factory = async_sessionmaker(create_async_engine(database.url("asyncpg")))
    async with factory() as session:
        await session.execute(QUERY)


async def pool_of_its_own(database: Database) -> None:
    pool = await asyncpg.create_pool(database.dsn(), min_size=1, max_size=1)
    async with pool.acquire() as connection:
        await connection.fetchval("select 1")


async def disposed(database: Database) -> None:
    engine = create_async_engine(database.url("asyncpg"))
    try:
        async with engine.connect() as connection:
            await connection.execute(QUERY)
    finally:
        await engine.dispose()


async def without_pool(database: Database) -> None:
    engine = create_async_engine(database.url("asyncpg"), poolclass=sa.NullPool)
    async with engine.connect() as connection:
        await connection.execute(QUERY)


async def pool_entered(database: Database) -> None:
    async with asyncpg.create_pool(database.dsn(), min_size=1, max_size=1) as pool:
        await pool.fetchval("select 1")


async def psycopg_pool_entered(database: Database) -> None:
    async with (
        psycopg_pool.AsyncConnectionPool(database.dsn(), min_size=1, open=False) as pool,
        pool.connection() as connection,
    ):
        await connection.execute("select 1")


LEAKING: list[Form] = [engine_of_its_own, session_entered, factory_of_its_own, pool_of_its_own]
CLEAN: list[Form] = [disposed, without_pool, pool_entered, psycopg_pool_entered]


@pytest.mark.parametrize("form", LEAKING)
def test_each_call_leaves_a_connection(database: Database, no_gc: None, form: Form) -> None:
    """However properly the session is closed: the pool of the engine keeps its connection."""

    async def main() -> None:
        for _ in range(CALLS):
            await form(database)
        assert database.connections() == CALLS

    asyncio.run(main())


@pytest.mark.parametrize("form", CLEAN)
def test_nothing_left(database: Database, no_gc: None, form: Form) -> None:
    """An engine that is disposed of, or keeps no connections, leaves none; nor does a pool that is closed."""

    async def main() -> None:
        for _ in range(CALLS):
            await form(database)
        deadline = time.monotonic() + 5  # the server takes a moment to see that a client has gone
        while database.connections() and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        assert database.connections() == 0

    asyncio.run(main())


def test_one_engine_for_all(database: Database, no_gc: None) -> None:
    """The repair: one engine, whose pool hands the same connection out again."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:
            for _ in range(CALLS):
                async with AsyncSession(engine) as session:
                    await session.execute(QUERY)
            assert database.connections() == 1

    asyncio.run(main())


def test_sync_engine(database: Database, no_gc: None) -> None:
    """The same for a synchronous engine, with a session that is closed each time."""
    for _ in range(CALLS):
        with orm.Session(sa.create_engine(database.url("psycopg2"))) as session:
            session.execute(QUERY)
    assert database.connections() == CALLS


def test_factory_per_call_is_harmless(database: Database, no_gc: None) -> None:
    """A near miss: a new session factory on an engine that lasts leaves nothing behind."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:
            for _ in range(CALLS):
                async with async_sessionmaker(engine)() as session:
                    await session.execute(QUERY)
            assert database.connections() == 1

    asyncio.run(main())
