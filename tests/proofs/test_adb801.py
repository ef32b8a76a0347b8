"""ADB801 engine-across-loops."""

import asyncio
import concurrent.futures
import re
from collections.abc import Callable

import asyncpg
import pytest
import sqlalchemy as sa
from asgiref.sync import async_to_sync
from celery import Celery
from celery.exceptions import WorkerShutdown
from celery.worker import WorkController
from sqlalchemy import pool
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine

from .support import Database, select_one

OTHER_LOOP = "attached to a different loop|Event loop is closed"


@pytest.mark.parametrize("how", ["asyncio.run", "async_to_sync", "new loop", "thread"])
def test_second_loop_fails(database: Database, how: str) -> None:
    """The pool hands the second loop a connection that waits on the first."""
    engine = create_async_engine(database.url("asyncpg"))

    def in_new_loop() -> None:
        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(select_one(engine))
        finally:
            loop.close()

    def in_thread() -> None:
        with concurrent.futures.ThreadPoolExecutor() as executor:
            executor.submit(asyncio.run, select_one(engine)).result()

    run: Callable[[], None] = {
        "asyncio.run": lambda: asyncio.run(select_one(engine)),
        "async_to_sync": lambda: async_to_sync(select_one)(engine),
        "new loop": in_new_loop,
        "thread": in_thread,
    }[how]

    run()
    with pytest.raises(RuntimeError, match=OTHER_LOOP):
        run()
    engine.sync_engine.dispose(close=False)


def test_pre_ping_does_not_help(database: Database) -> None:
    """The ping itself waits on the wrong loop."""
    engine = create_async_engine(database.url("asyncpg"), pool_pre_ping=True)

    asyncio.run(select_one(engine))
    with pytest.raises(RuntimeError, match=OTHER_LOOP):
        asyncio.run(select_one(engine))
    engine.sync_engine.dispose(close=False)


def test_session_of_the_engine(database: Database) -> None:
    """A session takes its connection from the same pool."""
    engine = create_async_engine(database.url("asyncpg"))
    factory = async_sessionmaker(engine)

    async def work() -> None:
        async with factory() as session:
            await session.execute(sa.text("select 1"))

    asyncio.run(work())
    with pytest.raises(RuntimeError, match=OTHER_LOOP):
        asyncio.run(work())
    engine.sync_engine.dispose(close=False)


def test_asyncpg_pool(database: Database) -> None:
    """The same for asyncpg's own pool."""
    made: list[asyncpg.Pool] = []

    async def work() -> None:
        if not made:
            made.append(await asyncpg.create_pool(database.dsn(), min_size=1, max_size=1))
        await made[0].fetchval("select 1")

    asyncio.run(work())
    with pytest.raises((RuntimeError, asyncpg.InterfaceError), match=f"{OTHER_LOOP}|another operation"):
        asyncio.run(work())


def test_celery_task(database: Database) -> None:
    """In a worker, the second task fails; with a `NullPool`, each task gets a connection of its own."""
    app = Celery("proof", broker="memory://", backend="cache+memory://")
    app.conf.update(worker_enable_remote_control=False, worker_hijack_root_logger=False)
    shared = create_async_engine(database.url("asyncpg"))
    unpooled = create_async_engine(database.url("asyncpg"), poolclass=pool.NullPool)

    @app.task
    def pooled_task() -> None:
        asyncio.run(select_one(shared))

    @app.task
    def unpooled_task() -> None:
        asyncio.run(select_one(unpooled))

    @app.task
    def last_task() -> None:
        raise WorkerShutdown  # ends a worker that runs its tasks itself

    bad = [pooled_task.delay() for _ in range(2)]
    good = [unpooled_task.delay() for _ in range(3)]
    last_task.delay()
    worker = WorkController(
        app, pool="solo", without_heartbeat=True, without_mingle=True, without_gossip=True
    )
    worker.start()

    assert [each.state for each in bad] == ["SUCCESS", "FAILURE"]
    assert re.search(OTHER_LOOP, str(bad[1].result))
    assert [each.state for each in good] == ["SUCCESS"] * 3
    shared.sync_engine.dispose(close=False)


def test_engine_that_is_made_for_each_run(database: Database) -> None:
    """Repaired: an engine of its own for each loop."""

    async def work() -> None:
        engine = create_async_engine(database.url("asyncpg"))
        try:
            await select_one(engine)
        finally:
            await engine.dispose()

    for _ in range(3):
        asyncio.run(work())


def test_dispose_before_the_loop_ends(database: Database) -> None:
    """Repaired: the pool is emptied where its connections still can be closed."""
    engine = create_async_engine(database.url("asyncpg"))

    async def work() -> None:
        try:
            await select_one(engine)
        finally:
            await engine.dispose()

    for _ in range(3):
        asyncio.run(work())


def test_dispose_without_closing_first(database: Database) -> None:
    """Repaired: the new loop starts with an empty pool."""
    engine = create_async_engine(database.url("asyncpg"))

    async def work() -> None:
        await engine.dispose(close=False)
        await select_one(engine)

    for _ in range(3):
        asyncio.run(work())


def test_one_loop_for_all(database: Database) -> None:
    """Near miss: one loop that every call runs on, as `asyncio.Runner` and worker helpers keep it."""
    engine = create_async_engine(database.url("asyncpg"))
    with asyncio.Runner() as runner:
        for _ in range(3):
            runner.run(select_one(engine))
        runner.run(engine.dispose())


@pytest.mark.parametrize("driver", ["psycopg", "aiosqlite"])
def test_other_drivers(database: Database, driver: str) -> None:
    """Near miss: connections of psycopg and aiosqlite are not bound to a loop."""
    url = database.url(driver) if driver == "psycopg" else "sqlite+aiosqlite://"
    engine = create_async_engine(url)
    for _ in range(3):
        asyncio.run(select_one(engine))
    asyncio.run(engine.dispose())


def test_engine_that_nobody_used_before(database: Database) -> None:
    """Near miss: an engine is made without a loop, and belongs to the first that takes a connection."""
    engine: AsyncEngine = create_async_engine(database.url("asyncpg"))

    async def work() -> None:
        await select_one(engine)
        await engine.dispose()

    asyncio.run(asyncio.sleep(0))
    asyncio.run(work())
