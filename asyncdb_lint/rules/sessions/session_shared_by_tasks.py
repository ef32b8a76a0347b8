"""ADB304 session-shared-by-tasks."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.kinds import Coroutine, Function, Startable
from asyncdb_lint.semantics.sharing import Work, gathered, started

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TOGETHER = {"asyncio.gather", "asyncio.wait", "asyncio.as_completed"}
SERVER = {"asyncpg.connection.Connection", "asyncpg.pool.PoolConnectionProxy"}
LOCKS = {"asyncio.Lock", "asyncio.locks.Lock", "anyio.Lock"}


class Use(NamedTuple):
    """A session in the work of a task; `key` is equal for the same session."""

    key: tuple[object, str]
    node: cst.BaseExpression
    repeated: bool


class SessionSharedByTasks(Rule):
    """One async session or asyncpg connection that several tasks use at once.

    ## What it flags

    `asyncio.gather`, `asyncio.wait`, `asyncio.as_completed` or a `TaskGroup` with two or more coroutines that
    work on the same `AsyncSession`: its own methods, or project functions that it is handed to, written out, made
    in a comprehension, or gathered in a list. The same for one asyncpg connection. Sessions that each coroutine
    opens for itself are fine, and so is a pool. A semaphore of more than one does not help.

    ## Why it is bad

    A session is one conversation with the database. Two tasks in it raise `This session is provisioning a new
    connection; concurrent operations are not permitted`, or work by chance one after the other; with writes, one
    task's `rollback()` silently drops what the other has flushed. asyncpg raises `another operation is in
    progress`.

    ## Good

    ```python
    import asyncio
    from sqlalchemy.ext.asyncio import async_sessionmaker

    factory = async_sessionmaker()

    async def count(query) -> int:
        async with factory() as session:
            return await session.scalar(query)

    async def both(first, second) -> list[int]:
        return await asyncio.gather(count(first), count(second))
    ```

    ## Bad

    ```python
    import asyncio
    from sqlalchemy.ext.asyncio import AsyncSession

    async def both(session: AsyncSession, first, second) -> list[int]:
        return await asyncio.gather(session.scalar(first), session.scalar(second))
    ```

    ## When to ignore

    When a lock of its own keeps the tasks apart: then they might as well run one after the other.

    ## Source

    SQLAlchemy, "Using AsyncSession with Concurrent Tasks"; asyncpg, "Connection".
    """

    code = "ADB304"
    name = "session-shared-by-tasks"
    severity = Severity.ERROR
    holds_for = {"sqlalchemy": ">=1.4"}
    triggers = (b"gather", b"asyncio.wait", b"as_completed", b"TaskGroup", b"import wait")

    def visit_Call(self, call: cst.Call) -> None:
        kind = self.kind(call.func)
        if isinstance(kind, Function) and kind.name in TOGETHER:
            self.judge(call, gathered(self.file.model, call))

    def visit_With(self, node: cst.With) -> None:
        for group, works in started(self.file, node):
            self.judge(group, works)

    def judge(self, place: cst.CSTNode, works: Iterable[Work]) -> None:
        uses: dict[tuple[object, str], list[Use]] = collections.defaultdict(list)
        for work in works:
            for key, use in {each.key: each for each in self.uses(work)}.items():
                uses[key].append(use)
        for (_, name), found in uses.items():
            if len(found) > 1 or found[0].repeated:
                self.tell(place, name, found)
                return

    def tell(self, place: cst.CSTNode, name: str, uses: list[Use]) -> None:
        is_session = self.file.role(uses[0].node)[0] == "session"
        self.report(
            place,
            f"`{name}` is used by several tasks at once",
            why="A session serves one task at a time: the others raise, or lose what they write"
            if is_session
            else "asyncpg raises `cannot perform operation: another operation is in progress`",
            help="open a session of its own in each coroutine, or await them one after the other"
            if is_session
            else "take a connection from a pool in each coroutine, or await them one after the other",
            chain=[
                self.file.step(use.node, "each of these tasks uses it" if use.repeated else "a task uses it")
                for use in uses
            ],
        )

    def uses(self, work: Work) -> Iterator[Use]:
        """The sessions that a coroutine works on: it is a method of one, or a project function that is handed one."""
        for node in work.parts(self.file.model):
            role = self.file.role(node)
            if role != ("session", "async") and getattr(self.kind(node), "name", "") not in SERVER:
                continue
            key = work.identity(self.file.model, node)
            if key is not None and self.is_worked_on(node):
                yield Use(key, node, work.repeated)

    def is_worked_on(self, node: cst.BaseExpression) -> bool:
        parent = self.parent(node)
        call = self.parent(parent) if parent is not None else None
        if not isinstance(call, cst.Call) or not isinstance(self.kind(call), (Coroutine, Startable)):
            return False
        if isinstance(parent, cst.Attribute):
            return call.func is parent
        function = self.kind(call.func)
        return isinstance(function, Function) and ":" in function.name and not self.takes_turns(function.name)

    def takes_turns(self, function: str) -> bool:
        """Whether a function of this file does its work under a lock."""
        module, _, qualname = function.partition(":")
        if module != self.file.model.name:
            return False
        return any(
            getattr(self.kind(item.item), "name", "") in LOCKS and self.scope(item).qualname == qualname
            for item in self.file.model.nodes.get(cst.WithItem, ())
            if isinstance(item, cst.WithItem)
        )
