"""Adapters, casters, JSON, quoting, pools and notifications in `asyncdb-lint migrate psycopg2`, each by itself."""

from __future__ import annotations

import textwrap

import libcst as cst
import pytest
from libcst.codemod import CodemodContext

from asyncdb_lint.migrate.command import ITEMS, UNSAFE, Rewrite
from asyncdb_lint.migrate.from_psycopg2.adapters import TypeAdapters
from asyncdb_lint.migrate.from_psycopg2.binary import BinaryValues
from asyncdb_lint.migrate.from_psycopg2.casters import TypeCasters
from asyncdb_lint.migrate.from_psycopg2.dumpers import ValueDumpers
from asyncdb_lint.migrate.from_psycopg2.json_types import JsonTypes
from asyncdb_lint.migrate.from_psycopg2.notifies import Notifications
from asyncdb_lint.migrate.from_psycopg2.pools import Pools
from asyncdb_lint.migrate.from_psycopg2.quoting import Quoting
from asyncdb_lint.migrate.from_psycopg2.ranges import RangeClasses
from asyncdb_lint.migrate.from_psycopg2.waiting import WaitCallbacks

START = (
    "import psycopg2, psycopg2.extras, psycopg2.extensions, psycopg2.pool, psycopg2.tz\n"
    "import psycopg\nc = psycopg2.connect()\n"
)


def run(command: type[Rewrite], text: str, *, unsafe: bool = False) -> tuple[str, list[str]]:
    """What a command makes of some lines, without the imports, and what it leaves to do."""
    context = CodemodContext(scratch={UNSAFE: unsafe})
    once = command(context).transform_module(cst.parse_module(START + textwrap.dedent(text))).code
    assert command(CodemodContext()).transform_module(cst.parse_module(once)).code == once
    lines = [
        line for line in once.splitlines() if not line.startswith(("import", "from")) and line not in START
    ]
    return "\n".join(lines).strip(), [
        each.message for each in context.scratch[ITEMS] if each.outcome == "manual"
    ]


@pytest.mark.parametrize(
    ("command", "before", "after"),
    [
        (TypeAdapters, "psycopg2.extras.register_uuid()", ""),
        (
            TypeAdapters,
            "psycopg2.extras.register_hstore(c)",
            'psycopg.types.hstore.register_hstore(psycopg.types.TypeInfo.fetch(c, "hstore"), c)',
        ),
        (
            TypeAdapters,
            "psycopg2.extras.register_hstore(c.cursor(), globally=True)",
            'psycopg.types.hstore.register_hstore(psycopg.types.TypeInfo.fetch(c.cursor().connection, "hstore"))',
        ),
        (
            TypeAdapters,
            'psycopg2.extras.register_composite("card", c)',
            "psycopg.types.composite.register_composite("
            'psycopg.types.composite.CompositeInfo.fetch(c, "card"), c)',
        ),
        (TypeCasters, "psycopg2.extensions.register_type(psycopg2.extensions.UNICODE, c)", ""),
        (
            TypeCasters,
            """
            D = psycopg2.extensions.new_type(
                psycopg2.extensions.DECIMAL.values, "D", lambda v, cur: float(v) if v is not None else None)
            psycopg2.extensions.register_type(D, c)
            """,
            'c.adapters.register_loader("numeric", psycopg.types.numeric.FloatLoader)',
        ),
        (TypeCasters, "x = t == psycopg2.extensions.DATE", "x = t in (1082,)"),
        (TypeCasters, "x = t != psycopg2.extensions.INTEGER", "x = t not in (23, 21)"),
        (TypeCasters, "x = psycopg2.extensions.FLOAT.values", "x = (701, 700)"),
        (
            JsonTypes,
            'c.cursor().execute("insert into t values (%s, %s)", (1, psycopg2.extras.Json(v)))',
            'c.cursor().execute("insert into t values (%s, %s)", (1, psycopg2.extras.Json(v)))',
        ),
        (
            JsonTypes,
            'c.cursor().execute("update t set j = j || %s", [psycopg2.extras.Json(v)])',
            'c.cursor().execute("update t set j = j || %s", [psycopg.types.json.Jsonb(v)])',
        ),
        (
            JsonTypes,
            'c.cursor().execute("select 1 from t where j @> %(x)s", {"x": psycopg2.extras.Json(v, dumps=d)})',
            'c.cursor().execute("select 1 from t where j @> %(x)s", {"x": psycopg.types.json.Jsonb(v, dumps=d)})',
        ),
        (
            JsonTypes,
            """
            c.cursor().execute("create table t (j jsonb)")
            c.cursor().execute("select coalesce(j, %s) from t", (psycopg2.extras.Json(v),))
            """,
            'c.cursor().execute("create table t (j jsonb)")\n'
            'c.cursor().execute("select coalesce(j, %s) from t", (psycopg.types.json.Jsonb(v),))',
        ),
        (JsonTypes, "psycopg2.extras.Json(v).adapted", "psycopg2.extras.Json(v).obj"),
        (
            JsonTypes,
            "psycopg2.extras.register_default_jsonb(c, loads=lambda x: x)",
            'c.adapters.register_loader("jsonb", psycopg.types.string.TextLoader)',
        ),
        (JsonTypes, "psycopg2.extras.register_default_json(c)", ""),
        (
            Quoting,
            "psycopg2.extensions.quote_ident(name, c)",
            "psycopg.sql.Identifier(name).as_string(c)",
        ),
        (
            Quoting,
            'psycopg2.extensions.make_dsn("host=h", database="d")',
            'psycopg2.extensions.make_dsn("host=h", dbname="d")',
        ),
        (WaitCallbacks, "psycopg2.extensions.set_wait_callback(psycopg2.extras.wait_select)", ""),
        (BinaryValues, "x = c.cursor().fetchone()[0].tobytes()", "x = bytes(c.cursor().fetchone()[0])"),
        (
            BinaryValues,
            "def f(cur: psycopg2.extensions.cursor):\n    for row in cur:\n        yield row['x'].tobytes()",
            "def f(cur: psycopg2.extensions.cursor):\n    for row in cur:\n        yield bytes(row['x'])",
        ),
        (
            WaitCallbacks,
            """
            def f():
                old = psycopg2.extensions.get_wait_callback()
                psycopg2.extensions.set_wait_callback(None)
                try:
                    work()
                finally:
                    psycopg2.extensions.set_wait_callback(old)
            """,
            "def f():\n    try:\n        work()\n    finally:\n        pass",
        ),
    ],
)
def test_rewrite(command: type[Rewrite], before: str, after: str) -> None:
    assert run(command, before) == (after, [])


@pytest.mark.parametrize(
    ("command", "before", "after"),
    [
        (TypeAdapters, "psycopg2.extras.register_inet()", ""),
        (
            TypeAdapters,
            """
            import numpy as np
            def number(x):
                return psycopg2.extensions.AsIs(x)
            psycopg2.extensions.register_adapter(np.int64, number)
            psycopg2.extensions.register_adapter(np.float64, psycopg2.extensions.AsIs)
            """,
            "",
        ),
        (Quoting, "psycopg2.extensions.adapt(x).getquoted().decode()", "psycopg.sql.quote(x)"),
        (Quoting, "psycopg2.extensions.QuotedString(x).getquoted()", "psycopg.sql.quote(x).encode()"),
        (
            Quoting,
            'psycopg2.extensions.encrypt_password(p, "u" + v, c, "md5")',
            'c.pgconn.encrypt_password(p.encode(), ("u" + v).encode(), "md5".encode()).decode()',
        ),
        (Quoting, "psycopg2.extensions.DateFromPy(day)", "day"),
        (TypeAdapters, 'psycopg2.extras.Inet("10.0.0.1")', 'ip_interface("10.0.0.1")'),
        (
            RangeClasses,
            "x = isinstance(v, (psycopg2.extras.DateRange, int))",
            "x = isinstance(v, (psycopg.types.range.Range, int))",
        ),
        (Quoting, "psycopg2.tz.FixedOffsetTimezone(60)", "timezone(timedelta(minutes=60))"),
        (
            Pools,
            'p = psycopg2.pool.SimpleConnectionPool(1, 5, "dbname=d")\np.closeall()',
            'p = psycopg2.pool.SimpleConnectionPool("dbname=d", min_size=1, max_size=5, open=True)\np.close()',
        ),
        (
            Pools,
            "psycopg2.pool.ThreadedConnectionPool(1, maxconn=n, database=d, **more)",
            "psycopg2.pool.ThreadedConnectionPool("
            'min_size=1, max_size=n, kwargs={"dbname": d, **more}, open=True)',
        ),
        (
            Pools,
            "p = psycopg2.pool.ThreadedConnectionPool(1, 2, **more)\nx = p.getconn()\np.putconn(x, close=True)",
            "p = psycopg2.pool.ThreadedConnectionPool("
            "min_size=1, max_size=2, kwargs=more, open=True)\nx = p.getconn()\n"
            "x.close()\np.putconn(x)",
        ),
        (
            Notifications,
            """
            def f():
                c.poll()
                while c.notifies:
                    n = c.notifies.pop(0)
                    print(n.payload)
            """,
            "def f():\n    for n in list(c.notifies(timeout=0)):\n        print(n.payload)",
        ),
    ],
)
def test_rewrite_where_the_user_agrees(command: type[Rewrite], before: str, after: str) -> None:
    assert run(command, before, unsafe=True) == (after, [])
    text, left = run(command, before)
    assert text == "\n".join(
        line
        for line in textwrap.dedent(before).strip().splitlines()
        if line.strip() not in START + "import numpy as np"
    )
    assert left or "notifies" in text or "FromPy" in text or "Inet" in text  # other passes tell


@pytest.mark.parametrize(
    ("command", "text", "said"),
    [
        (
            ValueDumpers,
            "psycopg2.extensions.register_adapter(Point, lambda p: psycopg2.extensions.AsIs(\"'(1, 2)'\"))",
            "`register_adapter()` has no equal: `Point` needs a dumper",
        ),
        (
            ValueDumpers,
            "psycopg2.extensions.register_adapter(Point, lambda p: psycopg2.extensions.AsIs(p.x))",
            "`register_adapter()` has no equal: `Point` needs a dumper",
        ),
        (
            TypeAdapters,
            "cursor = c.cursor()\npsycopg2.extras.register_hstore(c)",
            "a cursor made before this keeps the adapters that it had",
        ),
        (
            TypeAdapters,
            "cursor = psycopg.connect().cursor()\npsycopg2.extras.register_hstore(cursor)",
            "a cursor made before this keeps the adapters that it had",
        ),
        (
            TypeCasters,
            'psycopg2.extensions.new_type((20,), "N", lambda v, cur: int(v) if v is not None else 0)',
            "`new_type()` has no equal",
        ),
        (
            TypeCasters,
            'psycopg2.extensions.new_type((20,), "N", lambda v, cur: cur.find(v))',
            "`new_type()` has no equal",
        ),
        (
            JsonTypes,
            "class Mine(psycopg2.extras.Json):\n    def dumps(self, obj):\n        return ''",
            "psycopg 3 does not call `dumps()` of a class derived from `Json`",
        ),
        (
            JsonTypes,
            "def f(cursor: psycopg2.extensions.cursor):\n"
            "    psycopg2.extensions.register_adapter(dict, psycopg2.extras.Json)\n"
            "    cursor.execute(q, ({},))",
            "a cursor made before this keeps the adapters that it had",
        ),
        (JsonTypes, "x = psycopg2.extras.Json(v)\nstr(x)", "the text of a `Json` is no SQL"),
        (Quoting, "psycopg2.sql.SQL(text).string", "`string` is private in psycopg 3"),
        (
            BinaryValues,
            "c.cursor().fetchall()[0][0].tolist()",
            "bytea columns give bytes, which have no `tolist()`",
        ),
        (
            WaitCallbacks,
            "psycopg2.extensions.set_wait_callback(mine)",
            "psycopg 3 has no wait callbacks",
        ),
    ],
)
def test_what_is_left_to_a_person(command: type[Rewrite], text: str, said: str) -> None:
    assert run(command, text) == (text, [said])


DUMPED = [
    ("lambda p: psycopg2.extensions.QuotedString(str(p))", "lambda p: str(p)", False),
    ("lambda p: psycopg2.extensions.adapt(str(p))", "lambda p: str(p)", False),
    ("lambda e: psycopg2.extensions.adapt(e.value)", "lambda e: e.value", True),
    (
        "lambda n: psycopg2.extensions.AsIs(float(n)) if n else psycopg2.extensions.AsIs('NULL')",
        "lambda n: float(n) if n else None",
        True,
    ),
]


@pytest.mark.parametrize(("before", "after", "unsafe"), DUMPED)
def test_dumpers(before: str, after: str, unsafe: bool) -> None:
    # In a function, as a connection has been made above.
    start = "def f():\n    psycopg2.extensions.register_adapter(Kind, {})"
    text, left = run(ValueDumpers, start.format(before), unsafe=unsafe)
    assert text.endswith(f"register_dumper(Kind, {after})")
    assert not left


def test_functions_that_dump() -> None:
    text, left = run(
        ValueDumpers,
        """
        def write(n):
            if n != n:
                return psycopg2.extensions.AsIs("NULL")
            return psycopg2.extensions.AsIs(n)
        def f():
            psycopg2.extensions.register_adapter(float, write)
            psycopg2.extensions.register_adapter(Number, write)
        """,
        unsafe=True,
    )
    assert "return None\n    return n\n" in text
    assert text.endswith("register_dumper(float, write)\n    register_dumper(Number, write)")
    assert not left


def test_errors_of_pools() -> None:
    text = "try:\n    pass\nexcept (psycopg2.pool.PoolError, OSError):\n    pass"
    after, left = run(Pools, text, unsafe=True)
    assert "except (PoolTimeout, PoolClosed, OSError):" in after
    assert not left


@pytest.mark.parametrize("errors", ["(Exception, psycopg2.DatabaseError)", "psycopg2.OperationalError"])
def test_pools_that_may_fail(errors: str) -> None:
    """psycopg2 connects where the pool is made; `wait()` raises what is caught there."""
    text = (
        f"try:\n    self.p = psycopg2.pool.SimpleConnectionPool(1, 5, dsn)\nexcept {errors}:\n    give_up()"
    )
    after, left = run(Pools, text, unsafe=True)
    new = "psycopg2.pool.SimpleConnectionPool(dsn, min_size=1, max_size=5, open=True)"
    assert after == f"try:\n    self.p = {new}\n    self.p.wait()\nexcept {errors}:\n    give_up()"
    assert not left
    assert "wait" not in run(Pools, text.replace(errors, "KeyError"), unsafe=True)[0]
    after, left = run(Pools, text.replace("self.p =", "return"), unsafe=True)
    assert "wait" not in after
    assert left == ["a pool that cannot connect is no error where it is made"]


@pytest.mark.parametrize(
    "text",
    [
        "p = psycopg2.pool.ThreadedConnectionPool(*sizes)",
        "p = psycopg2.pool.ThreadedConnectionPool(1, 2, connection_factory=f)",
        "p = psycopg2.pool.PersistentConnectionPool(1, 2, *more)",
    ],
)
def test_pools_that_are_left_to_a_person(text: str) -> None:
    after, left = run(Pools, text, unsafe=True)
    assert after == text
    assert left


def test_loops_that_may_end_early() -> None:
    text = "while c.notifies:\n    n = c.notifies.pop(0)\n    if n.pid:\n        break"
    assert run(Notifications, text, unsafe=True)[0] == text


def test_loaders_of_the_project() -> None:
    after, left = run(
        TypeCasters,
        """
        D = psycopg2.extensions.new_type((1082,), "D", lambda v, cur: v)
        psycopg2.extensions.register_type(D, c)
        A = psycopg2.extensions.new_array_type((1182,), "A", D)
        psycopg2.extensions.register_type(A, c)
        """,
    )
    assert after.endswith('D = make_loader((1082,), "D", lambda v, cur: v)\nregister_loader(D, c)')
    assert not left


def test_json_of_a_project_with_jsonb() -> None:
    text = 'DDL = "create table t (j jsonb)"\ndef f(v): return psycopg2.extras.Json(v)'
    assert run(JsonTypes, text)[0].endswith("return psycopg.types.json.Jsonb(v)")
    text = 'import json,re\nDDL = "alter table t add j jsonb"\ndef f(v): return psycopg2.extras.Json(g(json.x, v))'
    assert run(JsonTypes, text)[0].endswith("return psycopg.types.json.Jsonb(g(json.x, v))")
    text = 'DDL = "create table t (j jsonb, k json)"\ndef f(v): return psycopg2.extras.Json(v)'
    assert run(JsonTypes, text)[0].endswith("return psycopg2.extras.Json(v)")


@pytest.mark.parametrize("command", [TypeAdapters, TypeCasters, JsonTypes, Quoting, WaitCallbacks])
def test_other_functions_are_left_alone(command: type[Rewrite]) -> None:
    text = "\n".join(
        f"{name}(x, c)"
        for name in (
            "register_uuid",
            "register_type",
            "register_adapter",
            "Json",
            "adapt",
            "set_wait_callback",
        )
    )
    assert run(command, text, unsafe=True) == (text, [])


@pytest.mark.parametrize("unsafe", [False, True])
def test_private_members_of_pools(unsafe: bool) -> None:
    context = CodemodContext(scratch={UNSAFE: unsafe})
    source = (
        "from psycopg2.pool import AbstractConnectionPool\n"
        "def f(pool: AbstractConnectionPool, other):\n    pool._getconn()\n    other._getconn()\n"
    )
    Pools(context).transform_module(cst.parse_module(source))
    said = [
        (each.location.row, each.message) for each in context.scratch[ITEMS] if "_getconn" in each.message
    ]
    assert said == [(3, "pools of psycopg_pool have no `_getconn`")]
