"""ADB201 missing-await."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.file_context import CallFacts, Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.awaiting.expressions import awaited
from asyncdb_lint.semantics.kinds import Coroutine, Kind, Manager, Startable
from asyncdb_lint.semantics.usage import Fate, What, fate, fates

LOST: set[What] = {"discarded", "tested", "operand", "attribute", "subscripted", "iterated"}
BUILTINS_THAT_TAKE_VALUES = {
    "bool", "dict", "enumerate", "float", "int", "len", "list", "max", "min", "print", "repr", "set", "sorted", "str",
    "sum", "tuple",
}  # fmt: skip
STARTERS = {"start", "__aenter__", "__await__"}


class MissingAwait(Rule):
    """A coroutine or transaction of an async database object that nobody awaits.

    ## What it flags

    A call on an async session, connection, engine, cursor, pool or result whose coroutine is dropped, tested for
    truth, compared, or used as if it were the result. Also the objects that are silently nothing until they are
    awaited or entered: `session.begin()`, `engine.connect()`, `conn.transaction()`, `pool.acquire()`. Values that
    are awaited later, passed on, returned, stored or gathered are left alone.

    ## Why it is bad

    The call does nothing. `session.add(x); session.commit()` stores no row; Python says at most
    `RuntimeWarning: coroutine 'AsyncSession.commit' was never awaited`, and nothing at all for `session.begin()`
    and the like. A test such as `if session.get(User, 1):` is always true.

    ## Good

    ```python
    from sqlalchemy.ext.asyncio import AsyncSession

    async def save(session: AsyncSession, user: object) -> None:
        session.add(user)
        await session.commit()
    ```

    ## Bad

    ```python
    from sqlalchemy.ext.asyncio import AsyncSession

    async def save(session: AsyncSession, user: object) -> None:
        session.add(user)
        session.commit()
    ```

    ## When to ignore

    When the object is awaited in a way that the linter cannot follow.

    ## Source

    SQLAlchemy, "Asynchronous I/O (asyncio)"; Python, "Detect never-awaited coroutines".
    """

    code = "ADB201"
    name = "missing-await"
    severity = Severity.ERROR
    fix = Applicability.SAFE
    holds_for = {"sqlalchemy": ">=1.4", "asyncpg": ">=0.29", "psycopg": ">=3.1", "aiosqlite": ">=0.19"}

    def visit_Call(self, call: cst.Call) -> None:
        facts = self.file.call(call)
        if facts is None or facts.member is None or facts.member.protocol == "plain":
            return
        kind = self.kind(call)
        if isinstance(kind, Coroutine):
            lost = self.lost(call, LOST)
        elif isinstance(kind, Startable) or (isinstance(kind, Manager) and kind.is_async):
            lost = self.lost_silently(call, kind)
        else:
            return
        if lost is not None and not self.belongs_to_precedence(call):
            self.report_lost(call, facts, kind, lost)

    def lost(self, call: cst.Call, ways: set[What]) -> Fate | None:
        """How the value is lost, if every way that it goes loses it."""
        found = list(fates(self.file.model, call))
        return found[0] if found and all(self.loses(each, ways) for each in found) else None

    def loses(self, each: Fate, ways: set[What]) -> bool:
        if each.what == "passed":
            holder = self.parent(each.consumer)
            callee = self.file.call(holder) if isinstance(holder, cst.Call) else None
            return callee is not None and callee.function in {f"builtins.{name}" for name in BUILTINS_THAT_TAKE_VALUES}
        return each.what in ways

    def lost_silently(self, call: cst.Call, kind: Kind) -> Fate | None:
        """The same for objects that may be started by a method of their own, or kept until they are."""
        direct = fate(self.file.model, call)
        if direct.what == "attribute" and isinstance(kind, Startable):
            assert isinstance(direct.consumer, cst.Attribute)
            role, _ = self.file.project.role(kind.of)
            started = direct.consumer.attr.value in STARTERS
            return direct if role in ("connection", "session") and not started else None
        return self.lost(call, {"discarded", "tested"})

    def belongs_to_precedence(self, call: cst.Call) -> bool:
        """Whether an `await` stands around the chain that starts here: that is ADB203's story."""
        node: cst.CSTNode = call
        while isinstance(parent := self.parent(node), (cst.Attribute, cst.Call, cst.Subscript)):
            node = parent
        return node is not call and isinstance(self.parent(node), cst.Await)

    def report_lost(self, call: cst.Call, facts: CallFacts, kind: Kind, lost: Fate) -> None:
        source = self.source(call)
        if isinstance(kind, Coroutine):
            message = f"`{source}` is never awaited"
            why = "Calling it only makes a coroutine: nothing is sent to the database"
        else:
            message = f"`{source}` is neither awaited nor entered"
            why = "Until it is awaited or entered it does nothing, and Python gives no warning"
        if lost.what == "tested":
            why += "; its truth is always true"
        function = self.scope(call).function
        in_async = function is not None and function.is_async
        help = f"write `await {source}`" if in_async else "await it from an `async def`"
        if isinstance(kind, Manager):
            help = f"write `async with {source}:` around the statements that belong to it"
        self.report(call, message, why=why, help=help, repair=self.repair(call, kind) if in_async else None)

    def repair(self, call: cst.Call, kind: Kind) -> Repair | None:
        if isinstance(kind, Manager):
            return None
        # An explicit begin() changes which later calls raise; a coroutine only gets what it was meant to do.
        sure = Applicability.SAFE if isinstance(kind, Coroutine) else Applicability.UNSAFE
        target: cst.CSTNode = call
        if not isinstance(kind, Coroutine) and fate(self.file.model, call).what != "discarded":
            return None
        return Repair(sure, "Await it", ((target, awaited(call, self.parent(call))),))
