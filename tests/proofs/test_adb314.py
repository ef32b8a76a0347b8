"""ADB314 unbounded-fan-out."""

import asyncio

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from .support import Database

QUERY = sa.text("select pg_sleep(0.1)")
MANY = 12
POOL = 2


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize("limit", [None, POOL])
def test_coroutines_that_find_no_connection(database: Database, driver: str, limit: int | None) -> None:
    async def main() -> list[BaseException | None]:
        engine = create_async_engine(database.url(driver), pool_size=POOL, max_overflow=0, pool_timeout=0.3)
        semaphore = asyncio.Semaphore(limit or MANY)

        async def load() -> None:
            async with semaphore, AsyncSession(engine) as session:
                await session.execute(QUERY)

        try:
            return await asyncio.gather(*[load() for _ in range(MANY)], return_exceptions=True)
        finally:
            await engine.dispose()

    results = asyncio.run(main())

    assert any(isinstance(each, PoolTimeout) for each in results) is (limit is None)
