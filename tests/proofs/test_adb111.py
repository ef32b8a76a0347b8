"""ADB111 psycopg2-based-driver."""

import asyncio
import importlib
import sys

import psycopg2
import psycopg_pool
import pytest
import sqlalchemy as sa

from .support import FREE, SLOW_QUERY, Database, least_stall

aiopg = pytest.importorskip("aiopg", minversion="1.4")


def test_it_is_psycopg2(database: Database) -> None:
    """What a connection of aiopg wraps is one of psycopg2, in its asynchronous mode."""

    async def main() -> None:
        async with aiopg.connect(database.dsn()) as connection:
            assert isinstance(connection.raw, psycopg2.extensions.connection)
            assert connection.raw.async_

    asyncio.run(main())


def test_it_does_not_block(database: Database) -> None:
    """It leaves the loop free, which is why this is no more than information."""

    async def main() -> None:
        async with aiopg.create_pool(database.dsn()) as pool:

            async def query() -> None:
                async with pool.acquire() as connection, connection.cursor() as cursor:
                    await cursor.execute(SLOW_QUERY)

            assert await least_stall(query) < FREE

    asyncio.run(main())


@pytest.mark.skipif(sa.__version__ < "2", reason="aiopg.sa works with SQLAlchemy 1")
def test_its_engine_refuses_sqlalchemy_2() -> None:
    """`aiopg.sa` looks for SQLAlchemy 1 and fails to import."""
    for name in [each for each in sys.modules if each.startswith("aiopg.sa")]:
        del sys.modules[name]

    with pytest.raises(ImportError, match=r"aiopg\.sa requires sqlalchemy"):
        importlib.import_module("aiopg.sa")


def test_what_replaces_it(database: Database) -> None:
    """psycopg 3 has the pool and the cursor under nearly the same names."""

    async def main() -> None:
        async with psycopg_pool.AsyncConnectionPool(database.dsn(), min_size=1) as pool:

            async def query() -> None:
                async with pool.connection() as connection:
                    await connection.execute(SLOW_QUERY)

            assert await least_stall(query) < FREE

    asyncio.run(main())
