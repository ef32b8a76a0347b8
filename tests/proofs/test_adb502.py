"""ADB502 async-driver-for-sync-engine."""

import asyncio
import importlib.util

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

from .support import NO_GREENLET, Database, async_engine, sync_engine


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg_async"])
def test_postgresql(database: Database, driver: str) -> None:
    """A sync engine takes an async driver without a word and fails when it first connects."""
    with sync_engine(database.url(driver)) as engine:
        with pytest.raises(sa.exc.MissingGreenlet, match=NO_GREENLET):
            engine.connect()
        with orm.Session(engine) as session, pytest.raises(sa.exc.MissingGreenlet, match=NO_GREENLET):
            session.execute(sa.text("select 1"))


@pytest.mark.parametrize(
    ("module", "url"),
    [
        ("aiosqlite", "sqlite+aiosqlite://"),
        ("aiomysql", "mysql+aiomysql://127.0.0.1:1/name"),
        ("asyncmy", "mysql+asyncmy://127.0.0.1:1/name"),
    ],
)
def test_other_databases(module: str, url: str) -> None:
    """The same with SQLite and MySQL; no server is needed to fail, as it does so before it connects."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    with sync_engine(url) as engine, pytest.raises(sa.exc.MissingGreenlet, match=NO_GREENLET):
        engine.connect()


def test_async_engine(database: Database) -> None:
    """Repaired by an async engine."""

    async def main() -> None:
        for url in (database.url("asyncpg"), "sqlite+aiosqlite://"):
            async with async_engine(url) as engine, engine.connect() as connection:
                assert await connection.scalar(sa.text("select 1")) == 1

    asyncio.run(main())


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_sync_driver(database: Database, driver: str) -> None:
    """Repaired by a sync driver, as in Alembic's `url.set(drivername=...)`, which is a near miss."""
    url = database.url("asyncpg").set(drivername=f"postgresql+{driver}")
    with sync_engine(url) as engine, engine.connect() as connection:
        assert connection.scalar(sa.text("select 1")) == 1
