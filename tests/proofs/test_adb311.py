"""ADB311 transaction-not-entered."""

import asyncio

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from .support import Database, async_engine


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_asyncpg(database: Database, end: str) -> None:
    async def main() -> None:
        connection = await asyncpg.connect(database.dsn())
        transaction = connection.transaction()
        await connection.execute("insert into note default values")
        with pytest.raises(asyncpg.InterfaceError, match="the transaction is not yet started"):
            await getattr(transaction, end)()
        async with connection.transaction():
            await connection.execute("insert into note default values")
        await connection.close()

    asyncio.run(main())

    assert database.notes() == 2  # the first one stood by itself


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_sqlalchemy(database: Database, driver: str, end: str) -> None:
    async def main() -> None:
        async with async_engine(database.url(driver)) as engine:
            async with AsyncSession(engine) as session:
                transaction = session.begin()
                await session.execute(sa.text("select 1"))
                with pytest.raises(sa.exc.InvalidRequestError, match=r"[Tt]ransaction"):
                    await getattr(transaction, end)()
            async with engine.connect() as connection:
                begun = connection.begin()
                await connection.execute(sa.text("select 1"))
                with pytest.raises(sa.exc.InvalidRequestError, match=r"[Tt]ransaction"):
                    await getattr(begun, end)()

    asyncio.run(main())


@pytest.mark.parametrize("is_inside", [False, True])
def test_cursor(database: Database, is_inside: bool) -> None:
    async def main() -> list[int]:
        connection = await asyncpg.connect(database.dsn())
        try:
            if is_inside:
                async with connection.transaction():
                    return [row[0] async for row in connection.cursor("select 1")]
            with pytest.raises(asyncpg.NoActiveSQLTransactionError, match="outside of a transaction"):
                return [row[0] async for row in connection.cursor("select 1")]
            return []
        finally:
            await connection.close()

    assert asyncio.run(main()) == ([1] if is_inside else [])
