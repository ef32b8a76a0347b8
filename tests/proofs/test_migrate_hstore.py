"""`register_hstore()` on both drivers. The server that pip installs lacks the extension: a type stands in for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .migration import same_answers
from .support import Database

TYPE = """
    create type hstore;
    create function hstore_in(cstring) returns hstore language internal immutable strict as 'textin';
    create function hstore_out(hstore) returns cstring language internal immutable strict as 'textout';
    create type hstore (input = hstore_in, output = hstore_out, like = text);
"""
PROGRAM = """
    import psycopg2
    from psycopg2.extras import register_hstore

    def work(dsn):
        connection = psycopg2.connect(dsn)
        register_hstore(connection)
        cursor = connection.cursor()
        cursor.execute("select '\\"a\\"=>NULL, \\"b\\"=>\\"2\\"'::hstore")
        return cursor.fetchone(), by_all(dsn)

    def by_all(dsn):
        connection = psycopg2.connect(dsn)
        register_hstore(connection, globally=True)
        cursor = psycopg2.connect(dsn).cursor()
        cursor.execute("select '\\"c\\"=>\\"3\\"'::hstore")
        return cursor.fetchone()
"""


@pytest.fixture
def hstore(database: Database) -> Iterator[None]:
    database.admin.execute(TYPE)
    yield
    database.admin.execute("drop type hstore cascade")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("hstore")
def test_same_answers(database: Database, tmp_path: Path) -> None:
    text = same_answers(database, tmp_path, PROGRAM)
    assert 'TypeInfo.fetch(connection, "hstore")' in text
