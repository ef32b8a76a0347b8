"""Queries, by what they are about."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from shop.models import Order, Product


class ProductRepository:
    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def search(self, text: str) -> Sequence[Product]:
        query = select(Product).where(Product.name.ilike(f"%{text}%")).order_by(Product.name)
        return (await self.session.execute(query)).scalars().all()

    async def set_prices(self, prices: dict[str, int]) -> int:
        """New prices by product name; gives how many products there were to change."""
        products = await self.session.scalars(select(Product).where(Product.name.in_(prices)))
        changed = 0
        for product in products:
            product.price_cents = prices[product.name]
            changed += 1
        await self.session.commit()
        return changed


class OrderRepository:
    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def get(self, order_id: int) -> Order | None:
        return await self.session.get(Order, order_id, options=[selectinload(Order.lines)])

    async def of_customer(self, customer: str) -> Sequence[Order]:
        query = select(Order).where(Order.customer == customer).options(selectinload(Order.lines))
        return (await self.session.scalars(query)).all()
