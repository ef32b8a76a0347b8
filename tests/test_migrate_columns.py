"""What columns give, and connections that log."""

from __future__ import annotations

from pathlib import Path

import libcst as cst
import pytest
from libcst.codemod import CodemodContext

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.command import ITEMS
from asyncdb_lint.migrate.from_psycopg2 import ROUTE
from asyncdb_lint.migrate.from_psycopg2.column_types import NOTE, ColumnTypes
from asyncdb_lint.migrate.from_psycopg2.logging_connections import LOGGING_CONNECTION, LoggingConnections
from asyncdb_lint.migrate.project import migrate

ROW = "import uuid\nimport psycopg2\nrow = psycopg2.connect().cursor().fetchone()\n"


def told(source: str) -> list[str]:
    context = CodemodContext()
    assert ColumnTypes(context).transform_module(cst.parse_module(source)).code == source
    return [each.message for each in context.scratch[ITEMS] if each.message != NOTE]


@pytest.mark.parametrize("use", ["uuid.UUID(row[0])", "x = uuid.UUID(hex=row['id'])"])
def test_uuid_columns(use: str) -> None:
    assert ["is a `UUID` already" in each for each in told(ROW + use)] == [True]


@pytest.mark.parametrize("use", ["isinstance(row[0], memoryview)", "isinstance(x, (memoryview, str))"])
def test_bytea_columns(use: str) -> None:
    assert told(ROW + use) == ["bytea columns give `bytes`, not `memoryview`"]


@pytest.mark.parametrize(
    "source",
    [
        ROW + "uuid.UUID('55daa192-a28a-4c49-ae84-ef3564e32308')",
        ROW + "uuid.UUID(str(row[0]))",
        ROW + "uuid.UUID(int=5)",
        ROW + "isinstance(row[0], (bytes, memoryview))",
        "import uuid\ndef f(text):\n    return uuid.UUID(text)",
        "def f(data):\n    return isinstance(data, memoryview)",
    ],
)
def test_no_columns(source: str) -> None:
    assert told(source) == []


def test_once_in_a_project(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text("import psycopg2\npsycopg2.connect()\npsycopg2.connect()\n")
    found = migrate([tmp_path], Settings(), tmp_path, ROUTE)
    notes = [each for each in found.items if each.message == NOTE]
    assert [(Path(each.filename).name, each.location.row) for each in notes] == [("a.py", 2)]


LOGGED = "import psycopg2\nfrom psycopg2.extras import LoggingConnection\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("psycopg2.connect(dsn, connection_factory=LoggingConnection)", "LoggingConnection.connect(dsn)"),
        ("psycopg2.connect(dsn, LoggingConnection)", "LoggingConnection.connect(dsn)"),
        ("psycopg2.connect(connection_factory=LoggingConnection, **kw)", "LoggingConnection.connect(**kw)"),
        ("LoggingConnection(dsn)", "LoggingConnection.connect(dsn)"),
    ],
)
def test_logging_connection(before: str, after: str) -> None:
    text = LoggingConnections(CodemodContext()).transform_module(cst.parse_module(LOGGED + before)).code
    assert text.endswith(f"\n{after}")
    assert LOGGING_CONNECTION.text.strip() in text


@pytest.mark.parametrize(
    "source",
    [
        LOGGED + "class Own(LoggingConnection): ...",
        LOGGED
        + "psycopg2.connect(dsn, connection_factory=LoggingConnection)\nisinstance(c, LoggingConnection)",
        "psycopg2.connect(dsn, connection_factory=LoggingConnection)",
    ],
)
def test_other_uses_of_it(source: str) -> None:
    assert LoggingConnections(CodemodContext()).transform_module(cst.parse_module(source)).code == source
