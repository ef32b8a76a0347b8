"""ADB803 asyncio-run-on-loop."""

import asyncio

import pytest
import sqlalchemy as sa
from asgiref.sync import async_to_sync
from sqlalchemy.ext.asyncio import AsyncEngine

from .support import Database, async_engine

RUNNING = "from a running event loop|while another loop is running|already running|same thread as an async"


async def add(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text("insert into note (body) values ('kept')"))


def by_run(engine: AsyncEngine) -> None:
    asyncio.run(add(engine))


def by_new_loop(engine: AsyncEngine) -> None:
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(add(engine))
    finally:
        loop.close()


def by_running_loop(engine: AsyncEngine) -> None:
    asyncio.get_event_loop().run_until_complete(add(engine))


def by_runner(engine: AsyncEngine) -> None:
    with asyncio.Runner() as runner:
        runner.run(add(engine))


def by_adapter(engine: AsyncEngine) -> None:
    async_to_sync(add)(engine)


@pytest.mark.filterwarnings("ignore:coroutine 'add' was never awaited")
@pytest.mark.parametrize("save", [by_run, by_new_loop, by_running_loop, by_runner, by_adapter])
def test_raises_on_a_running_loop(database: Database, save) -> None:
    """The coroutine never begins, and nothing is written."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:
            with pytest.raises(RuntimeError, match=RUNNING):
                save(engine)

    asyncio.run(main())
    assert database.notes() == 0


def test_awaited_instead(database: Database) -> None:
    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:
            await add(engine)

    asyncio.run(main())
    assert database.notes() == 1


@pytest.mark.parametrize("save", [by_run, by_new_loop, by_runner, by_adapter])
def test_in_a_thread(database: Database, save) -> None:
    """Near miss: a thread has no running loop."""

    async def main() -> None:
        async with async_engine(database.url("asyncpg"), poolclass=sa.NullPool) as engine:
            await asyncio.to_thread(save, engine)

    asyncio.run(main())
    assert database.notes() == 1
