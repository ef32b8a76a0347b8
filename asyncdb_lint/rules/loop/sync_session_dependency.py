"""ADB105 sync-session-dependency."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.loop.stalls import Stall, could_be_plain, imports, is_injected, others, stalls, way
from asyncdb_lint.semantics.blocking import described


class SyncSessionDependency(Rule):
    """A synchronous session that a dependency hands to an `async def`, which uses it on the event loop.

    ## What it flags

    An `async def` endpoint, dependency or websocket that receives a synchronous session, connection or engine
    by `Depends` (as default, in `Annotated`, or through an alias of it) and talks to the database with it,
    itself or through functions of the project that it passes it to. One finding, at the parameter; the uses are
    its steps.

    A session that is only passed to a thread, and endpoints that are a plain `def`, are left alone.

    ## Why it is bad

    FastAPI runs a plain `def` in a thread, but an `async def` on the event loop: every use of the session there
    stalls all other requests until the database has answered. There is no exception.

    ## Good

    ```python
    from fastapi import Depends, FastAPI
    from sqlalchemy.orm import Session, sessionmaker

    app = FastAPI()
    SessionLocal = sessionmaker()

    def get_session():
        with SessionLocal() as session:
            yield session

    @app.get("/count")
    def count(session: Session = Depends(get_session)) -> int:
        return session.execute(statement).scalar_one()
    ```

    ## Bad

    ```python
    from fastapi import Depends, FastAPI
    from sqlalchemy.orm import Session, sessionmaker

    app = FastAPI()
    SessionLocal = sessionmaker()

    def get_session():
        with SessionLocal() as session:
            yield session

    @app.get("/count")
    async def count(session: Session = Depends(get_session)) -> int:
        return session.execute(statement).scalar_one()
    ```

    ## When to ignore

    In an application that serves one request at a time.

    ## Source

    FastAPI, "Concurrency and async / await"; SQLAlchemy, "Asynchronous I/O (asyncio)".
    """

    code = "ADB105"
    name = "sync-session-dependency"
    severity = Severity.ERROR
    fix = Applicability.UNSAFE
    requires = (b"async def",)

    def finish(self) -> None:
        found = [each for each in stalls(self.file) if is_injected(self.file, each)]
        for stall in found:
            self.report_stall(stall, alone=sum(each.scope is stall.scope for each in found) == 1)

    def report_stall(self, stall: Stall, *, alone: bool) -> None:
        parameter = stall.injected
        assert parameter is not None
        uses = [(each.node, f"{described(self.file, each)} blocks", None) for each in stall.operations]
        calls = [(each.node, f"`{self.source(each.node)}` blocks", each) for each in stall.descents]
        first, said, descent = min([*uses, *calls], key=lambda each: self.file.span(each[0]))
        chain = [self.file.step(first, said)]
        if descent is not None:
            chain += way(self.file, descent)
        plain = could_be_plain(self.file, stall.scope)
        self.report(
            parameter,
            f"`{parameter.name.value}` is a synchronous {self.what(stall)}, used on the event loop",
            why="Nothing else runs on this loop until the database has answered",
            help="make the endpoint a plain `def`, which runs in a thread: it awaits nothing"
            if plain
            else self.remedy(),
            chain=[*chain, *others(self.file, stall, first)],
            repair=self.repair(stall) if plain and alone else None,
        )

    def what(self, stall: Stall) -> str:
        """The class of the object."""
        kind = self.file.kind_of(stall.origin.binding.expr) if stall.origin and stall.origin.binding else None
        name = str(getattr(kind, "name", "")).rpartition(".")[2].rpartition(":")[2]
        return f"`{name}`" if name else "session"

    def remedy(self) -> str:
        thread = (
            "let a plain function open its own session and do the work, and `await asyncio.to_thread(…)` it"
        )
        if imports(self.file, "sqlalchemy.ext.asyncio") or imports(self.file, "sqlmodel.ext.asyncio"):
            return f"depend on the project's `AsyncSession` and await the calls, or {thread}"
        return f"depend on an `AsyncSession` and await the calls, or {thread}"

    def repair(self, stall: Stall) -> Repair | None:
        node = stall.scope.node
        if not isinstance(node, cst.FunctionDef):
            return None
        return Repair(
            Applicability.UNSAFE,
            "Make the endpoint a plain `def`",
            ((node, node.with_changes(asynchronous=None)),),
        )
