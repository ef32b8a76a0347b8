"""ADB201 missing-await."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.file_context import CallFacts, Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.awaiting.expressions import awaited
from asyncdb_lint.rules.awaiting.twins import awaited_twin
from asyncdb_lint.semantics.kinds import UNKNOWN, Coroutine, Kind, Manager, Startable
from asyncdb_lint.semantics.usage import Fate, What, fate, fates

LOST: set[What] = {"discarded", "tested", "operand", "attribute", "subscripted", "iterated"}
BUILTINS_THAT_TAKE_VALUES = {
    "bool", "dict", "enumerate", "float", "int", "len", "list", "max", "min", "print", "repr", "set",
    "sorted", "str", "sum", "tuple",
}  # fmt: skip
COROUTINE_ATTRIBUTES = {
    "close",
    "send",
    "throw",
    "cr_await",
    "cr_code",
    "cr_frame",
    "cr_running",
    "cr_origin",
}
STARTERS = {"start", "__aenter__", "__await__"}
INSPECTORS = {
    "isinstance",
    "hasattr",
    "iscoroutine",
    "isawaitable",
    "iscoroutinefunction",
    "isfuture",
    "type",
}


class MissingAwait(Rule):
    """A coroutine or transaction of an async database object that nobody awaits.

    ## What it flags

    A call on an async session, connection, engine, cursor, pool or result whose coroutine is dropped,
    tested for truth, compared, or used as if it were the result. Also the objects that are silently nothing
    until they are awaited or entered: `session.begin()`, `engine.connect()`, `conn.transaction()`,
    `pool.acquire()`. Values that are awaited later, passed on, returned, stored or gathered are left alone.

    Where nobody says what an object is, its own calls do: `conn.rollback()` beside `await conn.rollback()`
    on the same name in the same function.

    ## Why it is bad

    The call does nothing. `session.add(x); session.commit()` stores no row; Python says at most
    `RuntimeWarning: coroutine 'AsyncSession.commit' was never awaited`, and nothing at all for
    `session.begin()` and the like. A test such as `if session.get(User, 1):` is always true.

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
        if facts is None:
            self.judge_by_twin(call)
            return
        if facts.member is None or facts.member.protocol == "plain":
            return
        kind = self.kind(call)
        if isinstance(kind, Coroutine):
            lost = self.lost(call)
        elif isinstance(kind, Startable) or (isinstance(kind, Manager) and kind.is_async):
            lost = self.lost_silently(call, kind)
        else:
            return
        if lost is not None and not self.belongs_to_precedence(call) and not self.belongs_to_generator(call):
            self.report_lost(call, kind, lost)

    # A coroutine

    def lost(self, call: cst.Call) -> Fate | None:
        """How the coroutine is lost: every way that it goes loses it, or one takes it for its result."""
        found = list(fates(self.file.model, call))
        if found and all(self.loses(each) for each in found):
            return found[0]
        mistaken = next((each for each in found if self.mistakes(each)), None)
        if mistaken is not None and all(self.loses(each) or self.cannot_await(each) for each in found):
            return mistaken
        return None

    def loses(self, each: Fate) -> bool:
        """Whether the coroutine ends here without having run."""
        if each.what == "passed":
            callee = self.callee(each)
            return callee is not None and callee.function in {
                f"builtins.{name}" for name in BUILTINS_THAT_TAKE_VALUES
            }
        if isinstance(each.consumer, cst.Attribute) and each.consumer.attr.value in COROUTINE_ATTRIBUTES:
            return False
        return each.what in LOST

    def mistakes(self, each: Fate) -> bool:
        """Whether the coroutine is used as only its result can be."""
        return each.what in ("attribute", "subscripted", "iterated") and self.loses(each)

    def cannot_await(self, each: Fate) -> bool:
        """Whether the value leaves in a way that awaits nothing: returned, or given to a library's call."""
        if each.what == "passed":
            callee = self.callee(each)
            return callee is not None and callee.member is not None and callee.method not in INSPECTORS
        return each.what in ("returned", "yielded")

    def callee(self, each: Fate) -> CallFacts | None:
        """What a value is passed to."""
        holder = self.parent(each.consumer)
        return self.file.call(holder) if isinstance(holder, cst.Call) else None

    # Objects that are nothing until they are awaited or entered

    def lost_silently(self, call: cst.Call, kind: Kind) -> Fate | None:
        """How the object is lost; some have a method that starts them, or are kept until later."""
        found = list(fates(self.file.model, call))
        if found and all(each.what in ("discarded", "tested") for each in found):
            return found[0]
        if not isinstance(kind, Startable) or self.file.project.role(kind.of)[0] not in (
            "connection",
            "session",
        ):
            return None
        return found[0] if found and all(self.uses_unstarted(each) for each in found) else None

    @staticmethod
    def uses_unstarted(each: Fate) -> bool:
        return isinstance(each.consumer, cst.Attribute) and each.consumer.attr.value not in STARTERS

    # An object that nobody declares

    def judge_by_twin(self, call: cst.Call) -> None:
        if not isinstance(self.parent(call), cst.Expr) or not isinstance(call.func, cst.Attribute):
            return
        if self.kind(call.func.value) != UNKNOWN or not self.on_loop(call):
            return
        twin = awaited_twin(self.file, call)
        if twin is not None:
            self.report_lost(call, Coroutine(UNKNOWN), Fate("discarded", call), twin)

    def belongs_to_precedence(self, call: cst.Call) -> bool:
        """Whether an `await` stands around the chain that starts here: that is ADB203's story."""
        node: cst.CSTNode = call
        while isinstance(parent := self.parent(node), (cst.Attribute, cst.Call, cst.Subscript)):
            node = parent
        return node is not call and isinstance(self.parent(node), cst.Await)

    def belongs_to_generator(self, call: cst.Call) -> bool:
        """Whether a plain `def` yields the object that it cannot close: that is ADB301's story."""
        function = self.scope(call).function
        if function is None or function.is_async or not isinstance(call.func, cst.Attribute):
            return False
        uses = (use for binding in self.file.model.bindings_of(call.func.value) for use in binding.uses)
        return any(isinstance(self.parent(use), cst.Yield) for use in uses)

    # The verdict

    def report_lost(self, call: cst.Call, kind: Kind, lost: Fate, twin: cst.CSTNode | None = None) -> None:
        source = self.source(call)
        if isinstance(kind, Coroutine):
            message = f"`{source}` is never awaited"
            why = "Calling it only makes a coroutine: nothing is sent to the database"
        else:
            message = f"`{source}` is neither awaited nor entered"
            why = "Until it is awaited or entered it does nothing, and Python gives no warning"
        if lost.what == "tested":
            why += "; its truth is always true"
        elif self.mistakes(lost) and isinstance(lost.consumer, cst.Attribute):
            why += f"; reading `{lost.consumer.attr.value}` from it raises AttributeError"
        function = self.scope(call).function
        in_async = function is not None and function.is_async
        help = f"write `await {source}`" if in_async else "await it from an `async def`"
        if isinstance(kind, Manager) or (isinstance(kind, Startable) and not self.repair(call, kind)):
            help = f"write `async with {source}:` around the statements that belong to it"
        chain = [self.file.step(twin, "the same call is awaited here")] if twin is not None else []
        repair = self.repair(call, kind) if in_async else None
        self.report(call, message, why=why, help=help, chain=chain, repair=repair)

    def repair(self, call: cst.Call, kind: Kind) -> Repair | None:
        """An awaited coroutine does what it was meant to; a begin() changes which later calls raise."""
        if isinstance(self.scope(call).node, cst.GeneratorExp):
            return None  # an `await` would make it an async generator
        if isinstance(kind, Coroutine):
            sure = Applicability.SAFE
        elif isinstance(kind, Startable) and self.file.project.role(kind.of)[0] == "transaction":
            if fate(self.file.model, call).what != "discarded":
                return None
            sure = Applicability.UNSAFE
        else:
            return None  # a connection that is only awaited has nobody to give it back
        return Repair(sure, "Await it", ((call, awaited(call, self.parent(call))),))
