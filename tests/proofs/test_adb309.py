"""ADB309 error-swallowed-without-rollback."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, PendingRollbackError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from .support import Database, Note, async_engine

DRIVERS = ["asyncpg", "psycopg"]
QUERY = sa.text("select 1")
BROKEN = sa.text("select 1/0")

Step = Callable[[AsyncSession], Awaitable[object]]
Form = Callable[[AsyncSession, Step], Awaitable[None]]


async def executes(session: AsyncSession) -> None:
    await session.execute(BROKEN)


async def flushes(session: AsyncSession) -> None:
    session.add(Note(id=1))  # there is one with this number
    await session.flush()


async def commits(session: AsyncSession) -> None:
    session.add(Note(id=1))
    await session.commit()


async def swallows(session: AsyncSession, risky: Step) -> None:
    with contextlib.suppress(Exception):  # logged
        await risky(session)


async def rolls_back(session: AsyncSession, risky: Step) -> None:
    try:
        await risky(session)
    except Exception:
        await session.rollback()


async def uses_savepoint(session: AsyncSession, risky: Step) -> None:
    with contextlib.suppress(Exception):
        async with session.begin_nested():
            await risky(session)


# By step: what the next statement on the session raises.
BAD: dict[Step, tuple[type[SQLAlchemyError], str]] = {
    executes: (DBAPIError, "current transaction is aborted"),
    flushes: (PendingRollbackError, "due to a previous exception during flush"),
    commits: (PendingRollbackError, "due to a previous exception during flush"),
}


def run(database: Database, driver: str, work: Step) -> None:
    """Do something with a session of its own."""

    async def main() -> None:
        async with async_engine(database.url(driver)) as engine, AsyncSession(engine) as session:
            await work(session)

    asyncio.run(main())


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("risky", BAD, ids=lambda step: step.__name__)
def test_next_statement_raises(database: Database, driver: str, risky: Step) -> None:
    database.add_note("there")
    error, text = BAD[risky]

    async def work(session: AsyncSession) -> None:
        await swallows(session, risky)
        with pytest.raises(error, match=text):
            await session.execute(QUERY)

    run(database, driver, work)


@pytest.mark.parametrize("driver", DRIVERS)
def test_loop_fails_for_all_that_follow(database: Database, driver: str) -> None:
    outcomes = []

    async def work(session: AsyncSession) -> None:
        for statement in (QUERY, BROKEN, QUERY, QUERY):
            try:
                await session.execute(statement)
            except SQLAlchemyError:
                outcomes.append("failed")
            else:
                outcomes.append("done")

    run(database, driver, work)

    assert outcomes == ["done", "failed", "failed", "failed"]


@pytest.mark.parametrize("driver", DRIVERS)
def test_later_commit_loses_what_was_written_before(database: Database, driver: str) -> None:
    async def work(session: AsyncSession) -> None:
        await session.execute(sa.insert(Note).values(body="lost"))
        await swallows(session, executes)
        await session.commit()  # the server answers with a rollback, and nobody says so

    run(database, driver, work)

    assert database.notes() == 0


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("risky", BAD, ids=lambda step: step.__name__)
@pytest.mark.parametrize("form", [rolls_back, uses_savepoint], ids=lambda form: form.__name__)
def test_repaired(database: Database, driver: str, risky: Step, form: Form) -> None:
    database.add_note("there")

    async def work(session: AsyncSession) -> None:
        await form(session, risky)
        assert await session.scalar(QUERY) == 1

    run(database, driver, work)
