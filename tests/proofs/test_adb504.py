"""ADB504 unknown-url-option."""

import asyncio

import asyncpg
import psycopg
import pytest
import sqlalchemy as sa

from .support import Database, async_engine, select_one

ASYNCPG_UNKNOWN = [
    # The classic: what every hosted PostgreSQL hands out.
    ("sslmode", "require", {"ssl": "require"}),
    ("sslrootcert", "ca.pem", {}),
    ("connect_timeout", "5", {}),
    ("application_name", "shop", {}),
    ("options", "-c jit=off", {}),
    ("client_encoding", "utf8", {}),
    ("pgbouncer", "true", {}),
    ("schema", "public", {}),
    ("connection_limit", "5", {}),
    ("channel_binding", "require", {}),
    ("charset", "utf8", {}),
]

# Known to asyncpg, but a URL can only give it a string, which fails later and less clearly.
ASYNCPG_NOT_A_STRING = [
    ("timeout", "5"),
    ("statement_cache_size", "0"),
    ("server_settings", "jit"),
    ("prepared_statement_name_func", "name"),
    ("ssl", "true"),
]

PSYCOPG_UNKNOWN = [
    ("ssl", "true", {"sslmode": "prefer"}),
    ("timeout", "5", {"connect_timeout": "5"}),
    ("command_timeout", "5", {"options": "-c statement_timeout=5000"}),
    ("prepared_statement_cache_size", "0", {}),
    ("server_settings", "jit", {"options": "-c jit=off"}),
    ("pgbouncer", "true", {}),
    ("schema", "public", {}),
    ("connection_limit", "5", {}),
]


@pytest.mark.parametrize(("key", "value", "instead"), ASYNCPG_UNKNOWN)
def test_asyncpg(database: Database, key: str, value: str, instead: dict[str, str]) -> None:
    """SQLAlchemy hands the query's keys to asyncpg's connect, which refuses this one."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg", **{key: value})) as engine:
            with pytest.raises(TypeError, match=rf"unexpected keyword argument '{key}'"):
                await engine.connect()
        async with async_engine(database.url("asyncpg", **instead)) as engine:
            await select_one(engine)

    asyncio.run(main())


@pytest.mark.parametrize(("key", "value"), ASYNCPG_NOT_A_STRING)
def test_asyncpg_wants_no_string(database: Database, key: str, value: str) -> None:
    """Keys whose value must not be a string cannot stand in the URL at all, only in `connect_args`."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg", **{key: value})) as engine:
            # A TypeError, a ValueError or asyncpg's own error, raw in 2.0 and sometimes wrapped in 2.1.
            with pytest.raises(Exception, match=r".") as refusal:
                await select_one(engine)
        assert "unexpected keyword argument" not in str(refusal.value)

    asyncio.run(main())


@pytest.mark.parametrize(("key", "value", "instead"), PSYCOPG_UNKNOWN)
def test_psycopg(database: Database, key: str, value: str, instead: dict[str, str]) -> None:
    """libpq refuses this option; without it, or with its own, it works."""

    async def main() -> None:
        async with async_engine(database.url("psycopg", **{key: value})) as engine:
            with pytest.raises(sa.exc.ProgrammingError, match=rf'invalid connection option "{key}"'):
                await engine.connect()
        async with async_engine(database.url("psycopg", **instead)) as engine:
            await select_one(engine)

    asyncio.run(main())


def test_psycopg_prepare_threshold(database: Database) -> None:
    """psycopg compares `prepare_threshold` with a number, so that it fails as a URL's string."""

    async def main() -> None:
        async with async_engine(database.url("psycopg", prepare_threshold="5")) as engine:
            with pytest.raises(TypeError, match="not supported between instances of"):
                await select_one(engine)
        arguments = {"prepare_threshold": 5}
        async with async_engine(database.url("psycopg"), connect_args=arguments) as engine:
            await select_one(engine)

    asyncio.run(main())


ASYNCPG_KNOWN = {
    "ssl": "prefer",
    "command_timeout": "5",
    "prepared_statement_cache_size": "0",
    "target_session_attrs": "any",
}
PSYCOPG_KNOWN = {
    "sslmode": "prefer",
    "connect_timeout": "5",
    "application_name": "shop",
    "options": "-c jit=off",
    "keepalives": "1",
    "target_session_attrs": "any",
    "channel_binding": "prefer",
}


@pytest.mark.filterwarnings("ignore:Query string argument:sqlalchemy.exc.SAWarning")
def test_known_options(database: Database) -> None:
    """Near misses: what may stand in the URL; aiosqlite ignores what it does not know, 2.1 with a warning."""

    async def main() -> None:
        for url in (
            database.url("asyncpg", **ASYNCPG_KNOWN),
            database.url("psycopg", **PSYCOPG_KNOWN),
            "sqlite+aiosqlite://?pool_size=5",
        ):
            async with async_engine(url) as engine:
                await select_one(engine)

    asyncio.run(main())


def test_raw_asyncpg_is_another_matter(database: Database) -> None:
    """Near miss: `?sslmode=` is right for `asyncpg.connect` itself, where `?ssl=` is the wrong one."""

    async def main() -> None:
        await (await asyncpg.connect(database.dsn(sslmode="disable"))).close()
        with pytest.raises(asyncpg.PostgresError, match="ssl"):
            await asyncpg.connect(database.dsn(ssl="disable"))
        with pytest.raises(asyncpg.PostgresError, match="unrecognized configuration parameter"):
            await asyncpg.connect(database.dsn(command_timeout="5"))

    asyncio.run(main())


def test_raw_psycopg(database: Database) -> None:
    """psycopg's own connect refuses what libpq does not know in the address."""

    async def main() -> None:
        with pytest.raises(psycopg.ProgrammingError, match="invalid URI query parameter"):
            await psycopg.AsyncConnection.connect(database.dsn(command_timeout="5"))
        await (await psycopg.AsyncConnection.connect(database.dsn(sslmode="prefer"))).close()

    asyncio.run(main())
