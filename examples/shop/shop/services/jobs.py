"""What runs at night: `python -m shop.services.jobs products.csv`."""

import asyncio
import csv
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import create_engine, select
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from shop.config import CATALOGUE_URL, DATABASE_URL, ENVIRONMENT, JOBS_URL
from shop.models import Order, Product


def jobs_engine() -> AsyncEngine:
    """One connection at a time is enough, and PgBouncer keeps the pool."""
    if ENVIRONMENT == "production":
        return create_async_engine(
            JOBS_URL, poolclass=NullPool, pool_size=1, connect_args={"prepare_threshold": 0}
        )
    return create_async_engine(DATABASE_URL, poolclass=NullPool)


JobSession = async_sessionmaker(jobs_engine())


async def forgotten_orders() -> list[int]:
    """Orders that nobody has paid for a week."""
    limit = datetime.now(UTC) - timedelta(days=7)
    session = JobSession()
    query = select(Order.id).where(Order.status == "open", Order.created_at < limit)
    return list(await session.scalars(query))


async def import_catalogue(path: Path) -> int:
    """Add the products of a CSV file of names and prices; gives how many."""
    with path.open(newline="") as file:
        products = [Product(name=name, price_cents=int(cents)) for name, cents in csv.reader(file)]
    engine = create_engine(CATALOGUE_URL)
    with Session(engine) as session:
        session.add_all(products)
        session.commit()
    return len(products)


async def night(catalogue: Path) -> None:
    imported, orders = await asyncio.gather(import_catalogue(catalogue), forgotten_orders())
    print(f"{imported} products imported")
    for order in orders:
        print(f"order {order} waits for its money")


if __name__ == "__main__":
    asyncio.run(night(Path(sys.argv[1])))
