"""ADB704 statement-cache-size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.caches.switches import pooler, value

if TYPE_CHECKING:
    from asyncdb_lint.semantics.engines import EngineCall

HUGE = 1000
"""Ten times the default: 7 MB of plans for each connection, measured with small statements."""
OFF: dict[str, dict[str, object]] = {
    "asyncpg": {"statement_cache_size": 0, "prepared_statement_cache_size": 0},
    "psycopg": {"prepare_threshold": None},
}
SIZES = {"asyncpg": ("statement_cache_size", "prepared_statement_cache_size"), "psycopg": ("prepared_max",)}


class StatementCacheSize(Rule):
    """A statement cache of a size that fits nothing: huge, or off without a pooler.

    ## What it flags

    asyncpg's `statement_cache_size`, SQLAlchemy's `prepared_statement_cache_size` and psycopg's `prepared_max` of
    1000 and more; and the values that switch prepared statements off (0, `prepare_threshold=None`) in a project
    that says `pooler = "none"`.

    ## Why it is bad

    Each connection keeps its own prepared statements on the server, with their plans, up to that number: a
    thousand small ones take 7 MB, for every connection of every pool. Without any, the server parses and plans
    each statement anew.

    ## Good

    ```python
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://db/app")
    ```

    ## Bad

    ```python
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(
        "postgresql+asyncpg://db/app", connect_args={"prepared_statement_cache_size": 10_000}
    )
    ```

    ## When to ignore

    When the application really has that many statements, few connections, and the memory.

    ## Source

    SQLAlchemy, "Prepared Statement Cache" of the asyncpg dialect; psycopg, "Prepared statements".
    """

    code = "ADB704"
    name = "statement-cache-size"
    severity = Severity.INFO
    default = False
    holds_for = {"asyncpg": ">=0.29", "psycopg": ">=3.1"}
    triggers = (b"cache_size", b"prepared_max", b"prepare_threshold")

    def visit_Call(self, call: cst.Call) -> None:
        engine = self.file.engines.get(call)
        driver = (
            engine.driver.name.removesuffix("_async")
            if engine is not None and engine.driver is not None
            else ""
        )
        if engine is None or driver not in SIZES or self.file.is_test:
            return
        for name in SIZES[driver]:
            size = value(self.file, engine, name)
            if isinstance(size, int) and size >= HUGE:
                self.report(
                    self.place(call, engine, name),
                    f"`{name}` keeps {size} prepared statements for each connection",
                    why="They stay on the server with their plans, about 7 KB each at least",
                    help="leave it at 100, and bind values in place of writing them into the SQL",
                )
                return
        if self.file.settings.pooler == "none" and not pooler(self.file, engine)[0]:
            for name, off in OFF[driver].items():
                if engine.connect_args.get(name) is not None and value(self.file, engine, name) == off:
                    self.report(
                        self.place(call, engine, name),
                        f"`{name}={off}` switches prepared statements off, and there is no pooler",
                        why="The server parses and plans every statement anew",
                        help="leave it out",
                    )
                    return

    def place(self, call: cst.Call, engine: EngineCall, name: str) -> cst.CSTNode:
        setting = engine.connect_args.get(name)
        return setting.place if setting is not None else engine.url_node or call.func
