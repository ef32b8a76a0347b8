"""ADB103 sync-driver-in-async."""

import asyncio
import importlib
import inspect
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import aiosqlite
import asyncpg
import psycopg
import psycopg2
import psycopg_pool
import pytest

from .support import BLOCKED, FREE, SLOW_QUERY, Database, least_stall, stall


def psycopg2_query(database: Database) -> None:
    connection = psycopg2.connect(database.dsn())
    with connection.cursor() as cursor:
        cursor.execute(SLOW_QUERY)
    connection.close()


def psycopg_query(database: Database) -> None:
    with psycopg.connect(database.dsn()) as connection:
        connection.execute(SLOW_QUERY)


def psycopg_cursor(database: Database) -> None:
    with psycopg.connect(database.dsn()) as connection, connection.cursor() as cursor:
        cursor.execute(SLOW_QUERY)


def psycopg_pool_query(database: Database) -> None:
    pool = psycopg_pool.ConnectionPool(database.dsn(), min_size=1, open=True)
    with pool, pool.connection() as connection:
        connection.execute(SLOW_QUERY)


def pg8000_query(database: Database) -> None:
    pg8000 = pytest.importorskip("pg8000.dbapi")
    socket_file = f"{database.folder}/.s.PGSQL.{database.port}"
    connection = pg8000.connect(database.user, unix_sock=socket_file)
    connection.cursor().execute(SLOW_QUERY)
    connection.close()


def sqlite3_query(_: Database) -> None:
    connection = sqlite3.connect(":memory:")
    connection.create_function("nap", 0, lambda: time.sleep(0.3))
    connection.execute("select nap()")
    connection.close()


def duckdb_query(_: Database) -> None:
    duckdb = pytest.importorskip("duckdb")
    try:
        duckdb.connect().execute("select sleep_ms(300)").fetchall()
    except duckdb.CatalogException:
        pytest.skip("this duckdb has no function that takes long")


SYNC_QUERIES = [
    psycopg2_query,
    psycopg_query,
    psycopg_cursor,
    psycopg_pool_query,
    pg8000_query,
    sqlite3_query,
    duckdb_query,
]


@pytest.mark.parametrize("query", SYNC_QUERIES)
def test_query_blocks(database: Database, query: Callable[[Database], None]) -> None:
    """A query on a sync driver silences the loop for its whole length."""

    async def main() -> None:
        async def bad() -> None:
            query(database)

        assert await stall(bad) >= BLOCKED

    asyncio.run(main())


def test_query_in_thread_does_not_block(database: Database) -> None:
    """The same functions given to threads leave the loop free."""

    async def main() -> None:
        async def good() -> None:
            queries = [psycopg2_query, psycopg_query, psycopg_pool_query, sqlite3_query]
            await asyncio.gather(*(asyncio.to_thread(query, database) for query in queries))

        assert await least_stall(good) < FREE

    asyncio.run(main())


async def asyncpg_query(database: Database) -> None:
    connection = await asyncpg.connect(database.dsn())
    await connection.execute(SLOW_QUERY)
    await connection.close()


async def async_psycopg_query(database: Database) -> None:
    async with await psycopg.AsyncConnection.connect(database.dsn()) as connection:
        await connection.execute(SLOW_QUERY)


async def async_psycopg_pool_query(database: Database) -> None:
    pool = psycopg_pool.AsyncConnectionPool(database.dsn(), min_size=1, open=False)
    async with pool, pool.connection() as connection:
        await connection.execute(SLOW_QUERY)


async def aiosqlite_query(_: Database) -> None:
    async with aiosqlite.connect(":memory:") as connection:
        await connection.create_function("nap", 0, lambda: time.sleep(0.3))
        await connection.execute("select nap()")


def test_async_driver_does_not_block(database: Database) -> None:
    """The async drivers that replace them leave the loop free."""

    async def main() -> None:
        async def good() -> None:
            queries = [asyncpg_query, async_psycopg_query, async_psycopg_pool_query, aiosqlite_query]
            await asyncio.gather(*(query(database) for query in queries))

        assert await least_stall(good) < FREE

    asyncio.run(main())


@pytest.fixture
def mute_port() -> Iterator[int]:
    """A server that accepts, says nothing for a while, and closes: where a driver waits for its greeting."""

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                time.sleep(0.3)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)  # wakes the thread


Connect = Callable[[Any, int], object]

# These need servers that no package brings, but waiting for one that is mute blocks like any query.
SYNC_CONNECTS: list[tuple[str, Connect]] = [
    ("pymysql", lambda module, port: module.connect(host="127.0.0.1", port=port)),
    ("MySQLdb", lambda module, port: module.connect(host="127.0.0.1", port=port)),
    ("mysql.connector", lambda module, port: module.connect(host="127.0.0.1", port=port)),
    ("oracledb", lambda module, port: module.connect(user="u", password="p", dsn=f"127.0.0.1:{port}/x")),
    ("pymssql", lambda module, port: module.connect("127.0.0.1", "u", "p", port=port, login_timeout=1)),
    (
        "clickhouse_driver",
        lambda module, port: module.connect(host="127.0.0.1", port=port).cursor().execute("select 1"),
    ),
    (
        "pymongo",
        lambda module, port: module.MongoClient(
            "127.0.0.1", port, serverSelectionTimeoutMS=300
        ).db.things.find_one(),
    ),
]


@pytest.mark.parametrize(("name", "connect"), SYNC_CONNECTS, ids=[name for name, _ in SYNC_CONNECTS])
def test_connecting_blocks(mute_port: int, name: str, connect: Connect) -> None:
    """A sync driver that waits for its server silences the loop."""
    module = pytest.importorskip(name)

    async def bad() -> None:
        with pytest.raises(Exception, match=r"."):  # no greeting came; each driver has its own words
            connect(module, mute_port)

    async def main() -> None:
        assert await stall(bad) >= BLOCKED

    asyncio.run(main())


ASYNC_CONNECTS: list[tuple[str, Connect]] = [
    ("aiomysql", lambda module, port: module.connect(host="127.0.0.1", port=port)),
    ("asyncmy", lambda module, port: module.connect(host="127.0.0.1", port=port)),
    ("mysql.connector.aio", lambda module, port: module.connect(host="127.0.0.1", port=port)),
    (
        "oracledb",
        lambda module, port: module.connect_async(user="u", password="p", dsn=f"127.0.0.1:{port}/x"),
    ),
    (
        "pymongo",
        lambda module, port: module.AsyncMongoClient(
            "127.0.0.1", port, serverSelectionTimeoutMS=300
        ).db.things.find_one(),
    ),
]


@pytest.mark.parametrize(("name", "connect"), ASYNC_CONNECTS, ids=[name for name, _ in ASYNC_CONNECTS])
def test_async_connecting_does_not_block(mute_port: int, name: str, connect: Connect) -> None:
    """The async counterparts leave the loop free while they wait for the same server."""
    module = pytest.importorskip(name)

    async def good() -> None:
        with pytest.raises(Exception, match=r"."):
            await connect(module, mute_port)

    async def main() -> None:
        assert await least_stall(good) < FREE

    asyncio.run(main())


@pytest.mark.parametrize("name", ["cx_Oracle", "pyodbc"])
def test_connect_is_a_plain_function(name: str) -> None:
    """Without a server to ask: `connect` and `execute` of these drivers are no coroutine functions."""
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        pytest.skip(f"{name}: {error}")

    assert not inspect.iscoroutinefunction(module.connect)
    assert not inspect.iscoroutinefunction(module.Cursor.execute)


def test_sqlite_query_in_progress_blocks() -> None:
    """sqlite3 has no server to wait for: its own work is what blocks."""

    async def main() -> None:
        async def bad() -> None:
            with sqlite3.connect(":memory:") as connection:
                # Runs until it is told to stop, so that it takes the same time on every machine.
                end = time.monotonic() + 0.3
                connection.set_progress_handler(lambda: time.monotonic() > end, 1000)
                with pytest.raises(sqlite3.OperationalError, match="interrupted"):
                    connection.execute(
                        "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n"
                    ).fetchone()
            connection.close()

        assert await stall(bad) >= BLOCKED

    asyncio.run(main())
