"""ADB507 session-engine-mismatch."""

import asyncio

import pytest
import sqlalchemy as sa
import sqlmodel
from sqlalchemy import orm
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from .support import Database, Note, async_engine, sync_engine

QUERY = sa.text("select 1")


def test_sync_session_on_async_engine(database: Database) -> None:
    """`sessionmaker(async_engine)` makes sync sessions, which fail when used; async_sessionmaker works."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:
            for make in (
                orm.sessionmaker(engine),
                lambda: orm.Session(engine),
                lambda: sqlmodel.Session(engine),
            ):
                with (
                    make() as session,
                    pytest.raises(sa.exc.InvalidRequestError, match="context has not been started"),
                ):
                    session.execute(QUERY)
            with pytest.raises((TypeError, AttributeError)):
                async with orm.sessionmaker(engine)():
                    pass

            async with async_sessionmaker(engine)() as session:
                assert await session.scalar(QUERY) == 1
            async with AsyncSession(engine) as session:
                assert await session.scalar(QUERY) == 1

    asyncio.run(main())


def test_async_session_on_sync_engine(database: Database) -> None:
    """An AsyncSession on a sync engine is refused when it is made."""

    async def main() -> None:
        with sync_engine(database.url("psycopg2")) as engine:
            for make in (
                async_sessionmaker(engine),
                orm.sessionmaker(engine, class_=AsyncSession),
                lambda: AsyncSession(engine),
            ):
                with pytest.raises(sa.exc.ArgumentError, match="AsyncEngine expected, got Engine"):
                    make()
            with orm.sessionmaker(engine)() as session:
                assert session.scalar(QUERY) == 1

    asyncio.run(main())


def test_create_all(database: Database) -> None:
    """`create_all` and `drop_all` do not take an async engine; `run_sync` gives them what they need."""
    metadata = sa.MetaData()
    sa.Table("thing", metadata, sa.Column("id", sa.Integer))

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:
            for act in (metadata.create_all, metadata.drop_all):
                with pytest.raises(AttributeError, match="has no attribute '_run_ddl_visitor'"):
                    act(engine)
                with pytest.raises(sa.exc.MissingGreenlet):
                    act(engine.sync_engine)

            async with engine.begin() as connection:
                await connection.run_sync(metadata.create_all)
            assert database.value("select to_regclass('thing') is not null")
            async with engine.begin() as connection:
                await connection.run_sync(metadata.drop_all)
            assert database.value("select to_regclass('thing') is null")

    asyncio.run(main())


def test_inspect(database: Database) -> None:
    """`inspect(async_engine)` knows nothing of it; within `run_sync` the connection can be inspected."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:
            with pytest.raises(sa.exc.NoInspectionAvailable):
                sa.inspect(engine)
            async with engine.connect() as connection:
                tables = await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
            assert "note" in tables

    asyncio.run(main())


def test_sync_factory_of_async_sessions(database: Database) -> None:
    """Near miss: `sessionmaker(async_engine, class_=AsyncSession)` works, `begin()` too."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:
            factory = orm.sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
            async with factory() as session:
                assert await session.scalar(QUERY) == 1
            async with factory.begin() as session:
                session.add(Note(body="text"))
            assert database.notes() == 1

    asyncio.run(main())


def test_factory_configured_later(database: Database) -> None:
    """Near miss: a factory without engine says nothing about the one that it gets."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:
            factory = orm.sessionmaker(class_=AsyncSession)
            factory.configure(bind=engine)
            async with factory() as session:
                assert await session.scalar(QUERY) == 1

    asyncio.run(main())
