"""`asyncdb-lint migrate psycopg2`: connections and transactions, before on psycopg2 and after on psycopg 3."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.from_psycopg2 import ROUTE
from asyncdb_lint.migrate.project import migrate

from .support import Database

SAFE = {
    "blocks on a connection": """
        import psycopg2

        def work(dsn):
            connection, found = psycopg2.connect(dsn), []
            with connection:
                with connection.cursor() as cursor:
                    cursor.execute("insert into note (body) values ('kept')")
            try:
                with connection, connection.cursor() as cursor:
                    cursor.execute("insert into note (body) values ('lost')")
                    raise KeyError("x")
            except KeyError:
                found.append("rolled back")
            with connection as same:
                same.cursor().execute("insert into note (body) values ('first')")
                same.commit()
                same.cursor().execute("insert into note (body) values ('second')")
                same.rollback()
                found.append(same is connection)
            cursor = connection.cursor()
            cursor.execute("select body from note order by id")
            found += cursor.fetchall()
            connection.close()
            return found
    """,
    "blocks in autocommit mode": """
        import psycopg2

        def work(dsn):
            return by_itself(dsn), by_others(psycopg2.connect(dsn))

        def by_itself(dsn):
            connection = psycopg2.connect(dsn)
            connection.autocommit = True
            try:
                with connection:
                    connection.cursor().execute("insert into note (body) values ('lost')")
                    raise KeyError("x")
            except KeyError:
                pass
            with connection:
                connection.cursor().execute("insert into note (body) values ('kept')")
            return bodies(connection)

        def by_others(connection):
            connection.autocommit = True
            try:
                with connection:
                    connection.cursor().execute("insert into note (body) values ('committed')")
                    connection.commit()
                    connection.cursor().execute("insert into note (body) values ('lost')")
                    raise KeyError("x")
            except KeyError:
                pass
            return connection.autocommit, bodies(connection)

        def bodies(connection):
            cursor = connection.cursor()
            cursor.execute("select body from note order by id")
            found = cursor.fetchall()
            connection.close()
            return found
    """,
    "blocks on new connections": """
        import contextlib
        import psycopg2

        def connect(dsn):
            return psycopg2.connect(dsn)

        def work(dsn):
            with connect(dsn) as connection, connection.cursor() as cursor:
                cursor.execute("insert into note (body) values ('kept')")
            connection.close()
            with psycopg2.connect(dsn) as connection:
                cursor = connection.cursor()
                cursor.execute("select body from note")
            found = cursor.fetchall()
            cursor.execute("select 1")
            with contextlib.closing(psycopg2.connect(dsn)) as other:
                other.cursor().execute("insert into note (body) values ('lost')")
            with contextlib.ExitStack() as stack:
                third = stack.enter_context(connect(dsn))
                third.cursor().execute("insert into note (body) values ('third')")
            found.append(third.closed == 0)
            third.close()
            connection.close()
            return found
    """,
}

SAFE |= {
    "levels": """
        import psycopg2
        from psycopg2.extensions import (
            ISOLATION_LEVEL_AUTOCOMMIT, ISOLATION_LEVEL_DEFAULT, ISOLATION_LEVEL_REPEATABLE_READ
        )

        def work(dsn):
            connection, found = psycopg2.connect(dsn), []

            def show():
                cursor = connection.cursor()
                cursor.execute("show transaction_isolation")
                found.append((cursor.fetchone()[0], connection.autocommit))

            connection.set_isolation_level(ISOLATION_LEVEL_REPEATABLE_READ)
            show()
            old = connection.isolation_level
            connection.set_isolation_level(0)
            connection.cursor().execute("vacuum note")
            connection.set_isolation_level(old)
            show()
            connection.set_isolation_level(3)
            found.append((connection.isolation_level == 3, connection.isolation_level != 1))
            show()
            connection.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
            show()
            connection.cursor().execute("insert into note (body) values ('kept')")
            connection.set_isolation_level(ISOLATION_LEVEL_DEFAULT)
            show()
            connection.cursor().execute("insert into note (body) values ('lost')")
            connection.set_isolation_level(2)
            connection.isolation_level = "read uncommitted"
            show()
            connection.rollback()
            connection.isolation_level = ISOLATION_LEVEL_DEFAULT
            show()
            connection.close()
            return found
    """,
    "sessions": """
        import psycopg2
        import psycopg2.extensions as ext

        def work(dsn):
            connection, found = psycopg2.connect(dsn), []

            def show():
                cursor = connection.cursor()
                for name in "transaction_isolation", "transaction_read_only", "transaction_deferrable":
                    cursor.execute("show " + name)
                    found.append(cursor.fetchone()[0])
                found.append((connection.autocommit, connection.readonly, connection.deferrable))
                connection.rollback()

            connection.set_session(ext.ISOLATION_LEVEL_SERIALIZABLE, True, True)
            show()
            connection.set_session(isolation_level="repeatable read", readonly=None, deferrable=False)
            show()
            connection.set_session(readonly="default", isolation_level="DEFAULT", autocommit=False)
            show()
            setattr(connection, "readonly", True)
            show()
            connection.set_session(readonly=False)
            connection.set_session(autocommit=True)
            connection.cursor().execute("insert into note (body) values ('kept')")
            connection.close()
            return found
    """,
    "encodings and resets": """
        import psycopg2

        def work(dsn):
            connection = psycopg2.connect(dsn)
            connection.set_client_encoding("LATIN1")
            found = [connection.get_parameter_status("client_encoding")]
            connection.cursor().execute("insert into note (body) values ('lost')")
            connection.set_client_encoding("WIN1252")
            found.append(connection.get_parameter_status("client_encoding"))
            connection.rollback()
            found.append(connection.get_parameter_status("client_encoding"))
            connection.set_session("serializable", True)
            connection.cursor().execute("set application_name to 'x'")
            connection.reset()
            found.append(connection.get_parameter_status("application_name"))
            found += [connection.isolation_level, connection.readonly, connection.autocommit]
            cursor = connection.cursor()
            cursor.execute("insert into note (body) values ('kept')")
            connection.commit()
            connection.close()
            return found
    """,
    "attributes": """
        import psycopg2
        from psycopg2.extensions import encodings

        def work(dsn):
            connection = psycopg2.connect(dsn)
            found = [connection.protocol_version, connection.server_version, connection.get_parameter_status("nix")]
            found += [connection.get_dsn_parameters()["dbname"], connection.get_dsn_parameters().get("user")]
            found += [connection.get_dsn_parameters()["host"] == connection.info.host]
            found += [connection.closed == 0, type(connection.pgconn_ptr), connection.Error is psycopg2.Error]
            found += ["é".encode(encodings[connection.encoding])]
            xid = connection.xid(42, "transaction", "branch")
            found += [xid.format_id, xid.gtrid, xid.bqual, getattr(connection, "readonly", 1)]
            found += [connection.info.dbname, connection.info.backend_pid == connection.get_backend_pid()]
            connection.cancel()
            connection.close()
            found += [connection.closed != 0]
            return found
    """,
}
SAFE |= {
    "arguments": """
        import functools
        import psycopg2
        from psycopg2.extensions import connection as Connection, make_dsn, parse_dsn

        def wrapper(**how):
            return psycopg2.connect(**how)

        def work(dsn):
            address = parse_dsn(dsn=dsn)
            plain = {"host": address["host"], "port": address["port"], "user": address["user"]}
            parameters = {"database": "postgres", **{"host": address["host"], "user": address["user"]}}
            if "database" in parameters:
                parameters["database"] = parameters.pop("database")
            made = [
                psycopg2.connect(dsn=dsn),
                psycopg2.connect(None, database="postgres", async_=False, **plain),
                psycopg2.connect(dsn=None, database="postgres", **plain),
                psycopg2.connect(**parameters),
                functools.partial(psycopg2.connect, database="postgres")(**plain),
                wrapper(database="postgres", **plain),
                psycopg2.connect(make_dsn(database="postgres", **plain)),
                Connection(dsn),
            ]
            found = [(each.info.dbname, each.info.user) for each in made]
            for each in made:
                each.close()
            return found
    """,
}
UNSAFE = {
    "blocks on connections of a pool": """
        from psycopg2.pool import SimpleConnectionPool

        def work(dsn):
            pool, found = SimpleConnectionPool(1, 2, dsn), []
            with pool.getconn() as connection:
                connection.cursor().execute("insert into note (body) values ('kept')")
            found.append(connection.closed == 0)
            try:
                with connection:
                    connection.cursor().execute("insert into note (body) values ('lost')")
                    raise KeyError("x")
            except KeyError:
                pass
            cursor = connection.cursor()
            cursor.execute("select body from note")
            found += cursor.fetchall()
            pool.putconn(connection)
            pool.closeall()
            return found
    """,
    "dicts that others may read": """
        import psycopg2

        class Settings:
            def __init__(self, dsn):
                self.parameters = {"dsn": dsn, "database": "postgres"}

            def connect(self):
                return psycopg2.connect(**self.parameters)

        def parameters(dsn):
            return {"dsn": dsn, "database": "postgres"}

        def work(dsn):
            shown = {"dsn": dsn, "database": "postgres"}
            len(shown)
            made = [Settings(dsn).connect(), psycopg2.connect(**parameters(dsn)), psycopg2.connect(**shown)]
            found = [each.info.dbname for each in made]
            for each in made:
                each.close()
            return found
    """,
    "modes in autocommit mode": """
        import psycopg2

        def work(dsn):
            found = []
            connection = psycopg2.connect(dsn)
            connection.autocommit = True
            connection.readonly = True
            connection.set_session("serializable", deferrable=True)
            cursor = connection.cursor()
            for name in "transaction_isolation", "transaction_read_only", "transaction_deferrable":
                cursor.execute("show " + name)
                found.append(cursor.fetchone()[0])
            connection.close()
            connection = psycopg2.connect(dsn)
            connection.readonly = True
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute("show transaction_read_only")
            found.append(cursor.fetchone()[0])
            connection.close()
            connection = psycopg2.connect(dsn)
            connection.set_session(readonly=True, autocommit=True)
            try:
                connection.cursor().execute("insert into note (body) values ('lost')")
            except psycopg2.Error as error:
                found.append(error.pgcode)
            connection.close()
            return found
    """,
    "states": """
        import psycopg2
        from psycopg2.extensions import STATUS_BEGIN, STATUS_READY

        def work(dsn):
            connection = psycopg2.connect(dsn)
            found = [connection.status == STATUS_READY, connection.isexecuting(), connection.closed == 2]
            cursor = connection.cursor()
            cursor.execute("select pg_backend_pid()")
            found += [connection.status == STATUS_BEGIN, connection.status != STATUS_BEGIN]
            try:
                cursor.execute("select 1 / 0")
            except psycopg2.Error:
                found += [connection.status == STATUS_BEGIN, connection.status == STATUS_READY]
            connection.rollback()
            other = psycopg2.connect(dsn)
            other.autocommit = True
            other.cursor().execute("select pg_terminate_backend(%s, 5000)", [connection.get_backend_pid()])
            other.close()
            try:
                cursor.execute("select 1")
            except psycopg2.Error:
                found += [connection.closed == 2, other.closed == 2, other.closed != 2]
            return found
    """,
    "what is said otherwise": """
        import psycopg2

        def work(dsn):
            connection = psycopg2.connect(dsn)
            found = [connection.encoding, connection.get_dsn_parameters()["user"]]
            found += [connection.info.needs_password, connection.info.used_password, connection.info.ssl_in_use]
            found += ["postgres" in connection.dsn, connection.info.socket > 0]
            found += [connection.info.dsn_parameters["dbname"], connection.info.protocol_version]
            connection.close()
            return found
    """,
}


def loaded(text: str) -> Callable[[str], Any]:
    names: dict[str, Any] = {}
    exec(text, names)
    work: Callable[[str], Any] = names["work"]
    return work


def prove(database: Database, folder: Path, program: str, *, unsafe: bool) -> None:
    """The command rewrites a program, all of it, and the new one does on psycopg 3 what the old does on psycopg2."""
    text = textwrap.dedent(program)
    file = folder / "program.py"
    file.write_text(text)
    (folder / "pyproject.toml").touch()
    found = migrate([file], Settings(), folder, ROUTE, unsafe=unsafe)
    assert not found.manual
    found.write()

    before = loaded(text)(database.dsn())
    old = database.notes()
    database.reset()
    after = loaded(file.read_text())(database.dsn())

    assert "psycopg2" not in file.read_text()
    assert after == before
    assert database.notes() == old


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SAFE)
def test_same_answers(database: Database, tmp_path: Path, name: str) -> None:
    prove(database, tmp_path, SAFE[name], unsafe=False)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", UNSAFE)
def test_nearly_same_answers(database: Database, tmp_path: Path, name: str) -> None:
    prove(database, tmp_path, UNSAFE[name], unsafe=True)
