"""ADB304 session-shared-by-tasks."""

import asyncio

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from .support import Database, Note, async_engine

QUERY = sa.text("select 1")
DRIVERS = ["asyncpg", "psycopg"]


def is_refused(results: list[object]) -> bool:
    """Whether one task got through and the other was turned away."""
    told = [str(each) for each in results if isinstance(each, InvalidRequestError)]
    return len(told) == 1 and "concurrent operations are not permitted" in told[0]


@pytest.mark.parametrize("driver", DRIVERS)
def test_gather_over_one_session_raises(database: Database, driver: str) -> None:
    async def main() -> None:
        async with async_engine(database.url(driver)) as engine, AsyncSession(engine) as session:
            results = await asyncio.gather(
                session.scalar(QUERY), session.scalar(QUERY), return_exceptions=True
            )
        assert is_refused(results)

    asyncio.run(main())


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_semaphore_does_not_help(database: Database, driver: str) -> None:
    async def main() -> None:
        semaphore = asyncio.Semaphore(3)

        async with async_engine(database.url(driver)) as engine, AsyncSession(engine) as session:

            async def limited() -> None:
                async with semaphore:
                    await session.scalar(QUERY)

            results = await asyncio.gather(limited(), limited(), return_exceptions=True)
        assert is_refused(results)

    asyncio.run(main())


@pytest.mark.parametrize("driver", DRIVERS)
def test_one_task_drops_what_the_other_wrote(database: Database, driver: str) -> None:
    async def main() -> None:
        flushed = asyncio.Event()
        rolled_back = asyncio.Event()

        async def writes(session: AsyncSession) -> None:
            session.add(Note(body="lost"))
            await session.flush()
            flushed.set()
            await rolled_back.wait()
            await session.commit()  # nothing is left to commit, and nothing is said

        async def gives_up(session: AsyncSession) -> None:
            await flushed.wait()
            await session.rollback()
            rolled_back.set()

        async with async_engine(database.url(driver)) as engine, AsyncSession(engine) as session:
            await asyncio.gather(writes(session), gives_up(session))

        assert database.notes() == 0

    asyncio.run(main())


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_session_each(database: Database, driver: str) -> None:
    async def main() -> None:
        async with async_engine(database.url(driver)) as engine:
            factory = async_sessionmaker(engine)

            async def one() -> int | None:
                async with factory() as session:
                    return await session.scalar(QUERY)

            assert [1, 1] == await asyncio.gather(one(), one())

    asyncio.run(main())


def test_one_asyncpg_connection_raises(database: Database) -> None:
    async def main() -> None:
        connection = await asyncpg.connect(database.dsn())
        try:
            with pytest.raises(asyncpg.InterfaceError, match="another operation is in progress"):
                await asyncio.gather(connection.fetch("select 1"), connection.fetch("select 1"))
        finally:
            await connection.close()

    asyncio.run(main())


def test_an_asyncpg_pool_does_not(database: Database) -> None:
    async def main() -> None:
        async with asyncpg.create_pool(database.dsn(), min_size=1, max_size=2) as pool:
            rows = await asyncio.gather(pool.fetchval("select 1"), pool.fetchval("select 1"))

        assert [1, 1] == rows

    asyncio.run(main())
