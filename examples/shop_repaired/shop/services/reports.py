"""What management asks for. The revenue query is older than the rest and knows only sync sessions."""

import asyncio
import csv
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Row, extract, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from shop.config import EXPORT_FOLDER
from shop.db import WarehouseSession
from shop.models import Order, OrderLine, Product


def revenue_by_month(session: Session, year: int) -> dict[int, int]:
    month = extract("month", Order.created_at)
    query = (
        select(month, func.sum(OrderLine.quantity * OrderLine.price_cents))
        .join(OrderLine.order)
        .where(Order.status == "paid", extract("year", Order.created_at) == year)
        .group_by(month)
    )
    return {int(month): cents for month, cents in session.execute(query)}


async def monthly_revenue(session: AsyncSession, year: int) -> dict[int, int]:
    """Cents by month."""
    return await session.run_sync(revenue_by_month, year)


async def stock_levels() -> dict[str, int]:
    """What the warehouse has, by product."""
    async with WarehouseSession() as session:
        rows = await session.execute(select(Product.name, Product.stock))
        return dict(rows.all())


async def bestsellers(session: AsyncSession, limit: int) -> list[str]:
    """What is bought most."""
    query = (
        select(Product.name)
        .join(OrderLine, OrderLine.product_id == Product.id)
        .group_by(Product.name)
        .order_by(func.sum(OrderLine.quantity).desc())
        .limit(limit)
    )
    return list(await session.scalars(query))


def write_csv(rows: Sequence[Row[tuple[int, str, str]]], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "customer", "status"])
        writer.writerows(rows)


async def export_orders(session: AsyncSession) -> Path:
    """All orders as a file for the accountant."""
    target = Path(EXPORT_FOLDER) / "orders.csv"
    query = select(Order.id, Order.customer, Order.status).order_by(Order.id)
    rows = (await session.execute(query)).all()
    await asyncio.to_thread(write_csv, rows, target)
    return target
