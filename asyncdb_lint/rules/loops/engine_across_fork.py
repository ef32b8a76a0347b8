"""ADB802 engine-across-fork."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.afterwards import may_follow
from asyncdb_lint.semantics.engines import QUEUES
from asyncdb_lint.semantics.inventory import disposes
from asyncdb_lint.semantics.kinds import Function
from asyncdb_lint.semantics.lifecycle import around

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.semantics.model import Scope

CONNECTING = {
    "psycopg2.connect", "psycopg.connect", "psycopg.Connection.connect", "psycopg2.pool.SimpleConnectionPool",
    "psycopg2.pool.ThreadedConnectionPool", "psycopg2.pool.AbstractConnectionPool",
    "psycopg_pool.pool.ConnectionPool",
}  # fmt: skip
"""What has a connection as soon as it is made."""
PROCESSES = {"multiprocessing.Process", "multiprocessing.context.Process"}
POOLS = {
    "multiprocessing.Pool", "multiprocessing.pool.Pool", "concurrent.futures.ProcessPoolExecutor",
    "concurrent.futures.process.ProcessPoolExecutor",
}  # fmt: skip
SHARING = {
    "map",
    "imap",
    "imap_unordered",
    "starmap",
    "apply",
    "apply_async",
    "map_async",
    "starmap_async",
    "submit",
}
OTHER_START = ("spawn", "forkserver")


class EngineAcrossFork(Rule):
    """Database connections that a process opens before it forks, and that its children use too.

    ## What it flags

    In a project with Celery tasks: an engine that a module uses while it is imported (`create_all()` at module level)
    and that tasks use; a connection, or a pool that connects when it is made, at module level, that tasks use. In any
    project: an engine that a function uses before it starts a `multiprocessing` process or a pool of processes whose
    functions use it.

    Fine, and not flagged: an engine that is only made before the fork, one with a `NullPool`, functions that call
    `dispose()`, handlers of `worker_process_init`, processes that are spawned.

    ## Why it is bad

    Parent and children share one socket. Each may read the answer to the other's statement, and when one of them
    ends its connection the server ends it for all: `server closed the connection unexpectedly`. An asyncpg
    connection also waits on the event loop of the parent.

    ## Good

    ```python
    from celery import Celery
    from celery.signals import worker_process_init
    from sqlalchemy import create_engine, text

    app = Celery()
    engine = create_engine("postgresql+psycopg://app@db/app")
    with engine.connect() as connection:
        VERSION = connection.scalar(text("SHOW server_version"))

    @worker_process_init.connect
    def forget_connections(**_):
        engine.dispose(close=False)

    @app.task
    def count():
        with engine.connect() as connection:
            return connection.scalar(text("SELECT count(*) FROM note"))
    ```

    ## Bad

    ```python
    from celery import Celery
    from sqlalchemy import create_engine, text

    app = Celery()
    engine = create_engine("postgresql+psycopg://app@db/app")
    with engine.connect() as connection:
        VERSION = connection.scalar(text("SHOW server_version"))

    @app.task
    def count():
        with engine.connect() as connection:
            return connection.scalar(text("SELECT count(*) FROM note"))
    ```

    ## When to ignore

    When the workers do not fork (`--pool threads`, `solo`), or processes are spawned by a setting elsewhere.

    ## Source

    SQLAlchemy, "Using Connection Pools with Multiprocessing or os.fork()"; libpq, "fork".
    """

    code = "ADB802"
    name = "engine-across-fork"
    severity = Severity.ERROR
    holds_for = {"sqlalchemy": ">=1.4", "psycopg2": ">=2.9", "psycopg": ">=3.1", "psycopg_pool": ">=3.1"}
    seeds = (b"shared_task", b"multiprocessing", b"ProcessPoolExecutor")

    def finish(self) -> None:
        if self.file.is_test:
            return
        if self.file.model.name in self.file.reach.forked.modules:
            self.judge_import()
            self.judge_connections()
        if {"multiprocessing", "concurrent"} & {
            each.partition(".")[0] for each in self.file.model.summary.imports
        }:
            self.judge_processes()

    # Celery

    def judge_import(self) -> None:
        """Engines that the module itself uses."""
        told: set[str] = set()
        for engine, node in self.uses(self.file.model.opened[self.file.model.module]):
            task = self.file.reach.forked.engines.get(engine)
            if task is not None and engine not in told and not self.is_guarded(node):
                told.add(engine)
                self.report_shared(
                    node,
                    f"`{self.source(node, 60)}` opens a connection at import, and `{task.rpartition(':')[2]}` uses"
                    " the same pool in Celery's forked workers",
                )

    def judge_connections(self) -> None:
        """Connections and pools that the module makes."""
        for binding in self.file.model.bindings:
            call = binding.value
            if binding.scope.what != "module" or not isinstance(call, cst.Call) or not self.connects(call):
                continue
            users = (self.scope(use).function for use in binding.uses)
            task = next((each for each in users if each is not None and self.is_forked(each)), None)
            if task is not None and not self.is_guarded(call):
                self.report_shared(
                    call,
                    f"`{binding.name}` is connected at import, and `{task.qualname}` uses it in Celery's forked"
                    " workers",
                )

    def is_forked(self, scope: Scope) -> bool:
        return f"{self.file.model.name}:{scope.qualname}" in self.file.reach.forked.functions

    def connects(self, call: cst.Call) -> bool:
        """Whether a call opens a connection: pools can be told to wait."""
        if getattr(self.kind(call.func), "name", "") not in CONNECTING:
            return False
        values = [self.source(arg.value) for arg in call.args]
        lazy = {"0", "False"}
        return values[:1] != ["0"] and not any(
            arg.keyword is not None and arg.keyword.value in ("open", "minconn", "min_size") and value in lazy
            for arg, value in zip(call.args, values, strict=True)
        )

    def is_guarded(self, node: cst.CSTNode) -> bool:
        """Whether code runs only where the module is the program."""
        return any(
            isinstance(parent, cst.If) and "__main__" in self.source(parent.test, 80)
            for parent, _ in around(self.file.model, node)
        )

    # Processes

    def judge_processes(self) -> None:
        strings = (each.value for each in self.file.model.nodes.get(cst.SimpleString, ()))  # type: ignore[attr-defined]
        if any(text.strip("'\"") in OTHER_START for text in strings):
            return
        for call in self.file.model.nodes.get(cst.Call, ()):
            assert isinstance(call, cst.Call)
            scope = self.scope(call).function
            for function in self.forked_by(call) if scope is not None else ():
                if scope is not None and self.judge_process(call, scope, function):
                    break

    def judge_process(self, call: cst.Call, scope: Scope, function: str) -> bool:
        """Whether a child and its parent use the same engine, the parent first."""
        child = next((each for each in self.file.tracing.names if self.absolute(each) == function), None)
        if child is None or disposes(self.file, child):
            return False
        pooled = {each.key for _, each in self.file.reach.engines if each.pool in QUEUES}
        in_child = {engine for engine, _ in self.uses(child)} & pooled
        for engine, node in self.uses(scope):
            if engine in in_child and may_follow(self.file.model, node, call):
                self.report_shared(
                    call,
                    f"`{child.qualname}` uses the pool in another process that `{self.source(node, 60)}` has"
                    " opened a connection of",
                )
                return True
        return False

    def absolute(self, scope: Scope) -> str:
        return f"{self.file.model.name}:{scope.qualname}"

    def forked_by(self, call: cst.Call) -> Iterator[str]:
        """The project functions that a call runs in processes that fork off here."""
        name = getattr(self.kind(call.func), "name", "")
        handed: cst.BaseExpression | None = None
        if name in PROCESSES:
            arg = self.file.argument(call, "target", 1)
            handed = arg.value if arg is not None else None
        elif call.args and isinstance(call.func, cst.Attribute) and self.is_sharing(call.func):
            handed = call.args[0].value
        kind = self.kind(handed) if handed is not None else None
        if isinstance(kind, Function) and ":" in kind.name:
            yield kind.name

    def is_sharing(self, method: cst.Attribute) -> bool:
        """Whether it hands work to a pool of processes that has no function of its own to set them up."""
        if method.attr.value not in SHARING:
            return False
        expr = self.file.model.exprs.get(method.value)
        while isinstance(expr, (ex.Bound, ex.Enter)):
            expr = self.file.model.bindings[expr.index].expr if isinstance(expr, ex.Bound) else expr.value
        if not isinstance(expr, ex.Call) or getattr(self.file.kind_of(expr.func), "name", "") not in POOLS:
            return False
        return not {"initializer", "mp_context", "context"} & {name for name, _ in expr.keywords}

    # Both

    def uses(self, scope: Scope) -> Iterator[tuple[str, cst.CSTNode]]:
        """The engines that a function takes connections from, itself or in what it calls, and where."""
        trace = self.file.tracing.functions[scope]
        for wait in trace.waits:
            if wait.engine:
                yield wait.engine, self.file.node(wait.node)
        for site in trace.sites:
            for hop in self.file.reach.way(site.callee, ""):
                if hop.engine:
                    yield hop.engine, self.file.node(site.node)

    def report_shared(self, node: cst.CSTNode, message: str) -> None:
        self.report(
            node,
            message,
            why="After the fork both processes talk over one socket: answers get mixed up, and who closes it closes"
            " it for the other",
            help="open connections only after the fork, or call `engine.dispose(close=False)` first in the child"
            " (Celery: in a handler of `worker_process_init`)",
        )
