"""ADB202 await-on-plain-call."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.kinds import Instance, Iterator, Kind


class AwaitOnPlainCall(Rule):
    """`await` on a method of a database object that is not a coroutine.

    ## What it flags

    `await session.add(user)`, `await result.scalars()`, `await psycopg_connection.cursor()`: calls whose
    value cannot be awaited. Where only an annotation says that the object is a synchronous one, it stays
    silent: what is passed may well be asynchronous.

    ## Why it is bad

    It raises `TypeError: object NoneType can't be used in 'await' expression` (or the like), after the call's
    effect has already happened.

    ## Good

    ```python
    from sqlalchemy.ext.asyncio import AsyncSession

    async def save(session: AsyncSession, user: object) -> None:
        session.add(user)
        await session.commit()
    ```

    ## Bad

    ```python
    from sqlalchemy.ext.asyncio import AsyncSession

    async def save(session: AsyncSession, user: object) -> None:
        await session.add(user)
        await session.commit()
    ```

    ## When to ignore

    When the object is a double of the library's class whose method is a coroutine, as some test mocks are.

    ## Source

    SQLAlchemy, "Asynchronous I/O (asyncio)", the methods of `AsyncSession` and `Result`.
    """

    code = "ADB202"
    name = "await-on-plain-call"
    severity = Severity.ERROR
    fix = Applicability.SAFE
    holds_for = {"sqlalchemy": ">=1.4", "asyncpg": ">=0.29", "psycopg": ">=3.1"}
    requires = (b"await",)

    def visit_Await(self, node: cst.Await) -> None:
        call = node.expression
        if not isinstance(call, cst.Call):
            return
        facts = self.file.call(call)
        if facts is None or facts.member is None or facts.member.protocol != "plain" or not facts.role:
            return
        receiver = facts.receiver
        if facts.mode == "sync" and isinstance(receiver, Instance) and receiver.declared:
            return
        if facts.method == "__call__" or not self.cannot_be_awaited(self.kind(call)):
            return
        source = self.source(call)
        is_sync = facts.mode == "sync" and facts.role != "result"
        self.report(
            node,
            f"`{source}` is awaited, but `{facts.method}` is not a coroutine",
            why="The call takes effect, then `await` on its value raises TypeError",
            help=f"make it an async {facts.role.replace('_', ' ')}: this one blocks the event loop"
            if is_sync
            else f"write `{source}`",
            # Without `await` a synchronous call would run, and block: that is no repair.
            repair=None
            if is_sync
            else Repair(Applicability.SAFE, "Remove `await`", ((node, self.plain(node, call)),)),
        )

    def cannot_be_awaited(self, kind: Kind) -> bool:
        """Plain data and library objects without `__await__`; async iterators cannot be awaited either."""
        if isinstance(kind, Instance):
            return self.file.project.class_attribute(kind, "__await__") is None or not self.has_await(kind)
        return isinstance(kind, Iterator) or not hasattr(kind, "of")

    def has_await(self, kind: Instance) -> bool:
        return any(
            "__await__" in info.members
            for name in self.file.project.mro(kind.name)
            if (info := self.file.project.knowledge.classes.get(name)) is not None
        )

    @staticmethod
    def plain(node: cst.Await, call: cst.Call) -> cst.BaseExpression:
        return call.with_changes(lpar=[*node.lpar, *call.lpar], rpar=[*call.rpar, *node.rpar])
