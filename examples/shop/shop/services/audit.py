"""The audit trail: a SQLite file of its own, so that it outlives any migration of the shop's database."""

import sqlite3

from shop.config import AUDIT_FILE


async def record(event: str, subject: int) -> None:
    """Append one event."""
    with sqlite3.connect(AUDIT_FILE) as connection:
        connection.execute("create table if not exists trail (event text, subject integer)")
        connection.execute("insert into trail values (?, ?)", (event, subject))
