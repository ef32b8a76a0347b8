"""ADB308 commit-inside-begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.sessions.providers import asked_for
from asyncdb_lint.semantics.afterwards import after, stands_in
from asyncdb_lint.semantics.effects import effects_of, frame_of, label
from asyncdb_lint.semantics.kinds import Unknown

if TYPE_CHECKING:
    from asyncdb_lint.semantics.effects import Done, Root, Verb

LIBRARIES = ("sqlalchemy.", "sqlmodel.")
WORK: set[Verb] = {"reads", "writes"}
ENDS: set[Verb] = {"commits", "rolls back", "closes"}
OWNERS = {("engine", "async"), ("session_factory", "async"), ("session_factory", "")}
ASKING = {"in_transaction", "get_transaction", "is_active"}


class CommitInsideBegin(Rule):
    """A commit, rollback or second `begin()` in the way of a `begin()` block.

    ## What it flags

    - `commit()` or `rollback()` inside `async with session.begin():`, `factory.begin()` or `engine.begin()`, with
      more work on the same session or connection after it in the block. As the last statement it is harmless.
    - `session.begin()` after the same function, or a dependency of the same request that shares the session, has
      worked with it: the session has begun by itself.

    ## Why it is bad

    The block owns the transaction. Once that is ended, the next statement in the block raises
    `InvalidRequestError: Can't operate on closed transaction inside context manager`. A session that has already
    begun raises `A transaction is already begun on this Session`.

    ## Good

    ```python
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import AsyncSession

    async def move(session: AsyncSession) -> None:
        async with session.begin():
            await session.execute(text("update account set amount = amount - 1"))
            await session.execute(text("update account set amount = amount + 1"))
    ```

    ## Bad

    ```python
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import AsyncSession

    async def move(session: AsyncSession) -> None:
        async with session.begin():
            await session.execute(text("update account set amount = amount - 1"))
            await session.commit()
            await session.execute(text("update account set amount = amount + 1"))
    ```

    ## When to ignore

    Never: it raises on every run that comes by.

    ## Source

    SQLAlchemy, "Session Basics: Framing out a begin / commit / rollback block"; "Asynchronous I/O (asyncio)".
    """

    code = "ADB308"
    name = "commit-inside-begin"
    severity = Severity.ERROR
    fix = Applicability.UNSAFE
    holds_for = {"sqlalchemy": ">=1.4"}
    triggers = (b".begin(",)

    def visit_With(self, node: cst.With) -> None:
        scope = self.scope(node).function
        done = self.file.done.get(scope, []) if scope is not None else []
        for item in node.items:
            root = self.root(item, done) if is_begin(item.item) else None
            if root is None:
                continue
            before = self.before(node, item, root, done)
            if before is not None:
                self.tell_begun(item.item, before)
            elif not self.tell_ended(node, root, done):
                self.judge_dependencies(item.item, root)

    def root(self, item: cst.WithItem, done: list[Done]) -> Root | None:
        """The session or connection whose transaction the block owns."""
        begun = next((each for each in done if each.node is item.item), None)
        for act in begun.effect.acts if begun is not None else ():
            if act.verb == "begins" and act.on.startswith(LIBRARIES) and label(self.file, act.root):
                return act.root
        scope = self.scope(item.item).function
        frame = frame_of(self.file, scope) if scope is not None else None
        binding = self.file.model.targets.get(item.asname.name) if item.asname is not None else None
        owner = self.file.role(item.item.func.value)  # type: ignore[attr-defined]
        if frame is None or binding is None or owner not in OWNERS:
            return None
        entered = self.file.kind_of(binding.expr)
        is_known = any(
            each.startswith(LIBRARIES) for each in self.file.project.mro(getattr(entered, "name", ""))
        )
        return frame.root(binding.expr, binding.index) if is_known else None

    # Ended too early

    def tell_ended(self, block: cst.With, root: Root, done: list[Done]) -> bool:
        """Report the first end of the transaction that has work after it in the block."""
        for each in done:
            act = next((act for act in each.effect.acts if act.root == root), None)
            if (
                act is None
                or act.verb not in ("commits", "rolls back")
                or not is_method(each.node)
                or not stands_in(self.file.model, each.node, block.body)
            ):
                continue
            later = self.work_after(each, block, root, done)
            if later is not None:
                self.report_ended(each, later, root, act.verb)
                return True
        return False

    def work_after(self, ended: Done, block: cst.With, root: Root, done: list[Done]) -> Done | None:
        statement: cst.CSTNode = ended.node
        while not isinstance(statement, cst.BaseStatement):
            statement = self.file.model.parents[statement]
        for part in after(self.file.model, statement, lambda node: node is block):
            for each in done:
                works = any(act.root == root and act.verb in WORK | {"commits"} for act in each.effect.acts)
                if works and stands_in(self.file.model, each.node, part):
                    return each
        return None

    def report_ended(self, ended: Done, later: Done, root: Root, verb: Verb) -> None:
        name = label(self.file, root)
        method = "commit" if verb == "commits" else "rollback"
        self.report(
            ended.node,
            f"`{self.source(ended.node)}` ends the transaction that the `begin()` block owns",
            why="The next statement raises `Can't operate on closed transaction inside context manager`",
            help=f"leave the {method} to the block, or open a block for each transaction"
            if method == "commit"
            else f"raise out of the block, or roll back a part of it with `{name}.begin_nested()`",
            chain=[self.file.step(later.node, f"this works on `{name}` in the same block")],
            repair=self.repair(ended.node) if method == "commit" else None,
        )

    def repair(self, call: cst.CSTNode) -> Repair | None:
        """Leave the commit out, where it is a statement of its own among others."""
        model = self.file.model
        line = model.parents[model.parents[model.parents[call]]]
        block = model.parents.get(line)
        if not isinstance(line, cst.SimpleStatementLine) or not isinstance(block, cst.IndentedBlock):
            return None
        if len(line.body) > 1 or len(block.body) < 2 or not isinstance(line.body[0], cst.Expr):
            return None
        return Repair(Applicability.UNSAFE, "Leave the commit to the block", ((line, None),))

    # Begun already

    def before(self, block: cst.With, item: cst.WithItem, root: Root, done: list[Done]) -> cst.CSTNode | None:
        """The first work on the session that surely ran before, with nothing after it that may have ended it."""
        ready = None
        for each in done:
            if each.node is item.item:
                break
            for act in each.effect.acts:
                if act.root != root:
                    continue
                if act.verb in ENDS or (act.verb == "begins" and not self.is_beside(each.node, block)):
                    ready = None  # a block of its own ends what it began
                elif ready is None and act.verb in WORK and self.surely_before(each.node, block):
                    ready = each.node
        if ready is None or self.may_end(root, ready, item):
            return None
        return ready

    def is_beside(self, node: cst.CSTNode, block: cst.With) -> bool:
        """Whether `session.begin()` is entered around, or by, the same `with`."""
        holder = self.file.model.parents[self.file.model.parents[node]]
        return holder is block or stands_in(self.file.model, block, holder)

    def surely_before(self, node: cst.CSTNode, block: cst.With) -> bool:
        """Whether a statement runs whenever the block is reached: it stands before it, in a block around it."""
        statement = node
        while not isinstance(statement, cst.BaseStatement):
            statement = self.file.model.parents[statement]
        if not isinstance(statement, (cst.SimpleStatementLine, cst.With)):
            return False
        return stands_in(self.file.model, block, self.file.model.parents[statement])

    def may_end(self, root: Root, first: cst.CSTNode, item: cst.WithItem) -> bool:
        """Whether something in between may end the transaction unseen, or the code asks whether there is one."""
        name, scope = label(self.file, root), self.scope(item).function
        for call in self.file.model.nodes.get(cst.Call, ()):
            assert isinstance(call, cst.Call)
            if self.scope(call).function is not scope or call in (first, item.item):
                continue
            func = call.func
            if isinstance(func, cst.Attribute) and self.source(func.value) == name:
                if func.attr.value in ASKING | {"commit", "rollback", "close", "reset"}:
                    return True
            elif isinstance(self.kind(func), Unknown) and name in {
                self.source(arg.value) for arg in call.args
            }:
                return True
        return False

    def judge_dependencies(self, call: cst.BaseExpression, root: Root) -> None:
        """FastAPI gives one session to an endpoint and to all that it depends on; the others run first."""
        scope = self.scope(call).function
        summary = self.file.model.summary.functions.get(scope.qualname) if scope is not None else None
        if summary is None or root.what != "param" or len(root.path) > 1:
            return
        asked = {
            each.name: asked_for(self.file.project, self.file.model.name, each) for each in summary.parameters
        }
        session = asked.pop(root.path[0], None)
        if session is None or self.may_end(root, call, self.file.model.parents[call]):  # type: ignore[arg-type]
            return
        first = next((name for name, other in asked.items() if other and self.works(other, session)), None)
        if first is not None:
            self.tell_begun(call, None, first)

    def works(self, provider: str, session: str) -> bool:
        """Whether a dependency works on the session that another provider gives to both."""
        found = self.file.project.function(provider)
        if found is None:
            return False
        module, summary = found
        own = {
            each.name
            for each in summary.parameters
            if asked_for(self.file.project, module.name, each) == session
        }
        acts = [act for act in effects_of(self.file.project).of(provider).acts if act.root.path[0] in own]
        return any(act.verb in WORK for act in acts) and not any(act.verb in ENDS for act in acts)

    def tell_begun(self, call: cst.BaseExpression, first: cst.CSTNode | None, dependency: str = "") -> None:
        chain = [self.file.step(first, "the session begins here")] if first is not None else []
        by = f"the dependency `{dependency}`" if dependency else "a statement before"
        self.report(
            call,
            f"`{self.source(call)}` comes too late: {by} has begun the transaction",
            why="It raises `A transaction is already begun on this Session`"
            if self.file.role(call.func.value)[0] == "session"  # type: ignore[attr-defined]
            else "It raises `This connection has already initialized a SQLAlchemy Transaction()`",
            help="put that statement into the block, or commit at the end in place of the block",
            chain=chain,
        )


def is_begin(node: cst.BaseExpression) -> bool:
    """Whether an entered call is `x.begin()`."""
    return (
        isinstance(node, cst.Call)
        and isinstance(node.func, cst.Attribute)
        and node.func.attr.value == "begin"
    )


def is_method(node: cst.BaseExpression) -> bool:
    """Whether a call ends a transaction by its own name."""
    return (
        isinstance(node, cst.Call)
        and isinstance(node.func, cst.Attribute)
        and node.func.attr.value in ("commit", "rollback")
    )
