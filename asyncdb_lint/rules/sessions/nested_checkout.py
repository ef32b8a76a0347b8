"""ADB313 nested-checkout."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.afterwards import may_follow, stands_in
from asyncdb_lint.semantics.effects import frame_of, label

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.semantics.effects import Done, Frame, Root, Verb

WORKING: set[Verb] = {"reads", "writes"}
ENDING: set[Verb] = {"commits", "rolls back", "closes"}
HOLDING_AT_ONCE = ("Connection", "PoolConnectionProxy", "AsyncConnection")
"""What has its connection as soon as it is entered; sessions wait for their first statement."""


class Held(NamedTuple):
    """A connection that is checked out: the session or connection, its pool, and what took it."""

    root: Root
    source: str
    since: cst.CSTNode


class NestedCheckout(Rule):
    """A second connection taken from a pool by a task that still holds one.

    ## What it flags

    A session or connection that takes a connection from the same engine or pool while another one of the same
    function holds one: an inner `async with factory()`, `pool.fetch()` beside an acquired connection, or a project
    function that opens its own. A session holds a connection from its first statement until it commits, rolls back or
    closes. Engines without a pool (`NullPool`) are left alone, and so is what stands under a lock.

    ## Why it is bad

    When as many tasks as the pool has connections hold their first one, each waits for a second that nobody can give
    back. SQLAlchemy's tasks fail after `pool_timeout` with `QueuePool limit … reached`; asyncpg's wait for ever.

    ## Good

    ```python
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

    engine = create_async_engine("postgresql+asyncpg://db/app")
    factory = async_sessionmaker(engine)

    async def audit(session: AsyncSession) -> None:
        await session.execute(text("insert into audit default values"))

    async def order() -> None:
        async with factory() as session:
            await session.execute(text("insert into orders default values"))
            await audit(session)
            await session.commit()
    ```

    ## Bad

    ```python
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

    engine = create_async_engine("postgresql+asyncpg://db/app")
    factory = async_sessionmaker(engine)

    async def audit() -> None:
        async with factory() as session:
            await session.execute(text("insert into audit default values"))
            await session.commit()

    async def order() -> None:
        async with factory() as session:
            await session.execute(text("insert into orders default values"))
            await audit()
            await session.commit()
    ```

    ## When to ignore

    When the second transaction has to be independent of the first, and fewer tasks run at once than the pool has
    connections.

    ## Source

    SQLAlchemy, "Connection Pooling"; asyncpg, "Connection Pools".
    """

    code = "ADB313"
    name = "nested-checkout"
    severity = Severity.WARNING
    holds_for = {"sqlalchemy": ">=1.4"}
    triggers = (b"async with", b"AsyncSession", b"acquire")

    def finish(self) -> None:
        if self.file.is_test:
            return
        for scope, done in self.file.done.items():
            frame = frame_of(self.file, scope)
            if frame is not None and isinstance(scope.node, cst.FunctionDef):
                self.judge(frame, done)

    def judge(self, frame: Frame, done: list[Done]) -> None:
        held: dict[Root, Held] = {}
        told: set[Root] = set()
        for each in done:
            for root, source in self.taken(frame, each):
                first = self.first(held, root, source, each)
                if first is not None and first.root not in told:
                    told.add(first.root)
                    self.tell(first, each)
            self.note(frame, each, held)

    def note(self, frame: Frame, each: Done, held: dict[Root, Held]) -> None:
        """What is held after a call."""
        for act in each.effect.acts:
            if act.verb in ENDING:
                held.pop(act.root, None)
            elif act.verb in WORKING and act.root not in held:
                source = self.source_of(frame, act.root)
                if source:
                    held[act.root] = Held(act.root, source, each.node)
        opened = self.entered(frame, each)
        if opened is not None:
            held[opened.root] = opened

    def entered(self, frame: Frame, each: Done) -> Held | None:
        """A connection that an `async with` takes."""
        item = self.file.model.parents[each.node]
        if not isinstance(item, cst.WithItem) or item.asname is None or len(each.effect.opens) != 1:
            return None
        binding = self.file.model.targets.get(item.asname.name)
        source = each.effect.opens[0].source
        if binding is None or not source:
            return None
        name = getattr(self.file.kind_of(binding.expr), "name", "")
        root = frame.root(binding.expr, binding.index) if name.endswith(HOLDING_AT_ONCE) else None
        return Held(root, source, each.node) if root is not None else None

    def source_of(self, frame: Frame, root: Root) -> str:
        """The pool of a session that works; a parameter's is that of the dependency that gives it."""
        if root.what == "made":
            return root.source
        if root.what == "param" and len(root.path) == 1:
            return frame.source(ex.Param(frame.function.qualname, root.path[0]))
        return ""

    def taken(self, frame: Frame, each: Done) -> Iterator[tuple[Root | None, str]]:
        """The pools that a call takes a connection from, with the session that keeps it if that is known here."""
        for opens in each.effect.opens:
            if opens.source and not opens.locked and not opens.unless:
                yield None, opens.source
        for act in each.effect.acts:
            if act.verb in WORKING and not act.locked:
                source = self.source_of(frame, act.root)
                if source:
                    yield act.root, source

    def first(self, held: dict[Root, Held], root: Root | None, source: str, each: Done) -> Held | None:
        """A connection of the same pool that is still held where a call takes another."""
        if root in held:
            return None
        for other in held.values():
            if other.source == source and other.root != root and self.is_held_at(other, each.node):
                return other
        return None

    def is_held_at(self, held: Held, node: cst.CSTNode) -> bool:
        model = self.file.model
        if not may_follow(model, held.since, node):
            return False
        if held.root.what != "made":
            return True
        target = model.bindings[int(held.root.path[0])].target if held.root.path[0].isdigit() else None
        item = model.parents.get(target) if target is not None else None
        while item is not None and not isinstance(item, (cst.WithItem, cst.BaseStatement)):
            item = model.parents.get(item)
        if not isinstance(item, cst.WithItem):
            return True
        block = model.parents[item]
        return stands_in(model, node, block)

    def tell(self, held: Held, each: Done) -> None:
        name = label(self.file, held.root)
        holder = f"`{name}`" if name else f"`{self.source(held.since)}`"
        self.report(
            each.node,
            f"`{self.source(each.node)}` takes a second connection while {holder} holds one of the same pool",
            why="When every connection of the pool is held that way, all of them wait for each other",
            help=f"do the work with {holder}, or end its transaction first",
            chain=[self.file.step(held.since, f"{holder} holds a connection from here")],
        )
