"""ADB508 echo-enabled."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.engines.rewriting import without
from asyncdb_lint.semantics.kinds import Constant
from asyncdb_lint.semantics.servers import SHORT_LIVED_FOLDERS

SETTINGS = {"echo": "statement", "echo_pool": "checkout"}


class EchoEnabled(Rule):
    """An engine that writes every statement, with its values, into the log.

    ## What it flags

    `echo=True`, `echo="debug"` and `echo_pool` with such a literal in a call that makes a SQLAlchemy engine, outside of
    tests, scripts, migrations and examples. A setting (`echo=settings.debug`) is left alone.

    ## Why it is bad

    Every statement costs two or three lines of log, written on the event loop, and the values in them (addresses,
    tokens, hashes) land where logs land. `"debug"` writes the rows of the results as well.

    ## Good

    ```python
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://db/app")
    ```

    ## Bad

    ```python
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://db/app", echo=True)
    ```

    ## When to ignore

    In a program that only developers run.

    ## Source

    SQLAlchemy, "Engine Configuration: Configuring Logging".
    """

    code = "ADB508"
    name = "echo-enabled"
    severity = Severity.INFO
    fix = Applicability.SAFE
    default = False
    holds_for = {"sqlalchemy": ">=1.4"}
    requires = (b"echo",)

    def visit_Call(self, call: cst.Call) -> None:
        engine = self.file.engines.get(call)
        if engine is None or not engine.is_engine or self.file.is_test:
            return
        if SHORT_LIVED_FOLDERS & set(self.file.model.name.split(".")):
            return
        for name in SETTINGS:
            setting = engine.arguments.get(name)
            kind = self.kind(setting.value) if setting is not None and setting.certain else None
            if setting is not None and isinstance(kind, Constant) and kind.value in (True, "debug"):
                self.report(
                    setting.place,
                    f"`{name}={self.source(setting.value)}` writes every {SETTINGS[name]} into the log",
                    why="It costs time on every query, and puts the values of the rows into the log",
                    help="leave it out, or take it from a setting",
                    repair=self.repair(call, name),
                )

    def repair(self, call: cst.Call, name: str) -> Repair | None:
        if not any(arg.keyword is not None and arg.keyword.value == name for arg in call.args):
            return None
        return Repair(Applicability.SAFE, f"Leave `{name}` out", ((call, without(call, {name})),))
