"""The PostgreSQL drivers: asyncpg, psycopg and its pool, psycopg2, aiopg."""

from __future__ import annotations

from .spec import Function, Keep, Says, Target

_APG_CONNECTION = Says("asyncpg.Connection", gives="asyncpg.pool.PoolAcquireContext")
_APG_CURSOR = Says("asyncpg.cursor.Cursor", gives="asyncpg.cursor.CursorFactory")

ASYNCPG = Target(
    name="asyncpg",
    distribution="asyncpg",
    roots=("asyncpg",),
    modules=(
        "asyncpg",
        "asyncpg.connection",
        "asyncpg.cursor",
        "asyncpg.pool",
        "asyncpg.prepared_stmt",
        "asyncpg.transaction",
    ),
    classes={
        "asyncpg.Connection": Keep(
            "connection",
            "async",
            says={
                "transaction": Says("None", gives="asyncpg.transaction.Transaction"),
                "cursor": _APG_CURSOR,
                "prepare": Says("asyncpg.prepared_stmt.PreparedStatement"),
            },
        ),
        # What a pool hands out wraps a connection and has all of its methods.
        "asyncpg.pool.PoolConnectionProxy": Keep("connection", "async", base="asyncpg.Connection"),
        "asyncpg.Pool": Keep(
            "pool",
            "async",
            says={
                "acquire": _APG_CONNECTION,
                "__aenter__": Says("Self"),
                "__await__": Says("Self"),
            },
        ),
        "asyncpg.pool.PoolAcquireContext": Keep(
            "",
            "async",
            says={"__aenter__": Says("asyncpg.Connection"), "__await__": Says("asyncpg.Connection")},
        ),
        "asyncpg.transaction.Transaction": Keep("transaction", "async", says={"__aenter__": Says("None")}),
        "asyncpg.prepared_stmt.PreparedStatement": Keep("statement", "async", says={"cursor": _APG_CURSOR}),
        "asyncpg.cursor.CursorFactory": Keep(
            "cursor", "async", says={"__await__": Says("asyncpg.cursor.Cursor")}
        ),
        "asyncpg.cursor.CursorIterator": Keep("cursor", "async"),
        "asyncpg.cursor.Cursor": Keep("cursor", "async"),
    },
    functions={
        "asyncpg.connect": Function(returns="asyncpg.Connection"),
        "asyncpg.create_pool": Function(returns="asyncpg.Pool", gives="asyncpg.Pool"),
    },
)

# Rows of these cursors have arrived when `execute` returns; their async twins await for symmetry only.
_BUFFERED = (
    "fetchone",
    "fetchmany",
    "fetchall",
    "__iter__",
    "__next__",
    "scroll",
    "close",
    "results",
    "set_result",
)


def _cursors(*names: str) -> dict[str, Keep]:
    kept: dict[str, Keep] = {}
    for name in names:
        server = "Server" in name
        kept[f"psycopg.{name}"] = Keep(
            "cursor", "sync", twin=f"psycopg.Async{name}", quiet=() if server else _BUFFERED
        )
        kept[f"psycopg.Async{name}"] = Keep("cursor", "async")
    return kept


PSYCOPG = Target(
    name="psycopg",
    distribution="psycopg",
    roots=("psycopg",),
    modules=("psycopg", "psycopg.conninfo", "psycopg.copy", "psycopg.crdb", "psycopg.rows"),
    classes={
        "psycopg.Connection": Keep(
            "connection",
            "sync",
            twin="psycopg.AsyncConnection",
            says={"cursor": Says("psycopg.Cursor")},
        ),
        "psycopg.AsyncConnection": Keep("connection", "async", says={"cursor": Says("psycopg.AsyncCursor")}),
        "psycopg.Transaction": Keep("transaction", "sync"),
        "psycopg.AsyncTransaction": Keep("transaction", "async"),
        "psycopg.Pipeline": Keep("pipeline", "sync", twin="psycopg.AsyncPipeline"),
        "psycopg.AsyncPipeline": Keep("pipeline", "async"),
        "psycopg.Copy": Keep("copy", "sync", twin="psycopg.AsyncCopy"),
        "psycopg.AsyncCopy": Keep("copy", "async"),
        **_cursors("Cursor", "ServerCursor", "ClientCursor", "RawCursor", "RawServerCursor"),
    },
    functions={"psycopg.connect": Function(blocks=True)},
)

# Left to the pool's own threads; `open` returns at once unless told to wait.
_WORKERS = ("open", "resize", "schedule_task", "worker")

PSYCOPG_POOL = Target(
    name="psycopg_pool",
    distribution="psycopg-pool",
    roots=("psycopg_pool",),
    modules=("psycopg_pool", "psycopg_pool.pool", "psycopg_pool.pool_async"),
    classes={
        "psycopg_pool.ConnectionPool": Keep(
            "pool", "sync", twin="psycopg_pool.AsyncConnectionPool", quiet=_WORKERS
        ),
        "psycopg_pool.NullConnectionPool": Keep(
            "pool", "sync", twin="psycopg_pool.AsyncNullConnectionPool", quiet=_WORKERS
        ),
        "psycopg_pool.AsyncConnectionPool": Keep("pool", "async"),
        "psycopg_pool.AsyncNullConnectionPool": Keep("pool", "async"),
    },
)

_PG2_CURSOR = Keep(
    "cursor",
    "sync",
    # The default cursor has all rows when `execute` returns. Named cursors fetch from the server, but a name
    # is rarely to be seen in the code, and silence is better than a false alarm.
    blocks=("execute", "executemany", "callproc", "copy_from", "copy_to", "copy_expert"),
    says={"__enter__": Says("Self"), "connection": Says("psycopg2.extensions.connection")},
)
_PG2_CONNECTION = Keep(
    "connection",
    "sync",
    blocks=(
        "commit",
        "rollback",
        "close",
        "cancel",
        "reset",
        "set_isolation_level",
        "set_client_encoding",
        "tpc_begin",
        "tpc_commit",
        "tpc_prepare",
        "tpc_recover",
        "tpc_rollback",
        "lobject",
    ),
    says={"cursor": Says("psycopg2.extensions.cursor"), "__enter__": Says("Self")},
)


def _psycopg2_connection(cursor: str) -> Keep:
    return Keep("connection", "sync", says={"cursor": Says(f"psycopg2.extras.{cursor}")})


_PG2_POOL = Keep(
    "pool",
    "sync",
    # Made with `minconn` connections at once; `putconn` rolls back what is open.
    blocks=("__init__", "getconn", "putconn", "closeall"),
    says={"getconn": Says("psycopg2.extensions.connection")},
)

PSYCOPG2 = Target(
    name="psycopg2",
    distribution="psycopg2-binary",
    roots=("psycopg2",),
    modules=("psycopg2", "psycopg2.extensions", "psycopg2.extras", "psycopg2.pool", "psycopg2.sql"),
    classes={
        "psycopg2.extensions.connection": _PG2_CONNECTION,
        "psycopg2.extensions.cursor": _PG2_CURSOR,
        "psycopg2.extras.DictConnection": _psycopg2_connection("DictCursor"),
        "psycopg2.extras.RealDictConnection": _psycopg2_connection("RealDictCursor"),
        "psycopg2.extras.NamedTupleConnection": _psycopg2_connection("NamedTupleCursor"),
        "psycopg2.extras.LoggingConnection": Keep("connection", "sync"),
        "psycopg2.extras.DictCursorBase": Keep("cursor", "sync"),
        "psycopg2.extras.DictCursor": Keep("cursor", "sync"),
        "psycopg2.extras.RealDictCursor": Keep("cursor", "sync"),
        "psycopg2.extras.NamedTupleCursor": Keep("cursor", "sync"),
        "psycopg2.extras.LoggingCursor": Keep("cursor", "sync"),
        "psycopg2.pool.AbstractConnectionPool": Keep("pool", "sync", blocks=("__init__",)),
        "psycopg2.pool.SimpleConnectionPool": _PG2_POOL,
        "psycopg2.pool.ThreadedConnectionPool": _PG2_POOL,
    },
    functions={
        "psycopg2.connect": Function(returns="psycopg2.extensions.connection", blocks=True),
        "psycopg2.extras.wait_select": Function(blocks=True),
        "psycopg2.extras.execute_values": Function(blocks=True),
        "psycopg2.extras.execute_batch": Function(blocks=True),
        "psycopg2.extensions.set_wait_callback": Function(),
        "psycopg2.extensions.get_wait_callback": Function(),
    },
)

AIOPG = Target(
    name="aiopg",
    distribution="aiopg",
    roots=("aiopg",),
    modules=("aiopg", "aiopg.connection", "aiopg.pool"),
    classes={
        "aiopg.Connection": Keep("connection", "async"),
        "aiopg.Cursor": Keep("cursor", "async"),
        "aiopg.Pool": Keep("pool", "async"),
    },
    functions={"aiopg.connect": Function(), "aiopg.create_pool": Function()},
)
