"""ADB406 event-on-async-object."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.kinds import Class, Function, Instance
from asyncdb_lint.semantics.lifecycle import around

LISTENING = {"sqlalchemy.event.api.listens_for": None, "sqlalchemy.event.api.listen": 2}
"""The functions that register a listener, and where it stands among the arguments if it does."""
TWINS = {
    ("engine", "async"): "sync_engine",
    ("connection", "async"): "sync_connection",
    ("session", "async"): "sync_session",
}


class EventOnAsyncObject(Rule):
    """An event listener on an asynchronous engine or session, or one that is a coroutine function.

    ## What it flags

    `event.listens_for` and `event.listen` whose target is an `AsyncEngine`, `AsyncConnection`, `AsyncSession`
    (object or class) or `async_sessionmaker`; and listeners written as `async def`. The `sync_engine` and
    `sync_session` of such objects, an engine's pool, and `Session` and its subclasses are the right targets.

    ## Why it is bad

    The registration raises: `NotImplementedError: asynchronous events are not implemented at this time` for an
    object, `No such event` for the class. A coroutine function as listener is called and never awaited: it does
    nothing.

    ## Good

    ```python
    from sqlalchemy import event
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://db/app")

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection, record):
        print("connected")
    ```

    ## Bad

    ```python
    from sqlalchemy import event
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://db/app")

    @event.listens_for(engine, "connect")
    def on_connect(connection, record):
        print("connected")
    ```

    ## When to ignore

    Never: it raises, or the listener never runs.

    ## Source

    SQLAlchemy, "Using events with the asyncio extension".
    """

    code = "ADB406"
    name = "event-on-async-object"
    severity = Severity.ERROR
    fix = Applicability.SAFE
    holds_for = {"sqlalchemy": ">=1.4"}
    triggers = (b"listens_for", b"listen(")

    def visit_Call(self, call: cst.Call) -> None:
        name = getattr(self.kind(call.func), "name", "")
        if name not in LISTENING:
            return
        target = self.file.argument(call, "target", 0)
        if target is not None and not self.is_asked(call, target) and self.judge_target(target):
            return
        position = LISTENING[name]
        listener = self.file.argument(call, "fn", position) if position is not None else None
        if listener is not None and self.is_coroutine_function(listener.value):
            self.tell_listener(listener.value, self.source(listener.value))
        elif position is None and isinstance(self.parent(call), cst.Decorator):
            function = self.parent(self.parent(call))  # type: ignore[arg-type]
            if isinstance(function, cst.FunctionDef) and function.asynchronous is not None:
                self.tell_listener(function.name, function.name.value)

    def is_asked(self, call: cst.Call, target: cst.Arg) -> bool:
        """Whether an `if` around the call asks what the target has: `hasattr(AsyncSession, name)`."""
        return any(
            isinstance(parent, cst.If)
            and f"hasattr({self.source(target.value)}," in self.source(parent.test, 200)
            for parent, _ in around(self.file.model, call)
        )

    def is_coroutine_function(self, node: cst.BaseExpression) -> bool:
        kind = self.kind(node)
        found = self.file.project.function(kind.name) if isinstance(kind, Function) else None
        return found is not None and found[1].is_async

    def judge_target(self, target: cst.Arg) -> bool:
        kind = self.kind(target.value)
        role = self.file.project.role(kind)
        text = self.source(target.value)
        if isinstance(kind, Instance) and role in TWINS and not self.has_twin(kind):
            twin = TWINS[role]
            mended = cst.Attribute(target.value.deep_clone(), cst.Name(twin))
            self.report(
                target.value,
                f"`{text}` is asynchronous, and takes no event listeners",
                why="Registering raises `NotImplementedError: asynchronous events are not implemented at this time`",
                help=f"listen to `{text}.{twin}`",
                repair=Repair(Applicability.SAFE, f"Listen to `{twin}`", ((target.value, mended),)),
            )
            return True
        is_class = isinstance(kind, Class) and self.file.project.role(Instance(kind.name)) == (
            "session",
            "async",
        )
        if is_class or role == ("session_factory", "async"):
            self.report(
                target.value,
                f"`{text}` is asynchronous, and takes no event listeners",
                why="Registering raises `InvalidRequestError: No such event`",
                help="listen to `sqlalchemy.orm.Session`, or to a subclass of it given as `sync_session_class`",
            )
            return True
        return False

    def has_twin(self, kind: Instance) -> bool:
        """Whether it is a driver's own object, which SQLAlchemy's events know nothing of."""
        return not any(
            name.startswith(("sqlalchemy.", "sqlmodel.")) for name in self.file.project.mro(kind.name)
        )

    def tell_listener(self, node: cst.CSTNode, name: str) -> None:
        self.report(
            node,
            f"the listener `{name}` is a coroutine function",
            why="SQLAlchemy calls it without awaiting it: nothing in it ever runs",
            help="make it a plain `def`; a driver's coroutines run by `connection.run_async(…)` in it",
        )
