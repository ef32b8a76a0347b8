"""ADB805 async-client-without-loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.contexts import context, library_names
from asyncdb_lint.semantics.effects import NO_EFFECT, effects_of
from asyncdb_lint.semantics.forks import CELERY_TASKS
from asyncdb_lint.semantics.kinds import Coroutine, Function
from asyncdb_lint.semantics.loops import LoopRun, effect_of
from asyncdb_lint.semantics.usage import fates

if TYPE_CHECKING:
    from asyncdb_lint.semantics.model import Scope

CELERY_WITH_LOOPS = {"celery_aio_pool", "celery_pool_asyncio", "aio_celery", "celery_asyncio"}
# What calls a function later, by the argument that is it; nobody looks at what it gives.
CALLERS = {
    "threading.Thread": ("target", 1, "a thread"),
    "threading.Timer": ("function", 1, "a timer's thread"),
    "multiprocessing.Process": ("target", 1, "a process"),
    "multiprocessing.context.Process": ("target", 1, "a process"),
    "atexit.register": ("func", 0, "the interpreter's end"),
}
SUBMITTERS = {
    "concurrent.futures.ThreadPoolExecutor.submit", "concurrent.futures.thread.ThreadPoolExecutor.submit",
    "concurrent.futures.ProcessPoolExecutor.submit", "concurrent.futures.process.ProcessPoolExecutor.submit",
}  # fmt: skip
TASKS = {
    "asyncio.create_task",
    "asyncio.ensure_future",
    "asyncio.tasks.create_task",
    "asyncio.tasks.ensure_future",
}


class AsyncClientWithoutLoop(Rule):
    """Async database work that is given to code which has no event loop.

    ## What it flags

    A coroutine function that uses a database as a Celery task, or given to a thread, a process, a thread pool or
    `atexit`; and `asyncio.create_task()` or `ensure_future()` for such a function in a plain endpoint or a worker's
    task.

    ## Why it is bad

    Celery, threads and `atexit` call the function, get a coroutine, and drop it: nothing is sent to the database,
    and only a warning tells of it (Celery's JSON results raise `Object of type coroutine is not JSON
    serializable`). `create_task()` raises `RuntimeError: no running event loop` in a thread.

    ## Good

    ```python
    import asyncio

    from celery import shared_task
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import AsyncSession

    async def clean_up(session: AsyncSession):
        await session.execute(text("DELETE FROM note WHERE expired"))

    @shared_task
    def nightly(session: AsyncSession):
        asyncio.run(clean_up(session))
    ```

    ## Bad

    ```python
    from celery import shared_task
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import AsyncSession

    @shared_task
    async def nightly(session: AsyncSession):
        await session.execute(text("DELETE FROM note WHERE expired"))
    ```

    ## When to ignore

    When the worker has a pool or a task class of its own that runs coroutines.

    ## Source

    Celery, "Tasks"; Python, `threading.Thread`, `atexit` and `asyncio.create_task`.
    """

    code = "ADB805"
    name = "async-client-without-loop"
    severity = Severity.ERROR
    triggers = (b"shared_task", b".task", b"Thread", b"Process", b"Timer", b"submit", b"atexit", b"create_task",
                b"ensure_future")  # fmt: skip

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        if node.asynchronous is None or self.file.is_test or not self.uses_database(node):
            return
        for each in node.decorators:
            call = each.decorator if isinstance(each.decorator, cst.Call) else None
            expr = self.file.model.exprs.get(call.func if call is not None else each.decorator)
            names = library_names(self.file.project, self.file.model.name, expr) if expr is not None else ()
            if CELERY_TASKS.isdisjoint(names) or (
                call is not None and self.file.argument(call, "base") is not None
            ):
                continue
            if not self.celery_runs_coroutines():
                self.report(
                    node.name,
                    f"Celery calls `{node.name.value}` and drops the coroutine that it gets",
                    why="A Celery worker has no event loop: nothing that the function does reaches the database",
                    help=f"make `{node.name.value}` a plain `def` that runs a coroutine with `asyncio.run(…)`, on an"
                    " engine with `poolclass=NullPool`",
                )

    def celery_runs_coroutines(self) -> bool:
        """Whether the project brings a pool for Celery that has an event loop."""
        roots = {
            name.partition(".")[0] for each in self.file.project.modules.values() for name in each.imports
        }
        return not CELERY_WITH_LOOPS.isdisjoint(roots)

    def uses_database(self, node: cst.FunctionDef) -> bool:
        scope = self.file.model.opened.get(node)
        name = f"{self.file.model.name}:{scope.qualname}" if scope is not None else ""
        return effects_of(self.file.project).of(name)._replace(waits=()) != NO_EFFECT

    def visit_Call(self, call: cst.Call) -> None:
        if self.file.is_test:
            return
        name = getattr(self.kind(call.func), "name", "")
        if name in TASKS:
            self.judge_task(call)
        elif name in CALLERS:
            keyword, position, caller = CALLERS[name]
            arg = self.file.argument(call, keyword, position)
            if arg is not None:
                self.judge_function(arg.value, caller)
        elif name in SUBMITTERS and call.args and self.is_dropped(call):
            self.judge_function(call.args[0].value, "a pool's thread")

    def is_dropped(self, call: cst.Call) -> bool:
        """Whether nobody looks at what a call gives."""
        return all(what == "discarded" for what, _ in fates(self.file.model, call))

    def judge_function(self, function: cst.BaseExpression, caller: str) -> None:
        """Something that is called with nobody to await what it gives."""
        expr, kind = self.file.model.exprs.get(function), self.kind(function)
        if expr is None or not isinstance(kind, Function) or not self.is_database_work(ex.Call(expr), kind):
            return
        self.report(
            function,
            f"`{self.source(function)}` gives {caller} a coroutine that nobody awaits",
            why="There is no event loop: the call only makes a coroutine, and nothing reaches the database",
            help=f"pass a function that runs it: `lambda: asyncio.run({self.source(function)}(…))`",
        )

    def is_database_work(self, call: ex.Call, kind: Function) -> bool:
        """Whether calling a function makes a coroutine that uses a database."""
        if ":" in kind.name:
            return effects_of(self.file.project).of(kind.name)._replace(waits=()) != NO_EFFECT
        role, mode = self.file.project.role(kind.owner) if kind.owner is not None else ("", "")
        return bool(role) and mode == "async" and isinstance(self.file.kind_of(call), Coroutine)

    def judge_task(self, call: cst.Call) -> None:
        """A task that is started by a function of a thread or a worker."""
        scope = self.scope(call).function
        if scope is None or scope.is_async or not call.args or not self.has_no_loop(scope):
            return
        coroutine = self.file.model.exprs.get(call.args[0].value)
        run = LoopRun(call, coroutine, scope) if coroutine is not None else None
        if run is None or effect_of(self.file, run)._replace(waits=()) == NO_EFFECT:
            return
        self.report(
            call,
            f"`{self.source(call.func)}` needs a running event loop, and `{scope.qualname}` runs in a thread or a"
            " worker that has none",
            why="It raises `RuntimeError: no running event loop`, and the coroutine never begins",
            help=f"make `{scope.qualname.rpartition('.')[2]}` an `async def`",
        )

    def has_no_loop(self, scope: Scope) -> bool:
        summary = self.file.model.summary.functions.get(scope.qualname)
        return summary is not None and context(self.file.project, self.file.model.summary, summary) in (
            "thread", "worker",
        )  # fmt: skip
