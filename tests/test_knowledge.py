"""The shipped knowledge agrees with the libraries installed here, and with itself."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from asyncdb_lint.knowledge import Knowledge, Library, drivers, load, nearest_minor

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "asyncdb_lint" / "knowledge" / "data"
LIBRARIES = sorted(path for path in DATA.glob("*.json") if path.name != "drivers.json")

sys.path.insert(0, str(ROOT / "scripts"))
introspection = pytest.importorskip(
    "introspection.build", reason="the scripts are not part of this installation"
)

from introspection import drivers as driver_facts  # noqa: E402
from introspection.targets import TARGETS, file_name  # noqa: E402

if TYPE_CHECKING:
    from introspection.build import Builder
    from introspection.spec import Target


@pytest.fixture(scope="module")
def builder() -> Builder:
    return introspection.Builder(TARGETS)


def shipped(path: Path) -> dict[str, Any]:
    return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])


def protocols(library: dict[str, Any]) -> dict[str, str]:
    """Every member and function of a library file with its protocol."""
    knowledge = Knowledge([msgspec.convert(library, Library)])
    found = {name: member.protocol for name, member in knowledge.functions.items()}
    for name, info in knowledge.classes.items():
        found |= {f"{name}.{key}": member.protocol for key, member in info.members.items()}
    return found


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_data_are_what_the_installed_library_says(target: Target, builder: Builder) -> None:
    if not introspection.installed(target):
        pytest.skip(f"{target.name} is not installed")
    try:
        fresh = builder.library(target)
    except introspection.Missing as missing:
        pytest.skip(str(missing))
    path = DATA / file_name(target, fresh["version"])
    assert path.exists(), f"no data for {target.name} {fresh['version']}"
    known = shipped(path)
    if (known["version"], known["python"]) == (fresh["version"], fresh["python"]):
        assert fresh == known, (
            f"{path.name} is not what `scripts/introspect.py` writes for {fresh['version']}"
        )
        return
    here = {**protocols(fresh)}
    merged = Knowledge([msgspec.convert(fresh, Library)])
    changed = {}
    for name, protocol in protocols(known).items():
        owner, _, member = name.rpartition(".")
        found = merged.member(owner, member)
        now = here.get(name) or (found.protocol if found else "gone")
        if now != protocol and owner in merged.classes:
            changed[name] = f"{protocol} -> {now}"
    assert not changed, (
        f"{target.name} {known['version']} (shipped) and {fresh['version']} (installed) differ"
    )


def test_members_survive_the_folding_of_bases(builder: Builder) -> None:
    libraries = []
    for target in builder.targets:
        try:
            libraries.append(msgspec.convert(builder.library(target), Library))
        except introspection.Missing:
            continue
    knowledge = Knowledge(libraries)
    for name, members in builder.full.items():
        if name not in knowledge.classes or builder.keeps[name].base:
            continue
        for key, found in members.items():
            member = knowledge.member(name, key)
            assert member is not None, f"{name}.{key}"
            assert (member.protocol, member.returns) == (found.protocol, found.returns), f"{name}.{key}"
            assert member.blocks == (key in builder.blocking(name)), f"{name}.{key}"


def test_driver_data_are_what_the_installed_drivers_say() -> None:
    known = shipped(DATA / "drivers.json")
    pytest.importorskip("aiosqlite")
    sqlalchemy = pytest.importorskip("sqlalchemy")
    minor = ".".join(sqlalchemy.__version__.split(".")[:2])
    sql = shipped(DATA / f"sqlalchemy-{minor}.json")
    if sql["version"] == sqlalchemy.__version__:
        assert driver_facts.sqlalchemy_part() == known["sqlalchemy"][minor]
    for name, fresh in driver_facts.driver_parts().items():
        if fresh["version"] == known["drivers"][name]["version"]:
            assert fresh == known["drivers"][name]
        else:
            lost = set(known["drivers"][name]["connect_args"]) - set(fresh["connect_args"])
            lost -= set(known["drivers"][name].get("since", {}))
            assert not lost, f"{name} {fresh['version']} no longer takes these keys"


# The data by themselves


@pytest.mark.parametrize("version", ["2.0", "2.1"])
def test_every_name_in_the_data_is_known(version: str) -> None:
    knowledge = load(version)
    for alias, name in knowledge.aliases.items():
        assert name in knowledge.classes or name in knowledge.functions, alias
    for name, info in knowledge.classes.items():
        assert all(base in knowledge.classes for base in info.bases), name
        assert len(info.defaults) == info.parameters, name
        for key, member in info.members.items():
            words = re.findall(r"[A-Za-z_][\w.]*", f"{member.returns} {member.gives}")
            unknown = {word for word in words if "." in word} - set(knowledge.classes)
            assert not unknown, f"{name}.{key}"
            rest = {word for word in words if "." not in word}
            assert rest <= {"Self", "None", "Iterator", "AsyncIterator", "Sequence", "Type", "Manager"}, (
                f"{name}.{key}"
            )
            assert not (member.blocks and info.mode == "async"), f"{name}.{key}"


def test_no_path_of_a_machine_is_in_the_data() -> None:
    for path in DATA.glob("*.json"):
        assert not re.search(
            r"site-packages|dist-packages|/home/|/tmp/|\.venv|/lib/python3", path.read_text(encoding="utf-8")
        ), path.name


SESSION = "sqlalchemy.ext.asyncio.session.AsyncSession"
MEASURED = [
    (SESSION, "commit", "coroutine"),
    (SESSION, "delete", "coroutine"),
    (SESSION, "add", "plain"),
    (SESSION, "begin", "startable"),
    (SESSION, "stream", "coroutine"),
    ("sqlalchemy.ext.asyncio.engine.AsyncConnection", "stream", "startable"),
    ("sqlalchemy.ext.asyncio.engine.AsyncConnection", "execution_options", "coroutine"),
    ("sqlalchemy.ext.asyncio.engine.AsyncEngine", "begin", "async_with"),
    ("sqlalchemy.ext.asyncio.engine.AsyncEngine", "connect", "startable"),
    ("sqlalchemy.ext.asyncio.result.AsyncResult", "scalars", "plain"),
    ("sqlalchemy.ext.asyncio.result.AsyncResult", "all", "coroutine"),
    ("sqlmodel.ext.asyncio.session.AsyncSession", "exec", "coroutine"),
    ("sqlmodel.ext.asyncio.session.AsyncSession", "begin", "startable"),
    ("asyncpg.connection.Connection", "transaction", "async_with"),
    ("asyncpg.pool.Pool", "acquire", "startable"),
    ("asyncpg.pool.Pool", "release", "coroutine"),
    ("psycopg.AsyncConnection", "cursor", "plain"),
    ("psycopg.AsyncConnection", "transaction", "async_with"),
    ("psycopg.AsyncConnection", "notifies", "async_generator"),
    ("psycopg_pool.pool_async.AsyncConnectionPool", "connection", "async_with"),
    ("aiosqlite.core.Connection", "execute", "startable"),
]


@pytest.mark.parametrize(("owner", "member", "protocol"), MEASURED)
@pytest.mark.parametrize("version", ["2.0", "2.1"])
def test_protocols_are_those_that_were_measured(owner: str, member: str, protocol: str, version: str) -> None:
    found = load(version).member(owner, member)
    assert found is not None
    assert found.protocol == protocol


@pytest.mark.parametrize(
    ("owner", "member", "blocks"),
    [
        ("sqlalchemy.orm.session.Session", "execute", True),
        ("sqlalchemy.orm.session.Session", "commit", True),
        ("sqlalchemy.orm.session.Session", "add", False),
        ("sqlalchemy.orm.session.Session", "expire", False),
        ("sqlmodel.orm.session.Session", "exec", True),
        ("sqlmodel.orm.session.Session", "bulk_save_objects", True),
        ("sqlalchemy.orm.query.Query", "all", True),
        ("sqlalchemy.orm.query.Query", "filter", False),
        ("sqlalchemy.orm.query.Query", "exists", False),
        ("sqlalchemy.sql.schema.MetaData", "create_all", True),
        ("sqlalchemy.engine.result.Result", "all", False),
        ("psycopg2.extensions.cursor", "execute", True),
        ("psycopg2.extras.RealDictCursor", "execute", True),
        ("psycopg2.extensions.cursor", "fetchall", False),
        ("psycopg.Cursor", "fetchall", False),
        ("psycopg.ServerCursor", "fetchall", True),
        ("sqlite3.Cursor", "fetchall", True),
        ("pymongo.synchronous.collection.Collection", "insert_one", True),
        ("pymongo.synchronous.collection.Collection", "find", False),
    ],
)
def test_what_blocks(owner: str, member: str, blocks: bool) -> None:
    found = load().member(owner, member)
    assert found is not None
    assert found.blocks is blocks


def test_public_names_are_found() -> None:
    knowledge = load()
    assert knowledge.canonical("sqlmodel.create_engine") == knowledge.canonical("sqlalchemy.create_engine")
    assert knowledge.canonical("pymysql.connect") == "pymysql.connections.Connection"
    assert knowledge.canonical("asyncpg.Pool") == "asyncpg.pool.Pool"


def test_the_nearest_version_is_taken() -> None:
    known = ["2.0", "2.1"]
    assert nearest_minor("1.4", known) == "2.0"
    assert nearest_minor("2.0.41", known) == "2.0"
    assert nearest_minor("3.0", known) == "2.1"
    assert nearest_minor("unknown", known) == "2.1"


# Drivers


def test_a_bare_url_depends_on_the_version() -> None:
    old, new = drivers.driver_of("postgresql://u@h/d", "2.0"), drivers.driver_of("postgresql", "2.1")
    assert old is not None
    assert new is not None
    assert (old.name, old.mode) == ("psycopg2", "sync")
    assert (new.name, new.mode) == ("psycopg", "both")
    assert drivers.driver_of("postgres://h/d") is None
    assert drivers.driver_of("postgresql+nonsense") is None


def test_connect_arguments_and_their_equivalents() -> None:
    asyncpg = drivers.driver_of("postgresql+asyncpg")
    assert asyncpg is not None
    assert asyncpg.connect_args is not None
    assert "sslmode" not in asyncpg.connect_args
    assert "prepared_statement_cache_size" in asyncpg.connect_args
    assert asyncpg.equivalents["sslmode"].key == "ssl"
    assert asyncpg.equivalents["sslmode"].carries("require")
    assert not asyncpg.equivalents["sslmode"].carries("nonsense")
    assert asyncpg.equivalents["connect_timeout"].carries(5)
    assert not asyncpg.equivalents["connect_timeout"].carries(0)
    assert "timeout" in asyncpg.url_broken
    psycopg = drivers.driver_of("postgresql+psycopg")
    assert psycopg is not None
    assert psycopg.url_query is not None
    assert "sslmode" in psycopg.url_query
    assert not psycopg.equivalents["ssl"].carries(True)
    mysql = drivers.driver_of("mysql+mysqldb")
    assert mysql is not None
    assert mysql.connect_args is None


def test_async_fallback_is_gone_in_2_1() -> None:
    old, new = (drivers.driver_of("postgresql+asyncpg", version) for version in ("2.0", "2.1"))
    assert old is not None
    assert new is not None
    assert "async_fallback" in (old.connect_args or ())
    assert "async_fallback" not in (new.connect_args or ())


def test_pools() -> None:
    assert drivers.is_async_pool("QueuePool") is False
    assert drivers.is_async_pool("sqlalchemy.pool.impl.AsyncAdaptedQueuePool") is True
    assert drivers.is_async_pool("NullPool") is None
    assert drivers.knows_pool("FallbackAsyncAdaptedQueuePool", "2.0")
    assert not drivers.knows_pool("FallbackAsyncAdaptedQueuePool", "2.1")
    queue, null = drivers.pool_arguments("QueuePool"), drivers.pool_arguments("NullPool")
    assert queue is not None
    assert null is not None
    assert queue - null == {"pool_size", "max_overflow", "pool_timeout", "pool_use_lifo"}
    sqlite = drivers.driver_of("sqlite+aiosqlite")
    assert sqlite is not None
    assert sqlite.default_pool(is_async=True) == "AsyncAdaptedQueuePool"
    assert sqlite.default_pool(is_async=True, memory=True) == "StaticPool"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("is_async", [False, True])
def test_engine_arguments_are_those_that_engines_take(is_async: bool) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    aio = pytest.importorskip("sqlalchemy.ext.asyncio")
    pytest.importorskip("aiosqlite")
    minor = ".".join(sqlalchemy.__version__.split(".")[:2])
    url = "sqlite+aiosqlite:///name.db" if is_async else "sqlite:///name.db"
    make = aio.create_async_engine if is_async else sqlalchemy.create_engine
    driver = drivers.driver_of(url, minor)
    assert driver is not None
    pool = drivers.pool_arguments(driver.default_pool(is_async=is_async) or "", minor)
    assert pool is not None
    known = pool | drivers.engine_arguments(driver, is_async=is_async, sqlalchemy=minor)
    for key in known | {
        "sslmode",
        "connect_timeout",
        "statement_cache_size",
        "prepare_threshold",
        "autocommit",
    }:
        try:
            make(url, **{key: None})
        except TypeError as error:
            refused = "Invalid argument" in str(error)
        except Exception:
            refused = False  # the argument was taken, None was not
        else:
            refused = False
        assert refused is (key not in known), key
