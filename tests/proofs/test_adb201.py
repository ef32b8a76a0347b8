"""ADB201 missing-await."""

import asyncio
import gc
import inspect
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite
import asyncpg
import psycopg
import psycopg_pool
import pytest
import sqlalchemy as sa
import sqlmodel.ext.asyncio.session
from sqlalchemy.ext import asyncio as sa_asyncio
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from .support import SQLALCHEMY_21, Database, Note, async_engine

SESSION_METHODS = (
    "aclose close close_all commit connection delete execute flush get get_one invalidate merge refresh reset"
    " rollback run_sync scalar scalars stream stream_scalars"
)
if SQLALCHEMY_21:
    SESSION_METHODS += " delete_all merge_all"
RESULT_METHODS = "all close fetchall fetchmany first one one_or_none"
ASYNCPG_METHODS = (
    "add_listener close copy_from_query copy_from_table copy_records_to_table copy_to_table execute"
    " executemany fetch fetchrow fetchval prepare reload_schema_state remove_listener reset"
    " reset_type_codec set_builtin_type_codec set_type_codec"
)

COROUTINE_METHODS: dict[type, str] = {
    sa_asyncio.AsyncSession: SESSION_METHODS,
    sa_asyncio.async_scoped_session: SESSION_METHODS.replace("run_sync ", "") + " remove",
    sqlmodel.ext.asyncio.session.AsyncSession: SESSION_METHODS + " exec",
    sa_asyncio.AsyncSessionTransaction: "commit rollback start",
    sa_asyncio.AsyncEngine: "dispose raw_connection",
    sa_asyncio.AsyncConnection: (
        "aclose close commit exec_driver_sql execute execution_options get_isolation_level get_raw_connection"
        " invalidate rollback run_sync scalar scalars start"
    ),
    sa_asyncio.AsyncTransaction: "close commit rollback start",
    sa_asyncio.AsyncResult: RESULT_METHODS + " fetchone freeze scalar scalar_one scalar_one_or_none",
    sa_asyncio.AsyncScalarResult: RESULT_METHODS,
    sa_asyncio.AsyncMappingResult: RESULT_METHODS + " fetchone",
    asyncpg.Connection: ASYNCPG_METHODS,
    asyncpg.Pool: (
        "close copy_from_query copy_from_table copy_records_to_table copy_to_table execute executemany"
        " expire_connections fetch fetchrow fetchval release"
    ),
    psycopg.AsyncConnection: (
        "cancel_safe close commit connect execute rollback set_autocommit set_deferrable set_isolation_level"
        " set_read_only tpc_begin tpc_commit tpc_prepare tpc_recover tpc_rollback wait"
    ),
    psycopg.AsyncCursor: "close execute executemany fetchall fetchmany fetchone scroll",
    psycopg.AsyncCopy: "finish read read_row write write_row",
    psycopg_pool.AsyncConnectionPool: "check close drain getconn open putconn resize wait",
    aiosqlite.Connection: (
        "backup close commit create_function enable_load_extension interrupt load_extension rollback"
        " set_authorizer set_progress_handler set_trace_callback"
    ),
    aiosqlite.Cursor: "close execute executemany executescript fetchall fetchmany fetchone",
}


def coroutine_methods() -> list[Any]:
    return [
        pytest.param(getattr(owner, name), id=f"{owner.__module__}.{owner.__name__}.{name}")
        for owner, names in COROUTINE_METHODS.items()
        for name in names.split()
    ]


def call_blindly(method: Callable[..., Any]) -> Any:
    """Call with nothing but None: no argument is looked at, as a coroutine's body does not begin to run."""
    required = [
        parameter
        for parameter in inspect.signature(method).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    positional = [None for parameter in required if parameter.kind is not parameter.KEYWORD_ONLY]
    keywords = {parameter.name: None for parameter in required if parameter.kind is parameter.KEYWORD_ONLY}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return method(*positional, **keywords)


@pytest.mark.parametrize("method", coroutine_methods())
def test_method_is_a_coroutine_function(method: Callable[..., Any]) -> None:
    """Calling the method runs nothing of it; all that comes is a warning when the coroutine is collected."""
    coroutine = call_blindly(method)

    assert inspect.iscoroutine(coroutine)
    with pytest.warns(RuntimeWarning, match=r"was never awaited"):
        del coroutine


def test_guarded_asyncpg_methods(database: Database) -> None:
    """The same for the objects of asyncpg that first look whether they are still in use."""

    async def main() -> None:
        async with asyncpg.create_pool(database.dsn(), min_size=1) as pool, pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            statement = await connection.prepare("select 1")
            cursor = await statement.cursor()
            methods = [(connection, name) for name in ASYNCPG_METHODS.split()]
            methods += [(transaction, name) for name in ("commit", "rollback", "start")]
            methods += [
                (statement, name) for name in ("executemany", "explain", "fetch", "fetchrow", "fetchval")
            ]
            methods += [(cursor, name) for name in ("fetch", "fetchrow", "forward")]
            for owner, name in methods:
                coroutine = call_blindly(getattr(owner, name))
                assert inspect.iscoroutine(coroutine), name
                with pytest.warns(RuntimeWarning, match=r"was never awaited"):
                    del coroutine
            await transaction.rollback()

    asyncio.run(main())


# What not awaiting costs.


@asynccontextmanager
async def opened_session(database: Database) -> AsyncIterator[AsyncSession]:
    async with async_engine(database.url("asyncpg")) as engine, AsyncSession(engine) as session:
        yield session


def test_lost_write(database: Database) -> None:
    """`session.commit()` without await stores nothing and says nothing."""

    async def main() -> None:
        async with opened_session(database) as session:
            session.add(Note(body="lost"))
            session.commit()
        assert database.notes() == 0

        async with opened_session(database) as session:
            session.add(Note(body="stored"))
            await session.commit()
        assert database.notes() == 1

    asyncio.run(main())


def test_kept_write(database: Database) -> None:
    """`session.rollback()` without await keeps what should be undone."""

    async def main() -> None:
        async with opened_session(database) as session:
            await session.execute(sa.insert(Note).values(body="mistake"))
            session.rollback()
            await session.commit()
        assert database.notes() == 1

        async with opened_session(database) as session:
            await session.execute(sa.insert(Note).values(body="mistake"))
            await session.rollback()
            await session.commit()
        assert database.notes() == 1

    asyncio.run(main())


def test_lost_delete(database: Database) -> None:
    """`session.delete(x)` without await deletes nothing."""
    database.add_note("stays")

    async def main() -> None:
        async with opened_session(database) as session:
            note = (await session.scalars(sa.select(Note))).one()
            session.delete(note)
            await session.commit()
            assert database.notes() == 1

            await session.refresh(note)
            await session.delete(note)
            await session.commit()
            assert database.notes() == 0

    asyncio.run(main())


def test_leaked_session(database: Database, no_gc: None) -> None:
    """`session.close()` without await leaves the connection checked out."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:
            session = AsyncSession(engine)
            await session.execute(sa.select(1))
            session.close()
            assert engine.pool.checkedout() == 1
            await session.close()
            assert engine.pool.checkedout() == 0

    asyncio.run(main())


def test_execution_options(database: Database) -> None:
    """`connection.execution_options(...)` without await does not set AUTOCOMMIT, and the row is lost."""

    async def main() -> None:
        insert = sa.insert(Note).values(body="x")
        async with async_engine(database.url("asyncpg")) as engine:
            async with engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT")
                await connection.execute(insert)
            assert database.notes() == 0

            async with engine.connect() as connection:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                await connection.execute(insert)
            assert database.notes() == 1

    asyncio.run(main())


def test_truth(database: Database) -> None:
    """A coroutine used as a truth is always true."""

    async def main() -> None:
        async with opened_session(database) as session:
            assert session.get(Note, 1)
            assert not await session.get(Note, 1)

    asyncio.run(main())


def test_asyncpg_execute(database: Database) -> None:
    """asyncpg's `connection.execute` without await runs nothing."""

    async def main() -> None:
        connection = await asyncpg.connect(database.dsn())
        connection.execute("insert into note (body) values ('lost')")
        assert database.notes() == 0
        await connection.execute("insert into note (body) values ('stored')")
        assert database.notes() == 1
        await connection.close()

    asyncio.run(main())


def test_asyncpg_release(database: Database) -> None:
    """asyncpg's `pool.release` without await keeps the connection, and the pool runs dry."""

    async def main() -> None:
        async with asyncpg.create_pool(database.dsn(), min_size=1, max_size=1) as pool:
            connection = await pool.acquire()
            pool.release(connection)
            with pytest.raises(TimeoutError):
                await pool.acquire(timeout=0.1)
            await pool.release(connection)
            async with pool.acquire(timeout=5) as connection:
                assert await connection.fetchval("select 1") == 1

    asyncio.run(main())


def test_psycopg_commit(database: Database) -> None:
    """psycopg's `connection.commit()` without await loses the row when the connection is closed."""

    async def main() -> None:
        insert = "insert into note (body) values ('x')"
        connection = await psycopg.AsyncConnection.connect(database.dsn())
        await connection.execute(insert)
        connection.commit()
        await connection.close()
        assert database.notes() == 0

        connection = await psycopg.AsyncConnection.connect(database.dsn())
        await connection.execute(insert)
        await connection.commit()
        await connection.close()
        assert database.notes() == 1

    asyncio.run(main())


def test_aiosqlite_execute(tmp_path: Path) -> None:
    """aiosqlite's `execute` without await or `async with` runs nothing."""

    async def main() -> None:
        async with aiosqlite.connect(tmp_path / "notes.db") as connection:
            connection.execute("create table note (body text)")
            with pytest.raises(aiosqlite.OperationalError, match="no such table"):
                await connection.execute("select * from note")
            await connection.execute("create table note (body text)")
            async with connection.execute("select * from note") as cursor:
                assert await cursor.fetchall() == []

    asyncio.run(main())


# What is silently nothing: no coroutine, so Python does not even warn.


@pytest.fixture
def silently() -> Callable[[Callable[[], object]], None]:
    """Makes an object and drops it, and fails on any warning."""

    def call(make: Callable[[], object]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            dropped = make()
            assert not inspect.iscoroutine(dropped)
            del dropped
            gc.collect(0)  # the young ones, were it part of a cycle

    return call


Silently = Callable[[Callable[[], object]], None]


def test_session_begin(database: Database, silently: Silently) -> None:
    """`session.begin()` and `begin_nested()` alone begin nothing, without a word."""

    async def main() -> None:
        async with opened_session(database) as session:
            silently(session.begin)
            assert not session.in_transaction()
            silently(session.begin_nested)
            assert not session.in_nested_transaction()

            async with session.begin():
                assert session.in_transaction()
                async with session.begin_nested():
                    assert session.in_nested_transaction()
            await session.begin()
            assert session.in_transaction()

    asyncio.run(main())


def test_connection_begin(database: Database, silently: Silently) -> None:
    """The same on an AsyncConnection, and its `stream` asks nothing."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine, engine.connect() as connection:
            query = sa.text("select 1")
            silently(connection.begin)
            silently(connection.begin_nested)
            silently(lambda: connection.stream(query))
            silently(lambda: connection.stream_scalars(query))
            assert not connection.in_transaction()

            async with connection.stream_scalars(query) as result:
                assert await result.all() == [1]
            assert connection.in_transaction()

    asyncio.run(main())


def test_engine_connect(database: Database, silently: Silently) -> None:
    """`engine.connect()`, `engine.begin()` and `factory.begin()` alone take no connection."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:
            silently(engine.connect)
            silently(engine.begin)
            silently(async_sessionmaker(engine).begin)
            assert engine.pool.checkedout() == 0

            async with engine.begin():
                assert engine.pool.checkedout() == 1

    asyncio.run(main())


def test_asyncpg_transaction(database: Database, silently: Silently) -> None:
    """asyncpg's `connection.transaction()` alone protects nothing: half of the work stays after an error."""

    async def main() -> None:
        connection = await asyncpg.connect(database.dsn())

        async def half_of_the_work() -> None:
            await connection.execute("insert into note (body) values ('half')")
            await connection.execute("select 1/0")

        silently(connection.transaction)
        assert not connection.is_in_transaction()
        with pytest.raises(asyncpg.DivisionByZeroError):
            await half_of_the_work()
        assert database.notes() == 1

        with pytest.raises(asyncpg.DivisionByZeroError):
            async with connection.transaction():
                await half_of_the_work()
        assert database.notes() == 1
        await connection.close()

    asyncio.run(main())


def test_asyncpg_pool(database: Database, silently: Silently) -> None:
    """asyncpg's `create_pool()` and `pool.acquire()` alone open and take nothing."""

    async def main() -> None:
        silently(lambda: asyncpg.create_pool(database.dsn()))
        assert database.connections() == 0
        with pytest.raises(asyncpg.InterfaceError, match="pool is not initialized"):
            await asyncpg.create_pool(database.dsn()).fetch("select 1")

        async with asyncpg.create_pool(database.dsn(), min_size=1, max_size=1) as pool:
            silently(pool.acquire)
            assert pool.get_idle_size() == 1
            async with pool.acquire():
                assert pool.get_idle_size() == 0

    asyncio.run(main())


def test_asyncpg_cursor(database: Database, silently: Silently) -> None:
    """asyncpg's `connection.cursor()` alone declares nothing and does not even miss its transaction."""

    async def main() -> None:
        connection = await asyncpg.connect(database.dsn())
        silently(lambda: connection.cursor("select 1"))
        with pytest.raises(asyncpg.NoActiveSQLTransactionError):
            await connection.cursor("select 1")
        async with connection.transaction():
            cursor = await connection.cursor("select 1 as one")
            assert (await cursor.fetchrow())["one"] == 1
        await connection.close()

    asyncio.run(main())


def test_psycopg_transaction(database: Database, silently: Silently) -> None:
    """psycopg's `transaction()`, `pipeline()`, `copy()` and `stream()` alone do nothing."""

    async def main() -> None:
        async with await psycopg.AsyncConnection.connect(database.dsn()) as connection:
            cursor = connection.cursor()
            silently(connection.transaction)
            silently(connection.pipeline)
            silently(lambda: cursor.copy("copy note (body) from stdin"))
            silently(lambda: cursor.stream("select 1"))
            silently(connection.notifies)
            idle = psycopg.pq.TransactionStatus.IDLE
            assert connection.info.transaction_status == idle

            async with connection.transaction():
                assert connection.info.transaction_status != idle
            assert [row async for row in cursor.stream("select 1")] == [(1,)]

    asyncio.run(main())


def test_psycopg_pool_connection(database: Database, silently: Silently) -> None:
    """psycopg's `pool.connection()` alone takes nothing."""

    async def main() -> None:
        async with psycopg_pool.AsyncConnectionPool(database.dsn(), min_size=1) as pool:
            await pool.wait()
            silently(pool.connection)
            assert pool.get_stats()["pool_available"] == 1
            async with pool.connection():
                assert pool.get_stats()["pool_available"] == 0

    asyncio.run(main())


def test_aiosqlite_connect(tmp_path: Path, silently: Silently) -> None:
    """`aiosqlite.connect()` alone opens nothing."""

    async def main() -> None:
        file = tmp_path / "notes.db"
        silently(lambda: aiosqlite.connect(file))
        with pytest.raises(ValueError, match="no active connection"):
            await aiosqlite.connect(file).execute("select 1")
        assert not file.exists()

        async with aiosqlite.connect(file) as connection:
            await connection.execute("create table note (body text)")
        assert file.exists()

    asyncio.run(main())


def test_awaited_elsewhere(database: Database) -> None:
    """Near misses: coroutines and awaitables that are stored, returned, gathered, made a task, entered."""

    async def main() -> None:
        async with opened_session(database) as session:
            query = sa.select(1)

            def returned() -> Any:
                return session.scalar(query)

            assert await returned() == 1
            stored = session.scalar(query)
            assert await stored == 1
            assert await asyncio.gather(session.scalar(query)) == [1]
            assert await asyncio.create_task(session.scalar(query)) == 1
            assert await asyncio.wait_for(session.scalar(query), 5) == 1
            await session.commit()
            transaction = session.begin()
            async with transaction:
                assert session.in_transaction()
            connecting = session.bind.connect()
            async with connecting as connection:
                assert await connection.scalar(query) == 1

    asyncio.run(main())
