"""What SQLAlchemy's drivers and pools take: sync or async, connect arguments, URL keys, engine arguments.

The data is `data/drivers.json`, written by `scripts/introspect.py`. What is not known is None or a missing
entry, and rules stay silent on it.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import Literal

import msgspec

from asyncdb_lint.knowledge import nearest_minor

Mode = Literal["sync", "async", "both"]
Values = Literal["", "any", "text", "ssl_mode", "positive", "seconds"]

SSL_MODES = frozenset({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"})


class Equivalent(msgspec.Struct, frozen=True, array_like=True):
    """What a wrong key should have been.

    `key` is the driver's own key, empty when it has none. `values` tells which values may be carried over
    unchanged (see `carries`). With `inside`, the value belongs into a dict under that key:
    `server_settings={"application_name": …}`. `write` is what to write instead, for people.
    """

    key: str
    values: Values
    inside: str
    write: str

    def carries(self, value: object) -> bool:
        """Whether a literal value means the same under the right key, so that renaming the key is safe."""
        match self.values:
            case "any":
                return True
            case "text":
                return isinstance(value, str)
            case "ssl_mode":
                return value in SSL_MODES if isinstance(value, str) else False
            case "positive":
                return isinstance(value, int | float) and not isinstance(value, bool) and value > 0
            case "seconds":
                # libpq rounds 1 up to 2 and takes no fractions.
                return isinstance(value, int) and not isinstance(value, bool) and value >= 2
            case _:
                return False


class Driver(msgspec.Struct, frozen=True):
    """A driver as a SQLAlchemy URL names it.

    `connect_args` are the keys that its `connect` accepts, SQLAlchemy's own included; None when any or an
    unknown set is accepted. `url_query` are the keys that work behind `?` in a URL, `url_broken` those that
    `connect` accepts but that fail there because a URL carries text, with the reason. `since` names the
    driver version that brought a key. `arguments` are the engine arguments that only this dialect takes.
    """

    name: str
    dialect: str
    mode: Mode
    connect_args: frozenset[str] | None
    url_query: frozenset[str] | None
    url_broken: dict[str, str]
    equivalents: dict[str, Equivalent]
    since: dict[str, str]
    arguments: frozenset[str]
    pools: dict[str, str]

    def default_pool(self, *, is_async: bool, memory: bool = False) -> str | None:
        """The class name of the pool that an engine on this driver gets; `memory` for in-memory SQLite."""
        kind = "async_pool" if is_async and "async_pool" in self.pools else "pool"
        return (self.pools.get(f"memory_{kind}") if memory else None) or self.pools.get(kind)


class _Url(msgspec.Struct, frozen=True):
    driver: str
    mode: Mode
    arguments: tuple[str, ...] = ()
    own_connect_args: tuple[str, ...] = ()
    pool: str = ""
    async_pool: str = ""
    memory_pool: str = ""
    memory_async_pool: str = ""


class _Pool(msgspec.Struct, frozen=True):
    arguments: frozenset[str]
    asyncio: bool | None = None


class _Version(msgspec.Struct, frozen=True):
    arguments: frozenset[str]
    async_arguments: frozenset[str]
    defaults: dict[str, str]
    pools: dict[str, _Pool]
    urls: dict[str, _Url]


class _Accepts(msgspec.Struct, frozen=True):
    version: str
    connect_args: frozenset[str]
    url_query: frozenset[str] | None = None
    url_broken: dict[str, str] = {}
    equivalents: dict[str, Equivalent] = {}
    since: dict[str, str] = {}


class _Data(msgspec.Struct, frozen=True):
    drivers: dict[str, _Accepts]
    sqlalchemy: dict[str, _Version]


@functools.cache
def _data() -> _Data:
    file = resources.files("asyncdb_lint.knowledge") / "data" / "drivers.json"
    return msgspec.json.decode(file.read_bytes(), type=_Data)


def _version(sqlalchemy: str) -> _Version:
    known = _data().sqlalchemy
    return known[nearest_minor(sqlalchemy, list(known))]


@functools.cache
def driver_of(url: str, sqlalchemy: str = "2.1") -> Driver | None:
    """The driver that a URL or its prefix (`postgresql+asyncpg`, `postgresql`) means; None when unknown.

    `postgres://`, which SQLAlchemy refuses, is None too.
    """
    version = _version(sqlalchemy)
    prefix = url.partition("://")[0].partition(":")[0]
    dialect, plus, driver = prefix.partition("+")
    if not plus:
        driver = version.defaults.get(dialect, "")
    found = version.urls.get(f"{dialect}+{driver}")
    if found is None:
        return None
    accepts = _data().drivers.get(found.driver.removesuffix("_async"))
    own = frozenset(found.own_connect_args)
    works = accepts.url_query if accepts else None
    broken = dict(accepts.url_broken) if accepts else {}
    if works is not None:
        works |= own & {"async_fallback"}
        broken |= dict.fromkeys(own & {"async_creator_fn"}, "it needs a function and gets text")
    pools = {
        key: name
        for key in ("pool", "async_pool", "memory_pool", "memory_async_pool")
        if (name := getattr(found, key))
    }
    return Driver(
        name=driver,
        dialect=dialect,
        mode=found.mode,
        connect_args=accepts.connect_args | own if accepts else None,
        url_query=works,
        url_broken=broken,
        equivalents=accepts.equivalents if accepts else {},
        since=accepts.since if accepts else {},
        arguments=frozenset(found.arguments),
        pools=pools,
    )


def pool_arguments(pool_class: str, sqlalchemy: str = "2.1") -> frozenset[str] | None:
    """The engine arguments (`pool_size`, `pool_recycle`…) that a pool class takes; None when unknown."""
    pool = _version(sqlalchemy).pools.get(pool_class.rpartition(".")[2])
    return pool.arguments if pool else None


def all_pool_arguments(sqlalchemy: str = "2.1") -> frozenset[str]:
    """The engine arguments that some pool class takes."""
    return frozenset[str]().union(*(pool.arguments for pool in _version(sqlalchemy).pools.values()))


def is_async_pool(pool_class: str, sqlalchemy: str = "2.1") -> bool | None:
    """True where only async engines take a pool class, False where only sync ones do, else None."""
    pool = _version(sqlalchemy).pools.get(pool_class.rpartition(".")[2])
    return pool.asyncio if pool else None


def knows_pool(pool_class: str, sqlalchemy: str = "2.1") -> bool:
    """Whether a SQLAlchemy version has a pool class of that name."""
    return pool_class.rpartition(".")[2] in _version(sqlalchemy).pools


def engine_arguments(driver: Driver, *, is_async: bool, sqlalchemy: str = "2.1") -> frozenset[str]:
    """Keyword arguments of `create_engine` or `create_async_engine` for a driver, those of pools left out."""
    version = _version(sqlalchemy)
    return version.arguments | driver.arguments | (version.async_arguments if is_async else frozenset())


def raw_connect_arguments(driver: str) -> frozenset[str] | None:
    """The keyword arguments of a driver's own `connect`, without what SQLAlchemy adds; None when unknown."""
    accepts = _data().drivers.get(driver)
    return accepts.connect_args if accepts else None
