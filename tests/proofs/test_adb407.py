"""ADB407 scoped-session-with-async."""

import asyncio
import threading

import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session, async_sessionmaker

from .support import Database, async_engine

QUERY = sa.text("select 1")


def test_a_registry_by_thread_gives_all_tasks_one_session(database: Database) -> None:
    async def main() -> None:
        async with async_engine(database.url("psycopg")) as engine:
            factory = async_sessionmaker(engine)
            by_thread = orm.scoped_session(factory)
            in_thread = async_scoped_session(factory, scopefunc=threading.get_ident)
            by_task = async_scoped_session(factory, scopefunc=asyncio.current_task)

            async def session_of(registry: object) -> AsyncSession:
                return registry()  # type: ignore[operator]

            for registry, distinct in ((by_thread, 1), (in_thread, 1), (by_task, 2)):
                tasks = [asyncio.create_task(session_of(registry)) for _ in range(2)]
                assert len({id(each) for each in await asyncio.gather(*tasks)}) == distinct

    asyncio.run(main())


def test_its_remove_leaks(database: Database, no_gc: None) -> None:
    async def main() -> int:
        async with async_engine(database.url("psycopg")) as engine:
            registry = orm.scoped_session(async_sessionmaker(engine))
            await registry().execute(QUERY)
            registry.remove()
            return engine.pool.checkedout()  # type: ignore[attr-defined]

    assert asyncio.run(main()) == 1


@pytest.mark.parametrize("removes", [True, False])
def test_tasks_that_leave_their_sessions(database: Database, removes: bool, no_gc: None) -> None:
    async def main() -> int:
        async with async_engine(database.url("psycopg")) as engine:
            registry = async_scoped_session(async_sessionmaker(engine), scopefunc=asyncio.current_task)

            async def work() -> None:
                await registry.execute(QUERY)
                if removes:
                    await registry.remove()

            for _ in range(3):
                await asyncio.create_task(work())
            return engine.pool.checkedout()  # type: ignore[attr-defined]

    assert asyncio.run(main()) == (0 if removes else 3)


def test_the_scope_is_required() -> None:
    with pytest.raises(TypeError, match="scopefunc"):
        async_scoped_session(async_sessionmaker())  # type: ignore[call-arg]
