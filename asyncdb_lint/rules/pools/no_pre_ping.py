"""ADB604 no-pre-ping."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.call_edit import with_keyword
from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.engines import QUEUES, SERVERS, dialect_of
from asyncdb_lint.semantics.servers import is_server_code, outlives_call

if TYPE_CHECKING:
    from asyncdb_lint.semantics.engines import EngineCall

NAMES_SERVER = re.compile(r"postgres|(?:^|[._\"'])pg_|mysql|mariadb", re.IGNORECASE)
"""In `settings.POSTGRES_URL`."""
CHECKS = ("pool_pre_ping", "pool_recycle")


class NoPrePing(Rule):
    """A server's pooled engine that never checks whether an idle connection is still alive.

    ## What it flags

    An engine on a database server, with a queue pool and neither `pool_pre_ping` nor `pool_recycle`, in a
    module that a web application imports. Where the URL is not in the code, its name has to say what it is
    (`settings.POSTGRES_DSN`). Engines of tests, scripts, migrations and single calls, `NullPool`,
    SQLite, and engines whose arguments cannot all be seen are left alone.

    ## Why it is bad

    A restart of the database, a failover or a firewall that drops idle connections leaves dead connections in
    the pool. Each of them fails one request: asyncpg with `InterfaceError: connection is closed`, psycopg
    with `OperationalError`. `pool_pre_ping=True` replaces a dead connection before it is handed out.

    ## Good

    ```python
    from fastapi import FastAPI
    from sqlalchemy.ext.asyncio import create_async_engine

    app = FastAPI()
    engine = create_async_engine("postgresql+asyncpg://app@db/app", pool_pre_ping=True)
    ```

    ## Bad

    ```python
    from fastapi import FastAPI
    from sqlalchemy.ext.asyncio import create_async_engine

    app = FastAPI()
    engine = create_async_engine("postgresql+asyncpg://app@db/app")
    ```

    ## When to ignore

    When every caller retries, or a proxy in front of the database keeps connections alive.
    `pool_pre_ping=False` written out says the same.

    ## Source

    SQLAlchemy, "Connection Pooling", "Disconnect Handling - Pessimistic".
    """

    code = "ADB604"
    name = "no-pre-ping"
    severity = Severity.WARNING
    fix = Applicability.SAFE
    holds_for = {"sqlalchemy": ">=1.4"}
    triggers = (b"create_engine", b"create_async_engine")

    def visit_Call(self, call: cst.Call) -> None:
        engine = self.file.engines.get(call)
        if engine is None or not engine.arguments.lacks(*CHECKS, "pool") or not self.is_pooled(engine):
            return
        if not is_server_code(self.file) or not outlives_call(self.file.model, call):
            return
        self.report(
            call.func,
            f"`{engine.name}` makes a pooled engine that never checks its idle connections",
            why="After a restart or failover of the database each dead connection fails one request",
            help="pass `pool_pre_ping=True`",
            repair=Repair(
                Applicability.SAFE,
                "Check connections before they are used",
                ((call, with_keyword(call, "pool_pre_ping", cst.Name("True"))),),
            ),
        )

    def is_pooled(self, engine: EngineCall) -> bool:
        """Whether it keeps connections to a server: by its URL, or by what the unknown URL is called."""
        if engine.url is not None:
            return engine.pool in QUEUES and dialect_of(engine.url) in SERVERS
        is_default = engine.is_engine and engine.pool_node is None and engine.arguments.lacks("poolclass")
        named = self.source(engine.url_node, 120) if engine.url_node is not None else ""
        return (is_default or engine.pool in QUEUES) and NAMES_SERVER.search(named) is not None
