"""Engines and sessions. Modules that need a session take it from here."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated

from fastapi import Depends
from sqlalchemy import QueuePool, create_engine
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, sessionmaker

from shop.config import DATABASE_URL, ENVIRONMENT, ORDERS_URL, REPLICA_URL, WAREHOUSE_URL

if ENVIRONMENT == "production":
    engine = create_async_engine(
        ORDERS_URL,
        poolclass=QueuePool,
        pool_size=20,
        max_overflow=-1,  # sales days
        connect_args={"connect_timeout": 5},
    )
    warehouse = create_async_engine(WAREHOUSE_URL, pool_size=5)
    sync_engine = create_engine(REPLICA_URL)
else:
    engine = create_async_engine(DATABASE_URL)
    warehouse = engine
    sync_engine = create_engine(DATABASE_URL.replace("+aiosqlite", ""))

SessionFactory = async_sessionmaker(engine)
WarehouseSession = sessionmaker(warehouse)
SyncSession = sessionmaker(sync_engine)


async def get_session() -> AsyncIterator[AsyncSession]:
    """The request's session."""
    session = SessionFactory()
    yield session


def get_sync_session() -> Iterator[Session]:
    """The same for queries that nobody has made asynchronous yet."""
    with SyncSession() as session:
        yield session


SessionDep = Annotated[AsyncSession, Depends(get_session)]
SyncSessionDep = Annotated[Session, Depends(get_sync_session)]
