"""ADB608 shared-connection-pool."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import AsyncAdaptedQueuePool, NullPool, QueuePool, StaticPool, create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from .support import Database, async_engine

INSERT = sa.text("insert into note (body) values ('kept')")
TABLE = sa.text("create table item (id integer)")


async def write_while_another_closes(engine: AsyncEngine) -> None:
    """A task writes and commits; in between another task closes its own connection."""
    async with engine.connect() as first:
        await first.execute(INSERT)
        second = await engine.connect()
        await second.close()
        await first.commit()


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_rows_of_another_task_are_lost(database: Database, driver: str) -> None:
    """All tasks have one connection: closing it rolls back what another task has written, without an error."""

    async def main() -> None:
        async with async_engine(database.url(driver), poolclass=StaticPool) as engine:
            await write_while_another_closes(engine)

    asyncio.run(main())
    assert database.notes() == 0


def test_synchronous_sessions(database: Database) -> None:
    """The same for a synchronous engine."""
    engine = create_engine(database.url("psycopg"), poolclass=StaticPool)
    with engine.connect() as first:
        first.execute(INSERT)
        engine.connect().close()
        first.commit()
    engine.dispose()
    assert database.notes() == 0


@pytest.mark.parametrize("options", [{}, {"poolclass": NullPool}])
def test_connections_of_their_own(database: Database, options: dict[str, Any]) -> None:
    async def main() -> None:
        async with async_engine(database.url("asyncpg"), **options) as engine:
            await write_while_another_closes(engine)

    asyncio.run(main())
    assert database.notes() == 1


def test_tasks_at_once(database: Database) -> None:
    """asyncpg refuses two statements at a time."""

    async def main() -> list[BaseException | None]:
        async with async_engine(database.url("asyncpg"), poolclass=StaticPool) as engine:
            async with engine.connect():
                pass

            async def work() -> None:
                async with engine.connect() as connection:
                    await connection.execute(sa.text("select pg_sleep(0.05)"))

            return list(await asyncio.gather(*(work() for _ in range(4)), return_exceptions=True))

    assert any("another operation is in progress" in str(each) for each in asyncio.run(main()))


@pytest.mark.parametrize("options", [{"poolclass": NullPool}, {"poolclass": AsyncAdaptedQueuePool}])
def test_each_connection_has_its_own_memory(options: dict[str, Any]) -> None:
    """Each connection to SQLite in memory is a database of its own."""

    async def main() -> None:
        engine = create_async_engine("sqlite+aiosqlite://", **options)
        async with engine.begin() as connection:
            await connection.execute(TABLE)
            async with engine.connect() as other:
                with pytest.raises(sa.exc.OperationalError, match="no such table"):
                    await other.execute(sa.text("select * from item"))
        await engine.dispose()

    asyncio.run(main())


@pytest.mark.parametrize("pool", [NullPool, QueuePool])
def test_synchronous_too(pool: Any) -> None:
    engine = create_engine("sqlite://", poolclass=pool)
    with engine.begin() as connection:
        connection.execute(TABLE)
        with engine.connect() as other, pytest.raises(sa.exc.OperationalError, match="no such table"):
            other.execute(sa.text("select * from item"))
    engine.dispose()


@pytest.mark.parametrize("options", [{}, {"poolclass": StaticPool}])
def test_one_memory_for_all(options: dict[str, Any]) -> None:
    """Repaired: the default for SQLite in memory is one connection for all."""

    async def main() -> None:
        engine = create_async_engine("sqlite+aiosqlite://", **options)
        async with engine.begin() as connection:
            await connection.execute(TABLE)
        async with engine.connect() as other:
            await other.execute(sa.text("select * from item"))
        await engine.dispose()

    asyncio.run(main())
