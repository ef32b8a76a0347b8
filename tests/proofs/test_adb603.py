"""ADB603 unbounded-pool."""

import asyncio
from typing import Any

import asyncpg
import psycopg_pool
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from .support import Database, Server, async_engine, sync_engine

UNBOUNDED = [{"pool_size": 0}, {"pool_size": 0, "max_overflow": 2}, {"pool_size": 2, "max_overflow": -1}]
BOUNDED = {"pool_size": 2, "max_overflow": 1}

CHECKOUTS = 20  # more than the default of 5 + 10


@pytest.mark.parametrize("options", UNBOUNDED)
def test_no_limit(database: Database, options: dict[str, Any]) -> None:
    """`pool_size=0` and `max_overflow=-1` open as many connections as are asked for; a bound stops that."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg"), **options) as engine:
            connections = await asyncio.gather(*(engine.connect() for _ in range(CHECKOUTS)))
            assert engine.pool.checkedout() == database.connections() == CHECKOUTS
            for connection in connections:
                await connection.close()

        async with async_engine(database.url("asyncpg"), **BOUNDED, pool_timeout=0.1) as engine:
            connections = [await engine.connect() for _ in range(3)]
            with pytest.raises(sa.exc.TimeoutError, match="QueuePool limit of size 2 overflow 1 reached"):
                await engine.connect()
            for connection in connections:
                await connection.close()

    asyncio.run(main())


def test_sync_engine_too(database: Database) -> None:
    """The same for a sync engine."""
    with sync_engine(database.url("psycopg2"), pool_size=0) as engine:
        connections = [engine.connect() for _ in range(CHECKOUTS)]
        assert database.connections() == CHECKOUTS
        for connection in connections:
            connection.close()


def test_server_refuses_where_a_bound_waits(database: Database) -> None:
    """Under load an unbounded pool meets the server's limit, as errors; a bounded one makes callers wait."""
    database.admin.execute("drop role if exists shop; create role shop login connection limit 3")
    shop = Server(database.folder, database.port, user="shop")

    async def use(engine: AsyncEngine) -> None:
        async with engine.connect() as connection:
            await connection.execute(sa.text("select pg_sleep(0.1)"))

    async def errors(**options: Any) -> list[BaseException]:
        async with async_engine(shop.url("asyncpg"), **options) as engine:
            results = await asyncio.gather(*(use(engine) for _ in range(8)), return_exceptions=True)
            return [result for result in results if result is not None]

    async def main() -> None:
        refused = await errors(pool_size=0)
        assert len(refused) >= 1
        # asyncpg's own TooManyConnectionsError in 2.0, a DBAPIError around it in 2.1.
        assert all("too many connections for role" in str(error) for error in refused)

        assert await errors(**BOUNDED) == []

    asyncio.run(main())


def test_asyncpg_pool_is_always_bounded(database: Database) -> None:
    """Not this rule: asyncpg's pool has at most 10 connections by default, and has no word for 'no limit'."""

    async def main() -> None:
        async with asyncpg.create_pool(database.dsn()) as pool:
            assert pool.get_max_size() == 10
        for no_limit in (0, -1):
            with pytest.raises(ValueError, match="max_size is expected to be greater than zero"):
                asyncpg.create_pool(database.dsn(), min_size=0, max_size=no_limit)
        with pytest.raises(TypeError):
            asyncpg.create_pool(database.dsn(), max_size=None)

    asyncio.run(main())


def test_psycopg_pool_is_bounded(database: Database) -> None:
    """Not this rule: a psycopg pool without `max_size` stays at its `min_size`."""

    async def main() -> None:
        pool = psycopg_pool.AsyncConnectionPool(database.dsn(), min_size=1, open=False)
        async with pool, pool.connection():
            with pytest.raises(psycopg_pool.PoolTimeout):
                await pool.getconn(timeout=0.1)

    asyncio.run(main())


@pytest.mark.parametrize("options", [{}, {"max_size": None}, {"max_size": 0}])
def test_psycopg_null_pool_has_no_limit(database: Database, options: dict[str, Any]) -> None:
    """psycopg's null pool without `max_size` opens as many connections as are asked for; with it, not."""

    async def main() -> None:
        async with psycopg_pool.AsyncNullConnectionPool(database.dsn(), **options) as pool:
            connections = [await pool.getconn(timeout=5) for _ in range(12)]
            assert database.connections() == 12
            for connection in connections:
                await pool.putconn(connection)

        async with psycopg_pool.AsyncNullConnectionPool(database.dsn(), max_size=1) as pool:
            connection = await pool.getconn()
            with pytest.raises(psycopg_pool.PoolTimeout):
                await pool.getconn(timeout=0.1)
            await pool.putconn(connection)

    asyncio.run(main())
