"""ADB314 unbounded-fan-out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.effects import frame_of
from asyncdb_lint.semantics.kinds import Function
from asyncdb_lint.semantics.sharing import COMPREHENSIONS, Work, gathered, started

if TYPE_CHECKING:
    from collections.abc import Iterable

TOGETHER = {"asyncio.gather", "asyncio.wait", "asyncio.as_completed"}
BOUNDED = ("batch", "chunk", "page", "shard")
"""Words of names that hold a part of the data, as large as somebody has decided."""


class UnboundedFanOut(Rule):
    """As many coroutines at once as there are data, each of which takes a connection of a pool.

    ## What it flags

    `asyncio.gather`, `asyncio.wait`, `asyncio.as_completed` or a `TaskGroup` over a comprehension or loop whose
    coroutine opens a session or takes a connection of an engine or pool. Literal lists, `range(10)`, slices and
    batches are bounded, and so is a coroutine that works under a semaphore. Engines without a pool are left alone.

    ## Why it is bad

    A pool of fifteen connections serves fifteen coroutines; the others wait, and fail after `pool_timeout` with
    `QueuePool limit … reached`. It works in tests, with three rows, and all other requests wait with it.

    ## Good

    ```python
    import asyncio
    from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

    engine = create_async_engine("postgresql+asyncpg://db/app")
    factory = async_sessionmaker(engine)
    limit = asyncio.Semaphore(5)

    async def load(number: int) -> object:
        async with limit, factory() as session:
            return await session.get(object, number)

    async def load_all(numbers: list[int]) -> list[object]:
        return await asyncio.gather(*[load(number) for number in numbers])
    ```

    ## Bad

    ```python
    import asyncio
    from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

    engine = create_async_engine("postgresql+asyncpg://db/app")
    factory = async_sessionmaker(engine)

    async def load(number: int) -> object:
        async with factory() as session:
            return await session.get(object, number)

    async def load_all(numbers: list[int]) -> list[object]:
        return await asyncio.gather(*[load(number) for number in numbers])
    ```

    ## When to ignore

    When there are always fewer than the pool has connections.

    ## Source

    SQLAlchemy, "Connection Pooling: Using a Pool"; Python, "asyncio: Synchronization Primitives".
    """

    code = "ADB314"
    name = "unbounded-fan-out"
    severity = Severity.WARNING
    holds_for = {"sqlalchemy": ">=1.4"}
    triggers = (b"gather", b"asyncio.wait", b"as_completed", b"TaskGroup", b"import wait")

    def visit_Call(self, call: cst.Call) -> None:
        kind = self.kind(call.func)
        if isinstance(kind, Function) and kind.name in TOGETHER and not self.file.is_test:
            self.judge(call, gathered(self.file.model, call))

    def visit_With(self, node: cst.With) -> None:
        if not self.file.is_test:
            for group, works in started(self.file, node):
                self.judge(group, works)

    def judge(self, place: cst.CSTNode, works: Iterable[Work]) -> None:
        for work in works:
            if work.around is not None and self.depends_on_data(work.around) and self.takes_connection(work):
                self.tell(place, work)
                return

    def takes_connection(self, work: Work) -> bool:
        """Whether the coroutine takes a connection of a pool, with nothing that lets only a few through."""
        scope, expr = self.scope(work.node).function, self.file.model.exprs.get(work.node)
        frame = frame_of(self.file, scope) if scope is not None else None
        if frame is None or not isinstance(expr, ex.Call):
            return False
        effect = frame.effects.of_call(frame, expr, "awaited")
        return any(each.source and not each.locked and not each.unless for each in effect.opens)

    def depends_on_data(self, around: cst.CSTNode) -> bool:
        """Whether nobody has said how many rounds a loop or comprehension makes."""
        if isinstance(around, cst.For):
            return not self.is_bounded(around.iter)
        if isinstance(around, COMPREHENSIONS):
            return not self.is_bounded(around.for_in.iter)
        return False

    def is_bounded(self, over: cst.BaseExpression) -> bool:
        """Whether what is iterated has a fixed or decided length."""
        if any(word in self.source(over, 200).lower() for word in BOUNDED) or self.is_constant(over):
            return True
        if isinstance(over, (cst.List, cst.Tuple, cst.Set, cst.Dict)):
            return True
        if isinstance(over, cst.Subscript):
            return any(isinstance(each.slice, cst.Slice) for each in over.slice)
        if isinstance(over, cst.Call):
            inner = [arg.value for arg in over.args if arg.keyword is None]
            name = getattr(self.kind(over.func), "name", "").removeprefix("builtins.")
            if name == "range":
                return all(isinstance(each, cst.Integer) or self.is_constant(each) for each in inner)
            if name in ("zip", "enumerate", "reversed", "sorted", "list", "tuple", "set"):
                return any(map(self.is_bounded, inner[: None if name == "zip" else 1]))
            if isinstance(over.func, cst.Attribute) and over.func.attr.value in ("items", "keys", "values"):
                return self.is_bounded(over.func.value)
            return False
        values = [binding.value for binding in self.file.model.bindings_of(over)]
        return (
            bool(values)
            and all(
                isinstance(each, cst.BaseExpression)
                and not isinstance(each, cst.Name)
                and self.is_bounded(each)
                for each in values
            )
            and not self.is_filled(over)
        )

    def is_constant(self, node: cst.BaseExpression) -> bool:
        """Whether a constant or a setting is named, and no data."""
        return isinstance(node, (cst.Name, cst.Attribute)) and self.source(node).rpartition(".")[2].isupper()

    def is_filled(self, name: cst.BaseExpression) -> bool:
        """Whether a list gets more items later."""
        for binding in self.file.model.bindings_of(name):
            for use in binding.uses:
                attribute = self.parent(use)
                if isinstance(attribute, cst.Attribute) and attribute.attr.value in (
                    "append",
                    "extend",
                    "update",
                    "add",
                ):
                    return True
        return False

    def tell(self, place: cst.CSTNode, work: Work) -> None:
        self.report(
            place,
            f"`{self.source(work.node)}` takes a connection for each item, and all of them at once",
            why="What the pool cannot serve waits, and fails after `pool_timeout`; all other requests wait with it",
            help="let a few through at a time, with an `asyncio.Semaphore` inside the coroutine, or work in batches",
            chain=[self.file.step(work.node, "each of these takes a connection")],
        )
