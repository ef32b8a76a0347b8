"""ADB601 sync-pool-for-async-engine."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import pool
from sqlalchemy.ext.asyncio import create_async_engine

from .support import Database, async_engine, select_one


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize("poolclass", [pool.QueuePool, pool.SingletonThreadPool])
def test_refused(database: Database, poolclass: type[pool.Pool], driver: str) -> None:
    """An async engine refuses the sync pool classes when it is made, and takes AsyncAdaptedQueuePool."""
    with pytest.raises(
        sa.exc.ArgumentError, match=f"{poolclass.__name__} cannot be used with asyncio engine"
    ):
        create_async_engine(database.url(driver), poolclass=poolclass)

    async def main() -> None:
        repaired = pool.AsyncAdaptedQueuePool
        async with async_engine(database.url(driver), poolclass=repaired) as engine:
            await select_one(engine)

    asyncio.run(main())


def test_arguments_stay(database: Database) -> None:
    """AsyncAdaptedQueuePool takes the arguments that QueuePool takes."""

    async def main() -> None:
        options: dict[str, Any] = {
            "pool_size": 1,
            "max_overflow": 1,
            "pool_timeout": 5,
            "pool_use_lifo": True,
        }
        options["poolclass"] = pool.AsyncAdaptedQueuePool
        async with async_engine(database.url("asyncpg"), **options) as engine:
            await select_one(engine)
            assert engine.pool.size() == 1

    asyncio.run(main())


@pytest.mark.parametrize("poolclass", [None, pool.NullPool, pool.StaticPool, pool.AssertionPool])
def test_taken(database: Database, poolclass: type[pool.Pool] | None) -> None:
    """Near misses: pool classes that fit either kind of engine, and leaving the choice to SQLAlchemy."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg"), poolclass=poolclass) as engine:
            await select_one(engine)

    asyncio.run(main())


def test_default_is_the_async_pool(database: Database) -> None:
    """Leaving `poolclass` out gives AsyncAdaptedQueuePool."""
    assert isinstance(create_async_engine(database.url("asyncpg")).pool, pool.AsyncAdaptedQueuePool)


def test_the_other_way_round(database: Database) -> None:
    """A sync engine refuses AsyncAdaptedQueuePool as well."""
    with pytest.raises(sa.exc.ArgumentError, match="AsyncAdaptedQueuePool cannot be used with non-asyncio"):
        sa.create_engine(database.url("psycopg2"), poolclass=pool.AsyncAdaptedQueuePool)
