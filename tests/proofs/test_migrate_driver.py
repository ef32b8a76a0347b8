"""`asyncdb-lint migrate driver`: engines before and after, on both drivers."""

import asyncio
import inspect
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.between_drivers import ROUTES
from asyncdb_lint.migrate.between_drivers.error_names import PSYCOPG
from asyncdb_lint.migrate.project import migrate

from .support import Database

THERE, BACK = ("asyncpg", "psycopg"), ("psycopg", "asyncpg")

PROGRAM = """
    {head}
    from sqlalchemy import make_url, text
    from sqlalchemy.ext.asyncio import create_async_engine

    async def work(address):
        url = make_url(address).set(drivername="postgresql+{driver}")
        arguments = {arguments}
        engine = create_async_engine(url, connect_args=arguments{more})
        try:
            async with engine.connect() as connection:
                return (await connection.execute(text({statement!r}))).all()
        finally:
            await engine.dispose()
"""
ONE = "select 1"
SHOWN = "select current_setting('application_name'), current_setting('search_path'), current_setting('jit')"
TIMEOUT = "select current_setting('statement_timeout')"
PREPARED = "select count(*) from pg_prepared_statements where statement like '%pg_prepared%'"

# Arguments of asyncpg, what is asked of the server, and whether the rewrite has to be asked for.
OF_ASYNCPG = [
    ('{"ssl": "prefer", "timeout": 5}', ONE, False),
    ('{"ssl": False}', ONE, False),
    ('{"ssl": None, "timeout": 0.9}', ONE, False),
    ('{"timeout": 7.5, "loop": None}', ONE, False),
    ('{"database": "postgres", "target_session_attrs": "any", "passfile": "/nowhere"}', ONE, False),
    ('{"direct_tls": False, "krbsrvname": "postgres"}', ONE, False),
    ('{"server_settings": {"application_name": "shop"}}', SHOWN, False),
    (
        '{"server_settings": {"application_name": "a shop", "search_path": "a, b", "jit": "off"}}',
        SHOWN,
        False,
    ),
    (
        '{"server_settings": {"shop.name": "a b\\\\c\\t" + str(1)}}',
        "select current_setting('shop.name')",
        False,
    ),
    (
        '{"server_settings": dict([("shop.name", "a b")]), "command_timeout": 5}',
        "select current_setting('shop.name')",
        False,
    ),
    ('{"statement_cache_size": 0, "prepared_statement_cache_size": 0}', ONE, False),
    ('{"prepared_statement_cache_size": 0}', ONE, False),
    ('{"prepared_statement_cache_size": 50, "max_cached_statement_lifetime": 0}', ONE, False),
    (
        '{"prepared_statement_name_func": iter("abcdefghijklmnop").__next__, "max_cacheable_statement_size": 0}',
        ONE,
        False,
    ),
    ('{"statement_cache_size": int("0")}', ONE, False),
]
OF_PSYCOPG = [
    ('{"sslmode": "prefer", "connect_timeout": 5}', ONE, False),
    ('{"sslmode": "disable", "connect_timeout": "5"}', ONE, False),
    ('{"connect_timeout": 0, "dbname": "postgres"}', ONE, False),
    ('{"application_name": "a shop", "options": "-c search_path=a,\\\\ b --jit=off"}', SHOWN, False),
    ('{"options": "-cstatement_timeout=5000"}', TIMEOUT, False),
    ('{"prepare_threshold": None}', ONE, False),
    ('{"prepare_threshold": 2, "client_encoding": "utf8", "autocommit": False}', ONE, False),
    ('{"channel_binding": "prefer", "gssencmode": "disable"}', ONE, False),
    ('{"keepalives": 1, "keepalives_idle": 30, "connect_timeout": int("5")}', ONE, True),
]  # fmt: skip


def migrated(pair: tuple[str, str], source: str, folder: Path, *, unsafe: bool = False) -> str:
    """The source on the other driver; nothing is left to do."""
    file = folder / "program.py"
    file.write_text(source)
    (folder / "pyproject.toml").touch()
    found = migrate([file], Settings(), folder, ROUTES[pair], unsafe=unsafe)
    assert not found.manual
    assert not found.problems
    found.write()
    return file.read_text()


def answers(source: str, address: str) -> Any:
    names: dict[str, Any] = {}
    exec(source, names)
    work: Callable[[str], Awaitable[Any]] = names["work"]
    return asyncio.run(work(address))  # type: ignore[arg-type]


def program(driver: str, arguments: str, statement: str, *, head: str = "", more: str = "") -> str:
    return textwrap.dedent(PROGRAM).format(
        head=head, driver=driver, arguments=arguments, statement=statement, more=more
    )


@pytest.mark.parametrize(("arguments", "statement", "unsafe"), OF_ASYNCPG)
def test_arguments_of_asyncpg(
    database: Database, tmp_path: Path, arguments: str, statement: str, unsafe: bool
) -> None:
    """What asyncpg is given, and what psycopg is given instead, come to the same session."""
    before = program("asyncpg", arguments, statement)
    after = migrated(THERE, before, tmp_path, unsafe=unsafe)
    assert "asyncpg" not in after
    assert answers(after, database.dsn()) == answers(before, database.dsn())


@pytest.mark.parametrize(("arguments", "statement", "unsafe"), OF_PSYCOPG)
def test_arguments_of_psycopg(
    database: Database, tmp_path: Path, arguments: str, statement: str, unsafe: bool
) -> None:
    """And back."""
    before = program("psycopg", arguments, statement, more=", use_native_hstore=False")
    after = migrated(BACK, before, tmp_path, unsafe=unsafe)
    assert "psycopg" not in after
    assert answers(after, database.dsn()) == answers(before, database.dsn())


def test_the_server_stops_statements(database: Database, tmp_path: Path) -> None:
    """`command_timeout` stops a statement on both; the note says that the errors differ."""
    before = program("asyncpg", '{"command_timeout": 0.2}', "select pg_sleep(5)")
    after = migrated(THERE, before, tmp_path)
    with pytest.raises(TimeoutError):
        answers(before, database.dsn())
    with pytest.raises(Exception, match="QueryCanceled"):
        answers(after, database.dsn())


QUERIES = [
    (THERE, "asyncpg", "?ssl=prefer&command_timeout=5", ONE),
    (THERE, "asyncpg", "?prepared_statement_cache_size=0&target_session_attrs=any", ONE),
    (BACK, "psycopg", "?sslmode=prefer&connect_timeout=5&application_name=a%20shop", SHOWN),
    (BACK, "psycopg", "?options=-c%20statement_timeout%3D5000&dbname=postgres", TIMEOUT),
]


@pytest.mark.parametrize(("pair", "driver", "query", "statement"), QUERIES)
def test_urls(
    database: Database, tmp_path: Path, pair: tuple[str, str], driver: str, query: str, statement: str
) -> None:
    """Options of the URL, with what a URL cannot say for the other driver in `connect_args`."""
    before = f"""
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

async def work(address):
    engine = create_async_engine("postgresql+{driver}://postgres@/postgres{query}&host={database.folder}&port=5432")
    try:
        async with engine.connect() as connection:
            return (await connection.execute(text({statement!r}))).all()
    finally:
        await engine.dispose()
"""
    after = migrated(pair, before, tmp_path)
    assert driver not in after
    assert answers(after, "") == answers(before, "")


ERRORS = """
import asyncpg
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

async def work(address):
    engine = create_async_engine(make_url(address).set(drivername="postgresql+asyncpg"))
    try:
        async with engine.begin() as connection:
            await connection.execute(text("insert into note (id) values (1), (1)"))
    except DBAPIError as error:
        cause = error.orig.__cause__
        return (
            isinstance(error.orig.__cause__, asyncpg.UniqueViolationError),
            isinstance(error.orig.__cause__, (asyncpg.NotNullViolationError, asyncpg.CheckViolationError)),
            isinstance(error.orig.__cause__, asyncpg.IntegrityConstraintViolationError),
            error.orig.pgcode, cause.sqlstate, error.orig.__cause__.constraint_name, error.orig.__cause__.detail,
        )
    finally:
        await engine.dispose()
"""


def test_errors(database: Database, tmp_path: Path) -> None:
    """There and back, the same is known of an error."""
    there = migrated(THERE, ERRORS, tmp_path)
    expected = (True, False, True, "23505", "23505", "note_pkey", "Key (id)=(1) already exists.")
    assert "asyncpg" not in there
    assert answers(ERRORS, database.dsn()) == expected
    assert answers(there, database.dsn()) == expected
    back = migrated(BACK, there, tmp_path)
    assert "psycopg" not in back
    assert answers(back, database.dsn()) == expected


def test_classes_of_errors() -> None:
    """The table says what the installed drivers say: one class each, of the same SQLSTATE, and no groups."""
    classes = [each for _, each in inspect.getmembers(asyncpg.exceptions, inspect.isclass)]
    for ours, theirs in PSYCOPG.items():
        found = getattr(asyncpg, ours)
        assert psycopg.errors.lookup(found.sqlstate) is getattr(psycopg.errors, theirs)
        assert not [each for each in classes if each is not found and issubclass(each, found)]
