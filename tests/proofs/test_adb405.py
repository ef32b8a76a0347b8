"""ADB405 dynamic-relationship."""

import asyncio

import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.ext.asyncio import AsyncSession

from .support import NO_GREENLET, Database, async_engine


class Base(orm.DeclarativeBase):
    pass


class Line(Base):
    __tablename__ = "line"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    note_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey("note.id"))


class Note(Base):
    __tablename__ = "note"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    dynamic: orm.DynamicMapped[Line] = orm.relationship(lazy="dynamic")
    written: orm.WriteOnlyMapped[Line] = orm.relationship(lazy="write_only", overlaps="dynamic")


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_reading(database: Database, driver: str) -> None:
    number = database.add_note("a", lines=2)

    async def main() -> None:
        async with async_engine(database.url(driver)) as engine, AsyncSession(engine) as session:
            note = await session.get_one(Note, number)
            for read in (note.dynamic.all, note.dynamic.count, lambda: list(note.dynamic)):
                with pytest.raises(sa.exc.SQLAlchemyError, match=NO_GREENLET):
                    read()
            with pytest.raises(TypeError, match="__aiter__"):
                [line async for line in note.dynamic]  # type: ignore[attr-defined]
            assert len((await session.scalars(note.written.select())).all()) == 2

    asyncio.run(main())
