"""`asyncdb-lint migrate psycopg2`: connections and transactions, before on psycopg2 and after on psycopg 3."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.from_psycopg2 import ROUTE
from asyncdb_lint.migrate.project import migrate

from .support import Database

SAFE = {
    "blocks on a connection": """
        import psycopg2

        def work(dsn):
            connection, found = psycopg2.connect(dsn), []
            with connection:
                with connection.cursor() as cursor:
                    cursor.execute("insert into note (body) values ('kept')")
            try:
                with connection, connection.cursor() as cursor:
                    cursor.execute("insert into note (body) values ('lost')")
                    raise KeyError("x")
            except KeyError:
                found.append("rolled back")
            with connection as same:
                same.cursor().execute("insert into note (body) values ('first')")
                same.commit()
                same.cursor().execute("insert into note (body) values ('second')")
                same.rollback()
                found.append(same is connection)
            cursor = connection.cursor()
            cursor.execute("select body from note order by id")
            found += cursor.fetchall()
            connection.close()
            return found
    """,
    "blocks in autocommit mode": """
        import psycopg2

        def work(dsn):
            return by_itself(dsn), by_others(psycopg2.connect(dsn))

        def by_itself(dsn):
            connection = psycopg2.connect(dsn)
            connection.autocommit = True
            try:
                with connection:
                    connection.cursor().execute("insert into note (body) values ('lost')")
                    raise KeyError("x")
            except KeyError:
                pass
            with connection:
                connection.cursor().execute("insert into note (body) values ('kept')")
            return bodies(connection)

        def by_others(connection):
            connection.autocommit = True
            try:
                with connection:
                    connection.cursor().execute("insert into note (body) values ('committed')")
                    connection.commit()
                    connection.cursor().execute("insert into note (body) values ('lost')")
                    raise KeyError("x")
            except KeyError:
                pass
            return connection.autocommit, bodies(connection)

        def bodies(connection):
            cursor = connection.cursor()
            cursor.execute("select body from note order by id")
            found = cursor.fetchall()
            connection.close()
            return found
    """,
    "blocks on new connections": """
        import contextlib
        import psycopg2

        def connect(dsn):
            return psycopg2.connect(dsn)

        def work(dsn):
            with connect(dsn) as connection, connection.cursor() as cursor:
                cursor.execute("insert into note (body) values ('kept')")
            connection.close()
            with psycopg2.connect(dsn) as connection:
                cursor = connection.cursor()
                cursor.execute("select body from note")
            found = cursor.fetchall()
            cursor.execute("select 1")
            with contextlib.closing(psycopg2.connect(dsn)) as other:
                other.cursor().execute("insert into note (body) values ('lost')")
            with contextlib.ExitStack() as stack:
                third = stack.enter_context(connect(dsn))
                third.cursor().execute("insert into note (body) values ('third')")
            found.append(third.closed == 0)
            third.close()
            connection.close()
            return found
    """,
}


def loaded(text: str) -> Callable[[str], Any]:
    names: dict[str, Any] = {}
    exec(text, names)
    work: Callable[[str], Any] = names["work"]
    return work


def prove(database: Database, folder: Path, program: str, *, unsafe: bool) -> None:
    """The command rewrites a program, all of it, and the new one does on psycopg 3 what the old does on psycopg2."""
    text = textwrap.dedent(program)
    file = folder / "program.py"
    file.write_text(text)
    (folder / "pyproject.toml").touch()
    found = migrate([file], Settings(), folder, ROUTE, unsafe=unsafe)
    assert not found.manual
    found.write()

    before = loaded(text)(database.dsn())
    old = database.notes()
    database.reset()
    after = loaded(file.read_text())(database.dsn())

    assert "psycopg2" not in file.read_text().replace("in psycopg2.", "")
    assert after == before
    assert database.notes() == old


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SAFE)
def test_same_answers(database: Database, tmp_path: Path, name: str) -> None:
    prove(database, tmp_path, SAFE[name], unsafe=False)
