"""Connections and transactions in `asyncdb-lint migrate psycopg2`: each rewrite by itself, near misses first."""

from __future__ import annotations

import textwrap
from pathlib import Path

import libcst as cst
import pytest
from libcst.codemod import CodemodContext

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.command import ITEMS, UNSAFE, Item, Rewrite
from asyncdb_lint.migrate.from_psycopg2 import ROUTE
from asyncdb_lint.migrate.from_psycopg2.attributes import ConnectionAttributes
from asyncdb_lint.migrate.from_psycopg2.connect import ConnectArguments
from asyncdb_lint.migrate.from_psycopg2.parameters import ConnectionParameters
from asyncdb_lint.migrate.from_psycopg2.sessions import RESET, SET_ENCODING, SessionState
from asyncdb_lint.migrate.from_psycopg2.settings import ConnectionSettings
from asyncdb_lint.migrate.from_psycopg2.states import ConnectionStates
from asyncdb_lint.migrate.from_psycopg2.transactions import COMMITTING, ConnectionBlocks
from asyncdb_lint.migrate.project import migrate


def run(command: type[Rewrite], source: str, *, unsafe: bool = False) -> tuple[str, list[Item]]:
    """What a command makes of a file by itself, as libcst's own runner runs it."""
    context = CodemodContext(scratch={UNSAFE: unsafe})
    code = command(context).transform_module(cst.parse_module(source)).code
    return code, context.scratch[ITEMS]


def check(command: type[Rewrite], before: str, after: str, *, unsafe: bool = False) -> list[str]:
    """The command writes what is expected, and leaves it alone then; gives the outcomes."""
    code, items = run(command, before, unsafe=unsafe)
    assert code == after
    assert run(command, code, unsafe=unsafe)[0] == code
    return [each.outcome for each in items]


# Blocks

LEFT_ALONE = {
    "nobody knows what it is": ("with thing:\n    thing.commit()", []),
    "another driver's": ("import sqlite3\nc = sqlite3.connect('x')\nwith c:\n    c.execute('q')", []),
    "closing only closes": ("with contextlib.closing(psycopg2.connect()) as c:\n    c.commit()", []),
    "a class with an end of its own": (
        "class C(psycopg2.extensions.connection):\n    def __exit__(self, *a): ...\ndef f(c: C):\n    with c: ...",
        [],
    ),
    "new, and not used later": (
        "def f():\n    with psycopg2.connect() as c, c.cursor() as cur:\n        return cur.fetchall()",
        ["changed behaviour"],
    ),
    "new from a function, and closed later": (
        "def get():\n    c = psycopg2.connect()\n    c.autocommit = True\n    return c\n"
        "def f():\n    with get() as c:\n        g(c)\n    if not c.closed:\n        c.close()",
        ["changed behaviour"],
    ),
    "unknown, and looks like one": (
        "def f(conn):\n    with conn, conn.cursor() as cur: ...\n    with conn:\n        conn.cursor()",
        ["manual", "manual"],
    ),
}
HELPED = {
    "a pool's": "with {pool.SimpleConnectionPool(1, 2).getconn()} as c:\n    c.cursor()",
    "a parameter": "def f(c: psycopg2.extensions.connection):\n    with {c}:\n        g()",
    "with its cursor": "c = psycopg2.connect()\nwith {c}, c.cursor() as cur:\n    cur.fetchall()",
    "under a name": "c = psycopg2.connect()\nwith {c} as same:\n    same.cursor()",
    "an attribute": (
        "class A:\n    def __init__(self):\n        self.c = psycopg2.connect()\n"
        "    def f(self):\n        with {self.c}:\n            g()"
    ),
    "new, and used later": "with {psycopg2.connect()} as c:\n    c.cursor()\nc.cursor()",
    "new, and its cursor used later": (
        "def f():\n    with {psycopg2.connect()} as c:\n        cur = c.cursor()\n    return cur.fetchall()"
    ),
    "new, and given back": "def f():\n    with {psycopg2.connect()} as c:\n        return c",
    "new, and kept by an object": (
        "class A: ...\ndef f():\n    with {psycopg2.connect()} as c:\n        return A(c)"
    ),
    "new, and rolled back by a handler": (
        "def f():\n    try:\n        with {psycopg2.connect()} as c: ...\n    except OSError:\n        c.rollback()"
    ),
    "kept by the function": (
        "cache = None\ndef get():\n    global cache\n    if cache is None:\n        cache = psycopg2.connect()\n"
        "    return cache\ndef f():\n    with {get()} as c:\n        c.cursor()"
    ),
    "kept by a decorator": (
        "@functools.cache\ndef get():\n    return psycopg2.connect()\n"
        "def f():\n    with {get()} as c:\n        c.cursor()"
    ),
    "on a stack": (
        "with contextlib.ExitStack() as stack:\n    c = stack.enter_context({psycopg2.connect()})\n    c.cursor()"
    ),
    "autocommit set somewhere": (
        "def f(x):\n    c = psycopg2.connect()\n    if x:\n        c.autocommit = True\n"
        "    with {c}:\n        c.cursor()"
    ),
}
HEAD = "import contextlib\nimport functools\nimport psycopg2\nfrom psycopg2 import pool\n"


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_blocks_left_alone(name: str) -> None:
    body, outcomes = LEFT_ALONE[name]
    source = f"{HEAD}{body}\n"
    assert check(ConnectionBlocks, source, source) == outcomes


@pytest.mark.parametrize("name", HELPED)
def test_blocks_with_the_helper(name: str) -> None:
    before = HELPED[name].replace("{", "").replace("}", "")
    after = HELPED[name].replace("{", "committing(").replace("}", ")")
    code, items = run(ConnectionBlocks, f"{HEAD}{before}\n")
    assert code.endswith(f"{COMMITTING.text.strip()}\n\n\n{after}\n")
    assert [each.outcome for each in items] == ["rewritten"]
    assert run(ConnectionBlocks, code)[0] == code


def test_blocks_in_autocommit_mode() -> None:
    source = textwrap.dedent("""
        import psycopg2
        def f():
            c = psycopg2.connect()
            c.autocommit = True
            with c:
                c.cursor()
    """)
    assert check(ConnectionBlocks, source, source.replace("with c:", "with c.transaction():")) == [
        "rewritten"
    ]


# Settings

FRESH = "import psycopg2\nimport psycopg2.extensions as ext\nc = psycopg2.connect()\n"
USED = f"{FRESH}c.cursor().execute('q')\n"
SETTINGS = {
    "autocommit, at once": (FRESH, "c.set_isolation_level(0)  # why", "c.autocommit = True  # why"),
    "autocommit, in a transaction": (
        USED,
        "c.set_isolation_level(0)  # why",
        "c.rollback()  # why\nc.autocommit = True",
    ),
    "autocommit, after a commit": (
        USED,
        "c.commit()\nprint('x')\nc.set_isolation_level(0)",
        "c.commit()\nprint('x')\nc.autocommit = True",
    ),
    "autocommit, with a cursor that may have run something": (
        FRESH,
        "cur = c.cursor()\ncur.execute('q')\nc.set_isolation_level(0)",
        "cur = c.cursor()\ncur.execute('q')\nc.rollback()\nc.autocommit = True",
    ),
    "autocommit, after an attempt": (
        FRESH,
        "def f():\n    try:\n        d = psycopg2.connect()\n    except OSError:\n        print('x')\n        raise\n"
        "    d.set_isolation_level(0)",
        "def f():\n    try:\n        d = psycopg2.connect()\n    except OSError:\n        print('x')\n        raise\n"
        "    d.autocommit = True",
    ),
    "autocommit, after an attempt that ran something": (
        FRESH,
        "def f():\n    try:\n        d = psycopg2.connect()\n        run(d)\n    finally:\n        pass\n"
        "    d.set_isolation_level(0)",
        "def f():\n    try:\n        d = psycopg2.connect()\n        run(d)\n    finally:\n        pass\n"
        "    d.rollback()\n    d.autocommit = True",
    ),
    "autocommit, by name": (
        FRESH,
        "c.set_isolation_level(ext.ISOLATION_LEVEL_AUTOCOMMIT)",
        "c.autocommit = True",
    ),
    "autocommit, in a lambda": (
        FRESH,
        "c.readonly = (lambda: c.set_isolation_level(0))",
        "c.readonly = (lambda: c.set_isolation_level(0))",
    ),
    "autocommit in one line": (FRESH, "if x: c.set_isolation_level(0)", "if x: c.autocommit = True"),
    "autocommit and back": (
        USED,
        "old = c.isolation_level\nc.set_isolation_level(0)\nrun(c)\nc.set_isolation_level(old)",
        "old = c.isolation_level\nc.rollback()\nc.autocommit = True\nrun(c)\n"
        "c.rollback()\nc.autocommit = False\nc.set_isolation_level(old)",
    ),
    "a named level, at once": (
        FRESH,
        "c.set_isolation_level(ext.ISOLATION_LEVEL_SERIALIZABLE)",
        "c.set_isolation_level(ext.ISOLATION_LEVEL_SERIALIZABLE)",
    ),
    "a named level, in a transaction": (
        USED,
        "c.set_isolation_level(ext.ISOLATION_LEVEL_SERIALIZABLE)",
        "c.rollback()\nc.set_isolation_level(ext.ISOLATION_LEVEL_SERIALIZABLE)",
    ),
    "a number": (
        FRESH,
        "c.set_isolation_level(2)",
        "c.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)",
    ),
    "the default": (
        FRESH,
        "c.set_isolation_level(ext.ISOLATION_LEVEL_DEFAULT)",
        "c.set_isolation_level(None)",
    ),
    "an attribute": (
        FRESH,
        "c.isolation_level = 'read committed'",
        "c.isolation_level = psycopg.IsolationLevel.READ_COMMITTED",
    ),
    "a comparison": (
        FRESH,
        "c.isolation_level == 1 and c.isolation_level is not None",
        "c.isolation_level == psycopg.IsolationLevel.READ_COMMITTED and c.isolation_level is not None",
    ),
    "the default elsewhere": (FRESH, "x = [ext.ISOLATION_LEVEL_DEFAULT]", "x = [None]"),
    "of something else": (FRESH, "d.set_isolation_level(0)", "d.set_isolation_level(0)"),
    "a session": (
        FRESH,
        "c.set_session('serializable', True, deferrable=None, autocommit=False)",
        "c.isolation_level = psycopg.IsolationLevel.SERIALIZABLE\nc.read_only = True\nc.autocommit = False",
    ),
    "a session's defaults": (
        FRESH,
        "c.set_session('DEFAULT', readonly='default', deferrable=d)",
        "c.isolation_level = None\nc.read_only = None\nc.deferrable = d",
    ),
    "a session in autocommit mode": (FRESH, "c.set_session(autocommit=True)", "c.autocommit = True"),
    "a mode before autocommit mode": (
        FRESH,
        "c.readonly = True\nc.autocommit = True",
        "c.readonly = True\nc.autocommit = True",
    ),
    "another's session": (FRESH, "of().set_session(readonly=True)", "of().set_session(readonly=True)"),
}
AUTOCOMMIT_MODES = {
    "c.set_session(readonly=True, autocommit=True)": (
        'c.autocommit = True\nc.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")'
    ),
    "c.autocommit = True\nc.readonly = False": (
        'c.autocommit = True\nc.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE")'
    ),
    "c.autocommit = True\nc.isolation_level = 3": (
        'c.autocommit = True\nc.execute("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE")'
    ),
    "c.set_isolation_level(0)\nc.set_session(ext.ISOLATION_LEVEL_READ_UNCOMMITTED, deferrable=True)": (
        'c.autocommit = True\nc.execute("SET SESSION CHARACTERISTICS AS TRANSACTION '
        'ISOLATION LEVEL READ UNCOMMITTED, DEFERRABLE")'
    ),
}
UNCLEAR = [
    "def f(level):\n    c.set_isolation_level(level)",
    "LEVEL = 1\nc.set_isolation_level(LEVEL)",
    "c.isolation_level = level",
    "c.set_session(**how)",
    "c.set_session(isolation_level=level)",
    "def f(): return c.set_session(readonly=True, deferrable=True)",
    "x = c.isolation_level = 3",
    "c.isolation_level in (1, 2)",
    "class C:\n    def __init__(self):\n        self.c = psycopg2.connect()\n        self.c.autocommit = True\n"
    "    def f(self):\n        self.c.readonly = True",
]


@pytest.mark.parametrize("name", SETTINGS)
def test_settings(name: str) -> None:
    head, before, after = SETTINGS[name]
    needs = "import psycopg\n" if "psycopg.Iso" in after else ""
    code, items = run(ConnectionSettings, f"{head}{before}\n")
    assert code.replace("import psycopg\n", "") == f"{head}{after}\n"
    assert ("import psycopg\n" in code) == bool(needs)
    assert all(each.outcome == "rewritten" for each in items) or before == after
    assert run(ConnectionSettings, code)[0] == code


@pytest.mark.parametrize("before", AUTOCOMMIT_MODES)
def test_settings_that_autocommit_mode_ignores(before: str) -> None:
    _, items = run(ConnectionSettings, f"{FRESH}{before}\n")
    assert [each.outcome for each in items if "no notice" in each.message] == ["manual"]
    code, _ = run(ConnectionSettings, f"{FRESH}{before}\n", unsafe=True)
    assert code == f"{FRESH}{AUTOCOMMIT_MODES[before]}\n"


@pytest.mark.parametrize("source", UNCLEAR)
def test_settings_that_a_person_must_look_at(source: str) -> None:
    code, items = run(ConnectionSettings, f"{FRESH}{source}\n")
    assert code == f"{FRESH}{source}\n"
    assert [each.outcome for each in items] == ["manual"]


def test_encodings() -> None:
    code, _ = run(SessionState, f"{FRESH}c.set_client_encoding('UTF8')\n")
    assert code == FRESH.replace("connect()", "connect(client_encoding='UTF8')")
    code, _ = run(SessionState, f"{USED}c.set_client_encoding(x())\nc.reset()\n")
    assert code.endswith("c.cursor().execute('q')\nset_client_encoding(c, x())\nreset_connection(c)\n")
    assert SET_ENCODING.text.strip() in code
    assert RESET.text.strip() in code


# Attributes

ATTRIBUTES = {
    "c.readonly = not c.readonly": "c.read_only = not c.read_only",
    "c.server_version, c.protocol_version, c.pgconn_ptr": (
        "c.info.server_version, c.pgconn.protocol_version, c.pgconn.pgconn_ptr"
    ),
    "c.get_backend_pid(); c.get_transaction_status(); c.get_parameter_status('x')": (
        "c.info.backend_pid; c.info.transaction_status; c.info.parameter_status('x')"
    ),
    "(c.cursor().connection).server_version": "(c.cursor().connection).info.server_version",
    "c.get_dsn_parameters()['dbname'] + c.get_dsn_parameters().get('user')": "c.info.dbname + c.info.user",
    "getattr(c, 'readonly', None); setattr(c, \"readonly\", True)": (
        "getattr(c, 'read_only', None); setattr(c, \"read_only\", True)"
    ),
    "c.cancel(); c.fileno(); c.xid(1, 'a', 'b'); c.tpc_recover(); c.info.host; c.Error; c.autocommit; c.deferrable": (
        "c.cancel(); c.fileno(); c.xid(1, 'a', 'b'); c.tpc_recover(); c.info.host; c.Error; c.autocommit; c.deferrable"
    ),
    "d.readonly = True; d.server_version; d.encoding; d.dsn": "d.readonly = True; d.server_version; d.encoding; d.dsn",
}
ALMOST = {
    "c.dsn": "c.info.dsn",
    "c.get_dsn_parameters()": "c.info.get_parameters()",
    "c.info.dsn_parameters['host']": "c.info.get_parameters()['host']",
    "c.encoding": 'c.info.parameter_status("client_encoding")',
    "c.info.socket": "c.pgconn.socket",
}
REPORTED = [
    "c.notices",
    "c.__exit__(None, None, None)",
    "c.lobject(0)",
    "c.string_types",
    "c.info.ssl_attribute('x')",
    "f = c.get_backend_pid",
    "f(c.set_session)",
    "hasattr(c, 'get_backend_pid')",
    "def f(d): d.get_backend_pid()",
    "def f(patched): patched.return_value.set_session.assert_called_once()",
    "def f(raw): raw.connection.set_isolation_level(0)",
    "from unittest import mock\nd = mock.Mock()\nd.set_isolation_level.assert_called_once()",
    "from sqlalchemy import create_engine\ncreate_engine('x').raw_connection().set_session(readonly=True)",
    "from django.db import connection\nconnection.connection.set_isolation_level(0)",
]


@pytest.mark.parametrize("before", ATTRIBUTES)
def test_attributes(before: str) -> None:
    head = "import psycopg2\nc = psycopg2.connect()\n"
    outcomes = check(ConnectionAttributes, f"{head}{before}\n", f"{head}{ATTRIBUTES[before]}\n")
    assert set(outcomes) <= {"rewritten"}
    assert bool(outcomes) == (before != ATTRIBUTES[before])


def test_codecs() -> None:
    before = "from psycopg2 import connect, extensions\nc = connect()\nx = extensions.encodings[c.encoding]\n"
    after = before.replace("extensions.encodings[c.encoding]", "c.info.encoding")
    assert check(ConnectionAttributes, before, after) == ["rewritten"]


@pytest.mark.parametrize("before", ALMOST)
def test_attributes_that_say_nearly_the_same(before: str) -> None:
    head = "import psycopg2\nc = psycopg2.connect()\n"
    assert check(ConnectionAttributes, f"{head}{before}\n", f"{head}{before}\n") == ["manual"]
    new = f"{head}{ALMOST[before]}\n"
    assert check(ConnectionAttributes, f"{head}{before}\n", new, unsafe=True) == ["changed behaviour"]


@pytest.mark.parametrize("source", REPORTED)
def test_attributes_that_a_person_must_look_at(source: str) -> None:
    source = f"import psycopg2\nc = psycopg2.connect()\n{source}\n"
    assert check(ConnectionAttributes, source, source, unsafe=True) == ["manual"]


# States

STATES = {
    "c.closed == 2": "c.broken",
    "x and c.closed != 2": "x and not c.broken",
    "(c.closed > 1)": "(c.broken)",
    "c.status == ext.STATUS_READY": "c.info.transaction_status == psycopg.pq.TransactionStatus.IDLE",
    "c.status != ext.STATUS_BEGIN": (
        "c.info.transaction_status not in "
        "(psycopg.pq.TransactionStatus.INTRANS, psycopg.pq.TransactionStatus.INERROR)"
    ),
    "if c.isexecuting(): pass": "if c.info.transaction_status == psycopg.pq.TransactionStatus.ACTIVE: pass",
    "f(c.isexecuting())": "f((c.info.transaction_status == psycopg.pq.TransactionStatus.ACTIVE))",
}


@pytest.mark.parametrize("before", STATES)
def test_states(before: str) -> None:
    head = "import psycopg2\nfrom psycopg2 import extensions as ext\nc = psycopg2.connect()\n"
    assert check(ConnectionStates, f"{head}{before}\n", f"{head}{before}\n") == ["manual"]
    code, items = run(ConnectionStates, f"{head}{before}\n", unsafe=True)
    assert code.replace("import psycopg\n", "") == f"{head}{STATES[before]}\n"
    assert [each.outcome for each in items] == ["changed behaviour"]


@pytest.mark.parametrize(
    "source", ["c.closed == 0", "not c.closed", "d.closed == 2", "d.status == ext.STATUS_READY"]
)
def test_states_left_alone(source: str) -> None:
    source = f"import psycopg2\nfrom psycopg2 import extensions as ext\nc = psycopg2.connect()\n{source}\n"
    assert check(ConnectionStates, source, source, unsafe=True) == []


# Arguments

ARGUMENTS = {
    "psycopg2.connect(dsn=x, database='d')": "psycopg2.connect(conninfo=x, dbname='d')",
    "p = functools.partial(psycopg2.connect, database='d')": "p = functools.partial(psycopg2.connect, dbname='d')",
    "psycopg2.connect(None, host='h', async_=False)": "psycopg2.connect(host='h')",
    "psycopg2.connect(\n    dsn=None,\n    host='h',  # here\n    async_=0,\n)": (
        "psycopg2.connect(\n    host='h',  # here\n)"
    ),
    "ext.make_dsn('x', database='d')": "ext.make_dsn('x', dbname='d')",
    "ext.connection('x')": "ext.connection.connect('x')",
    "connect(dsn=x, database='d')": "connect(dsn=x, database='d')",
    "psycopg2.connect(database=None, dsn=None)": "psycopg2.connect(dbname=None)",
    "psycopg2.connect(x, host='h')": "psycopg2.connect(x, host='h')",
}
HEAD_OF_ARGUMENTS = "import functools\nimport psycopg2\nimport psycopg2.extensions as ext\n"


@pytest.mark.parametrize("before", ARGUMENTS)
def test_arguments(before: str) -> None:
    outcomes = check(
        ConnectArguments,
        f"{HEAD_OF_ARGUMENTS}{before}\n",
        f"{HEAD_OF_ARGUMENTS}{ARGUMENTS[before]}\n",
    )
    assert set(outcomes) == ({"rewritten"} if before != ARGUMENTS[before] else set())


@pytest.mark.parametrize(
    "source", ["psycopg2.connect('x', async_=True)", "def f(cur):\n    cur.execute('', vars=())"]
)
def test_arguments_that_a_person_must_look_at(source: str) -> None:
    source = f"{HEAD_OF_ARGUMENTS}{source}\n"
    assert check(ConnectArguments, source, source) == ["manual"]


# Dicts that become arguments

SEEN = {
    "a literal": "psycopg2.connect(**{'@database': 'd', 'host': 'h'})",
    "a call of dict": "psycopg2.connect(**dict(@database='d'), user='u')",
    "a variable": (
        "def f():\n    p = {'host': 'h', '@database': 'd'}\n    p['@database'] = p.get('@database') or 'x'\n"
        "    if '@database' in p:\n        p.pop('@database')\n    p.update(@database='x')\n"
        "    return psycopg2.connect(**p)"
    ),
    "a copy of a module's": (
        "P = dict(@database='d')\ndef f():\n    p = P.copy()\n    del p['@database']\n    psycopg2.connect(**p)\n"
        "def g():\n    psycopg2.connect(**P)"
    ),
    "a wrapper's keywords": (
        "def f(**how):\n    c = psycopg2.connect(**how)\n    return c\nf(@database='d', **{'@database': 1})"
    ),
    "two dicts together": "psycopg2.connect(**{'user': 'u'} | {'@database': 'd'})",
    "another key": "p = {'dbname': 'd'}\npsycopg2.connect(**p)",
    "another function": "p = {'database': 'd'}\nconnect(**p)",
}
SHARED = {
    "shown to others": "def f():\n    p = {'@database': 'd'}\n    show(p)\n    psycopg2.connect(**p)",
    "used for others": "def f():\n    p = {'@database': 'd'}\n    Namespace(**p)\n    psycopg2.connect(**p)",
    "of unknown origin": "def f():\n    p = read()\n    del p['@database']\n    psycopg2.connect(**p)",
    "partly of unknown origin": (
        "def f(rest):\n    p = {'@database': 'd', **rest}\n    print(p['@database'])\n    psycopg2.connect(**p)"
    ),
    "of a function": "def p():\n    return {'@database': 'd'}\npsycopg2.connect(**p())",
    "of an object": (
        "class C:\n    P = {'@database': 'd'}\n    def __init__(self):\n        self.p = {'@database': 'd'}\n"
        "    def f(self):\n        psycopg2.connect(**self.p)\n        psycopg2.connect(**self.P)"
    ),
    "read by a wrapper": (
        "def f(**how):\n    print(how['@database'])\n    return psycopg2.connect(**how)\nf(@database='d')"
    ),
}


@pytest.mark.parametrize("name", SEEN)
def test_parameters(name: str) -> None:
    before = "import psycopg2\n" + SEEN[name].replace("@", "") + "\n"
    after = "import psycopg2\n" + SEEN[name].replace("@database", "dbname") + "\n"
    assert set(check(ConnectionParameters, before, after)) == ({"rewritten"} if before != after else set())


@pytest.mark.parametrize("name", SHARED)
def test_parameters_that_others_may_read(name: str) -> None:
    before = "import psycopg2\n" + SHARED[name].replace("@", "") + "\n"
    after = "import psycopg2\n" + SHARED[name].replace("@database", "dbname") + "\n"
    assert set(check(ConnectionParameters, before, before)) == {"manual"}
    code, items = run(ConnectionParameters, before, unsafe=True)
    assert {each.outcome for each in items} == {"changed behaviour"}
    assert code == after


def test_parameters_of_other_modules(tmp_path: Path) -> None:
    """A dict is found where it is written, and keywords where a wrapper of another module is called."""
    files = {
        "pyproject.toml": "",
        "app/__init__.py": "",
        "app/config.py": (
            "DB = {'host': 'h', 'database': 'd'}\n"
            "OTHER = {'database': 'd'}\n"
            "LIKELY = {'host': 'h', 'user': 'u', 'database': 'd'}\n"
            "GIVEN = URL(**{'host': 'h', 'user': 'u', 'database': 'd'})\n"
            "def get():\n    return dict(database='d')\n"
        ),
        "app/db.py": (
            "import psycopg2\nfrom app import config\nfrom .config import DB\n"
            "def connect(**how):\n    return psycopg2.connect(**how)\n"
            "def first():\n    return psycopg2.connect(**DB)\n"
            "def second():\n    c = psycopg2.connect(**config.get())\n"
        ),
        "app/use.py": "from .db import connect\nc = connect(database='d')\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = migrate([tmp_path], Settings(), tmp_path, ROUTE)
    assert [(Path(each.filename).name, each.location.row) for each in found.manual] == [
        ("config.py", 1),
        ("config.py", 3),
        ("config.py", 6),
        ("use.py", 2),
    ]


def test_objects_that_only_their_use_gives_away(tmp_path: Path) -> None:
    """They are rewritten where the user agrees, by methods that a pool's proxy of a connection hands on."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "m.py").write_text(
        "import psycopg2\n"
        "def f(thing):\n    thing.set_isolation_level(0)\n    with thing:\n        thing.server_version\n"
    )
    manual = migrate([tmp_path], Settings(), tmp_path, ROUTE).manual
    assert [each.location.row for each in manual] == [3, 4, 5]
    found = migrate([tmp_path], Settings(), tmp_path, ROUTE, unsafe=True)
    assert not found.manual
    assert found.texts[tmp_path / "m.py"][1].endswith(
        "    thing.rollback()\n    thing.set_autocommit(True)\n"
        "    with committing(thing):\n        thing.info.server_version\n"
    )


@pytest.mark.parametrize(
    ("head", "line", "outcomes"),
    [
        ("import psycopg2\n", "def f(conn): return conn.server_version\n", ["manual"]),
        (
            "import psycopg2\n",
            "def f(conn_mock): conn_mock.return_value.server_version = 90600\n",
            ["manual"],
        ),
        ("import psycopg2\n", "def f(server): return server.server_version\n", []),
        ("", "def f(conn): return conn.server_version\n", []),
    ],
)
def test_server_version_of_what_is_called_a_connection(head: str, line: str, outcomes: list[str]) -> None:
    assert check(ConnectionAttributes, head + line, head + line) == outcomes


KEPT = """\
import psycopg2
from psycopg2.extensions import STATUS_READY
c = psycopg2.connect()
def check():
    before = None
    try:
        before = c.status
        c.cursor().execute("select 1")
        if before == STATUS_READY:
            c.rollback()
    finally:
        {}
"""


def test_status_that_is_kept_and_compared_later() -> None:
    source = KEPT.format("pass")
    assert check(ConnectionStates, source, source) == ["manual", "manual"]
    code, items = run(ConnectionStates, source, unsafe=True)
    assert "before = c.info.transaction_status\n" in code
    assert "if before == psycopg.pq.TransactionStatus.IDLE:" in code
    assert [each.outcome for each in items] == ["changed behaviour", "changed behaviour"]


def test_status_that_is_kept_for_others() -> None:
    source = KEPT.format("print(before)")
    assert check(ConnectionStates, source, source, unsafe=True) == ["manual"]


def test_encoding_stands_like_the_other_arguments() -> None:
    before = (
        "import psycopg2\nc = psycopg2.connect(\n    host=h,\n    port=p\n)\nc.set_client_encoding('UTF8')\n"
    )
    code, _ = run(SessionState, before)
    assert code.endswith("connect(\n    host=h,\n    port=p,\n    client_encoding='UTF8'\n)\n")
