"""ADB503 unknown-connect-argument."""

import asyncio
import ssl
import uuid
from typing import Any

import aiosqlite
import asyncpg
import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from .support import Database, async_engine, select_one, sync_engine

# For asyncpg: what its connect does not take, and what to write instead (None: there is nothing).
ASYNCPG_UNKNOWN: list[tuple[dict[str, Any], dict[str, Any] | None]] = [
    ({"sslmode": "prefer"}, {"ssl": "prefer"}),
    ({"sslmode": "disable"}, {"ssl": "disable"}),
    ({"sslmode": "require"}, {"ssl": "require"}),
    ({"sslrootcert": "ca.pem"}, {"ssl": ssl.create_default_context()}),
    ({"sslcert": "c.pem"}, {"ssl": ssl.create_default_context()}),
    ({"sslkey": "k.pem"}, {"ssl": ssl.create_default_context()}),
    ({"connect_timeout": 5}, {"timeout": 5}),
    ({"options": "-c work_mem=8MB"}, {"server_settings": {"work_mem": "8MB"}}),
    ({"application_name": "shop"}, {"server_settings": {"application_name": "shop"}}),
    ({"client_encoding": "utf8"}, {"server_settings": {"client_encoding": "utf8"}}),
    ({"dbname": "postgres"}, {"database": "postgres"}),
    ({"prepare_threshold": None}, {"prepared_statement_cache_size": 0, "statement_cache_size": 0}),
    ({"keepalives": 1}, None),
    ({"keepalives_idle": 30}, None),
    ({"tcp_user_timeout": 1000}, None),
    ({"gssencmode": "disable"}, None),
    ({"autocommit": True}, None),
    ({"row_factory": None}, None),
    ({"check_same_thread": False}, None),
    ({"pgbouncer": True}, None),
    ({"schema": "public"}, None),
    ({"pool_size": 5}, None),
    ({"charset": "utf8"}, None),
]

PSYCOPG_UNKNOWN: list[tuple[dict[str, Any], dict[str, Any] | None]] = [
    ({"ssl": True}, {"sslmode": "prefer"}),
    ({"ssl": ssl.create_default_context()}, {"sslmode": "verify-full", "sslrootcert": "system"}),
    ({"ssl": "disable"}, {"sslmode": "disable"}),
    ({"timeout": 5}, {"connect_timeout": 5}),
    ({"command_timeout": 5}, {"options": "-c statement_timeout=5000"}),
    ({"server_settings": {"work_mem": "8MB"}}, {"options": "-c work_mem=8MB"}),
    ({"database": "postgres"}, {"dbname": "postgres"}),
    ({"statement_cache_size": 0}, {"prepare_threshold": None}),
    ({"prepared_statement_cache_size": 0}, {"prepare_threshold": None}),
    ({"check_same_thread": False}, None),
    ({"pgbouncer": True}, None),
    ({"schema": "public"}, None),
    ({"pool_size": 5}, None),
    ({"charset": "utf8"}, None),
]


def names(cases: list[tuple[dict[str, Any], Any]]) -> list[str]:
    return [next(iter(arguments)) for arguments, _ in cases]


@pytest.mark.parametrize(("bad", "good"), ASYNCPG_UNKNOWN, ids=names(ASYNCPG_UNKNOWN))
def test_asyncpg(database: Database, bad: dict[str, Any], good: dict[str, Any] | None) -> None:
    """asyncpg's connect refuses the keyword when the first connection is made, not before."""
    (key,) = bad

    async def main() -> None:
        async with async_engine(database.url("asyncpg"), connect_args=bad) as engine:
            with pytest.raises(TypeError, match=rf"unexpected keyword argument '{key}'"):
                await engine.connect()
        async with async_engine(database.url("asyncpg"), connect_args=good or {}) as engine:
            await select_one(engine)

    asyncio.run(main())


@pytest.mark.parametrize(("bad", "good"), PSYCOPG_UNKNOWN, ids=names(PSYCOPG_UNKNOWN))
def test_psycopg(database: Database, bad: dict[str, Any], good: dict[str, Any] | None) -> None:
    """psycopg and psycopg2 refuse the option when the first connection is made."""
    (key,) = bad
    refusal = rf'invalid (dsn: invalid )?connection option "{key}"'

    async def main() -> None:
        async with async_engine(database.url("psycopg"), connect_args=bad) as engine:
            with pytest.raises(sa.exc.ProgrammingError, match=refusal):
                await engine.connect()
        async with async_engine(database.url("psycopg"), connect_args=good or {}) as engine:
            await select_one(engine)

    asyncio.run(main())
    if key != "database":  # the one that psycopg2 knows, as another name of `dbname`
        url = database.url("psycopg2")
        with (
            sync_engine(url, connect_args=bad) as engine,
            pytest.raises(sa.exc.ProgrammingError, match=refusal),
        ):
            engine.connect()


def test_psycopg2_has_no_prepare_threshold(database: Database) -> None:
    """`prepare_threshold`, `autocommit` and `row_factory` are psycopg's own; psycopg2 does not know them."""
    for arguments in (
        {"prepare_threshold": 5},
        {"autocommit": True},
        {"row_factory": psycopg.rows.tuple_row},
    ):
        with sync_engine(database.url("psycopg"), connect_args=arguments) as engine:
            engine.connect().close()
        (key,) = arguments
        with (
            sync_engine(database.url("psycopg2"), connect_args=arguments) as engine,
            pytest.raises(sa.exc.ProgrammingError, match=rf'connection option "{key}"'),
        ):
            engine.connect()


def test_psycopg2_takes_database(database: Database) -> None:
    """Near miss: psycopg2 knows `database` beside `dbname`, as long as the URL does not name one too."""
    arguments = {"database": "postgres"}
    url = database.url("psycopg2")
    with sync_engine(url.set(database=""), connect_args=arguments) as engine:
        engine.connect().close()
    with (
        sync_engine(url, connect_args=arguments) as engine,
        pytest.raises(TypeError, match="can't specify both 'database' and 'dbname'"),
    ):
        engine.connect()


def test_directly_to_the_engine(database: Database) -> None:
    """Handed to `create_async_engine` itself a driver's argument is refused at once."""
    with pytest.raises(TypeError, match=r"Invalid argument\(s\) 'ssl'"):
        create_async_engine(database.url("asyncpg"), ssl="prefer")


def test_raw_drivers(database: Database) -> None:
    """The same keywords given to the drivers' own connect."""

    async def main() -> None:
        with pytest.raises(TypeError, match="unexpected keyword argument 'sslmode'"):
            await asyncpg.connect(database.dsn(), sslmode="prefer")
        with pytest.raises(TypeError, match="unexpected keyword argument 'connect_timeout'"):
            async with asyncpg.create_pool(database.dsn(), connect_timeout=5):
                pass
        with pytest.raises(psycopg.ProgrammingError, match='invalid connection option "ssl"'):
            await psycopg.AsyncConnection.connect(database.dsn(), ssl=True)
        with pytest.raises(TypeError, match=r"(unexpected|invalid) keyword argument"):
            await aiosqlite.connect(":memory:", pool_size=5)

        await (await asyncpg.connect(database.dsn(), ssl="prefer", timeout=5)).close()
        await (await psycopg.AsyncConnection.connect(database.dsn(), sslmode="prefer")).close()
        await (await aiosqlite.connect(":memory:", check_same_thread=False)).close()

    asyncio.run(main())


def test_known_arguments(database: Database) -> None:
    """Near misses: what the drivers, or SQLAlchemy's dialects for them, do take."""

    async def main() -> None:
        known = {
            "ssl": "prefer",
            "timeout": 5,
            "command_timeout": 5,
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": lambda: f"__asyncpg_{uuid.uuid4()}__",
            "server_settings": {"jit": "off"},
            "target_session_attrs": "any",
        }
        async with async_engine(database.url("asyncpg"), connect_args=known) as engine:
            await select_one(engine)
        known = {
            "sslmode": "prefer",
            "connect_timeout": 5,
            "application_name": "shop",
            "keepalives": 1,
            "options": "-c jit=off",
            "client_encoding": "utf8",
            "target_session_attrs": "any",
            "prepare_threshold": None,
            "autocommit": True,
            # psycopg drops what is None, so that this passes by accident.
            "timeout": None,
        }
        async with async_engine(database.url("psycopg"), connect_args=known) as engine:
            await select_one(engine)
        known = {"check_same_thread": False, "timeout": 5, "iter_chunk_size": 10}
        async with async_engine("sqlite+aiosqlite://", connect_args=known) as engine:
            await select_one(engine)

    asyncio.run(main())
