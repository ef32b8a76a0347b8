"""Django projects: a program with psycopg2 and no psycopg 3, and after the migration the other way round."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.from_psycopg2 import ROUTE
from asyncdb_lint.migrate.project import migrate

from .support import Database

pytest.importorskip("django")

SETTINGS = """
from django.conf import settings

settings.configure(DATABASES={"default": {
    "ENGINE": "django.db.backends.%s", "NAME": "postgres", "USER": "postgres", "HOST": %r, "PORT": %r,
}})
"""
PROGRAM = """
import io
from django.db import IntegrityError, connection, transaction
from psycopg2 import errorcodes, sql
from psycopg2.errors import UniqueViolation
from psycopg2.extras import NumericRange, execute_batch, execute_values


def work(cursor):
    cursor.execute("create temp table t (a int primary key, r int4range)")
    execute_values(cursor, "insert into t (a) values %s", [(1,), (2,), (3,)])
    execute_batch(cursor, "insert into t (a, r) values (%s, %s)", [(4, NumericRange(1, 5))])
    cursor.copy_expert("COPY t (a) FROM STDIN", io.StringIO("7\\n8\\n"))
    wanted = [1, 4, 8]
    cursor.execute(sql.SQL("select {} from t where a in %s").format(sql.Identifier("a")), [tuple(wanted)])
    yield cursor.fetchall()
    cursor.execute("select r from t where r is not null")
    (found,) = cursor.fetchone()
    yield isinstance(found, NumericRange), found.lower, found.upper
    cursor.execute("select interval '%s days'", [3])
    yield cursor.fetchone()
    try:
        with transaction.atomic():
            cursor.execute("insert into t values (1)")
    except IntegrityError as error:
        yield error.__cause__.pgcode == errorcodes.UNIQUE_VIOLATION, isinstance(error.__cause__, UniqueViolation)


with connection.cursor() as cursor:
    print(*work(cursor))
"""


def run(text: str, absent: str) -> subprocess.CompletedProcess[str]:
    """The program in a process of its own, where one of the drivers is not installed."""
    code = f"import sys\nsys.modules[{absent!r}] = None\n{text}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def migrated(folder: Path, text: str) -> str:
    file = folder / "program.py"
    file.write_text(text)
    (folder / "pyproject.toml").touch()
    found = migrate([file], Settings(), folder, ROUTE, unsafe=True)
    assert not found.manual
    found.write()
    return file.read_text()


def test_same_answers(database: Database, tmp_path: Path) -> None:
    before = SETTINGS % ("postgresql", database.folder, database.port) + textwrap.dedent(PROGRAM)
    after = migrated(tmp_path, before)
    old, new = run(before, "psycopg"), run(after, "psycopg2")
    assert "True" in old.stdout
    assert new.stdout == old.stdout


def test_name_of_the_backend(database: Database, tmp_path: Path) -> None:
    """Settings may have either name, with either driver; the package of the old one is gone."""
    before = SETTINGS % ("postgresql_psycopg2", database.folder, database.port)
    before += "from django.db import connection\nconnection.ensure_connection()\n"
    assert run(before, "psycopg").returncode == 0
    assert run(migrated(tmp_path, before), "psycopg2").returncode == 0
    before += "from django.db.backends.postgresql_psycopg2.base import DatabaseWrapper\n"
    assert "ModuleNotFoundError" in run(before, "psycopg").stderr
    assert run(migrated(tmp_path, before), "psycopg2").returncode == 0
