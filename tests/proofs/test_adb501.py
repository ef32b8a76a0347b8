"""ADB501 sync-driver-for-async-engine."""

import asyncio
import importlib.util

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import async_engine_from_config, create_async_engine

from .support import SQLALCHEMY_21, Database, async_engine, sync_engine

SYNC_URLS = [
    ("psycopg2", "postgresql+psycopg2://host/name"),
    ("pg8000", "postgresql+pg8000://host/name"),
    ("sqlite3", "sqlite://"),
    ("sqlite3", "sqlite+pysqlite:///file.db"),
    ("pymysql", "mysql+pymysql://host/name"),
    ("mysql.connector", "mysql+mysqlconnector://host/name"),
    ("pymssql", "mssql+pymssql://host/name"),
    ("pyodbc", "mssql+pyodbc://host/name?driver=x"),
]


@pytest.mark.parametrize(("module", "url"), SYNC_URLS, ids=[url for _, url in SYNC_URLS])
def test_sync_driver(module: str, url: str) -> None:
    """An async engine refuses a sync driver when it is made."""
    pytest.importorskip(module, exc_type=ImportError)
    refusal = "The asyncio extension requires an async driver to be used"
    with pytest.raises(sa.exc.InvalidRequestError, match=refusal):
        create_async_engine(url)
    with pytest.raises(sa.exc.InvalidRequestError, match=refusal):
        async_engine_from_config({"sqlalchemy.url": url})


def test_bare_postgresql(database: Database) -> None:
    """`postgresql://` means psycopg2 in SQLAlchemy 2.0, which is refused, and psycopg in 2.1, which works."""
    url = database.url("psycopg").set(drivername="postgresql")

    async def main() -> None:
        async with async_engine(url) as engine, engine.connect() as connection:
            assert await connection.scalar(sa.text("select 1")) == 1

    if SQLALCHEMY_21:
        asyncio.run(main())
    else:
        with pytest.raises(sa.exc.InvalidRequestError, match="The loaded 'psycopg2' is not async"):
            create_async_engine(url)


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg", "psycopg_async"])
def test_async_driver(database: Database, driver: str) -> None:
    """The async drivers of PostgreSQL work."""

    async def main() -> None:
        async with async_engine(database.url(driver)) as engine, engine.connect() as connection:
            assert await connection.scalar(sa.text("select 1")) == 1

    asyncio.run(main())


def test_aiosqlite() -> None:
    """And that of SQLite."""

    async def main() -> None:
        async with async_engine("sqlite+aiosqlite://") as engine, engine.connect() as connection:
            assert await connection.scalar(sa.text("select 1")) == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    ("module", "url"),
    [
        ("aiomysql", "mysql+aiomysql://host/name"),
        ("asyncmy", "mysql+asyncmy://host/name"),
        ("oracledb", "oracle+oracledb://host/name"),
    ],
)
def test_other_async_drivers_are_taken(module: str, url: str) -> None:
    """Near misses, without their servers: these engines can be made; oracledb is of both kinds."""
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    assert create_async_engine(url).dialect.is_async


def test_psycopg_is_both(database: Database) -> None:
    """Near miss: `postgresql+psycopg://` is right for either kind of engine."""
    with sync_engine(database.url("psycopg")) as engine, engine.connect() as connection:
        assert connection.scalar(sa.text("select 1")) == 1
    assert create_async_engine(database.url("psycopg")).dialect.is_async
