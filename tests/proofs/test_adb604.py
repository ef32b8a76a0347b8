"""ADB604 no-pre-ping."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import NullPool

from .support import Database, async_engine, sync_engine

PID = sa.text("select pg_backend_pid()")


async def pid_of(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return await connection.scalar(PID)


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_idle_connection_is_cut(database: Database, driver: str) -> None:
    """A connection that was cut while it lay in the pool fails its next user, unless it is pinged first."""

    async def main() -> None:
        async with async_engine(database.url(driver), pool_size=1) as engine:
            database.disconnect(await pid_of(engine))
            # InterfaceError with asyncpg, OperationalError with psycopg.
            with pytest.raises(sa.exc.DBAPIError) as failure:
                await pid_of(engine)
            assert failure.value.connection_invalidated
            # The failure is found out only by failing: the one after works again.
            assert await pid_of(engine)

        async with async_engine(database.url(driver), pool_size=1, pool_pre_ping=True) as engine:
            cut = await pid_of(engine)
            database.disconnect(cut)
            assert await pid_of(engine) != cut

    asyncio.run(main())


def test_every_idle_connection_is_cut(database: Database) -> None:
    """After a restart every request fails that takes an idle connection before the first error is seen."""

    async def outcomes(**options: Any) -> int:
        async with async_engine(database.url("asyncpg"), pool_size=3, **options) as engine:
            connections = await asyncio.gather(*(engine.connect() for _ in range(3)))
            pids = [await connection.scalar(PID) for connection in connections]
            for connection in connections:
                await connection.close()
            for pid in pids:
                database.disconnect(pid)
            results = await asyncio.gather(*(pid_of(engine) for _ in range(3)), return_exceptions=True)
            return sum(isinstance(result, Exception) for result in results)

    async def main() -> None:
        assert await outcomes() == 3
        assert await outcomes(pool_pre_ping=True) == 0

    asyncio.run(main())


def test_sync_engine_too(database: Database) -> None:
    """The same for a sync engine."""

    def fails(**options: Any) -> bool:
        with sync_engine(database.url("psycopg2"), pool_size=1, **options) as engine:
            with engine.connect() as connection:
                pid = connection.scalar(PID)
            database.disconnect(pid)
            try:
                with engine.connect() as connection:
                    connection.scalar(PID)
            except sa.exc.OperationalError:
                return True
            return False

    assert fails()
    assert not fails(pool_pre_ping=True)


def test_short_recycle(database: Database) -> None:
    """Near miss: a `pool_recycle` shorter than the idle time replaces the connection as well."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg"), pool_size=1, pool_recycle=1) as engine:
            cut = await pid_of(engine)
            database.disconnect(cut)
            await asyncio.sleep(1.1)
            assert await pid_of(engine) != cut

    asyncio.run(main())


def test_null_pool(database: Database) -> None:
    """Near miss: without a pool there is no idle connection to be cut."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg"), poolclass=NullPool) as engine:
            used = await pid_of(engine)
            assert not database.connected(used)
            assert await pid_of(engine) != used

    asyncio.run(main())


def test_what_it_does_not_repair(database: Database) -> None:
    """`pool_pre_ping` helps at checkout alone: a connection cut within a transaction still fails."""

    async def main() -> None:
        async with (
            async_engine(database.url("asyncpg"), pool_pre_ping=True) as engine,
            engine.connect() as connection,
        ):
            database.disconnect(await connection.scalar(PID))
            with pytest.raises(sa.exc.DBAPIError):
                await connection.scalar(PID)

    asyncio.run(main())
