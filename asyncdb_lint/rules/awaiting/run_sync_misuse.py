"""ADB206 run-sync-misuse."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.kinds import Coroutine, Function, Instance
from asyncdb_lint.semantics.offload import may_be_function

LENDERS = {"session", "connection"}


class RunSyncMisuse(Rule):
    """`run_sync` that is given a coroutine function, a method of an async object, or a call already made.

    ## What it flags

    `await session.run_sync(f)` calls `f(sync_session)` and gives what it returns. It is flagged where `f` is an
    `async def` or a method of the async session itself, and where `f` has been called already:
    `run_sync(load())`, `run_sync(Base.metadata.create_all(connection))`. A call that makes a function is fine.

    ## Why it is bad

    A coroutine that `f` returns is never awaited, so that nothing is sent. What was called too early runs outside of
    the greenlet that lets synchronous code wait: `MissingGreenlet`, or `TypeError: 'NoneType' object is not
    callable`.

    ## Good

    ```python
    from sqlalchemy import MetaData
    from sqlalchemy.ext.asyncio import AsyncConnection

    metadata = MetaData()

    async def create(connection: AsyncConnection) -> None:
        await connection.run_sync(metadata.create_all)
    ```

    ## Bad

    ```python
    from sqlalchemy import MetaData
    from sqlalchemy.ext.asyncio import AsyncConnection

    metadata = MetaData()

    async def create(connection: AsyncConnection) -> None:
        await connection.run_sync(metadata.create_all())
    ```

    ## When to ignore

    When the call gives a function, and the linter cannot see it.

    ## Source

    SQLAlchemy, `AsyncSession.run_sync` and `AsyncConnection.run_sync`.
    """

    code = "ADB206"
    name = "run-sync-misuse"
    severity = Severity.ERROR
    fix = Applicability.SAFE
    holds_for = {"sqlalchemy": ">=1.4"}
    triggers = (b"run_sync",)

    def visit_Call(self, call: cst.Call) -> None:
        facts = self.file.call(call)
        if facts is None or facts.method != "run_sync" or facts.mode != "async" or facts.role not in LENDERS:
            return
        given = self.file.argument(call, "fn", 0)
        if given is None or given.star:
            return
        if isinstance(given.value, cst.Call):
            self.judge_call(call, given.value)
        elif self.is_coroutine_function(given.value):
            self.report(
                given.value,
                f"`run_sync` is given `{self.source(given.value)}`, which is a coroutine function",
                why="It gives a coroutine that nobody awaits: nothing is sent",
                help=f"await it: `{self.source(given.value)}` needs no `run_sync`; or pass a plain function that "
                f"takes the synchronous {facts.role}",
            )

    def judge_call(self, call: cst.Call, given: cst.Call) -> None:
        makes_coroutine = isinstance(self.kind(given), Coroutine)
        if not makes_coroutine and (may_be_function(self.file, given) or not self.is_seen(given)):
            return
        name = self.source(given.func)
        self.report(
            given,
            f"`{self.source(given)}` is called here, and `run_sync` gets its result in place of a function",
            why="`run_sync` calls a coroutine: TypeError, and nothing is sent"
            if makes_coroutine
            else "It runs outside of `run_sync`, which then fails: its result is not callable",
            help=f"await `{self.source(given)}` itself"
            if makes_coroutine
            else f"pass `{name}`, not its call",
            repair=None if makes_coroutine else self.repair(call, given),
        )

    def is_seen(self, given: cst.Call) -> bool:
        """Whether it is known what the call runs: a library's function, or one of the project."""
        function = self.kind(given.func)
        if not isinstance(function, Function):
            return False
        return (
            self.file.project.member(function) is not None
            or self.file.project.function(function.name) is not None
        )

    def is_coroutine_function(self, node: cst.BaseExpression) -> bool:
        kind = self.kind(node)
        if isinstance(kind, Instance) and kind.name == "builtins.lambda":
            return bool(kind.arguments) and isinstance(kind.arguments[0], Coroutine)
        if not isinstance(kind, Function):
            return False
        member = self.file.project.member(kind)
        if member is not None:
            return member.protocol == "coroutine"
        found = self.file.project.function(kind.name)
        return (
            found is not None and found[1].is_async and not found[1].is_generator and not found[1].decorators
        )

    def repair(self, call: cst.Call, given: cst.Call) -> Repair | None:
        """`run_sync(f())` to `run_sync(f)`; its arguments would have to move, and the session is the first of them."""
        if given.args or not isinstance(given.func, (cst.Name, cst.Attribute)):
            return None
        text = self.source(given.func)
        return Repair(Applicability.SAFE, f"pass `{text}`", ((given, given.func),))
