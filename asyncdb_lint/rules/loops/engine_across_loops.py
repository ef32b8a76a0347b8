"""ADB801 engine-across-loops."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.finding import Position, Severity, Step
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.afterwards import may_follow
from asyncdb_lint.semantics.inventory import disposes
from asyncdb_lint.semantics.lifecycle import around, exclude
from asyncdb_lint.semantics.loops import LoopRun, effect_of, lent_runs, loop_runs, taken


class EngineAcrossLoops(Rule):
    """An asyncpg engine whose pool outlives the event loop that filled it.

    ## What it flags

    `asyncio.run()`, `async_to_sync()` or a new loop for a coroutine that takes connections from an engine on
    asyncpg which lives as long as the process (at module level, or cached), where this happens more than once: in a
    Celery, RQ or Dramatiq task, in a plain request handler or what it calls, in a `for` or `while`, or after another
    such run in the same function. It looks through calls and files, and through project functions that run what
    they are given.

    Fine, and not flagged: an engine on psycopg or aiosqlite, one with a `NullPool`, one that the coroutine makes
    or disposes of, one loop that is kept for all runs, a program's single `asyncio.run(main())`.

    ## Why it is bad

    A connection of asyncpg belongs to the loop that opened it. The first run leaves it in the pool, the second run
    gets it and raises `RuntimeError: … attached to a different loop` or `Event loop is closed`. `pool_pre_ping` does
    not help: the ping waits on the old loop too.

    ## Good

    ```python
    import asyncio

    from celery import Celery
    from sqlalchemy import NullPool, text
    from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

    app = Celery()
    engine = create_async_engine("postgresql+asyncpg://app@db/app", poolclass=NullPool)
    Session = async_sessionmaker(engine)

    async def clean_up():
        async with Session() as session:
            await session.execute(text("DELETE FROM note WHERE expired"))
            await session.commit()

    @app.task
    def nightly():
        asyncio.run(clean_up())
    ```

    ## Bad

    ```python
    import asyncio

    from celery import Celery
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

    app = Celery()
    engine = create_async_engine("postgresql+asyncpg://app@db/app")
    Session = async_sessionmaker(engine)

    async def clean_up():
        async with Session() as session:
            await session.execute(text("DELETE FROM note WHERE expired"))
            await session.commit()

    @app.task
    def nightly():
        asyncio.run(clean_up())
    ```

    ## When to ignore

    When the worker starts a process for each task (`worker_max_tasks_per_child=1`).

    ## Source

    SQLAlchemy, "Using multiple asyncio event loops"; Celery, "Concurrency".
    """

    code = "ADB801"
    name = "engine-across-loops"
    severity = Severity.ERROR
    holds_for = {"sqlalchemy": ">=1.4", "asyncpg": ">=0.29"}
    triggers = (b"run", b"async_to_sync")
    seeds = (b"asyncio.run", b"run_until_complete", b"async_to_sync")

    def finish(self) -> None:
        if self.file.is_test or not self.file.reach.bound:
            return
        runs = [(run, self.engines(run)) for run in (*loop_runs(self.file), *lent_runs(self.file))]
        for run, engines in runs:
            is_onward = run.scope is not None and run.scope.is_async  # raises for another reason
            if not engines or is_onward or disposes(self.file, run.scope):
                continue
            again = self.again(run) or self.after_another(run, engines, runs)
            if again:
                self.report_run(run, engines, again)

    def engines(self, run: LoopRun) -> list[str]:
        """The keys of the engines, bound to their loop, that a run leaves connections in."""
        return sorted(taken(effect_of(self.file, run)) & self.file.reach.bound.keys())

    def again(self, run: LoopRun) -> str:
        """Why a run happens more than once in a process; empty where it does not, as far as can be seen."""
        home = run.scope.node if run.scope is not None else None
        for parent, inner in around(self.file.model, run.node):
            if isinstance(parent, (cst.For, cst.While)) and inner is parent.body:
                return "each turn of the loop gets an event loop of its own"
            if parent is home:
                break
        if run.scope is None or f"{self.file.model.name}:{run.scope.qualname}" not in self.file.reach.served:
            return ""
        return f"each call of `{run.scope.qualname.rpartition('.')[2]}` gets an event loop of its own"

    def after_another(self, run: LoopRun, engines: list[str], runs: list[tuple[LoopRun, list[str]]]) -> str:
        """Whether another run in the same function has filled the pool before."""
        for other, taken_before in runs:
            if other is run or other.scope is not run.scope or set(engines).isdisjoint(taken_before):
                continue
            follows = may_follow(self.file.model, other.node, run.node)
            if follows and not exclude(self.file.model, other.node, run.node):
                return f"the loop of `{self.source(other.node, 60)}` is closed by then"
        return ""

    def report_run(self, run: LoopRun, engines: list[str], again: str) -> None:
        module, engine = self.file.reach.bound[engines[0]]
        name = engine.name or "the engine"
        place = self.file.reach.places.get((module, *engine.node))
        chain = []
        if place is not None:
            message = f"`{name}` is made here, on asyncpg and with a pool"
            chain.append(Step(place.path, Position(place.row, place.column), message))
        self.report(
            run.node,
            f"`{self.source(run.node.func)}` uses the pool of `{name}` on another event loop than before: {again}",
            why="asyncpg's connections belong to the loop that opened them: from the second run on it raises"
            " `RuntimeError: … attached to a different loop` or `Event loop is closed`",
            help="give what runs here an engine of its own with `poolclass=NullPool`, or end the coroutine with"
            f" `await {name}.dispose()`, or keep one loop for all runs",
            chain=chain,
        )
