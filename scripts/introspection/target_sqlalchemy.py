"""SQLAlchemy and SQLModel: what is kept, and how sync classes pair with async ones."""

from __future__ import annotations

from .spec import Function, Keep, Says, Target

_AIO = "sqlalchemy.ext.asyncio"
_RESULT = Keep("result", "sync")
_POOL = Keep("pool_class", blocks=("connect", "dispose"))
_EXEC = Says("sqlalchemy.engine.Result")

# What runs the statement; everything else on a Query only builds it.
_QUERY_TERMINALS = (
    "all",
    "first",
    "one",
    "one_or_none",
    "scalar",
    "count",
    "get",
    "delete",
    "update",
    "value",
    "values",
    "__iter__",
    "__getitem__",
)

_CLASSES = {
    "sqlalchemy.engine.Engine": Keep("engine", "sync", twin=f"{_AIO}.AsyncEngine"),
    "sqlalchemy.engine.Connection": Keep(
        "connection",
        "sync",
        twin=f"{_AIO}.AsyncConnection",
        blocks=("begin_twophase", "commit_prepared", "rollback_prepared", "recover_twophase"),
    ),
    "sqlalchemy.engine.Transaction": Keep("transaction", "sync", twin=f"{_AIO}.AsyncTransaction"),
    "sqlalchemy.engine.RootTransaction": Keep("transaction", "sync", twin=f"{_AIO}.AsyncTransaction"),
    "sqlalchemy.engine.NestedTransaction": Keep("transaction", "sync", twin=f"{_AIO}.AsyncTransaction"),
    "sqlalchemy.engine.TwoPhaseTransaction": Keep(
        "transaction", "sync", twin=f"{_AIO}.AsyncTransaction", blocks=("prepare",)
    ),
    "sqlalchemy.engine.URL": Keep("url"),
    "sqlalchemy.engine.Inspector": Keep("inspector", "sync", blocks=("get_*", "has_*", "reflect_table")),
    "sqlalchemy.engine.Result": _RESULT,
    "sqlalchemy.engine.CursorResult": _RESULT,
    "sqlalchemy.engine.ScalarResult": _RESULT,
    "sqlalchemy.engine.MappingResult": _RESULT,
    "sqlalchemy.engine.TupleResult": _RESULT,
    "sqlalchemy.engine.FrozenResult": Keep("", ""),
    "sqlalchemy.orm.Session": Keep(
        "session",
        "sync",
        twin=f"{_AIO}.AsyncSession",
        blocks=("bulk_save_objects", "bulk_insert_mappings", "bulk_update_mappings", "prepare"),
    ),
    "sqlalchemy.orm.SessionTransaction": Keep(
        "transaction", "sync", twin=f"{_AIO}.AsyncSessionTransaction", blocks=("close", "prepare")
    ),
    "sqlalchemy.orm.sessionmaker": Keep("session_factory", "sync", twin=f"{_AIO}.async_sessionmaker"),
    "sqlalchemy.orm.scoped_session": Keep(
        "scoped_registry",
        "sync",
        twin=f"{_AIO}.async_scoped_session",
        blocks=("bulk_save_objects", "bulk_insert_mappings", "bulk_update_mappings"),
    ),
    "sqlalchemy.orm.Query": Keep("query", "sync", blocks=_QUERY_TERMINALS),
    f"{_AIO}.AsyncEngine": Keep("engine", "async"),
    f"{_AIO}.AsyncConnection": Keep("connection", "async", says={"engine": Says(f"{_AIO}.AsyncEngine")}),
    f"{_AIO}.AsyncTransaction": Keep("transaction", "async"),
    f"{_AIO}.AsyncSession": Keep("session", "async"),
    f"{_AIO}.AsyncSessionTransaction": Keep(
        "transaction",
        "async",
        # "Return the AsyncConnection this transaction has already acquired": it runs.
        says={"bound_connection": Says(f"{_AIO}.AsyncConnection", protocol="plain", since="2.1")},
    ),
    f"{_AIO}.async_sessionmaker": Keep("session_factory", "async"),
    f"{_AIO}.async_scoped_session": Keep("scoped_registry", "async"),
    f"{_AIO}.AsyncResult": Keep("result", "async"),
    f"{_AIO}.AsyncScalarResult": Keep("result", "async"),
    f"{_AIO}.AsyncMappingResult": Keep("result", "async"),
    f"{_AIO}.AsyncTupleResult": Keep("result", "async"),
    f"{_AIO}.AsyncAttrs": Keep("async_attrs", "async"),
    "sqlalchemy.pool.Pool": _POOL,
    "sqlalchemy.pool.QueuePool": _POOL,
    "sqlalchemy.pool.NullPool": _POOL,
    "sqlalchemy.pool.StaticPool": _POOL,
    "sqlalchemy.pool.SingletonThreadPool": _POOL,
    "sqlalchemy.pool.AssertionPool": _POOL,
    "sqlalchemy.pool.AsyncAdaptedQueuePool": _POOL,
    "sqlalchemy.pool.FallbackAsyncAdaptedQueuePool": _POOL,
    "sqlalchemy.schema.MetaData": Keep("metadata", blocks=("create_all", "drop_all", "reflect")),
    "sqlalchemy.schema.Table": Keep("table", blocks=("create", "drop"), only=("create", "drop", "metadata")),
    "sqlalchemy.orm.DeclarativeBase": Keep("model_base"),
    "sqlalchemy.orm.DeclarativeBaseNoMeta": Keep("model_base"),
    "sqlalchemy.orm.MappedAsDataclass": Keep("model_mixin"),
    "sqlalchemy.orm.registry": Keep(
        "registry", says={"generate_base": Says("Type[sqlalchemy.orm.DeclarativeBase]")}
    ),
}

_FUNCTIONS = {
    "sqlalchemy.create_engine": Function(),
    "sqlalchemy.create_mock_engine": Function(),
    "sqlalchemy.engine_from_config": Function(),
    "sqlalchemy.create_pool_from_url": Function(),
    "sqlalchemy.make_url": Function(),
    "sqlalchemy.inspect": Function(),
    f"{_AIO}.create_async_engine": Function(),
    f"{_AIO}.async_engine_from_config": Function(),
    f"{_AIO}.create_async_pool_from_url": Function(),
    f"{_AIO}.async_object_session": Function(),
    f"{_AIO}.async_session": Function(),
    f"{_AIO}.close_all_sessions": Function(),
    "sqlalchemy.orm.close_all_sessions": Function(blocks=True),
    "sqlalchemy.orm.object_session": Function(),
    "sqlalchemy.orm.declarative_base": Function(returns="Type[sqlalchemy.orm.DeclarativeBase]"),
    "sqlalchemy.ext.declarative.declarative_base": Function(returns="Type[sqlalchemy.orm.DeclarativeBase]"),
    "sqlalchemy.event.listen": Function(),
    "sqlalchemy.event.listens_for": Function(),
    "sqlalchemy.event.remove": Function(),
    "sqlalchemy.event.contains": Function(),
}

SQLALCHEMY = Target(
    name="sqlalchemy",
    distribution="SQLAlchemy",
    roots=("sqlalchemy",),
    modules=(
        "sqlalchemy",
        "sqlalchemy.engine",
        "sqlalchemy.engine.base",
        "sqlalchemy.engine.create",
        "sqlalchemy.engine.cursor",
        "sqlalchemy.engine.reflection",
        "sqlalchemy.engine.result",
        "sqlalchemy.engine.url",
        "sqlalchemy.event",
        "sqlalchemy.exc",
        "sqlalchemy.ext",
        "sqlalchemy.ext.asyncio",
        "sqlalchemy.ext.asyncio.engine",
        "sqlalchemy.ext.asyncio.result",
        "sqlalchemy.ext.asyncio.scoping",
        "sqlalchemy.ext.asyncio.session",
        "sqlalchemy.ext.declarative",
        "sqlalchemy.future",
        "sqlalchemy.future.engine",
        "sqlalchemy.inspection",
        "sqlalchemy.orm",
        "sqlalchemy.orm.decl_api",
        "sqlalchemy.orm.query",
        "sqlalchemy.orm.scoping",
        "sqlalchemy.orm.session",
        "sqlalchemy.pool",
        "sqlalchemy.pool.base",
        "sqlalchemy.pool.impl",
        "sqlalchemy.schema",
        "sqlalchemy.sql",
        "sqlalchemy.sql.schema",
    ),
    classes=_CLASSES,
    functions=_FUNCTIONS,
    per_minor=True,
)

SQLMODEL = Target(
    name="sqlmodel",
    distribution="sqlmodel",
    roots=("sqlmodel",),
    modules=(
        "sqlmodel",
        "sqlmodel.main",
        "sqlmodel.orm",
        "sqlmodel.orm.session",
        "sqlmodel.ext.asyncio",
        "sqlmodel.ext.asyncio.session",
        "sqlmodel.pool",
    ),
    classes={
        # `exec` gives one of two results, by the statement; what they have in common is `Result`.
        "sqlmodel.Session": Keep(
            "session", "sync", twin="sqlmodel.ext.asyncio.session.AsyncSession", says={"exec": _EXEC}
        ),
        "sqlmodel.ext.asyncio.session.AsyncSession": Keep("session", "async", says={"exec": _EXEC}),
        # Everything else on SQLModel is pydantic's.
        "sqlmodel.SQLModel": Keep(
            "model_base", only=("metadata",), says={"metadata": Says("sqlalchemy.MetaData")}
        ),
    },
)
