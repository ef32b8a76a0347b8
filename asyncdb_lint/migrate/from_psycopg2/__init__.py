"""From psycopg2 to psycopg 3."""

from __future__ import annotations

import dataclasses

from asyncdb_lint.migrate.from_psycopg2.adapted import AdaptedValues
from asyncdb_lint.migrate.from_psycopg2.adapters import TypeAdapters
from asyncdb_lint.migrate.from_psycopg2.attributes import ConnectionAttributes
from asyncdb_lint.migrate.from_psycopg2.binary import BinaryValues
from asyncdb_lint.migrate.from_psycopg2.bulk import BulkStatements
from asyncdb_lint.migrate.from_psycopg2.callproc import CallprocMethods
from asyncdb_lint.migrate.from_psycopg2.casters import TypeCasters
from asyncdb_lint.migrate.from_psycopg2.column_types import ColumnTypes
from asyncdb_lint.migrate.from_psycopg2.connect import ConnectArguments
from asyncdb_lint.migrate.from_psycopg2.copying import CopyMethods
from asyncdb_lint.migrate.from_psycopg2.cursors import CursorAttributes
from asyncdb_lint.migrate.from_psycopg2.django import DjangoBackend
from asyncdb_lint.migrate.from_psycopg2.docstrings import Docstrings
from asyncdb_lint.migrate.from_psycopg2.dumpers import ValueDumpers
from asyncdb_lint.migrate.from_psycopg2.engines import EngineArguments
from asyncdb_lint.migrate.from_psycopg2.error_classes import ErrorClasses
from asyncdb_lint.migrate.from_psycopg2.error_texts import ErrorTexts
from asyncdb_lint.migrate.from_psycopg2.errors import ErrorAttributes
from asyncdb_lint.migrate.from_psycopg2.factories import RowFactories
from asyncdb_lint.migrate.from_psycopg2.fakes import Fakes
from asyncdb_lint.migrate.from_psycopg2.handled import HandledErrors
from asyncdb_lint.migrate.from_psycopg2.implicit_urls import ImplicitUrls
from asyncdb_lint.migrate.from_psycopg2.json_types import JsonTypes
from asyncdb_lint.migrate.from_psycopg2.logging_connections import LoggingConnections
from asyncdb_lint.migrate.from_psycopg2.messages import MissingPackage
from asyncdb_lint.migrate.from_psycopg2.mogrify import MogrifyMethods
from asyncdb_lint.migrate.from_psycopg2.names import RenameNames
from asyncdb_lint.migrate.from_psycopg2.notifies import Notifications
from asyncdb_lint.migrate.from_psycopg2.parameters import ConnectionParameters
from asyncdb_lint.migrate.from_psycopg2.patches import PatchTargets
from asyncdb_lint.migrate.from_psycopg2.pools import Pools
from asyncdb_lint.migrate.from_psycopg2.quoting import Quoting
from asyncdb_lint.migrate.from_psycopg2.ranges import RangeClasses
from asyncdb_lint.migrate.from_psycopg2.row_classes import RowClasses
from asyncdb_lint.migrate.from_psycopg2.sessions import SessionState
from asyncdb_lint.migrate.from_psycopg2.settings import ConnectionSettings
from asyncdb_lint.migrate.from_psycopg2.statements import Statements
from asyncdb_lint.migrate.from_psycopg2.states import ConnectionStates
from asyncdb_lint.migrate.from_psycopg2.transactions import ConnectionBlocks
from asyncdb_lint.migrate.from_psycopg2.urls import DialectImports, SqlalchemyUrls
from asyncdb_lint.migrate.from_psycopg2.waiting import WaitCallbacks
from asyncdb_lint.migrate.project import Route
from asyncdb_lint.migrate.to_async.rewriting import ToAsync

REWRITES = (
    Statements,
    ConnectArguments,
    ConnectionParameters,
    LoggingConnections,  # before the rewrite that reports classes of connections
    RowFactories,
    RowClasses,
    CursorAttributes,
    ConnectionSettings,
    SessionState,
    ConnectionStates,
    Notifications,
    ConnectionAttributes,
    ConnectionBlocks,
    ColumnTypes,
    ErrorAttributes,
    ErrorClasses,
    HandledErrors,
    ErrorTexts,
    TypeAdapters,
    TypeCasters,
    JsonTypes,
    ValueDumpers,
    AdaptedValues,
    Quoting,
    WaitCallbacks,
    Pools,
    PatchTargets,
    RangeClasses,
    BinaryValues,
    MissingPackage,
    BulkStatements,
    CopyMethods,
    MogrifyMethods,
    CallprocMethods,
    SqlalchemyUrls,
    EngineArguments,
    DialectImports,
    ImplicitUrls,
    DjangoBackend,
    Fakes,
    Docstrings,
    RenameNames,  # last: it judges the names that no other has claimed
)
ROUTE = Route(
    "psycopg2",
    REWRITES,
    words=(
        b'"database"',
        b"'database'",
        b"database=",
        b"psycopg",
        b"get_backend_pid",
        b"get_transaction_status",
        b".execute(",
        b".cursor(",
        b"cursor_factory",
        b"mogrify(",
        b"copy_expert(",
        b"pgcode",
        b"getconn(",
        b"already closed",
    ),
    by_evidence=True,
)
ASYNC_ROUTE = dataclasses.replace(
    ROUTE, rewrites=(*REWRITES[:-1], ToAsync, REWRITES[-1]), asynchronous=True, otherwise=ROUTE
)
"""The same, to asynchronous connections where everybody who reaches them can wait for them."""
