"""ADB805 async-client-without-loop."""

import asyncio
import concurrent.futures
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from celery import Celery
from celery.exceptions import WorkerShutdown
from celery.worker import WorkController
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from .support import Database

pytestmark = pytest.mark.filterwarnings("ignore:coroutine '.*' was never awaited")


async def add(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text("insert into note (body) values ('kept')"))


def unpooled(database: Database) -> AsyncEngine:
    return create_async_engine(database.url("asyncpg"), poolclass=sa.NullPool)


def test_celery_task(database: Database) -> None:
    """Celery calls the function and is done; nobody runs the coroutine that it gets."""
    app = Celery("proof", broker="memory://", backend="cache+memory://")
    app.conf.update(worker_enable_remote_control=False, worker_hijack_root_logger=False)
    engine = unpooled(database)

    @app.task(ignore_result=True)
    async def silent() -> None:
        await add(engine)

    @app.task
    async def failing() -> None:
        await add(engine)

    @app.task
    def right() -> None:
        asyncio.run(add(engine))

    @app.task
    def last_task() -> None:
        raise WorkerShutdown  # ends a worker that runs its tasks itself

    silent.delay()
    failed = failing.delay()
    last_task.delay()
    solo = {"pool": "solo", "without_heartbeat": True, "without_mingle": True, "without_gossip": True}
    WorkController(app, **solo).start()

    assert database.notes() == 0
    assert failed.state == "FAILURE"
    assert "coroutine is not JSON serializable" in str(failed.result)

    done = right.delay()
    last_task.delay()
    WorkController(app, **solo).start()
    assert done.state == "SUCCESS"
    assert database.notes() == 1


def in_thread(engine: AsyncEngine) -> None:
    thread = threading.Thread(target=add, args=(engine,))
    thread.start()
    thread.join()


def in_executor(engine: AsyncEngine) -> None:
    with concurrent.futures.ThreadPoolExecutor() as executor:
        executor.submit(add, engine).result()


@pytest.mark.parametrize("start", [in_thread, in_executor])
def test_thread(database: Database, start: Callable[[AsyncEngine], None]) -> None:
    """A thread that is given a coroutine function makes a coroutine and ends."""
    start(unpooled(database))
    assert database.notes() == 0


def test_thread_with_a_loop(database: Database) -> None:
    """Repaired: the thread runs the coroutine."""
    thread = threading.Thread(target=lambda: asyncio.run(add(unpooled(database))))
    thread.start()
    thread.join()
    assert database.notes() == 1


def test_at_exit() -> None:
    """`atexit` calls the method, and the engine is not disposed of."""
    code = (
        "import atexit, sqlalchemy.ext.asyncio as sa;"
        "engine = sa.create_async_engine('postgresql+asyncpg://');"
        "atexit.register(engine.dispose)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "coroutine 'AsyncEngine.dispose' was never awaited" in done.stderr


def test_task_from_a_plain_endpoint(database: Database) -> None:
    """A plain endpoint runs in a thread without a loop; a coroutine function runs on the loop."""
    app, engine = FastAPI(), unpooled(database)

    @app.get("/plain")
    def plain() -> None:
        asyncio.create_task(add(engine))  # noqa: RUF006

    @app.get("/right")
    async def right() -> None:
        await asyncio.create_task(add(engine))

    with TestClient(app) as client:
        with pytest.raises(RuntimeError, match="no running event loop"):
            client.get("/plain")
        assert database.notes() == 0
        client.get("/right")
    assert database.notes() == 1


def test_task_in_a_thread(database: Database) -> None:
    """The same for any function in a thread."""
    errors: list[RuntimeError] = []

    def work() -> None:
        try:
            asyncio.ensure_future(add(unpooled(database)))  # noqa: RUF006
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert "no current event loop" in str(errors[0])
    assert database.notes() == 0
