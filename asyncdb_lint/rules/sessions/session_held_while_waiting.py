"""ADB312 session-held-while-waiting."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.effects import frame_of, label
from asyncdb_lint.semantics.holding import Holding
from asyncdb_lint.semantics.lifecycle import is_handling

if TYPE_CHECKING:
    from asyncdb_lint.semantics.effects import Done, Frame
    from asyncdb_lint.semantics.holding import Held
    from asyncdb_lint.semantics.model import Scope

DEDICATED = re.compile(r"advisory|\blisten\b|add_listener|notifies\(", re.IGNORECASE)
"""What stands in functions that hold a connection on purpose: for a lock, or to be notified."""


class SessionHeldWhileWaiting(Rule):
    """A session or connection that stays checked out while the code waits for something else.

    ## What it flags

    `asyncio.sleep`, waiting for queues and events, and requests of httpx, aiohttp and of language models' clients
    (these also in project functions that are awaited), where a session of the function has worked and not yet
    committed, rolled back or closed, or where a connection of an engine or pool is open. One finding for a session.
    Functions that take a lock or listen for notifications on the connection hold it on purpose, and are left alone.

    ## Why it is bad

    The connection does nothing for all that time, and its transaction keeps row locks and old rows on the server. A
    pool of fifteen connections serves fifteen requests at a time, however slow the other side is; the sixteenth
    waits, and fails after `pool_timeout`.

    ## Good

    ```python
    import httpx
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import AsyncSession

    async def notify(session: AsyncSession, client: httpx.AsyncClient) -> None:
        address = await session.scalar(text("select address from hook"))
        await session.commit()
        await client.post(address)
    ```

    ## Bad

    ```python
    import httpx
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import AsyncSession

    async def notify(session: AsyncSession, client: httpx.AsyncClient) -> None:
        address = await session.scalar(text("select address from hook"))
        await client.post(address)
    ```

    ## When to ignore

    When what is waited for has to be in the same transaction, and few requests do it at once.

    ## Source

    SQLAlchemy, "Session Basics: When do I construct a Session, when do I commit it, and when do I close it?"
    """

    code = "ADB312"
    name = "session-held-while-waiting"
    severity = Severity.WARNING
    holds_for = {"sqlalchemy": ">=1.4"}
    requires = (b"await",)

    def finish(self) -> None:
        if self.file.is_test:
            return
        for scope, done in self.file.done.items():
            frame = frame_of(self.file, scope)
            if frame is not None and isinstance(scope.node, cst.FunctionDef) and not self.is_dedicated(scope):
                self.judge(frame, done)

    def is_dedicated(self, scope: Scope) -> bool:
        return DEDICATED.search(self.file.model.module.code_for_node(scope.node)) is not None

    def judge(self, frame: Frame, done: list[Done]) -> None:
        holding = Holding(self.file, frame)
        told = set()
        for each in done:
            # What works on a session of its caller's while it waits is told where it stands.
            waits = (
                bool(each.effect.waits)
                and not each.effect.acts
                and not is_handling(self.file.model, each.node)
            )
            for held in holding.at(each.node) if waits else ():
                if held.root not in told and label(self.file, held.root):
                    told.add(held.root)
                    self.tell(held, each)
            holding.note(each)

    def tell(self, held: Held, each: Done) -> None:
        name, wait = label(self.file, held.root), each.effect.waits[0]
        self.report(
            each.node,
            f"`{name}` keeps its connection while `{self.source(each.node)}` waits",
            why=f"The pool is one short until `{wait}` is done, and the transaction stays open",
            help=f"commit first (`await {name}.commit()`), or do this before or after the database work",
            chain=[self.file.step(held.since, f"`{name}` holds a connection from here")],
        )
