"""ADB305 session-outlives-request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.contexts import library_names
from asyncdb_lint.semantics.effects import frame_of, label
from asyncdb_lint.semantics.usage import fates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.semantics.effects import Frame, Root
    from asyncdb_lint.semantics.usage import Fate

HANDED = {
    "starlette.BackgroundTasks.add_task", "starlette.BackgroundTask", "litestar.BackgroundTask",
    "quart.App.add_background_task",
}  # fmt: skip
"""They are given a function and its arguments, and call it when the response is sent."""
STARTED = {
    "asyncio.create_task", "asyncio.ensure_future", "asyncio.AbstractEventLoop.create_task", "sanic.App.add_task",
}  # fmt: skip
"""They are given a coroutine, and return at once."""
WORDS = {name.rpartition(".")[2] for name in HANDED | STARTED}
KEEPING = {"add", "append"}
INDIFFERENT = {"add_done_callback", "set_name"}
HOLDING_FASTAPI = (0, 118)
"""From this version on, dependencies end after the background tasks (tests/proofs/test_adb305.py)."""


class SessionOutlivesRequest(Rule):
    """A session that a background task goes on using when the request is over.

    ## What it flags

    `BackgroundTasks.add_task`, `BackgroundTask` and Litestar's and Quart's counterparts, and `asyncio.create_task`
    that nobody waits for, where the work uses a session that ends with the request: a parameter, or one of the
    function's own `async with`. The session may be an argument, belong to a closure, a `partial`, or an object
    that was made with it.

    ## Why it is bad

    The task runs when the request has closed the session. The session silently opens again, and as nobody closes
    it any more, its connection never goes back to the pool. A task that is in a query at that moment breaks the
    request: `Method 'close()' can't be called here`. Dependencies of FastAPI 0.118 and later end after the
    background tasks: there the connection is held until the last task is done.

    ## Good

    ```python
    from fastapi import BackgroundTasks
    from sqlalchemy.ext.asyncio import async_sessionmaker

    factory = async_sessionmaker()

    async def audit(user_id: int) -> None:
        async with factory() as session:
            await session.get(object, user_id)

    async def create(user_id: int, tasks: BackgroundTasks) -> None:
        tasks.add_task(audit, user_id)
    ```

    ## Bad

    ```python
    from fastapi import BackgroundTasks
    from sqlalchemy.ext.asyncio import AsyncSession

    async def audit(session: AsyncSession, user_id: int) -> None:
        await session.get(object, user_id)

    async def create(user_id: int, tasks: BackgroundTasks, session: AsyncSession) -> None:
        tasks.add_task(audit, session, user_id)
    ```

    ## When to ignore

    When the caller keeps the session open until the task is done.

    ## Source

    FastAPI, "Dependencies with yield: Background Tasks"; SQLAlchemy, "Session Basics: Closing".
    """

    code = "ADB305"
    name = "session-outlives-request"
    severity = Severity.ERROR
    holds_for = {"sqlalchemy": ">=1.4"}
    triggers = (b"add_task", b"BackgroundTask", b"create_task", b"ensure_future", b"add_background_task")

    def visit_Call(self, call: cst.Call) -> None:
        name = (
            call.func.attr.value if isinstance(call.func, cst.Attribute) else getattr(call.func, "value", "")
        )
        expr, scope = self.file.model.exprs.get(call), self.scope(call).function
        if name not in WORDS or not isinstance(expr, ex.Call) or scope is None or self.file.is_test:
            return
        frame = frame_of(self.file, scope)
        work = self.work(call, expr)
        if frame is None or work is None:
            return
        session = next((root for root in self.sessions(frame, work) if self.ends(root)), None)
        if session is not None:
            self.tell(call, session, is_handed=name in {each.rpartition(".")[2] for each in HANDED})

    # What the task does

    def work(self, call: cst.Call, expr: ex.Call) -> ex.Call | None:
        """The call that the task comes to."""
        names = set(library_names(self.file.project, self.file.model.name, expr.func))
        if names & HANDED and expr.args:
            return self.unfolded(ex.Call(expr.args[0], expr.args[1:], expr.keywords))
        if names & STARTED and expr.args and isinstance(expr.args[0], ex.Call):
            return expr.args[0] if all(map(self.is_forgetting, fates(self.file.model, call))) else None
        return None

    def unfolded(self, work: ex.Call) -> ex.Call:
        """What a `partial` calls."""
        func = work.func
        if not isinstance(func, ex.Call) or not func.args:
            return work
        if getattr(self.file.kind_of(func.func), "name", "") != "functools.partial":
            return work
        return ex.Call(func.args[0], func.args[1:] + work.args, func.keywords + work.keywords)

    def is_forgetting(self, fate: Fate) -> bool:
        """Whether something that becomes of a task is no waiting for it: it is only kept from the collector."""
        node = fate.consumer
        if fate.what == "attribute" and isinstance(node, cst.Attribute):
            return node.attr.value in INDIFFERENT
        if fate.what == "passed":
            call = self.parent(node)
            func = call.func if isinstance(call, cst.Call) else None
            if not isinstance(func, cst.Attribute) or func.attr.value not in KEEPING:
                return False
            bindings = self.file.model.bindings_of(func.value)
            return all(each.scope.what != "function" for each in bindings)
        return fate.what == "discarded"

    # Its sessions

    def sessions(self, frame: Frame, work: ex.Call) -> Iterator[Root]:
        """The sessions that it is given, or uses through what it is given."""
        for given in (*work.args, *(value for _, value in work.keywords)):
            if self.file.project.role(self.file.kind_of(given))[0] == "session":
                root = frame.root(given)
                if root is not None:
                    yield root
        for act in frame.effects.of_call(frame, work, "awaited").acts:
            if act.on.startswith(("sqlalchemy.", "sqlmodel.")):
                yield act.root

    def ends(self, root: Root) -> bool:
        """Whether a session ends with the function or its caller; one that was made here may be handed over."""
        if not label(self.file, root):
            return False
        if root.what == "param" or (root.what == "outer" and not root.path[0].isdigit()):
            return len(root.path) == 1 or root.what == "outer" or self.is_put_in(root)
        return root.what in ("made", "outer") and isinstance(
            self.file.model.bindings[int(root.path[0])].expr, ex.Enter
        )

    def is_put_in(self, root: Root) -> bool:
        """Whether a method's object was given the session, and has not made it."""
        owners = [
            summary for summary in self.file.model.summary.classes.values()
            if len(root.path) == 2 and root.path[1] in summary.attributes
        ]  # fmt: skip
        return bool(owners) and all(
            isinstance(self.followed(value), ex.Param)
            for each in owners
            for value in each.attributes[root.path[1]]
        )

    def followed(self, expr: ex.Node) -> ex.Node:
        while isinstance(expr, (ex.Bound, ex.First)):
            expr = (
                self.file.model.bindings[expr.index].expr if isinstance(expr, ex.Bound) else expr.options[0]
            )
        return expr

    # The verdict

    def tell(self, call: cst.Call, root: Root, *, is_handed: bool) -> None:
        name = label(self.file, root)
        holds = is_handed and root.what == "param" and not self.ends_before_tasks()
        self.report(
            call,
            f"`{name}` is used by a task that runs when the request is over",
            why="FastAPI 0.118 and later hold the connection until the task is done, earlier ones leak it"
            if holds
            else "The session is closed by then: it silently opens again, and nobody gives its connection back",
            help="open a session in the task itself, and hand it ids in place of objects",
            severity=Severity.WARNING if holds else None,
        )

    def ends_before_tasks(self) -> bool:
        """Whether the project's FastAPI closes dependencies before it runs the tasks."""
        version = self.file.versions.get("fastapi", "")
        parts = version.split(".")[:2]
        return all(each.isdigit() for each in parts) and (0, 106) <= tuple(map(int, parts)) < HOLDING_FASTAPI
