"""Adapters, casters, JSON and quoting: a program before and after the migration, on both drivers."""

from pathlib import Path

import psycopg
import psycopg2
import psycopg2.pool
import psycopg_pool
import pytest

from .migration import same_answers
from .support import Database

PROGRAMS = {
    "uuid": """
        import psycopg2
        import psycopg2.extras
        import uuid

        psycopg2.extras.register_uuid()

        def work(dsn):
            connection = psycopg2.connect(dsn)
            cursor = connection.cursor()
            cursor.execute("select %s", (uuid.UUID(int=7),))
            found = cursor.fetchone()[0]
            connection.close()
            return found
    """,
    "composite types": """
        import psycopg2
        from psycopg2.extras import register_composite

        def work(dsn):
            connection = psycopg2.connect(dsn)
            connection.cursor().execute("drop type if exists card; create type card as (value int, suit text)")
            connection.commit()
            connection.close()
            return read(dsn)

        def read(dsn):
            connection = psycopg2.connect(dsn)
            register_composite("card", connection)
            cursor = connection.cursor()
            cursor.execute("select (8, 'hearts')::card")
            card = cursor.fetchone()[0]
            connection.close()
            return card.value, card.suit
    """,
    "floats": """
        import psycopg2
        from psycopg2.extensions import DECIMAL, UNICODE, new_type, register_type

        DEC2FLOAT = new_type(
            DECIMAL.values, "DEC2FLOAT", lambda value, cursor: float(value) if value is not None else None
        )

        def work(dsn):
            connection = psycopg2.connect(dsn)
            register_type(UNICODE, connection)
            register_type(DEC2FLOAT, connection)
            cursor = connection.cursor()
            cursor.execute("select 1.5, null::numeric, 'x'")
            found = cursor.fetchone()
            connection.close()
            return found, type(found[0])
    """,
    "loaders": """
        import psycopg2
        from psycopg2.extensions import DATE, INTEGER, new_array_type, new_type, register_type

        def text_of(value, cursor):
            if value is None:
                return None
            return "on " + value

        DATES = new_type(DATE.values, "DATES", text_of)
        LISTS = new_array_type((1182,), "LISTS", DATES)

        def work(dsn):
            connection = psycopg2.connect(dsn)
            register_type(DATES, connection)
            register_type(LISTS, connection)
            cursor = connection.cursor()
            cursor.execute("select date '2020-01-02', array[date '2020-01-03'], null::date, 1")
            found = cursor.fetchone()
            kinds = [column.type_code == DATE for column in cursor.description]
            numbers = [column.type_code in INTEGER.values for column in cursor.description]
            connection.close()
            return found, kinds, numbers
    """,
    "json": """
        import json
        import psycopg2
        from psycopg2.extras import Json, register_default_json, register_default_jsonb
        from psycopg2.extensions import register_adapter

        register_adapter(dict, Json)

        def work(dsn):
            connection = psycopg2.connect(dsn)
            register_default_json(connection, loads=lambda text: text)
            register_default_jsonb(connection, loads=lambda text: json.loads(text, parse_int=str))
            cursor = connection.cursor()
            cursor.execute("create temporary table document (plain json, tree jsonb)")
            cursor.execute("insert into document values (%s, %s)", (Json({"a": 1}), {"a": 1}))
            cursor.execute("update document set tree = tree || %s", (Json({"b": [2]}),))
            cursor.execute("select count(*) from document where tree @> %(part)s", {"part": Json({"b": [2]})})
            count = cursor.fetchone()
            cursor.execute("select jsonb_set(tree, '{c}', %s) from document", (Json([3]),))
            cursor.execute("select plain, tree from document")
            found = cursor.fetchone()
            connection.close()
            return count, found, Json({"c": 1}).adapted
    """,
    "jsonb beside others": """
        import psycopg2
        from psycopg2.extras import Json

        def work(dsn):
            connection = psycopg2.connect(dsn)
            cursor = connection.cursor()
            cursor.execute("create temporary table tree (leaf jsonb)")
            cursor.execute("insert into tree values (null), (%s)", (Json([1]),))
            cursor.execute("select coalesce(leaf, %s) from tree", (Json({"a": 1}),))
            found = cursor.fetchall()
            cursor.execute("select case when leaf is null then %s else leaf end from tree", (Json(2),))
            found += cursor.fetchall()
            connection.close()
            return found
    """,
    "bytea and ranges": """
        import psycopg2
        from psycopg2.extras import NumericRange

        def work(dsn):
            connection = psycopg2.connect(dsn)
            cursor = connection.cursor()
            cursor.execute("select %s::bytea, int4range(1, 5) @> 3, %s::int4range", (b"ab", NumericRange(1, 3)))
            row = cursor.fetchone()
            found = row[0].tobytes(), row[1], row[2].lower, row[2].upper, isinstance(row[2], NumericRange)
            connection.close()
            return found
    """,
    "types of the program": """
        import pathlib
        import psycopg2
        from psycopg2.extensions import QuotedString, adapt, register_adapter

        class Name:
            def __init__(self, text):
                self.text = text

            def __str__(self):
                return self.text

        register_adapter(Name, lambda name: QuotedString(str(name)))
        register_adapter(pathlib.PurePosixPath, lambda path: adapt(str(path)))

        def work(dsn):
            connection = psycopg2.connect(dsn)
            cursor = connection.cursor()
            cursor.execute("create temporary table thing (name text, path text, moment date)")
            values = (Name("it's"), pathlib.PurePosixPath("/tmp"), Name("2020-01-02"))
            cursor.execute("insert into thing values (%s, %s, %s)", values)
            cursor.execute("select * from thing where name = %s", (Name("it's"),))
            found = cursor.fetchall()
            connection.close()
            return found
    """,
    "identifiers": """
        import psycopg2
        from psycopg2.extensions import make_dsn, parse_dsn, quote_ident

        def work(dsn):
            connection = psycopg2.connect(dsn)
            found = [quote_ident(name, connection) for name in ("plain", 'qu"ote', "Upper Case", "select")]
            found.append(quote_ident("x", connection.cursor()))
            connection.close()
            return found, parse_dsn(make_dsn("host=h", database="d", port=5))
    """,
    "callbacks": """
        import contextlib
        import psycopg2
        from psycopg2.extensions import get_wait_callback, set_wait_callback
        from psycopg2.extras import wait_select

        set_wait_callback(wait_select)

        @contextlib.contextmanager
        def paused():
            try:
                callback = get_wait_callback()
                set_wait_callback(None)
                yield
            finally:
                set_wait_callback(callback)

        def work(dsn):
            connection = psycopg2.connect(dsn)
            cursor = connection.cursor()
            with paused():
                cursor.execute("select 1")
            found = cursor.fetchone()
            connection.close()
            set_wait_callback(None)
            return found
    """,
}
PROGRAMS |= {
    "ranges": """
        import datetime
        import decimal
        import psycopg2
        from psycopg2.extras import DateRange, DateTimeRange, DateTimeTZRange, NumericRange

        DAY, MOMENT = datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1, 12)

        def work(dsn):
            connection = psycopg2.connect(dsn)
            cursor = connection.cursor()
            found = []
            for kind, given in (
                ("int4range", NumericRange(1, 5)),
                ("int8range", NumericRange(1, None, "[]")),
                ("numrange", NumericRange(decimal.Decimal("1.5"), 2, "()")),
                ("daterange", DateRange(DAY, None)),
                ("tsrange", DateTimeRange(None, MOMENT)),
                ("tstzrange", DateTimeTZRange(MOMENT.replace(tzinfo=datetime.timezone.utc), None)),
                ("int4range", NumericRange(empty=True)),
            ):
                cursor.execute(f"create temporary table ranged (value {kind})")
                cursor.execute("insert into ranged values (%s)", (given,))
                cursor.execute("select value from ranged where value = %s", (given,))
                (value,) = cursor.fetchone()
                found.append((value.lower, value.upper, value.lower_inc, value.upper_inc, value.isempty))
                if None not in (given.lower, given.upper):
                    found.append((value == given, value._bounds, given.lower in value))
                cursor.execute("drop table ranged")
            connection.close()
            return found
    """,
    "composed statements": """
        import psycopg2
        from psycopg2 import sql
        from psycopg2.sql import SQL, Composed, Identifier, Literal, Placeholder

        def work(dsn):
            connection = psycopg2.connect(dsn)
            cursor = connection.cursor()
            columns = ["a", "B c"]
            names = SQL(", ").join(map(Identifier, columns))
            create = SQL("create temporary table {} ({} int, {} text default {})")
            cursor.execute(create.format(Identifier("Odd"), *map(Identifier, columns), Literal("it's")))
            insert = SQL("insert into {table} ({names}) values ({values})")
            marks = SQL(", ").join(Placeholder() * 2)
            cursor.execute(insert.format(table=Identifier("Odd"), names=names, values=marks), (1, "x"))
            rest = SQL(", ").join([Placeholder("a"), sql.DEFAULT])
            cursor.execute(insert.format(table=Identifier("Odd"), names=names, values=rest), {"a": 2})
            query = SQL("select ") + names + SQL(", ") + sql.NULL + SQL(" from ") + Identifier("pg_temp", "Odd")
            query += SQL(" where {} > %s order by 1").format(Identifier("a"))
            cursor.execute(query, (0,))
            found = cursor.fetchall()
            text = Identifier("a").as_string(cursor), names.as_string(connection)
            connection.close()
            return found, isinstance(query, Composed), text, create == SQL("x")
    """,
}
UNSAFE_PROGRAMS = {
    "pools": """
        import psycopg2
        from psycopg2.extras import RealDictCursor
        from psycopg2.pool import PoolError, ThreadedConnectionPool

        def work(dsn):
            pool = ThreadedConnectionPool(1, 2, dsn, cursor_factory=RealDictCursor, application_name="app")
            one, two = pool.getconn(), pool.getconn()
            cursor = one.cursor()
            cursor.execute("select current_setting('application_name') as name")
            found = [cursor.fetchone()["name"], pool.maxconn]
            pool.putconn(one)
            pool.putconn(two, close=True)
            found.append(two.closed != 0)
            pool.closeall()
            try:
                pool.getconn()
            except PoolError:
                found.append("closed")
            return found
    """,
    "pools that may fail": """
        import psycopg2
        from psycopg2 import pool

        def work(dsn):
            try:
                connections = pool.SimpleConnectionPool(minconn=1, maxconn=2, dsn=dsn)
            except (Exception, psycopg2.DatabaseError) as error:
                return "no"
            connection = connections.getconn()
            with connection.cursor() as cursor:
                cursor.execute("select 1")
                found = cursor.fetchone()
            connections.putconn(connection)
            connections.closeall()
            return found
    """,
    "notifications": """
        import select
        import psycopg2
        from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT

        def work(dsn):
            connection, other = psycopg2.connect(dsn), psycopg2.connect(dsn)
            connection.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
            connection.cursor().execute("listen news")
            other.cursor().execute("notify news, 'one'; notify news, 'two'")
            other.commit()
            found = []
            while len(found) < 2:
                if select.select([connection], [], [], 5) == ([], [], []):
                    break
                connection.poll()
                while connection.notifies:
                    notification = connection.notifies.pop(0)
                    found.append((notification.channel, notification.payload))
            connection.close()
            other.close()
            return found
    """,
    "quoting": """
        import psycopg2
        from psycopg2.extensions import QuotedString, adapt, encrypt_password
        from psycopg2.tz import FixedOffsetTimezone
        import datetime

        def work(dsn):
            connection = psycopg2.connect(dsn)
            password = encrypt_password("secret", "user", connection, "md5")
            connection.close()
            zone = FixedOffsetTimezone(offset=90)
            moment = datetime.datetime(2020, 1, 2, tzinfo=zone)
            return adapt(5).getquoted(), QuotedString("it's").getquoted().decode(), password, moment.utcoffset()
    """,
    "numbers and enumerations": """
        import enum
        import psycopg2
        from psycopg2.extensions import AsIs, adapt, register_adapter

        class Color(enum.Enum):
            RED = "red"

        class Number:
            def __init__(self, value):
                self.value = value

        def number(given):
            if given.value is None:
                return AsIs("NULL")
            return AsIs(given.value)

        register_adapter(Color, lambda color: adapt(color.value))
        register_adapter(Number, number)

        def work(dsn):
            connection = psycopg2.connect(dsn)
            cursor = connection.cursor()
            cursor.execute("create temporary table thing (color text, one int, two numeric)")
            cursor.execute("insert into thing values (%s, %s, %s)", (Color.RED, Number(5), Number(None)))
            cursor.execute("select *, one + %s from thing", (Number(2),))
            found = cursor.fetchall()
            connection.close()
            return found
    """,
    "values as they are": """
        import datetime
        import psycopg2
        from psycopg2.extensions import DateFromPy
        from psycopg2.extras import DateRange, Inet

        def work(dsn):
            connection = psycopg2.connect(dsn)
            cursor = connection.cursor()
            day = datetime.date(2020, 1, 2)
            cursor.execute("select %s, host(%s), daterange(%s, null)", (DateFromPy(day), Inet("10.0.0.1/8"), day))
            found = cursor.fetchone()
            connection.close()
            return found[:2], isinstance(found[2], DateRange)
    """,
    "addresses": """
        import ipaddress
        import psycopg2
        from psycopg2.extras import register_ipaddress

        register_ipaddress()

        def work(dsn):
            connection = psycopg2.connect(dsn)
            cursor = connection.cursor()
            network = ipaddress.ip_network("10.0.0.0/8")
            cursor.execute("select inet '10.0.0.1/24', cidr '10.0.0.0/8', %s::text", (network,))
            found = cursor.fetchone()
            connection.close()
            return found
    """,
}


def test_pools_that_cannot_connect() -> None:
    """Why a pool is waited for where it is caught that it cannot connect: it would be no error there."""
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.pool.SimpleConnectionPool(1, 2, "host=/nowhere")
    pool = psycopg_pool.ConnectionPool("host=/nowhere", min_size=1, max_size=2, open=True)
    with pool, pytest.raises(psycopg.OperationalError):
        pool.wait(timeout=0.3)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PROGRAMS)
def test_same_answers(database: Database, tmp_path: Path, name: str) -> None:
    same_answers(database, tmp_path, PROGRAMS[name])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", UNSAFE_PROGRAMS)
def test_same_answers_unsafely(database: Database, tmp_path: Path, name: str) -> None:
    same_answers(database, tmp_path, UNSAFE_PROGRAMS[name], unsafe=True)
