"""ADB108 psycopg2-wait-callback."""

import asyncio

import psycopg
import psycopg2
import psycopg2.extensions
import psycopg2.extras
import pytest

from .support import BLOCKED, FREE, SLOW_QUERY, Database, least_stall, stall


def test_wait_select_blocks(database: Database) -> None:
    """`wait_select` waits in `select()`: an `async_=1` connection silences the loop like any sync one."""

    async def bad() -> None:
        connection = psycopg2.connect(database.dsn(), async_=1)
        psycopg2.extras.wait_select(connection)
        cursor = connection.cursor()
        cursor.execute(SLOW_QUERY)
        psycopg2.extras.wait_select(connection)
        connection.close()

    async def main() -> None:
        assert await stall(bad) >= BLOCKED

    asyncio.run(main())


def test_wait_callback_blocks(database: Database) -> None:
    """`set_wait_callback(wait_select)` makes nothing async either."""

    async def bad() -> None:
        psycopg2.extensions.set_wait_callback(psycopg2.extras.wait_select)
        try:
            connection = psycopg2.connect(database.dsn())
            connection.cursor().execute(SLOW_QUERY)
            connection.close()
        finally:
            psycopg2.extensions.set_wait_callback(None)

    async def main() -> None:
        assert await stall(bad) >= BLOCKED

    asyncio.run(main())


def test_psycopg_replaces_it(database: Database) -> None:
    """psycopg 3's AsyncConnection runs the same query without stalling the loop."""

    async def good() -> None:
        async with await psycopg.AsyncConnection.connect(database.dsn()) as connection:
            await connection.execute(SLOW_QUERY)

    async def main() -> None:
        assert await least_stall(good) < FREE

    asyncio.run(main())


def test_driven_by_hand_does_not_block(database: Database) -> None:
    """Near miss: `async_=1` driven by `poll()` and `add_reader` leaves the loop free; it is only legacy."""

    async def wait(connection: "psycopg2.extensions.connection") -> None:
        loop = asyncio.get_running_loop()
        while (state := connection.poll()) != psycopg2.extensions.POLL_OK:
            ready = asyncio.Event()
            if state == psycopg2.extensions.POLL_READ:
                loop.add_reader(connection.fileno(), ready.set)
                await ready.wait()
                loop.remove_reader(connection.fileno())
            else:
                loop.add_writer(connection.fileno(), ready.set)
                await ready.wait()
                loop.remove_writer(connection.fileno())

    async def good() -> None:
        connection = psycopg2.connect(database.dsn(), async_=1)
        await wait(connection)
        cursor = connection.cursor()
        cursor.execute(SLOW_QUERY)
        await wait(connection)
        connection.close()

    async def main() -> None:
        assert await least_stall(good) < FREE

    asyncio.run(main())


def test_half_a_connection(database: Database) -> None:
    """What makes it legacy: nothing may be done before the wait, and commit is refused."""
    connection = psycopg2.connect(database.dsn(), async_=1)
    with pytest.raises(psycopg2.OperationalError, match="asynchronous connection attempt underway"):
        connection.cursor().execute("select 1")
    psycopg2.extras.wait_select(connection)
    with pytest.raises(psycopg2.ProgrammingError, match="commit cannot be used in asynchronous mode"):
        connection.commit()
    connection.close()
