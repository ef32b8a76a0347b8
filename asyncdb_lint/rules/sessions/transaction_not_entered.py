"""ADB311 transaction-not-entered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.lifecycle import around

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.semantics.model import Binding

BEGINNING = {"transaction", "begin", "begin_nested"}
ENDING = {"commit", "rollback"}
STARTING = {"start", "__aenter__", "__await__"}
ASYNCPG = ("asyncpg.connection.Connection", "asyncpg.pool.PoolConnectionProxy")
TAKING = {"acquire", "connect"}


class TransactionNotEntered(Rule):
    """A transaction that was made and never begun, or a cursor that needs one and has none.

    ## What it flags

    - A transaction object in a name (`tr = connection.transaction()`, `tr = session.begin()`) that is committed or
      rolled back, and neither entered (`async with tr:`), awaited nor started (`await tr.start()`).
    - asyncpg's `connection.cursor()` on a connection that the function takes itself, outside of any
      `async with connection.transaction():`.

    A transaction object that nothing is done with is ADB201's.

    ## Why it is bad

    Making the object does nothing. asyncpg's raises `cannot commit; the transaction is not yet started`, SQLAlchemy's
    `This transaction is not begun` or the like; until then every statement is committed by itself. asyncpg's cursor
    raises `cursor cannot be created outside of a transaction`.

    ## Good

    ```python
    import asyncpg

    async def move(pool: asyncpg.Pool) -> None:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("update account set amount = amount - 1")
    ```

    ## Bad

    ```python
    import asyncpg

    async def move(pool: asyncpg.Pool) -> None:
        async with pool.acquire() as connection:
            transaction = connection.transaction()
            await connection.execute("update account set amount = amount - 1")
            await transaction.commit()
    ```

    ## When to ignore

    Never: it raises.

    ## Source

    asyncpg, "Transactions", "Cursors"; SQLAlchemy, "Asynchronous I/O (asyncio)".
    """

    code = "ADB311"
    name = "transaction-not-entered"
    severity = Severity.ERROR
    triggers = (b".transaction(", b".begin(", b".begin_nested(", b".cursor(")

    def visit_Call(self, call: cst.Call) -> None:
        facts = self.file.call(call)
        if facts is None or facts.mode != "async" or self.scope(call).function is None:
            return
        if facts.method in BEGINNING and facts.role in ("connection", "session", "engine"):
            self.judge_transaction(call)
        elif facts.method == "cursor" and facts.function.startswith(ASYNCPG):
            self.judge_cursor(call)

    # Transactions

    def judge_transaction(self, call: cst.Call) -> None:
        binding = self.holder(call)
        if binding is None or binding.scope.function is None:
            return
        ends = []
        for use in binding.uses:
            attribute = self.parent(use)
            if not isinstance(attribute, cst.Attribute) or len(self.file.model.bindings_of(use)) != 1:
                return
            if attribute.attr.value in ENDING:
                ends.append(attribute)
            else:
                return
        if ends:
            self.report(
                call,
                f"the transaction `{binding.name}` is never begun",
                why="Ending it raises, and until then every statement is on its own",
                help=f"write `async with {self.source(call)}:` around the statements",
                chain=[self.file.step(ends[0], "this ends what has not begun")],
            )

    def holder(self, call: cst.Call) -> Binding | None:
        """The name that an assignment puts a call's value into; `with` begins it."""
        if not isinstance(self.parent(call), (cst.Assign, cst.AnnAssign)):
            return None
        return next((each for each in self.file.model.bindings if each.value is call), None)

    # Cursors

    def judge_cursor(self, call: cst.Call) -> None:
        assert isinstance(call.func, cst.Attribute)
        bindings = self.file.model.bindings_of(call.func.value)
        scope = self.scope(call).function
        if len(bindings) != 1 or bindings[0].scope is not scope or not self.is_taken_here(bindings[0]):
            return
        if any(True for _ in self.transactions(bindings[0])):
            return
        self.report(
            call,
            f"`{self.source(call)}` stands outside of a transaction",
            why="asyncpg raises `cursor cannot be created outside of a transaction`",
            help=f"write `async with {bindings[0].name}.transaction():` around it",
        )

    def is_taken_here(self, binding: Binding) -> bool:
        """Whether the function itself connects or acquires: nobody else can have begun a transaction."""
        for parent, _ in around(self.file.model, binding.target):
            if isinstance(parent, (cst.With, cst.Assign, cst.AnnAssign)):
                calls = (
                    [item.item for item in parent.items] if isinstance(parent, cst.With) else [binding.value]
                )
                found = [each.expression if isinstance(each, cst.Await) else each for each in calls]
                return any(self.takes(each) for each in found if isinstance(each, cst.Call))
        return False

    def takes(self, call: cst.Call) -> bool:
        facts = self.file.call(call)
        return facts is not None and facts.method in TAKING and facts.function.startswith("asyncpg.")

    def transactions(self, binding: Binding) -> Iterator[cst.CSTNode]:
        """Uses of a connection that may begin a transaction, or that nobody can see through."""
        for use in binding.uses:
            parent = self.parent(use)
            if isinstance(parent, cst.Attribute):
                if parent.attr.value in ("transaction", "execute"):  # `execute("begin")`
                    yield use
            elif not isinstance(parent, cst.WithItem):
                yield use
