"""What management asks for. Slow queries run in threads, so that the shop stays open meanwhile."""

import asyncio
import csv
from pathlib import Path

from sqlalchemy import extract, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from shop.config import EXPORT_FOLDER
from shop.db import SyncSession, WarehouseSession
from shop.models import Order, OrderLine, Product


def revenue_by_month(year: int) -> dict[int, int]:
    month = extract("month", Order.created_at)
    query = (
        select(month, func.sum(OrderLine.quantity * OrderLine.price_cents))
        .join(OrderLine.order)
        .where(Order.status == "paid", extract("year", Order.created_at) == year)
        .group_by(month)
    )
    with SyncSession() as session:
        return {int(month): cents for month, cents in session.execute(query)}


async def monthly_revenue(year: int) -> dict[int, int]:
    """Cents by month."""
    return await asyncio.to_thread(revenue_by_month(year))


def load_stock_levels() -> dict[str, int]:
    with WarehouseSession() as session:
        return dict(session.execute(select(Product.name, Product.stock)).all())


async def stock_levels() -> dict[str, int]:
    """What the warehouse has, by product."""
    return await asyncio.get_running_loop().run_in_executor(None, load_stock_levels)


def bestsellers(limit: int) -> list[str]:
    """What is bought most."""
    query = (
        select(Product.name)
        .join(OrderLine, OrderLine.product_id == Product.id)
        .group_by(Product.name)
        .order_by(func.sum(OrderLine.quantity).desc())
        .limit(limit)
    )
    with SyncSession() as session:
        return list(session.scalars(query))


def write_csv(session: AsyncSession, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    orders = session.sync_session.scalars(select(Order).order_by(Order.id))
    with target.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "customer", "status"])
        writer.writerows((order.id, order.customer, order.status) for order in orders)


async def export_orders(session: AsyncSession) -> Path:
    """All orders as a file for the accountant."""
    target = Path(EXPORT_FOLDER) / "orders.csv"
    await asyncio.to_thread(write_csv, session, target)
    return target
