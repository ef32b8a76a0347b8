"""Rows by the many: programs before and after `asyncdb-lint migrate psycopg2`, on both drivers."""

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.from_psycopg2 import ROUTE
from asyncdb_lint.migrate.project import migrate

from .support import Database

START = """
import psycopg2
import psycopg2.extras
from psycopg2 import sql
from psycopg2.extras import Json, execute_batch, execute_values

def work(dsn):
    connection = psycopg2.connect(dsn)
    cursor = connection.cursor()
    cursor.execute("create temp table t (a int primary key, b text, c timestamptz default now())")
    found = []
"""
END = """
    cursor.execute("select a, b from t order by a")
    found.append(cursor.fetchall())
    connection.close()
    return found
"""
ROWS = '[(n, f"row {n} %s") for n in range(250)]'
SAME = {
    "plain": f'execute_values(cursor, "insert into t (a, b) values %s", {ROWS})',
    "count": f"""
        execute_values(cursor, "insert into t (a, b) values %s", {ROWS})
        found.append(cursor.rowcount)
    """,
    "fetch": f"""
        found.append(execute_values(
            cursor, b"insert into t (a, b) values %s returning a, '%%s'", iter({ROWS}), page_size=40, fetch=True))
    """,
    "template": """
        execute_values(cursor, "insert into t values %s", [{"a": 1, "b": "x"}, {"a": 2, "b": None}],
                       template="(%(a)s, upper(%(b)s), now())")
    """,
    "conflict": """
        rows = [(n % 7, str(n)) for n in range(14)]
        try:
            execute_values(cursor, "insert into t values %s on conflict (a) do update set b = excluded.b", rows)
        except psycopg2.Error as error:
            found.append(error.pgcode)
        connection.rollback()
        cursor.execute("create temp table t (a int primary key, b text)")
        execute_values(
            cursor, "insert into t values %s on conflict (a) do update set b = excluded.b", rows, page_size=7)
    """,
    "update": """
        execute_values(cursor, "insert into t (a, b) values %s", [(1, "x"), (2, "y")])
        update = "update t set b = d.b from (values %s) as d (a, b) where t.a = d.a"
        execute_values(cursor, update, [(1, "z"), (2, None)])
    """,
    "select": """
        found.append(execute_values(cursor, "select * from (values %s) as v (x) order by x", [[3], [1]], fetch=True))
    """,
    "empty": """
        found.append(execute_values(cursor, "insert into t values %s", []))
        found.append(execute_values(cursor, "insert into t values %s returning a", [], fetch=True))
    """,
    "types": """
        import datetime, decimal, uuid
        psycopg2.extras.execute_values(
            cursor, "select v.*, pg_typeof(a)::text, pg_typeof(d)::text from (values %s) as v (a, b, c, d, e, f, g)",
            [(1, 1.5, True, datetime.date(2020, 1, 2), None, "it's", decimal.Decimal("1.10")),
             (70000, 2, False, datetime.date(2021, 1, 2), "x", "back\\\\slash", decimal.Decimal(3))])
        found.append(cursor.fetchall())
    """,
    "composed": """
        execute_values(cursor, sql.SQL("insert into {} values %s").format(sql.Identifier("t")), [(1, "x")],
                       template="(%s, %s, default)")
    """,
    "errors": """
        for statement in ("insert into t values (1)", "insert into t values %s, %s"):
            try:
                execute_values(cursor, statement, [(1,)])
            except ValueError:
                found.append("refused")
    """,
    "handed on": """
        import functools
        insert = functools.partial(execute_values, cursor, "insert into t values %s")
        insert([(1, "x", None)])
    """,
    "json": """
        execute_values(cursor, "insert into t values %s", [(1, Json({"a": 1}), None)], template="(%s, %s::text, %s)")
    """,
    "rows": f"""
        cursor = connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor)
        found.append(execute_values(cursor, "insert into t (a, b) values %s returning a", {ROWS}, fetch=True) ==
                     [{{"a": n}} for n in range(250)])
        cursor = connection.cursor()
    """,
    "batch": f"""
        execute_batch(cursor, "insert into t (a, b) values (%s, %s)", {ROWS}, page_size=30)
        execute_batch(cursor, "update t set b = %(b)s where a = %(a)s", [{{"a": 1, "b": "x"}}, {{"a": 2, "b": "y"}}])
        execute_batch(cursor, "delete from t", [])
    """,
    "batch of several": """
        execute_batch(cursor, "insert into t values (%(a)s); update t set b = %(b)s where a = %(a)s",
                      ({"a": n, "b": "x"} for n in range(250)))
    """,
}


def loaded(text: str) -> Callable[[str], Any]:
    names: dict[str, Any] = {}
    exec(text, names)
    work: Callable[[str], Any] = names["work"]
    return work


def migrated(folder: Path, text: str, *, unsafe: bool = False) -> str:
    """A program as the command leaves it; nothing is left to do by hand."""
    file = folder / "program.py"
    file.write_text(text)
    (folder / "pyproject.toml").touch()
    found = migrate([file], Settings(), folder, ROUTE, unsafe=unsafe)
    assert not found.manual
    found.write()
    return file.read_text()


def program(body: str) -> str:
    return START + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ") + END


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SAME)
def test_same_answers(database: Database, tmp_path: Path, name: str) -> None:
    """What the command rewrites by itself gives the same on the other driver."""
    before = program(SAME[name])
    after = migrated(tmp_path, before)
    assert "psycopg2" not in after
    assert loaded(after)(database.dsn()) == loaded(before)(database.dsn())


def test_counts_of_batches(database: Database, tmp_path: Path) -> None:
    """`rowcount` is that of the last statement in psycopg2, and of all rows in psycopg 3."""
    before = program("""
        execute_batch(cursor, "insert into t (a) values (%s)", [(1,), (2,)])
        found.append(cursor.rowcount)
    """)
    after = migrated(tmp_path, before)
    assert loaded(before)(database.dsn())[0] == 1
    assert loaded(after)(database.dsn())[0] == 2
