"""Purchase prices, read from the supplier's own database."""

import psycopg2
from psycopg2.extensions import set_wait_callback
from psycopg2.extras import wait_select

from shop.config import SUPPLIER_DSN

set_wait_callback(wait_select)  # lets psycopg2 wait without blocking


async def supplier_prices() -> dict[str, int]:
    """Today's price in cents of everything the supplier has."""
    connection = psycopg2.connect(SUPPLIER_DSN)
    try:
        with connection.cursor() as cursor:
            cursor.execute("select name, price_cents from price")
            return dict(cursor.fetchall())
    finally:
        connection.close()
