"""ADB506 engine-never-disposed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.contexts import context
from asyncdb_lint.semantics.inventory import UNPOOLED, UNTOLD, is_short_lived

if TYPE_CHECKING:
    from asyncdb_lint.semantics.trace import Asset


class EngineNeverDisposed(Rule):
    """An application that ends without closing its async engine or pool.

    ## What it flags

    An async engine, or an asyncpg or psycopg pool, that lives as long as an application which has a lifespan or a
    start-up or shutdown handler, and which nothing in the project ever closes.

    ## Why it is bad

    Its connections stay open when the application ends, until the process does. Where applications come and go in one
    process (tests, reloads, several applications) they pile up on the server, and what a connection had to say
    goodbye for is cut off.

    ## Good

    ```python
    from contextlib import asynccontextmanager

    from fastapi import FastAPI
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://app@db/app")

    @asynccontextmanager
    async def lifespan(app: FastAPI):
        yield
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)
    ```

    ## Bad

    ```python
    from contextlib import asynccontextmanager

    from fastapi import FastAPI
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://app@db/app")

    @asynccontextmanager
    async def lifespan(app: FastAPI):
        yield

    app = FastAPI(lifespan=lifespan)
    ```

    ## When to ignore

    When the process ends with the application: the server notices.

    ## Source

    SQLAlchemy, "Engine Disposal"; "Asynchronous I/O (asyncio)".
    """

    code = "ADB506"
    name = "engine-never-disposed"
    severity = Severity.INFO
    default = False
    fix = Applicability.UNSAFE
    holds_for = {"sqlalchemy": ">=1.4", "asyncpg": ">=0.29", "psycopg_pool": ">=3.1"}

    def finish(self) -> None:
        if is_short_lived(self.file.project, self.file.model.name) or UNTOLD in self.file.reach.disposals:
            return
        own = [each for module, each in self.file.reach.assets if module == self.file.model.name]
        left = [each for each in own if self.is_left_open(each)]
        if left and self.has_hooks():
            for each in left:
                self.report_asset(each)

    def is_left_open(self, each: Asset) -> bool:
        pooled = each.what == "pool" or (
            each.what == "engine" and bool(each.pool) and each.pool not in UNPOOLED
        )
        return each.is_async and each.lasts and pooled and each.key not in self.file.reach.disposals

    def has_hooks(self) -> bool:
        """Whether the project has a function that runs when an application starts or stops."""
        project = self.file.project
        return any(
            context(project, module, function) == "startup"
            for module in project.modules.values()
            if not is_short_lived(project, module.name)
            for function in module.functions.values()
        )

    def report_asset(self, each: Asset) -> None:
        node = self.file.node(each.node)
        end = "dispose" if each.what == "engine" else "close"
        name = f"`{each.name}`" if each.name else f"The {each.what}"
        self.report(
            node.func if isinstance(node, cst.Call) else node,
            f"{name} is never closed",
            why="Its connections stay open after the application has ended, until the process does",
            help=f"`await {each.name or each.what}.{end}()` when the application stops",
            repair=self.repair(each.name, end),
        )

    def repair(self, name: str, end: str) -> Repair | None:
        """The lifespan of the same file ends with it, where it goes on after its only `yield`."""
        if name not in self.file.model.summary.names or not name.isidentifier():
            return None
        for node in self.file.model.nodes.get(cst.FunctionDef, ()):
            assert isinstance(node, cst.FunctionDef)
            scope = self.file.model.opened.get(node)
            summary = self.file.model.summary.functions.get(scope.qualname) if scope is not None else None
            if summary is None or context(self.file.project, self.file.model.summary, summary) != "startup":
                continue
            for line in node.body.body if isinstance(node.body, cst.IndentedBlock) else ():
                if isinstance(line, cst.SimpleStatementLine) and is_yield(line):
                    last = cst.parse_statement(f"await {name}.{end}()")
                    body = [*node.body.body, last]
                    changed = node.body.with_changes(body=body)
                    return Repair(Applicability.UNSAFE, "Close it at the end", ((node.body, changed),))
        return None


def is_yield(line: cst.SimpleStatementLine) -> bool:
    """Whether a line is a bare `yield`."""
    statement = line.body[0]
    return isinstance(statement, cst.Expr) and isinstance(statement.value, cst.Yield)
