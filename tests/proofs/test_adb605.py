"""ADB605 no-recycle."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from .support import Database, Server, async_engine, select_one, sync_engine

IDLE = "-c idle_session_timeout=1200"  # the server cuts what is idle for 1.2 s
LONGER = 1.5
SHORTER = 1


@pytest.mark.parametrize(("options", "works"), [({}, False), ({"pool_recycle": SHORTER}, True)])
def test_idle_connection_is_cut(database: Database, options: dict[str, Any], works: bool) -> None:
    """The first query after a pause fails, unless the pool has given up the old connection by then."""
    url = database.url("psycopg", options=IDLE)
    with sync_engine(url, **options) as engine:

        def ask() -> int | None:
            with engine.connect() as connection:
                return connection.scalar(sa.text("select 1"))

        assert ask() == 1
        time.sleep(LONGER)
        if works:
            assert ask() == 1
        else:
            with pytest.raises(DBAPIError, match="idle-session timeout"):
                ask()


class Firewall:
    """Forwards to the server; what it has forgotten it swallows without a word, as a stateful firewall does."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(folder / ".s.PGSQL.5432"))
        self.listener.listen()
        self.address = f"{server.folder}/.s.PGSQL.{server.port}"
        self.sockets: list[socket.socket] = []
        self.forgotten: set[int] = set()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.address)
            number = len(self.sockets)
            self.sockets += [client, server]
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self.forward, args=(source, target, number), daemon=True).start()

    def forward(self, source: socket.socket, target: socket.socket, number: int) -> None:
        try:
            while data := source.recv(65536):
                if number not in self.forgotten:
                    target.sendall(data)
        except OSError:
            return

    def forget(self) -> None:
        self.forgotten.update(range(len(self.sockets)))

    def close(self) -> None:
        for each in (self.listener, *self.sockets):
            each.close()


@pytest.fixture
def firewall(
    database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Firewall, Server]]:
    folder = tmp_path_factory.mktemp("fw")
    found = Firewall(folder, database)
    yield found, Server(str(folder), user=database.user)
    found.close()


# asyncpg is quick to give up where the proof does, psycopg where a connection is recycled.
@pytest.mark.parametrize(("driver", "options"), [("asyncpg", {}), ("psycopg", {"pool_recycle": SHORTER})])
def test_ping_waits_for_a_firewall(
    firewall: tuple[Firewall, Server], driver: str, options: dict[str, Any]
) -> None:
    """A ping to nowhere has no answer, and waits for as long as TCP does; a recycled connection is not asked."""
    wall, server = firewall

    async def main() -> None:
        async with async_engine(server.url(driver), pool_pre_ping=True, **options) as engine:
            await select_one(engine)
            wall.forget()
            await asyncio.sleep(SHORTER + 0.1)
            if options:
                await asyncio.wait_for(select_one(engine), 1)
            else:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(select_one(engine), 1)
                engine.sync_engine.dispose(close=False)

    asyncio.run(main())


def test_recycling_opens_a_new_connection(database: Database) -> None:
    """It happens at checkout, once the connection is older."""
    opened: list[object] = []
    with sync_engine(database.url("psycopg"), pool_recycle=SHORTER) as engine:
        event.listen(engine, "connect", lambda connection, record: opened.append(connection))
        for _ in range(2):
            with engine.connect():
                pass
        assert len(opened) == 1
        time.sleep(SHORTER + 0.1)
        with engine.connect():
            assert len(opened) == 2
