"""ADB506 engine-never-disposed."""

import time
from pathlib import Path

import asyncpg
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.ext.asyncio import create_async_engine

from .support import Database, select_one


def application(database: Database, *, ends: bool, raw: bool) -> FastAPI:
    """An application whose lifespan makes an engine, or a pool, and closes it or not."""
    import contextlib
    from collections.abc import AsyncIterator

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if raw:
            app.state.pool = await asyncpg.create_pool(database.dsn(), min_size=2, max_size=2)
        else:
            app.state.engine = create_async_engine(database.url("asyncpg"))
            await select_one(app.state.engine)
        yield
        if ends:
            await (app.state.pool.close() if raw else app.state.engine.dispose())

    return FastAPI(lifespan=lifespan)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("raw", [False, True])
def test_connections_outlive_the_application(database: Database, raw: bool) -> None:
    """After the shutdown the server still has the connections: tests, reloads and several applications pile them up."""
    apps = [application(database, ends=False, raw=raw) for _ in range(2)]
    for number, app in enumerate(apps, 1):
        with TestClient(app):
            pass
        assert database.connections() == number * (2 if raw else 1)


@pytest.mark.parametrize("raw", [False, True])
def test_closed_at_shutdown(database: Database, raw: bool) -> None:
    with TestClient(application(database, ends=True, raw=raw)):
        assert database.connections() > 0
    deadline = time.monotonic() + 5
    while database.connections() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert database.connections() == 0


LEFT_OPEN = """
import asyncio, sys
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

async def main():
    engine = create_async_engine(sys.argv[1])
    async with engine.connect() as connection:
        await connection.execute(text("select 1"))
    if len(sys.argv) > 2:
        await engine.dispose()

asyncio.run(main())
"""


@pytest.mark.parametrize("ends", [False, True])
def test_warning_of_the_interpreter(database: Database, tmp_path: Path, ends: bool) -> None:
    """Python tells of sockets that were left open, where it is asked to."""
    import subprocess
    import sys

    (tmp_path / "left_open.py").write_text(LEFT_OPEN)
    url = database.url("asyncpg").render_as_string(hide_password=False)
    arguments = [
        sys.executable,
        "-W",
        "default",
        str(tmp_path / "left_open.py"),
        url,
        *(["end"] if ends else []),
    ]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert ("ResourceWarning" in done.stderr or "SAWarning" in done.stderr) is not ends
