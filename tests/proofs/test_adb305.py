"""ADB305 session-outlives-request."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated

import pytest
import sqlalchemy as sa
from fastapi import BackgroundTasks, Depends, FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.exc import IllegalStateChangeError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.routing import Route

from .support import Database, async_engine

QUERY = sa.text("select 1")
DRIVERS = ["asyncpg", "psycopg"]

Factory = async_sessionmaker[AsyncSession]


async def queries(session: AsyncSession) -> None:
    await session.scalar(QUERY)


async def queries_with_its_own(factory: Factory) -> None:
    async with factory() as session:
        await session.scalar(QUERY)


def left_checked_out(database: Database, driver: str, request: Callable[[Factory], Awaitable[object]]) -> int:
    """The connections that are out of the pool once a request and its tasks are over."""

    async def main() -> int:
        async with async_engine(database.url(driver)) as engine:
            await request(async_sessionmaker(engine))
            others = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.gather(*others)
            return engine.pool.checkedout()

    return asyncio.run(main())


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_task_opens_the_session_again_and_leaks(database: Database, driver: str, no_gc: None) -> None:
    kept = []

    async def job(session: AsyncSession) -> None:
        await asyncio.sleep(0.02)  # by then the request is over
        await session.scalar(QUERY)

    async def request(factory: Factory) -> None:
        async with factory() as session:
            kept.append(session)
            asyncio.create_task(job(session))  # noqa: RUF006

    assert left_checked_out(database, driver, request) == 1


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_task_with_its_own_session_leaks_nothing(database: Database, driver: str, no_gc: None) -> None:
    async def request(factory: Factory) -> None:
        async with factory() as session:
            await session.scalar(QUERY)
            asyncio.create_task(queries_with_its_own(factory))  # noqa: RUF006

    assert left_checked_out(database, driver, request) == 0


def test_a_task_that_is_in_the_middle_breaks_the_request(database: Database) -> None:
    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine:
            session = async_sessionmaker(engine)()
            task = asyncio.create_task(queries(session))
            await asyncio.sleep(0)  # the task is opening the connection
            with pytest.raises(IllegalStateChangeError):
                await session.close()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("repaired", [False, True])
def test_background_task_of_a_response(database: Database, driver: str, repaired: bool, no_gc: None) -> None:
    """Starlette runs it once the response is sent, long after the block that made the session."""
    kept = []

    async def request(factory: Factory) -> None:
        async def endpoint(_: object) -> Response:
            async with factory() as session:
                kept.append(session)
                await session.scalar(QUERY)
                work = (
                    BackgroundTask(queries_with_its_own, factory)
                    if repaired
                    else BackgroundTask(queries, session)
                )
                return Response(background=work)

        app = Starlette(routes=[Route("/", endpoint)])

        async def receive() -> dict[str, object]:
            return {"type": "http.request"}

        async def send(_: object) -> None:
            pass

        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
        await app(scope, receive, send)  # type: ignore[arg-type]

    assert left_checked_out(database, driver, request) == (0 if repaired else 1)


@pytest.mark.parametrize("repaired", [False, True])
def test_dependency_that_ends_with_the_function(database: Database, repaired: bool, no_gc: None) -> None:
    """With `scope="function"`, and with every FastAPI from 0.106 to 0.117, it ends before the task."""
    left, kept = [], []

    async def watched() -> AsyncIterator[Factory]:
        async with async_engine(database.url("psycopg")) as engine:
            yield async_sessionmaker(engine)
            left.append(engine.pool.checkedout())

    async def get_session(factory: Annotated[Factory, Depends(watched)]) -> AsyncIterator[AsyncSession]:
        async with factory() as session:
            kept.append(session)
            yield session

    app = FastAPI()

    @app.post("/")
    async def endpoint(
        tasks: BackgroundTasks,
        factory: Annotated[Factory, Depends(watched)],
        session: Annotated[AsyncSession, Depends(get_session, scope="function")],
    ) -> None:
        await session.scalar(QUERY)
        if repaired:
            tasks.add_task(queries_with_its_own, factory)
        else:
            tasks.add_task(queries, session)

    with TestClient(app) as client:
        client.post("/")

    assert left == [0 if repaired else 1]


def test_dependency_of_a_late_fastapi_is_held_until_the_task_is_done(database: Database) -> None:
    """Since 0.118 the dependency ends after the tasks: nothing leaks, the connection is just not given back."""
    held = []

    async def get_session() -> AsyncIterator[AsyncSession]:
        async with async_engine(database.url("psycopg")) as engine, AsyncSession(engine) as session:
            yield session

    async def works(session: AsyncSession) -> None:
        held.append(session.in_transaction())

    app = FastAPI()

    @app.post("/")
    async def endpoint(
        tasks: BackgroundTasks, session: Annotated[AsyncSession, Depends(get_session)]
    ) -> None:
        await session.scalar(QUERY)
        tasks.add_task(works, session)

    with TestClient(app) as client:
        client.post("/")

    assert held == [True]
