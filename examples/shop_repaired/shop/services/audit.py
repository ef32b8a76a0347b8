"""The audit trail: a SQLite file of its own, so that it outlives any migration of the shop's database."""

import aiosqlite

from shop.config import AUDIT_FILE


async def record(event: str, subject: int) -> None:
    """Append one event."""
    async with aiosqlite.connect(AUDIT_FILE) as connection:
        await connection.execute("create table if not exists trail (event text, subject integer)")
        await connection.execute("insert into trail values (?, ?)", (event, subject))
        await connection.commit()
