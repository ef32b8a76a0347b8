"""ADB312 session-held-while-waiting."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from .support import Database

QUERY = sa.text("select 1")
WAIT = 0.4  # longer than the pool's patience

Handler = Callable[[AsyncEngine], Awaitable[None]]


async def session_held(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        await session.execute(QUERY)
        await asyncio.sleep(WAIT)


async def connection_held(engine: AsyncEngine) -> None:
    async with engine.connect():
        await asyncio.sleep(WAIT)


async def committed_first(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        await session.execute(QUERY)
        await session.commit()
        await asyncio.sleep(WAIT)


async def waited_first(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        await asyncio.sleep(WAIT)
        await session.execute(QUERY)


async def waited_outside(engine: AsyncEngine) -> None:
    async with AsyncSession(engine) as session:
        await session.execute(QUERY)
    await asyncio.sleep(WAIT)


BAD: list[Handler] = [session_held, connection_held]
GOOD: list[Handler] = [committed_first, waited_first, waited_outside]


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize("handler", [*BAD, *GOOD], ids=lambda handler: handler.__name__)
def test_requests_that_find_no_connection(database: Database, driver: str, handler: Handler) -> None:
    async def main() -> list[BaseException | None]:
        engine = create_async_engine(database.url(driver), pool_size=1, max_overflow=0, pool_timeout=WAIT / 2)
        try:
            async with engine.connect():
                pass  # the connection is there
            return await asyncio.gather(handler(engine), handler(engine), return_exceptions=True)
        finally:
            await engine.dispose()

    results = asyncio.run(main())

    assert any(isinstance(each, PoolTimeout) for each in results) is (handler in BAD)
