"""The MySQL drivers. None of them says much in annotations, so PEP 249's shape is declared and checked."""

from __future__ import annotations

from .spec import Function, Keep, Says, Target

SELF = Says("Self")
_STATEMENTS = ("execute", "executemany", "callproc", "nextset")
_FETCHES = ("fetchone", "fetchmany", "fetchall")
_ENDS = ("commit", "rollback", "close")

_BUFFERED_CURSOR = Keep("cursor", "sync", blocks=_STATEMENTS, says={"__enter__": SELF})
# Rows are read from the socket one by one.
_STREAMING_CURSOR = Keep(
    "cursor", "sync", blocks=(*_STATEMENTS, *_FETCHES, "__next__"), says={"__enter__": SELF}
)

PYMYSQL = Target(
    name="pymysql",
    distribution="PyMySQL",
    roots=("pymysql",),
    modules=("pymysql", "pymysql.connections", "pymysql.cursors"),
    classes={
        # `pymysql.connect` is this class.
        "pymysql.connections.Connection": Keep(
            "connection",
            "sync",
            blocks=(
                "__init__",
                *_ENDS,
                "autocommit",
                "begin",
                "connect",
                "kill",
                "ping",
                "query",
                "select_db",
                "set_character_set",
                "show_warnings",
            ),
            says={"__enter__": SELF, "cursor": Says("pymysql.cursors.Cursor")},
        ),
        "pymysql.cursors.Cursor": _BUFFERED_CURSOR,
        "pymysql.cursors.DictCursor": _BUFFERED_CURSOR,
        "pymysql.cursors.SSCursor": _STREAMING_CURSOR,
        "pymysql.cursors.SSDictCursor": _STREAMING_CURSOR,
    },
)

MYSQLDB = Target(
    name="MySQLdb",
    distribution="mysqlclient",
    roots=("MySQLdb",),
    modules=("MySQLdb", "MySQLdb.connections", "MySQLdb.cursors"),
    classes={
        "MySQLdb.connections.Connection": Keep(
            "connection",
            "sync",
            blocks=(
                "__init__",
                *_ENDS,
                "autocommit",
                "begin",
                "kill",
                "ping",
                "query",
                "select_db",
                "show_warnings",
            ),
            says={"__enter__": SELF, "cursor": Says("MySQLdb.cursors.Cursor")},
        ),
        "MySQLdb.cursors.Cursor": _BUFFERED_CURSOR,
        "MySQLdb.cursors.DictCursor": _BUFFERED_CURSOR,
        "MySQLdb.cursors.SSCursor": _STREAMING_CURSOR,
        "MySQLdb.cursors.SSDictCursor": _STREAMING_CURSOR,
    },
    functions={"MySQLdb.connect": Function(returns="MySQLdb.connections.Connection", blocks=True)},
)

_CONNECTOR = "mysql.connector"
MYSQL_CONNECTOR = Target(
    name="mysql_connector",
    distribution="mysql-connector-python",
    roots=("mysql",),
    modules=(
        "mysql.connector",
        "mysql.connector.abstracts",
        "mysql.connector.aio",
        "mysql.connector.aio.abstracts",
        "mysql.connector.aio.connection",
        "mysql.connector.connection",
        "mysql.connector.cursor",
        "mysql.connector.pooling",
    ),
    classes={
        f"{_CONNECTOR}.abstracts.MySQLConnectionAbstract": Keep(
            "connection",
            "sync",
            twin=f"{_CONNECTOR}.aio.abstracts.MySQLConnectionAbstract",
            quiet=("cursor",),
            says={"__enter__": SELF},
        ),
        f"{_CONNECTOR}.connection.MySQLConnection": Keep(
            "connection",
            "sync",
            twin=f"{_CONNECTOR}.aio.MySQLConnection",
            quiet=("cursor",),
            says={"__enter__": SELF, "cursor": Says(f"{_CONNECTOR}.abstracts.MySQLCursorAbstract")},
        ),
        # Cursors are unbuffered unless asked otherwise: fetching reads from the socket.
        f"{_CONNECTOR}.abstracts.MySQLCursorAbstract": Keep(
            "cursor", "sync", twin=f"{_CONNECTOR}.aio.abstracts.MySQLCursorAbstract", says={"__enter__": SELF}
        ),
        f"{_CONNECTOR}.cursor.MySQLCursor": Keep(
            "cursor", "sync", twin=f"{_CONNECTOR}.aio.abstracts.MySQLCursorAbstract", says={"__enter__": SELF}
        ),
        f"{_CONNECTOR}.aio.abstracts.MySQLConnectionAbstract": Keep(
            "connection", "async", says={"__aenter__": SELF}
        ),
        f"{_CONNECTOR}.aio.MySQLConnection": Keep("connection", "async", says={"__aenter__": SELF}),
        f"{_CONNECTOR}.aio.abstracts.MySQLCursorAbstract": Keep("cursor", "async", says={"__aenter__": SELF}),
        f"{_CONNECTOR}.pooling.MySQLConnectionPool": Keep(
            "pool",
            "sync",
            blocks=("__init__", "get_connection", "add_connection"),
            says={"get_connection": Says(f"{_CONNECTOR}.pooling.PooledMySQLConnection")},
        ),
        # Passes everything on to a connection by `__getattr__`.
        f"{_CONNECTOR}.pooling.PooledMySQLConnection": Keep(
            "connection", "sync", base=f"{_CONNECTOR}.abstracts.MySQLConnectionAbstract"
        ),
    },
    functions={
        "mysql.connector.connect": Function(
            returns="mysql.connector.abstracts.MySQLConnectionAbstract", blocks=True
        ),
        "mysql.connector.aio.connect": Function(
            returns="mysql.connector.aio.abstracts.MySQLConnectionAbstract"
        ),
    },
)

AIOMYSQL = Target(
    name="aiomysql",
    distribution="aiomysql",
    roots=("aiomysql",),
    modules=("aiomysql", "aiomysql.connection", "aiomysql.cursors", "aiomysql.pool"),
    classes={
        "aiomysql.Connection": Keep(
            "connection",
            "async",
            says={"__aenter__": SELF, "cursor": Says("aiomysql.Cursor", protocol="startable")},
        ),
        "aiomysql.Cursor": Keep("cursor", "async", says={"__aenter__": SELF}),
        "aiomysql.DictCursor": Keep("cursor", "async"),
        "aiomysql.SSCursor": Keep("cursor", "async"),
        "aiomysql.SSDictCursor": Keep("cursor", "async"),
        "aiomysql.Pool": Keep(
            "pool",
            "async",
            says={"__aenter__": SELF, "acquire": Says("aiomysql.Connection", protocol="startable")},
        ),
    },
    functions={
        "aiomysql.connect": Function(returns="aiomysql.Connection", protocol="startable"),
        "aiomysql.create_pool": Function(returns="aiomysql.Pool", protocol="startable"),
    },
)

ASYNCMY = Target(
    name="asyncmy",
    distribution="asyncmy",
    roots=("asyncmy",),
    modules=("asyncmy", "asyncmy.connection", "asyncmy.cursors", "asyncmy.pool"),
    classes={
        "asyncmy.connection.Connection": Keep(
            "connection", "async", says={"__aenter__": SELF, "cursor": Says("asyncmy.cursors.Cursor")}
        ),
        "asyncmy.cursors.Cursor": Keep("cursor", "async", says={"__aenter__": SELF}),
        "asyncmy.cursors.DictCursor": Keep("cursor", "async"),
        "asyncmy.cursors.SSCursor": Keep("cursor", "async"),
        "asyncmy.cursors.SSDictCursor": Keep("cursor", "async"),
        "asyncmy.pool.Pool": Keep(
            "pool",
            "async",
            says={
                "__aenter__": SELF,
                "acquire": Says("asyncmy.connection.Connection", protocol="startable"),
                "release": Says(protocol="future"),
            },
        ),
    },
    functions={
        "asyncmy.connect": Function(returns="asyncmy.connection.Connection", protocol="startable"),
        "asyncmy.create_pool": Function(returns="asyncmy.pool.Pool", protocol="startable"),
    },
)
