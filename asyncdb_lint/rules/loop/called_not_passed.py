"""ADB110 called-not-passed."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.kinds import Coroutine
from asyncdb_lint.semantics.offload import WRAPPERS, Offload, may_be_function

HELD = {"session", "connection", "cursor", "scoped_registry"}


class CalledNotPassed(Rule):
    """Database work that is called where a function should be handed to a thread.

    ## What it flags

    `to_thread(save(user))`, `run_in_executor(None, session.commit())`, `run_in_threadpool(load())`: the
    argument is a call that does database work and gives no function. Calls that make a function
    (`partial(…)`, a factory of closures) are left alone.

    ## Why it is bad

    The call runs on the event loop, before the thread is asked: the loop stands still for the whole query.
    Then the thread gets the result in place of a function: `TypeError: 'list' object is not callable`, after
    the effect.

    ## Good

    ```python
    import asyncio
    from sqlalchemy.orm import sessionmaker

    SessionLocal = sessionmaker()

    def load(statement) -> list:
        with SessionLocal() as session:
            return session.execute(statement).all()

    async def handler(statement) -> list:
        return await asyncio.to_thread(load, statement)
    ```

    ## Bad

    ```python
    import asyncio
    from sqlalchemy.orm import sessionmaker

    SessionLocal = sessionmaker()

    def load(statement) -> list:
        with SessionLocal() as session:
            return session.execute(statement).all()

    async def handler(statement) -> list:
        return await asyncio.to_thread(load(statement))
    ```

    ## When to ignore

    When the call gives a function that does the work.

    ## Source

    Python, `asyncio.to_thread` and `loop.run_in_executor`.
    """

    code = "ADB110"
    name = "called-not-passed"
    severity = Severity.ERROR
    fix = Applicability.SAFE

    def finish(self) -> None:
        for found in self.file.offloads:
            called = found.function
            if (
                isinstance(called, cst.Call)
                and self.does_database_work(called)
                and not may_be_function(self.file, called)
            ):
                self.report_called(found, called)

    def does_database_work(self, call: cst.Call) -> bool:
        facts = self.file.call(call)
        if facts is None:
            return False
        if facts.member is not None:
            is_async = facts.mode == "async" and facts.member.protocol == "coroutine"
            return is_async or (facts.member.blocks and facts.mode == "sync")
        if any(self.file.role(arg.value)[0] in HELD for arg in call.args):
            return True
        callees = self.file.tracing.callees(call.func, self.kind(call.func))
        return any(each.name in self.file.reach.hops for each in callees)

    def report_called(self, found: Offload, called: cst.Call) -> None:
        name = self.source(found.call.func, 40)
        function = self.source(called.func, 40)
        is_coroutine = isinstance(self.kind(called), Coroutine)
        repair = None if is_coroutine else self.repair(found, called)
        self.report(
            called,
            f"`{self.source(called)}` is called here, and `{name}` gets its result in place of a function",
            why="The thread gets a coroutine that nobody awaits: nothing is sent, then TypeError"
            if is_coroutine
            else "It blocks the event loop, then the thread fails with TypeError: the result is not callable",
            help=f"await `{self.source(called)}`: it needs no thread"
            if is_coroutine
            else f"write `{self.source(self.handed_over(found, called), 80)}`"
            if repair is not None
            else f"pass `{function}` and its arguments",
            repair=repair,
        )

    def repair(self, found: Offload, called: cst.Call) -> Repair | None:
        if found.arguments or found.through in WRAPPERS or isinstance(called.func, (cst.Lambda, cst.Call)):
            return None
        changed = self.handed_over(found, called)
        return Repair(Applicability.SAFE, "Pass the function, not its result", ((found.call, changed),))

    def handed_over(self, found: Offload, called: cst.Call) -> cst.Call:
        """The call with the function and its arguments side by side; an executor takes no keywords."""
        takes_keywords = found.through.endswith(("to_thread", "run_in_threadpool", ".submit"))
        args: list[cst.Arg] = []
        for arg in found.call.args:
            if arg.value is not called:
                args.append(arg)
            elif takes_keywords or not any(
                each.keyword is not None or each.star == "**" for each in called.args
            ):
                comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
                inner = [each.with_changes(comma=comma) for each in called.args]
                args += [cst.Arg(called.func, comma=comma), *inner]
                args[-1] = args[-1].with_changes(comma=arg.comma)
            else:
                args.append(arg.with_changes(value=cst.Lambda(cst.Parameters(), called)))
        return found.call.with_changes(args=args)
