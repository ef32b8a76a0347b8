"""Connections and transactions in `asyncdb-lint migrate psycopg2`: each rewrite by itself, near misses first."""

from __future__ import annotations

import textwrap

import libcst as cst
import pytest
from libcst.codemod import CodemodContext

from asyncdb_lint.migrate.command import ITEMS, UNSAFE, Item, Rewrite
from asyncdb_lint.migrate.from_psycopg2.transactions import COMMITTING, ConnectionBlocks


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
    "a pool's": ("with pool.SimpleConnectionPool(1, 2).getconn() as c:\n    c.commit()", []),
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
        "@functools.cache\ndef get():\n    return psycopg2.connect()\ndef f():\n    with {get()} as c:\n        c.cursor()"
    ),
    "on a stack": (
        "with contextlib.ExitStack() as stack:\n    c = stack.enter_context({psycopg2.connect()})\n    c.cursor()"
    ),
    "autocommit set somewhere": (
        "def f(x):\n    c = psycopg2.connect()\n    if x:\n        c.autocommit = True\n    with {c}:\n        c.cursor()"
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
