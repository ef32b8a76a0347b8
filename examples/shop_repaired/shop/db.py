"""Engines and sessions. Modules that need a session take it from here."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import uuid4

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from shop.config import DATABASE_URL, ENVIRONMENT, ORDERS_URL, WAREHOUSE_URL

if ENVIRONMENT == "production":
    engine = create_async_engine(
        ORDERS_URL,
        pool_size=10,
        max_overflow=5,
        pool_pre_ping=True,
        # PgBouncer may run each transaction on another connection, where this one's statements are unknown.
        connect_args={
            "timeout": 5,
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": lambda: f"__shop_{uuid4()}__",
        },
    )
    warehouse = create_async_engine(WAREHOUSE_URL, pool_size=5, pool_pre_ping=True)
else:
    engine = create_async_engine(DATABASE_URL, pool_pre_ping=True)
    warehouse = engine

SessionFactory = async_sessionmaker(engine, expire_on_commit=False)
WarehouseSession = async_sessionmaker(warehouse, expire_on_commit=False)


async def get_session() -> AsyncIterator[AsyncSession]:
    """The request's session."""
    async with SessionFactory() as session:
        yield session


SessionDep = Annotated[AsyncSession, Depends(get_session)]
