"""ADB901 psycopg2-import."""

import asyncio
import time

import psycopg
import psycopg2

from .support import Database

SECONDS = 0.3


def test_psycopg2_stops_the_loop_and_its_successor_need_not(database: Database) -> None:
    async def beats(work: "asyncio.Future[None] | asyncio.Task[None]") -> int:
        count = 0
        while not work.done():
            count += 1
            await asyncio.sleep(SECONDS / 10)
        return count

    async def old() -> None:
        psycopg2.connect(database.dsn()).cursor().execute("SELECT pg_sleep(%s)", (SECONDS,))

    async def new() -> None:
        async with await psycopg.AsyncConnection.connect(database.dsn()) as connection:
            await connection.execute("SELECT pg_sleep(%s)", (SECONDS,))

    async def main() -> tuple[int, int]:
        return await beats(asyncio.create_task(old())), await beats(asyncio.create_task(new()))

    start = time.monotonic()
    blocked, free = asyncio.run(main())

    assert time.monotonic() - start > 2 * SECONDS
    assert blocked <= 2 < free


def test_a_url_imports_it() -> None:
    """SQLAlchemy imports the driver that the URL names."""
    import subprocess
    import sys

    program = (
        "import sys, sqlalchemy as sa; sa.create_engine(f'postgresql+{sys.argv[1]}://'); "
        "print('psycopg2' in sys.modules)"
    )
    for driver, imported in (("psycopg2", "True"), ("psycopg", "False")):
        done = subprocess.run(
            [sys.executable, "-c", program, driver], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == imported
