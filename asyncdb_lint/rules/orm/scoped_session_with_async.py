"""ADB407 scoped-session-with-async."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import Class, Function, Instance

if TYPE_CHECKING:
    from collections.abc import Iterator

SYNC = "sqlalchemy.orm.scoping.scoped_session"
ASYNC = "sqlalchemy.ext.asyncio.scoping.async_scoped_session"
THREAD_SCOPES = {"threading.get_ident", "threading.current_thread", "_thread.get_ident", "os.getpid"}


class ScopedSessionWithAsync(Rule):
    """A registry of sessions by thread in async code, or one by task that nobody ever empties.

    ## What it flags

    - `scoped_session` over a factory of async sessions.
    - `async_scoped_session` without a `scopefunc`, or with one that tells threads apart and not tasks.
    - `async_scoped_session` in a project that nowhere awaits its `remove()`.

    ## Why it is bad

    All tasks of an event loop run in one thread, and get the same session: they turn each other away, or roll
    each other back. `scoped_session.remove()` does not await the session's `close()`: the connection leaks.
    Without `await registry.remove()` each task leaves its session, and its connection, behind when it ends.

    ## Good

    ```python
    import asyncio
    from sqlalchemy.ext.asyncio import async_scoped_session, async_sessionmaker

    registry = async_scoped_session(async_sessionmaker(), scopefunc=asyncio.current_task)

    async def work() -> None:
        try:
            await registry.flush()
        finally:
            await registry.remove()
    ```

    ## Bad

    ```python
    from sqlalchemy.ext.asyncio import async_sessionmaker
    from sqlalchemy.orm import scoped_session

    registry = scoped_session(async_sessionmaker())
    ```

    ## When to ignore

    When something that the linter cannot see removes the sessions, a middleware of a library say.

    ## Source

    SQLAlchemy, "Using asyncio scoped session".
    """

    code = "ADB407"
    name = "scoped-session-with-async"
    severity = Severity.ERROR
    fix = Applicability.UNSAFE
    holds_for = {"sqlalchemy": ">=1.4"}
    requires = (b"scoped_session",)

    def visit_Call(self, call: cst.Call) -> None:
        kind = self.kind(call.func)
        if not isinstance(kind, Class) or self.file.is_test:
            return
        made = self.file.argument(call, "session_factory", 0)
        if (
            kind.name == SYNC
            and made is not None
            and self.file.role(made.value) == ("session_factory", "async")
        ):
            self.report(
                call.func,
                "`scoped_session` gives all tasks of the event loop one async session",
                why="It tells threads apart, not tasks; and its `remove()` leaves the connection checked out",
                help="open a session in each task, or use `async_scoped_session` with `asyncio.current_task`",
                repair=self.repair(call),
            )
        elif kind.name == ASYNC:
            self.judge(call)

    def judge(self, call: cst.Call) -> None:
        scope = self.file.argument(call, "scopefunc", 1)
        if scope is None and any(arg.star for arg in call.args):
            return
        kind = self.kind(scope.value) if scope is not None else None
        if scope is None:
            self.report(
                call.func,
                "`async_scoped_session` has no `scopefunc`",
                why="It raises TypeError: the argument is required",
                help="pass `scopefunc=asyncio.current_task`",
            )
        elif isinstance(kind, (Function, Class)) and kind.name in THREAD_SCOPES:
            self.report(
                scope.value,
                f"`{self.source(scope.value)}` is the same for all tasks of the event loop",
                why="They all get one session, and turn each other away or roll each other back",
                help="pass `asyncio.current_task`, or a context variable's `get`",
            )
        elif not any(self.removals()):
            self.report(
                call.func,
                f"nothing removes the sessions of `{self.source(call, 40)}`",
                why="Each task leaves its session and its connection behind: the pool runs dry",
                help="`await` the registry's `remove()` in a `finally` at the end of each task or request",
                severity=Severity.WARNING,
            )

    def removals(self) -> Iterator[bool]:
        """Whether calls that the project awaits remove a registry's session."""
        project = self.file.project
        for module, summary in project.modules.items():
            for function in summary.functions.values():
                for work in function.work:
                    func = work.expr.func
                    if isinstance(func, ex.Attr) and func.name in ("remove", "close"):
                        owner = project.kind(module, func.value)
                        yield not isinstance(owner, Instance) or owner.name == ASYNC

    def repair(self, call: cst.Call) -> Repair | None:
        """The async registry, where `scoped_session` has no scope of its own."""
        if len(call.args) != 1:
            return None
        scope = cst.Arg(
            cst.Attribute(cst.Name("asyncio"), cst.Name("current_task")), keyword=cst.Name("scopefunc"),
            equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
        )  # fmt: skip
        first = call.args[0].with_changes(comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")))
        mended = call.with_changes(func=cst.Name("async_scoped_session"), args=[first, scope])
        return Repair(
            Applicability.UNSAFE,
            "Use `async_scoped_session`",
            ((call, mended),),
            (("asyncio", None, None), ("sqlalchemy.ext.asyncio", "async_scoped_session", None)),
            (("sqlalchemy.orm", "scoped_session"),),
        )
