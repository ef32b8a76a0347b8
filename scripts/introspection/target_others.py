"""Drivers of other databases: Oracle, SQL Server, pg8000, DuckDB, ClickHouse, MongoDB."""

from __future__ import annotations

from .spec import Function, Keep, Says, Target

SELF = Says("Self")
_STATEMENTS = ("execute", "executemany", "callproc")
_FETCHES = ("fetchone", "fetchmany", "fetchall", "__next__")
_ENDS = ("commit", "rollback", "close")

# Its connections have dozens of protocol handlers that nobody calls.
_PG8000 = ("__enter__", "__exit__", "autocommit", "close", "commit", "cursor", "rollback", "run", "prepare")
_PG8000_CURSOR = Keep("cursor", "sync", blocks=_STATEMENTS)

PG8000 = Target(
    name="pg8000",
    distribution="pg8000",
    roots=("pg8000",),
    modules=("pg8000", "pg8000.dbapi", "pg8000.legacy", "pg8000.native"),
    classes={
        "pg8000.dbapi.Connection": Keep(
            "connection",
            "sync",
            blocks=("__init__", *_ENDS),
            only=_PG8000,
            says={"__enter__": SELF, "cursor": Says("pg8000.dbapi.Cursor")},
        ),
        "pg8000.legacy.Connection": Keep(
            "connection",
            "sync",
            blocks=("__init__", *_ENDS, "run"),
            only=_PG8000,
            says={"__enter__": SELF, "cursor": Says("pg8000.legacy.Cursor")},
        ),
        "pg8000.native.Connection": Keep(
            "connection",
            "sync",
            blocks=("__init__", "run", "close", "prepare"),
            only=_PG8000,
            says={"__enter__": SELF},
        ),
        # All rows have arrived when `execute` returns.
        "pg8000.dbapi.Cursor": _PG8000_CURSOR,
        "pg8000.legacy.Cursor": Keep(
            "cursor", "sync", blocks=("execute", "executemany"), says={"__enter__": SELF}
        ),
    },
    functions={
        "pg8000.connect": Function(returns="pg8000.legacy.Connection", blocks=True),
        "pg8000.dbapi.connect": Function(returns="pg8000.dbapi.Connection", blocks=True),
    },
)

ORACLEDB = Target(
    name="oracledb",
    distribution="oracledb",
    roots=("oracledb",),
    modules=("oracledb", "oracledb.connection", "oracledb.cursor", "oracledb.pool"),
    classes={
        "oracledb.Connection": Keep(
            "connection",
            "sync",
            twin="oracledb.AsyncConnection",
            blocks=("__init__", "begin", "prepare", "shutdown", "startup"),
            says={"__enter__": SELF},
        ),
        "oracledb.Cursor": Keep("cursor", "sync", twin="oracledb.AsyncCursor", says={"__enter__": SELF}),
        "oracledb.ConnectionPool": Keep(
            "pool", "sync", twin="oracledb.AsyncConnectionPool", blocks=("drop", "release")
        ),
        "oracledb.AsyncConnection": Keep("connection", "async", says={"__aenter__": SELF, "__await__": SELF}),
        "oracledb.AsyncCursor": Keep("cursor", "async", says={"__aenter__": SELF}),
        "oracledb.AsyncConnectionPool": Keep(
            "pool",
            "async",
            says={"acquire": Says("oracledb.AsyncConnection", gives="oracledb.AsyncConnection")},
        ),
    },
    functions={
        "oracledb.connect": Function(returns="oracledb.Connection", blocks=True),
        "oracledb.connect_async": Function(
            returns="oracledb.AsyncConnection", gives="oracledb.AsyncConnection"
        ),
        "oracledb.create_pool": Function(returns="oracledb.ConnectionPool", blocks=True),
        "oracledb.create_pool_async": Function(returns="oracledb.AsyncConnectionPool"),
    },
)

CX_ORACLE = Target(
    name="cx_Oracle",
    distribution="cx_Oracle",
    roots=("cx_Oracle",),
    modules=("cx_Oracle",),
    classes={
        # `cx_Oracle.connect` is this class.
        "cx_Oracle.Connection": Keep(
            "connection",
            "sync",
            blocks=("__init__", *_ENDS, "begin", "cancel", "ping", "prepare", "changepassword"),
            says={"__enter__": SELF, "cursor": Says("cx_Oracle.Cursor")},
        ),
        "cx_Oracle.Cursor": Keep(
            "cursor",
            "sync",
            blocks=(*_STATEMENTS, *_FETCHES, "callfunc", "executemanyprepared", "parse", "scroll"),
            says={"__enter__": SELF},
        ),
        "cx_Oracle.SessionPool": Keep(
            "pool",
            "sync",
            blocks=("__init__", "acquire", "close", "drop", "release"),
            says={"acquire": Says("cx_Oracle.Connection")},
        ),
    },
)

_CATALOG = (
    "columns",
    "foreignKeys",
    "getTypeInfo",
    "primaryKeys",
    "procedureColumns",
    "procedures",
    "rowIdColumns",
    "rowVerColumns",
    "statistics",
    "tables",
)

PYODBC = Target(
    name="pyodbc",
    distribution="pyodbc",
    roots=("pyodbc",),
    modules=("pyodbc",),
    classes={
        "pyodbc.Connection": Keep(
            "connection",
            "sync",
            blocks=(*_ENDS, "execute", "getinfo"),
            says={"__enter__": SELF, "cursor": Says("pyodbc.Cursor"), "execute": Says("pyodbc.Cursor")},
        ),
        "pyodbc.Cursor": Keep(
            "cursor",
            "sync",
            blocks=(
                "execute",
                "executemany",
                *_FETCHES,
                "fetchval",
                "commit",
                "rollback",
                "nextset",
                "skip",
                *_CATALOG,
            ),
            says={"__enter__": SELF, "execute": SELF, **dict.fromkeys(_CATALOG, SELF)},
        ),
    },
    functions={"pyodbc.connect": Function(returns="pyodbc.Connection", blocks=True)},
)

PYMSSQL = Target(
    name="pymssql",
    distribution="pymssql",
    roots=("pymssql",),
    modules=("pymssql",),
    classes={
        "pymssql.Connection": Keep(
            "connection",
            "sync",
            blocks=(*_ENDS, "bulk_copy"),
            says={"__enter__": SELF, "cursor": Says("pymssql.Cursor")},
        ),
        "pymssql.Cursor": Keep(
            "cursor", "sync", blocks=(*_STATEMENTS, *_FETCHES, "nextset"), says={"__enter__": SELF}
        ),
    },
    functions={"pymssql.connect": Function(returns="pymssql.Connection", blocks=True)},
)

_DUCK = "duckdb.DuckDBPyConnection"
_RELATION = Says("duckdb.DuckDBPyRelation")
_DUCK_READS = (
    "df",
    "fetch_df",
    "fetchdf",
    "fetchall",
    "fetchmany",
    "fetchone",
    "fetchnumpy",
    "to_arrow_table",
)

DUCKDB = Target(
    name="duckdb",
    distribution="duckdb",
    roots=("duckdb",),
    modules=("duckdb",),
    classes={
        _DUCK: Keep(
            "connection",
            "sync",
            blocks=(
                *_ENDS,
                "append",
                "begin",
                "checkpoint",
                "execute",
                "executemany",
                "from_query",
                "query",
                "read_*",
                "sql",
                *_DUCK_READS,
            ),
            says={
                "__enter__": SELF,
                "cursor": SELF,
                "execute": SELF,
                "executemany": SELF,
                "from_query": _RELATION,
                "query": _RELATION,
                "sql": _RELATION,
                "table": _RELATION,
            },
        ),
        "duckdb.DuckDBPyRelation": Keep(
            "query",
            "sync",
            blocks=("create", "fetch*", "df", "insert", "insert_into", "show", "to_*", "write_*", "pl"),
            only=(
                "create",
                "df",
                "execute",
                "fetchall",
                "fetchdf",
                "fetchmany",
                "fetchnumpy",
                "fetchone",
                "filter",
                "insert",
                "insert_into",
                "limit",
                "order",
                "pl",
                "project",
                "show",
                "to_arrow_table",
                "to_csv",
                "to_df",
                "to_parquet",
                "to_table",
                "write_csv",
                "write_parquet",
            ),
            says=dict.fromkeys(("filter", "limit", "order", "project"), SELF),
        ),
    },
    functions={
        "duckdb.connect": Function(returns=_DUCK, blocks=True),
        "duckdb.execute": Function(returns=_DUCK, blocks=True),
        "duckdb.query": Function(returns=_RELATION.returns, blocks=True),
        "duckdb.sql": Function(returns=_RELATION.returns, blocks=True),
        "duckdb.read_csv": Function(returns=_RELATION.returns, blocks=True),
        "duckdb.read_json": Function(returns=_RELATION.returns, blocks=True),
        "duckdb.read_parquet": Function(returns=_RELATION.returns, blocks=True),
    },
)

CLICKHOUSE_DRIVER = Target(
    name="clickhouse_driver",
    distribution="clickhouse-driver",
    roots=("clickhouse_driver",),
    modules=(
        "clickhouse_driver",
        "clickhouse_driver.client",
        "clickhouse_driver.dbapi",
        "clickhouse_driver.dbapi.connection",
        "clickhouse_driver.dbapi.cursor",
    ),
    classes={
        "clickhouse_driver.Client": Keep(
            "connection",
            "sync",
            blocks=("cancel", "execute*", "insert_dataframe", "query_dataframe"),
            only=(
                "__enter__",
                "__exit__",
                "cancel",
                "disconnect",
                "execute",
                "execute_iter",
                "execute_with_progress",
                "from_url",
                "insert_dataframe",
                "query_dataframe",
            ),
            says={"__enter__": SELF, "from_url": SELF},
        ),
        "clickhouse_driver.dbapi.connection.Connection": Keep(
            "connection",
            "sync",
            says={"__enter__": SELF, "cursor": Says("clickhouse_driver.dbapi.cursor.Cursor")},
        ),
        "clickhouse_driver.dbapi.cursor.Cursor": Keep(
            "cursor", "sync", blocks=("execute", "executemany"), says={"__enter__": SELF}
        ),
    },
    functions={
        # Connects at the first statement.
        "clickhouse_driver.dbapi.connect": Function(returns="clickhouse_driver.dbapi.connection.Connection"),
    },
)


def _mongo(name: str, role: str, **more: object) -> dict[str, Keep]:
    module = {
        "MongoClient": "mongo_client",
        "CommandCursor": "command_cursor",
        "ClientSession": "client_session",
    }
    home = module.get(name, name.lower())
    twin = f"pymongo.asynchronous.{home}.Async{name}"
    return {
        f"pymongo.synchronous.{home}.{name}": Keep(role, "sync", twin=twin, **more),  # type: ignore[arg-type]
        twin: Keep(role, "async"),
    }


PYMONGO = Target(
    name="pymongo",
    distribution="pymongo",
    roots=("pymongo",),
    modules=(
        "pymongo",
        "pymongo.asynchronous.client_session",
        "pymongo.asynchronous.collection",
        "pymongo.asynchronous.command_cursor",
        "pymongo.asynchronous.cursor",
        "pymongo.asynchronous.database",
        "pymongo.asynchronous.mongo_client",
        "pymongo.client_session",
        "pymongo.collection",
        "pymongo.command_cursor",
        "pymongo.cursor",
        "pymongo.database",
        "pymongo.mongo_client",
        "pymongo.synchronous.client_session",
        "pymongo.synchronous.collection",
        "pymongo.synchronous.command_cursor",
        "pymongo.synchronous.cursor",
        "pymongo.synchronous.database",
        "pymongo.synchronous.mongo_client",
    ),
    classes={
        # The client connects in a thread of its own; the first operation waits for it.
        **_mongo("MongoClient", "client"),
        **_mongo("Database", "database"),
        **_mongo("Collection", "collection"),
        **_mongo("Cursor", "cursor", blocks=("__getitem__",)),
        **_mongo("CommandCursor", "cursor"),
        **_mongo("ClientSession", "session"),
    },
)
