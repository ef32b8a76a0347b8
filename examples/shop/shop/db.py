"""Engines and sessions. Modules that need a session take it from here."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends
from sqlalchemy import QueuePool, create_engine
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import sessionmaker

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


SessionDep = Annotated[AsyncSession, Depends(get_session)]
