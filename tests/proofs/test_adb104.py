"""ADB104 blocking-call-chain."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncSession

from .support import BLOCKED, FREE, SLOW_QUERY, Database, async_engine, least_stall, stall, sync_engine

Result = TypeVar("Result")
SLOW = sa.text(SLOW_QUERY)


class Repository:
    """Talks to the database, as nothing above it shows."""

    def __init__(self, factory: "orm.sessionmaker[orm.Session]", *, load: bool = False) -> None:
        self.factory = factory
        self.first = self.all() if load else []

    def all(self) -> list[sa.Row]:
        with self.factory() as session:
            return list(session.execute(SLOW).all())

    @property
    def rows(self) -> list[sa.Row]:
        return self.all()

    def each(self) -> Iterator[sa.Row]:
        with self.factory() as session:
            yield from session.execute(SLOW)

    @contextlib.contextmanager
    def loaded(self) -> Iterator[list[sa.Row]]:
        yield self.all()


class Service:
    def __init__(self, repository: Repository) -> None:
        self.repository = repository

    def report(self) -> int:
        return len(self.repository.all())


def timed(function: Callable[[], Result]) -> Result:
    """A helper that calls what it is given."""
    return function()


def enter(repository: Repository) -> int:
    with repository.loaded() as rows:
        return len(rows)


WAYS: dict[str, Callable[[Repository], object]] = {
    "service and repository": lambda repository: Service(repository).report(),
    "property": lambda repository: repository.rows,
    "constructor": lambda repository: Repository(repository.factory, load=True),
    "context manager": enter,
    "generator": lambda repository: list(repository.each()),
    "callback": lambda repository: timed(repository.all),
}


@pytest.fixture
def repository(database: Database) -> Iterator[Repository]:
    with sync_engine(database.url("psycopg2")) as engine:
        yield Repository(orm.sessionmaker(engine))


@pytest.mark.parametrize("way", WAYS)
def test_chain_blocks(repository: Repository, way: str) -> None:
    """However many plain calls lead to the session, the loop waits for its query."""

    async def bad() -> None:
        WAYS[way](repository)

    async def main() -> None:
        assert await stall(bad) >= BLOCKED

    asyncio.run(main())


@pytest.mark.parametrize("way", WAYS)
def test_chain_in_a_thread_does_not_block(repository: Repository, way: str) -> None:
    """The same call handed to a thread leaves the loop free."""

    async def good() -> None:
        await asyncio.to_thread(WAYS[way], repository)

    async def main() -> None:
        assert await least_stall(good) < FREE

    asyncio.run(main())


def test_base_class_and_protocol(repository: Repository) -> None:
    """A caller that knows a base class only runs what the object's own class has."""

    class Port:
        def all(self) -> list[sa.Row]:
            raise NotImplementedError

    class Adapter(Port):
        def all(self) -> list[sa.Row]:
            return repository.all()

    async def bad(port: Port) -> None:
        port.all()

    async def main() -> None:
        assert await stall(lambda: bad(Adapter())) >= BLOCKED

    asyncio.run(main())


def test_decorator_that_offloads(repository: Repository) -> None:
    """Near miss: a decorator may put a coroutine function in the plain one's place."""

    def in_thread(function: Callable[[], Result]) -> Callable[[], Awaitable[Result]]:
        async def wrapper() -> Result:
            return await asyncio.to_thread(function)

        return wrapper

    @in_thread
    def report() -> int:
        return Service(repository).report()

    async def main() -> None:
        assert await least_stall(report) < FREE
        assert await report() == 1

    asyncio.run(main())


def test_what_is_not_run_does_not_block(repository: Repository) -> None:
    """Near misses: a method that is not called, a generator that nobody iterates."""

    async def good() -> None:
        assert callable(repository.all)
        assert repository.each() is not None
        assert repository.loaded() is not None

    async def main() -> None:
        assert await least_stall(good) < FREE

    asyncio.run(main())


def test_run_sync_is_no_chain(database: Database) -> None:
    """Near miss: plain functions that `run_sync` calls work on the async connection."""

    def plain(session: orm.Session) -> int:
        return len(session.execute(SLOW).all())

    async def main() -> None:
        async with async_engine(database.url("asyncpg")) as engine, AsyncSession(engine) as session:
            assert await least_stall(lambda: session.run_sync(plain)) < FREE

    asyncio.run(main())


def test_making_objects_connects_to_nothing(database: Database) -> None:
    """Near miss: a factory and what holds it are made without a query."""

    def build(engine: Engine) -> Service:
        return Service(Repository(orm.sessionmaker(engine)))

    async def main() -> None:
        with sync_engine(database.url("psycopg2")) as engine:
            build(engine)
            assert database.connections() == 0

    asyncio.run(main())
