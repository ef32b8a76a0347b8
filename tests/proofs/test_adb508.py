"""ADB508 echo-enabled."""

import asyncio

import pytest
import sqlalchemy as sa

from .support import Database, async_engine


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.parametrize("options", [{"echo": True}, {"echo": "debug"}, {}], ids=str)
def test_values_in_the_log(
    database: Database, driver: str, options: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with async_engine(database.url(driver), **options) as engine, engine.connect() as connection:
            await connection.execute(sa.text("select cast(:token as text)"), {"token": "s3cret"})

    asyncio.run(main())

    written = [record.getMessage() for record in caplog.records if record.name.startswith("sqlalchemy")]
    assert any("s3cret" in message for message in written) is bool(options)
    rows = any(message.startswith("Row") for message in written)
    assert rows is (options.get("echo") == "debug")
