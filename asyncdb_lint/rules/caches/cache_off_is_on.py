"""ADB702 cache-off-is-on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.caches.switches import is_half_off, is_zero_threshold, pooler
from asyncdb_lint.semantics import expressions as ex

if TYPE_CHECKING:
    from asyncdb_lint.semantics.engines import EngineCall
    from asyncdb_lint.semantics.settings import Setting

SIZES = ("statement_cache_size", "prepared_statement_cache_size")


class CacheOffIsOn(Rule):
    """A setting that is meant to switch prepared statements off and does not.

    ## What it flags

    psycopg's `prepare_threshold=0`; `statement_cache_size=0` alone for SQLAlchemy on an asyncpg older than
    0.31, where SQLAlchemy's own cache (`prepared_statement_cache_size`) stays on; `statement_cache_size=size
    or 100` where `size` is a number, so that 0 becomes 100.

    ## Why it is bad

    `prepare_threshold=0` prepares every statement at its first execution; None prepares nothing. Behind a
    transaction pooler the statements then collide: `prepared statement "_pg3_0" already exists`.

    ## Good

    ```python
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+psycopg://app@db/app", connect_args={"prepare_threshold": None})
    ```

    ## Bad

    ```python
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+psycopg://app@db/app", connect_args={"prepare_threshold": 0})
    ```

    ## When to ignore

    When every statement is really meant to be prepared at its first execution.

    ## Source

    psycopg, "Prepared statements"; SQLAlchemy, "Prepared Statement Cache" of the asyncpg dialect.
    """

    code = "ADB702"
    name = "cache-off-is-on"
    severity = Severity.ERROR
    fix = Applicability.UNSAFE
    holds_for = {"asyncpg": ">=0.29", "psycopg": ">=3.1"}
    triggers = (b"prepare_threshold", b"statement_cache_size")

    def visit_Call(self, call: cst.Call) -> None:
        engine = self.file.engines.get(call)
        if engine is None:
            return
        if is_zero_threshold(self.file, engine):
            self.report_threshold(engine)
        if is_half_off(self.file, engine):
            self.report_half(engine)
        for name in SIZES:
            setting = engine.connect_args.get(name)
            if setting is not None and self.loses_zero(setting.value):
                self.report_lost_zero(setting)

    def report_threshold(self, engine: EngineCall) -> None:
        setting = engine.connect_args.get("prepare_threshold")
        if setting is None:  # in the URL, where it does not work at all: ADB504
            return
        _, sure = pooler(self.file, engine)
        self.report(
            setting.place,
            "`prepare_threshold` 0 prepares every statement at once instead of none",
            why="Behind a transaction pooler the statements' names collide; elsewhere those that run once"
            " are prepared too",
            help="write `None`, which prepares nothing",
            repair=Repair(Applicability.UNSAFE, "Write `None`", ((setting.value, cst.Name("None")),))
            if isinstance(setting.value, cst.Integer)
            else None,
            severity=Severity.ERROR if sure else Severity.WARNING,
        )

    def report_half(self, engine: EngineCall) -> None:
        setting = engine.connect_args.get("statement_cache_size")
        if setting is None:
            return
        self.report(
            setting.place,
            "`statement_cache_size` 0 leaves SQLAlchemy's own cache of prepared statements on",
            why="SQLAlchemy prepares statements itself and keeps 100 of them, which fail behind a pooler",
            help="set `prepared_statement_cache_size` to 0 too, and give statements names of their own with"
            " `prepared_statement_name_func`",
        )

    def loses_zero(self, node: cst.BaseExpression) -> bool:
        """`size or 100` where `size` is a number, and 0 is what switches the cache off."""
        if not isinstance(node, cst.BooleanOperation) or not isinstance(node.operator, cst.Or):
            return False
        default = self.file.model.exprs.get(node.right)
        if not isinstance(default, ex.Literal) or not isinstance(default.value, int) or default.value <= 0:
            return False
        return self.is_number(self.file.model.exprs.get(node.left))

    def is_number(self, expr: ex.Node | None) -> bool:
        """Whether a value is a whole number: `int(…)`, or a parameter that says so."""
        match expr:
            case ex.Literal(int()) | ex.Call(ex.Ref("builtins.int")):
                return True
            case ex.Bound(index):
                return self.is_number(self.file.model.bindings[index].expr)
            case ex.Param(function, name):
                parameters = self.file.model.summary.functions[function].parameters
                annotation = next((each.annotation for each in parameters if each.name == name), None)
                options = annotation.options if isinstance(annotation, ex.Either) else (annotation,)
                return ex.Ref("builtins.int") in options
            case _:
                return False

    def report_lost_zero(self, setting: Setting) -> None:
        assert isinstance(setting.value, cst.BooleanOperation)
        size = self.source(setting.value.left)
        self.report(
            setting.value,
            f"`{self.source(setting.value)}` makes 0 the default: `{setting.name}` cannot be switched off",
            why="0 is false, so that `or` takes the other value",
            help=f"write `{self.source(setting.value.right)} if {size} is None else {size}`",
        )
