"""`asyncdb-lint migrate psycopg2 --async`: what becomes asynchronous, what stays, and that nothing is half done."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.from_psycopg2 import ASYNC_ROUTE
from asyncdb_lint.migrate.project import Migration, migrate
from asyncdb_lint.migrate.to_async.rewriting import ToAsync

DB = """
import psycopg2


def connect(dsn):
    return psycopg2.connect(dsn)


def fetch(conn, key):
    cur = conn.cursor()
    cur.execute("select body from note where id = %s", (key,))
    return cur.fetchone()[0]
"""
USE = """
from db import connect, fetch


async def main(dsn):
    conn = connect(dsn)
    return fetch(conn, 1)
"""


def run(folder: Path, files: dict[str, str], *, unsafe: bool = False) -> Migration:
    """Migrate a project that is made of some files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(textwrap.dedent(text).lstrip("\n"))
    (folder / "pyproject.toml").touch()
    found = migrate([folder], Settings(), folder, ASYNC_ROUTE, unsafe=unsafe)
    assert not found.problems
    found.write()
    for path in folder.rglob("*.py"):
        compile(path.read_text(), path, "exec")
    again = migrate([folder], Settings(), folder, ASYNC_ROUTE, unsafe=unsafe)
    assert not again.texts
    return found


def manual(found: Migration) -> list[str]:
    return [f"{each.message}; {each.advice}" for each in found.manual]


def body(folder: Path, name: str = "program.py") -> str:
    return (folder / name).read_text()


def test_callers_are_followed_through_files(tmp_path: Path) -> None:
    """One that never mentions a connection is a caller all the same."""
    count = """
        from db import connect


        def count(dsn):
            with connect(dsn) as c:
                cur = c.cursor()
                cur.execute("select 1")
                n = cur.fetchone()[0]
            return n
    """
    far = """
        from count import count


        def report(dsn):
            return f"{count(dsn)} notes"


        class Page:
            async def show(self, dsn):
                return report(dsn).upper()
    """
    found = run(tmp_path, {"db.py": DB, "main.py": USE, "count.py": count, "far.py": far})
    assert not found.manual
    assert body(tmp_path, "db.py") == textwrap.dedent("""\
        import psycopg


        async def connect(dsn):
            return await psycopg.AsyncConnection.connect(dsn)


        async def fetch(conn, key):
            cur = conn.cursor()
            await cur.execute("select body from note where id = %s", (key,))
            return (await cur.fetchone())[0]
    """)
    assert "    conn = await connect(dsn)\n    return await fetch(conn, 1)\n" in body(tmp_path, "main.py")
    assert "    async with await connect(dsn) as c:\n" in body(tmp_path, "count.py")
    assert 'async def report(dsn):\n    return f"{await count(dsn)} notes"\n' in body(tmp_path, "far.py")
    assert "return (await report(dsn)).upper()\n" in body(tmp_path, "far.py")


PROGRAM = """
import asyncio
import contextlib
from collections.abc import Iterator

import psycopg2
import psycopg2.extras
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT, connection

{}


async def main(dsn):
    conn = psycopg2.connect(dsn)
    return work(conn)
"""
FORMS = [
    (
        "def work(conn: connection):\n    conn.autocommit = True\n    conn.commit()",
        "async def work(conn: psycopg.AsyncConnection):\n    await conn.set_autocommit(True)\n    await conn.commit()",
    ),
    (
        "def work(conn):\n    conn.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)",
        "async def work(conn):\n    await conn.rollback()\n    await conn.set_autocommit(True)",
    ),
    (
        "def work(conn: 'connection'):\n    conn.readonly = True\n    return conn.server_version",
        "async def work(conn: 'AsyncConnection'):\n    await conn.set_read_only(True)\n"
        "    return conn.info.server_version",
    ),
    (
        "def work(conn):\n    with conn:\n        with conn.cursor() as cur:\n            cur.execute('x')",
        "async def work(conn):\n    async with committing_async(conn):\n        async with conn.cursor() as cur:\n"
        "            await cur.execute('x')",
    ),
    (
        "def work(conn):\n    with open('f') as f, conn.cursor() as cur:  # both\n        cur.execute(f.read())",
        "async def work(conn):\n    with open('f') as f:  # both\n        async with conn.cursor() as cur:\n"
        "            await cur.execute(f.read())",
    ),
    (
        "def work(conn):\n    with contextlib.closing(conn.cursor()) as cur:\n        cur.execute('x')",
        "async def work(conn):\n    async with closing_async(conn.cursor()) as cur:\n        await cur.execute('x')",
    ),
    (
        "def work(conn):\n    cur = conn.cursor(cursor_factory=psycopg2.extras.RealDictCursor)\n"
        "    cur.execute('x')\n"
        "    for row in cur:\n        print(row)\n    return [r for r in cur], sum(r['n'] for r in cur), list(cur)",
        "async def work(conn):\n    cur = conn.cursor(row_factory=psycopg.rows.dict_row)\n"
        "    await cur.execute('x')\n"
        "    async for row in cur:\n        print(row)\n"
        "    return [r async for r in cur], sum([r['n'] async for r in cur]), list(await cur.fetchall())",
    ),
    (
        "def work(conn):\n    cur = conn.cursor()\n"
        "    psycopg2.extras.execute_values(cur, 'insert into t values %s', [(1,)])",
        "async def work(conn):\n    cur = conn.cursor()\n"
        "    await execute_values_async(cur, 'insert into t values %s', [(1,)])",
    ),
    (
        "def work(conn, f):\n    cur = conn.cursor()\n"
        "    cur.copy_expert('copy t from stdin', f)\n    cur.copy_to(f, 't', sep=f.name)\n"
        "    return next(cur, None), cur.callproc('f', (1,))",
        "async def work(conn, f):\n    cur = conn.cursor()\n"
        "    async with cur.copy('copy t from stdin') as copy:\n        while data := f.read(8192):\n"
        "            await copy.write(data)\n    await copy_to_async(cur, f, 't', sep=f.name)\n"
        "    return await cur.fetchone(), await callproc_async(cur, 'f', (1,))",
    ),
    (
        "def work(conn):\n    with conn.cursor() as cur:\n        cur.execute(cur.mogrify('select %s', (1,)))",
        "async def work(conn):\n    async with conn.cursor() as cur:\n"
        "        await cur.execute(psycopg.AsyncClientCursor(cur.connection).mogrify('select %s', (1,)))",
    ),
    (
        "@contextlib.contextmanager\ndef cursor(conn: connection) -> Iterator[connection]:\n"
        "    cur = conn.cursor()\n    try:\n        yield cur\n    finally:\n        cur.close()\n\n"
        "def work(conn):\n    with cursor(conn) as cur:\n        cur.execute('x')",
        "@contextlib.asynccontextmanager\n"
        "async def cursor(conn: psycopg.AsyncConnection) -> AsyncIterator[psycopg.AsyncConnection]:\n"
        "    cur = conn.cursor()\n    try:\n        yield cur\n    finally:\n        await cur.close()\n\n"
        "async def work(conn):\n    async with cursor(conn) as cur:\n        await cur.execute('x')",
    ),
    (
        "def rows(conn):\n    cur = conn.cursor()\n    cur.execute('x')\n    for row in cur:\n        yield row\n\n"
        "def work(conn):\n    for row in rows(conn):\n        print(row)\n"
        "    return {r[0] for r in rows(conn)}, max(r for r in rows(conn))",
        "async def rows(conn):\n    cur = conn.cursor()\n    await cur.execute('x')\n    async for row in cur:\n"
        "        yield row\n\n"
        "async def work(conn):\n    async for row in rows(conn):\n        print(row)\n"
        "    return {r[0] async for r in rows(conn)}, max([r async for r in rows(conn)])",
    ),
    (
        "class Db:\n    def __init__(self, conn: connection):\n        self.conn = conn\n\n"
        "    def __enter__(self):\n        return self.conn.cursor()\n\n"
        "    def __exit__(self, *error):\n        self.conn.close()\n\n"
        "def work(conn):\n    with Db(conn) as cur:\n        cur.execute('x')",
        "class Db:\n    def __init__(self, conn: psycopg.AsyncConnection):\n        self.conn = conn\n\n"
        "    async def __aenter__(self):\n        return self.conn.cursor()\n\n"
        "    async def __aexit__(self, *error):\n        await self.conn.close()\n\n"
        "async def work(conn):\n    async with Db(conn) as cur:\n        await cur.execute('x')",
    ),
    (
        "async def run(conn: connection):\n    cur = conn.cursor()\n"
        "    await asyncio.to_thread(cur.execute, 'x', (1,))\n    return await asyncio.to_thread(cur.fetchone)\n\n"
        "def work(conn):\n    conn.commit()",
        "async def run(conn: psycopg.AsyncConnection):\n    cur = conn.cursor()\n"
        "    await cur.execute('x', (1,))\n    return await cur.fetchone()\n\n"
        "async def work(conn):\n    await conn.commit()",
    ),
    (
        "class Repo:\n    def __init__(self, conn: connection):\n        self.conn = conn\n\n"
        "    def get(self, key):\n        cur = self.conn.cursor()\n        cur.execute('x', (key,))\n"
        "        return self.one(cur)\n\n    @staticmethod\n    def one(cur):\n        return cur.fetchone()\n\n"
        "def work(conn):\n    return [Repo(conn).get(k) for k in range(3)]",
        "class Repo:\n    def __init__(self, conn: psycopg.AsyncConnection):\n        self.conn = conn\n\n"
        "    async def get(self, key):\n        cur = self.conn.cursor()\n        await cur.execute('x', (key,))\n"
        "        return await self.one(cur)\n\n    @staticmethod\n    async def one(cur):\n"
        "        return await cur.fetchone()\n\n"
        "async def work(conn):\n    return [await Repo(conn).get(k) for k in range(3)]",
    ),
]


@pytest.mark.parametrize(("before", "after"), FORMS)
def test_forms(tmp_path: Path, before: str, after: str) -> None:
    found = run(tmp_path, {"program.py": PROGRAM.format(before)})
    assert after in body(tmp_path)
    assert "    conn = await psycopg.AsyncConnection.connect(dsn)\n" in body(tmp_path) or (
        "    conn = await AsyncConnection.connect(dsn)\n" in body(tmp_path)
    )
    assert "    return await work(conn)\n" in body(tmp_path)
    assert not found.manual


THREADS = """
import asyncio
import functools

import psycopg2


def load(dsn, key=1):
    conn = psycopg2.connect(dsn)
    try:
        return conn.server_version + key
    finally:
        conn.close()


async def main(dsn, loop):
    return {}
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("await asyncio.to_thread(load, dsn, key=2)", "await load(dsn, key=2)"),
        ("await loop.run_in_executor(None, load, dsn)", "await load(dsn)"),
        ("await asyncio.to_thread(functools.partial(load, dsn, key=3))", "await load(dsn, key=3)"),
        ("await asyncio.to_thread(lambda: load(dsn))", "await load(dsn)"),
        ("(await asyncio.to_thread(load, dsn)) + 1", "(await load(dsn)) + 1"),
        (
            "await asyncio.gather(*[asyncio.to_thread(load, dsn, n) for n in range(3)])",
            "await asyncio.gather(*[load(dsn, n) for n in range(3)])",
        ),
    ],
)
def test_what_ran_in_a_thread_is_awaited(tmp_path: Path, before: str, after: str) -> None:
    text = THREADS.replace("dsn, loop", "dsn").replace(
        "return {}", f"loop = asyncio.get_running_loop()\n    return {before}"
    )
    found = run(tmp_path, {"program.py": text})
    assert not found.manual
    assert f"    return {after}\n" in body(tmp_path)
    assert "async def load(" in body(tmp_path)


HEAD = """
import asyncio
import threading

import psycopg2
from psycopg2.extensions import connection
from x import cached

"""
BLOCKERS = {
    "__init__": (
        "class Store:\n    def __init__(self, dsn):\n        self.conn = psycopg2.connect(dsn)\n\n"
        "    def get(self):\n        return self.conn.server_version\n\n"
        "async def main(dsn):\n    return Store(dsn).get()",
        "`Store.__init__` cannot be a coroutine: `Store.__init__`",
    ),
    "property": (
        "class Store:\n    def __init__(self, conn: connection):\n        self.conn = conn\n\n"
        "    @property\n    def n(self):\n        cur = self.conn.cursor()\n        cur.execute('x')\n"
        "        return cur.rowcount\n\n"
        "async def main(dsn):\n    return Store(psycopg2.connect(dsn)).n",
        "reading the property `Store.n` cannot be awaited",
    ),
    "import": (
        "conn = psycopg2.connect('')\n\nasync def main():\n    conn.commit()",
        "code that runs at import cannot wait",
    ),
    "lambda": (
        "async def main(dsn):\n    conn = psycopg2.connect(dsn)\n    return sorted([], key=lambda x: conn.commit())",
        "is handed",
    ),
    "decorator": (
        "@cached\ndef load(dsn):\n    return psycopg2.connect(dsn).server_version\n\n"
        "async def main(dsn):\n    return load(dsn)",
        "`@cached` may expect a plain function",
    ),
    "thread": (
        "def load(dsn):\n    psycopg2.connect(dsn).close()\n\n"
        "async def main(dsn):\n    threading.Thread(target=load, args=(dsn,)).start()\n    load(dsn)",
        "`threading.Thread` is handed `load` and does not await it",
    ),
    "future": (
        "def load(dsn):\n    psycopg2.connect(dsn).close()\n\n"
        "async def main(dsn, loop: asyncio.AbstractEventLoop):\n"
        "    task = loop.run_in_executor(None, load, dsn)\n    await task",
        "`loop.run_in_executor` is handed `load`",
    ),
    "plain caller": (
        "def load(dsn):\n    psycopg2.connect(dsn).close()\n\ndef script(dsn):\n    load(dsn)\n\n"
        "async def main(dsn):\n    load(dsn)",
        "nothing calls `script` that could await it",
    ),
    "script": (
        "def load(dsn):\n    psycopg2.connect(dsn).close()\n\nasync def main(dsn):\n    load(dsn)\n\n"
        "if __name__ == '__main__':\n    load('')",
        "code that runs at import cannot wait",
    ),
    "nobody asynchronous": (
        "def load(conn: connection):\n    conn.commit()\n\ndef main(dsn):\n    load(psycopg2.connect(dsn))",
        "nothing asynchronous leads here: `load`, `main` stay synchronous",
    ),
    "library": (
        "import pandas\n\ndef load(conn):\n    return pandas.read_sql('x', conn)\n\n"
        "async def main(dsn):\n    return load(psycopg2.connect(dsn))",
        "`pandas.read_sql` is handed a connection of psycopg2's",
    ),
    "base class": (
        "class Job(threading.Thread):\n    def run(self):\n        psycopg2.connect('').close()\n\n"
        "async def main():\n    Job().run()",
        "`threading.Thread` may call `Job.run` without awaiting it",
    ),
    "unknown object": (
        "class Repo:\n    def __init__(self, conn: connection):\n        self.conn = conn\n\n"
        "    def save_note(self):\n        self.conn.commit()\n\n"
        "def other(repo):\n    repo.save_note()\n\n"
        "async def main(dsn):\n    Repo(psycopg2.connect(dsn)).save_note()",
        "`repo.save_note` may be `Repo.save_note`",
    ),
    "collection": (
        "async def main(dsn):\n    conns = [psycopg2.connect(dsn)]\n    conns[0].commit()",
        "it is put into a collection",
    ),
    "generator expression": (
        "def load(conn, k):\n    conn.commit()\n    return k\n\n"
        "async def main(dsn):\n    conn = psycopg2.connect(dsn)\n    return any(load(conn, k) for k in range(3))",
        "a generator expression would have to be read by `async for`",
    ),
    "yield from": (
        "def inner(conn):\n    conn.commit()\n    yield 1\n\ndef outer(conn):\n    yield from inner(conn)\n\n"
        "async def main(dsn):\n    return [x for x in outer(psycopg2.connect(dsn))]",
        "an asynchronous generator has no `yield from`",
    ),
    "kept cursor": (
        "class Repo:\n    def __init__(self, conn: connection):\n        self.cur = conn.cursor()\n\n"
        "    def get(self):\n        self.cur.execute('x')\n        return self.cur.fetchone()\n\n"
        "async def main(dsn):\n    return Repo(psycopg2.connect(dsn)).get()",
        "tasks that share `self.cur` would fetch each other's rows",
    ),
    "unknown result": (
        "def pick(which, conn):\n    return which.setdefault('x', conn) or conn\n\n"
        "async def main(dsn, which):\n    pick(which, psycopg2.connect(dsn)).commit()",
        "`which.setdefault` is handed a connection of psycopg2's",
    ),
    "looked up": (
        "class Repo:\n    def __init__(self, conn: connection):\n        self.conn = conn\n\n"
        "    def save(self):\n        self.conn.commit()\n\n"
        "async def main(dsn):\n    repo = Repo(psycopg2.connect(dsn))\n    repo.save()\n"
        "    getattr(repo, 'save')()",
        "`getattr(repo, 'save')` may give `Repo.save`, and nobody awaits it",
    ),
    "awaited already": (
        "async def other(): ...\n\ndef save(conn):\n    conn.commit()\n    return other()\n\n"
        "async def main(dsn):\n    await save(psycopg2.connect(dsn))",
        "what `save` gives is awaited already",
    ),
    "large objects": (
        "async def main(dsn):\n    psycopg2.connect(dsn).lobject()",
        "calling `lobject` has no asynchronous form here",
    ),
    "endpoint": (
        "from fastapi import FastAPI\n\napp = FastAPI()\n\n"
        "def load(dsn):\n    psycopg2.connect(dsn).close()\n\n"
        "@app.get('/')\ndef read():\n    load('')\n\nasync def main(dsn):\n    load(dsn)",
        "FastAPI or Starlette runs `read` in a thread",
    ),
    "special method": (
        "class Rows:\n    def __init__(self, conn: connection):\n        self.conn = conn\n\n"
        "    def __len__(self):\n        cur = self.conn.cursor()\n        cur.execute('x')\n"
        "        return cur.rowcount\n\n"
        "async def main(dsn):\n    return len(Rows(psycopg2.connect(dsn)))",
        "Python itself calls `Rows.__len__`",
    ),
}


@pytest.mark.parametrize("name", BLOCKERS)
def test_what_cannot_be_awaited_stays(tmp_path: Path, name: str) -> None:
    """It goes to psycopg 3 as it is, and the report says what stands in the way."""
    text, reason = BLOCKERS[name]
    found = run(tmp_path, {"program.py": f"{HEAD}{text}\n"})
    after = body(tmp_path)
    assert reason in "\n".join(manual(found))
    assert after.count("await ") == text.count("await ")
    assert after.count("async def") == text.count("async def")
    assert "psycopg.connect(" in after


def test_endpoints_become_asynchronous_where_that_is_wanted(tmp_path: Path) -> None:
    text = """
        import psycopg2
        from fastapi import Depends, FastAPI

        app = FastAPI()


        def get_db():
            conn = psycopg2.connect("")
            try:
                yield conn
            finally:
                conn.close()


        @app.get("/")
        def read(conn=Depends(get_db)):
            cur = conn.cursor()
            cur.execute("select 1")
            return cur.fetchone()
    """
    found = run(tmp_path, {"program.py": text})
    assert "async" not in body(tmp_path)
    assert len(found.manual) == 1
    found = run(tmp_path, {"program.py": text}, unsafe=True)
    assert not found.manual
    assert "async def get_db():\n    conn = await psycopg.AsyncConnection.connect(" in body(tmp_path)
    assert "async def read(conn=Depends(get_db)):\n    cur = conn.cursor()\n    await cur.execute(" in body(
        tmp_path
    )
    assert any("runs on the event loop" in each.message for each in found.items)


POOL = """
from psycopg2.pool import ThreadedConnectionPool


class Pooled:
    def __init__(self, pool: ThreadedConnectionPool):
        self.pool = pool

    def ping(self):
        conn = self.pool.getconn()
        try:
            conn.cursor().execute("select 1")
        finally:
            self.pool.putconn(conn, close=True)


async def main(dsn):
    pool = ThreadedConnectionPool(1, 4, dsn)
    Pooled(pool).ping()
    pool.closeall()
"""


def test_pools_are_opened_where_the_loop_runs(tmp_path: Path) -> None:
    found = run(tmp_path, {"program.py": POOL}, unsafe=True)
    assert not found.manual
    assert body(tmp_path) == textwrap.dedent("""\
        from psycopg_pool import AsyncConnectionPool


        class Pooled:
            def __init__(self, pool: AsyncConnectionPool):
                self.pool = pool

            async def ping(self):
                conn = await self.pool.getconn()
                try:
                    await conn.cursor().execute("select 1")
                finally:
                    await conn.close()
                    await self.pool.putconn(conn)


        async def main(dsn):
            pool = AsyncConnectionPool(dsn, min_size=1, max_size=4, open=False)
            await pool.open()
            await Pooled(pool).ping()
            await pool.close()
    """)


def test_pools_stay_where_they_cannot_be_opened(tmp_path: Path) -> None:
    text = POOL.replace("async def main(dsn):\n    pool", "pool").replace(
        "4, dsn)\n", '4, "")\n\nasync def main():\n'
    )
    found = run(tmp_path, {"program.py": text}, unsafe=True)
    assert "a pool that is made at import cannot be opened there" in manual(found)[0]
    assert "await" not in body(tmp_path)


def test_tests_are_reported(tmp_path: Path) -> None:
    test = "from db import fetch\n\ndef test_fetch(conn):\n    assert fetch(conn, 1) == 'x'\n"
    found = run(tmp_path, {"db.py": DB, "main.py": USE, "tests/test_db.py": test})
    assert [each.split(";")[0] for each in manual(found)] == ["`fetch` is a coroutine function now"]
    assert "async def fetch" in body(tmp_path, "db.py")
    assert body(tmp_path, "tests/test_db.py") == test


def test_files_that_are_not_given_stay(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "db.py").write_text(DB)
    (tmp_path / "main.py").write_text(USE)
    found = migrate([tmp_path / "db.py"], Settings(), tmp_path, ASYNC_ROUTE)
    assert "async" not in "".join(new for _, new in found.texts.values())


def test_every_call_is_awaited(tmp_path: Path) -> None:
    """Nothing is half done: no call of what has become a coroutine function is left without `await`."""
    files = {
        "db.py": DB,
        "main.py": USE,
        **{f"f{n}.py": PROGRAM.format(each) for n, (each, _) in enumerate(FORMS)},
    }
    run(tmp_path, files)
    for path in tmp_path.rglob("*.py"):
        tree = ast.parse(path.read_text())
        awaited = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Await)}
        plain = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.AsyncFunctionDef)
            and not any(isinstance(e, ast.Yield) for e in ast.walk(node))
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                assert name not in plain or id(node) in awaited, (path.name, ast.unparse(node))


def test_what_would_be_half_done_is_not_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should a call be forgotten all the same, nothing of the project becomes asynchronous."""
    monkeypatch.setattr(ToAsync, "change_reference", lambda *_: None)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "db.py").write_text(DB)
    (tmp_path / "main.py").write_text(USE)
    found = migrate([tmp_path], Settings(), tmp_path, ASYNC_ROUTE)
    assert "nothing is made asynchronous, as `connect(dsn)` would not be awaited" in found.problems[0]
    assert "async" not in found.texts[tmp_path / "db.py"][1]
    assert "psycopg.connect(" in found.texts[tmp_path / "db.py"][1]


def test_crashes_leave_all_synchronous(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = ToAsync.examine

    def crashing(self: ToAsync) -> None:
        if self.file.model.name == "main":
            raise LookupError
        before(self)

    monkeypatch.setattr(ToAsync, "examine", crashing)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "db.py").write_text(DB)
    (tmp_path / "main.py").write_text(USE)
    found = migrate([tmp_path], Settings(), tmp_path, ASYNC_ROUTE)
    assert "LookupError" in found.problems[0]
    assert "async" not in found.texts[tmp_path / "db.py"][1]
