"""ADB310 missing-commit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.effects import effects_of, frame_of, start_of
from asyncdb_lint.semantics.engine_uses import engines_behind
from asyncdb_lint.semantics.kinds import Function, Instance
from asyncdb_lint.semantics.lifecycle import is_made

if TYPE_CHECKING:
    from asyncdb_lint.semantics.model import Binding

ADDING = {"add", "add_all", "delete", "bulk_save_objects", "bulk_insert_mappings", "bulk_update_mappings"}
EXECUTING = {"execute", "scalar", "scalars", "exec", "executemany"}
HARMLESS = {
    "flush", "refresh", "get", "get_one", "begin_nested", "expunge", "expunge_all", "expire", "expire_all", "merge",
    "in_transaction", "fetchone", "fetchall", "execute_fetchall", "cursor", "stream", "stream_scalars", "close",
    "no_autoflush",
}  # fmt: skip
"""What neither stores nor takes back: anything else may commit, or leave the work to somebody else."""
CHANGING = {"insert", "update", "delete"}
CHANGING_TEXT = re.compile(r"\s*(insert|update|delete|merge|truncate|replace)\b", re.IGNORECASE)
AIOSQLITE = "aiosqlite.core.connect"


class MissingCommit(Rule):
    """Writes in a session or connection that is made and closed here without a commit.

    ## What it flags

    A session or a connection of an async engine or of aiosqlite that a function opens, writes through (`add()`,
    `delete()`, an `insert()`, `update()` or `delete()` statement, also as text), and leaves without `commit()`, a
    `begin()` block, or handing it to something that may commit. A savepoint (`begin_nested()`) stores nothing.

    ## Why it is bad

    Closing rolls back. Nothing of what was written is stored, and there is neither an error nor a warning.

    ## Good

    ```python
    from sqlalchemy.ext.asyncio import async_sessionmaker

    factory = async_sessionmaker()

    async def create(user: object) -> None:
        async with factory() as session:
            session.add(user)
            await session.commit()
    ```

    ## Bad

    ```python
    from sqlalchemy.ext.asyncio import async_sessionmaker

    factory = async_sessionmaker()

    async def create(user: object) -> None:
        async with factory() as session:
            session.add(user)
    ```

    ## When to ignore

    When the rows are meant to be rolled back, or the engine commits by itself in a place that the linter cannot see.

    ## Source

    SQLAlchemy, "Session Basics: Committing", "Working with Transactions: Commit As You Go"; Python, "sqlite3".
    """

    code = "ADB310"
    name = "missing-commit"
    severity = Severity.WARNING
    holds_for = {"sqlalchemy": ">=1.4"}
    triggers = (b"add", b"delete", b"insert", b"update", b"INSERT", b"UPDATE", b"DELETE")

    def finish(self) -> None:
        if self.file.is_test:
            return
        for binding in self.file.model.bindings:
            made = self.made(binding)
            if made is not None and binding.scope.what == "function":
                self.judge(binding, made)

    def made(self, binding: Binding) -> cst.Call | None:
        """The call that opens what a name holds: it is entered, awaited or assigned as it is."""
        holder = self.parent(binding.target)
        if isinstance(holder, cst.AsName) and isinstance(item := self.parent(holder), cst.WithItem):
            node: cst.CSTNode | None = item.item
        else:
            node = binding.value
        if isinstance(node, cst.Await):
            node = node.expression
        return node if isinstance(node, cst.Call) and self.opens(node) else None

    def opens(self, call: cst.Call) -> bool:
        """Whether a call opens a session or connection that does not commit by itself when it is closed."""
        facts = self.file.call(call)
        if facts is not None and facts.function == AIOSQLITE:
            return self.file.argument(call, "isolation_level") is None and not any(
                arg.star for arg in call.args
            )
        if facts is not None and (facts.role, facts.mode, facts.method) == ("engine", "async", "connect"):
            assert isinstance(call.func, cst.Attribute)
            return not self.is_autocommit(call.func.value)
        kind = self.kind(call)
        if not isinstance(kind, Instance) or ":" in kind.name or self.file.project.role(kind)[0] != "session":
            return False  # a class of the project's own may commit when it is left
        bind = self.file.argument(call, "bind", 0)
        return is_made(self.file, call) and not self.is_autocommit(bind.value if bind is not None else call)

    def is_autocommit(self, node: cst.BaseExpression) -> bool:
        """Whether an engine may be told to commit after every statement."""
        expr = self.file.model.exprs.get(node)
        if "execution_options" in self.source(node, 1000):
            return True
        for _, call, _ in engines_behind(self.file.project, self.file.model.name, expr):
            if {"isolation_level", "execution_options", "**"} & {keyword for keyword, _ in call.keywords}:
                return True
        return False

    def judge(self, binding: Binding, made: cst.Call) -> None:
        writes = []
        for use in binding.uses:
            verdict = self.use(use, binding)
            if verdict is None:
                return
            if verdict:
                writes.append(use)
        if writes:
            self.tell(binding, made, writes[0])

    def use(self, use: cst.Name, binding: Binding) -> bool | None:
        """Whether a use writes; None where it may commit, or nobody knows."""
        if self.scope(use).function is not binding.scope:
            return None
        parent = self.parent(use)
        if isinstance(parent, cst.WithItem):
            return False  # entered by its name
        if isinstance(parent, cst.Arg):
            return self.passed(parent)
        call = self.parent(parent) if isinstance(parent, cst.Attribute) else None
        if not isinstance(parent, cst.Attribute) or not isinstance(call, cst.Call) or call.func is not parent:
            name = parent.attr.value if isinstance(parent, cst.Attribute) else ""
            return False if name in HARMLESS else None
        name = parent.attr.value
        if name in ADDING:
            return True
        if name in EXECUTING:
            return self.is_change(call)
        return False if name in HARMLESS else None

    def is_change(self, call: cst.Call) -> bool:
        scope = self.scope(call).function
        frame = frame_of(self.file, scope) if scope is not None else None
        expr = self.file.model.exprs.get(call.args[0].value) if call.args else None
        if frame is None or expr is None:
            return False
        made, text = frame.statement(expr)
        text = text if text is not None else start_of(expr)
        return made in CHANGING or (text is not None and CHANGING_TEXT.match(text) is not None)

    def passed(self, arg: cst.Arg) -> bool | None:
        """A project's coroutine function that only borrows it and does not commit leaves all as it is."""
        call = self.parent(arg)
        kind = self.kind(call.func) if isinstance(call, cst.Call) else None
        expr = self.file.model.exprs.get(call) if isinstance(call, cst.Call) else None
        scope = self.scope(arg).function
        frame = frame_of(self.file, scope) if scope is not None else None
        found = self.file.project.function(kind.name) if isinstance(kind, Function) else None
        if found is None or frame is None or not isinstance(expr, ex.Call) or not found[1].is_async:
            return None
        given = self.file.model.exprs.get(arg.value)
        borrowed = {
            name
            for name in found[1].borrowed
            if frame.argument(expr, kind, found[1], name) == given  # type: ignore[arg-type]
        }
        if not borrowed:
            return None
        acts = effects_of(self.file.project).of(kind.name).acts  # type: ignore[union-attr]
        own = [act for act in acts if act.root.path[0] in borrowed]
        if any(act.verb in ("commits", "rolls back", "begins", "closes") for act in own):
            return None
        return any(act.verb == "writes" for act in own)

    def tell(self, binding: Binding, made: cst.Call, write: cst.CSTNode) -> None:
        self.report(
            made,
            f"`{binding.name}` is written to and closed without a commit",
            why="Closing it rolls back: nothing is stored, and nothing is said",
            help=f"call `await {binding.name}.commit()` at the end"
            if self.file.role(write)[0] == "connection"
            else f"call `commit()` at the end, or open a block with `{binding.name}.begin()`",
            chain=[self.file.step(write, "this writes")],
        )
