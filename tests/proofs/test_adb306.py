"""ADB306 global-session."""

import asyncio
import threading

import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from .support import Database, Note, async_engine

QUERY = sa.text("select 1")
DRIVERS = ["asyncpg", "psycopg"]


@pytest.mark.parametrize("driver", DRIVERS)
def test_requests_at_once_are_turned_away(database: Database, driver: str) -> None:
    async def main() -> None:
        async with async_engine(database.url(driver)) as engine:
            factory = async_sessionmaker(engine)
            session = factory()

            async def shared() -> None:
                await session.execute(QUERY)

            async def own() -> None:
                async with factory() as mine:
                    await mine.execute(QUERY)

            results = await asyncio.gather(shared(), shared(), return_exceptions=True)
            repaired = await asyncio.gather(own(), own())
            await session.close()
        assert any(isinstance(each, InvalidRequestError) for each in results)
        assert repaired == [None, None]

    asyncio.run(main())


@pytest.mark.parametrize("driver", DRIVERS)
def test_one_failed_request_fails_the_next(database: Database, driver: str) -> None:
    async def main() -> None:
        async with async_engine(database.url(driver)) as engine, AsyncSession(engine) as session:
            with pytest.raises(DBAPIError):
                await session.execute(sa.text("select 1/0"))
            with pytest.raises(DBAPIError, match="current transaction is aborted"):
                await session.execute(QUERY)  # the next request

    asyncio.run(main())


def test_a_rollback_in_one_thread_drops_the_rows_of_another(database: Database) -> None:
    engine = sa.create_engine(database.url("psycopg"))
    session = orm.Session(engine)
    flushed, rolled_back = threading.Event(), threading.Event()

    def writes() -> None:
        session.add(Note(body="lost"))
        session.flush()
        flushed.set()
        assert rolled_back.wait(5)
        session.commit()  # raises nothing

    def fails() -> None:
        assert flushed.wait(5)
        session.rollback()
        rolled_back.set()

    threads = [threading.Thread(target=each) for each in (writes, fails)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    session.close()
    engine.dispose()

    assert database.notes() == 0
