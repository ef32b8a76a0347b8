"""Errors in `asyncdb-lint migrate psycopg2`: a program before and after, on both drivers."""

from pathlib import Path

import pytest

from .migration import same_answers
from .support import Database

PROGRAMS = {
    "attributes": """
        import psycopg2

        def code_of(error):
            return getattr(error, "pgcode", None)

        class Refused(psycopg2.Error):
            pgcode = "X0001"

        def work(dsn):
            connection = psycopg2.connect(dsn)
            found = []
            try:
                connection.cursor().execute("select 1 / 0")
            except (ValueError, psycopg2.Error) as error:
                found.append(error.pgcode)
            connection.rollback()
            try:
                connection.cursor().execute("select nothing")
            except psycopg2.Error as error:
                found.append(code_of(error))
                found.append(error.diag.message_primary)
            connection.close()
            try:
                raise Refused("no")
            except Refused as error:
                found.append(error.pgcode)
            return found
    """,
    "wrapped by SQLAlchemy": """
        from sqlalchemy import create_engine, text
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import DBAPIError

        def work(dsn):
            engine = create_engine(make_url(dsn).set(drivername="postgresql+psycopg2"))
            try:
                with engine.connect() as connection:
                    connection.execute(text("select 1 / 0"))
            except DBAPIError as error:
                return error.orig.pgcode
            finally:
                engine.dispose()
    """,
    "classes": """
        import psycopg2
        from psycopg2 import errorcodes
        from psycopg2.extensions import QueryCanceledError, TransactionRollbackError

        def attempt(dsn, *statements):
            connection = psycopg2.connect(dsn)
            try:
                for statement in statements:
                    connection.cursor().execute(statement)
            except TransactionRollbackError as error:
                return "rolled back", error.pgcode[:2] == errorcodes.CLASS_TRANSACTION_ROLLBACK
            except QueryCanceledError:
                return "canceled"
            except psycopg2.InternalError as error:
                return "internal", error.pgcode
            finally:
                connection.close()

        def work(dsn):
            raising = "do $$ begin raise exception '{}' using errcode = '{}'; end $$"
            return (
                attempt(dsn, raising.format("again", "40001")),
                attempt(dsn, raising.format("again", "40P01")),
                attempt(dsn, raising.format("mine", "P0001")),
                attempt(dsn, "set statement_timeout = 5", "select pg_sleep(1)"),
            )
    """,
}
PROGRAMS["patched"] = """
    import importlib
    from unittest import mock
    import psycopg2

    def connect(dsn):
        return psycopg2.connect(dsn)

    def work(dsn):
        found = []
        with mock.patch("psycopg2.connect", return_value="fake") as fake:
            found.append((connect("nowhere"), fake.call_count))
        with mock.patch.object(psycopg2, "connect", side_effect=psycopg2.OperationalError("no")):
            try:
                connect("nowhere")
            except psycopg2.Error as error:
                found.append(str(error))
        found.append(importlib.import_module("psycopg2").connect is psycopg2.connect)
        return found
"""
PROGRAMS["optional"] = """
    try:
        import psycopg2
    except ImportError:
        psycopg2 = None

    def work(dsn):
        if psycopg2 is None:
            return None
        connection = psycopg2.connect(dsn)
        connection.close()
        return bool(connection.closed)
"""
PROGRAMS |= {
    "looked up by code": """
        import psycopg2
        from psycopg2 import errorcodes, errors
        from psycopg2.errorcodes import NOT_NULL_VIOLATION, UNIQUE_VIOLATION

        Duplicate = errors.lookup(errorcodes.UNIQUE_VIOLATION)

        def work(dsn):
            connection = psycopg2.connect(dsn)
            cursor = connection.cursor()
            found = []
            try:
                cursor.execute("insert into note (id) values (1), (1)")
            except errors.lookup("23505") as error:
                found.append((isinstance(error, Duplicate), error.pgcode == UNIQUE_VIOLATION))
                found.append(error.pgcode in (errorcodes.CHECK_VIOLATION, NOT_NULL_VIOLATION))
                found.append(error.pgcode.startswith(errorcodes.CLASS_INTEGRITY_CONSTRAINT_VIOLATION))
                diagnostics = error.diag
                found.append((diagnostics.sqlstate, diagnostics.severity, diagnostics.message_primary,
                              diagnostics.message_detail, diagnostics.table_name, diagnostics.schema_name))
            try:
                errors.lookup("nothing")
            except KeyError:
                found.append("unknown")
            connection.close()
            return found
    """,
    "of the connection": """
        import psycopg2 as pg

        def work(dsn):
            found = []
            connection, other = pg.connect(dsn), pg.connect(dsn)
            try:
                connection.cursor().execute("select %s", (object(),))
            except connection.ProgrammingError:
                found.append("no adapter")
            connection.rollback()
            other.cursor().execute("select pg_terminate_backend(%s, 5000)", (connection.get_backend_pid(),))
            other.close()
            try:
                connection.cursor().execute("select 1")
            except pg.OperationalError as error:
                found.append(isinstance(error, pg.DatabaseError))
            found.append(bool(connection.closed))
            return found
    """,
}
UNSAFE_PROGRAMS = {
    "closed": """
        import psycopg2

        def work(dsn):
            connection = psycopg2.connect(dsn)
            connection.close()
            try:
                connection.cursor()
            except psycopg2.InterfaceError:
                return "closed"
    """,
    "text": """
        import psycopg2

        def work(dsn):
            connection = psycopg2.connect(dsn)
            try:
                connection.cursor().execute("select 1 / 0")
            except psycopg2.Error as error:
                return "division by zero" in error.pgerror
            finally:
                connection.close()
    """,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PROGRAMS)
def test_same_answers(database: Database, tmp_path: Path, name: str) -> None:
    same_answers(database, tmp_path, PROGRAMS[name])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", UNSAFE_PROGRAMS)
def test_same_answers_unsafely(database: Database, tmp_path: Path, name: str) -> None:
    same_answers(database, tmp_path, UNSAFE_PROGRAMS[name], unsafe=True)
