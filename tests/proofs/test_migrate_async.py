"""`asyncdb-lint migrate psycopg2 --async`: programs before, on psycopg2, and after, on `psycopg.AsyncConnection`."""

import asyncio
import importlib
import inspect
import sys
import textwrap
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.from_psycopg2 import ASYNC_ROUTE
from asyncdb_lint.migrate.project import migrate

from .support import Database

DB = """
    import contextlib

    import psycopg2
    from psycopg2.extensions import connection
    from psycopg2.extras import RealDictCursor, execute_batch, execute_values


    def connect(dsn):
        return psycopg2.connect(dsn=dsn)


    def save(conn: connection, bodies):
        with conn, conn.cursor() as cur:
            execute_values(cur, "insert into note (body) values %s", [(b,) for b in bodies])
            execute_batch(cur, "update note set body = body || %s where body = %s", [("!", b) for b in bodies])


    def bodies(conn: connection):
        with conn.cursor(cursor_factory=RealDictCursor) as cur:
            cur.execute("select body from note order by body")
            for row in cur:
                yield row["body"]


    def count(conn: connection):
        cur = conn.cursor()
        cur.execute("select count(*) from note")
        return cur.fetchone()[0]
"""
OPENED = f"""{DB}

    @contextlib.contextmanager
    def opened(dsn):
        conn = connect(dsn)
        try:
            yield conn
        finally:
            conn.close()
"""
MODULES = {
    "functions": {
        "db": DB,
        "work": """
            from db import bodies, connect, count, save


            def lost(conn):
                try:
                    with conn:
                        cur = conn.cursor()
                        cur.execute("insert into note (body) values ('lost')")
                        raise LookupError
                except LookupError:
                    return conn.get_transaction_status()


            async def work(dsn):
                conn = connect(dsn)
                save(conn, ["a", "b"])
                status = lost(conn)
                found = [each.upper() for each in bodies(conn)], count(conn), sum(len(b) for b in bodies(conn))
                conn.rollback()
                conn.autocommit = True
                again = count(conn)
                conn.close()
                return int(status), found, again, conn.closed != 0
        """,
    },
    "far callers": {
        "db": OPENED,
        "counting": """
            from db import count, opened


            def total(dsn):
                with opened(dsn) as conn:
                    return count(conn)
        """,
        "work": """
            import counting


            def shown(dsn):
                return f"{counting.total(dsn)} notes"


            async def work(dsn):
                return shown(dsn).upper()
        """,
    },
    "repository": {
        "repo": """
            import psycopg2
            from psycopg2 import errors
            from psycopg2.extensions import ISOLATION_LEVEL_SERIALIZABLE, connection


            class Base:
                def __init__(self, conn: connection):
                    self.conn = conn

                def one(self, sql, *args):
                    with self.conn.cursor() as cur:
                        cur.execute(sql, args)
                        return cur.fetchone()[0]


            class Notes(Base):
                def add(self, body):
                    return self.one("insert into note (body) values (%s) returning body", body)

                def twice(self, body):
                    return [self.add(body) for _ in range(2)]

                def broken(self):
                    try:
                        return self.one("select 1 / 0")
                    except errors.DivisionByZero as error:
                        self.conn.rollback()
                        return error.pgcode

                def level(self):
                    self.conn.set_isolation_level(ISOLATION_LEVEL_SERIALIZABLE)
                    return self.one("show transaction_isolation")


            def opened(dsn):
                return Notes(psycopg2.connect(dsn))
        """,
        "work": """
            from repo import opened


            async def work(dsn):
                notes = opened(dsn)
                found = notes.level(), notes.twice("x"), notes.conn.commit(), notes.broken(), notes.add("y")
                notes.conn.close()
                return found
        """,
    },
    "threads": {
        "db": OPENED,
        "work": """
            import asyncio
            import functools

            from db import count, opened, save


            def fill(dsn, *, body="t"):
                with opened(dsn) as conn:
                    save(conn, [body])
                    return count(conn)


            async def work(dsn):
                loop = asyncio.get_running_loop()
                return [
                    await asyncio.to_thread(fill, dsn, body="a"),
                    await loop.run_in_executor(None, fill, dsn),
                    await loop.run_in_executor(None, functools.partial(fill, dsn, body="b")),
                    await asyncio.to_thread(lambda: fill(dsn)),
                ]
        """,
    },
    "statements": {
        "db": """
            import contextlib
            import io

            import psycopg2
            from psycopg2 import sql
            from psycopg2.extras import NamedTupleCursor


            def copied(conn):
                out = io.StringIO()
                with conn.cursor() as cur:
                    cur.copy_expert("copy note (body) from stdin", io.StringIO("a\\nb\\n"))
                    cur.copy_from(io.StringIO("c\\n"), "note", columns=("body",))
                    cur.copy_to(out, "note", columns=["body"])
                return out.getvalue()


            def called(conn):
                with contextlib.closing(conn.cursor()) as cur:
                    cur.callproc("lower", ("ABC",))
                    lower = cur.fetchone()[0]
                    cur.execute(cur.mogrify("select %s", ("x",)))
                    return lower, next(cur, None)


            def in_all_ways(conn):
                cur = conn.cursor(cursor_factory=NamedTupleCursor)
                cur.execute(sql.SQL("select {} from note order by {}").format(*[sql.Identifier("body")] * 2))
                first, some = cur.fetchone().body, [row.body for row in cur.fetchmany(1)]
                cur.scroll(0, mode="absolute")
                rest = list(cur)
                cur.scroll(0, mode="absolute")
                named = conn.cursor("named")
                named.execute("select generate_series(1, 5)")
                numbers = sum(row[0] for row in named)
                named.close()
                return first, some, [tuple(row) for row in rest], sorted(row.body for row in cur), numbers


            def levels(conn):
                conn.rollback()
                conn.readonly = True
                cur = conn.cursor()
                cur.execute("show transaction_read_only")
                found = cur.fetchone()[0]
                conn.rollback()
                conn.readonly = False
                return found


            def kept(conn):
                conn.autocommit = True
                with conn, conn.cursor() as cur:
                    cur.execute("insert into note (body) values ('kept')")
                return conn.autocommit
        """,
        "work": """
            import db
            import psycopg2


            async def work(dsn):
                conn = psycopg2.connect(dsn)
                found = db.copied(conn), db.called(conn), db.in_all_ways(conn)
                conn.commit()
                conn.close()
                first, second = psycopg2.connect(dsn), psycopg2.connect(dsn)
                found += db.levels(first), db.kept(second)
                first.close()
                second.close()
                return found
        """,
    },
    "pools": {
        "pooled": """
            from psycopg2.pool import ThreadedConnectionPool


            class Database:
                def __init__(self, pool: ThreadedConnectionPool):
                    self.pool = pool

                def __enter__(self):
                    self.conn = self.pool.getconn()
                    return self.conn.cursor()

                def __exit__(self, kind, error, trace):
                    if kind is None:
                        self.conn.commit()
                    else:
                        self.conn.rollback()
                    self.pool.putconn(self.conn)


            def add(pool, body):
                with Database(pool) as cur:
                    cur.execute("insert into note (body) values (%s) returning body", (body,))
                    return cur.fetchone()[0]


            def failing(pool):
                try:
                    with Database(pool) as cur:
                        cur.execute("insert into note (body) values ('never')")
                        cur.execute("select 1 / 0")
                except Exception as error:
                    return type(error).__name__
        """,
        "work": """
            import asyncio

            import pooled
            from psycopg2.pool import ThreadedConnectionPool


            async def work(dsn):
                pool = ThreadedConnectionPool(1, 4, dsn)
                together = await asyncio.gather(*[asyncio.to_thread(pooled.add, pool, str(n)) for n in range(4)])
                found = sorted(together), pooled.failing(pool), pooled.add(pool, "last")
                pool.closeall()
                return found
        """,
    },
    "endpoints": {
        "db": DB,
        "app": """
            from fastapi import Depends, FastAPI

            from db import bodies, connect, count, save

            app = FastAPI()
            DSN = ""


            def database():
                conn = connect(DSN)
                try:
                    yield conn
                finally:
                    conn.close()


            @app.post("/notes/{body}")
            async def create(body: str, conn=Depends(database)):
                save(conn, [body])
                return {"count": count(conn)}


            @app.get("/notes")
            async def read(conn=Depends(database)):
                return [each for each in bodies(conn)]
        """,
        "work": """
            import app
            import httpx


            async def work(dsn):
                app.DSN = dsn
                transport = httpx.ASGITransport(app.app)
                async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
                    made = await client.post("/notes/one")
                    read = await client.get("/notes")
                    return made.json(), read.json()
        """,
    },
}


def outcome(folder: Path, names: list[str], dsn: str) -> Any:
    """What a program gives that is made of some modules; a coroutine that nobody awaits fails it."""
    sys.path.insert(0, str(folder))
    try:
        work: Callable[[str], Any] = importlib.import_module("work").work
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            result = asyncio.run(work(dsn))
        assert not [each for each in found if issubclass(each.category, RuntimeWarning)]
        assert not inspect.iscoroutine(result)
        return result
    finally:
        sys.path.remove(str(folder))
        importlib.invalidate_caches()
        for name in names:
            sys.modules.pop(name, None)


@pytest.mark.parametrize("name", MODULES)
def test_same_answers(database: Database, tmp_path: Path, name: str) -> None:
    modules = MODULES[name]
    before, after = tmp_path / "before", tmp_path / "after"
    for folder in (before, after):
        folder.mkdir()
        (folder / "pyproject.toml").touch()
        for module, text in modules.items():
            (folder / f"{module}.py").write_text(textwrap.dedent(text).lstrip("\n"))
    found = migrate(
        [after], Settings(), after, ASYNC_ROUTE, unsafe=True
    )  # some programs leave functions unused
    left = [each for each in found.manual if not each.message.startswith("nothing asynchronous leads here")]
    assert not left
    found.write()

    expected = outcome(before, list(modules), database.dsn())
    notes = database.notes()
    database.reset()
    result = outcome(after, list(modules), database.dsn())

    text = "\n".join(path.read_text() for path in after.glob("*.py"))
    assert "psycopg2" not in text
    assert "AsyncConnection" in text
    assert result == expected
    assert database.notes() == notes
