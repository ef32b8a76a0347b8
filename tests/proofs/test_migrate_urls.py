"""URLs without a driver: SQLAlchemy before 2.1 takes psycopg2, and psycopg once it is named."""

from __future__ import annotations

import pytest
import sqlalchemy
from libcst import parse_module
from libcst.codemod import CodemodContext

from asyncdb_lint.migrate.command import UNSAFE
from asyncdb_lint.migrate.from_psycopg2.implicit_urls import ImplicitUrls

from .support import Database

PROGRAM = """
from sqlalchemy import create_engine, text

def work(options):
    engine = create_engine("postgresql://" + "?" + options)
    with engine.connect() as connection:
        found = connection.scalar(text("select 42"))
    engine.dispose()
    return engine.driver, found
"""
BEFORE_21 = tuple(map(int, sqlalchemy.__version__.split(".")[:2])) < (2, 1)


def run(text: str, database: Database) -> tuple[str, int]:
    names: dict[str, object] = {}
    exec(text, names)
    return names["work"](f"host={database.folder}&port={database.port}&user={database.user}&dbname=postgres")  # type: ignore[no-any-return,operator]


def test_driver_is_named(database: Database) -> None:
    new = ImplicitUrls(CodemodContext(scratch={UNSAFE: True})).transform_module(parse_module(PROGRAM)).code
    assert run(PROGRAM, database) == ("psycopg2" if BEFORE_21 else "psycopg", 42)
    assert run(new, database) == ("psycopg", 42)


def test_scheme_that_is_refused() -> None:
    with pytest.raises(sqlalchemy.exc.NoSuchModuleError):
        sqlalchemy.create_engine("postgres://")
