"""ADB607 pool-arguments-refused."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import pool
from sqlalchemy.ext.asyncio import create_async_engine

from .support import Database, async_engine, select_one

SIZES: list[dict[str, Any]] = [
    {"pool_size": 5},
    {"max_overflow": 5},
    {"pool_timeout": 5},
    {"pool_use_lifo": True},
]

NO_QUEUE = [pool.NullPool, pool.StaticPool, pool.AssertionPool]


@pytest.mark.parametrize("options", SIZES, ids=lambda options: next(iter(options)))
@pytest.mark.parametrize("poolclass", NO_QUEUE)
def test_refused(database: Database, poolclass: type[pool.Pool], options: dict[str, Any]) -> None:
    """Pools without a queue refuse its arguments when the engine is made; without them it works."""
    (name,) = options
    refusal = rf"Invalid argument\(s\) '{name}' sent to create_engine\(\)"
    with pytest.raises(TypeError, match=refusal):
        create_async_engine(database.url("asyncpg"), poolclass=poolclass, **options)
    with pytest.raises(TypeError, match=refusal):
        sa.create_engine(database.url("psycopg2"), poolclass=poolclass, **options)

    async def main() -> None:
        async with async_engine(database.url("asyncpg"), poolclass=poolclass) as engine:
            await select_one(engine)

    asyncio.run(main())


@pytest.mark.parametrize("options", SIZES, ids=lambda options: next(iter(options)))
@pytest.mark.parametrize("url", ["sqlite+aiosqlite://", "sqlite+aiosqlite:///:memory:"])
def test_sqlite_in_memory(url: str, options: dict[str, Any]) -> None:
    """An in-memory aiosqlite engine has a StaticPool without being told, which refuses them too."""
    (name,) = options
    with pytest.raises(TypeError, match=rf"Invalid argument\(s\) '{name}'"):
        create_async_engine(url, **options)
    assert isinstance(create_async_engine(url).pool, pool.StaticPool)


def test_sync_sqlite_in_memory() -> None:
    """A sync in-memory engine has a SingletonThreadPool, which has a size and no overflow."""
    with pytest.raises(TypeError, match=r"Invalid argument\(s\) 'max_overflow'"):
        sa.create_engine("sqlite://", max_overflow=5)
    assert isinstance(sa.create_engine("sqlite://", pool_size=5).pool, pool.SingletonThreadPool)


@pytest.mark.parametrize("poolclass", NO_QUEUE)
def test_other_arguments(database: Database, poolclass: type[pool.Pool]) -> None:
    """Near misses: arguments that every pool takes."""

    async def main() -> None:
        options = {"pool_recycle": 60, "pool_pre_ping": True, "pool_reset_on_return": None}
        async with async_engine(database.url("asyncpg"), poolclass=poolclass, **options) as engine:
            await select_one(engine)

    asyncio.run(main())


@pytest.mark.parametrize("options", SIZES, ids=lambda options: next(iter(options)))
def test_queue_pools(database: Database, tmp_path: Path, options: dict[str, Any]) -> None:
    """Near misses: the default pools of PostgreSQL and of a SQLite file have a queue, and take them."""
    for url in (database.url("asyncpg"), f"sqlite+aiosqlite:///{tmp_path}/file.db"):
        assert isinstance(create_async_engine(url, **options).pool, pool.AsyncAdaptedQueuePool)
