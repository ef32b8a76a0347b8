"""ADB704 statement-cache-size."""

import asyncio

import pytest
import sqlalchemy as sa

from .support import Database, async_engine

PREPARED = sa.text("select count(*) from pg_prepared_statements where statement like 'select % + 0'")


@pytest.mark.parametrize(
    ("size", "expected"), [(100, range(90, 160)), (2000, range(400, 401)), (0, range(1))]
)
def test_statements_that_stay_on_the_server(database: Database, size: int, expected: range) -> None:
    async def main() -> int:
        arguments = {"prepared_statement_cache_size": size}
        async with (
            async_engine(database.url("asyncpg"), connect_args=arguments) as engine,
            engine.connect() as connection,
        ):
            for number in range(400):
                await connection.execute(sa.text(f"select {number} + 0"))
            return await connection.scalar(PREPARED)

    assert asyncio.run(main()) in expected


@pytest.mark.parametrize(("threshold", "expected"), [(None, 0), (5, 1)])
def test_psycopg_prepares_what_is_repeated(database: Database, threshold: int | None, expected: int) -> None:
    async def main() -> int:
        arguments = {"prepare_threshold": threshold}
        async with (
            async_engine(database.url("psycopg"), connect_args=arguments) as engine,
            engine.connect() as connection,
        ):
            for _ in range(10):
                await connection.execute(sa.text("select 1 + 0"))
            return await connection.scalar(PREPARED)

    assert asyncio.run(main()) == expected
