"""ADB203 await-precedence."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiosqlite
import asyncpg
import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from .support import Database, Note, async_engine

Form = Callable[[AsyncSession], Awaitable[Any]]

QUERY = sa.select(Note.body)


async def execute_scalars(session: AsyncSession) -> Any:
    return await session.execute(QUERY).scalars().all()


async def execute_scalars_repaired(session: AsyncSession) -> Any:
    return (await session.execute(QUERY)).scalars().all()


async def scalars_all(session: AsyncSession) -> Any:
    return await session.scalars(QUERY).all()


async def scalars_all_repaired(session: AsyncSession) -> Any:
    return (await session.scalars(QUERY)).all()


# The formatter would join the lines that this one is about.
# fmt: off
async def over_lines(session: AsyncSession) -> Any:
    return await session.execute(
        QUERY,
    ).scalars(
    ).all()


async def over_lines_repaired(session: AsyncSession) -> Any:
    return (await session.execute(
        QUERY,
    )).scalars(
    ).all()
# fmt: on


async def attribute(session: AsyncSession) -> Any:
    return [await session.get(Note, 1).body]


async def attribute_repaired(session: AsyncSession) -> Any:
    return [(await session.get(Note, 1)).body]


async def connection_execute(session: AsyncSession) -> Any:
    return await session.connection().execute(QUERY).scalars().all()


async def connection_execute_repaired(session: AsyncSession) -> Any:
    return (await (await session.connection()).execute(QUERY)).scalars().all()


async def stream(session: AsyncSession) -> Any:
    return await session.stream(QUERY).scalars().all()


async def stream_repaired(session: AsyncSession) -> Any:
    return await (await session.stream(QUERY)).scalars().all()


FORMS: list[tuple[Form, Form]] = [
    (execute_scalars, execute_scalars_repaired),
    (scalars_all, scalars_all_repaired),
    (over_lines, over_lines_repaired),
    (attribute, attribute_repaired),
    (connection_execute, connection_execute_repaired),
    (stream, stream_repaired),
]


@pytest.mark.parametrize(("bad", "good"), FORMS)
def test_method_of_the_coroutine(database: Database, bad: Form, good: Form) -> None:
    """`await` takes the whole chain: its next name is looked up on the coroutine. Parentheses repair it."""
    database.add_note("text")

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine, AsyncSession(engine) as session:
            with pytest.raises(AttributeError, match="'coroutine' object has no attribute"):
                await bad(session)
            assert await good(session) == ["text"]

    asyncio.run(main())


def test_subscript(database: Database) -> None:
    """The same with a subscript: `await connection.fetchrow(q)["one"]`."""

    async def main() -> None:
        connection = await asyncpg.connect(database.dsn())
        with pytest.raises(TypeError, match="'coroutine' object is not subscriptable"):
            await connection.fetchrow("select 1 as one")["one"]
        assert (await connection.fetchrow("select 1 as one"))["one"] == 1
        await connection.close()

    asyncio.run(main())


def test_drivers(database: Database) -> None:
    """The same with psycopg and, whose `execute` gives an object of its own, aiosqlite."""

    async def main() -> None:
        async with await psycopg.AsyncConnection.connect(database.dsn()) as connection:
            with pytest.raises(AttributeError, match="'coroutine' object has no attribute 'fetchone'"):
                await connection.execute("select 1").fetchone()
            assert await (await connection.execute("select 1")).fetchone() == (1,)

        async with aiosqlite.connect(":memory:") as connection:
            with pytest.raises(AttributeError, match="has no attribute 'fetchone'"):
                await connection.execute("select 1").fetchone()
            assert await (await connection.execute("select 1")).fetchone() == (1,)

    asyncio.run(main())


def test_acquire_and_connect(database: Database) -> None:
    """`await pool.acquire().fetch(q)` and `await engine.connect().execute(q)` ask what is not yet open."""

    async def main() -> None:
        async with asyncpg.create_pool(database.dsn(), min_size=1) as pool:
            with pytest.raises(AttributeError, match="has no attribute 'fetchval'"):
                await pool.acquire().fetchval("select 1")
            async with pool.acquire() as connection:
                assert await connection.fetchval("select 1") == 1
        async with async_engine(database.url("asyncpg")) as engine:
            with pytest.raises(sa.exc.InvalidRequestError, match="context has not been started"):
                await engine.connect().execute(QUERY)
            async with engine.connect() as connection:
                assert (await connection.execute(QUERY)).all() == []

    asyncio.run(main())


def test_chains_that_are_right(database: Database) -> None:
    """Near misses: chains over plain calls, whose last one gives the coroutine."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:
            connection = await engine.connect().start()
            assert await connection.scalar(sa.text("select 1")) == 1
            await connection.close()
            async with AsyncSession(engine) as session:
                await session.begin().start()
                result = await session.stream(sa.text("select 1"))
                assert await result.scalars().all() == [1]
        connection = await asyncpg.connect(database.dsn())
        await connection.transaction().start()
        assert connection.is_in_transaction()
        await connection.close()
        async with await psycopg.AsyncConnection.connect(database.dsn()) as connection:
            await connection.cursor().execute("select 1")

    asyncio.run(main())
