"""ADB205 wrong-iteration."""

import asyncio
from collections.abc import AsyncIterator

import aiosqlite
import asyncpg
import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from .support import Database, async_engine

QUERY = sa.text("select 1")


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_streams_and_buffered_results(database: Database, driver: str) -> None:
    async def main() -> None:
        async with async_engine(database.url(driver)) as engine, AsyncSession(engine) as session:
            stream = await session.stream(QUERY)
            with pytest.raises(TypeError, match="is not iterable"):
                list(stream)  # type: ignore[call-overload]
            assert [row[0] async for row in stream] == [1]
            buffered = await session.scalars(QUERY)
            with pytest.raises(TypeError, match="__aiter__"):
                [value async for value in buffered]  # type: ignore[attr-defined]
            assert list(buffered) == [1]

    asyncio.run(main())


def test_cursors_of_drivers(database: Database) -> None:
    async def main() -> None:
        async with await psycopg.AsyncConnection.connect(database.dsn()) as connection:
            cursor = await connection.execute("select 1")
            with pytest.raises(TypeError, match="is not iterable"):
                list(cursor)  # type: ignore[call-overload]
        async with aiosqlite.connect(":memory:") as lite, lite.execute("select 1") as rows:
            with pytest.raises(TypeError, match="is not iterable"):
                list(rows)
        connection = await asyncpg.connect(database.dsn())
        async with connection.transaction():
            with pytest.raises(TypeError, match="is not iterable"):
                list(connection.cursor("select 1"))
        await connection.close()

    asyncio.run(main())


@pytest.mark.parametrize("is_left", [True, False])
def test_generator_that_is_left_does_not_commit(database: Database, is_left: bool) -> None:
    async def main() -> None:
        async with async_engine(database.url("psycopg")) as engine:

            async def get_session() -> AsyncIterator[AsyncSession]:
                async with AsyncSession(engine) as session:
                    yield session
                    await session.commit()

            async def write() -> None:
                async for session in get_session():
                    await session.execute(sa.text("insert into note default values"))
                    if is_left:
                        return

            await write()
            await asyncio.sleep(0.05)

    asyncio.run(main())

    assert database.notes() == (0 if is_left else 1)


def test_generator_sees_no_error(database: Database) -> None:
    seen = []

    async def get_session() -> AsyncIterator[int]:
        try:
            yield 1
        except ValueError:
            seen.append("error")

    async def main() -> None:
        async for _ in get_session():
            raise ValueError("body")

    with pytest.raises(ValueError, match="body"):
        asyncio.run(main())

    assert not seen
