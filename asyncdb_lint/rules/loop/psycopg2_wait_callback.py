"""ADB108 psycopg2-wait-callback."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.kinds import Constant, Function

WAIT_SELECT = "psycopg2.extras.wait_select"
SET_CALLBACK = "psycopg2.extensions.set_wait_callback"
OFF = (Constant(False), Constant(0), Constant(None))


class Psycopg2WaitCallback(Rule):
    """psycopg2's waiting by `select()` in async code.

    ## What it flags

    `psycopg2.extras.wait_select(conn)` called in an `async def`, `set_wait_callback(wait_select)` in a file
    that has async code, and, as information, `psycopg2.connect(…, async_=1)`: a mode that can be driven
    rightly by hand with `poll()` and `loop.add_reader`, but that nothing is built on any more. Other
    callbacks (gevent's) and programs without async code, where `wait_select` makes long queries answer to
    Ctrl-C, are left alone.

    ## Why it is bad

    `wait_select` is a `select()` loop that waits for one connection: a query of 500 ms stalls the event loop
    for 500 ms, just as plain psycopg2 does.

    ## Good

    ```python
    import psycopg

    async def ping(dsn: str) -> None:
        async with await psycopg.AsyncConnection.connect(dsn) as conn:
            await conn.execute("SELECT 1")
    ```

    ## Bad

    ```python
    import psycopg2
    from psycopg2.extras import wait_select

    async def ping(dsn: str) -> None:
        conn = psycopg2.connect(dsn, async_=1)
        wait_select(conn)
        cur = conn.cursor()
        cur.execute("SELECT 1")
        wait_select(conn)
    ```

    ## When to ignore

    When the loop is gevent's or eventlet's and the callback is theirs.

    ## Source

    psycopg2, "Asynchronous support" and "Support for coroutine libraries".
    """

    code = "ADB108"
    name = "psycopg2-wait-callback"
    severity = Severity.ERROR
    holds_for = {"psycopg2": ">=2.2"}
    requires = (b"psycopg2",)
    triggers = (b"wait_select", b"async_", b"async=")

    def finish(self) -> None:
        driven: dict[object, list[cst.Call]] = {}
        connects: list[cst.Call] = []
        for call in self.file.model.nodes.get(cst.Call, ()):
            assert isinstance(call, cst.Call)
            function = getattr(self.kind(call.func), "name", "")
            if function == WAIT_SELECT and self.on_loop(call):
                driven.setdefault(self.scope(call).function, []).append(call)
            elif (
                function == SET_CALLBACK
                and call.args
                and self.kind(call.args[0].value) == Function(WAIT_SELECT)
            ):
                self.report_callback(call)
            elif function == "psycopg2.connect" and self.is_async(call):
                connects.append(call)
        for scope, waits in driven.items():
            made = [call for call in connects if self.scope(call).function is scope]
            self.report_waits(waits, made)
        for call in connects:
            if self.scope(call).function not in driven:
                self.report_legacy(call)

    def is_async(self, call: cst.Call) -> bool:
        given = self.file.argument(call, "async_") or self.file.argument(call, "async")
        return given is not None and self.kind(given.value) not in OFF

    def report_waits(self, waits: list[cst.Call], made: list[cst.Call]) -> None:
        steps = [self.file.step(call, "the connection is made here") for call in made]
        steps += [self.file.step(call, "waits again here") for call in waits[1:]]
        self.report(
            waits[0],
            f"`{self.source(waits[0])}` blocks the event loop",
            why="It waits by `select()` until this one connection is ready, and the loop waits with it",
            help="use `psycopg.AsyncConnection` of psycopg 3",
            chain=steps,
        )

    def report_callback(self, call: cst.Call) -> None:
        if not any(scope.is_async for scope in self.file.model.opened.values()):
            return
        self.report(
            call,
            "`wait_select` as psycopg2's wait callback does not make it asynchronous",
            why="Every query still waits in a `select()` loop in the calling thread, and async code with it",
            help="use `psycopg.AsyncConnection` of psycopg 3",
        )

    def report_legacy(self, call: cst.Call) -> None:
        self.report(
            call,
            f"`{self.source(call)}` opens a connection that has to be driven by hand",
            why="Each step needs `poll()` and a wait; `commit` and `rollback` raise ProgrammingError",
            help="use `psycopg.AsyncConnection` of psycopg 3",
            severity=Severity.INFO,
        )
