"""ADB101 sync-engine-in-async."""

import asyncio
import socket
import threading
import time

import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.ext.asyncio import async_sessionmaker

from .support import BLOCKED, FREE, SLOW_QUERY, Database, async_engine, least_stall, stall, sync_engine

SYNC_AND_ASYNC = [("psycopg2", "asyncpg"), ("psycopg2", "psycopg"), ("psycopg", "psycopg")]


@pytest.mark.parametrize(("sync_driver", "async_driver"), SYNC_AND_ASYNC)
def test_engine_blocks(database: Database, sync_driver: str, async_driver: str) -> None:
    """A sync engine's query silences the loop for its whole length, an async engine's does not."""

    async def bad() -> None:
        with sync_engine(database.url(sync_driver)) as engine, engine.connect() as connection:
            connection.execute(sa.text(SLOW_QUERY))

    async def good() -> None:
        async with async_engine(database.url(async_driver)) as engine, engine.connect() as connection:
            await connection.execute(sa.text(SLOW_QUERY))

    async def main() -> None:
        assert await stall(bad) >= BLOCKED
        assert await least_stall(good) < FREE

    asyncio.run(main())


def test_session_factory_blocks(database: Database) -> None:
    """A sync session factory made on the loop blocks it, `async_sessionmaker` does not."""

    async def bad() -> None:
        with sync_engine(database.url("psycopg2")) as engine:
            factory = orm.sessionmaker(engine)
            with factory() as session:
                session.execute(sa.text(SLOW_QUERY))

    async def good() -> None:
        async with async_engine(database.url("asyncpg")) as engine:
            factory = async_sessionmaker(engine)
            async with factory() as session:
                await session.execute(sa.text(SLOW_QUERY))

    async def main() -> None:
        assert await stall(bad) >= BLOCKED
        assert await least_stall(good) < FREE

    asyncio.run(main())


def test_connecting_blocks() -> None:
    """While the server is slow to answer, a connecting sync engine stalls the loop, an async one does not."""

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=hang_up_late, args=[listener, 2], daemon=True).start()
            port = listener.getsockname()[1]

            async def bad() -> None:
                url = f"postgresql+psycopg2://user@127.0.0.1:{port}/name"
                with sync_engine(url) as engine, pytest.raises(sa.exc.OperationalError):
                    engine.connect()

            async def good() -> None:
                async with async_engine(f"postgresql+asyncpg://user@127.0.0.1:{port}/name") as engine:
                    # Raw in SQLAlchemy 2.0, wrapped in 2.1.
                    with pytest.raises((OSError, sa.exc.DBAPIError)):
                        await engine.connect()

            assert await stall(bad) >= BLOCKED
            assert await stall(good) < FREE

    asyncio.run(main())


def hang_up_late(listener: socket.socket, clients: int) -> None:
    """Accepts each client, says nothing for a while, and closes."""
    for _ in range(clients):
        client, _ = listener.accept()
        time.sleep(0.3)
        client.close()


def test_making_an_engine_connects_to_nothing(database: Database) -> None:
    """Near miss: a sync engine that is only made on the loop does no I/O."""

    async def main() -> None:
        with sync_engine(database.url("psycopg2")):
            assert database.connections() == 0

    asyncio.run(main())
