"""SQLite: the standard library's driver and its async wrapper."""

from __future__ import annotations

from .spec import Function, Keep, Says, Target

# Coroutines in aiosqlite because every call there hops to a thread; none of them reads or writes the
# database.
_THREAD_HOPS = (
    "cursor",
    "create_function",
    "enable_load_extension",
    "interrupt",
    "load_extension",
    "set_authorizer",
    "set_progress_handler",
    "set_trace_callback",
)

SQLITE3 = Target(
    name="sqlite3",
    distribution="",
    roots=("sqlite3",),
    modules=("sqlite3", "sqlite3.dbapi2"),
    classes={
        "sqlite3.Connection": Keep(
            "connection",
            "sync",
            twin="aiosqlite.Connection",
            quiet=_THREAD_HOPS,
            assumed=("enable_load_extension", "load_extension"),
            blocks=("__init__",),
            says={
                "cursor": Says("sqlite3.Cursor"),
                "execute": Says("sqlite3.Cursor"),
                "executemany": Says("sqlite3.Cursor"),
                "executescript": Says("sqlite3.Cursor"),
                "__enter__": Says("Self"),
            },
        ),
        "sqlite3.Cursor": Keep(
            "cursor",
            "sync",
            twin="aiosqlite.Cursor",
            quiet=("close",),
            # Rows are read from the file one by one.
            blocks=("__next__",),
            says={
                "execute": Says("Self"),
                "executemany": Says("Self"),
                "executescript": Says("Self"),
                "__iter__": Says("Self"),
            },
        ),
    },
    functions={"sqlite3.connect": Function(returns="sqlite3.Connection", blocks=True)},
)

AIOSQLITE = Target(
    name="aiosqlite",
    distribution="aiosqlite",
    roots=("aiosqlite",),
    modules=("aiosqlite", "aiosqlite.core", "aiosqlite.cursor"),
    classes={
        "aiosqlite.Connection": Keep("connection", "async"),
        "aiosqlite.Cursor": Keep("cursor", "async", says={"__aenter__": Says("Self")}),
    },
    functions={"aiosqlite.connect": Function()},
)
