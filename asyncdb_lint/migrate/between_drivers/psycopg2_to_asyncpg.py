"""From psycopg2 to asyncpg, for those who use it through SQLAlchemy."""

from __future__ import annotations

from asyncdb_lint.migrate.between_drivers.direction import PSYCOPG2_TO_ASYNCPG
from asyncdb_lint.migrate.between_drivers.engines import EnginesOfDriver
from asyncdb_lint.migrate.between_drivers.errors import ErrorsOfDriver
from asyncdb_lint.migrate.between_drivers.plain import PlainUses


class Engines(EnginesOfDriver):
    DIRECTION = PSYCOPG2_TO_ASYNCPG
    DRIVER = "psycopg2"


class Errors(ErrorsOfDriver):
    DIRECTION = PSYCOPG2_TO_ASYNCPG
    DRIVER = "psycopg2"


class Plain(PlainUses):
    DIRECTION = PSYCOPG2_TO_ASYNCPG
    DRIVER = "psycopg2"


REWRITES = (Engines, Errors, Plain)
