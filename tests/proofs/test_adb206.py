"""ADB206 run-sync-misuse."""

import asyncio

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import MissingGreenlet
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from .support import NO_GREENLET, Base, Database, Note, async_engine

DRIVERS = ["asyncpg", "psycopg"]


async def write(session: object) -> None:
    """Would write, if somebody awaited it."""
    raise AssertionError("nobody gets here")


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_coroutine_comes_back_that_nobody_awaits(database: Database, driver: str) -> None:
    async def main() -> None:
        async with async_engine(database.url(driver)) as engine, AsyncSession(engine) as session:
            for function in (write, session.refresh, lambda _: session.flush()):
                got = await session.run_sync(function)
                assert asyncio.iscoroutine(got)
                got.close()

    asyncio.run(main())


@pytest.mark.parametrize("driver", DRIVERS)
def test_what_is_called_too_early_has_no_greenlet(database: Database, driver: str) -> None:
    async def main() -> None:
        async with async_engine(database.url(driver)) as engine, AsyncSession(engine) as session:
            with pytest.raises(MissingGreenlet, match=NO_GREENLET):
                await session.run_sync(session.sync_session.scalars(sa.select(Note)))

    asyncio.run(main())


@pytest.mark.parametrize("driver", DRIVERS)
def test_ddl_called_too_early_fails(database: Database, driver: str) -> None:
    async def with_connection(connection: AsyncConnection) -> None:
        await connection.run_sync(Base.metadata.create_all(connection))  # type: ignore[arg-type]

    async def main() -> None:
        async with async_engine(database.url(driver)) as engine, engine.connect() as connection:
            with pytest.raises(AttributeError, match="_run_ddl_visitor"):
                await with_connection(connection)
            with pytest.raises(TypeError):
                await connection.run_sync(Base.metadata.create_all())  # type: ignore[call-arg]

    asyncio.run(main())


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_function_that_is_passed_runs(database: Database, driver: str) -> None:
    async def main() -> None:
        async with async_engine(database.url(driver)) as engine:
            async with engine.begin() as connection:
                await connection.run_sync(Base.metadata.create_all)
            async with AsyncSession(engine) as session:
                assert await session.run_sync(lambda sync: sync.scalar(sa.select(1))) == 1

    asyncio.run(main())
