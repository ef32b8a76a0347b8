"""`asyncdb-lint migrate psycopg2`: rows of the map on psycopg2 before, and on psycopg 3 after."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.from_psycopg2 import ROUTE
from asyncdb_lint.migrate.project import migrate

from .migration import same_answers
from .support import Database

SAFE = {
    # 2. Imports
    "imports": """
        import os, psycopg2 as driver, sys
        import psycopg2.errors, psycopg2.extras as more
        import psycopg2.extensions; LEVEL = psycopg2.extensions.ISOLATION_LEVEL_SERIALIZABLE
        import psycopg2.sql as composing
        from psycopg2 import Error, IntegrityError as Broken, errorcodes as codes, extensions as ext, sql
        from psycopg2._psycopg import cursor as Cursor, DataError
        from psycopg2._range import DateRange, NumericRange
        from psycopg2.errors import UniqueViolation, lookup
        from psycopg2.extensions import connection as _connection, TRANSACTION_STATUS_IDLE as IDLE
        from psycopg2.sql import Identifier as I, SQL

        def work(dsn):
            connection, found = driver.connect(dsn), []
            cursor = connection.cursor()
            found += [isinstance(connection, _connection), isinstance(cursor, Cursor)]
            found += [connection.get_transaction_status() == IDLE, Broken is psycopg2.IntegrityError]
            found += [psycopg2.errors.DivisionByZero is lookup(codes.DIVISION_BY_ZERO), codes.UNIQUE_VIOLATION]
            connection.isolation_level = LEVEL
            cursor.execute(composing.SQL("select {}").format(sql.Literal(1)))
            found += cursor.fetchone()
            cursor.execute(SQL("select 1 as {}").format(I("a b")))
            found += [cursor.description[0][0], ext.TRANSACTION_STATUS_INTRANS == connection.info.transaction_status]
            cursor.execute("select %s::int4range, %s::daterange, %s", [NumericRange(1, 2), DateRange(), more.Json({})])
            found += [cursor.fetchone()[0].upper]
            connection.rollback()
            try:
                cursor.execute("insert into note (id) values (1), (1)")
            except UniqueViolation as error:
                found += [isinstance(error, Broken), isinstance(error, Error), isinstance(error, DataError)]
            connection.close()
            return found
    """,
    "conditional imports": """
        from __future__ import annotations
        import typing
        from typing import TYPE_CHECKING

        try:
            import psycopg2
            import psycopg2.extras
        except ImportError:
            psycopg2 = None
        try: from psycopg2 import sql
        except ImportError: sql = None
        if TYPE_CHECKING:
            import psycopg2.extensions
            from psycopg2.extensions import connection, cursor as Cursor

        class Store:
            connection: connection
            row: "psycopg2.extras.RealDictRow | None" = None

            def cursor(self) -> "Cursor":
                # type: () -> Cursor
                from psycopg2.extras import RealDictCursor
                return self.connection.cursor(cursor_factory=RealDictCursor)

        def first(connection: psycopg2.extensions.connection) -> typing.Any:
            cursor = connection.cursor()  # type: psycopg2.extensions.cursor
            cursor.execute(sql.SQL("select 1"))
            return cursor.fetchone()

        def work(dsn):
            if psycopg2 is None or not sql:
                return None
            store = Store()
            store.connection = psycopg2.connect(dsn)
            with store.cursor() as cursor:
                cursor.execute("select 1 as one")
                found = [dict(cursor.fetchone()), first(store.connection)]
            store.connection.close()
            return found
    """,
    "names in texts": """
        import importlib
        import psycopg2
        from unittest import mock

        def connect(dsn):
            return psycopg2.connect(dsn)

        @mock.patch("psycopg2.connect")
        def patched(fake):
            return connect("") is fake.return_value

        def work(dsn):
            with mock.patch.object(psycopg2, "connect") as fake:
                found = [connect("") is fake.return_value, patched()]
            return found + [importlib.import_module("psycopg2").connect is psycopg2.connect]
    """,
    # 3. and 16. Names
    "functions of the DB-API": """
        import datetime
        import psycopg2
        from psycopg2 import Binary, NUMBER, STRING
        from psycopg2.extensions import Binary as Bytes, libpq_version

        def work(dsn):
            connection = psycopg2.connect(dsn)
            cursor = connection.cursor()
            made = [
                psycopg2.Date(2020, 1, 2), psycopg2.Time(3, 4, 5), psycopg2.Timestamp(2020, 1, 2, 3, 4, 5),
                psycopg2.DateFromTicks(0), psycopg2.TimeFromTicks(0), psycopg2.TimestampFromTicks(0),
                Binary(b"ab"), Bytes(b"cd"),
            ]
            types = ["date", "time", "timestamp", "date", "time", "timestamptz", "bytea", "bytea"]
            cursor.execute("select " + ", ".join(f"%s::{each}::text" for each in types), made)
            found = list(cursor.fetchone())
            cursor.execute("select 1, 'x'::text, now()::timestamp, 'x'::bytea, 1::oid, 1.5, 2.5::float8, 'y'::varchar")
            codes = [column.type_code for column in cursor.description]
            for kind in (psycopg2.NUMBER, STRING, psycopg2.DATETIME, psycopg2.BINARY, psycopg2.ROWID):
                found.append([code == kind for code in codes])
            found += [psycopg2.apilevel, psycopg2.threadsafety, psycopg2.paramstyle, 23 in NUMBER.values]
            found += [psycopg2.__libpq_version__ > 100000, libpq_version() > 100000, psycopg2.__version__ > "2"]
            connection.close()
            return found
    """,
    "classes": """
        import psycopg2
        from psycopg2 import extensions
        from psycopg2.extensions import Column, ConnectionInfo, Diagnostics, Notify, Xid

        def work(dsn):
            connection = psycopg2.connect(dsn)
            cursor = connection.cursor()
            cursor.execute("select 1.25::numeric(6, 2) as a, 'x' as b")
            column = cursor.description[0]
            found = [isinstance(column, Column), isinstance(connection.info, ConnectionInfo), len(column)]
            found += [column.name, column.type_code, column.precision, column.scale, column.null_ok, column[0]]
            xid = Xid.from_string("plain")
            found += [xid.gtrid, xid.format_id, xid.bqual, xid.prepared, xid.owner, xid.database]
            found += [isinstance(connection.xid(1, "a", "b"), extensions.Xid), Notify(1, "channel", "more").payload]
            try:
                cursor.execute("select nothing from note")
            except psycopg2.ProgrammingError as error:
                found += [isinstance(error.diag, Diagnostics), error.diag.sqlstate, error.diag.severity]
                found += [error.diag.statement_position, error.diag.message_primary]
            connection.close()
            return found
    """,
    "transactions in two phases": """
        import psycopg2

        def work(dsn):
            connection, found = psycopg2.connect(dsn), []
            xid = connection.xid(42, "transaction", "branch")
            connection.tpc_begin(xid)
            connection.cursor().execute("insert into note (body) values ('kept')")
            connection.tpc_commit()
            connection.tpc_begin("other")
            connection.cursor().execute("insert into note (body) values ('lost')")
            connection.tpc_rollback()
            found += [each.gtrid for each in connection.tpc_recover()]
            cursor = connection.cursor()
            cursor.execute("select body from note")
            found += cursor.fetchall()
            try:
                connection.commit()
                connection.tpc_begin(xid)
                connection.rollback()
            except connection.ProgrammingError:
                found.append("not in two phases")
            connection.close()
            return found
    """,
    "arguments and information": """
        import psycopg2
        from psycopg2.extensions import (
            TRANSACTION_STATUS_ACTIVE, TRANSACTION_STATUS_IDLE, TRANSACTION_STATUS_INERROR, TRANSACTION_STATUS_INTRANS,
            TRANSACTION_STATUS_UNKNOWN, parse_dsn,
        )

        def work(dsn):
            where = parse_dsn(dsn)
            connection = psycopg2.connect(
                host=where["host"], port=5432, user="postgres", database="postgres", password=None, sslmode="prefer",
                options="-c search_path=a,b", connect_timeout=5, application_name="shop", keepalives=1,
                keepalives_idle=30, client_encoding="utf8",
            )
            cursor = connection.cursor()
            cursor.execute("select current_setting('search_path'), current_setting('application_name')")
            info = connection.info
            found = [cursor.fetchone(), info.host == where["host"], info.port, info.user, info.password or ""]
            found += [info.dbname, info.options, info.status, info.error_message or "", info.transaction_status]
            found += [info.backend_pid > 0, info.server_version, info.parameter_status("client_encoding")]
            states = [TRANSACTION_STATUS_IDLE, TRANSACTION_STATUS_ACTIVE, TRANSACTION_STATUS_INTRANS]
            states += [TRANSACTION_STATUS_INERROR, TRANSACTION_STATUS_UNKNOWN]
            found += [int(each) for each in states] + [connection.get_transaction_status() in states]
            try:
                cursor.execute("select 1 / 0")
            except connection.DataError:
                found.append(connection.get_transaction_status() == TRANSACTION_STATUS_INERROR)
            connection.close()
            return found + [connection.get_transaction_status() == TRANSACTION_STATUS_UNKNOWN]
    """,
    # 4. Cursors
    "methods of cursors": """
        import psycopg2

        def work(dsn):
            connection = psycopg2.connect(dsn)
            with connection.cursor() as cursor:
                cursor.execute(query="select %(a)s::int", vars={"a": 1})
                found = [cursor.fetchone(), cursor.statusmessage, cursor.rowcount, cursor.rownumber]
                cursor.execute("select g from generate_series(1, %s) g", vars=[9])
                found += [cursor.arraysize, cursor.fetchmany(size=2), cursor.rownumber, cursor.connection is connection]
                cursor.scroll(2)
                found += [cursor.fetchone(), cursor.fetchmany(2), cursor.closed]
                cursor.scroll(0, mode="absolute")
                found += [cursor.fetchall(), cursor.setinputsizes([1]), cursor.setoutputsize(1)]
                cursor.executemany("insert into note (body) values (%s)", vars_list=[("a",), ("b",)])
                cursor.executemany(query="insert into note (body) values (%(x)s)", vars_list=[{"x": "c"}])
                found.append(cursor.rowcount)
                cursor.execute("select %s", "x")
                found.append(cursor.fetchone())
                cursor.execute("select %s", str(7))
                found.append(cursor.fetchone())
            plain = connection.cursor(name=None)
            plain.execute("select '%%', %s, 10 %% 3", ("%",))
            found += [cursor.closed, plain.fetchall(), connection.fileno() > 0, plain.description[0].name]
            connection.close()
            return found
    """,
}
UNSAFE = {
    "values that are adapted in steps": """
        import psycopg2
        from psycopg2.extensions import QuotedString, adapt

        def quoted(connection, value):
            adapted = adapt(value)
            adapted.prepare(connection)
            return adapted.getquoted()

        def work(dsn):
            connection = psycopg2.connect(dsn)
            text = QuotedString("it's")
            text.prepare(connection)
            found = [text.getquoted().decode("utf-8"), quoted(connection, "é")]
            alone = adapt("x")
            found += [alone.getquoted(), str(alone)]
            connection.close()
            return found
    """,
    "what handlers expect": """
        import psycopg2

        def work(dsn):
            connection, found = psycopg2.connect(dsn), []
            cursor = connection.cursor()
            for given in (1,), (1, 2, 3):
                try:
                    cursor.execute("select %s, %s", given)
                except (IndexError, TypeError):
                    found.append("another number of parameters")
            connection.close()
            try:
                psycopg2.connect("host=127.0.0.1 port=1")
            except psycopg2.OperationalError as error:
                found += [str(error).startswith("connection to server"), "Connection refused" in str(error)]
            return found
    """,
    "time zones": """
        import datetime
        from psycopg2.tz import FixedOffsetTimezone

        def work(dsn):
            zones = [
                FixedOffsetTimezone(offset=90), FixedOffsetTimezone(-120, None), FixedOffsetTimezone(60, "here"),
                FixedOffsetTimezone(datetime.timedelta(hours=3)),
            ]
            moment = datetime.datetime(2020, 1, 1)
            return [zone.utcoffset(moment) for zone in zones] + [zones[2].tzname(moment)]
    """,
    "states in other words": """
        import psycopg2
        from psycopg2.extensions import STATUS_BEGIN, STATUS_IN_TRANSACTION, STATUS_READY

        def work(dsn):
            connection, found = psycopg2.connect(dsn), []
            for statement in (None, "select 1"):
                if statement:
                    connection.cursor().execute(statement)
                found += [STATUS_READY == connection.status, connection.status is STATUS_READY]
                found += [connection.status in (STATUS_BEGIN, STATUS_IN_TRANSACTION)]
                found += [connection.status not in [STATUS_READY], connection.status in {STATUS_READY, STATUS_BEGIN}]
            connection.close()
            return found
    """,
    "several statements": """
        import psycopg2

        def work(dsn):
            connection = psycopg2.connect(dsn)
            cursor = connection.cursor()
            cursor.execute("select 1; select 2")
            found = [cursor.fetchone()]
            cursor.execute("create temporary table t (x int); insert into t values (1), (2)")
            found += [cursor.rowcount, cursor.statusmessage]
            connection.close()
            return found
    """,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SAFE)
def test_same_answers(database: Database, tmp_path: Path, name: str) -> None:
    """What is rewritten without being asked for."""
    same_answers(database, tmp_path, SAFE[name])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", UNSAFE)
def test_nearly_same_answers(database: Database, tmp_path: Path, name: str) -> None:
    same_answers(database, tmp_path, UNSAFE[name], unsafe=True)


MODULES = {
    "base.py": """
        import psycopg2; NAME = "shop"
        from psycopg2.errorcodes import UNIQUE_VIOLATION
        from psycopg2.extensions import ISOLATION_LEVEL_SERIALIZABLE, connection
        from psycopg2.extras import RealDictCursor

        def connect(dsn) -> connection:
            return psycopg2.connect(dsn, application_name=NAME)

        def is_double(error):
            return error.pgcode == UNIQUE_VIOLATION
    """,
    "program.py": """
        import json
        import sys
        import base
        from base import ISOLATION_LEVEL_SERIALIZABLE, connection, psycopg2

        made = base.connect(sys.argv[1])
        made.set_isolation_level(ISOLATION_LEVEL_SERIALIZABLE)
        cursor = made.cursor(cursor_factory=base.psycopg2.extras.RealDictCursor)
        cursor.execute("select current_setting('transaction_isolation') as level")
        found = [isinstance(made, connection), cursor.fetchone()["level"]]
        try:
            cursor.execute("insert into note (id) values (1), (1)")
        except psycopg2.errors.UniqueViolation as error:
            found += [base.is_double(error), base.UNIQUE_VIOLATION, error.pgcode]
        except base.psycopg2.Error:
            found.append("another error")
        made.close()
        print(json.dumps(found))
    """,
}


def test_names_that_modules_take_from_each_other(database: Database, tmp_path: Path) -> None:
    """They stay, or both sides have the new one."""
    (tmp_path / "pyproject.toml").touch()
    for name, text in MODULES.items():
        (tmp_path / name).write_text(textwrap.dedent(text).lstrip())

    def answers() -> list[object]:
        command = [sys.executable, "program.py", database.dsn()]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return list(json.loads(done.stdout))

    before = answers()
    found = migrate([tmp_path], Settings(), tmp_path, ROUTE)
    found.write()
    assert "import psycopg2" not in (tmp_path / "base.py").read_text().replace("as psycopg2", "")
    assert answers() == before
    assert [each.message for each in found.manual] == []
