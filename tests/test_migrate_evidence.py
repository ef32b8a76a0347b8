"""Objects that are known by what is done with them (`asyncdb_lint/migrate/evidence.py`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.from_psycopg2 import ROUTE
from asyncdb_lint.migrate.project import migrate

SPEAKING = """\
import psycopg2


class Repository:
    def __init__(self, conn):
        self.conn = conn

    def version(self):
        self.conn.get_backend_pid()
        return self.conn.server_version


def first(cur):
    if cur.connection.server_version > 90000:
        second(cur)


def second(cur):
    return cur.connection.server_version


def silent(thing):
    return thing.server_version
"""


def rewritten(folder: Path, source: str, *, unsafe: bool) -> str:
    file = folder / "module.py"
    file.write_text(source)
    (folder / "pyproject.toml").touch()
    found = migrate([file], Settings(), folder, ROUTE, unsafe=unsafe)
    return found.texts[file][1] if file in found.texts else source


def test_use_gives_away(tmp_path: Path) -> None:
    """Through attributes and calls, but no further than there is evidence."""
    text = rewritten(tmp_path, SPEAKING, unsafe=True)
    assert text.count("conn.info.server_version") == 1
    assert text.count("cur.connection.info.server_version") == 2
    assert "thing.server_version" in text


def test_only_where_the_user_agrees(tmp_path: Path) -> None:
    text = rewritten(tmp_path, SPEAKING, unsafe=False)
    assert text == SPEAKING.replace("psycopg2", "psycopg")


@pytest.mark.parametrize("driver", ["pymysql", "aiopg", "psycopg"])
def test_other_drivers_have_such_methods(tmp_path: Path, driver: str) -> None:
    text = rewritten(tmp_path, f"import {driver}\n{SPEAKING}", unsafe=True)
    assert "info.server_version" not in text


def test_calls_of_tests_count(tmp_path: Path) -> None:
    """A migration changes tests too: what they put into parameters tells what these are."""
    source = (
        "import psycopg2\n\n\ndef prepare(conn):\n    return conn.server_version\n\n\n"
        "def test_it():\n    prepare(psycopg2.connect())\n"
    )
    (tmp_path / "tests").mkdir()
    (tmp_path / "pyproject.toml").touch()
    file = tmp_path / "tests/test_it.py"
    file.write_text(source)
    found = migrate([tmp_path], Settings(), tmp_path, ROUTE)
    assert "conn.info.server_version" in found.texts[file][1]


def test_what_psycopg_3_may_have_made_is_left(tmp_path: Path) -> None:
    """A project on the way: what is not surely psycopg2's is not taken for it in a later run."""
    source = (
        "import psycopg2.extras\nfrom psycopg2.extras import DictCursor\n\n\nclass Tests:\n    def run(self, db):\n"
        "        psycopg2.extras.register_hstore(db.connection)\n        db.open.cursor(cursor_factory=DictCursor)\n"
    )
    (tmp_path / "other.py").write_text("import psycopg\n")
    assert rewritten(tmp_path, source, unsafe=False) == source
    (tmp_path / "other.py").unlink()
    assert "psycopg2" not in rewritten(tmp_path, source, unsafe=False)
