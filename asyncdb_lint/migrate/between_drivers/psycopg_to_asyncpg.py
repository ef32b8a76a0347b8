"""From psycopg 3 to asyncpg, for those who use it through SQLAlchemy."""

from __future__ import annotations

from asyncdb_lint.migrate.between_drivers.direction import PSYCOPG_TO_ASYNCPG
from asyncdb_lint.migrate.between_drivers.engines import EnginesOfDriver
from asyncdb_lint.migrate.between_drivers.errors import ErrorsOfDriver
from asyncdb_lint.migrate.between_drivers.plain import PlainUses


class Engines(EnginesOfDriver):
    DIRECTION = PSYCOPG_TO_ASYNCPG
    DRIVER = "psycopg"


class Errors(ErrorsOfDriver):
    DIRECTION = PSYCOPG_TO_ASYNCPG
    DRIVER = "psycopg"


class Plain(PlainUses):
    DIRECTION = PSYCOPG_TO_ASYNCPG
    DRIVER = "psycopg"


REWRITES = (Engines, Errors, Plain)
