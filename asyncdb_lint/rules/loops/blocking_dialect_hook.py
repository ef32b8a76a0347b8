"""ADB804 blocking-dialect-hook."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.contexts import origins
from asyncdb_lint.semantics.kinds import Function
from asyncdb_lint.semantics.waiting import blocks

if TYPE_CHECKING:
    from asyncdb_lint.finding import Step
    from asyncdb_lint.semantics.model import Scope

LISTENING = {"sqlalchemy.event.listens_for", "sqlalchemy.event.api.listens_for"}
LISTEN = {"sqlalchemy.event.listen", "sqlalchemy.event.api.listen"}
ONCE = {"first_connect", "mapper_configured", "after_configured", "before_configured",
        "before_create", "after_create", "before_drop", "after_drop", "column_reflect"}  # fmt: skip
"""Events of start-up."""
TYPES = {"TypeDecorator", "UserDefinedType", "TypeEngine"}
PROCESSORS = {
    "process_bind_param", "process_result_value", "process_literal_param", "bind_processor", "result_processor",
}  # fmt: skip
DIALECT_HOOKS = {
    "do_execute", "do_executemany", "do_begin", "do_commit", "do_rollback", "do_ping", "connect", "on_connect",
}  # fmt: skip
DEPTH = 3


class BlockingDialectHook(Rule):
    """A hook of SQLAlchemy that waits for something by itself, in a project whose engine is asynchronous.

    ## What it flags

    Event listeners, processors of custom types and methods of custom dialects that sleep, send an HTTP request,
    start a program or use a synchronous engine, themselves or in a function of the same file that they call, in a
    project that has an async engine.

    The cursor of the connection that a listener is given, and the session that it is given, are fine: these wait
    without blocking.

    ## Why it is bad

    Hooks run on the thread of the event loop, in the middle of a statement. While one waits, no other task runs: a
    request of 300 ms in a `connect` listener stops the whole service for 300 ms per connection.

    ## Good

    ```python
    from sqlalchemy import event
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://app@db/app")

    @event.listens_for(engine.sync_engine, "connect")
    def set_up(connection, record):
        cursor = connection.cursor()
        cursor.execute("SET statement_timeout = 5000")
        cursor.close()
    ```

    ## Bad

    ```python
    import requests
    from sqlalchemy import event
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://app@db/app")

    @event.listens_for(engine.sync_engine, "do_connect")
    def log_in(dialect, record, args, arguments):
        arguments["password"] = requests.get("http://vault/token").text
    ```

    ## When to ignore

    When it happens once, before anything is served.

    ## Source

    SQLAlchemy, "Using events with the asyncio extension"; "Using awaitable-only driver methods in connection
    pool and other events".
    """

    code = "ADB804"
    name = "blocking-dialect-hook"
    severity = Severity.WARNING
    holds_for = {"sqlalchemy": ">=1.4"}
    triggers = (b"listen", b"process_", b"_processor", b"do_", b"connect")

    def finish(self) -> None:
        if self.file.is_test or not any(each.is_async for _, each in self.file.reach.engines):
            return
        hooks: dict[Scope, str] = {}
        for scope in self.file.tracing.names:
            if (
                isinstance(scope.node, cst.FunctionDef)
                and not scope.is_async
                and self.is_hook(scope.node, scope)
            ):
                hooks[scope] = scope.qualname.rpartition(".")[2]
        for call in self.file.model.nodes.get(cst.Call, ()):
            assert isinstance(call, cst.Call)
            listener = self.listener(call)
            if listener is not None:
                hooks.setdefault(listener, listener.qualname.rpartition(".")[2])
        for scope, name in hooks.items():
            self.judge(scope, name)

    # Which functions are hooks

    def is_hook(self, node: cst.FunctionDef, scope: Scope) -> bool:
        for each in node.decorators:
            call = each.decorator
            if isinstance(call, cst.Call) and getattr(self.kind(call.func), "name", "") in LISTENING:
                return self.is_frequent(call)
        if scope.parent is None or scope.parent.what != "class":
            return False
        bases = [
            each.rpartition(".")[2]
            for each in origins(self.file.project, f"{self.file.model.name}:{scope.parent.qualname}")
            if each.startswith("sqlalchemy")
        ]
        is_dialect = any("Dialect" in each for each in bases)
        hooks = DIALECT_HOOKS if is_dialect else PROCESSORS if not TYPES.isdisjoint(bases) else ()
        return node.name.value in hooks

    def is_frequent(self, call: cst.Call) -> bool:
        """Whether an event happens while the application serves, and not in a synchronous engine only."""
        event = self.file.argument(call, "identifier", 1)
        target = self.file.argument(call, "target", 0)
        if event is None or target is None or self.source(event.value).strip("'\"") in ONCE:
            return False
        return not self.is_synchronous(target.value)

    def is_synchronous(self, target: cst.BaseExpression) -> bool:
        """Whether events of an object are those of a synchronous engine or session."""
        if isinstance(target, cst.Attribute) and target.attr.value in ("sync_engine", "sync_session", "pool"):
            return False
        return self.file.role(target) in {
            ("engine", "sync"),
            ("session_factory", "sync"),
            ("session", "sync"),
        }

    def listener(self, call: cst.Call) -> Scope | None:
        """The function that `event.listen(target, name, function)` registers."""
        if getattr(self.kind(call.func), "name", "") not in LISTEN or not self.is_frequent(call):
            return None
        arg = self.file.argument(call, "fn", 2)
        return self.function_in_file(arg.value) if arg is not None else None

    def function_in_file(self, node: cst.BaseExpression) -> Scope | None:
        """The plain function of this file that an expression names."""
        kind = self.kind(node)
        name = kind.name if isinstance(kind, Function) else ""
        return next(
            (
                scope
                for scope in self.file.tracing.names
                if not scope.is_async and f"{self.file.model.name}:{scope.qualname}" == name
            ),
            None,
        )

    # What they do

    def judge(self, scope: Scope, name: str) -> None:
        node, what, chain = self.first_wait(scope, DEPTH)
        if node is not None:
            self.report(
                node,
                f"`{self.source(node, 60)}` blocks the event loop in the hook `{name}`: {what}",
                why="Hooks run on the loop's own thread, in the middle of a statement: no other task runs until it"
                " is done",
                help="do it before, in the coroutine (`await asyncio.to_thread(…)`), and hand the result in; for"
                " what a new connection needs, give `async_creator` to `create_async_engine`",
                chain=chain,
            )

    def first_wait(self, scope: Scope, depth: int) -> tuple[cst.CSTNode | None, str, list[Step]]:
        """The first place where a function waits, what for, and the steps to it."""
        for call in self.file.model.nodes.get(cst.Call, ()):
            assert isinstance(call, cst.Call)
            expr = self.file.model.exprs.get(call)
            if not isinstance(expr, ex.Call) or self.scope(call).function is not scope:
                continue
            found = blocks(self.file.project, self.file.model.name, expr)
            if found:
                return call, f"`{found}` waits", []
            inner = self.function_in_file(call.func) if depth else None
            if inner is not None and inner is not scope:
                node, what, chain = self.first_wait(inner, depth - 1)
                if node is not None:
                    return call, what, [self.file.step(node, "here"), *chain]
        own = {each.key for _, each in self.file.reach.engines if not each.is_async}
        for wait in self.file.tracing.functions[scope].waits:
            if wait.engine in own:
                return (
                    self.file.node(wait.node),
                    "it goes through an engine of its own, which is synchronous",
                    [],
                )
        return None, "", []
