"""What columns give with either driver, and a connection that logs the same."""

from __future__ import annotations

import io
import uuid
from pathlib import Path
from typing import Any

import psycopg
import psycopg2
import pytest

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.from_psycopg2 import ROUTE
from asyncdb_lint.migrate.project import migrate

from .support import Database

COLUMNS = "select '55daa192-a28a-4c49-ae84-ef3564e32308'::uuid, 'a'::bytea"


def test_columns(database: Database) -> None:
    """A UUID is refused where its text was taken, and bytes are no memoryview."""
    old = psycopg2.connect(database.dsn())
    # Another proof may have called register_uuid(), which holds for the whole process.
    as_text = psycopg2.extensions.new_type((2950,), "TEXT_OF_UUID", lambda value, _: value)
    psycopg2.extensions.register_type(as_text, old)
    with old.cursor() as cursor:
        cursor.execute(COLUMNS)
        identity, data = cursor.fetchone() or ()
    assert isinstance(uuid.UUID(identity), uuid.UUID)
    assert isinstance(data, memoryview)
    with psycopg.connect(database.dsn()) as new:
        identity, data = new.execute(COLUMNS).fetchone() or ()
    with pytest.raises(AttributeError):
        uuid.UUID(identity)
    assert uuid.UUID(str(identity)) == identity
    assert isinstance(data, bytes)
    old.close()


LOGGED = """
import psycopg2
from psycopg2.extras import LoggingConnection

def work(dsn, log):
    connection = psycopg2.connect(dsn, connection_factory=LoggingConnection)
    connection.initialize(log)
    cursor = connection.cursor()
    cursor.execute("select %s + 1, %s", (41, "o'clock"))
    found = cursor.fetchone()
    try:
        cursor.execute("select 1 / %s", (0,))
    except psycopg2.Error:
        connection.rollback()
    connection.close()
    return found
"""


def test_log(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(LOGGED)
    (tmp_path / "pyproject.toml").touch()
    found = migrate([file], Settings(), tmp_path, ROUTE)
    assert not found.manual
    found.write()
    results = []
    for text in (LOGGED, file.read_text()):
        names: dict[str, Any] = {}
        exec(text, names)
        log = io.StringIO()
        results.append((names["work"](database.dsn(), log), log.getvalue()))
    assert results[0] == results[1]
    assert "o''clock" in results[0][1]
