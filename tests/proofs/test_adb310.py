"""ADB310 missing-commit."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiosqlite
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from .support import Database, Note, async_engine

Form = Callable[[AsyncEngine], Awaitable[None]]


async def adds(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        session.add(Note())


async def flushes(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        session.add(Note())
        await session.flush()


async def executes(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        await session.execute(sa.insert(Note))


async def savepoint_only(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session, session.begin_nested():
        session.add(Note())


async def on_connection(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(sa.text("insert into note default values"))


async def commits(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        session.add(Note())
        await session.commit()


async def begins(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session, session.begin():
        session.add(Note())


async def factory_begins(engine: AsyncEngine) -> None:
    async with async_sessionmaker(engine).begin() as session:
        session.add(Note())


async def connection_begins(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.insert(Note))


async def autocommits(engine: AsyncEngine) -> None:
    async with AsyncSession(engine.execution_options(isolation_level="AUTOCOMMIT")) as session:
        await session.execute(sa.insert(Note))


BAD: list[Form] = [adds, flushes, executes, savepoint_only, on_connection]
GOOD: list[Form] = [commits, begins, factory_begins, connection_begins, autocommits]


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize("form", [*BAD, *GOOD], ids=lambda form: form.__name__)
def test_rows_that_are_stored(database: Database, driver: str, form: Form) -> None:
    async def main() -> None:
        async with async_engine(database.url(driver)) as engine:
            await form(engine)  # raises nothing, either way

    asyncio.run(main())

    assert database.notes() == (0 if form in BAD else 1)


@pytest.mark.parametrize("commits", [False, True])
def test_aiosqlite_stores_nothing_either(tmp_path: Path, commits: bool) -> None:
    async def main() -> int:
        async with aiosqlite.connect(tmp_path / "notes.db") as connection:
            await connection.execute("create table note (body text)")
            await connection.commit()
        async with aiosqlite.connect(tmp_path / "notes.db") as connection:
            await connection.execute("insert into note values ('a')")
            if commits:
                await connection.commit()
        async with aiosqlite.connect(tmp_path / "notes.db") as connection:
            return len(list(await connection.execute_fetchall("select * from note")))

    assert asyncio.run(main()) == (1 if commits else 0)
