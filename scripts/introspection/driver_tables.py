"""What no signature tells about drivers: which keys survive a URL, and what a wrong key should have been.

asyncpg's URL keys and the wrong keys of all three were measured by connecting to a real PostgreSQL with
SQLAlchemy 2.0.58 and 2.1.9, asyncpg 0.32, psycopg 3.3 and psycopg2 2.9. Of psycopg's broken URL keys only
`prepare_threshold` was; the others, and psycopg2's, follow from what these arguments are.
"""

from __future__ import annotations

# Keys that came with a later version of the driver.
SINCE: dict[str, dict[str, str]] = {
    "asyncpg": {"gsslib": "0.30", "krbsrvname": "0.30", "service": "0.31", "servicefile": "0.31"},
    "aiosqlite": {"autocommit": "Python 3.12"},
    "pysqlite": {"autocommit": "Python 3.12"},
}

# In a URL every value is text. None: every accepted key works but the broken ones.
URL_WORKS: dict[str, tuple[str, ...] | None] = {
    "asyncpg": (
        "command_timeout",
        "database",
        "gsslib",
        "host",
        "krbsrvname",
        "passfile",
        "password",
        "port",
        "prepared_statement_cache_size",
        "service",
        "servicefile",
        "ssl",
        "target_session_attrs",
        "user",
    ),
    "psycopg": None,
    "psycopg2": None,
}

_NUMBER = "TypeError: it needs a number and gets text"
_OBJECT = "it needs an object and gets text"

URL_BROKEN: dict[str, dict[str, str]] = {
    "asyncpg": {
        "connection_class": f"TypeError: {_OBJECT}",
        "direct_tls": "ClientConfigurationError: any text counts as true, and direct TLS needs an ssl mode",
        "dsn": "ClientConfigurationError: invalid DSN",
        "loop": f"AttributeError: {_OBJECT}",
        "max_cacheable_statement_size": _NUMBER,
        "max_cached_statement_lifetime": _NUMBER,
        "prepared_statement_name_func": f"TypeError: {_OBJECT}",
        "record_class": f"InterfaceError: {_OBJECT}",
        "server_settings": "ClientConfigurationError: it needs a dict and gets text",
        "statement_cache_size": _NUMBER,
        "timeout": _NUMBER,
    },
    "psycopg": {
        "autocommit": "any text counts as true",
        "conninfo": "it is the connection string itself",
        "context": _OBJECT,
        "cursor_factory": f"TypeError: {_OBJECT}",
        "prepare_threshold": _NUMBER,
        "row_factory": f"TypeError: {_OBJECT}",
    },
    "psycopg2": {
        "async": "SQLAlchemy cannot use a connection in psycopg2's async mode",
        "async_": "SQLAlchemy cannot use a connection in psycopg2's async mode",
        "connection_factory": f"TypeError: {_OBJECT}",
        "cursor_factory": f"TypeError: {_OBJECT}",
        "dsn": "it is the connection string itself",
    },
}

# Wrong key → (right key or "", which values carry over unchanged, key inside a dict value or "", what to
# write). Values: "any", "text", "ssl_mode" (disable, prefer…), "positive" (a number above 0), "seconds" (a
# whole number of seconds from 2), "" for none.
Row = tuple[str, str, str, str]

_ENGINE = "it is an argument of create_engine() and create_async_engine(), not of the driver"
_ENGINE_KEYS: dict[str, Row] = dict.fromkeys(
    ("echo", "max_overflow", "pool_pre_ping", "pool_recycle", "pool_size", "pool_timeout", "poolclass"),
    ("", "", "", _ENGINE),
)
_ONLY_SQLITE: Row = ("", "", "", "only SQLite has it")
_CONTEXT: Row = ("ssl", "", "", "put it into an ssl.SSLContext: ssl.create_default_context(cafile=…)")
_OPTIONS = "options='-c name=value'"

_LIBPQ_COMMON: dict[str, Row] = {
    "check_same_thread": _ONLY_SQLITE,
    "command_timeout": ("options", "", "", "options='-c statement_timeout=<milliseconds>'"),
    "server_settings": ("options", "", "", _OPTIONS),
    "ssl": ("sslmode", "ssl_mode", "", "sslmode='verify-full' with sslrootcert='ca.pem'"),
    "timeout": ("connect_timeout", "seconds", "", "connect_timeout=<whole seconds>"),
    "username": ("user", "text", "", "user"),
    **_ENGINE_KEYS,
}

EQUIVALENTS: dict[str, dict[str, Row]] = {
    "asyncpg": {
        "application_name": (
            "server_settings",
            "text",
            "application_name",
            "server_settings={'application_name': …}",
        ),
        "check_same_thread": _ONLY_SQLITE,
        "client_encoding": ("", "", "", "asyncpg always speaks UTF-8: leave it out"),
        "connect_timeout": ("timeout", "positive", "", "timeout=<seconds>"),
        "dbname": ("database", "text", "", "database"),
        "keepalives": ("", "", "", "asyncpg has no such option"),
        "options": ("server_settings", "", "", "server_settings={'name': 'value'}"),
        "prepare_threshold": (
            "prepared_statement_cache_size",
            "",
            "",
            "prepared_statement_cache_size=0 for no cache",
        ),
        "sslcert": _CONTEXT,
        "sslkey": _CONTEXT,
        "sslmode": ("ssl", "ssl_mode", "", "ssl='require' or an ssl.SSLContext"),
        "sslrootcert": _CONTEXT,
        "tcp_user_timeout": ("", "", "", "asyncpg has no such option"),
        "username": ("user", "text", "", "user"),
        **_ENGINE_KEYS,
    },
    "psycopg": {
        "database": ("dbname", "text", "", "dbname"),
        "prepared_statement_cache_size": (
            "prepare_threshold",
            "",
            "",
            "prepare_threshold=None to prepare nothing",
        ),
        "prepared_statement_name_func": ("", "", "", "prepare_threshold=None to prepare nothing"),
        "statement_cache_size": ("prepare_threshold", "", "", "prepare_threshold=None to prepare nothing"),
        **_LIBPQ_COMMON,
    },
    "psycopg2": {
        "prepare_threshold": ("", "", "", "psycopg2 prepares nothing: leave it out"),
        "prepared_statement_cache_size": ("", "", "", "psycopg2 prepares nothing: leave it out"),
        "prepared_statement_name_func": ("", "", "", "psycopg2 prepares nothing: leave it out"),
        "statement_cache_size": ("", "", "", "psycopg2 prepares nothing: leave it out"),
        **_LIBPQ_COMMON,
    },
}
