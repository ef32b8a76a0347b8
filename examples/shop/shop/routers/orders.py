"""Orders over HTTP."""

from fastapi import APIRouter, HTTPException

from shop.db import SessionDep
from shop.repositories import OrderRepository
from shop.schemas import OrderIn, OrderOut
from shop.services import orders

router = APIRouter(prefix="/orders", tags=["orders"])


@router.post("", status_code=201)
async def place_order(session: SessionDep, wanted: OrderIn) -> OrderOut:
    try:
        order = await orders.place_order(session, wanted)
    except orders.OutOfStock as problem:
        raise HTTPException(409, str(problem)) from problem
    return OrderOut.model_validate(order)


@router.get("")
async def orders_of(session: SessionDep, customer: str) -> list[OrderOut]:
    found = await OrderRepository(session).of_customer(customer)
    return [OrderOut.model_validate(order) for order in found]


@router.post("/{order_id}/payment")
async def pay_order(session: SessionDep, order_id: int) -> OrderOut:
    order = await orders.pay_order(session, order_id)
    if order is None:
        raise HTTPException(404)
    return OrderOut.model_validate(order)
