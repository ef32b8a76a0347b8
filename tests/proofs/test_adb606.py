"""ADB606 pool-below-concurrency."""

import asyncio
import time
from typing import Any

import pytest
import sqlalchemy as sa

from .support import Database, async_engine

REQUESTS = 20
WORK = 0.1


async def serve(database: Database, **options: Any) -> tuple[float, int]:
    """How long some requests at once take, and how many of them fail."""
    async with async_engine(database.url("asyncpg"), **options) as engine:

        async def request() -> None:
            async with engine.connect() as connection:
                await connection.execute(sa.text(f"select pg_sleep({WORK})"))

        await request()
        started = time.monotonic()
        done = await asyncio.gather(*(request() for _ in range(REQUESTS)), return_exceptions=True)
        assert all(each is None or isinstance(each, sa.exc.TimeoutError) for each in done)
        return time.monotonic() - started, sum(each is not None for each in done)


def test_requests_queue_for_connections(database: Database) -> None:
    """With two connections, twenty requests take ten turns, and the last waits for all others."""
    took, failed = asyncio.run(serve(database, pool_size=2, max_overflow=0))
    assert took > WORK * REQUESTS / 2
    assert failed == 0


@pytest.mark.parametrize("options", [{"pool_timeout": 0}, {"pool_timeout": 0.15}])
def test_requests_fail(database: Database, options: dict[str, Any]) -> None:
    """Who waits longer than `pool_timeout` fails; with 0, everybody who finds no free connection."""
    _, failed = asyncio.run(serve(database, pool_size=2, max_overflow=0, **options))
    assert failed >= REQUESTS / 2


def test_waiting_for_ever(database: Database) -> None:
    """`pool_timeout=None` never gives up: one leaked connection and nothing tells."""

    async def main() -> None:
        async with (
            async_engine(database.url("asyncpg"), pool_size=1, max_overflow=0, pool_timeout=None) as engine,
            engine.connect(),
        ):
            with pytest.raises(TimeoutError):  # the proof's own patience
                await asyncio.wait_for(engine.connect(), 0.3)

    asyncio.run(main())


def test_large_enough(database: Database) -> None:
    _, failed = asyncio.run(serve(database, pool_size=10, max_overflow=10, pool_timeout=5))
    assert failed == 0
