"""`asyncdb-lint migrate psycopg2`: cursor classes to row factories, types of rows, cursors' attributes."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import libcst as cst
import pytest
from libcst.codemod import CodemodContext

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.command import ITEMS, UNSAFE, Rewrite
from asyncdb_lint.migrate.from_psycopg2 import ROUTE
from asyncdb_lint.migrate.from_psycopg2.cursor_classes import HELPER
from asyncdb_lint.migrate.from_psycopg2.cursors import CursorAttributes
from asyncdb_lint.migrate.from_psycopg2.factories import RowFactories
from asyncdb_lint.migrate.from_psycopg2.row_classes import RowClasses
from asyncdb_lint.migrate.project import Migration, migrate

HEAD = "import psycopg2\nimport psycopg2.extras\nfrom psycopg2.extras import RealDictCursor\n"
CASES: list[tuple[type[Rewrite], str, str]] = [
    (RowFactories, "x.cursor(cursor_factory=RealDictCursor)", "x.cursor(row_factory=dict_row)"),
    (
        RowFactories,
        "x.cursor(cursor_factory = psycopg2.extras.NamedTupleCursor,)",
        "x.cursor(row_factory = psycopg.rows.namedtuple_row,)",
    ),
    (
        RowFactories,
        "c = psycopg2.connect('')\nc.cursor('n', RealDictCursor, True)\nc.cursor(None, RealDictCursor)",
        "c = psycopg2.connect('')\nc.cursor('n', row_factory=dict_row, withhold=True)\n"
        "c.cursor(row_factory=dict_row)",
    ),
    (
        RowFactories,
        "m.cursor.assert_called_once_with(cursor_factory=RealDictCursor)",
        "m.cursor.assert_called_once_with(row_factory=dict_row)",
    ),
    (RowClasses, "assert kind is RealDictCursor", "assert kind is dict_row"),
    (
        RowFactories,
        "import sqlalchemy\ne = sqlalchemy.create_engine('', connect_args={'cursor_factory': RealDictCursor})\n"
        "e.raw_connection().cursor(cursor_factory=RealDictCursor)",
        "import sqlalchemy\ne = sqlalchemy.create_engine('', connect_args={'row_factory': dict_row})\n"
        "e.raw_connection().cursor(row_factory=dict_row)",
    ),
    (
        RowFactories,
        "psycopg2.connect('', connection_factory=psycopg2.extras.RealDictConnection)",
        "psycopg2.connect('', row_factory=psycopg.rows.dict_row)",
    ),
    (
        RowFactories,
        "c = psycopg2.connect('')\nc.cursor_factory = RealDictCursor\nc.cursor_factory = None",
        "c = psycopg2.connect('')\nc.row_factory = dict_row\nc.row_factory = psycopg.rows.tuple_row",
    ),
    (
        RowFactories,
        "d = {'cursor_factory': RealDictCursor}\nd[\"cursor_factory\"] = RealDictCursor\nd.pop('cursor_factory')\n"
        "psycopg2.connect(**d)",
        "d = {'row_factory': dict_row}\nd[\"row_factory\"] = dict_row\nd.pop('row_factory')\n"
        "psycopg2.connect(**d)",
    ),
    (
        RowFactories,
        "def f(c, as_dict):\n    kind = RealDictCursor if as_dict else None\n    c.cursor(cursor_factory=kind)",
        "def f(c, as_dict):\n    kind = RealDictCursor if as_dict else None\n    c.cursor(row_factory=kind)",
    ),
    (
        RowClasses,
        "def f(c, as_dict, kind=RealDictCursor):\n    kind = RealDictCursor if as_dict else None",
        "def f(c, as_dict, kind=dict_row):\n    kind = dict_row if as_dict else None",
    ),
    (
        RowClasses,
        "class A:\n    kind = RealDictCursor",
        "class A:\n    kind = staticmethod(dict_row)",
    ),
    (
        RowClasses,
        "def f(c: RealDictCursor) -> list[psycopg2.extras.RealDictRow]: ...",
        "def f(c: psycopg.Cursor[dict[str, Any]]) -> list[dict[str, Any]]: ...",
    ),
    (RowClasses, "isinstance(r, psycopg2.extras.RealDictRow)", "isinstance(r, dict)"),
]
LEFT_ALONE = [
    "x.cursor(cursor_factory=F)",
    "def f(cursor_factory=None): x.rows(cursor_factory=cursor_factory)",
    "async def f():\n    async with x.cursor(cursor_factory=RealDictCursor): ...",
    "import aiopg\naiopg.connect(cursor_factory=RealDictCursor)",
    "class A(RealDictCursor): ...\npsycopg2.connect('').cursor(cursor_factory=A)",
    "isinstance(x, RealDictCursor)",
    "x.cursor(cursor_factory=[RealDictCursor][0])",
    "m.cursor.assert_called_with(cursor_factory=psycopg2.extras.DictCursor)",
    "import aiopg\nkind = RealDictCursor\naiopg.connect(**{'cursor_factory': RealDictCursor})",
    "RealDictCursor = 1\nx.cursor(cursor_factory=RealDictCursor)",
    "psycopg2.connect('', connection_factory=psycopg2.extras.LoggingConnection)",
]


@pytest.mark.parametrize(("command", "before", "after"), CASES)
def test_rewrite(command: type[Rewrite], before: str, after: str) -> None:
    once = command(CodemodContext()).transform_module(cst.parse_module(f"{HEAD}{before}\n")).code
    assert once.endswith(f"\n{after}\n")
    assert "import psycopg\n" in once or after.count("psycopg.") == 0
    assert "from psycopg.rows import dict_row\n" in once or not re.search(r"(?<!rows.)dict_row", after)
    assert command(CodemodContext()).transform_module(cst.parse_module(once)).code == once


CURSORS = [
    ("c = x.cursor('n')\nfor r in c: ...", "c = x.cursor('n')\nc.itersize = 2000\nfor r in c: ..."),
    (
        "with x.cursor(name='n') as c:\n    list(c)",
        "with x.cursor(name='n') as c:\n    c.itersize = 2000\n    list(c)",
    ),
    ("c = x.cursor('n')\nc.fetchall()", "c = x.cursor('n')\nc.fetchall()"),
    ("c = x.cursor('n')\nc.itersize = 9\nlist(c)", "c = x.cursor('n')\nc.itersize = 9\nlist(c)"),
    ("c = x.cursor(n)\nfor r in c: ...", "c = x.cursor(n)\nfor r in c: ..."),
    ("c = x.cursor('n')\nc.withhold = True\nc.fetchall()", "c = x.cursor('n', withhold=True)\nc.fetchall()"),
    (
        "with x.cursor('n') as c:\n    c.itersize = 9\n    c.scrollable = False\n    c.execute('')",
        "with x.cursor('n', scrollable=False) as c:\n    c.itersize = 9\n    c.execute('')",
    ),
    (
        "c = x.cursor('n')\nc.execute('')\nc.withhold = True",
        "c = x.cursor('n')\nc.execute('')\nc.withhold = True",
    ),
    ("c = x.cursor()\nc.itersize = 9\nc.execute('')", "c = x.cursor()\nc.execute('')"),
    (
        "def f(c: psycopg2.extensions.cursor): c.name",
        'def f(c: psycopg2.extensions.cursor): getattr(c, "name", None)',
    ),
    ("c = x.cursor('n')\nc.name", "c = x.cursor('n')\nc.name"),
    ("c = x.cursor()\nnext(c)\nnext(c, None)", "c = x.cursor()\nnext(iter(c.fetchone, None))\nc.fetchone()"),
    ("next(y)\ny.itersize\ny.cursor('n')", "next(y)\ny.itersize\ny.cursor('n')"),
]


@pytest.mark.parametrize(("before", "after"), CURSORS)
def test_cursors(before: str, after: str) -> None:
    head = "import psycopg2\nimport psycopg2.extensions\nx = psycopg2.connect('')\n"
    once = CursorAttributes(CodemodContext()).transform_module(cst.parse_module(f"{head}{before}\n")).code
    assert once == f"{head}{after}\n"
    assert CursorAttributes(CodemodContext()).transform_module(cst.parse_module(once)).code == once


@pytest.mark.parametrize(
    ("text", "outcome", "said"),
    [
        ("with x.cursor() as c:\n    c.execute('')\nc.rowcount", "manual", "a closed cursor has no `rowcount`"),
        ("c = x.cursor()\nc.close()\nif x:\n    c.description", "manual", "a closed cursor has no `description`"),
        ("c = x.cursor()\ntry:\n    c.rowcount\nfinally:\n    c.close()", "", ""),
        ("c = x.cursor()\nc.close()\nc = x.cursor()\nc.rowcount", "", ""),
        ("with x.cursor() as c:\n    c.rowcount", "", ""),
        ("c = x.cursor()\nc.query", "manual", "a cursor has no `query`"),
        ("c = x.cursor()\nc.lastrowid", "manual", "a cursor has no `lastrowid`"),
        ("c = x.cursor()\ny = c.execute('')", "changed behaviour", "`execute()` gives the cursor now, and not None"),
        ("def f(n):\n    return x.cursor(n)", "changed behaviour", "a named cursor fetches 100 rows at a time"),
        ("y.query\ny.lastrowid", "", ""),
    ],
)  # fmt: skip
def test_told_of_cursors(text: str, outcome: str, said: str) -> None:
    context = CodemodContext()
    source = f"import psycopg2\nx = psycopg2.connect('')\n{text}\n"
    assert CursorAttributes(context).transform_module(cst.parse_module(source)).code == source
    told = context.scratch[ITEMS]
    assert [each.outcome for each in told] == [outcome] * bool(said)
    assert all(each.message.startswith(said) for each in told)


@pytest.mark.parametrize("text", LEFT_ALONE)
@pytest.mark.parametrize("command", [RowFactories, RowClasses])
def test_left_alone(command: type[Rewrite], text: str) -> None:
    source = f"{HEAD}{text}\n"
    assert command(CodemodContext()).transform_module(cst.parse_module(source)).code == source


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("class A(RealDictCursor): ...", "a class derives from `psycopg2.extras.RealDictCursor`"),
        ("class A(psycopg2.extensions.cursor): ...", "a class derives from `psycopg2.extensions.cursor`"),
        (
            "class A(psycopg2.extensions.connection): ...",
            "a class derives from `psycopg2.extensions.connection`",
        ),
        (
            "class A(RealDictCursor): ...\npsycopg2.connect('').cursor(cursor_factory=A)",
            "`A` is a cursor class, not a row factory",
        ),
        ("psycopg2.connect('').cursor(cursor_factory=thing())", "nobody knows what `thing()` is"),
        (
            "f = lambda c, cursor_factory=None: c.cursor(cursor_factory=cursor_factory)",
            "nobody knows what `cursor_factory` is",
        ),
        ("thing(cursor_factory=RealDictCursor)", "`thing` takes a cursor class of psycopg2's"),
        (
            "psycopg2.connect('', connection_factory=psycopg2.extras.LoggingConnection)",
            "psycopg 3 has no connection that logs",
        ),
    ],
)
def test_reported(text: str, said: str) -> None:
    context = CodemodContext()
    for command in (RowFactories, RowClasses):
        command(context).transform_module(cst.parse_module(f"{HEAD}{text}\n"))
    assert said in [each.message for each in context.scratch[ITEMS] if each.outcome == "manual"]


def migrated(
    folder: Path, files: dict[str, str], *, unsafe: bool = False
) -> tuple[dict[str, str], Migration]:
    """The texts of a project's files after its migration, and what was told of it."""
    (folder / "pyproject.toml").touch()
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text).lstrip("\n"))
    found = migrate([folder], Settings(), folder, ROUTE, unsafe=unsafe)
    found.write()
    return {name: (folder / name).read_text() for name in files}, found


def test_dict_rows_have_a_class_of_their_own(tmp_path: Path) -> None:
    text = "from psycopg2.extras import DictCursor\nconnection.cursor(cursor_factory=DictCursor)\n"
    texts, found = migrated(tmp_path, {"a.py": text})
    assert texts["a.py"].endswith("\n\nconnection.cursor(row_factory=DictRow.factory)\n")
    assert HELPER.text.strip() in texts["a.py"]
    assert "psycopg2.extras" not in texts["a.py"]
    assert not found.manual


def test_factories_travel_through_the_project(tmp_path: Path) -> None:
    """A parameter that keeps its name gets row factories; who forwards `**` gets the new keyword."""
    texts, found = migrated(
        tmp_path,
        {
            "db.py": """
                import psycopg2


                def connect(**options):
                    return psycopg2.connect("", **options)


                def select(sql, cursor_factory=None):
                    cursor = psycopg2.connect("").cursor(cursor_factory=cursor_factory)
                    cursor.execute(sql)
                    return cursor.fetchall()
            """,
            "use.py": """
                from psycopg2.extras import NamedTupleCursor, RealDictCursor

                from db import connect, select

                select("", cursor_factory=RealDictCursor)
                connect(cursor_factory=NamedTupleCursor)
            """,
        },
    )
    assert "cursor(row_factory=cursor_factory)" in texts["db.py"]
    assert 'select("", cursor_factory=dict_row)\nconnect(row_factory=namedtuple_row)' in texts["use.py"]
    assert not found.manual


def test_parameters_are_renamed_where_the_user_agrees(tmp_path: Path) -> None:
    texts, found = migrated(
        tmp_path,
        {
            "db.py": """
                class Db:
                    def __query(self, sql, cursor_factory=None):
                        with self.connection.cursor(cursor_factory=cursor_factory) as cursor:
                            return cursor.fetchall()

                    def select(self, sql, cursor_factory=None):
                        cursor_factory = cursor_factory or None
                        return self.__query(sql, cursor_factory=cursor_factory)

                    def both(self, cursor_factory=None, row_factory=None): ...
            """,
            "use.py": """
                from psycopg2.extras import RealDictCursor
                from db import Db

                Db().select("", cursor_factory=RealDictCursor)
                thing.select("", cursor_factory=RealDictCursor)
                Db().both(cursor_factory=RealDictCursor)
            """,
        },
        unsafe=True,
    )
    assert (
        "def select(self, sql, row_factory=None):\n        row_factory = row_factory or None\n"
        in texts["db.py"]
    )
    assert "self.__query(sql, row_factory=row_factory)" in texts["db.py"]
    assert "cursor(row_factory=row_factory)" in texts["db.py"]
    assert "def both(self, cursor_factory=None, row_factory=None)" in texts["db.py"]
    assert (
        'Db().select("", row_factory=dict_row)\nthing.select("", row_factory=dict_row)\n' in texts["use.py"]
    )
    assert "Db().both(cursor_factory=dict_row)" in texts["use.py"]
    assert not found.manual


BY_KEY = [
    "c.execute('')\n    row = c.fetchone()\n    if row and 'a' in row:\n        print(row.get('b'), dict(row))",
    "rows = c.fetchall()\n    print([each['a'] for each in rows], rows[0]['a'], len(rows))",
    "for row in c:\n        for key, value in row.items(): ...\n    c.close()",
    "return c.fetchone()['a']",
]
OTHERWISE = [
    "return c.fetchone()",
    "return c.fetchone()[0]",
    "a, b = c.fetchone()",
    "for row in c:\n        print(*row)",
    "for a, b in c.fetchall(): ...",
    "row = c.fetchone()\n    print(row[key], 1 in row)",
    "print(list(c))",
    "row = c.fetchone()\n    print(row['a'], len(row))",
    "execute(c)",
]


@pytest.mark.parametrize("body", [*BY_KEY, *OTHERWISE])
@pytest.mark.parametrize("unsafe", [False, True])
def test_rows_that_are_read_by_key(body: str, unsafe: bool) -> None:
    head = "from psycopg2.extras import DictCursor\ndef f(connection, key):\n    "
    source = f"{head}c = connection.cursor(cursor_factory=DictCursor)\n    {body}\n"
    context = CodemodContext(scratch={UNSAFE: unsafe})
    new = RowFactories(context).transform_module(cst.parse_module(source)).code
    is_plain = unsafe and body in BY_KEY
    assert f"row_factory={'dict_row' if is_plain else 'DictRow.factory'})\n    {body}\n" in new


def test_classes_that_other_modules_hand_on(tmp_path: Path) -> None:
    texts, found = migrated(
        tmp_path,
        {
            "compat.py": "import psycopg2\nfrom psycopg2.extras import RealDictCursor\n",
            "use.py": "from compat import RealDictCursor, psycopg2\nx.cursor(cursor_factory=RealDictCursor)\n",
        },
    )
    assert "x.cursor(row_factory=dict_row)" in texts["use.py"]
    assert [each.filename.rpartition("/")[2] for each in found.manual if "DictCursor" in each.message] == [
        "compat.py"
    ]


def test_who_takes_such_a_class_is_known(tmp_path: Path) -> None:
    """The connection of which nothing else tells, and its cursor, are psycopg2's."""
    texts, _ = migrated(
        tmp_path,
        {
            "a.py": """
                from psycopg2.extras import RealDictCursor


                def f(db):
                    with db.cursor(cursor_factory=RealDictCursor) as cursor:
                        cursor.execute(query="", vars=())
                    db.readonly = True
                    other = db.pool.get().cursor(cursor_factory=RealDictCursor)
                    other.execute("", vars=())


                async def g(db):
                    async with db.cursor(cursor_factory=RealDictCursor) as cursor:
                        await cursor.execute("", vars=())
            """
        },
    )
    assert 'execute(query="", params=())' in texts["a.py"]
    assert "db.read_only = True" in texts["a.py"]
    assert 'other.execute("", params=())' in texts["a.py"]
    assert 'await cursor.execute("", vars=())' in texts["a.py"]


def test_types_in_quotes(tmp_path: Path) -> None:
    head = "from psycopg2.extras import RealDictRow, RealDictCursor\n"
    text = "def f(c: 'RealDictCursor') -> 'list[RealDictRow]': ...\n"
    texts, found = migrated(tmp_path, {"a.py": head + text})
    assert texts["a.py"].endswith("def f(c: 'Cursor[dict[str, Any]]') -> 'list[dict[str, Any]]': ...\n")
    assert "from psycopg import Cursor\n" in texts["a.py"]
    assert not found.manual


def test_names_with_a_fallback_stay(tmp_path: Path) -> None:
    text = """
        try:
            from psycopg2.extras import RealDictCursor
        except ImportError:
            RealDictCursor = None


        def f(c):
            return c.cursor(cursor_factory=RealDictCursor)
    """
    texts, _ = migrated(tmp_path, {"a.py": text})
    assert "    from psycopg.rows import dict_row as RealDictCursor\nexcept ImportError:\n" in texts["a.py"]
    assert "c.cursor(row_factory=RealDictCursor)" in texts["a.py"]
