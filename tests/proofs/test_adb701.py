"""ADB701 prepared-statements-behind-pooler."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import asyncpg
import psycopg
import psycopg2
import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from .support import Server, async_engine, sync_engine

StartPooler = Callable[..., Server]

QUERY = sa.text("select cast(:number as integer)")

ASYNCPG_31 = tuple(map(int, asyncpg.__version__.split(".")[:2])) >= (0, 31)

BOTH_OFF = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
UNIQUE_NAMES = {"prepared_statement_name_func": lambda: f"__asyncpg_{uuid.uuid4()}__"}

# Since 0.31 asyncpg prepares nothing under a name when its own cache is off.
needs_asyncpg_31 = pytest.mark.skipif(not ASYNCPG_31, reason="asyncpg before 0.31 needs unique names as well")


async def repeat(url: sa.URL, arguments: dict[str, Any], pooled: Server) -> None:
    """One query many times, the last time on another server connection, as the pooler may choose any time."""
    async with async_engine(url, connect_args=arguments, pool_size=1) as engine:

        async def select() -> None:
            async with engine.begin() as connection:
                assert await connection.scalar(QUERY, {"number": 1}) == 1

        for _ in range(7):  # psycopg prepares what came more than five times
            await select()
        async with await psycopg.AsyncConnection.connect(pooled.dsn()) as other:
            await other.execute("select 1")  # its open transaction holds the server connection used so far
            await select()


MOVED_FAILS: list[tuple[str, dict[str, Any]]] = [
    ("asyncpg", {}),
    ("asyncpg", UNIQUE_NAMES),
    ("psycopg", {}),
    ("psycopg", {"prepare_threshold": 5}),
]


@pytest.mark.parametrize(("driver", "arguments"), MOVED_FAILS)
def test_statement_of_another_connection(pooler: StartPooler, driver: str, arguments: dict[str, Any]) -> None:
    """A statement that was prepared on one server connection does not exist on the one that runs it."""
    pooled = pooler()
    with pytest.raises(sa.exc.DBAPIError, match=r'prepared statement "_.*" does not exist'):
        asyncio.run(repeat(pooled.url(driver), arguments, pooled))


MOVED_WORKS: list[Any] = [
    ("psycopg", {"prepare_threshold": None}),
    ("asyncpg", {**UNIQUE_NAMES, **BOTH_OFF}),
    ("asyncpg", {**UNIQUE_NAMES, "prepared_statement_cache_size": 0}),
    pytest.param("asyncpg", {"statement_cache_size": 0}, marks=needs_asyncpg_31),
    pytest.param("asyncpg", BOTH_OFF, marks=needs_asyncpg_31),
]


@pytest.mark.parametrize(("driver", "arguments"), MOVED_WORKS)
def test_switched_off(pooler: StartPooler, driver: str, arguments: dict[str, Any]) -> None:
    """Without prepared statements that outlive the transaction it does not matter which connection comes."""
    pooled = pooler()
    asyncio.run(repeat(pooled.url(driver), arguments, pooled))


async def as_new_process(
    monkeypatch: pytest.MonkeyPatch, url: sa.URL, arguments: dict[str, Any], **options: Any
) -> None:
    """What the first connection of another worker process does."""
    # asyncpg numbers its statements per process, so that two processes use the same names.
    monkeypatch.setattr("asyncpg.connection._uid", 0)
    async with async_engine(url, connect_args=arguments, **options) as engine, engine.begin() as connection:
        assert await connection.scalar(QUERY, {"number": 1}) == 1


@pytest.mark.parametrize(
    ("arguments", "options"),
    [({}, {}), ({}, {"poolclass": NullPool}), ({"prepared_statement_cache_size": 0}, {})],
    ids=["default", "NullPool", "only SQLAlchemy's cache off"],
)
def test_statement_of_another_process(
    pooler: StartPooler, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], options: dict[str, Any]
) -> None:
    """A second process that gets the first one's server connection finds its statements' names taken."""
    url = pooler(server_connections=1).url("asyncpg")
    asyncio.run(as_new_process(monkeypatch, url, arguments, **options))
    with pytest.raises(
        # Raw from asyncpg when it happens while connecting in 2.0, wrapped otherwise.
        (sa.exc.DBAPIError, asyncpg.DuplicatePreparedStatementError),
        match=r'prepared statement "__asyncpg_stmt_\w+__" already exists',
    ):
        asyncio.run(as_new_process(monkeypatch, url, arguments, **options))


@pytest.mark.parametrize(
    "arguments",
    [
        {**UNIQUE_NAMES, **BOTH_OFF},
        pytest.param({"statement_cache_size": 0}, marks=needs_asyncpg_31),
        pytest.param(BOTH_OFF, marks=needs_asyncpg_31),
    ],
)
def test_processes_side_by_side(
    pooler: StartPooler, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any]
) -> None:
    """Without names, or with unique ones, a second process is not in the way of the first."""
    url = pooler(server_connections=1).url("asyncpg")
    for _ in range(2):
        asyncio.run(as_new_process(monkeypatch, url, arguments))


def test_psycopg_of_another_process(pooler: StartPooler) -> None:
    """psycopg counts per connection: two that share a server connection use the same names."""

    async def use(url: sa.URL, threshold: int | None) -> None:
        async with async_engine(url, connect_args={"prepare_threshold": threshold}) as engine:
            for _ in range(7):
                async with engine.begin() as connection:
                    await connection.scalar(QUERY, {"number": 1})

    url = pooler(server_connections=1).url("psycopg")
    asyncio.run(use(url, None))
    asyncio.run(use(url, None))
    asyncio.run(use(url, 5))
    with pytest.raises(sa.exc.DBAPIError, match='prepared statement "_pg3_0" already exists'):
        asyncio.run(use(url, 5))


def test_raw_asyncpg(pooler: StartPooler) -> None:
    """asyncpg's own connections and pools fail in the same way, and need only their one cache off."""
    pooled = pooler()

    async def use(**options: Any) -> None:
        async with asyncpg.create_pool(pooled.dsn(), min_size=1, max_size=1, **options) as pool:
            await pool.fetchval("select 1")
            async with await psycopg.AsyncConnection.connect(pooled.dsn()) as other:
                await other.execute("select 1")
                await pool.fetchval("select 1")

    asyncio.run(use(statement_cache_size=0))
    with pytest.raises(asyncpg.InvalidSQLStatementNameError, match="does not exist"):
        asyncio.run(use())


def test_psycopg2(pooler: StartPooler) -> None:
    """Near miss: psycopg2 prepares nothing."""
    pooled = pooler()
    with sync_engine(pooled.url("psycopg2")) as engine:
        for _ in range(7):
            with engine.begin() as connection:
                connection.scalar(QUERY, {"number": 1})
        other = psycopg2.connect(pooled.dsn())
        other.cursor().execute("select 1")
        with engine.begin() as connection:
            assert connection.scalar(QUERY, {"number": 1}) == 1
        other.close()


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_session_pooling(pooler: StartPooler, driver: str) -> None:
    """Near miss: with session pooling each client keeps its server connection with all it prepared."""
    pooled = pooler(pool_mode="session")
    asyncio.run(repeat(pooled.url(driver), {}, pooled))
