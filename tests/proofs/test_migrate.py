"""`asyncdb-lint migrate psycopg2`: a program before and after, on both drivers."""

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.from_psycopg2 import ROUTE
from asyncdb_lint.migrate.project import migrate

from .support import Database

PROGRAMS = {
    "rows": """
        import psycopg2
        from psycopg2.extras import RealDictCursor, NamedTupleCursor

        def work(dsn):
            connection = psycopg2.connect(dsn=dsn, cursor_factory=RealDictCursor)
            cursor = connection.cursor()
            cursor.execute(query="select %s::text as name", vars=("x",))
            row = cursor.fetchone()
            named = connection.cursor(cursor_factory=NamedTupleCursor)
            named.execute("select 1 as one")
            one = named.fetchone().one
            connection.close()
            return row["name"], one
    """,
    "errors": """
        import psycopg2
        from psycopg2 import errorcodes, errors

        def work(dsn):
            connection = psycopg2.connect(dsn)
            cursor = connection.cursor()
            found = []
            try:
                cursor.execute("insert into note (id) values (1), (1)")
            except errors.UniqueViolation as error:
                found.append(error.pgcode == errorcodes.UNIQUE_VIOLATION)
                found.append(isinstance(error, psycopg2.IntegrityError))
                found.append(error.diag.constraint_name)
            connection.rollback()
            try:
                cursor.execute("select 1 / 0")
            except psycopg2.DataError as error:
                found.append(error.pgcode)
            connection.close()
            return found
    """,
    "attributes": """
        import psycopg2
        from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT, TRANSACTION_STATUS_IDLE, TRANSACTION_STATUS_INTRANS

        def work(dsn):
            connection = psycopg2.connect(dsn)
            cursor = connection.cursor()
            idle = connection.get_transaction_status() == TRANSACTION_STATUS_IDLE
            cursor.execute("select pg_backend_pid()")
            mine = cursor.fetchone()[0] == connection.get_backend_pid()
            busy = connection.get_transaction_status() == TRANSACTION_STATUS_INTRANS
            connection.rollback()
            connection.readonly = True
            cursor.execute("show transaction_read_only")
            read_only = cursor.fetchone()[0]
            connection.rollback()
            connection.readonly = False
            version = connection.server_version == int(connection.server_version)
            zone = connection.get_parameter_status("server_encoding")
            connection.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
            cursor.execute("insert into note (body) values ('kept')")
            connection.close()
            return idle, mine, busy, read_only, version, zone
    """,
    "levels": """
        import psycopg2
        import psycopg2.extensions

        def work(dsn):
            found = []
            for level in (
                psycopg2.extensions.ISOLATION_LEVEL_READ_COMMITTED,
                psycopg2.extensions.ISOLATION_LEVEL_REPEATABLE_READ,
                psycopg2.extensions.ISOLATION_LEVEL_SERIALIZABLE,
            ):
                connection = psycopg2.connect(dsn)
                connection.set_isolation_level(level)
                cursor = connection.cursor()
                cursor.execute("show transaction_isolation")
                found.append(cursor.fetchone()[0])
                connection.close()
            return found
    """,
    "composed": """
        import psycopg2
        from psycopg2 import sql
        from psycopg2.extras import Json

        def work(dsn):
            connection = psycopg2.connect(dsn)
            cursor = connection.cursor()
            cursor.execute(sql.SQL("select {} from {} where {} = {}").format(
                sql.Identifier("body"), sql.Identifier("note"), sql.Identifier("id"), sql.Literal(7)))
            rows = cursor.fetchall()
            cursor.execute("select %s::jsonb", (Json({"a": [1, None]}),))
            value = cursor.fetchone()[0]
            connection.close()
            return rows, value
    """,
    "addresses": """
        from psycopg2.extensions import make_dsn, parse_dsn

        def work(dsn):
            return sorted(parse_dsn("host=h dbname=d")), parse_dsn(make_dsn("host=h", user="u"))
    """,
    "engines": """
        from sqlalchemy import create_engine, text
        from sqlalchemy.engine import make_url

        def work(dsn):
            url = make_url(dsn).set(drivername="postgresql+psycopg2")
            engine = create_engine(url, executemany_mode="values_only")
            with engine.connect() as connection:
                found = connection.scalar(text("select 41 + 1"))
            engine.dispose()
            return found
    """,
}


def loaded(text: str) -> Callable[[str], Any]:
    names: dict[str, Any] = {}
    exec(text, names)
    work: Callable[[str], Any] = names["work"]
    return work


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PROGRAMS)
def test_same_answers(database: Database, tmp_path: Path, name: str) -> None:
    """What the command rewrites by itself gives the same on the other driver."""
    text = textwrap.dedent(PROGRAMS[name])
    file = tmp_path / "program.py"
    file.write_text(text)
    (tmp_path / "pyproject.toml").touch()
    found = migrate([file], Settings(), tmp_path, ROUTE)
    assert not found.manual
    found.write()

    before = loaded(text)(database.dsn())
    notes = database.notes()
    after = loaded(file.read_text())(database.dsn())

    assert "psycopg2" not in file.read_text()
    assert after == before
    assert database.notes() == 2 * notes
