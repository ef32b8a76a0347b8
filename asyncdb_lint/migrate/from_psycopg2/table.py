"""psycopg2's public names and where psycopg 3 has them. Measured: tests/proofs/test_migrate.py."""

from __future__ import annotations

import functools
from typing import NamedTuple


class Target(NamedTuple):
    """A name of psycopg 3: its module, the name in it, and what follows (`.sqlstate`); without a name, the module."""

    module: str
    name: str = ""
    rest: str = ""


EXCEPTIONS = (
    "Error", "Warning", "InterfaceError", "DatabaseError", "DataError", "OperationalError", "IntegrityError",
    "InternalError", "ProgrammingError", "NotSupportedError",
)  # fmt: skip
DBAPI = (
    "connect", "Binary", "Date", "Time", "Timestamp", "DateFromTicks", "TimeFromTicks", "TimestampFromTicks", "BINARY",
    "DATETIME", "NUMBER", "ROWID", "STRING", "apilevel", "threadsafety", "paramstyle", "__version__",
)  # fmt: skip
LEVELS = ("READ_UNCOMMITTED", "READ_COMMITTED", "REPEATABLE_READ", "SERIALIZABLE")
STATES = {
    "IDLE": "IDLE",
    "ACTIVE": "ACTIVE",
    "INTRANS": "INTRANS",
    "INERROR": "INERROR",
    "UNKNOWN": "UNKNOWN",
}

NAMES: dict[str, Target] = {
    **{f"psycopg2.{name}": Target("psycopg", name) for name in (*EXCEPTIONS, *DBAPI)},
    **{f"psycopg2.extensions.{name}": Target("psycopg", name) for name in EXCEPTIONS},
    "psycopg2.extensions.connection": Target("psycopg", "Connection"),
    "psycopg2.extensions.cursor": Target("psycopg", "Cursor"),
    **{
        f"psycopg2.extensions.{name}": Target("psycopg", name)
        for name in ("Column", "ConnectionInfo", "Notify", "Xid")
    },
    "psycopg2.extensions.Diagnostics": Target("psycopg.errors", "Diagnostic"),
    "psycopg2.extensions.QueryCanceledError": Target("psycopg.errors", "QueryCanceled"),
    "psycopg2.errors.QueryCanceledError": Target("psycopg.errors", "QueryCanceled"),
    "psycopg2.extensions.Binary": Target("psycopg", "Binary"),
    "psycopg2.extensions.libpq_version": Target("psycopg.pq", "version"),
    "psycopg2.__libpq_version__": Target("psycopg.pq", "version", "()"),
    "psycopg2.extensions.parse_dsn": Target("psycopg.conninfo", "conninfo_to_dict"),
    "psycopg2.extensions.make_dsn": Target("psycopg.conninfo", "make_conninfo"),
    **{
        f"psycopg2.extensions.ISOLATION_LEVEL_{level}": Target("psycopg", "IsolationLevel", f".{level}")
        for level in LEVELS
    },
    **{
        f"psycopg2.extensions.TRANSACTION_STATUS_{state}": Target(
            "psycopg.pq", "TransactionStatus", f".{state}"
        )
        for state in STATES
    },
    "psycopg2.extras.Json": Target("psycopg.types.json", "Json"),
    "psycopg2.extras.Range": Target("psycopg.types.range", "Range"),
    "psycopg2.extras.NumericRange": Target("psycopg.types.range", "Range"),
    "psycopg2.extras.DateRange": Target("psycopg.types.range", "DateRange"),
    "psycopg2.extras.DateTimeRange": Target("psycopg.types.range", "TimestampRange"),
    "psycopg2.extras.DateTimeTZRange": Target("psycopg.types.range", "TimestamptzRange"),
    "psycopg2.errors": Target("psycopg.errors"),
    "psycopg2.sql": Target("psycopg.sql"),
}
"""By full name. What is in `psycopg2.sql` and `psycopg2.errors` is looked up there."""

POOLS = {
    f"psycopg2.pool.{name}": Target("psycopg_pool", "ConnectionPool")
    for name in (
        "SimpleConnectionPool", "ThreadedConnectionPool", "PersistentConnectionPool", "AbstractConnectionPool",
    )
}  # fmt: skip
"""Pools, where the user agrees that psycopg_pool's wait."""

PRIVATE = {
    "psycopg2._psycopg": "psycopg2.extensions", "psycopg2._range": "psycopg2.extras",
    "psycopg2._json": "psycopg2.extras", "psycopg2._ipaddress": "psycopg2.extras",
}  # fmt: skip
"""Modules from which names are imported that the public ones have too."""

SQL = ("SQL", "Identifier", "Literal", "Placeholder", "Composed", "Composable", "NULL", "DEFAULT")
MISSING_ERRORS = {"QueryCanceledError", "TransactionRollbackError"}


def target(name: str) -> Target | None:
    """Where psycopg 3 has a name of psycopg2; None where it has none that does the same."""
    if name in NAMES:
        return NAMES[name]
    module, _, last = name.rpartition(".")
    if module in PRIVATE and last:
        return target(f"{PRIVATE[module]}.{last}")
    if module == "psycopg2.sql" and last in SQL:
        return Target("psycopg.sql", last)
    if module == "psycopg2.errors" and last not in MISSING_ERRORS and (last == "lookup" or last in errors()):
        return Target("psycopg.errors", last)
    if module == "psycopg2.errorcodes":
        return errorcode(last)
    return None


@functools.cache
def errors() -> frozenset[str]:
    """The classes of `psycopg.errors`, by what both drivers derive from PostgreSQL's list of conditions."""
    from asyncdb_lint.migrate.from_psycopg2.conditions import CONDITIONS

    return frozenset(CONDITIONS.values()) | set(EXCEPTIONS)


def errorcode(constant: str) -> Target | None:
    """`UNIQUE_VIOLATION` is the `sqlstate` of a class."""
    from asyncdb_lint.migrate.from_psycopg2.conditions import CONDITIONS

    name = CONDITIONS.get(constant)
    return Target("psycopg.errors", name, ".sqlstate") if name is not None else None


ADVICE = {
    "psycopg2.extras.RealDictCursor": "cursors are of one class: give `row_factory=psycopg.rows.dict_row`",
    "psycopg2.extras.NamedTupleCursor": "cursors are of one class: give `row_factory=psycopg.rows.namedtuple_row`",
    "psycopg2.extras.DictCursor": "use `dict_row` if rows are read by key only, else a row factory of your own",
    **{
        f"psycopg2.extras.{name}": "log `mogrify(query, params)` in a `psycopg.ClientCursor` of your own"
        for name in ("LoggingConnection", "LoggingCursor", "MinTimeLoggingConnection", "MinTimeLoggingCursor")
    },
    "psycopg2.extras.wait_select": "not needed: psycopg 3 lets Ctrl-C through",
    "psycopg2.extensions.set_wait_callback": "not needed: psycopg 3 waits by itself, also under gevent",
    "psycopg2.extensions.register_adapter": "write a `Dumper` and `psycopg.adapters.register_dumper()` it",
    "psycopg2.extensions.register_type": "use `psycopg.adapters.register_loader()`",
    "psycopg2.extensions.new_type": "write a `Loader` and `psycopg.adapters.register_loader()` it",
    "psycopg2.extensions.AsIs": "cannot be a parameter: compose the statement with `psycopg.sql`",
    "psycopg2.extensions.adapt": "use `psycopg.sql.quote(value, connection)`, which gives text",
    "psycopg2.extensions.quote_ident": "use `psycopg.sql.Identifier(name).as_string(connection)`",
    **{
        f"psycopg2.{module}.TransactionRollbackError": "catch `errors.SerializationFailure` and "
        "`errors.DeadlockDetected`; what is over both is `OperationalError`"
        for module in ("extensions", "errors")
    },
    "psycopg2.extensions.ISOLATION_LEVEL_AUTOCOMMIT": "set `connection.autocommit = True`",
    "psycopg2.extensions.ISOLATION_LEVEL_DEFAULT": "set `connection.isolation_level = None`",
    **{
        f"psycopg2.extensions.STATUS_{name}": "compare `connection.info.transaction_status`"
        for name in ("READY", "BEGIN", "IN_TRANSACTION")
    },
    **{
        f"psycopg2.extensions.STATUS_{name}": "psycopg 3 has no such state: "
        "`connection.info.transaction_status` tells of transactions"
        for name in ("SETUP", "PREPARED", "SYNC", "ASYNC")
    },
    **{
        f"psycopg2.extensions.{name}": "give the value itself, without a wrapper"
        for name in ("Boolean", "Int", "Float", "NoneAdapter")
    },
    **{
        f"psycopg2.extensions.{name}FromPy": "give the object of `datetime` itself"
        for name in ("Date", "Time", "Timestamp", "Interval")
    },
    "psycopg2.extensions.SQL_IN": "`= ANY(%s)` with a list does what `IN %s` did with a tuple",
    **{
        f"psycopg2.extensions.{name}": "`psycopg.adapters.types` is the registry of types"
        for name in ("string_types", "binary_types")
    },
    **{
        f"psycopg2.extras.{name}Connection": f"give `row_factory=psycopg.rows.{row}` to `connect()`"
        for name, row in (("Dict", "dict_row"), ("RealDict", "dict_row"), ("NamedTuple", "namedtuple_row"))
    },
    "psycopg2.extras.DictCursorBase": "write a row factory: a function of a cursor, which gives one of its values",
    "psycopg2.extras.DictRow": "rows are what the row factory makes: plain dicts for `psycopg.rows.dict_row`",
    "psycopg2.extras.RealDictRow": "rows of `psycopg.rows.dict_row` are plain dicts",
    "psycopg2.extras.execute_batch": "`cursor.executemany()` sends statements together",
    "psycopg2.extras.execute_values": "`cursor.executemany()`, or `VALUES` put together with `psycopg.sql`",
    "psycopg2.extras.register_uuid": "not needed: uuid columns give `UUID` objects",
    "psycopg2.extras.register_hstore": "use `psycopg.types.hstore.register_hstore(TypeInfo.fetch(…), connection)`",
    "psycopg2.extras.register_composite": "use `psycopg.types.composite.register_composite(CompositeInfo.fetch(…))`",
    "psycopg2.extras.register_default_json": "use `psycopg.types.json.set_json_loads()`",
    "psycopg2.extras.register_default_jsonb": "use `psycopg.types.json.set_json_loads()`",
    "psycopg2.pool": "use `psycopg_pool.ConnectionPool`: `min_size`, `max_size`, `kwargs`, and it waits when exhausted",
    "psycopg2.errorcodes.lookup": "`psycopg.errors.lookup(code).__name__` gives the name in CamelCase",
    "psycopg2.tz": "use `datetime.timezone` or `zoneinfo`",
    "psycopg2.tz.FixedOffsetTimezone": "use `datetime.timezone(datetime.timedelta(minutes=…))`",
    **{
        f"psycopg2.tz.{name}": "`datetime.datetime.now().astimezone().tzinfo` is the machine's time zone"
        for name in ("LOCAL", "LocalTimezone")
    },
    "psycopg2.tz.ZERO": "use `datetime.timedelta(0)`",
    "psycopg2.errorcodes": "`psycopg.errors.lookup(code)` gives the class for a code, `error.sqlstate` is the code",
    "psycopg2.pool.PoolError": "psycopg_pool raises `PoolTimeout` and `PoolClosed`",
    "psycopg2.extensions.QuotedString": "`psycopg.sql.quote()` quotes; a type of your own needs a `Dumper`",
    "psycopg2.extensions.ISQLQuote": "write a `Dumper` for the type: `psycopg.adapters.register_dumper()`",
    "psycopg2.extensions.adapters": "`psycopg.adapters` is another registry: `register_dumper()`, `register_loader()`",
    "psycopg2.extensions.encodings": "`connection.info.encoding` is Python's name already",
    "psycopg2.extensions.lobject": "use the SQL functions `lo_*`",
    "psycopg2.extensions.new_array_type": "not needed: arrays go through the loader of their items",
    "psycopg2.extensions.get_wait_callback": "not needed: psycopg 3 waits by itself, also under gevent",
    "psycopg2.extensions.encrypt_password": "`connection.pgconn.encrypt_password(…)` takes and gives bytes",
    "psycopg2.extras.quote_ident": "use `psycopg.sql.Identifier(name).as_string(connection)`",
    "psycopg2.extras.register_json": "register a loader for the type, or use `psycopg.types.json.set_json_loads()`",
    "psycopg2.extras.register_range": "use `psycopg.types.range.register_range(RangeInfo.fetch(…), connection)`",
    "psycopg2.extras.register_inet": "not needed: inet columns give objects of `ipaddress`",
    "psycopg2.extras.register_ipaddress": "not needed: inet columns give objects of `ipaddress`",
    "psycopg2.extras.Inet": "use `ipaddress.ip_address()` or `ip_interface()`",
    "psycopg2.extras.CompositeCaster": "give `factory=` to `psycopg.types.composite.register_composite()`",
    **{
        f"psycopg2.extras.{name}": "write a `Dumper` for the type: `psycopg.adapters.register_dumper()`"
        for name in ("RangeAdapter", "NumberRangeAdapter", "HstoreAdapter", "UUID_adapter")
    },
    "psycopg2.extras.RangeCaster": "write a `Loader` for the type: `psycopg.adapters.register_loader()`",
    **{
        f"psycopg2.extensions.POLL_{name}": "use `AsyncConnection`"
        for name in ("OK", "READ", "WRITE", "ERROR")
    },
    **{
        f"psycopg2.extras.{name}": "psycopg 3 has no replication protocol: keep psycopg2 for this module"
        for name in (
            "LogicalReplicationConnection",
            "PhysicalReplicationConnection",
            "ReplicationCursor",
            "ReplicationMessage",
            "StopReplication",
            "REPLICATION_LOGICAL",
            "REPLICATION_PHYSICAL",
        )
    },
}
"""What to do about names that have no equal, by name or by what the name starts with."""


TYPES = {
    "BINARY": "bytea", "BOOLEAN": "bool", "BYTES": "text", "DATE": "date", "DATETIME": "timestamp",
    "DECIMAL": "numeric", "FLOAT": "float8", "INTEGER": "int4", "INTERVAL": "interval", "JSON": "json",
    "JSONB": "jsonb", "LONGINTEGER": "int8", "PYDATE": "date", "PYDATETIME": "timestamp",
    "PYDATETIMETZ": "timestamptz", "PYINTERVAL": "interval", "PYTIME": "time", "ROWID": "oid", "STRING": "text",
    "TIME": "time", "UNICODE": "text", "UUID": "uuid", "INET": "inet",
}  # fmt: skip
"""The type that each of psycopg2's type objects stands for, or the first of its types."""


def advice(name: str) -> str:
    """What a person can do about a name."""
    module, _, last = name.rpartition(".")
    if module in PRIVATE and last:
        return advice(f"{PRIVATE[module]}.{last}")
    while name:
        if name in ADVICE:
            return ADVICE[name]
        name = name.rpartition(".")[0]
    if module == "psycopg2.extensions" and (of := TYPES.get(last.removesuffix("ARRAY"))) is not None:
        oid = "array_oid" if last.endswith("ARRAY") else "oid"
        return f'compare with `connection.adapters.types["{of}"].{oid}`'
    return 'psycopg 3 has nothing of that name: see its guide "Differences from psycopg2"'
