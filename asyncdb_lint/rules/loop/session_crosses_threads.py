"""ADB107 session-crosses-threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.loop import crossings as cr
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import Function, Instance
from asyncdb_lint.semantics.offload import Offload

if TYPE_CHECKING:
    from asyncdb_lint.rules.loop.crossings import Crossing
    from asyncdb_lint.semantics.model import Scope

GATHERERS = {"asyncio.gather", "asyncio.wait", "asyncio.as_completed"}
RAW = {"connection", "cursor"}


class SessionCrossesThreads(Rule):
    """A session, connection or cursor of the calling code used by threads.

    ## What it flags

    - An asynchronous session or connection used in a thread: `to_thread(session.execute, q)`.
    - One synchronous session, connection or cursor given to several threads at the same time: under `gather`,
      in tasks that are collected, in a loop of `executor.submit`.
    - A SQLite connection made outside and used in a thread, without `check_same_thread=False`.
    - A connection kept on an object whose methods use it in threads without a lock, and a session kept on an
      object that is passed to a thread.

    A session that threads use strictly one after the other works, and is left alone; so are engines and
    factories, a thread that opens its own session, and a thread that hands its calls back by
    `run_coroutine_threadsafe`.

    ## Why it is bad

    A thread that calls an async session gets a coroutine: nothing is sent. Sessions are not safe for threads:
    transactions mix, and one thread's rollback discards the rows of another without an error. SQLite raises
    `ProgrammingError: SQLite objects created in a thread can only be used in that same thread`.

    ## Good

    ```python
    import asyncio
    from sqlalchemy.orm import sessionmaker

    SessionLocal = sessionmaker()

    def count(statement) -> int:
        with SessionLocal() as session:
            return session.execute(statement).scalar_one()

    async def totals(first, second) -> list[int]:
        return await asyncio.gather(asyncio.to_thread(count, first), asyncio.to_thread(count, second))
    ```

    ## Bad

    ```python
    import asyncio
    from sqlalchemy.orm import Session

    def count(session: Session, statement) -> int:
        return session.execute(statement).scalar_one()

    async def totals(session: Session, first, second) -> list[int]:
        return await asyncio.gather(
            asyncio.to_thread(count, session, first),
            asyncio.to_thread(count, session, second),
        )
    ```

    ## When to ignore

    When something that the linter does not see keeps the threads apart.

    ## Source

    SQLAlchemy, "Is the Session thread-safe? Is AsyncSession safe to share in concurrent tasks?"
    """

    code = "ADB107"
    name = "session-crosses-threads"
    severity = Severity.ERROR

    def finish(self) -> None:
        shared: dict[tuple[Scope | None, object], list[Crossing]] = {}
        kept: dict[tuple[object, str], list[Crossing]] = {}
        for offload in self.file.offloads:
            found = list(cr.crossings(self.file, offload))
            told = self.report_async(offload, found)
            for each in found:
                if each.mode == "sync" and not told and not self.file.is_test:
                    function = self.scope(offload.call).function
                    shared.setdefault((function, each.origin.key), []).append(each)
                    if isinstance(each.node, cst.Attribute) and cr.is_self(self.file, each.node.value):
                        owner = self.scope(offload.call).enclosing_class
                        kept.setdefault((owner, self.source(each.node)), []).append(each)
        told_origins = {found[0].origin.key for found in shared.values() if self.report_shared(found)}
        for found in kept.values():
            if found[0].origin.key not in told_origins:
                self.report_kept(found)
        if not self.file.is_test:
            self.check_gathers(
                {each.origin.key: each for found in shared.values() for each in found}, told_origins
            )

    # An async object in a thread

    def report_async(self, offload: Offload, found: list[Crossing]) -> bool:
        """The thread has no loop for it: a coroutine that nobody awaits, or a connection of another loop."""
        function = offload.function
        kind = self.kind(function)
        member = self.file.project.member(kind)
        if member is not None and isinstance(kind, Function) and kind.owner is not None:
            role, mode = self.file.project.role(kind.owner)
            if mode == "async" and member.protocol == "coroutine" and role:
                self.report(
                    function,
                    f"`{self.source(function)}` is a coroutine function: a thread cannot await it",
                    why="Nobody awaits that coroutine: nothing is sent to the database",
                    help=f"write `await {self.source(function)}(…)`: it needs no thread",
                )
                return True
            return False
        crossed = next((each for each in found if each.mode == "async"), None)
        if crossed is None or cr.goes_back(self.file, offload):
            return False
        name = self.source(crossed.node, 40)
        self.report(
            crossed.node if crossed.how == "argument" else function,
            f"`{name}` is an `{self.class_name(crossed)}` of this event loop, and a thread gets to use it",
            why="In a thread it raises MissingGreenlet, or uses a connection of another loop",
            help="open a session in the thread's function, or use `run_sync` in place of the thread",
        )
        return True

    # One sync object in several threads at a time

    def report_shared(self, found: list[Crossing]) -> bool:
        launched = [each for each in found if cr.is_launched(self.file, each.offload.call)]
        calls = {each.offload.call for each in launched}
        made_in_loop = any(
            cr.is_repeated(self.file, each.offload.call) and not self.is_made_in_loop(each)
            for each in launched
        )
        if len(calls) < 2 and not made_in_loop:
            return self.report_sqlite(found)
        if any(cr.is_locked(self.file, each.offload) for each in launched):
            return False
        first = launched[0]
        name = self.source(first.node, 40)
        self.report(
            first.node if first.how != "closure" else first.offload.function,
            f"`{name}` is one {self.class_name(first)} that several threads use at the same time",
            why="Their transactions mix: a commit or rollback in one thread ends the work of another",
            help="pass the session factory, and let each thread open its own",
            chain=[self.file.step(each.offload.call, "a thread gets it here too") for each in launched[1:]],
        )
        return True

    def is_made_in_loop(self, each: Crossing) -> bool:
        """Whether every round has an object of its own."""
        binding = each.origin.binding
        target = binding.target if binding is not None else None
        if binding is None or target is None or isinstance(target, cst.Param):
            return False
        return binding.scope.what == "comprehension" or cr.is_repeated(self.file, target)

    def report_sqlite(self, found: list[Crossing]) -> bool:
        """A local SQLite connection: it remembers its thread."""
        first = found[0]
        made = first.made
        if not self.is_sqlite(first) or made is None or self.is_unchecked(first):
            return False
        self.report(
            first.node if first.how != "closure" else first.offload.function,
            f"`{self.source(first.node, 40)}` is a SQLite connection of another thread",
            why="SQLite raises ProgrammingError when a connection is used outside the thread that made it",
            help="open the connection in the function that runs in the thread",
            chain=[self.file.step(made, "it is made here")],
        )
        return True

    # An object that is kept on self

    def report_kept(self, found: list[Crossing]) -> None:
        risky = [
            each for each in found if each.offload.executor is None or self.is_default(each.offload.executor)
        ]
        risky = [each for each in risky if self.is_raw(each) or each.how == "argument"]
        risky = [each for each in risky if not cr.is_locked(self.file, each.offload)]
        if not risky:
            return
        first = risky[0]
        certain = (
            self.is_sqlite(first)
            and bool(cr.connect_calls(self.file, first.node))
            and not self.is_unchecked(first)
        )
        name = self.source(first.node, 40)
        self.report(
            first.node if first.how == "argument" else first.offload.function,
            f"`{name}` is kept on the object, and threads get to use it without a lock",
            why="SQLite raises ProgrammingError outside the thread that made the connection"
            if certain
            else "Two calls at once use it from two threads: their transactions mix",
            help="open what the thread needs in its function, or hold one `threading.Lock` around every use",
            chain=[
                self.file.step(each.offload.call, "a thread gets it here too") for each in self.later(risky)
            ],
            severity=Severity.ERROR if certain else Severity.WARNING,
        )

    def later(self, found: list[Crossing]) -> list[Crossing]:
        """One crossing for each further offload."""
        return list(
            {
                each.offload.call: each for each in found if each.offload.call is not found[0].offload.call
            }.values()
        )

    def is_default(self, executor: cst.BaseExpression) -> bool:
        return isinstance(executor, cst.Name) and executor.value == "None"

    def is_raw(self, each: Crossing) -> bool:
        return self.file.project.role(each.kind)[0] in RAW

    def is_sqlite(self, each: Crossing) -> bool:
        return each.kind.name.startswith("sqlite3.")

    def is_unchecked(self, each: Crossing) -> bool:
        """Whether the connection may be used from other threads, as far as the calls that make it show."""
        calls = cr.connect_calls(self.file, each.node)
        if each.made is not None and isinstance(lowered := self.file.model.exprs.get(each.made), ex.Call):
            calls.append(lowered)
        return any(keyword in ("check_same_thread", "**") for call in calls for keyword, _ in call.keywords)

    # Coroutines under gather, of which one takes the session into a thread

    def check_gathers(
        self, threaded: dict[tuple[str, object], Crossing], told: set[tuple[str, object]]
    ) -> None:
        for call in self.file.model.nodes.get(cst.Call, ()):
            assert isinstance(call, cst.Call)
            if getattr(self.kind(call.func), "name", "") in GATHERERS and len(call.args) > 1:
                self.check_gather(call, threaded, told)

    def check_gather(
        self, gather: cst.Call, threaded: dict[tuple[str, object], Crossing], told: set[tuple[str, object]]
    ) -> None:
        uses: dict[tuple[str, object], list[tuple[cst.Arg, cst.Call]]] = {}
        for entry in gather.args:
            for arg in entry.value.args if isinstance(entry.value, cst.Call) else ():
                kind = self.kind(arg.value)
                if self.file.project.role(kind) == ("session", "sync") and isinstance(kind, Instance):
                    origin = self.file.blocking.origin(arg.value)
                    if origin is not None:
                        assert isinstance(entry.value, cst.Call)
                        uses.setdefault(origin.key, []).append((arg, entry.value))
        for key, found in uses.items():
            deeper = [each for _, call in found if (each := self.taken_on(call, threaded)) is not None]
            if key in told or len(found) < 2 or not deeper:
                continue
            arg, _ = found[0]
            self.report(
                arg.value,
                f"`{self.source(arg.value, 40)}` goes to coroutines that run together, and on into a thread",
                why="Their transactions mix: a commit or rollback in one ends the work of the other",
                help="pass the session factory, and let each open its own",
                chain=[
                    self.file.step(each.offload.call, "a thread gets the session here") for each in deeper
                ],
            )

    def taken_on(self, call: cst.Call, threaded: dict[tuple[str, object], Crossing]) -> Crossing | None:
        """The crossing in a coroutine function of this file that a call gives its session to."""
        kind = self.kind(call.func)
        if not isinstance(kind, Function):
            return None
        name = kind.name.rpartition(":")[2]
        return next(
            (each for each in threaded.values() if self.scope(each.offload.call).qualname == name), None
        )

    def class_name(self, each: Crossing) -> str:
        return each.kind.name.rpartition(".")[2].rpartition(":")[2]
