"""From psycopg2 to psycopg 3."""

from __future__ import annotations

from asyncdb_lint.migrate.from_psycopg2.attributes import ConnectionAttributes
from asyncdb_lint.migrate.from_psycopg2.connect import ConnectArguments
from asyncdb_lint.migrate.from_psycopg2.errors import ErrorAttributes
from asyncdb_lint.migrate.from_psycopg2.names import RenameNames
from asyncdb_lint.migrate.from_psycopg2.statements import ReportStatements
from asyncdb_lint.migrate.from_psycopg2.transactions import ConnectionBlocks
from asyncdb_lint.migrate.from_psycopg2.urls import SqlalchemyUrls
from asyncdb_lint.migrate.project import Route

REWRITES = (
    ReportStatements,
    ConnectArguments,
    ConnectionAttributes,
    ConnectionBlocks,
    ErrorAttributes,
    SqlalchemyUrls,
    RenameNames,  # last: it judges the names that no other has claimed
)
ROUTE = Route("psycopg2", REWRITES, by_evidence=True)
