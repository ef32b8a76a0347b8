"""ADB903 psycopg2-no-equivalent."""

import psycopg
import psycopg2
import psycopg2.extensions
import psycopg2.extras
import pytest

from .support import Database


@pytest.mark.parametrize("name", ["POLL_OK", "wait_select", "LoggingConnection", "REPLICATION_PHYSICAL"])
def test_there_is_no_such_name(name: str) -> None:
    assert hasattr(psycopg2.extensions, name) or hasattr(psycopg2.extras, name)
    assert not hasattr(psycopg, name)


@pytest.mark.parametrize(
    "argument", [{"async_": True}, {"connection_factory": psycopg2.extras.LoggingConnection}]
)
def test_connect_refuses(database: Database, argument: dict[str, object]) -> None:
    psycopg2.connect(database.dsn(), **argument).close()
    with pytest.raises(psycopg.ProgrammingError, match="invalid connection option"):
        psycopg.connect(database.dsn(), **argument)  # type: ignore[arg-type]


def test_a_placeholder_inside_quotes_is_text(database: Database) -> None:
    """No error is raised: the server looks for `%$1%`."""
    old, new = psycopg2.connect(database.dsn()), psycopg.connect(database.dsn())
    statement = "SELECT '4 of 5' LIKE '%%%s%%', %s"
    found = []
    for cursor in (old.cursor(), new.cursor()):
        cursor.execute(statement, (4, 1))
        row = cursor.fetchone()
        assert row is not None
        found.append(row[0])

    assert found == [True, False]
    old.close()
    new.close()
