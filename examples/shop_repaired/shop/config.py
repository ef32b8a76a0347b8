"""Where the shop runs and which databases it talks to."""

import os

ENVIRONMENT = os.environ.get("SHOP_ENV", "development")
DATABASE_URL = os.environ.get("DATABASE_URL", "sqlite+aiosqlite:///shop.db")
SUPPLIER_DSN = os.environ.get("SUPPLIER_DSN", "host=supplier.internal dbname=prices")
AUDIT_FILE = os.environ.get("AUDIT_FILE", "audit.db")
EXPORT_FOLDER = os.environ.get("EXPORT_FOLDER", "exports")

# Production. Orders go through PgBouncer; stock lives on the warehouse's own server.
ORDERS_URL = "postgresql+asyncpg://shop@orders.internal:6432/shop?ssl=require"
JOBS_URL = "postgresql+psycopg://jobs@orders.internal:6432/shop"
WAREHOUSE_URL = "postgresql+asyncpg://shop@warehouse.internal/stock"
