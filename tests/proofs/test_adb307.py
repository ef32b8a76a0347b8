"""ADB307 session-used-after-close."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import ResourceClosedError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from .support import Database, async_engine

QUERY = sa.text("select 1")
DRIVERS = ["asyncpg", "psycopg"]

Form = Callable[[AsyncEngine], Awaitable[object]]


async def after_the_block(engine: AsyncEngine) -> object:
    async with AsyncSession(engine) as session:
        await session.execute(QUERY)
    await session.execute(QUERY)
    return session


async def after_close(engine: AsyncEngine) -> object:
    session = AsyncSession(engine)
    await session.execute(QUERY)
    await session.close()
    await session.execute(QUERY)
    return session


async def returned_from_the_block(engine: AsyncEngine) -> object:
    async def make() -> AsyncSession:
        async with AsyncSession(engine) as session:
            return session

    session = await make()
    await session.execute(QUERY)
    return session


async def inside_the_block(engine: AsyncEngine) -> object:
    async with AsyncSession(engine) as session:
        await session.execute(QUERY)
        await session.execute(QUERY)
    return session


async def result_after_the_block(engine: AsyncEngine) -> object:
    async with AsyncSession(engine) as session:
        result = await session.execute(QUERY)
    return result.all()


BAD: list[Form] = [after_the_block, after_close, returned_from_the_block]
GOOD: list[Form] = [inside_the_block, result_after_the_block]


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("form", [*BAD, *GOOD], ids=lambda form: form.__name__)
def test_connections_that_stay_out(database: Database, driver: str, form: Form, no_gc: None) -> None:
    async def main() -> int:
        async with async_engine(database.url(driver)) as engine:
            kept = await form(engine)  # raises nothing
            assert kept
            return engine.pool.checkedout()  # type: ignore[attr-defined]

    assert asyncio.run(main()) == (1 if form in BAD else 0)


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_connection_says_so(database: Database, driver: str) -> None:
    async def main() -> None:
        async with async_engine(database.url(driver)) as engine:

            async def make() -> AsyncConnection:
                async with engine.connect() as connection:
                    return connection

            connection = await make()
            with pytest.raises(ResourceClosedError, match="This Connection is closed"):
                await connection.execute(QUERY)

    asyncio.run(main())
