"""ADB804 blocking-dialect-hook."""

import asyncio
import http.server
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event, orm
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from .support import BLOCKED, FREE, Database, Note, async_engine, least_stall, stall, sync_engine

DELAY = 0.3


@pytest.fixture
def slow_url() -> Iterator[str]:
    """A service that takes its time."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(DELAY)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


async def select(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(sa.text("select 1"))


@pytest.mark.parametrize("name", ["connect", "checkout", "before_cursor_execute", "begin"])
def test_listener(database: Database, slow_url: str, name: str) -> None:
    """A listener runs on the loop's thread, in the middle of a statement."""

    async def main() -> float:
        async with async_engine(database.url("asyncpg")) as engine:

            def listener(*_: Any) -> None:
                urllib.request.urlopen(slow_url).close()

            event.listen(engine.sync_engine, name, listener)
            return await stall(lambda: select(engine))

    assert asyncio.run(main()) > BLOCKED


def test_session_and_mapper_events(database: Database) -> None:
    """The same for events of sessions and of models."""

    class Listening(orm.Session):
        pass

    def before_flush(*_: object) -> None:
        time.sleep(DELAY)

    def before_insert(*_: object) -> None:
        time.sleep(DELAY)

    async def save(engine: AsyncEngine) -> None:
        async with AsyncSession(engine, sync_session_class=Listening) as session:
            session.add(Note(body="new"))
            await session.commit()

    async def main() -> tuple[float, float]:
        async with async_engine(database.url("asyncpg")) as engine:
            event.listen(Listening, "before_flush", before_flush)
            first = await stall(lambda: save(engine))
            event.remove(Listening, "before_flush", before_flush)
            event.listen(Note, "before_insert", before_insert)
            try:
                return first, await stall(lambda: save(engine))
            finally:
                event.remove(Note, "before_insert", before_insert)

    assert min(asyncio.run(main())) > BLOCKED


class Slow(sa.TypeDecorator[str]):
    impl = sa.String
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        time.sleep(DELAY)
        return value


def test_type(database: Database) -> None:
    """A type's processors too."""

    async def main() -> float:
        async with async_engine(database.url("asyncpg")) as engine, engine.connect() as connection:
            query = sa.select(sa.bindparam("value", "x", Slow))
            return await stall(lambda: connection.execute(query))

    assert asyncio.run(main()) > BLOCKED


def test_sync_engine_in_a_listener(database: Database) -> None:
    """A listener with an engine of its own waits like any other code on the loop."""

    async def main() -> float:
        async with async_engine(database.url("asyncpg")) as engine:
            with sync_engine(database.url("psycopg")) as other:

                def listener(*_: Any) -> None:
                    with other.connect() as connection:
                        connection.execute(sa.text(f"select pg_sleep({DELAY})"))

                event.listen(engine.sync_engine, "begin", listener)
                return await stall(lambda: select(engine))

    assert asyncio.run(main()) > BLOCKED


def test_outside_of_the_hook(database: Database, slow_url: str) -> None:
    """Repaired: what takes its time is awaited in a thread before."""

    async def main() -> float:
        async with async_engine(database.url("asyncpg")) as engine:

            async def work() -> None:
                await asyncio.to_thread(lambda: urllib.request.urlopen(slow_url).close())
                await select(engine)

            return await least_stall(work)

    assert asyncio.run(main()) < FREE


def test_own_cursor(database: Database) -> None:
    """Near miss: a listener's statements on the connection that it is given wait without blocking."""

    async def main() -> float:
        async with async_engine(database.url("asyncpg")) as engine:

            @event.listens_for(engine.sync_engine, "connect")
            def listener(connection: Any, _: object) -> None:
                cursor = connection.cursor()
                cursor.execute(f"select pg_sleep({DELAY})")
                cursor.close()

            async def work() -> None:
                await engine.dispose()
                await select(engine)

            return await least_stall(work)

    assert asyncio.run(main()) < FREE
