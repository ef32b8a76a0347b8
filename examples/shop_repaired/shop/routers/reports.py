"""Reports over HTTP."""

from fastapi import APIRouter

from shop.db import SessionDep
from shop.services import reports

router = APIRouter(prefix="/reports", tags=["reports"])


@router.get("/revenue/{year}")
async def revenue(session: SessionDep, year: int) -> dict[int, int]:
    return await reports.monthly_revenue(session, year)


@router.get("/stock")
async def stock() -> dict[str, int]:
    return await reports.stock_levels()


@router.post("/orders")
async def export(session: SessionDep) -> dict[str, str]:
    return {"file": str(await reports.export_orders(session))}
