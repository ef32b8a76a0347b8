"""Rows by the many: programs before and after `asyncdb-lint migrate psycopg2`, on both drivers."""

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2.errors
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
    "batch that the server does not bind": """
        later = "insert into t (a, c) values (%s, date '2020-01-01' + interval %s)"
        execute_batch(cursor, later, [(1, "1 day"), (2, "2 h")])
        cursor.execute("select c::text from t order by a")
        found.append(cursor.fetchall())
    """,
    "batch of several": """
        execute_batch(cursor, "insert into t values (%(a)s); update t set b = %(b)s where a = %(a)s",
                      ({"a": n, "b": "x"} for n in range(250)))
    """,
}

COPIES = {
    "from text and bytes": """
        import io
        text = io.StringIO("".join(f"{n},näme {n}\\n" for n in range(3000)))
        cursor.copy_expert("COPY t (a, b) FROM STDIN WITH CSV", text)
        found.append(cursor.rowcount)
        data = io.BytesIO("5000\\tä\\n".encode())
        cursor.copy_expert(sql="COPY t (a, b) FROM STDIN", file=data, size=3)
    """,
    "to text and bytes": """
        import io
        cursor.execute("insert into t (a, b) select n, 'näme ' || n from generate_series(1, 3000) n")
        text, data = io.StringIO(), io.BytesIO()
        statement = "COPY (select a, b from t order by a) TO STDOUT WITH (FORMAT csv, HEADER)"
        cursor.copy_expert(statement, text)
        cursor.copy_expert(statement, data)
        found += [text.getvalue(), data.getvalue(), cursor.rowcount]
    """,
    "files": """
        import tempfile
        from pathlib import Path
        cursor.execute("insert into t (a, b) values (1, 'ä'), (2, null)")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "t")
            with open(path, "w", encoding="utf-16") as file:
                cursor.copy_expert("COPY (select a, b from t) TO STDOUT", file)
            found.append(path.read_bytes())
            with open(path, "wb") as file: cursor.copy_expert("COPY (select a, b from t) TO STDOUT", file)
            found.append(path.read_bytes())
            cursor.execute("delete from t")
            with path.open() as file:
                cursor.copy_expert(f"COPY {'t'} (a, b) FROM STDIN", file)
    """,
    "only the run knows": """
        import io
        for sql, file in (("COPY t (a) FROM STDIN", io.StringIO("1\\n2\\n")), ("COPY t (a) TO STDOUT", io.StringIO()),
                          ("COPY t (a) TO STDOUT", io.BytesIO())):
            found.append(cursor.copy_expert(sql, file))
            found.append(file.getvalue())
    """,
    "pairs": """
        import io
        for sql, file in (("COPY t (a) FROM STDIN", io.StringIO("9\\n")), ("COPY t (a) TO STDOUT", io.StringIO())):
            cursor.copy_expert(sql, file)
            found.append(file.getvalue())
    """,
    "encodings": """
        import io
        connection.close()
        connection = psycopg2.connect(dsn, client_encoding="latin1")
        cursor = connection.cursor()
        cursor.execute("create temp table t (a int primary key, b text)")
        cursor.execute("insert into t (a, b) values (1, 'ä')")
        for file in (io.StringIO(), io.BytesIO()):
            cursor.copy_expert("COPY t (b) TO STDOUT", file)
            found.append(file.getvalue())
        text = io.StringIO()
        cursor.copy_to(text, "t", columns=["b"])
        found.append(text.getvalue())
        cursor.copy_from(io.StringIO("7\\tö\\n"), "t", columns=["a", "b"])
    """,
    "tables": """
        import io
        class Columns(list):  # as those of pandas are
            def __bool__(self):
                raise ValueError("neither true nor false")
        columns, table = Columns("ab"), "t"
        text, more = io.StringIO("1|x\\n2|~\\n"), io.StringIO("3\\tx\\n4\\t\\\\N\\n")
        cursor.copy_from(text, "t", sep="|", null="~", columns=("a", "b"))
        cursor.copy_from(more, table, columns=columns)
        cursor.copy_from(io.StringIO("5,it's\\n6,\\n"), table, ",", "", 3, columns)
        cursor.execute('create temp table "Odd ""T" (a int, "B c" text)')
        odd = io.StringIO("1,x\\n")
        cursor.copy_from(odd, 'Odd "T', sep=",", columns=["a", "B c"])
        for name in ("t", 'Odd "T'):
            text, data = io.StringIO(), io.BytesIO()
            cursor.copy_to(text, name, sep=",", null="it's", columns=("a",))
            cursor.copy_to(data, name)
            found += [text.getvalue().split(","), data.getvalue()[:4]]
        text = io.StringIO()
        cursor.copy_to(text, 'Odd "T', sep=",", null="it's")
        found.append(text.getvalue())
    """,
    "errors": """
        import io
        for sql, text in (("COPY t (a) FROM STDIN", "x\\n"), ("COPY nowhere FROM STDIN", "1\\n")):
            file = io.StringIO(text)
            try:
                cursor.copy_expert(sql, file)
            except psycopg2.Error as error:
                found.append((type(error).__name__, error.pgcode))
            connection.rollback()
            cursor.execute("create temp table t (a int, b text)")
    """,
}

MOGRIFIED = {
    "text": """
        rows = [(1, "it's"), (2, None)]
        values = b", ".join(cursor.mogrify("(%s, %s)", row) for row in rows)
        cursor.execute(b"insert into t (a, b) values " + values)
        values = ",".join([cursor.mogrify("(%(a)s, %(b)s)", {"a": n, "b": "ä"}).decode() for n in range(3, 5)])
        cursor.execute("insert into t (a, b) values " + values)
        cursor.execute(cursor.mogrify("delete from t where a = %s", vars=(4,)))
        found.append(str(cursor.mogrify(sql.SQL("select %s, {}").format(sql.Identifier("x")), (1,)), "utf-8"))
    """,
    "bytes": """
        found.append(cursor.mogrify("select %s, 'ä', 100%%", ("it's",)))
        found.append(cursor.mogrify("select 100%"))
        rows = []
        for n in range(3):
            rows.append(cursor.mogrify("(%s, %s)", (n, "x")))
        cursor.execute(b"insert into t (a, b) values " + b",".join(rows))
    """,
    "tuples": """
        import datetime
        wanted = (1, 2)
        query = cursor.mogrify("select %s in %s", (1, wanted))
        cursor.execute(query)
        found.append(cursor.fetchone())
        rows = [(1, "it's", None, True), (2, ("a", (1,)), 1.5, datetime.date(2020, 1, 2))]
        found.append(cursor.mogrify("values %s, %s", rows).decode())
    """,
    "procedures": """
        found.append(cursor.callproc("pg_catalog.substr", ["abcdef", 2, 3]))
        found.append(cursor.fetchall())
        cursor.callproc("make_interval", {"days": 3, "hours": 2})
        found.append(cursor.fetchone())
        cursor.callproc("pi")
        found.append(cursor.fetchone())
        name, parameters = "power", (2.5, 2)
        cursor.callproc(name, parameters)
        found.append(cursor.fetchone())
        cursor.callproc("substr", ("abcdef", 4))
        found.append(cursor.fetchone())
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
@pytest.mark.parametrize("name", [*SAME, *COPIES, *MOGRIFIED])
def test_same_answers(database: Database, tmp_path: Path, name: str) -> None:
    """What the command rewrites by itself gives the same on the other driver."""
    before = program({**SAME, **COPIES, **MOGRIFIED}[name])
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


def test_procedures_as_statements(database: Database, tmp_path: Path) -> None:
    """With the types that the server finds, the same comes out where the function is found."""
    before = program("""
        cursor.callproc("pg_catalog.substr", ["abcdef", 2, 3])
        found.append(cursor.fetchall())
        cursor.callproc("make_interval", {"days": 3, "hours": 2})
        found.append(cursor.fetchone())
    """)
    after = migrated(tmp_path, before, unsafe=True)
    assert 'cursor.execute("SELECT * FROM pg_catalog.substr(%s, %s, %s)"' in after
    assert loaded(after)(database.dsn()) == loaded(before)(database.dsn())


def test_tables_in_schemas(database: Database, tmp_path: Path) -> None:
    """psycopg2 looks for a table with a dot in its name since 2.9; whoever wrote that meant a schema."""
    before = program("""
        import io
        text = io.StringIO("1\\tx\\n")
        cursor.copy_from(text, "pg_temp.t", columns=("a", "b"))
    """)
    with pytest.raises(psycopg2.errors.UndefinedTable):
        loaded(before)(database.dsn())
    after = migrated(tmp_path, before, unsafe=True)
    assert loaded(after)(database.dsn()) == [[(1, "x")]]


def test_descriptions_after_copies(database: Database, tmp_path: Path) -> None:
    """A COPY to a file has no description in psycopg2; in psycopg 3 it has one, and no rows."""
    before = program("""
        import io
        cursor.copy_expert("COPY t TO STDOUT", io.StringIO())
        found.append(cursor.description is None)
    """)
    file = tmp_path / "program.py"
    file.write_text(before)
    found = migrate([file], Settings(), tmp_path, ROUTE)
    assert [each.location.row for each in found.manual] == [14]
    found.write()
    assert loaded(before)(database.dsn())[0] is True
    assert loaded(file.read_text())(database.dsn())[0] is False
