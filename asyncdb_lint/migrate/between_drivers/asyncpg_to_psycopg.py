"""From asyncpg to psycopg 3, for those who use it through SQLAlchemy."""

from __future__ import annotations

from asyncdb_lint.migrate.between_drivers.direction import ASYNCPG_TO_PSYCOPG
from asyncdb_lint.migrate.between_drivers.engines import EnginesOfDriver
from asyncdb_lint.migrate.between_drivers.errors import ErrorsOfDriver
from asyncdb_lint.migrate.between_drivers.plain import PlainUses


class Engines(EnginesOfDriver):
    DIRECTION = ASYNCPG_TO_PSYCOPG
    DRIVER = "asyncpg"


class Errors(ErrorsOfDriver):
    DIRECTION = ASYNCPG_TO_PSYCOPG
    DRIVER = "asyncpg"


class Plain(PlainUses):
    DIRECTION = ASYNCPG_TO_PSYCOPG
    DRIVER = "asyncpg"


REWRITES = (Engines, Errors, Plain)
