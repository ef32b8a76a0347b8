"""ADB301 bare-yield-session."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import fastapi
import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from .support import Database, async_engine

Factory = async_sessionmaker[AsyncSession]
Dependency = Callable[[Factory], Callable[[], Any]]


def bare_yield(factory: Factory) -> Callable[[], Any]:
    async def dependency() -> AsyncIterator[AsyncSession]:
        session = factory()
        yield session

    return dependency


def close_without_finally(factory: Factory) -> Callable[[], Any]:
    async def dependency() -> AsyncIterator[AsyncSession]:
        session = factory()
        yield session
        await session.close()

    return dependency


def close_not_awaited(factory: Factory) -> Callable[[], Any]:
    def dependency() -> Any:
        session = factory()
        try:
            yield session
        finally:
            session.close()

    return dependency


def returned(factory: Factory) -> Callable[[], Any]:
    async def dependency() -> AsyncSession:
        return factory()

    return dependency


def entered(factory: Factory) -> Callable[[], Any]:
    async def dependency() -> AsyncIterator[AsyncSession]:
        async with factory() as session:
            yield session

    return dependency


def closed_in_finally(factory: Factory) -> Callable[[], Any]:
    async def dependency() -> AsyncIterator[AsyncSession]:
        session = factory()
        try:
            yield session
        finally:
            await session.close()

    return dependency


def begun(factory: Factory) -> Callable[[], Any]:
    async def dependency() -> AsyncIterator[AsyncSession]:
        async with factory.begin() as session:
            yield session

    return dependency


REQUESTS = 3

# What stays checked out after as many requests that end well, and that raise.
SHAPES: list[tuple[Dependency, int, int]] = [
    (bare_yield, REQUESTS, REQUESTS),
    (close_without_finally, 0, REQUESTS),
    (close_not_awaited, REQUESTS, REQUESTS),
    (returned, REQUESTS, REQUESTS),
    (entered, 0, 0),
    (closed_in_finally, 0, 0),
    (begun, 0, 0),
]


def shop(dependency: Callable[[], Any]) -> fastapi.FastAPI:
    app = fastapi.FastAPI()
    Session = Annotated[AsyncSession, fastapi.Depends(dependency)]

    @app.get("/well")
    async def well(session: Session) -> None:
        await session.execute(sa.text("select 1"))

    @app.get("/raises")
    async def raises(session: Session) -> None:
        await session.execute(sa.text("select 1"))
        raise fastapi.HTTPException(418)

    @app.get("/idle")
    async def idle(session: Session) -> None: ...

    @app.get("/commits")
    async def commits(session: Session) -> None:
        await session.execute(sa.text("select 1"))
        await session.commit()

    return app


def client_of(app: fastapi.FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://app")


@pytest.mark.parametrize(("shape", "after_success", "after_error"), SHAPES)
def test_dependency(
    database: Database, no_gc: None, shape: Dependency, after_success: int, after_error: int
) -> None:
    """A session that nothing closes stays checked out after the request, with its transaction open."""

    async def leaked_by(path: str) -> tuple[int, int]:
        async with async_engine(database.url("asyncpg")) as engine:
            async with client_of(shop(shape(async_sessionmaker(engine)))) as client:
                for _ in range(REQUESTS):
                    await client.get(path)
            return engine.pool.checkedout(), database.connections("idle in transaction")

    async def main() -> None:
        assert await leaked_by("/well") == (after_success, after_success)
        database.reset()
        assert await leaked_by("/raises") == (after_error, after_error)

    asyncio.run(main())


def test_pool_runs_dry(database: Database, no_gc: None) -> None:
    """Once every connection of the pool has leaked, every request fails; repaired, none does."""

    async def statuses(shape: Dependency) -> list[int]:
        options = {"pool_size": 2, "max_overflow": 0, "pool_timeout": 0.1}
        async with (
            async_engine(database.url("asyncpg"), **options) as engine,
            client_of(shop(shape(async_sessionmaker(engine)))) as client,
        ):
            return [(await client.get("/well")).status_code for _ in range(4)]

    async def main() -> None:
        assert await statuses(bare_yield) == [200, 200, 500, 500]
        database.reset()
        assert await statuses(entered) == [200, 200, 200, 200]

    asyncio.run(main())


@pytest.mark.parametrize("path", ["/idle", "/commits"])
def test_session_that_holds_nothing(database: Database, no_gc: None, path: str) -> None:
    """What hides it in tests: a session that was not used, or committed last, holds no connection."""

    async def main() -> None:
        async with (
            async_engine(database.url("asyncpg")) as engine,
            client_of(shop(bare_yield(async_sessionmaker(engine)))) as client,
        ):
            assert (await client.get(path)).status_code == 200
            assert engine.pool.checkedout() == 0

    asyncio.run(main())
