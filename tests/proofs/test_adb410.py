"""ADB410 type-without-cache-key."""

import warnings

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite


class Uncached(sa.TypeDecorator):
    impl = sa.String


class Cached(sa.TypeDecorator):
    impl = sa.String
    cache_ok = True


class Inherited(Cached):
    """SQLAlchemy looks for it in the class itself."""


class Mixin:
    cache_ok = True


class Mixed(Mixin, sa.TypeDecorator):
    impl = sa.String


class OwnUncached(sa.types.UserDefinedType):
    def get_col_spec(self) -> str:
        return "text"


class OwnCached(OwnUncached):
    cache_ok = True


@pytest.mark.parametrize("kind", [Uncached, OwnUncached, Inherited, Mixed, Cached, OwnCached])
def test_compiled_statements_that_are_kept(kind: type) -> None:
    engine = sa.create_engine("sqlite://")
    table = sa.Table("word", sa.MetaData(), sa.Column("text", kind()))
    with warnings.catch_warnings(record=True) as told, engine.connect() as connection:
        warnings.simplefilter("always")
        table.create(connection)
        before = len(engine._compiled_cache)
        for word in ("a", "b"):
            connection.execute(sa.select(table).where(table.c.text == word))
        kept = len(engine._compiled_cache) - before

    is_cached = kind in (Cached, OwnCached)
    assert kept == (1 if is_cached else 0)
    assert any("will not produce a cache key" in str(each.message) for each in told) is not is_cached


class Inheriting(SQLiteDialect_pysqlite):
    pass


class Saying(SQLiteDialect_pysqlite):
    supports_statement_cache = True


@pytest.mark.parametrize(("dialect", "is_cached"), [("Inheriting", False), ("Saying", True)])
def test_dialect(dialect: str, is_cached: bool) -> None:
    registry.register(f"adb{dialect.lower()}", __name__, dialect)
    engine = sa.create_engine(f"adb{dialect.lower()}://")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with engine.connect() as connection:
            connection.execute(sa.select(1))

    assert (len(engine._compiled_cache) > 0) is is_cached
