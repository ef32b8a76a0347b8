"""ADB401 expire-on-commit."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
import sqlmodel.ext.asyncio.session
from sqlalchemy import orm
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from .support import NO_GREENLET, Database, Note, async_engine

Factory = Callable[..., AsyncSession]
MakeFactory = Callable[..., Factory]

SQLModelSession = sqlmodel.ext.asyncio.session.AsyncSession


def from_factory(engine: AsyncEngine, **options: Any) -> Factory:
    return async_sessionmaker(engine, **options)


def from_class(engine: AsyncEngine, **options: Any) -> Factory:
    return lambda: AsyncSession(engine, **options)


def from_sync_factory(engine: AsyncEngine, **options: Any) -> Factory:
    return orm.sessionmaker(engine, class_=AsyncSession, **options)


def from_sqlmodel(engine: AsyncEngine, **options: Any) -> Factory:
    return async_sessionmaker(engine, class_=SQLModelSession, **options)


FACTORIES = [from_factory, from_class, from_sync_factory, from_sqlmodel]


async def add_note(session: AsyncSession) -> Note:
    note = Note(body="text")
    session.add(note)
    await session.commit()
    return note


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize("make_factory", FACTORIES)
def test_read_after_commit(database: Database, make_factory: MakeFactory, driver: str) -> None:
    """An attribute read after commit, its primary key too, has to be loaded again, and cannot be."""

    async def main() -> None:
        async with async_engine(database.url(driver)) as engine:
            async with make_factory(engine)() as session:
                note = await add_note(session)
                # In 2.1 psycopg's comes as a StatementError that has the other one inside.
                for attribute in ("id", "body"):
                    with pytest.raises((sa.exc.MissingGreenlet, sa.exc.StatementError), match=NO_GREENLET):
                        getattr(note, attribute)

            async with make_factory(engine, expire_on_commit=False)() as session:
                note = await add_note(session)
                assert (note.id, note.body) == (2, "text")

    asyncio.run(main())


def test_read_after_close(database: Database) -> None:
    """Once the session is closed too, the instance is detached and cannot be refreshed at all."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:
            async with AsyncSession(engine) as session:
                note = await add_note(session)
            with pytest.raises(orm.exc.DetachedInstanceError, match="attribute refresh operation"):
                _ = note.body

            async with AsyncSession(engine, expire_on_commit=False) as session:
                note = await add_note(session)
            assert note.body == "text"

    asyncio.run(main())


def test_committed_by_the_block(database: Database) -> None:
    """The commit at the end of `async with session.begin()` or `factory.begin()` expires as well."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:
            async with AsyncSession(engine) as session:
                async with session.begin():
                    note = Note(body="text")
                    session.add(note)
                with pytest.raises(sa.exc.MissingGreenlet, match=NO_GREENLET):
                    _ = note.body

            async with async_sessionmaker(engine, expire_on_commit=False).begin() as session:
                note = Note(body="text")
                session.add(note)
            assert note.body == "text"

    asyncio.run(main())


def test_without_a_read_after_commit(database: Database) -> None:
    """Near misses: values read before the commit, a refresh or a query after it, a close without commit."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:
            async with AsyncSession(engine) as session:
                note = Note(body="text")
                session.add(note)
                await session.flush()
                saved = note.id
                await session.commit()
                assert saved == 1

                await session.refresh(note)
                assert note.body == "text"
                await session.commit()
                assert (await session.get(Note, saved)).body == "text"
                await session.commit()
                assert await session.run_sync(lambda _: note.body) == "text"
            async with AsyncSession(engine) as session:
                note = await session.get(Note, saved)
            assert note.body == "text"

    asyncio.run(main())


def test_what_it_does_not_repair(database: Database) -> None:
    """`expire_on_commit=False` is about commit alone: rollback still expires, lazy loads still fail."""
    database.add_note("text", lines=1)

    async def main() -> None:
        async with (
            async_engine(database.url("asyncpg")) as engine,
            AsyncSession(engine, expire_on_commit=False) as session,
        ):
            note = await session.get(Note, 1)
            with pytest.raises(sa.exc.MissingGreenlet, match=NO_GREENLET):
                _ = note.lines
            await session.rollback()
            with pytest.raises(sa.exc.MissingGreenlet, match=NO_GREENLET):
                _ = note.body

    asyncio.run(main())
