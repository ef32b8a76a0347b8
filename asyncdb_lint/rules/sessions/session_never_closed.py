"""ADB302 session-never-closed."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.sessions.wrapping import wrapped
from asyncdb_lint.semantics.lifecycle import (
    Event,
    Life,
    is_final,
    is_handling,
    is_script,
    lives,
    start,
    unsettled,
)  # fmt: skip


class SessionNeverClosed(Rule):
    """A session that a function makes, works with, and leaves open.

    ## What it flags

    A session made in a function and neither entered (`async with`), nor closed, returned, yielded, stored
    or handed to something that may close it, where the function can end while the session still holds a
    connection. As a warning: an async session whose `close()` is skipped when a statement before it raises.
    A session whose last act is `commit()` or `rollback()` holds no connection and is left alone, and so are
    tests and scripts that end with the function.

    ## Why it is bad

    The connection stays checked out, in a transaction, until the garbage collector finds it; then an async
    connection is terminated, not returned: `The garbage collector is trying to clean up non-checked-in
    connection`. Under load the pool runs dry first and requests fail with `QueuePool limit of size 5
    overflow 10 reached`.

    ## Good

    ```python
    from sqlalchemy.ext.asyncio import async_sessionmaker

    factory = async_sessionmaker()

    async def count(query) -> int:
        async with factory() as session:
            return await session.scalar(query)
    ```

    ## Bad

    ```python
    from sqlalchemy.ext.asyncio import async_sessionmaker

    factory = async_sessionmaker()

    async def count(query) -> int:
        session = factory()
        return await session.scalar(query)
    ```

    ## When to ignore

    When something that the linter cannot see closes the session.

    ## Source

    SQLAlchemy, "Session Basics: Opening and Closing a Session"; "Asynchronous I/O (asyncio)".
    """

    code = "ADB302"
    name = "session-never-closed"
    severity = Severity.ERROR
    fix = Applicability.UNSAFE
    holds_for = {"sqlalchemy": ">=1.4"}

    def finish(self) -> None:
        if self.file.is_test:
            return
        for each in lives(self.file, "session"):
            if not each.has("managed", "yielded", "handed") and not is_script(self.file, each.scope):
                self.judge(each)

    def judge(self, each: Life) -> None:
        closes = each.only("closes")
        if any(is_final(self.file.model, event.node) for event in closes) or not all(
            e.is_done for e in closes
        ):
            return
        left = next(unsettled(self.file, each), None)
        if left is not None:
            self.report_open(each, *left)
        elif closes and each.is_async and (risk := self.risk(each, closes)) is not None:
            self.report_skipped(each, closes, risk)

    def risk(self, each: Life, closes: list[Event]) -> Event | None:
        """Work before the close whose error skips it: nothing catches it and closes or rolls back."""
        if any(is_handling(self.file.model, event.node) for event in each.only("closes", "settles")):
            return None
        first = start(self.file, closes[0].node)
        return next((event for event in each.only("works") if start(self.file, event.node) < first), None)

    def report_open(self, each: Life, way: cst.CSTNode, taken: Event) -> None:
        made = self.source(each.made)
        closes = each.only("closes", "settles")
        somewhere = " on every way out" if closes else ""
        collected = "terminates it: the pool runs dry" if each.is_async else "finds the session"
        chain = [self.file.step(taken.node, "this takes a connection")]
        if way is not each.scope.node:
            chain.append(self.file.step(way, "the function ends here with the session open"))
        self.report(
            each.made,
            f"`{made}` is not closed{somewhere}" if closes else f"`{made}` is never closed",
            why=f"The connection stays checked out until the garbage collector {collected}",
            help=self.advice(each), chain=sorted(chain), repair=self.repair(each),
            severity=None if each.is_async else Severity.WARNING,
        )  # fmt: skip

    def report_skipped(self, each: Life, closes: list[Event], risk: Event) -> None:
        self.report(
            each.made,
            f"`{self.source(each.made)}` is not closed when a statement before its `close()` raises",
            why="The error skips `close()`, and the connection stays checked out",
            help=self.advice(each),
            chain=[
                self.file.step(risk.node, "this may raise"),
                self.file.step(closes[0].node, "and skip this"),
            ],
            repair=self.repair(each),
            severity=Severity.WARNING,
        )

    def advice(self, each: Life) -> str:
        keyword = "async with" if each.is_async else "with"
        return f"write `{keyword} {self.source(each.made)} as …:` around the statements that use it"

    def repair(self, each: Life) -> Repair | None:
        if each.is_async and not each.scope.is_async:
            return None
        replaced = wrapped(
            self.file.model, each.made, [event.node for event in each.events], is_async=each.is_async
        )
        if replaced is None:
            return None
        keyword = "async with" if each.is_async else "with"
        return Repair(Applicability.UNSAFE, f"Enter the session with `{keyword}`", (replaced,))
