"""ADB602 pool-exceeds-server."""

import contextlib
import time
from collections.abc import Iterable, Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, Engine, create_engine

from .support import Database

REFUSED = r"too many clients already|connection slots are reserved"


def open_all(stack: contextlib.ExitStack, engines: Iterable[Engine], size: int) -> Iterator[Connection]:
    for engine in engines:
        for _ in range(size):
            yield stack.enter_context(engine.connect())


def test_the_server_refuses_the_rest(database: Database) -> None:
    """Two processes' pools that may open more than the server takes; each is within its own bounds."""
    limit = int(database.value("show max_connections"))
    size = limit * 2 // 3
    engines = [create_engine(database.url("psycopg"), pool_size=5, max_overflow=size - 5) for _ in range(2)]
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: [engine.dispose() for engine in engines])
        with pytest.raises(sa.exc.OperationalError, match=REFUSED):
            list(open_all(stack, engines, size))
        assert 5 < engines[1].pool.checkedout() < size


def test_within_the_limit(database: Database) -> None:
    """Pools whose sum the server takes wait for one of their own connections in place of an error."""
    engines = [
        create_engine(database.url("psycopg"), pool_size=2, max_overflow=3, pool_timeout=0.2)
        for _ in range(2)
    ]
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: [engine.dispose() for engine in engines])
        for engine in engines:
            for _ in range(5):
                stack.enter_context(engine.connect())
            started = time.monotonic()
            with pytest.raises(sa.exc.TimeoutError):
                engine.connect()
            assert time.monotonic() - started >= 0.2
        assert database.connections() == 10
