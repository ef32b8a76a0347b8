"""Products over HTTP."""

from fastapi import APIRouter
from sqlalchemy import select

from shop.db import SessionDep, SyncSession
from shop.models import Product
from shop.repositories import ProductRepository
from shop.schemas import ProductIn, ProductOut
from shop.services.prices import supplier_prices

router = APIRouter(prefix="/products", tags=["products"])


@router.get("")
async def search_products(session: SessionDep, search: str = "") -> list[ProductOut]:
    products = await ProductRepository(session).search(search)
    return [ProductOut.model_validate(product) for product in products]


@router.get("/cheapest")
async def cheapest_products(limit: int = 10) -> list[ProductOut]:
    with SyncSession() as session:
        products = session.scalars(select(Product).order_by(Product.price_cents).limit(limit))
        return [ProductOut.model_validate(product) for product in products]


@router.post("", status_code=201, response_model=ProductOut)
async def add_product(session: SessionDep, wanted: ProductIn) -> Product:
    product = Product(**wanted.model_dump())
    session.add(product)
    await session.commit()
    return product


@router.post("/prices")
async def refresh_prices(session: SessionDep) -> dict[str, int]:
    changed = await ProductRepository(session).set_prices(await supplier_prices())
    return {"changed": changed}
