"""ADB509 credentials-in-url."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.engines import MAKERS
from asyncdb_lint.semantics.kinds import Constant
from asyncdb_lint.semantics.urls import HOLE, PATTERN

LOCAL = {"localhost", "127.0.0.1", "::1", "[::1]", ""}
ARGUMENTS = ("password", "passwd")
URL_CREATE = "sqlalchemy.engine.url.URL.create"


class CredentialsInUrl(Rule):
    """A password written into the code, in a database URL or in the arguments of a connection.

    ## What it flags

    A literal password in the URL of an engine, pool or connection, or in `password=…` of a driver's `connect`, a
    pool or `URL.create`. Tests are left alone, and so is a default for a database on the same machine
    (`os.getenv("DATABASE_URL", "postgresql://app:app@localhost/app")`).

    ## Why it is bad

    Whoever can read the repository, the package or the image can read the database; a literal survives in the
    compiled file too. It cannot be changed without a release.

    ## Good

    ```python
    import os
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(os.environ["DATABASE_URL"])
    ```

    ## Bad

    ```python
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://app:s3cret@db.example.org/app")
    ```

    ## When to ignore

    When the database holds nothing, and nobody else can reach it.

    ## Source

    OWASP, "Secrets Management Cheat Sheet"; SQLAlchemy, "Engine Configuration: Database URLs".
    """

    code = "ADB509"
    name = "credentials-in-url"
    severity = Severity.INFO
    default = False
    triggers = (
        b"create_engine",
        b"create_async_engine",
        b"connect",
        b"create_pool",
        b"ConnectionPool",
        b"URL",
    )

    def visit_Call(self, call: cst.Call) -> None:
        facts = self.file.call(call)
        if facts is None or self.file.is_test:
            return
        if facts.function in MAKERS or facts.function == URL_CREATE:
            place = self.argument(call) or self.url(call)
            if place is not None:
                self.report(
                    place,
                    "a database password stands in the code",
                    why="Whoever can read the code, or a compiled file of it, can read the database",
                    help="take it from the environment or a secret store",
                )

    def argument(self, call: cst.Call) -> cst.CSTNode | None:
        """A literal password among the arguments."""
        for name in ARGUMENTS:
            given = self.file.argument(call, name)
            kind = self.kind(given.value) if given is not None else None
            if (
                given is not None
                and isinstance(kind, Constant)
                and isinstance(kind.value, str)
                and kind.value
            ):
                host = self.file.argument(call, "host")
                where = self.kind(host.value) if host is not None else Constant("")
                if not (
                    isinstance(where, Constant)
                    and where.value in LOCAL
                    and self.is_placeholder(kind.value, "")
                ):
                    return given.value
        return None

    def url(self, call: cst.Call) -> cst.CSTNode | None:
        """The URL, where a whole password stands in it."""
        engine = self.file.engines.get(call)
        found = PATTERN.fullmatch(engine.url.text) if engine is not None and engine.url is not None else None
        if engine is None or engine.url is None or found is None:
            return None
        password = found["password"]
        if not password or HOLE in password:
            return None
        if (engine.url.host or "") in LOCAL and (
            engine.url.by_default or self.is_placeholder(password, found["user"] or "")
        ):
            return None
        return engine.url_node

    def is_placeholder(self, password: str, user: str) -> bool:
        """Whether a password keeps nothing secret: a developer's own database has such."""
        return password == user or password.lower() in (
            "password",
            "postgres",
            "root",
            "secret",
            "test",
            "app",
        )
