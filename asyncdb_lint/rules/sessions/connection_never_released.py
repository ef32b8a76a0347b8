"""ADB303 connection-never-released."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.sessions.wrapping import wrapped
from asyncdb_lint.semantics.lifecycle import (
    Event,
    Life,
    around,
    exclude,
    is_final,
    is_handling,
    is_script,
    leaves,
    life,
    start,
)  # fmt: skip
from asyncdb_lint.semantics.model import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.semantics.lifecycle import Part

TAKING = {
    ("engine", "async"): {"connect"},
    ("pool", "async"): {"acquire", "getconn"},
    ("pool", "sync"): {"getconn"},
}
"""By what it is called on. A connection that is no pool's ends when it is dropped, and so do synchronous engines'."""
POOLS = {
    "asyncpg.pool.create_pool", "psycopg_pool.pool_async.AsyncConnectionPool",
    "psycopg_pool.null_pool_async.AsyncNullConnectionPool", "psycopg_pool.pool.ConnectionPool",
}  # fmt: skip
RETURNING = {"release", "putconn"}
ENDING = {"close", "aclose", "terminate", "release", "closeall", "invalidate", "__aexit__", "__exit__"}
BLOCKS = {"begin", "begin_nested"}
GIVING_UP = {"detach"}


class ConnectionNeverReleased(Rule):
    """A connection that a function takes from a pool and does not give back, or a pool that it never closes.

    ## What it flags

    `await engine.connect()` of an async engine, `await pool.acquire()` and `pool.getconn()` whose connection is neither
    entered (`async with`), closed, released, returned, stored nor handed to something that may do so, on some way out
    of the function; and asyncpg's and psycopg's pools that a function makes and leaves open. As a warning: a release
    that an error in a statement before it skips. A generator that yields the connection needs `async with` or a
    `finally`. Connections of their own (`asyncpg.connect()`) end when they are dropped, and are left alone.

    ## Why it is bad

    An engine's connection stays checked out until the garbage collector terminates it; asyncpg's and psycopg's pools
    wait for it for ever. Once as many are lost as the pool has, every request waits and fails. A pool that is
    never closed keeps its connections to the server.

    ## Good

    ```python
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://db/app")

    async def ping() -> None:
        async with engine.connect() as connection:
            await connection.execute(text("select 1"))
    ```

    ## Bad

    ```python
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://db/app")

    async def ping() -> None:
        connection = await engine.connect()
        await connection.execute(text("select 1"))
    ```

    ## When to ignore

    When something that the linter cannot see gives the connection back.

    ## Source

    SQLAlchemy, "Connection Pooling"; asyncpg, "Connection Pools"; psycopg, "Connection pools".
    """

    code = "ADB303"
    name = "connection-never-released"
    severity = Severity.ERROR
    fix = Applicability.UNSAFE
    triggers = (b".connect(", b".acquire(", b".getconn(", b"create_pool", b"ConnectionPool")

    def visit_Call(self, call: cst.Call) -> None:
        scope = self.scope(call).function
        if self.file.is_test or scope is None or scope.what != "function":
            return
        made: cst.BaseExpression = call
        holder = self.parent(call)
        if isinstance(holder, cst.Await):
            made = holder
        what = self.taken(call, is_awaited=made is not call)
        if what and not is_script(self.file, scope):
            self.judge(self.followed(made, scope), call, what)

    def taken(self, call: cst.Call, *, is_awaited: bool) -> str:
        """ "connection" or "pool", where a call takes or makes one."""
        facts = self.file.call(call)
        if facts is None:
            return ""
        if facts.function in POOLS:
            return "pool"
        methods = TAKING.get((facts.role, facts.mode), set())
        return "connection" if facts.method in methods and is_awaited is (facts.mode == "async") else ""

    def followed(self, made: cst.BaseExpression, scope: Scope) -> Life:
        """The life of a connection: a pool's method may end it."""
        found = life(self.file, made, scope)
        return found._replace(events=tuple(map(self.seen_rightly, found.events)))

    def seen_rightly(self, event: Event) -> Event:
        """An event with what pools do: `pool.release(connection)`, `pool.terminate()`; a commit releases nothing."""
        node = event.node
        if event.part == "handed" and isinstance(node, cst.Arg):
            call = self.parent(node)
            func = call.func if isinstance(call, cst.Call) else None
            if isinstance(func, cst.Attribute) and func.attr.value in RETURNING:
                return Event("closes", node)
        if isinstance(node, cst.Attribute) and event.part == "managed" and node.attr.value in BLOCKS:
            return Event("works", node)
        if isinstance(node, cst.Attribute) and event.part in ("idle", "settles", "closes", "works"):
            if node.attr.value in GIVING_UP:
                return Event("handed", node)
            part: Part = "closes" if node.attr.value in ENDING else "works"
            return Event(part, node, event.is_done)
        return event

    def judge(self, each: Life, call: cst.Call, what: str) -> None:
        closes = each.only("closes")
        if each.has("managed", "handed") or any(self.surely_runs(event.node) for event in closes):
            return
        if not closes:
            self.report_open(each, call, what)
        elif not all(event.is_done for event in closes):
            return  # a close that is not awaited is another rule's story
        elif (way := next(self.open_ways(each, closes), None)) is not None:
            self.report_open(each, call, what, way)
        elif (risk := self.risk(each, closes)) is not None:
            self.report_skipped(each, call, what, closes[0], risk)

    def surely_runs(self, node: cst.CSTNode) -> bool:
        """Whether a close runs whatever happens: in a `finally`, or registered to run later."""
        return is_final(self.file.model, node)

    def open_ways(self, each: Life, closes: list[Event]) -> Iterator[cst.CSTNode]:
        """The ways out of the function that no close stands before."""
        for way in leaves(self.file, each):
            if way is each.scope.node:
                continue  # closes under a condition are taken for enough
            if self.is_without(each, way):
                continue
            before = [event for event in closes if not exclude(self.file.model, event.node, way)]
            if not any(start(self.file, event.node) < start(self.file, way) for event in before):
                yield way

    def is_without(self, each: Life, way: cst.CSTNode) -> bool:
        """Whether a way out is taken where there is no connection: `if connection is None: return`."""
        names = {binding.name for binding in self.file.model.bindings if binding.value is each.made}
        tests = (
            parent.test
            for parent, child in around(self.file.model, way)
            if isinstance(parent, cst.If) and child is not parent.test
        )
        return any(isinstance(use, cst.Name) and use.value in names for test in tests for use in parts(test))

    def risk(self, each: Life, closes: list[Event]) -> Event | None:
        """Work before the close whose error skips it; for a generator, what its caller raises at the `yield`."""
        if any(is_handling(self.file.model, event.node) for event in closes):
            return None
        first = start(self.file, closes[0].node)
        works = each.only("works", "yielded")
        return next((event for event in works if start(self.file, event.node) < first), None)

    # The verdict

    def report_open(self, each: Life, call: cst.Call, what: str, way: cst.CSTNode | None = None) -> None:
        ends = "closed" if what == "pool" else "given back"
        where = "on every way out" if way is not None else ""
        self.report(
            call,
            f"`{self.source(each.made)}` is not {ends} {where}".rstrip() if way is not None
            else f"`{self.source(each.made)}` is never {ends}",
            why="Its connections to the server stay open" if what == "pool"
            else "The connection stays checked out: the pool runs dry",
            help=self.advice(each, call, what),
            chain=[self.file.step(way, "the function ends here with it open")] if way is not None else [],
            repair=self.repair(each, call) if way is None else None,
        )  # fmt: skip

    def report_skipped(self, each: Life, call: cst.Call, what: str, close: Event, risk: Event) -> None:
        ends = "closed" if what == "pool" else "given back"
        self.report(
            call,
            f"`{self.source(each.made)}` is not {ends} when a statement before that raises",
            why="Its connections to the server stay open" if what == "pool"
            else "The connection stays checked out: the pool runs dry",
            help=self.advice(each, call, what),
            chain=[self.file.step(risk.node, "this may raise"), self.file.step(close.node, "and skip this")],
            severity=Severity.ERROR if risk.part == "yielded" else Severity.WARNING,
        )  # fmt: skip

    def advice(self, each: Life, call: cst.Call, what: str) -> str:
        keyword = "async with" if each.scope.is_async else "with"
        text = self.source(call)
        facts = self.file.call(call)
        if facts is not None and facts.function.startswith("psycopg2."):
            return "call `putconn()` in a `finally`"
        if isinstance(call.func, cst.Attribute) and call.func.attr.value == "getconn":
            text = f"{self.source(call.func.value)}.connection()"
        if what == "pool":
            return f"make it once, at start-up, or write `{keyword} {text} as …:`"
        return f"write `{keyword} {text} as …:` around the statements that use it"

    def repair(self, each: Life, call: cst.Call) -> Repair | None:
        is_plain = isinstance(call.func, cst.Attribute) and call.func.attr.value in ("connect", "acquire")
        if not is_plain or not each.scope.is_async or each.has("yielded"):
            return None
        replaced = wrapped(self.file.model, each.made, [event.node for event in each.events], is_async=True)
        if replaced is None:
            return None
        return Repair(Applicability.UNSAFE, "Enter the connection with `async with`", (replaced,))


def parts(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """A node and all in it."""
    yield node
    for child in node.children:
        yield from parts(child)
