"""ADB104 blocking-call-chain."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.loop.stalls import (
    Descent,
    Stall,
    could_be_plain,
    is_injected,
    is_startup,
    others,
    short,
    stalls,
    way,
)  # fmt: skip
from asyncdb_lint.semantics.callgraph import NOWHERE

OR_ASYNC = "or make what it calls asynchronous"


class BlockingCallChain(Rule):
    """A call on the event loop that reaches synchronous database I/O through functions of the project.

    ## What it flags

    An `async def` that calls a plain function, method or constructor, reads a property, or enters a context
    manager of the project that talks to the database through a synchronous session, connection or driver, in
    any number of steps and across files. Methods are followed to where the object's class has them: a base
    class or protocol stands for its implementations in the project. Functions that are handed on are followed
    to where they are called.

    What one function does through the methods of one class, or the functions of one module, is one finding, at
    the first call; the steps lead to the line that waits.

    Functions that are passed to a thread (`to_thread`, `run_in_executor`, a helper of the project that does
    it), generators that nobody iterates, and coroutines that `asyncio.run` starts with nothing beside them
    are left alone; so are tests and scripts.

    ## Why it is bad

    There is no exception, and the line that calls looks innocent. While the database answers, the whole event
    loop stands still: a query of 500 ms stalls every other request for 500 ms.

    ## Good

    ```python
    import asyncio
    from sqlalchemy.orm import sessionmaker

    SessionLocal = sessionmaker()

    class Orders:
        def count(self, statement) -> int:
            with SessionLocal() as session:
                return session.execute(statement).scalar_one()

    orders = Orders()

    async def handler(statement) -> int:
        return await asyncio.to_thread(orders.count, statement)
    ```

    ## Bad

    ```python
    from sqlalchemy.orm import sessionmaker

    SessionLocal = sessionmaker()

    class Orders:
        def count(self, statement) -> int:
            with SessionLocal() as session:
                return session.execute(statement).scalar_one()

    orders = Orders()

    async def handler(statement) -> int:
        return orders.count(statement)
    ```

    ## When to ignore

    In a program whose loop has nothing else to do meanwhile; where the linter cannot see that the way is never
    taken on the loop.

    ## Source

    Python, "Developing with asyncio: running blocking code"; SQLAlchemy, "Asynchronous I/O (asyncio)".
    """

    code = "ADB104"
    name = "blocking-call-chain"
    severity = Severity.ERROR

    def finish(self) -> None:
        for stall in stalls(self.file):
            if not stall.operations and not is_injected(self.file, stall):
                self.report_stall(stall)

    def report_stall(self, stall: Stall) -> None:
        first = stall.descents[0]
        startup = is_startup(self.file, stall.scope)
        steps = way(self.file, first)
        self.report(
            first.node,
            f"`{self.source(first.node)}` blocks the event loop: {self.reason(first)}",
            why="The application cannot start, stop or answer until the database has"
            if startup
            else "Nothing else runs on this loop until the database has answered",
            help=self.remedy(stall, first),
            chain=[*steps, *others(self.file, stall, first.node)],
            severity=Severity.WARNING if startup else None,
        )

    def reason(self, descent: Descent) -> str:
        """What happens at the end of the way."""
        name, way = descent.edge.callee, self.file.reach.way(descent.edge.callee, descent.parameter)
        for hop in way:
            name = hop.callee or name
        if way[-1].where == NOWHERE:
            return f"`{short(name)}` waits for a database, as the settings say"
        return f"it reaches a synchronous database call in `{short(name)}`"

    def remedy(self, stall: Stall, first: Descent) -> str:
        if could_be_plain(self.file, stall.scope):
            return "make the endpoint a plain `def`, which runs in a thread: it awaits nothing"
        if stall.origin is not None:
            return "open the session in a plain function, and `await asyncio.to_thread(…)` it with the call inside"
        if isinstance(first.node, cst.Call) and not first.edge.through:
            return f"write `await asyncio.to_thread({self.source(first.node.func, 40)}, …)`, {OR_ASYNC}"
        return f"move it into a plain function and `await asyncio.to_thread(…)` it, {OR_ASYNC}"
