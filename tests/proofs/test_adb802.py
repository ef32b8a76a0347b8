"""ADB802 engine-across-fork."""

import asyncio
import multiprocessing
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2.pool
import psycopg_pool
import pytest
import sqlalchemy as sa
from sqlalchemy import Engine, create_engine, pool
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from .support import Database, select_one

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
PID = sa.text("select pg_backend_pid()")


def in_child(work: Callable[[], object]) -> str:
    """What a forked process says of some work; it never runs the exit handlers of its parent."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer = str(work())
        except BaseException:
            answer = traceback.format_exc()
        os.write(writer, answer.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        answer = stream.read()
    os.waitpid(child, 0)
    return answer


@pytest.fixture(params=["psycopg", "psycopg2"])
def engine(database: Database, request: pytest.FixtureRequest) -> Iterator[Engine]:
    engine = create_engine(database.url(request.param))
    yield engine
    engine.dispose(close=False)


def backend(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(PID) or 0


def test_child_gets_the_connection_of_its_parent(engine: Engine) -> None:
    """Two processes talk over one socket: each may read the answer to the other's statement."""
    before = backend(engine)
    assert in_child(lambda: backend(engine)) == str(before)


def test_statement_in_both(engine: Engine) -> None:
    """When the child ends its connection, the server ends the session of the parent too."""
    backend(engine)

    def end() -> None:
        with engine.connect() as connection:
            connection.invalidate()  # the driver says goodbye to the server

    in_child(end)
    with pytest.raises(sa.exc.OperationalError):
        backend(engine)


def test_disposed_in_the_child(engine: Engine) -> None:
    """Repaired: the child leaves the connections of its parent alone."""
    before = backend(engine)

    def work() -> int:
        engine.dispose(close=False)
        return backend(engine)

    assert in_child(work) not in ("", str(before))
    assert backend(engine) == before


def test_never_used_before(engine: Engine) -> None:
    """Near miss: an engine that is only made has no connections to share."""
    mine = in_child(lambda: backend(engine))
    assert mine.isdigit()
    assert backend(engine) != int(mine)


def test_null_pool(database: Database) -> None:
    """Near miss: without a pool, nothing is kept."""
    engine = create_engine(database.url("psycopg"), poolclass=pool.NullPool)
    before = backend(engine)
    assert in_child(lambda: backend(engine)) != str(before)


def test_asyncpg(database: Database) -> None:
    """The child has another loop too, and fails like any second loop."""
    engine: AsyncEngine = create_async_engine(database.url("asyncpg"))
    asyncio.run(select_one(engine))
    assert "attached to a different loop" in in_child(lambda: asyncio.run(select_one(engine)))

    async def clean() -> None:
        await engine.dispose(close=False)
        await select_one(engine)

    assert in_child(lambda: asyncio.run(clean())) == "None"
    engine.sync_engine.dispose(close=False)


def test_psycopg2_pool(database: Database) -> None:
    """psycopg2's pool connects when it is made: what is made before the fork is shared."""
    made = psycopg2.pool.ThreadedConnectionPool(1, 2, database.dsn())

    def own() -> int:
        connection = made.getconn()
        try:
            return connection.info.backend_pid
        finally:
            made.putconn(connection)

    assert in_child(own) == str(own())


def test_psycopg_pool(database: Database) -> None:
    """The same for psycopg's."""
    with psycopg_pool.ConnectionPool(database.dsn(), min_size=1, max_size=1) as made:
        made.wait()

        def own() -> int:
            with made.connection() as connection:
                return connection.info.backend_pid

        assert in_child(own) == str(own())


TASKS = """
import os, pathlib, sys
from celery import Celery
from celery.signals import worker_process_init
from sqlalchemy import create_engine, text

folder = pathlib.Path(__file__).parent
app = Celery("tasks", broker="filesystem://", backend=f"file://{folder}/results")
app.conf.broker_transport_options = {
    "data_folder_in": f"{folder}/queue", "data_folder_out": f"{folder}/queue", "control_folder": f"{folder}/control"
}
app.conf.worker_enable_remote_control = False
engine = create_engine(os.environ["PROOF_URL"])

def backend():
    with engine.connect() as connection:
        return connection.scalar(text("select pg_backend_pid()"))

@app.task
def used_in_task():
    return [at_import, backend()]

at_import = backend()
if "disposed" in os.environ["PROOF_FORM"]:
    @worker_process_init.connect
    def forget(**_):
        engine.dispose(close=False)
"""


@pytest.mark.parametrize(("form", "shared"), [("as imported", True), ("disposed", False)])
def test_celery(database: Database, tmp_path: Path, form: str, shared: bool) -> None:
    """Celery imports the tasks, then forks: what was used at import is shared by all its workers."""
    for name in ("queue", "control", "results"):
        (tmp_path / name).mkdir()
    (tmp_path / "tasks.py").write_text(TASKS)
    url = database.url("psycopg").render_as_string(hide_password=False)
    environment = {**os.environ, "PROOF_URL": url, "PROOF_FORM": form}
    celery = [sys.executable, "-m", "celery", "-q", "-A", "tasks"]
    worker = subprocess.Popen(
        [*celery, "worker", "--pool", "prefork", "-c", "1", "--without-heartbeat", "--without-gossip", "-l", "error"],
        cwd=tmp_path, env=environment,
    )  # fmt: skip
    try:
        ask = "from tasks import used_in_task as task; print(*task.delay().get(timeout=30))"
        asked = subprocess.run(
            [sys.executable, "-c", ask],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
    finally:
        worker.terminate()
        worker.wait(30)
    at_import, in_task = asked.stdout.split()
    assert (at_import == in_task) is shared


def test_spawned(database: Database) -> None:
    """Near miss: a spawned process imports the module anew and shares nothing."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as workers:
        assert workers.apply(os.getpid) != os.getpid()
