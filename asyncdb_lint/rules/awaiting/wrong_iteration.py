"""ADB205 wrong-iteration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.afterwards import stands_in
from asyncdb_lint.semantics.kinds import Class, Function, Instance, Iterator, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator as Iterating

ASYNC_CALLS = {"asyncpg.connection.Connection.cursor", "asyncpg.prepared_stmt.PreparedStatement.cursor"}
"""Calls whose result can be awaited too, so that its kind says nothing of iterating."""
LOOPS = (cst.For, cst.While)


class WrongIteration(Rule):
    """`for` over what has to be iterated by `async for`, or the other way round.

    ## What it flags

    - `for` over an asynchronous result, cursor or generator of a database library: what `await session.stream()` gives,
      psycopg's and aiosqlite's async cursors, asyncpg's cursors.
    - `async for` over a buffered result: what `await session.execute()` or `session.scalars()` gives.
    - As a warning: `async for session in get_session():` that is left by `return` or `break`, where `get_session` is
      a generator dependency of the project.

    ## Why it is bad

    The first two raise `TypeError`: `'AsyncResult' object is not iterable`, `'async for' requires an object with
    __aiter__ method`. A generator that is left early stops at its `yield`: what stands after it, a commit say, never
    runs, errors of the loop's body do not reach it, and its cleaning up is left to the garbage collector.

    ## Good

    ```python
    from sqlalchemy import select
    from sqlalchemy.ext.asyncio import AsyncSession

    async def total(session: AsyncSession, column) -> int:
        return sum([value async for value in await session.stream_scalars(select(column))])
    ```

    ## Bad

    ```python
    from sqlalchemy import select
    from sqlalchemy.ext.asyncio import AsyncSession

    async def total(session: AsyncSession, column) -> int:
        return sum([value for value in await session.stream_scalars(select(column))])
    ```

    ## When to ignore

    Never for the first two. A loop over a generator is harmless where nothing follows its `yield`.

    ## Source

    SQLAlchemy, "Asynchronous I/O (asyncio): Streaming"; Python, "asynchronous generator finalization" (PEP 525).
    """

    code = "ADB205"
    name = "wrong-iteration"
    severity = Severity.ERROR
    fix = Applicability.UNSAFE
    requires = (b"async ",)

    def visit_For(self, node: cst.For) -> None:
        self.judge(node, node.iter)
        if node.asynchronous is not None and not self.file.is_test:
            self.judge_generator(node)

    def visit_CompFor(self, node: cst.CompFor) -> None:
        self.judge(node, node.iter)

    def judge(self, node: cst.For | cst.CompFor, over: cst.BaseExpression) -> None:
        how = self.iterates(over)
        text = self.source(over)
        if how == "async" and node.asynchronous is None:
            self.report(
                over,
                f"`{text}` has to be iterated by `async for`",
                why="`for` raises TypeError: it is not iterable",
                help="write `async for`, in a coroutine function",
                repair=self.repair(node, cst.Asynchronous()),
            )
        elif how == "sync" and node.asynchronous is not None:
            self.report(
                over,
                f"`{text}` is buffered, and has to be iterated by `for`",
                why="`async for` raises TypeError: it has no `__aiter__`",
                help="write `for`; the rows are all there",
                repair=self.repair(node, None),
            )

    def iterates(self, node: cst.BaseExpression) -> Literal["async", "sync", ""]:
        """By which kind of loop alone a value can be iterated, as far as a library says so."""
        if isinstance(node, cst.Call) and getattr(self.kind(node.func), "name", "") in ASYNC_CALLS:
            return "async"
        kind = self.kind(node)
        if isinstance(node, cst.Call) and not self.is_told(node):
            return ""
        if isinstance(kind, Iterator):
            is_own = isinstance(node, cst.Call) and ":" in getattr(self.kind(node.func), "name", "")
            return "" if is_own else "async" if kind.is_async else "sync"
        if not isinstance(kind, Instance) or kind.declared or ":" in kind.name:
            return ""
        can = {name for name in ("__aiter__", "__iter__") if self.has(kind, name)}
        return "async" if can == {"__aiter__"} else "sync" if can == {"__iter__"} else ""

    def is_told(self, call: cst.Call) -> bool:
        """Whether code, or a library's description, says what a call gives; settings do not say how it is used."""
        facts = self.file.call(call)
        if facts is None:
            return False
        return facts.member is not None or ":" in facts.function or isinstance(self.kind(call.func), Class)

    def has(self, kind: Kind, name: str) -> bool:
        assert isinstance(kind, Instance)
        bases = self.file.project.mro(kind.name)
        return any(self.file.project.member(Function(f"{each}.{name}", Instance(each))) for each in bases)

    def repair(self, node: cst.For | cst.CompFor, asynchronous: cst.Asynchronous | None) -> Repair | None:
        scope = self.scope(node).function
        if isinstance(node, cst.CompFor) or scope is None or not scope.is_async:
            return None
        mended = node.with_changes(asynchronous=asynchronous)
        keyword = "async for" if asynchronous is not None else "for"
        return Repair(Applicability.UNSAFE, f"Iterate by `{keyword}`", ((node, mended),))

    # Generators of sessions

    def judge_generator(self, node: cst.For) -> None:
        kind = self.kind(node.iter)
        if not isinstance(node.iter, cst.Call) or not isinstance(kind, Iterator) or not kind.is_async:
            return
        provider = self.kind(node.iter.func)
        if self.file.project.role(kind.of) != ("session", "async") or not isinstance(provider, Function):
            return
        left = next(self.exits(node), None)
        if ":" not in provider.name or left is None:
            return
        name = self.source(node.iter.func)
        self.report(
            node.iter,
            f"the generator `{name}` is left at its `yield`",
            why="What follows the `yield` does not run, no error reaches it, and the collector has to clean up",
            help=f"make a context manager of it: `async with contextlib.asynccontextmanager({name})() as …:`",
            chain=[self.file.step(left, "this leaves the loop")],
            severity=Severity.WARNING,
        )

    def exits(self, loop: cst.For) -> Iterating[cst.CSTNode]:
        """What leaves a loop before its end."""
        for kind in (cst.Return, cst.Break):
            for node in self.file.model.nodes.get(kind, ()):
                if stands_in(self.file.model, node, loop.body) and (
                    kind is cst.Return or self.innermost(node) is loop
                ):
                    yield node

    def innermost(self, node: cst.CSTNode) -> cst.CSTNode:
        while not isinstance(node, LOOPS):
            node = self.file.model.parents[node]
        return node
