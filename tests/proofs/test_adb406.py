"""ADB406 event-on-async-object."""

import asyncio

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session

from .support import Database, async_engine


def ignored(*_: object) -> None:
    pass


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_objects_refuse(database: Database, driver: str) -> None:
    async def main() -> None:
        async with async_engine(database.url(driver)) as engine:
            with pytest.raises(NotImplementedError, match="asynchronous events are not implemented"):
                event.listen(engine, "connect", ignored)
            async with AsyncSession(engine) as session, engine.connect() as connection:
                with pytest.raises(NotImplementedError):
                    event.listen(session, "before_flush", ignored)
                with pytest.raises(NotImplementedError):
                    event.listen(connection, "before_execute", ignored)
                event.listen(session.sync_session, "before_flush", ignored)
                event.listen(connection.sync_connection, "before_execute", ignored)

    asyncio.run(main())


@pytest.mark.parametrize("target", [AsyncSession, async_sessionmaker()])
def test_classes_refuse(target: object) -> None:
    with pytest.raises(InvalidRequestError, match="No such event"):
        event.listen(target, "before_flush", ignored)


def test_a_coroutine_function_never_runs(database: Database) -> None:
    ran = []

    async def listens(*_: object) -> None:
        ran.append("coroutine")

    async def main() -> None:
        async with async_engine(database.url("psycopg")) as engine:
            event.listen(engine.sync_engine, "connect", listens)
            event.listen(engine.sync_engine, "connect", lambda *_: ran.append("plain"))
            async with engine.connect() as connection:
                await connection.execute(sa.text("select 1"))

    asyncio.run(main())

    assert ran == ["plain"]


def test_the_session_class_is_a_target(database: Database) -> None:
    class Own(Session):
        pass

    event.listen(Own, "before_flush", ignored)
    assert AsyncSession(sync_session_class=Own).sync_session_class is Own
