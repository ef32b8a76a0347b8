"""ADB204 wrong-with."""

from __future__ import annotations

from typing import Literal

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.kinds import Coroutine, Function, Given, Instance, Kind, Manager, Startable

Need = Literal["async with", "with", "await", "call", ""]
MODES: dict[bool, Need] = {True: "async with", False: "with"}


class WrongWith(Rule):
    """`with` where `async with` is needed, or the other way round; a coroutine or a function that is entered.

    ## What it flags

    `with session:`, `with session.begin():` or `with engine.connect()` on an async session or engine; `async with` on a
    synchronous session or connection; a coroutine that is entered before it is awaited (`async with
    asyncpg.connect(…)`, `async with session.stream(…)`); and a factory or method that is entered without being called
    (`async with factory as session`). Objects that can do both are left alone, and so is what only an annotation
    calls synchronous.

    ## Why it is bad

    `TypeError: 'AsyncSession' object does not support the context manager protocol` (before Python 3.11
    `AttributeError: __enter__`), each time.

    ## Good

    ```python
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://db/app")

    async def count(query) -> int:
        async with engine.connect() as connection:
            return await connection.scalar(query)
    ```

    ## Bad

    ```python
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://db/app")

    async def count(query) -> int:
        with engine.connect() as connection:
            return await connection.scalar(query)
    ```

    ## When to ignore

    Never, unless the linter takes the object for another one.

    ## Source

    Python, "With Statement Context Managers" and "Asynchronous Context Managers"; SQLAlchemy, "Asynchronous I/O
    (asyncio)".
    """

    code = "ADB204"
    name = "wrong-with"
    severity = Severity.ERROR
    fix = Applicability.SAFE

    def visit_With(self, node: cst.With) -> None:
        is_async = node.asynchronous is not None
        for item in node.items:
            need = self.need(item.item, is_async)
            if need == "async with" and not self.is_in_coroutine(node):
                continue  # in a plain function it is the object that is wrong
            if need:
                self.tell(node, item, need)

    def is_in_coroutine(self, node: cst.With) -> bool:
        function = self.scope(node).function
        return function is not None and function.is_async

    def need(self, entered: cst.BaseExpression, is_async: bool) -> Need:
        """What would be right; empty where nothing is known to be wrong."""
        kind = self.kind(entered)
        match kind:
            case Given():
                return ""
            case Coroutine(of):
                return "await" if is_async and self.enters(of) == {True} else ""
            case Startable():
                return "" if is_async else "async with"
            case Manager(_, mode):
                return "" if is_async == mode else MODES[mode]
            case Function():
                return "call" if self.gives_manager(kind, is_async) else ""
            case Instance():
                return self.of_object(kind, is_async)
            case _:
                return ""

    def of_object(self, kind: Instance, is_async: bool) -> Need:
        if self.file.project.role(kind)[0] == "session_factory":
            return "call" if not self.enters(kind) else ""
        modes = self.enters(kind)
        if len(modes) != 1 or is_async in modes or (kind.declared and is_async):
            return ""
        return MODES[not is_async]

    def enters(self, kind: Kind) -> set[bool]:
        """How objects of a library class can be entered: by `with` (False), by `async with` (True); both if unknown."""
        if not isinstance(kind, Instance):
            return {True, False}
        methods = {False: "__enter__", True: "__aenter__"}
        return {mode for mode, name in methods.items() if not self.file.project.lacks(kind, name)}

    def gives_manager(self, function: Function, is_async: bool) -> bool:
        """Whether a library's function, which is no context manager, would give one of this mode if it were called."""
        member = self.file.project.member(function)
        if member is None:
            return False
        return member.protocol == "async_with" or (member.protocol == "startable" and is_async)

    def tell(self, node: cst.With, item: cst.WithItem, need: Need) -> None:
        source = self.source(item.item)
        keyword = "async with" if node.asynchronous is not None else "with"
        message, why, help = {
            "async with": (
                f"`{source}` is entered by `with`, and it is asynchronous",
                "TypeError: it does not support the context manager protocol",
                f"write `async with {source}`",
            ),
            "with": (
                f"`{source}` is entered by `async with`, and it is synchronous",
                "TypeError: it does not support the asynchronous context manager protocol",
                f"write `with {source}`, or use an asynchronous object here",
            ),
            "await": (
                f"`{source}` is a coroutine and is entered before it is awaited",
                "TypeError: a coroutine is no context manager, and is never awaited",
                f"write `{keyword} await {source}`",
            ),
            "call": (
                f"`{source}` is entered without being called",
                "TypeError: it makes context managers, and is none",
                f"write `{keyword} {source}()`",
            ),
        }[need]
        self.report(item.item, message, why=why, help=help, repair=self.repair(node, item, need))

    def repair(self, node: cst.With, item: cst.WithItem, need: Need) -> Repair | None:
        safe = Applicability.SAFE
        if need == "await":
            awaited = cst.Await(item.item)
            return Repair(safe, "await it first", ((item.item, awaited),))
        if need == "call":
            return Repair(safe, "call it", ((item.item, cst.Call(item.item)),))
        if need == "async with" and len(node.items) == 1:
            changed = node.with_changes(asynchronous=cst.Asynchronous())
            return Repair(safe, "make it `async with`", ((node, changed),))
        return None  # what is done with a synchronous object inside is likely to be awaited
