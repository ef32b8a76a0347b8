"""SQLAlchemy's drivers and pools, asked of SQLAlchemy and of each installed driver."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import inspect
import pkgutil
import re
import sqlite3
import warnings
from typing import TYPE_CHECKING, Any

from .driver_tables import EQUIVALENTS, SINCE, URL_BROKEN, URL_WORKS

if TYPE_CHECKING:
    from collections.abc import Callable

_DIALECTS = ("mssql", "mysql", "oracle", "postgresql", "sqlite")
# Dialect names that are not the name of their module.
_OTHER_NAMES = (
    "mysql+mariadbconnector",
    "mysql+mysqlconnector",
    "oracle+oracledb_async",
    "postgresql+psycopg_async",
)
# What `create_engine` hands to its parts itself.
_INTERNAL = ("dbapi", "dialect", "url")


def sqlalchemy_part() -> dict[str, Any]:
    """What the installed SQLAlchemy says: drivers, the default of each dialect, pools, engine arguments."""
    import sqlalchemy
    from sqlalchemy import pool
    from sqlalchemy.engine import Engine, create
    from sqlalchemy.ext.asyncio import engine as async_engine
    from sqlalchemy.util import get_cls_kwargs

    renamed: dict[str, str] = dict(create._pool_translate_kwargs)
    taken = set(
        re.findall(r'(?:pop_kwarg|kwargs\.pop)\(\s*"([a-z]\w*)"', inspect.getsource(create.create_engine))
    )
    taken |= get_cls_kwargs(Engine) | {"plugins", "module"}
    asynchronous = re.findall(r'kw\.pop\(\s*"(\w+)"', inspect.getsource(async_engine.create_async_engine))
    pools: dict[str, Any] = {}
    for name in sorted(dir(pool)):
        cls = getattr(pool, name)
        if isinstance(cls, type) and issubclass(cls, pool.Pool) and cls is not pool.Pool:
            keys = get_cls_kwargs(cls) - {"creator", "dialect"}
            pools[name] = {
                "arguments": sorted(renamed.get(key, key) for key in keys if not key.startswith("_"))
            }
            works = {is_async: _engine_takes(cls, is_async) for is_async in (False, True)}
            if works[False] != works[True]:
                pools[name]["asyncio"] = works[True]
    urls = {prefix: info for prefix in _prefixes() if (info := _url(sqlalchemy, get_cls_kwargs, prefix))}
    # What every dialect takes is said once.
    common = set.intersection(*(set(info["arguments"]) for info in urls.values()))
    for info in urls.values():
        info["arguments"] = sorted(
            item for item in set(info["arguments"]) - common if not item.startswith("_")
        )
    return {
        "arguments": sorted(
            item for item in taken | common if not item.startswith("_") and item not in _INTERNAL
        ),
        "async_arguments": sorted(asynchronous),
        "defaults": {dialect: _default(sqlalchemy, dialect) for dialect in (*_DIALECTS, "mariadb")},
        "pools": pools,
        "urls": urls,
    }


def _engine_takes(pool_class: type, is_async: bool) -> bool:
    """Whether an engine can be made with a pool class; nothing is connected."""
    from sqlalchemy import create_engine, exc
    from sqlalchemy.ext.asyncio import create_async_engine

    try:
        if is_async:
            create_async_engine("sqlite+aiosqlite:///name.db", poolclass=pool_class)
        else:
            create_engine("sqlite:///name.db", poolclass=pool_class)
    except exc.ArgumentError:
        return False
    return True


def _prefixes() -> list[str]:
    found = set(_OTHER_NAMES)
    for dialect in _DIALECTS:
        package = importlib.import_module(f"sqlalchemy.dialects.{dialect}")
        for module in pkgutil.iter_modules(package.__path__):
            if module.name != "base":
                found.add(f"{dialect}+{module.name}")
    return sorted(found | {name.replace("mysql+", "mariadb+") for name in found if name.startswith("mysql+")})


def _default(sqlalchemy: Any, dialect: str) -> str:
    return str(sqlalchemy.make_url(f"{dialect}://").get_dialect().driver)


def _url(sqlalchemy: Any, get_cls_kwargs: Callable[[type], set[str]], prefix: str) -> dict[str, Any] | None:
    """A driver as a URL names it; None for a module that is no driver."""
    url = sqlalchemy.make_url(f"{prefix}://")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            cls = url.get_dialect()
            other = cls.get_async_dialect_cls(url)
        except (sqlalchemy.exc.ArgumentError, AttributeError, ImportError, AssertionError):
            return None
    modes = {bool(cls.is_async), bool(other.is_async)}
    mode = "both" if len(modes) == 2 else "async" if cls.is_async else "sync"
    info: dict[str, Any] = {"arguments": sorted(get_cls_kwargs(cls)), "driver": str(cls.driver), "mode": mode}
    memory = sqlalchemy.make_url(f"{prefix}://")
    file = sqlalchemy.make_url(f"{prefix}://host/name.db")
    for key, dialect in (("pool", cls), ("async_pool", other)):
        if key == "async_pool" and dialect is cls:
            continue
        info[key] = dialect.get_pool_class(file).__name__
        if dialect.get_pool_class(memory).__name__ != info[key]:
            info[f"memory_{key}"] = dialect.get_pool_class(memory).__name__
    info["own_connect_args"] = sorted(_dialect_pops(cls) | _dialect_pops(other))
    return info


def _dialect_pops(cls: type) -> set[str]:
    """Connect arguments that SQLAlchemy's adapter of an async driver takes for itself."""
    if not getattr(cls, "is_async", False):
        return set()
    found: set[str] = set()
    for module in {
        base.__module__ for base in cls.__mro__ if base.__module__.startswith("sqlalchemy.dialects")
    }:
        for item in vars(importlib.import_module(module)).values():
            connect = inspect.getattr_static(item, "connect", None) if isinstance(item, type) else None
            if inspect.isfunction(connect) and "dbapi" in item.__name__.lower():
                found.update(re.findall(r'\bkw\w*\.pop\(\s*"(\w+)"', inspect.getsource(connect)))
    return found


# Drivers


def driver_parts() -> dict[str, Any]:
    """What each driver installed here accepts in `connect_args`."""
    found: dict[str, Any] = {}
    for name, ask in _ASKED.items():
        with contextlib.suppress(ImportError):
            version, keys = ask()
            part: dict[str, Any] = {"version": version, "connect_args": sorted(keys)}
            part |= {"since": SINCE[name]} if name in SINCE else {}
            if name in URL_WORKS:
                part["url_query"] = sorted(
                    keys - set(URL_BROKEN[name]) if URL_WORKS[name] is None else URL_WORKS[name]
                )
                part["url_broken"] = URL_BROKEN[name]
                unclear = keys - set(part["url_query"]) - set(part["url_broken"])
                if unclear:
                    raise LookupError(f"{name}: nothing is known of {sorted(unclear)} in a URL")
            if name in EQUIVALENTS:
                part["equivalents"] = {key: list(row) for key, row in EQUIVALENTS[name].items()}
                wrong = set(EQUIVALENTS[name]) & keys
                known = (
                    {row[0] for row in EQUIVALENTS[name].values() if row[0]}
                    - keys
                    - {"prepared_statement_cache_size"}
                )
                if wrong or known:
                    raise LookupError(
                        f"{name}: equivalents disagree with the driver on {sorted(wrong | known)}"
                    )
            found[name] = part
    return found


def _parameters(function: Any) -> set[str]:
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return {name for name, item in inspect.signature(function).parameters.items() if item.kind not in kinds}


def libpq_keywords() -> set[str]:
    """The connection options that the libpq inside psycopg knows."""
    from psycopg import pq

    return {option.keyword.decode() for option in pq.Conninfo.get_defaults()}


def _asyncpg() -> tuple[str, set[str]]:
    import asyncpg

    return asyncpg.__version__, _parameters(asyncpg.connect)


def _psycopg() -> tuple[str, set[str]]:
    import psycopg

    own = _parameters(psycopg.Connection.connect) | _parameters(psycopg.AsyncConnection.connect)
    return psycopg.__version__, libpq_keywords() | own


def _psycopg2() -> tuple[str, set[str]]:
    import psycopg2

    # Its libpq may be older or newer than psycopg's: what either knows is accepted. `database` is rewritten
    # to `dbname`, which fails only where the URL names a database too.
    own = _parameters(psycopg2.connect) | {"async", "async_", "database"}
    return psycopg2.__version__.partition(" ")[0], libpq_keywords() | own


def _sqlite_keywords() -> set[str]:
    # The signature has a default that `inspect` cannot read.
    text = sqlite3.connect.__text_signature__ or ""
    return {"database", "autocommit", *re.findall(r"(\w+)=", text)}


def _aiosqlite() -> tuple[str, set[str]]:
    import aiosqlite

    return aiosqlite.__version__, _sqlite_keywords() | _parameters(aiosqlite.connect)


def _pysqlite() -> tuple[str, set[str]]:
    return "3", _sqlite_keywords()


def _signature_of(distribution: str, module: str, function: str) -> Callable[[], tuple[str, set[str]]]:
    def ask() -> tuple[str, set[str]]:
        target = getattr(importlib.import_module(module), function)
        return importlib.metadata.version(distribution), _parameters(target)

    return ask


# Drivers whose `connect` swallows any keyword (mysqlclient, pyodbc, mysql-connector) are unknown on purpose.
_ASKED: dict[str, Callable[[], tuple[str, set[str]]]] = {
    "asyncpg": _asyncpg,
    "psycopg": _psycopg,
    "psycopg2": _psycopg2,
    "aiosqlite": _aiosqlite,
    "pysqlite": _pysqlite,
    "pymysql": _signature_of("PyMySQL", "pymysql.connections", "Connection"),
    "aiomysql": _signature_of("aiomysql", "aiomysql", "connect"),
    "pg8000": _signature_of("pg8000", "pg8000.dbapi", "connect"),
}


def merged(before: dict[str, Any], version: str) -> dict[str, Any]:
    """The whole driver file: what is installed here, and what stood there before of everything else."""
    minor = ".".join(version.split(".")[:2])
    return {
        "drivers": {**before.get("drivers", {}), **driver_parts()},
        "sqlalchemy": {**before.get("sqlalchemy", {}), minor: sqlalchemy_part()},
    }
