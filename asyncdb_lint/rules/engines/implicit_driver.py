"""ADB510 implicit-driver."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.engines.rewriting import scheme_changed

CHANGED = {"postgresql": ("psycopg2", "psycopg"), "oracle": ("cx_oracle", "oracledb")}
"""The default driver of a dialect before SQLAlchemy 2.1, and since (tests/proofs/test_adb510.py)."""


class ImplicitDriver(Rule):
    """A database URL that leaves the choice of the driver to the version of SQLAlchemy.

    ## What it flags

    `postgresql://` and `oracle://` without a driver as the URL of a SQLAlchemy engine. `sqlite://` and `mysql://`
    mean the same in all versions. Where an async engine gets such a URL on SQLAlchemy 2.0, ADB501 says so.

    ## Why it is bad

    Up to SQLAlchemy 2.0 `postgresql://` is psycopg2, from 2.1 on it is psycopg 3; `oracle://` goes from cx_Oracle to
    oracledb. An upgrade changes the driver: without the new one there is a `ModuleNotFoundError`, with it connect
    arguments and types may differ.

    ## Good

    ```python
    from sqlalchemy import create_engine

    engine = create_engine("postgresql+psycopg://db/app")
    ```

    ## Bad

    ```python
    from sqlalchemy import create_engine

    engine = create_engine("postgresql://db/app")
    ```

    ## When to ignore

    When the project runs on either driver.

    ## Source

    SQLAlchemy, "What's New in SQLAlchemy 2.1", default PostgreSQL and Oracle drivers.
    """

    code = "ADB510"
    name = "implicit-driver"
    severity = Severity.INFO
    fix = Applicability.UNSAFE
    default = False
    holds_for = {"sqlalchemy": ">=1.4"}
    triggers = (b"create_engine", b"create_async_engine")

    def visit_Call(self, call: cst.Call) -> None:
        engine = self.file.engines.get(call)
        if engine is None or not engine.is_engine or engine.url is None or engine.url_node is None:
            return
        scheme, is_new = engine.url.scheme, self.file.sqlalchemy == "2.1"
        if scheme not in CHANGED or (engine.maker.is_async and not is_new):
            return
        old, new = CHANGED[scheme]
        now = f"{scheme}+{new if is_new else old}"
        replacement = scheme_changed(self.file, engine.url_node, scheme, now)
        self.report(
            engine.url_node,
            f"`{scheme}://`{engine.by_default} leaves the driver to SQLAlchemy's version",
            why=f"Up to 2.0 it is {old}, from 2.1 on it is {new}",
            help=f"name it: `{now}://` is what this is with SQLAlchemy {self.file.sqlalchemy}",
            repair=Repair(Applicability.UNSAFE, f"Use `{now}://`", (replacement,)) if replacement else None,
        )
