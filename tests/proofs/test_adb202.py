"""ADB202 await-on-plain-call."""

import asyncio
from collections.abc import Callable
from typing import Any

import aiosqlite
import asyncpg
import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from .support import NOT_AWAITABLE, Database, Note, async_engine

Call = Callable[[Any], Any]

SESSION_CALLS: dict[str, Callable[[AsyncSession, Note], Any]] = {
    "add": lambda session, _: session.add(Note()),
    "add_all": lambda session, _: session.add_all([Note()]),
    "expire": lambda session, only: session.expire(only),
    "expire_all": lambda session, _: session.expire_all(),
    "expunge": lambda session, only: session.expunge(only),
    "expunge_all": lambda session, _: session.expunge_all(),
    "get_bind": lambda session, _: session.get_bind(),
    "get_nested_transaction": lambda session, _: session.get_nested_transaction(),
    "in_nested_transaction": lambda session, _: session.in_nested_transaction(),
    "in_transaction": lambda session, _: session.in_transaction(),
    "is_modified": lambda session, only: session.is_modified(only),
    "identity_key": lambda session, _: session.identity_key(Note, 1),
}


@pytest.mark.parametrize("name", SESSION_CALLS)
def test_session_method(database: Database, name: str) -> None:
    """The AsyncSession's method is a plain one: awaiting it is a TypeError, calling it works."""
    database.add_note("only one")

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine, AsyncSession(engine) as session:
            only = (await session.scalars(sa.select(Note))).one()
            with pytest.raises(TypeError, match=NOT_AWAITABLE):
                await SESSION_CALLS[name](session, only)
        async with async_engine(database.url("asyncpg")) as engine, AsyncSession(engine) as session:
            only = (await session.scalars(sa.select(Note))).one()
            SESSION_CALLS[name](session, only)

    asyncio.run(main())


def test_side_effect_has_happened(database: Database) -> None:
    """The TypeError comes after the fact: `await session.add(x)` has added, and a later commit stores it."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine, AsyncSession(engine) as session:
            with pytest.raises(TypeError, match=NOT_AWAITABLE):
                await session.add(Note(body="added"))
            await session.commit()
            assert database.notes() == 1

    asyncio.run(main())


RESULT_METHODS = (
    "all first one one_or_none scalar scalar_one scalar_one_or_none scalars mappings unique columns"
    " fetchall fetchone fetchmany partitions keys close freeze"
)


@pytest.mark.parametrize("name", RESULT_METHODS.split())
def test_buffered_result(database: Database, name: str) -> None:
    """What `await session.execute()` gives is read already: none of its methods can be awaited."""
    arguments = [0] if name == "columns" else []

    async def main() -> None:
        query = sa.text("select 1")
        async with async_engine(database.url("asyncpg")) as engine, AsyncSession(engine) as session:
            result = await session.execute(query)
            with pytest.raises(TypeError, match=NOT_AWAITABLE):
                await getattr(result, name)(*arguments)

            getattr(await session.execute(query), name)(*arguments)

    asyncio.run(main())


@pytest.mark.parametrize("name", ["all", "first", "one", "one_or_none", "fetchall", "unique"])
def test_buffered_scalars(database: Database, name: str) -> None:
    """The same for what `await session.scalars()` gives."""

    async def main() -> None:
        query = sa.text("select 1")
        async with async_engine(database.url("asyncpg")) as engine, AsyncSession(engine) as session:
            with pytest.raises(TypeError, match=NOT_AWAITABLE):
                await getattr(await session.scalars(query), name)()

            getattr(await session.scalars(query), name)()

    asyncio.run(main())


STREAM_AWAITED = (
    "all first one one_or_none scalar scalar_one scalar_one_or_none fetchall fetchone fetchmany close freeze"
)
STREAM_PLAIN = "scalars mappings unique columns keys yield_per partitions"


@pytest.mark.parametrize("name", STREAM_AWAITED.split())
def test_streamed_result_is_awaited(database: Database, name: str) -> None:
    """Near miss: the same methods of what `await session.stream()` gives have to be awaited."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine, AsyncSession(engine) as session:
            await getattr(await session.stream(sa.text("select 1")), name)()

    asyncio.run(main())


@pytest.mark.parametrize("name", STREAM_PLAIN.split())
def test_streamed_result_has_plain_methods(database: Database, name: str) -> None:
    """A streamed result's methods that only shape it are plain ones."""
    arguments = [0] if name in ("columns", "yield_per") else []

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine, AsyncSession(engine) as session:
            result = await session.stream(sa.text("select 1"))
            with pytest.raises(TypeError, match=NOT_AWAITABLE):
                await getattr(result, name)(*arguments)
            await result.close()

    asyncio.run(main())


ENGINE_CALLS: dict[str, Call] = {
    "engine.begin": lambda engine: engine.begin(),
    "engine.execution_options": lambda engine: engine.execution_options(),
    "engine.clear_compiled_cache": lambda engine: engine.clear_compiled_cache(),
    "factory()": lambda engine: async_sessionmaker(engine)(),
    "factory.begin": lambda engine: async_sessionmaker(engine).begin(),
    "AsyncSession()": lambda engine: AsyncSession(engine),
    "connection.in_transaction": lambda engine: engine.connect().in_transaction,
    "connection.get_transaction": lambda engine: engine.connect().get_transaction,
}


@pytest.mark.parametrize("name", ENGINE_CALLS)
def test_engine_and_factory(database: Database, name: str) -> None:
    """Neither an engine's `begin()` nor a session or its factory can be awaited, only entered or called."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:
            with pytest.raises(TypeError, match=NOT_AWAITABLE):
                await ENGINE_CALLS[name](engine)

    asyncio.run(main())


ASYNCPG_CALLS: dict[str, Call] = {
    "transaction": lambda connection: connection.transaction(),
    "is_closed": lambda connection: connection.is_closed(),
    "is_in_transaction": lambda connection: connection.is_in_transaction(),
    "get_server_pid": lambda connection: connection.get_server_pid(),
    "get_settings": lambda connection: connection.get_settings(),
    "add_log_listener": lambda connection: connection.add_log_listener(print),
    "add_termination_listener": lambda connection: connection.add_termination_listener(print),
    "terminate": lambda connection: connection.terminate(),
}


@pytest.mark.parametrize("name", ASYNCPG_CALLS)
def test_asyncpg(database: Database, name: str) -> None:
    """asyncpg's plain methods; its `add_listener`, beside `add_log_listener`, is a coroutine function."""

    async def main() -> None:
        connection = await asyncpg.connect(database.dsn())
        with pytest.raises(TypeError, match=NOT_AWAITABLE):
            await ASYNCPG_CALLS[name](connection)
        if name != "terminate":
            await connection.add_listener("channel", print)
            await connection.close()

    asyncio.run(main())


PSYCOPG_CALLS: dict[str, Call] = {
    "cursor": lambda connection: connection.cursor(),
    "transaction": lambda connection: connection.transaction(),
    "pipeline": lambda connection: connection.pipeline(),
    "notifies": lambda connection: connection.notifies(),
    "cancel": lambda connection: connection.cancel(),
    "add_notice_handler": lambda connection: connection.add_notice_handler(print),
    "cursor.stream": lambda connection: connection.cursor().stream("select 1"),
    "cursor.copy": lambda connection: connection.cursor().copy("copy note (body) from stdin"),
    "cursor.nextset": lambda connection: connection.cursor().nextset(),
}


@pytest.mark.parametrize("name", PSYCOPG_CALLS)
def test_psycopg(database: Database, name: str) -> None:
    """psycopg's plain methods."""

    async def main() -> None:
        async with await psycopg.AsyncConnection.connect(database.dsn()) as connection:
            with pytest.raises(TypeError, match=NOT_AWAITABLE):
                await PSYCOPG_CALLS[name](connection)

    asyncio.run(main())


def test_sync_objects(database: Database) -> None:
    """Sync drivers' and sessions' methods cannot be awaited either, but have run."""

    async def main() -> None:
        connection = psycopg.connect(database.dsn(), autocommit=True)
        with connection, pytest.raises(TypeError, match=NOT_AWAITABLE):
            await connection.execute("insert into note (body) values ('written')")
        assert database.notes() == 1

    asyncio.run(main())


def test_awaitable_after_all(database: Database) -> None:
    """Near misses: plain methods whose result can be awaited as well as entered."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:
            connection = await engine.connect()
            transaction = await connection.begin()
            await transaction.commit()
            assert await (await connection.stream_scalars(sa.text("select 1"))).all() == [1]
            await connection.close()
            async with AsyncSession(engine) as session:
                await session.begin()
        pool = await asyncpg.create_pool(database.dsn(), min_size=1)
        await pool.release(await pool.acquire())
        await pool.close()
        connection = await aiosqlite.connect(":memory:")
        cursor = await connection.execute("select 1")
        assert await cursor.fetchone() == (1,)
        await connection.close()

    asyncio.run(main())
