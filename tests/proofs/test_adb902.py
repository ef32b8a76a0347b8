"""ADB902 psycopg2-behaviour."""

import psycopg
import psycopg2
import pytest

from .support import Database


def test_with_closes_the_connection(database: Database) -> None:
    old, new = psycopg2.connect(database.dsn()), psycopg.connect(database.dsn())
    with old, new:
        pass

    assert not old.closed
    assert new.closed
    old.close()


def test_the_server_binds(database: Database) -> None:
    with psycopg2.connect(database.dsn()) as old:
        old.cursor().execute("SET TIME ZONE %s", ("UTC",))
    old.close()
    with psycopg.connect(database.dsn()) as new:
        with pytest.raises(psycopg.errors.SyntaxError):
            new.execute("SET TIME ZONE %s", ("UTC",))
        new.rollback()

        new.execute("SELECT set_config('TimeZone', %s, false)", ("UTC",))


def test_the_result_is_that_of_the_first_statement(database: Database) -> None:
    old, new = psycopg2.connect(database.dsn()), psycopg.connect(database.dsn())
    found = []
    for cursor in (old.cursor(), new.cursor()):
        cursor.execute("SELECT 1; SELECT 2")
        found.append(cursor.fetchone())

    assert found == [(2,), (1,)]
    old.close()
    new.close()
