"""ADB106 database-work-in-executor."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import anyio.to_thread
import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool
from starlette.concurrency import run_in_threadpool

from .support import FREE, SLOW_QUERY, Database, async_engine, least_stall, sync_engine

Offload = Callable[[Callable[[], None]], Awaitable[None]]

WAYS: dict[str, Offload] = {
    "to_thread": asyncio.to_thread,
    "run_in_executor": lambda work: asyncio.get_running_loop().run_in_executor(None, work),
    "anyio": anyio.to_thread.run_sync,
    "run_in_threadpool": run_in_threadpool,
}


@pytest.mark.parametrize("way", WAYS)
def test_executor_does_not_block(database: Database, way: str) -> None:
    """A function handed to a thread leaves the loop free, which is why this is only a warning."""

    async def main() -> None:
        with sync_engine(database.url("psycopg2"), poolclass=NullPool) as engine:

            def work() -> None:
                with engine.connect() as connection:
                    connection.execute(sa.text(SLOW_QUERY))

            assert await least_stall(lambda: WAYS[way](work)) < FREE

    asyncio.run(main())


def test_queries_are_capped_by_threads(database: Database) -> None:
    """No more queries run at once than the executor has threads, whatever the pool; async ones all run."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(lambda: None)  # makes the executor
        threads = loop._default_executor._max_workers
        queries = threads + 4

        with sync_engine(database.url("psycopg2"), pool_size=queries) as engine:

            def work() -> None:
                with engine.connect() as connection:
                    connection.execute(sa.text("select pg_sleep(0.5)"))

            tasks = [asyncio.create_task(asyncio.to_thread(work)) for _ in range(queries)]
            in_threads = await most_at_once(database, tasks)
        async with async_engine(database.url("asyncpg"), pool_size=queries) as engine:

            async def query() -> None:
                async with engine.connect() as connection:
                    await connection.execute(sa.text("select pg_sleep(0.5)"))

            tasks = [asyncio.create_task(query()) for _ in range(queries)]
            on_loop = await most_at_once(database, tasks)

        assert threads <= 32
        assert in_threads == threads
        assert on_loop == queries

    asyncio.run(main())


async def most_at_once(database: Database, tasks: list["asyncio.Task[None]"]) -> int:
    """The most queries that the server was seen to run at once."""
    most = 0
    while not all(task.done() for task in tasks):
        running = database.value(
            "select count(*) from pg_stat_activity where state = 'active' and query like 'select pg_sleep%%'"
        )
        most = max(most, running)
        await asyncio.sleep(0.02)
    await asyncio.gather(*tasks)
    return most


def test_other_work_waits_for_a_thread(database: Database) -> None:
    """While queries hold all threads, everything else that needs one waits, name lookups among it."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(lambda: None)
        threads = loop._default_executor._max_workers

        with sync_engine(database.url("psycopg2"), pool_size=threads) as engine:

            def work() -> None:
                with engine.connect() as connection:
                    connection.execute(sa.text(SLOW_QUERY))

            queries = [asyncio.create_task(asyncio.to_thread(work)) for _ in range(threads)]
            await asyncio.sleep(0)  # now all threads are taken
            start = time.perf_counter()
            await loop.getaddrinfo("127.0.0.1", 80)
            waited = time.perf_counter() - start
            await asyncio.gather(*queries)

        assert waited >= 0.25

    asyncio.run(main())


def test_anyio_has_forty_threads() -> None:
    """anyio, and with it FastAPI and Starlette, runs at most 40 functions at once."""

    async def main() -> None:
        assert anyio.to_thread.current_default_thread_limiter().total_tokens == 40

    asyncio.run(main())


def test_run_sync_needs_no_thread(database: Database) -> None:
    """`run_sync` runs code written for a sync connection on the async one, and leaves the loop free."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:

            async def good() -> None:
                async with engine.connect() as connection:
                    await connection.run_sync(lambda sync: sync.execute(sa.text(SLOW_QUERY)))

            assert await least_stall(good) < FREE

    asyncio.run(main())
