"""`asyncdb-lint migrate psycopg2`: rows and cursors of a program before and after, on both drivers."""

import textwrap
from pathlib import Path

import pytest

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.from_psycopg2 import ROUTE
from asyncdb_lint.migrate.project import migrate

from .support import Database
from .test_migrate import loaded

PROGRAMS = {
    "cursors": """
        import psycopg2
        import psycopg2.extras
        from psycopg2.extras import NamedTupleCursor, RealDictCursor

        def work(dsn):
            connection = psycopg2.connect(dsn)
            found = []
            def fetch(cursor):
                with cursor:
                    cursor.execute("select 1 as one, 'x'::text as name, 2 as two")
                    return cursor.fetchall()
            found += [dict(row) for row in fetch(connection.cursor(cursor_factory=RealDictCursor))]
            for factory in (RealDictCursor if connection else None, NamedTupleCursor):
                found.append(len(fetch(connection.cursor(cursor_factory=factory))))
            found += [dict(row) for row in fetch(connection.cursor(None, RealDictCursor))]
            found += [dict(row) for row in fetch(connection.cursor("n", RealDictCursor))]
            found += [dict(row) for row in fetch(connection.cursor("held", RealDictCursor, True))]
            found += fetch(connection.cursor(cursor_factory=None))
            connection.cursor_factory = RealDictCursor
            found += [dict(row) for row in fetch(connection.cursor())]
            found += fetch(connection.cursor(cursor_factory=psycopg2.extensions.cursor))
            old = connection.cursor_factory
            connection.cursor_factory = None
            found += fetch(connection.cursor())
            connection.cursor_factory = old
            found += [dict(row) for row in fetch(connection.cursor())]
            with connection.cursor(cursor_factory=psycopg2.extras.NamedTupleCursor) as cursor:
                cursor.execute("select 1 as one, 2 as \\"?column?\\", 3 as _hidden, 4 as \\"5th\\"")
                row = cursor.fetchone()
                found += [row._fields, row.one, row[1], tuple(row)]
            connection.close()
            return found
    """,
    "connections": """
        import psycopg2
        from psycopg2.extras import DictConnection, NamedTupleConnection, RealDictConnection, RealDictCursor

        def work(dsn):
            found = []
            options = {"cursor_factory": RealDictCursor}
            for connection in (
                psycopg2.connect(dsn, **options),
                psycopg2.connect(dsn, cursor_factory=RealDictCursor),
                psycopg2.connect(dsn, connection_factory=RealDictConnection),
                psycopg2.connect(dsn, connection_factory=DictConnection),
                psycopg2.connect(dsn, connection_factory=DictConnection, cursor_factory=RealDictCursor),
            ):
                cursor = connection.cursor()
                cursor.execute("select 1 as one, 2 as two")
                found.append(dict(cursor.fetchone()))
                connection.close()
            connection = psycopg2.connect(dsn, connection_factory=NamedTupleConnection)
            cursor = connection.cursor()
            cursor.execute("select 1 as one, 2 as two")
            found.append(cursor.fetchone().two)
            connection.close()
            return found
    """,
    "travelling": """
        import functools
        import psycopg2
        import psycopg2.extras
        from typing import Optional, Type

        connect = functools.partial(psycopg2.connect, cursor_factory=psycopg2.extras.RealDictCursor)

        class Store:
            kind = psycopg2.extras.NamedTupleCursor

            def __init__(self, dsn, cursor_factory=psycopg2.extras.RealDictCursor):
                self.cursor_factory = cursor_factory
                self.connection = psycopg2.connect(dsn)

            def select(self, sql, cursor_factory: Optional[Type[psycopg2.extensions.cursor]] = None):
                factory = cursor_factory or self.cursor_factory
                with self.connection.cursor(cursor_factory=factory) as cursor:
                    cursor.execute(sql)
                    return cursor.fetchall()

            def named(self, sql):
                with self.connection.cursor(cursor_factory=self.kind) as cursor:
                    cursor.execute(sql)
                    return cursor.fetchone().one

        def keys(row: psycopg2.extras.RealDictRow) -> list:
            return sorted(row) if isinstance(row, psycopg2.extras.RealDictRow) else []

        def work(dsn):
            store = Store(dsn)
            found = [keys(row) for row in store.select("select 1 as one, 2 as two")]
            found += [row.two for row in store.select("select 1 as one, 2 as two", psycopg2.extras.NamedTupleCursor)]
            found.append(store.named("select 7 as one"))
            store.connection.close()
            connection = connect(dsn)
            cursor = connection.cursor()
            cursor.execute("select 1 as one")
            found.append(cursor.fetchone()["one"])
            connection.close()
            return found
    """,
    "engines": """
        from psycopg2.extras import DictCursor, NamedTupleCursor
        from sqlalchemy import create_engine, text
        from sqlalchemy.engine import make_url

        def work(dsn):
            found = []
            url = make_url(dsn).set(drivername="postgresql+psycopg2")
            for options in ({"cursor_factory": NamedTupleCursor}, {"cursor_factory": DictCursor}):
                engine = create_engine(url, connect_args=options)
                with engine.connect() as connection:
                    found.append(connection.execute(text("select 1 as one, 2 as two")).one().two)
                raw = engine.raw_connection()
                cursor = raw.cursor(cursor_factory=DictCursor)
                cursor.execute("select 3 as three")
                found.append(cursor.fetchone()["three"])
                raw.close()
                engine.dispose()
            return found
    """,
    "rows by key": """
        import psycopg2
        from psycopg2.extras import DictCursor

        def work(dsn):
            connection = psycopg2.connect(dsn)
            found = []
            with connection.cursor(cursor_factory=DictCursor) as cursor:
                cursor.execute("select g as a, g + 1 as b from generate_series(1, 3) g")
                row = cursor.fetchone()
                if row and "a" in row and "c" not in row:
                    found += [row["a"], row.get("b"), row.get("c", 4), dict(row), sorted(row.keys()), list(row.items())]
                for each in cursor:
                    found += [each["a"], list(each.values())]
                try:
                    row["c"]
                except KeyError as error:
                    found.append(str(error))
            connection.close()
            return found
    """,
    "named cursors": """
        import psycopg2

        def work(dsn):
            connection = psycopg2.connect(dsn)
            found = []
            with connection.cursor("n") as cursor:
                cursor.execute("select g from generate_series(1, 5000) g")
                found += [next(cursor), next(cursor, None), cursor.itersize, cursor.name]
                found += [row for row in cursor]
            kept = connection.cursor("kept")
            kept.withhold = True
            kept.scrollable = True
            kept.itersize = 3
            kept.execute("select g from generate_series(1, 5) g")
            connection.commit()
            found += [kept.fetchone(), kept.withhold, kept.scrollable]
            kept.scroll(-1)
            found += list(kept)
            kept.close()
            plain = connection.cursor()
            plain.itersize = 50
            plain.execute("select 1 where false")
            found += [plain.name, plain.scrollable, plain.withhold, next(plain, None), next(plain, 4)]
            try:
                next(plain)
            except StopIteration:
                found.append("the end")
            connection.close()
            return found
    """,
    "rows by position and name": """
        import copy
        import json
        import pickle
        import psycopg2
        from psycopg2.extras import DictCursor, DictRow

        QUERY = "select 1 as a, 'x'::text as b, 2.5 as a, null as d"

        def unpacked(row):
            first, *others = row
            return first, others

        def written(row):
            row["b"], row[0] = 9, 7
            row[2:] = ["two", "three"]
            return list(row), dict(row)

        def shorter(row):
            del row[0]
            row.append(8)
            return list(row), len(row)

        def matched(row):
            match row:
                case [1, *_]:
                    return "a sequence"
            return "no"

        def given(value):
            return list(value) if hasattr(value, "__next__") else value

        USES = [
            lambda row: (row["b"], row["a"], row[0], row[-1], row[1:3], row[True]),
            lambda row: row["missing"],
            lambda row: row[99],
            lambda row: row[None],
            lambda row: row[1.5],
            lambda row: row[[]],
            lambda row: [row.get(key) for key in ("a", "missing", 0, 99, "d")] + [row.get("no", 3), row.get(99, 4)],
            lambda row: row.keys(), lambda row: row.values(), lambda row: row.items(),
            lambda row: ("b" in row, 1 in row, "x" in row),
            lambda row: [] in row,
            lambda row: (dict(row), {**row}, list(row), tuple(row), len(row), bool(row), list(reversed(row))),
            lambda row: (row.copy(), type(row.copy()).__name__),
            lambda row: (row == [1, "x", row[2], None], row == (1,), row < [2], row + [1], row * 2),
            lambda row: (isinstance(row, list), isinstance(row, dict), isinstance(row, DictRow), type(row).__name__),
            lambda row: (repr(row), f"{row}", "%(b)s" % row, "%s %s" % tuple(row[:2]), "{b}".format_map(row)),
            lambda row: json.dumps(row, default=str),
            lambda row: [(dict(each), list(each)) for each in (copy.copy(row), copy.deepcopy(row))],
            lambda row: (row.index("x"), row.count(None), sorted(map(str, row)), row.pop(), list(row)),
            unpacked, written, shorter, matched, hash,
            lambda row: setattr(row, "name", 1),
            lambda row: row.__setitem__("missing", 1),
            lambda row: row.__delitem__("b"),
        ]

        def work(dsn):
            connection = psycopg2.connect(dsn)
            found = []
            for use in USES:
                with connection.cursor(cursor_factory=DictCursor) as cursor:
                    cursor.execute(QUERY)
                    row = cursor.fetchone()
                    try:
                        found.append(given(use(row)))
                    except Exception as error:
                        found.append((type(error).__name__, str(error)))
            cursor = connection.cursor("named", cursor_factory=DictCursor)
            cursor.execute(QUERY)
            found += [dict(row) for row in cursor]
            cursor = connection.cursor(cursor_factory=DictCursor)
            cursor.execute("create temporary table t (x int)")
            cursor.execute("insert into t values (1) returning x")
            found += [cursor.fetchone()["x"], cursor.fetchone()]
            cursor.execute("select 1 as other")
            found += [row["other"] for row in cursor.fetchmany(5)]
            connection.close()
            return found
    """,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("unsafe", [False, True])
def test_same_answers(database: Database, tmp_path: Path, name: str, unsafe: bool) -> None:
    """What the command rewrites by itself gives the same on the other driver."""
    text = textwrap.dedent(PROGRAMS[name])
    file = tmp_path / "program.py"
    file.write_text(text)
    (tmp_path / "pyproject.toml").touch()
    found = migrate([file], Settings(), tmp_path, ROUTE, unsafe=unsafe)
    assert not found.manual
    found.write()

    before = loaded(text)(database.dsn())
    after = loaded(file.read_text())(database.dsn())

    assert "import psycopg2" not in file.read_text()
    assert after == before
    assert not migrate([file], Settings(), tmp_path, ROUTE, unsafe=unsafe).texts
