"""From one driver to another behind SQLAlchemy: `asyncdb-lint migrate driver`."""

from __future__ import annotations

from asyncdb_lint.migrate.between_drivers import asyncpg_to_psycopg, psycopg2_to_asyncpg, psycopg_to_asyncpg
from asyncdb_lint.migrate.between_drivers.lists import lists_for
from asyncdb_lint.migrate.project import Route

ENGINES = (b"create_async_engine", b"async_engine_from_config")
ROUTES = {
    (each.source, each.target): Route(
        each.source, rewrites, words=(b"sqlalchemy",), everywhere=ENGINES, lists=lists_for(each)
    )
    for rewrites in (asyncpg_to_psycopg.REWRITES, psycopg_to_asyncpg.REWRITES, psycopg2_to_asyncpg.REWRITES)
    for each in (rewrites[0].DIRECTION,)
}
"""By the old driver and the new one."""
