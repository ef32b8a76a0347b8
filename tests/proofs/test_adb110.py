"""ADB110 called-not-passed."""

import asyncio
import functools
from collections.abc import Awaitable, Callable

import anyio.to_thread
import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.engine import Engine
from starlette.concurrency import run_in_threadpool

from .support import BLOCKED, FREE, SLOW_QUERY, Database, least_stall, stall, sync_engine


def fetch(engine: Engine) -> list[sa.Row]:
    with orm.Session(engine) as session:
        return session.execute(sa.text(SLOW_QUERY)).all()


Form = Callable[[Engine], Awaitable[object]]


def in_executor(*call: object) -> "asyncio.Future[object]":
    return asyncio.get_running_loop().run_in_executor(None, *call)


CALLED: dict[str, Form] = {
    "to_thread": lambda engine: asyncio.to_thread(fetch(engine)),
    "run_in_executor": lambda engine: in_executor(fetch(engine)),
    "anyio": lambda engine: anyio.to_thread.run_sync(fetch(engine)),
    "run_in_threadpool": lambda engine: run_in_threadpool(fetch(engine)),
}

PASSED: dict[str, Form] = {
    "to_thread": lambda engine: asyncio.to_thread(fetch, engine),
    "run_in_executor": lambda engine: in_executor(fetch, engine),
    "anyio": lambda engine: anyio.to_thread.run_sync(fetch, engine),
    "run_in_threadpool": lambda engine: run_in_threadpool(fetch, engine),
    # Near misses: a lambda, a partial, and a call that makes the function to run.
    "lambda": lambda engine: asyncio.to_thread(lambda: fetch(engine)),
    "partial": lambda engine: asyncio.to_thread(functools.partial(fetch, engine)),
    "call that returns a function": lambda engine: asyncio.to_thread(fetcher(engine)),
}


def fetcher(engine: Engine) -> Callable[[], list[sa.Row]]:
    return lambda: fetch(engine)


@pytest.mark.parametrize("way", CALLED)
def test_called_blocks(database: Database, way: str) -> None:
    """`f()` in place of `f` runs on the loop, and the thread then fails to call its result."""

    async def main() -> None:
        with sync_engine(database.url("psycopg2")) as engine:

            async def bad() -> None:
                # Starlette asks `functools.partial` first, which has its own words.
                with pytest.raises(TypeError, match=r"is not callable|must be callable"):
                    await CALLED[way](engine)

            assert await stall(bad) >= BLOCKED

    asyncio.run(main())


def test_passed_does_not_block(database: Database) -> None:
    """The function and its arguments handed over run in the thread."""

    async def main() -> None:
        with sync_engine(database.url("psycopg2")) as engine:

            async def good() -> None:
                results = await asyncio.gather(*(form(engine) for form in PASSED.values()))
                assert [len(rows) for rows in results] == [1] * len(PASSED)

            assert await least_stall(good) < FREE

    asyncio.run(main())


def test_called_coroutine_function(database: Database) -> None:
    """`to_thread(f())` of a coroutine function runs nothing at all: the thread cannot call a coroutine."""
    ran = []

    async def work() -> None:
        ran.append(True)

    async def main() -> None:
        with pytest.raises(TypeError, match="'coroutine' object is not callable"):
            await asyncio.to_thread(work())

    asyncio.run(main())
    assert not ran
