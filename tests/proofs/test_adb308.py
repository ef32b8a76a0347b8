"""ADB308 commit-inside-begin."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

import pytest
import sqlalchemy as sa
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from .support import Database, Note, async_engine

Form = Callable[[AsyncEngine], Awaitable[None]]

QUERY = sa.text("select 1")
CLOSED = "Can't operate on closed transaction inside context manager"
BEGUN = "A transaction is already begun on this Session"
BEGUN_ON_CONNECTION = "already initialized a SQLAlchemy Transaction"


async def commit_then_query(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session, session.begin():
        session.add(Note())
        await session.commit()
        await session.execute(QUERY)


async def rollback_then_query(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session, session.begin():
        await session.rollback()
        await session.execute(QUERY)


async def commit_in_a_factory_block(engine: AsyncEngine) -> None:
    async with async_sessionmaker(engine).begin() as session:
        await session.commit()
        await session.flush()
        await session.execute(QUERY)


async def commit_in_an_engine_block(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.commit()
        await connection.execute(QUERY)


async def commit_in_a_loop(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session, session.begin():
        for _ in range(2):
            await session.execute(QUERY)
            await session.commit()


async def begin_after_query(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        await session.execute(QUERY)
        async with session.begin():
            pass


async def begin_after_add(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        session.add(Note())
        async with session.begin():
            pass


async def begin_twice(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session, session.begin(), session.begin():
        pass


async def connection_begin_after_query(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(QUERY)
        async with connection.begin():
            pass


BAD: dict[Form, str] = {
    commit_then_query: CLOSED,
    rollback_then_query: CLOSED,
    commit_in_a_factory_block: CLOSED,
    commit_in_an_engine_block: CLOSED,
    commit_in_a_loop: CLOSED,
    begin_after_query: BEGUN,
    begin_after_add: BEGUN,
    begin_twice: BEGUN,
    connection_begin_after_query: BEGUN_ON_CONNECTION,
}


async def block_commits(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session, session.begin():
        session.add(Note())
        await session.execute(QUERY)


async def commit_as_the_last_thing(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session, session.begin():
        session.add(Note())
        await session.commit()


async def commits_only(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        session.add(Note())
        await session.commit()
        await session.execute(QUERY)


async def begin_after_commit(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        await session.execute(QUERY)
        await session.commit()
        async with session.begin():
            session.add(Note())


async def savepoint_after_query(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        await session.execute(QUERY)
        async with session.begin_nested():
            session.add(Note())
        await session.commit()


async def two_blocks(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        async with session.begin():
            await session.execute(QUERY)
        async with session.begin():
            session.add(Note())


async def options_first(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        raw = await connection.execution_options(isolation_level="SERIALIZABLE")
        await raw.get_raw_connection()
        async with raw.begin():
            await raw.execute(sa.insert(Note))


GOOD: list[Form] = [
    options_first, block_commits, commit_as_the_last_thing, commits_only, begin_after_commit,
    savepoint_after_query, two_blocks,
]  # fmt: skip


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize("form", BAD, ids=lambda form: form.__name__)
def test_raises(database: Database, driver: str, form: Form) -> None:
    async def main() -> None:
        async with async_engine(database.url(driver)) as engine:
            with pytest.raises(InvalidRequestError, match=BAD[form]):
                await form(engine)

    asyncio.run(main())


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize("form", GOOD, ids=lambda form: form.__name__)
def test_stores(database: Database, driver: str, form: Form) -> None:
    async def main() -> None:
        async with async_engine(database.url(driver)) as engine:
            await form(engine)

    asyncio.run(main())

    assert database.notes() == 1


def test_dependency_has_begun_it(database: Database) -> None:
    """FastAPI gives one session to an endpoint and to what it depends on."""

    async def get_session():
        async with async_engine(database.url("psycopg")) as engine, AsyncSession(engine) as session:
            yield session

    async def current_user(session: Annotated[AsyncSession, Depends(get_session)]) -> int:
        return await session.scalar(QUERY)

    app = FastAPI()

    @app.post("/begun")
    async def begun(
        session: Annotated[AsyncSession, Depends(get_session)], user: Annotated[int, Depends(current_user)]
    ) -> None:
        async with session.begin():
            session.add(Note())

    @app.post("/repaired")
    async def repaired(
        session: Annotated[AsyncSession, Depends(get_session)], user: Annotated[int, Depends(current_user)]
    ) -> None:
        session.add(Note())
        await session.commit()

    with TestClient(app) as client:
        with pytest.raises(InvalidRequestError, match=BEGUN):
            client.post("/begun")
        assert client.post("/repaired").status_code == 200

    assert database.notes() == 1
