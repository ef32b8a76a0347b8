"""Where the shop runs and which databases it talks to."""

import os

ENVIRONMENT = os.environ.get("SHOP_ENV", "development")
DATABASE_URL = os.environ.get("DATABASE_URL", "sqlite+aiosqlite:///shop.db")
CATALOGUE_URL = os.environ.get("CATALOGUE_URL", "sqlite:///shop.db")
SUPPLIER_DSN = os.environ.get("SUPPLIER_DSN", "host=supplier.internal dbname=prices")
AUDIT_FILE = os.environ.get("AUDIT_FILE", "audit.db")
EXPORT_FOLDER = os.environ.get("EXPORT_FOLDER", "exports")

# Production. Orders go through PgBouncer; stock lives on the warehouse's own server.
ORDERS_URL = "postgresql+asyncpg://shop@orders.internal:6432/shop?sslmode=require"
REPLICA_URL = "postgresql+asyncpg://shop@replica.internal/shop"
JOBS_URL = "postgresql+psycopg://jobs@orders.internal:6432/shop"
WAREHOUSE_URL = "postgresql+psycopg2://shop@warehouse.internal/stock"
