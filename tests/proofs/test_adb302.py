"""ADB302 session-never-closed."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable

import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from .support import Database, Note, async_engine, sync_engine

Form = Callable[[AsyncEngine], Awaitable[None]]

QUERY = sa.text("select 1")


async def never_closed(engine: AsyncEngine) -> None:
    session = AsyncSession(engine)
    await session.execute(QUERY)


async def from_factory(engine: AsyncEngine) -> None:
    session = async_sessionmaker(engine)()
    await session.execute(QUERY)


async def closed_unless_it_raises(engine: AsyncEngine) -> None:
    session = AsyncSession(engine)
    await session.execute(sa.text("select 1/0"))
    await session.close()


async def used_after_commit(engine: AsyncEngine) -> None:
    session = AsyncSession(engine)
    await session.commit()
    await session.execute(QUERY)


async def entered(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        await session.execute(QUERY)


async def entered_and_raises(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        await session.execute(sa.text("select 1/0"))


async def closed_in_finally(engine: AsyncEngine) -> None:
    session = AsyncSession(engine)
    try:
        await session.execute(sa.text("select 1/0"))
    finally:
        await session.close()


async def only_made(engine: AsyncEngine) -> None:
    session = AsyncSession(engine)
    session.add(Note())


async def committed_last(engine: AsyncEngine) -> None:
    session = AsyncSession(engine)
    await session.execute(QUERY)
    await session.commit()


async def rolled_back_last(engine: AsyncEngine) -> None:
    session = AsyncSession(engine)
    await session.execute(QUERY)
    await session.rollback()


LEAKING: list[Form] = [never_closed, from_factory, closed_unless_it_raises, used_after_commit]
CLEAN: list[Form] = [
    # Repaired.
    entered,
    entered_and_raises,
    closed_in_finally,
    # Near misses: these hold no connection, so nothing leaks.
    only_made,
    committed_last,
    rolled_back_last,
]


async def run(form: Form, engine: AsyncEngine) -> None:
    try:
        await form(engine)
    except sa.exc.DBAPIError as error:
        assert "division by zero" in str(error)  # noqa: PT017


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize("form", LEAKING)
def test_leak(database: Database, no_gc: None, form: Form, driver: str) -> None:
    """A session that was used and never closed keeps its connection, with the transaction open."""

    async def main() -> None:
        async with async_engine(database.url(driver)) as engine:
            for _ in range(3):
                await run(form, engine)
            assert engine.pool.checkedout() == 3
            in_transaction = database.connections("idle in transaction")
            in_transaction += database.connections("idle in transaction (aborted)")
            assert in_transaction == 3

    asyncio.run(main())


@pytest.mark.parametrize("form", CLEAN)
def test_no_leak(database: Database, no_gc: None, form: Form) -> None:
    """Entered, closed in a finally, or without a transaction: nothing is kept."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:
            for _ in range(3):
                await run(form, engine)
            assert engine.pool.checkedout() == 0

    asyncio.run(main())


def test_pool_runs_dry(database: Database, no_gc: None) -> None:
    """The first sign is a checkout that waits for the pool's timeout and fails."""

    async def main() -> None:
        options = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.1}
        async with async_engine(database.url("asyncpg"), **options) as engine:
            await entered(engine)
            await never_closed(engine)
            with pytest.raises(sa.exc.TimeoutError, match="QueuePool limit of size 1 overflow 0 reached"):
                await never_closed(engine)

    asyncio.run(main())


def test_collector_does_not_repair_it(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    """The garbage collector returns nothing to the pool: it ends the connection and logs an error."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:
            await never_closed(engine)
            with pytest.warns(sa.exc.SAWarning, match="trying to clean up non-checked-in connection"):
                gc.collect()
            deadline = time.monotonic() + 5
            while database.connections() and time.monotonic() < deadline:
                await asyncio.sleep(0.01)
            assert database.connections() == 0

    asyncio.run(main())
    assert "non-checked-in connection" in caplog.text


def test_sync_session(database: Database, no_gc: None) -> None:
    """A sync session never closed keeps its connection too, until the collector comes and gives it back."""

    def leak(engine: Engine) -> None:
        session = orm.Session(engine)
        session.execute(QUERY)

    with sync_engine(database.url("psycopg2")) as engine:
        leak(engine)
        assert engine.pool.checkedout() == 1
        gc.collect()
        assert (engine.pool.checkedout(), engine.pool.checkedin()) == (0, 1)

        with orm.Session(engine) as session:
            session.execute(QUERY)
        assert engine.pool.checkedout() == 0
