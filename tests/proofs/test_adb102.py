"""ADB102 sync-session-in-async."""

import asyncio
from collections.abc import Callable

import fastapi
import httpx
import pytest
import sqlalchemy as sa
import sqlmodel
from sqlalchemy import orm
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlmodel.ext.asyncio.session import AsyncSession as SQLModelAsyncSession

from .support import (
    BLOCKED,
    FREE,
    SLOW_QUERY,
    Database,
    Note,
    async_engine,
    least_stall,
    stall,
    sync_engine,
)

SLOW = sa.text(SLOW_QUERY)
SLOW_BODY = sa.cast(sa.func.pg_sleep(0.3), sa.Text)  # makes the flush slow that stores it


def execute(engine: Engine) -> None:
    with orm.Session(engine) as session:
        session.execute(SLOW)


def scalars(engine: Engine) -> None:
    with orm.Session(engine) as session:
        session.scalars(SLOW).all()


def commit(engine: Engine) -> None:
    with orm.Session(engine) as session:
        session.add(Note(body=SLOW_BODY))
        session.commit()


def flush(engine: Engine) -> None:
    with orm.Session(engine) as session:
        session.add(Note(body=SLOW_BODY))
        session.flush()


def begin(engine: Engine) -> None:
    with orm.Session(engine) as session, session.begin():
        session.add(Note(body=SLOW_BODY))


def scoped_session(engine: Engine) -> None:
    session = orm.scoped_session(orm.sessionmaker(engine))
    session.execute(SLOW)
    session.remove()


def query(engine: Engine) -> None:
    with orm.Session(engine) as session:
        session.query(SLOW_BODY).all()


def connection(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(SLOW)


def lazy_load(engine: Engine) -> None:
    with orm.Session(engine) as session:
        assert len(session.scalars(sa.select(Note)).one().lines) == 1


def refresh(engine: Engine) -> None:
    with orm.Session(engine) as session:
        note = session.scalars(sa.select(Note)).one()
        session.refresh(note, ["lines"])


def sqlmodel_exec(engine: Engine) -> None:
    with sqlmodel.Session(engine) as session:
        session.exec(sqlmodel.select(SLOW_BODY)).all()


SYNC_FORMS = [
    execute,
    scalars,
    commit,
    flush,
    begin,
    scoped_session,
    query,
    connection,
    lazy_load,
    refresh,
    sqlmodel_exec,
]


@pytest.mark.parametrize("form", SYNC_FORMS)
def test_sync_session_blocks(database: Database, form: Callable[[Engine], None]) -> None:
    """Whatever goes to the database through a sync session or connection silences the loop."""
    database.add_note("read me", lines=1)

    async def main() -> None:
        with sync_engine(database.url("psycopg2")) as engine:

            async def bad() -> None:
                form(engine)

            assert await stall(bad) >= BLOCKED

    asyncio.run(main())


async def async_execute(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        await session.execute(SLOW)


async def async_commit(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        session.add(Note(body=SLOW_BODY))
        await session.commit()


async def async_connection(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(SLOW)


async def eager_load(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        notes = await session.scalars(sa.select(Note).options(orm.selectinload(Note.lines)))
        assert len(notes.one().lines) == 1


async def query_in_run_sync(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        await session.run_sync(lambda sync_session: sync_session.query(SLOW_BODY).all())


async def lazy_load_in_run_sync(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        note = (await session.scalars(sa.select(Note))).one()
        assert len(await session.run_sync(lambda _: note.lines)) == 1


async def connection_in_run_sync(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.run_sync(lambda sync_connection: sync_connection.execute(SLOW))


async def async_sqlmodel_exec(engine: AsyncEngine) -> None:
    async with SQLModelAsyncSession(engine) as session:
        (await session.exec(sqlmodel.select(SLOW_BODY))).all()


async def sync_session_in_thread(engine: AsyncEngine) -> None:
    def work() -> None:
        with sync_engine(engine.url.set(drivername="postgresql+psycopg2")) as of_thread:
            execute(of_thread)

    await asyncio.to_thread(work)


# Side by side, as none of them may hold up the others.
ASYNC_FORMS = [
    async_execute,
    async_commit,
    async_connection,
    eager_load,
    query_in_run_sync,
    lazy_load_in_run_sync,
    connection_in_run_sync,
    async_sqlmodel_exec,
    sync_session_in_thread,
]


def test_repaired_forms_do_not_block(database: Database) -> None:
    """The same work by an async session, in `run_sync`, or in a thread leaves the loop free."""
    database.add_note("read me", lines=1)

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:

            async def good() -> None:
                await asyncio.gather(*(form(engine) for form in ASYNC_FORMS))

            assert await least_stall(good) < FREE

    asyncio.run(main())


def test_run_sync_is_no_thread(database: Database) -> None:
    """What blocks inside `run_sync` without going to the async connection blocks the loop all the same."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine, engine.connect() as connection:

            def other_sync_engine(_: AsyncConnection) -> None:
                with sync_engine(database.url("psycopg2")) as engine:
                    execute(engine)

            assert await stall(lambda: connection.run_sync(other_sync_engine)) >= BLOCKED

    asyncio.run(main())


def test_endpoints(database: Database) -> None:
    """A sync session blocks in an `async def` endpoint or dependency; plain `def` ones run in a thread."""
    engine = sa.create_engine(database.url("psycopg2"))
    app = fastapi.FastAPI()

    async def async_dependency() -> None:
        execute(engine)

    def plain_dependency() -> None:
        execute(engine)

    @app.get("/async")
    async def async_endpoint() -> None:
        execute(engine)

    @app.get("/plain")
    def plain_endpoint() -> None:
        execute(engine)

    @app.get("/async-dependency", dependencies=[fastapi.Depends(async_dependency)])
    async def with_async_dependency() -> None: ...

    @app.get("/plain-dependency", dependencies=[fastapi.Depends(plain_dependency)])
    async def with_plain_dependency() -> None: ...

    async def main() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:

            async def good() -> None:
                await asyncio.gather(client.get("/plain"), client.get("/plain-dependency"))

            assert await stall(lambda: client.get("/async")) >= BLOCKED
            assert await stall(lambda: client.get("/async-dependency")) >= BLOCKED
            assert await least_stall(good) < FREE

    asyncio.run(main())
    engine.dispose()


def test_session_without_io(database: Database) -> None:
    """Near miss: making a session and adding to it goes nowhere near the database."""

    async def main() -> None:
        with sync_engine(database.url("psycopg2")) as engine, orm.Session(engine) as session:
            session.add(Note(body="pending"))

            assert session.new
            assert database.connections() == 0

    asyncio.run(main())
