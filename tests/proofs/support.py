"""What the proofs share: the server's addresses, a heartbeat of the event loop, a small schema."""

import asyncio
import contextlib
import gc
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

SQLALCHEMY_21 = tuple(map(int, sa.__version__.split(".")[:2])) >= (2, 1)

# A query of 0.3 s: work that blocks the loop silences it for all of that time, work that does not for
# a few milliseconds. The two limits leave room for a busy machine on either side.
SLOW_QUERY = "select pg_sleep(0.3)"
BLOCKED = 0.25
FREE = 0.15

# Python 3.14 words it differently.
NOT_AWAITABLE = r"can't be (used in 'await' expression|awaited)"
NO_GREENLET = "greenlet_spawn has not been called"

SCHEMA = """
create table note (id serial primary key, body text);
create table line (id serial primary key, note_id int references note, body text);
-- A lazy load from here takes long enough to be seen.
create view slow_line as select id, note_id, body from line where pg_sleep(0.3) is not null;
"""


class Base(orm.DeclarativeBase):
    """The tables of `SCHEMA`."""


class SlowLine(Base):
    __tablename__ = "slow_line"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    note_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey("note.id"))
    body: orm.Mapped[str | None]


class Note(Base):
    __tablename__ = "note"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    body: orm.Mapped[str | None]
    lines: orm.Mapped[list[SlowLine]] = orm.relationship()


@dataclass(frozen=True)
class Server:
    """One PostgreSQL, or a pooler before it, behind a Unix socket."""

    folder: str
    port: int = 5432
    user: str = "postgres"

    def url(self, driver: str, **query: str) -> sa.URL:
        """The address as SQLAlchemy takes it."""
        return sa.URL.create(
            f"postgresql+{driver}",
            username=self.user,
            database="postgres",
            query={"host": self.folder, "port": str(self.port), **query},
        )

    def dsn(self, **query: str) -> str:
        """The address as asyncpg, psycopg and psycopg2 take it."""
        options = "".join(f"&{key}={value}" for key, value in query.items())
        return f"postgresql://{self.user}@/postgres?host={self.folder}&port={self.port}{options}"


@dataclass(frozen=True)
class Database(Server):
    """The server with a connection of its own, to see what is really there."""

    admin: Any = None

    def value(self, query: str, *parameters: object) -> Any:
        """First column of the first row, as another client of the server sees it."""
        return self.admin.execute(query, parameters).fetchone()[0]

    def notes(self) -> int:
        """Number of committed notes."""
        return self.value("select count(*) from note")

    def add_note(self, body: str, *, lines: int = 0) -> int:
        note = self.value("insert into note (body) values (%s) returning id", body)
        for _ in range(lines):
            self.admin.execute("insert into line (note_id) values (%s)", [note])
        return note

    def connections(self, state: str | None = None) -> int:
        """Number of clients beside this one, for example those `idle in transaction`."""
        others = "from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
        return self.value(f"select count(*) {others} and state = coalesce(%s, state)", state)

    def connected(self, pid: int) -> bool:
        return self.value("select exists (select from pg_stat_activity where pid = %s)", pid)

    def disconnect(self, pid: int) -> None:
        """Cut one client off, as a restart, a failover or a firewall does."""
        self.admin.execute("select pg_terminate_backend(%s, 5000)", [pid])

    def reset(self) -> None:
        """Cut off what the last proof leaked, and empty the tables."""
        self.admin.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where backend_type = 'client backend' and pid <> pg_backend_pid()"
        )
        if self.value("select exists (select from note)"):
            self.admin.execute("truncate note, line restart identity")
        else:  # rolled back rows have used up numbers
            self.admin.execute("alter sequence note_id_seq restart")


def open_admin(server: Server) -> Database:
    connection = psycopg.connect(server.dsn(), autocommit=True)
    return Database(server.folder, server.port, server.user, connection)


class Heartbeat:
    """Measures the longest time that the event loop did not come round."""

    INTERVAL = 0.005

    async def __aenter__(self) -> "Heartbeat":
        self.longest = 0.0
        self._task = asyncio.create_task(self._beat())
        await asyncio.sleep(4 * self.INTERVAL)
        self.longest = 0.0  # what was before the work is not its doing
        return self

    async def __aexit__(self, *exception: object) -> None:
        await asyncio.sleep(4 * self.INTERVAL)  # the beat that the work held up must be counted too
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _beat(self) -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(self.INTERVAL)
            now = time.perf_counter()
            self.longest = max(self.longest, now - last - self.INTERVAL)
            last = now


Work = Callable[[], Awaitable[object]]


async def stall(work: Work) -> float:
    """Seconds that `work` kept the event loop from everything else, at the longest."""
    async with Heartbeat() as heartbeat:
        await work()
    return heartbeat.longest


async def least_stall(work: Work) -> float:
    """The same for work that should not block: a busy machine may add to one run, hardly to three."""
    shortest = math.inf
    for _ in range(3):
        shortest = min(shortest, await stall(work))
        if shortest < FREE:
            break
    return shortest


@contextlib.contextmanager
def sync_engine(url: sa.URL | str, **options: Any) -> Iterator[Engine]:
    engine = sa.create_engine(url, **options)
    try:
        yield engine
    finally:
        engine.dispose()


@contextlib.asynccontextmanager
async def async_engine(url: sa.URL | str, **options: Any) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(url, **options)
    try:
        yield engine
    finally:
        await engine.dispose()


async def select_one(engine: AsyncEngine) -> None:
    """The engine works."""
    async with engine.connect() as connection:
        if await connection.scalar(sa.text("select 1")) != 1:
            raise AssertionError("the server answers nonsense")


@contextlib.contextmanager
def without_gc() -> Iterator[None]:
    """No garbage collection: a leak must not be repaired by chance in the middle of a proof."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect()
