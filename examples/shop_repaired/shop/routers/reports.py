"""Reports over HTTP."""

from fastapi import APIRouter
from sqlalchemy import func, select

from shop.db import SessionDep
from shop.models import Order
from shop.services import reports

router = APIRouter(prefix="/reports", tags=["reports"])


@router.get("/revenue/{year}")
async def revenue(session: SessionDep, year: int) -> dict[int, int]:
    return await reports.monthly_revenue(session, year)


@router.get("/stock")
async def stock() -> dict[str, int]:
    return await reports.stock_levels()


@router.get("/bestsellers")
async def bestsellers(session: SessionDep, limit: int = 10) -> list[str]:
    return await reports.bestsellers(session, limit)


@router.get("/open")
async def open_orders(session: SessionDep) -> int:
    return await session.scalar(select(func.count()).where(Order.status == "open")) or 0


@router.post("/orders")
async def export(session: SessionDep) -> dict[str, str]:
    return {"file": str(await reports.export_orders(session))}
