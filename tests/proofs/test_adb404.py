"""ADB404 legacy-query-on-async-session."""

import asyncio

import pytest
import sqlalchemy as sa
import sqlmodel.ext.asyncio.session
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session, async_sessionmaker

from .support import Database, Note, async_engine

SQLModelSession = sqlmodel.ext.asyncio.session.AsyncSession

SYNC_ONLY = ["query", "bulk_save_objects", "bulk_insert_mappings", "bulk_update_mappings", "exec", "prepare"]


@pytest.mark.parametrize("name", SYNC_ONLY)
def test_session_lacks(database: Database, name: str) -> None:
    """What only `Session` has raises AttributeError on the class and on its objects."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine, AsyncSession(engine) as session:
            with pytest.raises(AttributeError, match=f"has no attribute '{name}'"):
                getattr(session, name)
            assert await session.run_sync(lambda sync: hasattr(sync, name)) == (name != "exec")

    asyncio.run(main())


def test_other_objects_lack(database: Database) -> None:
    """The same for the registry, whose sessions have `run_sync`, and for what engines had before 2.0."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:
            scoped = async_scoped_session(async_sessionmaker(engine), asyncio.current_task)
            for name in ("query", "run_sync"):
                with pytest.raises(AttributeError):
                    getattr(scoped, name)
            assert await scoped().run_sync(lambda sync: sync.query(Note).all()) == []
            await scoped.remove()

            for name in ("execute", "scalar", "has_table", "table_names"):
                with pytest.raises(AttributeError):
                    getattr(engine, name)
            async with engine.connect() as connection:
                assert await connection.scalar(sa.text("select 1")) == 1

    asyncio.run(main())


def test_all_that_the_knowledge_calls_missing(database: Database) -> None:
    """Not one of the names is there, whatever sets it."""
    missing_api = pytest.importorskip("asyncdb_lint.semantics.missing_api")
    knowledge = pytest.importorskip("asyncdb_lint.knowledge")
    missing = missing_api.missing_from(knowledge.load(sa.__version__))

    async def main() -> None:
        async with (
            async_engine(database.url("asyncpg")) as engine,
            AsyncSession(engine) as session,
            SQLModelSession(engine) as sqlmodel_session,
            engine.connect() as connection,
        ):
            scoped = async_scoped_session(async_sessionmaker(engine), asyncio.current_task)
            objects = [engine, session, sqlmodel_session, connection, scoped]
            by_class = {f"{type(each).__module__}.{type(each).__name__}": each for each in objects}
            assert set(missing) == set(by_class)
            for cls, names in missing.items():
                assert [name for name in names if hasattr(by_class[cls], name)] == []

    asyncio.run(main())


def test_repaired(database: Database) -> None:
    """What the fixes write gives what the query would have given."""
    for body in ("a", "b", "b"):
        database.add_note(body)

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine, AsyncSession(engine) as session:

            def old(sync: sa.orm.Session) -> list[object]:
                query = sync.query(Note).filter(Note.body == "b").order_by(Note.id)
                return [
                    query.all(),
                    query.first(),
                    query.filter_by(id=2).one(),
                    query.filter_by(id=7).one_or_none(),
                    query.count(),
                    sync.query(Note.id, Note.body).order_by(Note.id).all(),
                    sync.query(sa.func.max(Note.id)).scalar(),
                    sync.get(Note, 1),
                    list(query),
                ]

            select = sa.select(Note).where(Note.body == "b").order_by(Note.id)
            new = [
                (await session.scalars(select)).all(),
                (await session.scalars(select.limit(1))).first(),
                (await session.scalars(select.filter_by(id=2))).one(),
                (await session.scalars(select.filter_by(id=7))).one_or_none(),
                await session.scalar(sa.select(sa.func.count()).select_from(select.subquery())),
                (await session.execute(sa.select(Note.id, Note.body).order_by(Note.id))).all(),
                (await session.execute(sa.select(sa.func.max(Note.id)))).scalar_one_or_none(),
                await session.get(Note, 1),
                list(await session.scalars(select)),
            ]

            assert new == await session.run_sync(old)

            deleted = await session.run_sync(lambda sync: sync.query(Note).filter(Note.id > 1).delete())
            await session.rollback()
            result = await session.execute(sa.delete(Note).where(Note.id > 1))
            assert (deleted, result.rowcount) == (2, 2)

    asyncio.run(main())


def test_sqlmodel(database: Database) -> None:
    """Near miss: SQLModel's async session has `exec`, and an annotation of SQLAlchemy's fits it too."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine, SQLModelSession(engine) as session:
            assert isinstance(session, AsyncSession)
            assert (await session.exec(sqlmodel.select(Note))).all() == []
            with pytest.raises(AttributeError):
                _ = session.bulk_save_objects

    asyncio.run(main())
