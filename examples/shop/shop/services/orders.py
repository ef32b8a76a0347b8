"""Orders from basket to payment."""

from sqlalchemy.ext.asyncio import AsyncSession

from shop.models import Order, OrderLine, Product
from shop.repositories import OrderRepository
from shop.schemas import OrderIn
from shop.services import audit


class OutOfStock(Exception):
    """There is less of a product than the customer wants."""


async def place_order(session: AsyncSession, wanted: OrderIn) -> Order:
    """Take the goods out of stock and write the order down, both or neither."""
    session.begin()
    order = Order(customer=wanted.customer, lines=[])
    for line in wanted.lines:
        product = await session.get(Product, line.product_id, with_for_update=True)
        if product is None or product.stock < line.quantity:
            raise OutOfStock(f"product {line.product_id}")
        product.stock -= line.quantity
        order.lines.append(
            OrderLine(product_id=product.id, quantity=line.quantity, price_cents=product.price_cents)
        )
    await session.add(order)
    await session.commit()
    return order


async def pay_order(session: AsyncSession, order_id: int) -> Order | None:
    """Mark an order as paid."""
    order = await OrderRepository(session).get(order_id)
    if order is None:
        return None
    order.status = "paid"
    session.commit()
    await audit.record("paid", order.id)
    return order
