"""ADB803 asyncio-run-on-loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.finding import Position, Severity, Step
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.effects import NO_EFFECT
from asyncdb_lint.semantics.loops import effect_of, is_careful, lent_runs, loop_runs

if TYPE_CHECKING:
    from asyncdb_lint.semantics.loops import Nested


class AsyncioRunOnLoop(Rule):
    """An event loop that is made for database work where one is running already.

    ## What it flags

    `asyncio.run()`, `async_to_sync()`, or a new loop's or runner's `run` for a coroutine that uses a database, in a
    coroutine function, or in a plain function that a coroutine function calls, at any distance and across files.
    Functions that ask whether a loop is running, expect the `RuntimeError`, or make the loop in a thread are left
    alone, and so are those that coroutine functions hand to a thread.

    ## Why it is bad

    A thread runs one event loop at a time: it raises `RuntimeError: asyncio.run() cannot be called from a running
    event loop` and the coroutine never begins. Nothing is read or written.

    ## Good

    ```python
    from sqlalchemy.ext.asyncio import AsyncSession

    async def save(session: AsyncSession, note: object):
        session.add(note)
        await session.commit()

    async def handler(session: AsyncSession, note: object):
        await save(session, note)
    ```

    ## Bad

    ```python
    import asyncio

    from sqlalchemy.ext.asyncio import AsyncSession

    async def save(session: AsyncSession, note: object):
        session.add(note)
        await session.commit()

    def save_now(session: AsyncSession, note: object):
        asyncio.run(save(session, note))

    async def handler(session: AsyncSession, note: object):
        save_now(session, note)
    ```

    ## When to ignore

    When something that the linter does not see makes loops nest (`nest_asyncio` in another project).

    ## Source

    Python, `asyncio.run`: "cannot be called when another asyncio event loop is running in the same thread".
    """

    code = "ADB803"
    name = "asyncio-run-on-loop"
    severity = Severity.ERROR
    triggers = (b"async def",)
    seeds = (b"asyncio.run", b"run_until_complete", b"async_to_sync")

    def finish(self) -> None:
        if self.file.is_test or any("nest_asyncio" in each for each in self.file.model.summary.imports):
            return
        told: set[cst.CSTNode] = set()
        for run in (*loop_runs(self.file), *lent_runs(self.file)):
            direct = run.scope is not None and run.scope.is_async and not is_careful(self.file, run)
            if direct and effect_of(self.file, run) != NO_EFFECT and run.node not in told:
                told.add(run.node)
                self.report_call(run.node, [])
        for scope in self.file.tracing.names:
            for nested in self.file.reach.nested.get(f"{self.file.model.name}:{scope.qualname}", ()):
                node = self.file.node(nested.node)
                if node not in told:
                    told.add(node)
                    self.report_call(node, self.way(nested))

    def way(self, nested: Nested) -> list[Step]:
        """The calls down to the one that makes the loop."""
        found = []
        for number, (where, function) in enumerate(nested.way, 1):
            place = self.file.reach.places.get(where)
            if place is not None:
                does = "makes an event loop:" if number == len(nested.way) else "calls"
                message = f"`{function.rpartition(':')[2]}` {does} `{place.text}`"
                found.append(Step(place.path, Position(place.row, place.column), message))
        return found

    def report_call(self, node: cst.CSTNode, chain: list[Step]) -> None:
        called = self.source(node.func if isinstance(node, cst.Call) else node, 60)
        self.report(
            node,
            f"`{called}` makes an event loop where one is running",
            why="That raises `RuntimeError: … cannot be called from a running event loop`, and the coroutine never"
            " begins",
            help="make the functions in between `async def` and `await` the coroutine"
            if chain
            else "`await` the coroutine",
            chain=chain,
        )
