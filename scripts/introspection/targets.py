"""All targets, in the order in which they may speak of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .target_mysql import AIOMYSQL, ASYNCMY, MYSQL_CONNECTOR, MYSQLDB, PYMYSQL
from .target_others import CLICKHOUSE_DRIVER, CX_ORACLE, DUCKDB, ORACLEDB, PG8000, PYMONGO, PYMSSQL, PYODBC
from .target_postgres import AIOPG, ASYNCPG, PSYCOPG, PSYCOPG2, PSYCOPG_POOL
from .target_sqlalchemy import SQLALCHEMY, SQLMODEL
from .target_sqlite import AIOSQLITE, SQLITE3

if TYPE_CHECKING:
    from .spec import Target

TARGETS: tuple[Target, ...] = (
    SQLALCHEMY,
    SQLMODEL,
    ASYNCPG,
    PSYCOPG,
    PSYCOPG_POOL,
    PSYCOPG2,
    AIOPG,
    SQLITE3,
    AIOSQLITE,
    PYMYSQL,
    MYSQLDB,
    MYSQL_CONNECTOR,
    AIOMYSQL,
    ASYNCMY,
    PG8000,
    ORACLEDB,
    CX_ORACLE,
    PYODBC,
    PYMSSQL,
    DUCKDB,
    CLICKHOUSE_DRIVER,
    PYMONGO,
)


def file_name(target: Target, version: str) -> str:
    """The data file of a library: one for each minor version where versions differ in what matters."""
    if not target.per_minor:
        return f"{target.name}.json"
    return f"{target.name}-{'.'.join(version.split('.')[:2])}.json"
