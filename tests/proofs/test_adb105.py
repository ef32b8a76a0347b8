"""ADB105 sync-session-dependency."""

import asyncio
from collections.abc import Iterator
from typing import Annotated

import fastapi
import httpx
import pytest
import sqlalchemy as sa
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import orm
from sqlalchemy.engine import Engine

from .support import BLOCKED, FREE, SLOW_QUERY, Database, least_stall, stall, sync_engine

SLOW = sa.text(SLOW_QUERY)


def build(engine: Engine) -> fastapi.FastAPI:
    """One query behind endpoints that differ in how they are written."""
    app = fastapi.FastAPI()
    factory = orm.sessionmaker(engine)

    def get_db() -> Iterator[orm.Session]:
        with factory() as session:
            yield session

    Db = Annotated[orm.Session, fastapi.Depends(get_db)]

    def query(db: orm.Session) -> int:
        return len(db.execute(SLOW).all())

    async def load(db: Db) -> int:
        return query(db)

    Loaded = Annotated[int, fastapi.Depends(load)]

    @app.get("/async/default")
    async def with_default(db: orm.Session = fastapi.Depends(get_db)) -> int:  # noqa: B008  # noqa: B008
        return query(db)

    @app.get("/async/annotated")
    async def with_annotated(db: Db) -> int:
        return query(db)

    @app.get("/async/dependency")
    def with_async_dependency(rows: Loaded) -> int:
        return rows

    @app.get("/plain")
    def plain(db: Db) -> int:
        return query(db)

    @app.get("/thread")
    async def thread(db: Db) -> int:
        return await run_in_threadpool(query, db)

    @app.get("/unused")
    async def unused(db: Db) -> int:
        return len(db.new) + 1

    return app


@pytest.fixture
def app(database: Database) -> Iterator[fastapi.FastAPI]:
    with sync_engine(database.url("psycopg2")) as engine:
        yield build(engine)


async def get(app: fastapi.FastAPI, path: str) -> None:
    """A request in this very loop."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        response = await client.get(path)
    if response.status_code != 200 or response.json() != 1:
        raise AssertionError(response.text)


@pytest.mark.parametrize("path", ["/async/default", "/async/annotated", "/async/dependency"])
def test_async_endpoint_blocks(app: fastapi.FastAPI, path: str) -> None:
    """An `async def` endpoint or dependency runs the session's query on the loop."""

    async def main() -> None:
        assert await stall(lambda: get(app, path)) >= BLOCKED

    asyncio.run(main())


@pytest.mark.parametrize("path", ["/plain", "/thread", "/unused"])
def test_plain_endpoint_does_not_block(app: fastapi.FastAPI, path: str) -> None:
    """A plain `def` runs in a thread, as does what is handed to one; a session that sends nothing is harmless."""

    async def main() -> None:
        assert await least_stall(lambda: get(app, path)) < FREE

    asyncio.run(main())


def test_other_requests_wait(app: fastapi.FastAPI) -> None:
    """Two requests to the `async def` endpoint take turns; those to the plain one run at once."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        took = {}
        for path in ("/async/default", "/plain"):
            await get(app, "/unused")
            start = loop.time()
            await asyncio.gather(*(get(app, path) for _ in range(3)))
            took[path] = loop.time() - start

        assert took["/async/default"] >= 3 * BLOCKED
        assert took["/plain"] < 2 * BLOCKED + FREE

    asyncio.run(main())
