"""ADB507 session-engine-mismatch."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.file_context import CallFacts, Repair
from asyncdb_lint.finding import Applicability, Severity, Step
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.kinds import Class, Instance
from asyncdb_lint.semantics.settings import only_binding

SESSIONMAKER = "sqlalchemy.orm.session.sessionmaker"
METADATA = "sqlalchemy.sql.schema.MetaData"
SCHEMA_METHODS = {"create_all", "drop_all", "reflect", "create", "drop"}
INSPECT = "sqlalchemy.inspection.inspect"
BOUND = {"engine", "connection"}


class SessionEngineMismatch(Rule):
    """A sync session or schema work on an async engine, or an async session on a sync engine.

    ## What it flags

    `Session` or `sessionmaker` (without `class_=AsyncSession`) bound to an `AsyncEngine` or
    `AsyncConnection`; `AsyncSession` or `async_sessionmaker` bound to a sync one; `metadata.create_all`,
    `drop_all`, `reflect` and `inspect` given an async engine or connection. `sessionmaker(async_engine,
    class_=AsyncSession)` works and is left alone.

    ## Why it is bad

    The sync session is made, and its first statement raises; an async session on a sync engine raises
    `ArgumentError: AsyncEngine expected, got Engine(…)`; `create_all(async_engine)` raises `AttributeError:
    'AsyncEngine' object has no attribute '_run_ddl_visitor'`.

    ## Good

    ```python
    from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

    engine = create_async_engine("postgresql+asyncpg://app@db/app")
    factory = async_sessionmaker(engine, expire_on_commit=False)
    ```

    ## Bad

    ```python
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.orm import sessionmaker

    engine = create_async_engine("postgresql+asyncpg://app@db/app")
    factory = sessionmaker(engine, expire_on_commit=False)
    ```

    ## When to ignore

    Never, when the engine is what the finding says.

    ## Source

    SQLAlchemy, "Asynchronous I/O (asyncio)", "Using AsyncSession" and "Running synchronous methods".
    """

    code = "ADB507"
    name = "session-engine-mismatch"
    severity = Severity.ERROR
    fix = Applicability.SAFE
    holds_for = {"sqlalchemy": ">=2.0"}

    def visit_Call(self, call: cst.Call) -> None:
        facts = self.file.call(call)
        if facts is None:
            return
        if isinstance(self.kind(call.func), Class):
            self.check_session(call, facts)
        elif facts.method in SCHEMA_METHODS and isinstance(facts.receiver, Instance):
            if METADATA in self.file.project.mro(facts.receiver.name):
                self.check_schema(call, self.file.argument(call, "bind", 0), facts)
        elif facts.function == INSPECT:
            self.check_schema(call, self.file.argument(call, "subject", 0), facts)

    # Sessions

    def check_session(self, call: cst.Call, facts: CallFacts) -> None:
        role, mode = self.file.project.role(Instance(facts.function))
        if role not in ("session", "session_factory"):
            return
        bind = self.file.argument(call, "bind", 0)
        if bind is None:
            return
        bound_role, bound_mode = self.file.role(bind.value)
        if bound_role not in BOUND or not bound_mode:
            return
        made_mode = self.made_mode(call, facts.function, role, mode)
        if not made_mode or made_mode == bound_mode or self.is_declared(bind.value):
            return
        made = "async sessions" if made_mode == "async" else "sync sessions"
        subject = f"makes {made}" if role == "session_factory" else f"is {made_mode}"
        article = "an async" if bound_mode == "async" else "a sync"
        why = (
            "Making the session raises ArgumentError: AsyncEngine expected, got Engine"
            if made_mode == "async"
            else "The session is made, and its first statement raises"
        )
        self.report(
            call,
            f"`{self.source(call.func)}` {subject}, `{self.source(bind.value)}` is {article} {bound_role}",
            why=why,
            help=self.advice(role, made_mode),
            chain=self.origin(bind.value, f"the {bound_role} is made here"),
            repair=self.factory_repair(call, facts) if made_mode == "sync" else None,
        )

    def made_mode(self, call: cst.Call, function: str, role: str, mode: str) -> str:
        """What the session, or those that the factory makes, are; empty when that is not known."""
        if role == "session":
            return mode
        kind = self.kind(call)
        made = kind.arguments[0] if isinstance(kind, Instance) and kind.arguments else None
        return self.file.project.role(made)[1] if made is not None else ""

    def is_declared(self, node: cst.BaseExpression) -> bool:
        """Whether only an annotation says what the engine is."""
        kind = self.kind(node)
        return isinstance(kind, Instance) and kind.declared

    def advice(self, role: str, made_mode: str) -> str:
        if made_mode == "async":
            return "make the engine with `create_async_engine`"
        return "use `async_sessionmaker`" if role == "session_factory" else "use `AsyncSession`"

    def factory_repair(self, call: cst.Call, facts: CallFacts) -> Repair | None:
        """`async_sessionmaker` takes the same arguments, and its sessions fit the engine."""
        if facts.function != SESSIONMAKER or self.file.argument(call, "class_") is not None:
            return None
        if not isinstance(call.func, cst.Name):
            return None
        return Repair(
            Applicability.SAFE,
            "Use `async_sessionmaker`",
            ((call.func, call.func.with_changes(value="async_sessionmaker")),),
            add_imports=(("sqlalchemy.ext.asyncio", "async_sessionmaker", None),),
            remove_unused=(("sqlalchemy.orm", "sessionmaker"),),
        )

    # Schema work

    def check_schema(self, call: cst.Call, bind: cst.Arg | None, facts: CallFacts) -> None:
        if bind is None:
            return
        role, mode = self.file.role(bind.value)
        if role not in BOUND or mode != "async" or self.is_declared(bind.value):
            return
        source = self.source(bind.value)
        error = "NoInspectionAvailable" if facts.function == INSPECT else "AttributeError"
        run = f"await {source}.run_sync({self.source(call.func)})"
        if facts.function == INSPECT:
            run = f"await {source}.run_sync(lambda connection: inspect(connection)…)"
        if role == "engine":
            run = f"async with {source}.begin() as connection: {run.replace(source, 'connection', 1)}"
        self.report(
            call,
            f"`{self.source(call.func)}` works on sync connections, and `{source}` is an async {role}",
            why=f"It raises {error} before anything reaches the database",
            help=f"write `{run}`",
            chain=self.origin(bind.value, f"the {role} is made here"),
            repair=self.run_sync(call, bind) if role == "connection" and facts.function != INSPECT else None,
        )

    def run_sync(self, call: cst.Call, bind: cst.Arg) -> Repair | None:
        """`conn.run_sync(metadata.create_all)` calls it with the sync connection."""
        function = self.scope(call).function
        if function is None or not function.is_async or self.scope(call).what != "function":
            return None
        if isinstance(self.parent(call), cst.Await) or any(arg.star for arg in call.args):
            return None
        others = [arg for arg in call.args if arg is not bind]
        moved = cst.Call(
            func=cst.Attribute(bind.value, cst.Name("run_sync")),
            args=[cst.Arg(call.func), *(arg.with_changes(comma=cst.MaybeSentinel.DEFAULT) for arg in others)],
        )
        if not isinstance(self.parent(call), cst.Expr):
            return None
        return Repair(Applicability.SAFE, "Run it on the sync connection", ((call, cst.Await(moved)),))

    def origin(self, node: cst.BaseExpression, message: str) -> tuple[Step, ...]:
        """Where the engine or connection was made, when that is in this file."""
        if not isinstance(node, cst.Name):
            return ()
        binding = only_binding(self.file.model, node)
        return (
            (self.file.step(binding.value, message),)
            if binding is not None and binding.value is not None
            else ()
        )
