"""ADB307 session-used-after-close."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.afterwards import may_follow, stands_in
from asyncdb_lint.semantics.kinds import Class, Instance
from asyncdb_lint.semantics.lifecycle import is_made

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.semantics.effects import Done
    from asyncdb_lint.semantics.model import Binding

OPENING = {"begin", "connect"}


class SessionUsedAfterClose(Rule):
    """An async session or connection that is used, or returned, when its `async with` has closed it.

    ## What it flags

    A statement after `async with factory() as session:` (or after `await session.close()`) that works on the session,
    and a `return session` inside the block, itself or in an object of the project: whoever gets it gets a closed
    one. The same for `engine.connect()` and `engine.begin()`. Results that were read, and sessions that are opened
    and closed again, are fine.

    ## Why it is bad

    A closed session silently begins again at its next statement, and takes a new connection. Nobody closes it a second
    time: the connection stays checked out. A connection raises `This Connection is closed`.

    ## Good

    ```python
    from sqlalchemy.ext.asyncio import async_sessionmaker

    factory = async_sessionmaker()

    async def get_session():
        async with factory() as session:
            yield session
    ```

    ## Bad

    ```python
    from sqlalchemy.ext.asyncio import async_sessionmaker

    factory = async_sessionmaker()

    async def get_session():
        async with factory() as session:
            return session
    ```

    ## When to ignore

    When the session is closed again after that, in a place that the linter cannot see.

    ## Source

    SQLAlchemy, "Session Basics: Closing".
    """

    code = "ADB307"
    name = "session-used-after-close"
    severity = Severity.WARNING
    holds_for = {"sqlalchemy": ">=1.4"}
    requires = (b"async ",)

    def visit_With(self, node: cst.With) -> None:
        scope = self.scope(node).function
        if node.asynchronous is None or scope is None or self.file.is_test:
            return
        for item in node.items:
            binding = self.file.model.targets.get(item.asname.name) if item.asname is not None else None
            if binding is not None and binding.scope is scope and self.is_closed_by(item.item):
                self.judge(node, item.item, binding)

    def visit_Await(self, node: cst.Await) -> None:
        """`await session.close()` on the way, with work on the session after it."""
        call = node.expression
        func = call.func if isinstance(call, cst.Call) else None
        scope = self.scope(node).function
        if (
            not isinstance(func, cst.Attribute)
            or func.attr.value != "close"
            or self.file.is_test
            or scope is None
        ):
            return
        line = self.parent(self.parent(node))  # type: ignore[arg-type]
        bindings = self.file.model.bindings_of(func.value)
        if len(bindings) != 1 or not isinstance(line, cst.SimpleStatementLine):
            return
        later = [each for each in self.works(bindings[0]) if self.surely_follows(line, each.node)]
        closes = [
            each
            for each in self.file.done.get(scope, [])
            if is_close(each, bindings[0]) and each.node is not call
        ]
        if later and not any(may_follow(self.file.model, later[0].node, each.node) for each in closes):
            self.tell(later[0].node, bindings[0].name, node, "this closes it")

    def is_closed_by(self, node: cst.BaseExpression) -> bool:
        """Whether entering something gives a session or connection that leaving it closes."""
        if not isinstance(node, cst.Call):
            return False
        func, kind = node.func, self.kind(node)
        if isinstance(func, cst.Attribute) and func.attr.value in OPENING:
            return self.file.role(func.value)[0] in ("engine", "session_factory")
        is_session = isinstance(kind, Instance) and self.file.project.role(kind) == ("session", "async")
        return is_session and is_made(self.file, node)

    def judge(self, block: cst.With, made: cst.BaseExpression, binding: Binding) -> None:
        for each in self.works(binding):
            if not stands_in(self.file.model, each.node, block) and may_follow(
                self.file.model, block, each.node
            ):
                self.tell(each.node, binding.name, made, "the end of this block closes it")
                return
        for use in binding.uses:
            if stands_in(self.file.model, use, block.body) and self.is_returned(use):
                self.tell(use, binding.name, made, "leaving this block closes it", returned=True)
                return

    def works(self, binding: Binding) -> Iterator[Done]:
        """The calls that work on what a name holds, where it surely holds that and nothing else."""
        for each in self.file.done.get(binding.scope, []):
            roots = {act.root for act in each.effect.acts if act.verb in ("reads", "writes")}
            if not any(root.what == "made" and root.path == (str(binding.index),) for root in roots):
                continue
            names = [use for use in binding.uses if stands_in(self.file.model, use, each.node)]
            if any(len(self.file.model.bindings_of(use)) == 1 for use in names):
                yield each

    def surely_follows(self, line: cst.SimpleStatementLine, node: cst.CSTNode) -> bool:
        """Whether code stands after a statement in the statement's own block."""
        block = self.parent(line)
        if not isinstance(block, cst.IndentedBlock):
            return False
        later = block.body[[each is line for each in block.body].index(True) + 1 :]
        return any(stands_in(self.file.model, node, each) for each in later)

    def is_returned(self, use: cst.Name) -> bool:
        """Whether `return` gives a session away, or an object of the project that keeps it."""
        holder = self.parent(use)
        if isinstance(holder, cst.Return):
            return True
        call = self.parent(holder) if isinstance(holder, cst.Arg) else None
        if not isinstance(call, cst.Call) or not isinstance(self.parent(call), cst.Return):
            return False
        kind = self.kind(call.func)
        found = self.file.project.class_(kind.name) if isinstance(kind, Class) else None
        if found is None:
            return False
        module, summary = found
        kept = (each for options in summary.attributes.values() for each in options)
        return any(self.is_session_parameter(module.name, each) for each in kept)

    def is_session_parameter(self, module: str, expr: ex.Node) -> bool:
        bindings = self.file.project.modules[module].bindings
        while isinstance(expr, (ex.Bound, ex.First)):
            expr = bindings[expr.index] if isinstance(expr, ex.Bound) else expr.options[0]
        kind = self.file.project.kind(module, expr)
        return isinstance(expr, ex.Param) and self.file.project.role(kind) == ("session", "async")

    def tell(
        self, node: cst.CSTNode, name: str, closed: cst.CSTNode, how: str, *, returned: bool = False
    ) -> None:
        what = "returned from the block that closes it" if returned else "used after it was closed"
        self.report(
            node,
            f"`{name}` is {what}",
            why="A session silently opens again and nobody gives its connection back; a connection raises",
            help=f"yield it (`yield {name}`) and let the caller enter it"
            if returned
            else "move this into the block",
            chain=[self.file.step(closed, how)],
        )


def is_close(each: Done, binding: Binding) -> bool:
    """Whether a call closes what a name holds."""
    path = (str(binding.index),)
    return any(
        act.verb == "closes" and act.root.what == "made" and act.root.path == path for act in each.effect.acts
    )
