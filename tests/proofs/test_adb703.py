"""ADB703 dynamic-sql-text."""

import asyncio
from typing import Any

import asyncpg
import psycopg
import pytest
import sqlalchemy as sa

from .support import Database, async_engine

STATEMENTS = 30
NAMED = "select count(*) from pg_prepared_statements"
HARMFUL = "x' or 'a' = 'a"


def filled(database: Database) -> None:
    database.add_note("mine")
    database.add_note("yours")


async def count(database: Database, query: Any, value: str) -> list[str]:
    async with async_engine(database.url("asyncpg")) as engine, engine.connect() as connection:
        return list(await connection.scalars(query(value), {"body": value} if query is bound else {}))


def written(value: str) -> sa.TextClause:
    return sa.text(f"select body from note where body = '{value}'")


def bound(value: str) -> sa.TextClause:
    return sa.text("select body from note where body = :body")


def test_a_quote_ends_the_literal(database: Database) -> None:
    """A value written into the text is SQL: it raises, or selects what it likes. Bound it is a value."""
    filled(database)
    assert asyncio.run(count(database, written, HARMFUL)) == ["mine", "yours"]
    assert asyncio.run(count(database, bound, HARMFUL)) == []
    assert asyncio.run(count(database, bound, "mine")) == ["mine"]
    with pytest.raises(sa.exc.DBAPIError, match=r"syntax error|unterminated"):
        asyncio.run(count(database, written, "it's"))
    assert asyncio.run(count(database, bound, "it's")) == []


def test_drivers(database: Database) -> None:
    """The same for drivers without SQLAlchemy."""
    filled(database)

    async def main() -> None:
        connection = await asyncpg.connect(database.dsn())
        try:
            assert len(await connection.fetch(f"select * from note where body = '{HARMFUL}'")) == 2
            assert await connection.fetch("select * from note where body = $1", HARMFUL) == []
        finally:
            await connection.close()
        async with await psycopg.AsyncConnection.connect(database.dsn()) as connection:
            cursor = await connection.execute("select * from note where body = '%s'" % HARMFUL)  # noqa: UP031
            assert len(await cursor.fetchall()) == 2
            cursor = await connection.execute("select * from note where body = %s", [HARMFUL])
            assert await cursor.fetchall() == []

    asyncio.run(main())


@pytest.mark.parametrize(("query", "most"), [(written, STATEMENTS + 5), (bound, 5)])
def test_each_value_is_another_statement(database: Database, query: Any, most: int) -> None:
    """SQLAlchemy compiles and asyncpg prepares each text anew; a bound value needs one statement."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine, engine.connect() as connection:
            before = await connection.scalar(sa.text(NAMED))
            for number in range(STATEMENTS):
                value = f"note {number}"
                await connection.execute(query(value), {"body": value} if query is bound else {})
            prepared = await connection.scalar(sa.text(NAMED)) - before
            compiled = len(engine.sync_engine._compiled_cache)
            if query is written:
                assert prepared >= STATEMENTS
                assert compiled >= STATEMENTS
            assert prepared <= most
            assert compiled <= most

    asyncio.run(main())
