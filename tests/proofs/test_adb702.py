"""ADB702 cache-off-is-on."""

import asyncio
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from .support import Database, async_engine

PREPARED = sa.text("select count(*) from pg_prepared_statements where :times > 0")

ASYNCPG_31 = tuple(map(int, asyncpg.__version__.split(".")[:2])) >= (0, 31)


async def prepared(database: Database, driver: str, times: int = 1, **arguments: Any) -> int:
    """Number of named statements on a connection that ran one query so many times."""
    async with (
        async_engine(database.url(driver), connect_args=arguments) as engine,
        engine.connect() as connection,
    ):
        for _ in range(times):
            count = await connection.scalar(PREPARED, {"times": times})
            await connection.commit()
        return count


def test_prepare_threshold_zero(database: Database) -> None:
    """`prepare_threshold=0` prepares at once what else takes five times; None prepares nothing."""

    async def main() -> None:
        assert await prepared(database, "psycopg", times=5) == 0
        assert await prepared(database, "psycopg", times=8) > 0
        assert await prepared(database, "psycopg", times=2, prepare_threshold=0) > 0
        assert await prepared(database, "psycopg", times=8, prepare_threshold=None) == 0

    asyncio.run(main())


def test_or_default(database: Database) -> None:
    """`size or 100` turns the zero that should switch the cache off into 100; asking for None keeps it."""

    async def main() -> None:
        size = 0
        unnamed = {"prepared_statement_cache_size": 0}
        assert await prepared(database, "asyncpg", statement_cache_size=size or 100, **unnamed) > 0
        size_or_default = 100 if size is None else size
        if ASYNCPG_31:
            assert await prepared(database, "asyncpg", statement_cache_size=size_or_default, **unnamed) == 0

        threshold = None
        assert await prepared(database, "psycopg", times=8, prepare_threshold=threshold or 5) > 0
        assert await prepared(database, "psycopg", times=8, prepare_threshold=threshold) == 0

    asyncio.run(main())


def test_only_the_cache_of_sqlalchemy(database: Database) -> None:
    """`prepared_statement_cache_size=0` alone still prepares every statement under a name."""

    async def main() -> None:
        assert await prepared(database, "asyncpg") > 0
        assert await prepared(database, "asyncpg", prepared_statement_cache_size=0) > 0

    asyncio.run(main())


@pytest.mark.skipif(not ASYNCPG_31, reason="before 0.31 asyncpg names statements with its cache off, too")
def test_the_cache_of_asyncpg(database: Database) -> None:
    """`statement_cache_size=0` is what prepares without a name, whatever SQLAlchemy's own cache does."""

    async def main() -> None:
        assert await prepared(database, "asyncpg", times=3, statement_cache_size=0) == 0
        both = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
        assert await prepared(database, "asyncpg", times=3, **both) == 0

    asyncio.run(main())


def test_raw_asyncpg(database: Database) -> None:
    """Near miss: asyncpg's own connection has one cache, which `statement_cache_size=0` switches off."""

    async def main() -> None:
        for options, expected in (({}, 1), ({"statement_cache_size": 0}, 0)):
            connection = await asyncpg.connect(database.dsn(), **options)
            for _ in range(2):
                count = await connection.fetchval("select count(*) from pg_prepared_statements")
            assert count == expected
            await connection.close()

    asyncio.run(main())
