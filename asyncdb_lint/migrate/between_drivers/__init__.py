"""From one driver to another behind SQLAlchemy: `asyncdb-lint migrate driver`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asyncdb_lint.migrate.between_drivers import asyncpg_to_psycopg, psycopg2_to_asyncpg, psycopg_to_asyncpg
from asyncdb_lint.migrate.project import Route

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from asyncdb_lint.config import Settings
    from asyncdb_lint.migrate.dependencies import Edited

ENGINES = (b"create_async_engine", b"async_engine_from_config")


def lists(root: Path, settings: Settings, **given: Any) -> Iterator[Edited]:
    """Files that are not code."""
    yield from ()


ROUTES = {
    (old, new): Route(old, rewrites, words=(b"sqlalchemy",), everywhere=ENGINES, lists=lists)
    for old, new, rewrites in (
        ("asyncpg", "psycopg", asyncpg_to_psycopg.REWRITES),
        ("psycopg", "asyncpg", psycopg_to_asyncpg.REWRITES),
        ("psycopg2", "asyncpg", psycopg2_to_asyncpg.REWRITES),
    )
}
"""By the old driver and the new one."""
