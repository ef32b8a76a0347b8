"""ADB107 session-crosses-threads."""

import asyncio
import sqlite3
import threading

import psycopg2
import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.ext.asyncio import AsyncSession

from .support import NO_GREENLET, Database, Note, async_engine, sync_engine


def test_other_thread_rolls_back_session(database: Database) -> None:
    """With one session in two threads, one's rollback takes the other's rows, whose commit says nothing."""

    async def main() -> None:
        with sync_engine(database.url("psycopg2")) as engine:

            async def run(first: orm.Session, second: orm.Session) -> None:
                flushed, rolled_back = threading.Event(), threading.Event()

                def write() -> None:
                    first.add(Note(body="mine"))
                    first.flush()
                    flushed.set()
                    rolled_back.wait(5)
                    first.commit()

                def read() -> None:
                    flushed.wait(5)
                    second.execute(sa.text("select 1"))
                    second.rollback()
                    rolled_back.set()

                await asyncio.gather(asyncio.to_thread(write), asyncio.to_thread(read))

            with orm.Session(engine) as shared:
                await run(shared, shared)
            assert database.notes() == 0

            with orm.Session(engine) as one, orm.Session(engine) as other:
                await run(one, other)
            assert database.notes() == 1

    asyncio.run(main())


def test_other_thread_rolls_back_connection(database: Database) -> None:
    """The same with a psycopg2 connection."""

    async def main() -> None:
        def write(connection: "psycopg2.extensions.connection") -> None:
            connection.cursor().execute("insert into note (body) values ('mine')")

        shared = psycopg2.connect(database.dsn())
        await asyncio.to_thread(write, shared)
        await asyncio.to_thread(shared.rollback)
        shared.commit()
        shared.close()
        assert database.notes() == 0

        def own() -> None:
            connection = psycopg2.connect(database.dsn())
            write(connection)
            connection.commit()
            connection.close()

        await asyncio.to_thread(own)
        assert database.notes() == 1

    asyncio.run(main())


def test_sqlite_refuses_other_threads() -> None:
    """A sqlite3 connection, and a session on one, made outside cannot be used in a thread."""

    async def main() -> None:
        connection = sqlite3.connect(":memory:")
        with pytest.raises(sqlite3.ProgrammingError, match="can only be used in that same thread"):
            await asyncio.to_thread(connection.execute, "select 1")
        connection.close()

        with sync_engine("sqlite://") as engine, orm.Session(engine) as session:
            session.execute(sa.text("select 1"))
            with pytest.raises(sa.exc.ProgrammingError, match="can only be used in that same thread"):
                await asyncio.to_thread(session.execute, sa.text("select 1"))

            def own() -> int:
                with orm.Session(engine) as session:
                    return session.scalar(sa.text("select 1"))

            assert await asyncio.to_thread(own) == 1

    asyncio.run(main())


def test_async_session_method_in_thread(database: Database) -> None:
    """A thread only makes the coroutine of an AsyncSession's method, which then runs nowhere: no row."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:
            async with AsyncSession(engine) as session:
                session.add(Note(body="lost"))
                commit = await asyncio.to_thread(session.commit)
                assert asyncio.iscoroutine(commit)
                commit.close()
            assert database.notes() == 0

            async with AsyncSession(engine) as session:
                session.add(Note(body="stored"))
                await session.commit()
            assert database.notes() == 1

    asyncio.run(main())


def test_async_session_inside_thread(database: Database) -> None:
    """A thread cannot use the sync side of an AsyncSession; `run_sync` can, and so can the owning loop."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        query = sa.text("select 1")
        async with async_engine(database.url("asyncpg")) as engine, AsyncSession(engine) as session:
            with pytest.raises(sa.exc.MissingGreenlet, match=NO_GREENLET):
                await asyncio.to_thread(session.sync_session.execute, query)

            assert await session.run_sync(lambda sync_session: sync_session.scalar(query)) == 1

            def ask_the_loop() -> int:
                return asyncio.run_coroutine_threadsafe(session.scalar(query), loop).result(5)

            assert await asyncio.to_thread(ask_the_loop) == 1

    asyncio.run(main())


def test_instance_in_thread(database: Database) -> None:
    """An expired attribute read in a thread has no greenlet to load it; a plain value handed over is fine."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine, AsyncSession(engine) as session:
            note = Note(body="text")
            session.add(note)
            await session.commit()
            with pytest.raises(sa.exc.MissingGreenlet, match=NO_GREENLET):
                await asyncio.to_thread(lambda: note.body)

            await session.refresh(note)
            assert await asyncio.to_thread(str.upper, note.body) == "TEXT"

    asyncio.run(main())


def test_what_threads_may_share(database: Database) -> None:
    """Near misses: an engine shared by threads, and a psycopg2 session that they use one after another."""

    async def main() -> None:
        with sync_engine(database.url("psycopg2")) as engine:

            def own(body: str) -> None:
                with orm.Session(engine) as session, session.begin():
                    session.add(Note(body=body))

            await asyncio.gather(*(asyncio.to_thread(own, str(number)) for number in range(4)))
            assert database.notes() == 4

            with orm.Session(engine) as session:
                await asyncio.to_thread(session.add, Note(body="in turn"))
                await asyncio.to_thread(session.commit)
            assert database.notes() == 5

    asyncio.run(main())
