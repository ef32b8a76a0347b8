"""Statements whose parameters the server binds: before and after the migration, and what happens without it."""

import textwrap
from pathlib import Path

import psycopg
import psycopg2
import pytest
import sqlalchemy as sa

from .migration import same_answers
from .support import Database

START = """
import datetime
import decimal
import psycopg2
from psycopg2 import sql

def work(dsn):
    connection = psycopg2.connect(dsn)
    cursor = connection.cursor()
    found = []

    def ask(*columns):
        found.extend(cursor.fetchall())

    cursor.execute("create temp table t (a int, b text, c date, d numeric, e int[])")
    cursor.execute(
        "insert into t values (1, 'x', '2020-01-01', 1.5, '{1,2}'), (2, 'y', '2020-02-01', 2, '{3}'),"
        " (3, null, null, null, null)"
    )
"""
END = """
    connection.close()
    return found
"""
SAME = {
    "statements that take parameters": """
        cursor.execute("create temp table copied as select * from t where a = %s;", (1,))
        cursor.execute("explain (costs off) select * from copied where a = %s", (1,))
        found.append(len(cursor.fetchall()) > 0)
        cursor.execute("declare reading cursor for select a from t where a < %s", (3,))
        cursor.execute("fetch all from reading")
        ask()
        cursor.execute("create procedure pg_temp.double(inout x int) language sql as 'select 2 * x'")
        cursor.execute("call pg_temp.double(%s)", (21,))
        ask()
        cursor.execute("listen %s" % "channel")
        cursor.execute("unlisten %s" % "channel")
        cursor.execute("select a from t where b like 'x%%' and a = any(%s)", ([1, 2],))
        ask()
        cursor.execute("select a from t where b like 'x%'")
        ask()
    """,
    "members": """
        wanted = [1, 3]
        cursor.execute("select a from t where a in %s order by a", (tuple(wanted),))
        ask()
        cursor.execute("select a from t where a not in %s and b in %s", ((1, 3), ("y", "z")))
        ask()
        cursor.execute("select a from t where b in %(b)s or d in %(d)s order by a", {"b": ("x",), "d": (2,)})
        ask()
        cursor.execute("select a from t where c in %s", (("2020-01-01", "2021-01-01"),))
        ask()
        cursor.execute("select a from t where c in %s", ((datetime.date(2020, 2, 1),),))
        ask()
        cursor.execute("select a from t where not a in %s", (tuple(wanted),))
        ask()
        query = sql.SQL("select {} from t where a in %s order by a").format(sql.Identifier("b"))
        cursor.execute(query, (tuple(wanted),))
        ask()
    """,
    "members in parts": """
        query = "select a from t where a > %(low)s"
        values = {"low": 0}
        if not found:
            query += " and a in %(some)s"
            values["some"] = tuple([1, 3])
        cursor.execute(query, values)
        ask()
        where = ""
        if found:
            where = "where b in %(names)s"
        cursor.execute(f"select a from t {where} order by a", {"names": ("x", "y")})
        ask()
    """,
    "members of many": """
        cursor.executemany("delete from t where a in %s", [((1, 2),), (tuple([7]),)])
        cursor.execute("select a from t")
        ask()
    """,
    "distinct": """
        for value in (None, True, False):
            cursor.execute("select a, b is null is %s, b is null is not %s from t order by a", (value, value))
            ask()
        cursor.execute("select a from t where b is %s", (None,))
        ask()
    """,
    "typed literals": """
        day = "2020-01-02"
        cursor.execute("select interval %s, date %s, timestamp %s, time %s", ("1 day", day, day, "1:00"))
        ask()
        cursor.execute("select interval %s, date %s", (datetime.timedelta(hours=1), datetime.date(2020, 1, 2)))
        ask()
        cursor.execute("select timestamp with time zone %s at time zone 'UTC', inet %s::text", (day, "::1"))
        ask()
        cursor.execute("select a from t where c < date %(day)s - interval %(by)s", {"day": "2020-01-10", "by": "1 day"})
        ask()
    """,
    "intervals in quotes": """
        for amount in (3, 1.5, decimal.Decimal("2.25"), -1):
            cursor.execute(
                "select interval '%s days', interval '%s hours', '%s weeks'::interval, interval '%s month'",
                (amount, amount, amount, amount),
            )
            ask()
            cursor.execute("select interval '%(n)s min', interval '%(n)s'", {"n": amount})
            ask()
        years: int = 2
        cursor.execute("select interval '%s years', interval '-%s mon'", (years, years))
        ask()
    """,
    "fields": """
        for field in ("day", "second"):
            cursor.execute("select extract(%s from timestamp '2020-01-02 03:04:05.5')", (field,))
            ask()
    """,
    "scalars": """
        cursor.execute("select %s", "x")
        ask()
        cursor.execute("select %s", f"{1}")
        ask()
        cursor.execute("select %s", str(7))
        ask()
    """,
    "helpers": """
        def fetch(cursor: psycopg2.extensions.cursor, query, values=()):
            cursor.execute(query, values or None)
            return cursor.fetchall()

        found.append(fetch(cursor, "select a from t where a in %s order by a", (tuple(range(3)),)))
        found.append(fetch(cursor, values=["1 day"], query="select interval %s"))
    """,
    "texts by name": """
        query = "select a from t "
        query += "where a in %s order by a"
        cursor.execute(query, (tuple(range(3)),))
        ask()
        order = "desc"
        cursor.execute(f"select a from t where a in %s order by a {order}", (tuple(range(3)),))
        ask()
        cursor.execute("select a from %s where a in %%s" % "t", ((1,),))
        ask()
    """,
}
UNSAFE = {
    "members that are composed": """
        wanted = [1, 3]
        cursor.execute(sql.SQL("select a from {} where a in {} order by a").format(
            sql.Identifier("t"), sql.Literal(tuple(wanted))))
        ask()
        cursor.execute(sql.SQL("select a from t where a not in {} order by a").format(sql.Literal((1, 2))))
        ask()
    """,
    "members": """
        for wanted in ((1, 2), (3,)):
            cursor.execute("select a from t where a in %s order by a", (wanted,))
            ask()
    """,
    "settings": """
        def settings():
            for name in ("TimeZone", "statement_timeout", "search_path", "a.b"):
                cursor.execute(sql.SQL("select current_setting({}, true)").format(sql.Literal(name)))
                ask()

        cursor.execute("set time zone %s", ("Europe/Rome",))
        cursor.execute("set local statement_timeout = %s", (1000,))
        cursor.execute("set search_path to %s", ("My Schema, or not",))
        cursor.execute("set session a.b = %s", ("x",))
        settings()
        cursor.execute("set timezone to %s", (2,))
        connection.commit()
        settings()
    """,
    "definitions": """
        cursor.execute("create temp table u (a int default %s, b text check (b <> %s))", (7, "it's"))
        cursor.execute("comment on table u is %s", ("said 'so'",))
        cursor.execute("create temp view v as select %s as a", (5,))
        cursor.execute("do $$ begin perform %s; end $$", (1,))
        cursor.execute("alter table u alter a set default %(n)s", {"n": 8})
        cursor.executemany("alter table u add check (a > %s)", [(1,), (2,)])
        cursor.execute("insert into u default values returning a, b")
        ask()
        cursor.execute("select obj_description('u'::regclass), (select a from v)")
        ask()
    """,
    "several with parameters": """
        cursor.execute("insert into t (a) values (%s); delete from t where a = %s", (9, 1))
        cursor.execute("select a from t order by a")
        ask()
    """,
    "several": """
        cursor.execute("insert into t (a) values (10); select a from t order by a; select 7")
        found.append(cursor.fetchall())
        cursor.execute("delete from t where a = 10; select a from t order by a", ())
        found.append(cursor.fetchall())
        cursor.execute("select 1; delete from t where a > 1")
        found.append(cursor.rowcount)
    """,
    "null tests": """
        for value in (None, "x", 1, 1.5, datetime.date.today(), [1], ["a"], True, b"x"):
            cursor.execute("select %s is null, %s is not null", (value, value))
            ask()
        for value in (None, 2):
            cursor.execute("select a from t where %(a)s is null or a = %(a)s::int order by a", {"a": value})
            ask()
    """,
    "texts without type": """
        name = "x" + str(1)
        cursor.execute("select concat(%s, 'a', %s), concat_ws(%s, %s, 'b')", ("x", None, "-", "y"))
        ask()
        cursor.execute("select json_build_object(%s, %s), jsonb_build_array(%s)", ("a", name, "c"))
        ask()
        cursor.execute("select format(%s, %s)", ("%s", name))
        ask()
        cursor.execute("select unnest(%s)", (["a", "b"],))
        ask()
        cursor.execute("select array_length(%s, 1), array_to_string(%s, ',')", (["a", "b"], ["c"]))
        ask()
    """,
    "series": """
        cursor.execute("select generate_series(%s, %s)", (1, len("abc")))
        ask()
    """,
    "years": """
        for amount in (1, 2):
            cursor.execute("select interval '%s years'", (amount,))
            ask()
    """,
}


def program(body: str) -> str:
    return START + textwrap.indent(textwrap.dedent(body), "    ") + END


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SAME)
def test_same(database: Database, tmp_path: Path, name: str) -> None:
    same_answers(database, tmp_path, program(SAME[name]))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", UNSAFE)
def test_same_where_the_user_agrees(database: Database, tmp_path: Path, name: str) -> None:
    same_answers(database, tmp_path, program(UNSAFE[name]), unsafe=True)


def test_notifications(database: Database, tmp_path: Path) -> None:
    """What is notified with a parameter arrives, on the channel whose name is folded as before."""
    admin = database.admin
    admin.execute("listen jobs")
    same_answers(
        database,
        tmp_path,
        """
        import psycopg2

        def work(dsn):
            connection = psycopg2.connect(dsn)
            cursor = connection.cursor()
            cursor.execute("notify Jobs, %s", ("it's",))
            connection.commit()
            connection.close()
        """,
    )
    heard = [(each.channel, each.payload) for each in admin.notifies(timeout=1, stop_after=2)]
    admin.execute("unlisten jobs")
    assert heard == [("jobs", "it's")] * 2


@pytest.mark.filterwarnings("ignore")
def test_sqlalchemy(database: Database, tmp_path: Path) -> None:
    dsn = database.url("psycopg2").render_as_string(hide_password=False)
    same_answers(
        database,
        tmp_path,
        f"""
        from sqlalchemy import create_engine, text

        def work(dsn):
            engine = create_engine({dsn!r})
            found = []
            with engine.begin() as connection:
                rows = connection.execute(
                    text("select x from generate_series(1, 4) x where x in :some and x not in :others"),
                    {{"some": (1, 2, 3), "others": (3,)}},
                )
                found += rows.all()
                found += connection.execute(text("select (1 = 2) is :a, interval ':n days', date :d"),
                                            {{"a": None, "n": 3, "d": "2020-01-01"}}).all()
                connection.execute(text("set local statement_timeout = :n"), {{"n": 1000}})
                found += connection.execute(text("show statement_timeout")).all()
            engine.dispose()
            return list(map(tuple, found))
        """,
        unsafe=True,
    )


REFUSED = {
    "1 in %s": (psycopg.errors.SyntaxError, ((1, 2),)),
    "null is %s": (psycopg.errors.SyntaxError, (None,)),
    "interval %s": (psycopg.errors.SyntaxError, ("1 day",)),
    "extract(%s from now())": (psycopg.errors.SyntaxError, ("day",)),
    "concat(%s, 'a')": (psycopg.errors.IndeterminateDatatype, ("x",)),
    "%s is null": (psycopg.errors.IndeterminateDatatype, ("x",)),
    "round(%s, 2)": (psycopg.errors.UndefinedFunction, (1.5,)),
    "%s * %s": (psycopg.errors.NumericValueOutOfRange, (30000, 30000)),
    "array[1] @> %s": (psycopg.errors.UndefinedFunction, ([1],)),
    "array[1] = %s": (psycopg.errors.UndefinedFunction, ([1],)),
    "unnest(%s)": (psycopg.errors.AmbiguousFunction, (["a"],)),
    "date_trunc(%s, now()) group by date_trunc(%s, now())": (None, ("day", "day")),
    "n from (values (1)) v (n) group by n + %s, n having n + %s > 0": (None, (1, 1)),
}


@pytest.mark.parametrize("sql", REFUSED)
def test_what_is_refused(database: Database, sql: str) -> None:
    """psycopg2 executed all of these."""
    error, values = REFUSED[sql]
    with psycopg2.connect(database.dsn()) as old:
        old.cursor().execute(f"select {sql}", values)
    old.close()
    with psycopg.connect(database.dsn()) as new:
        if error is None:
            new.execute(f"select {sql}", values)
            return
        with pytest.raises(error):
            new.execute(f"select {sql}", values)


SILENT = {
    "an interval of one day": ("select interval '%s days'", (3,)),
    "no match": ("select 'a1b' like '%%%s%%'", (1,)),
    "no order": ("select x from (values (1), (2)) v (x) order by %s desc", (1,)),
    "the first result": ("select 1; select 2", None),
}


@pytest.mark.parametrize("name", SILENT)
def test_what_is_silent(database: Database, name: str) -> None:
    """Both drivers execute these, and give something else."""
    sql, values = SILENT[name]
    with psycopg2.connect(database.dsn()) as old:
        cursor = old.cursor()
        cursor.execute(sql, values)
        before = cursor.fetchall()
    old.close()
    with psycopg.connect(database.dsn()) as new:
        assert new.execute(sql, values).fetchall() != before


def test_grouping_by_parameters(database: Database) -> None:
    """Two placeholders are two parameters, even where the values are the same."""
    sql = "select date_trunc(%s, c) from (values (now())) v (c) group by date_trunc(%s, c)"
    with psycopg2.connect(database.dsn()) as old:
        old.cursor().execute(sql, ("day", "day"))
    old.close()
    with psycopg.connect(database.dsn()) as new:
        with pytest.raises(psycopg.errors.GroupingError):
            new.execute(sql, ("day", "day"))
        new.rollback()
        named = sql.replace("%s", "%(unit)s")
        assert len(new.execute(named, {"unit": "day"}).fetchall()) == 1


def test_sets_of_names_are_one_name(database: Database) -> None:
    """Why `search_path` is quoted: psycopg2's value was one name, with its commas and capitals."""
    with psycopg.connect(database.dsn()) as connection:
        plain = connection.execute("select set_config('search_path', %s, false)", ["A, b"]).fetchone()
        quoted = connection.execute(
            "select set_config('search_path', quote_ident(%s), false)", ["A, b"]
        ).fetchone()
    assert (plain, quoted) == (("A, b",), ('"A, b"',))


def test_fractions_of_years(database: Database) -> None:
    """Why an amount that is no whole number for sure is the user's decision."""
    with psycopg.connect(database.dsn()) as connection:
        literal, product = connection.execute(
            "select interval '1.7 years' = interval '20 months', %s * interval '1 year' = interval '20 months'",
            [1.7],
        ).fetchone() or (None, None)
    assert (literal, product) == (True, False)


def test_expanding_takes_what_in_took(database: Database) -> None:
    with sa.create_engine(database.url("psycopg")).connect() as connection:
        text = sa.text("select x from generate_series(1, 3) x where (x, x) in :rows")
        rows = connection.execute(
            text.bindparams(sa.bindparam("rows", expanding=True)), {"rows": ((1, 1), (3, 2))}
        )
        assert rows.scalars().all() == [1]
