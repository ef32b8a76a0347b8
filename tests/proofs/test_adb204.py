"""ADB204 wrong-with."""

import asyncio
from typing import Any

import asyncpg
import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from .support import Database, async_engine, sync_engine

# Python 3.10 looks for the method and says nothing of protocols.
REFUSED = (TypeError, AttributeError)
QUERY = sa.text("select 1")


def by_with(manager: Any) -> None:
    with manager:
        raise AssertionError("it was entered")


async def by_async_with(manager: Any) -> None:
    async with manager:
        raise AssertionError("it was entered")


def test_with_on_what_is_asynchronous(database: Database) -> None:
    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine, AsyncSession(engine) as session:
            for manager in (session, session.begin(), engine.connect(), engine.begin()):
                with pytest.raises(REFUSED):
                    by_with(manager)

    asyncio.run(main())


def test_async_with_on_what_is_synchronous(database: Database) -> None:
    async def main() -> None:
        with sync_engine(database.url("psycopg")) as engine, engine.connect() as connection:
            for manager in (orm.Session(engine), orm.sessionmaker(engine)(), connection):
                with pytest.raises(REFUSED):
                    await by_async_with(manager)

    asyncio.run(main())


def test_what_is_not_called(database: Database) -> None:
    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:
            for manager in (async_sessionmaker(engine), engine.begin, engine.connect):
                with pytest.raises(REFUSED):
                    await by_async_with(manager)

    asyncio.run(main())
    with sync_engine(database.url("psycopg")) as engine, pytest.raises(REFUSED):
        by_with(orm.sessionmaker(engine))


def test_what_is_not_awaited(database: Database) -> None:
    async def main() -> None:
        coroutine = psycopg.AsyncConnection.connect(database.dsn())
        with pytest.raises(REFUSED):
            await by_async_with(coroutine)
        coroutine.close()
        async with await psycopg.AsyncConnection.connect(database.dsn()) as connection:
            await connection.execute("select 1")

    asyncio.run(main())


def test_an_asyncpg_pool(database: Database) -> None:
    async def main() -> None:
        async with asyncpg.create_pool(database.dsn(), min_size=1, max_size=1) as pool:
            with pytest.raises(REFUSED):
                by_with(pool.acquire())
            async with pool.acquire() as connection:
                assert await connection.fetchval("select 1") == 1

    asyncio.run(main())


def test_the_right_ways(database: Database) -> None:
    async def works(engine: AsyncEngine) -> None:
        async with async_sessionmaker(engine)() as session, session.begin():
            assert await session.scalar(QUERY) == 1
        async with engine.begin() as connection:
            assert await connection.scalar(QUERY) == 1

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:
            await works(engine)

    asyncio.run(main())
