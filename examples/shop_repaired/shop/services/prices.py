"""Purchase prices, read from the supplier's own database."""

import psycopg

from shop.config import SUPPLIER_DSN


async def supplier_prices() -> dict[str, int]:
    """Today's price in cents of everything the supplier has."""
    async with await psycopg.AsyncConnection.connect(SUPPLIER_DSN) as connection:
        cursor = await connection.execute("select name, price_cents from price")
        return dict(await cursor.fetchall())
