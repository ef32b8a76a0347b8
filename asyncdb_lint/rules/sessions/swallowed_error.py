"""ADB309 error-swallowed-without-rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.afterwards import after_handler, last_of, stands_in
from asyncdb_lint.semantics.callables import injection
from asyncdb_lint.semantics.effects import label
from asyncdb_lint.semantics.kinds import Class, Function, Sequence, Unknown
from asyncdb_lint.semantics.lifecycle import around

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.semantics.effects import Done, Root, Verb
    from asyncdb_lint.semantics.kinds import Kind

BROAD = {"builtins.Exception", "builtins.BaseException"}
OF_DATABASE = {
    "SQLAlchemyError", "StatementError", "DBAPIError", "DatabaseError", "IntegrityError", "OperationalError",
    "ProgrammingError", "DataError", "InternalError", "InterfaceError",
}  # fmt: skip
RISKY: set[Verb] = {"writes", "commits"}
ORM = ("sqlalchemy.", "sqlmodel.")
ENDING: set[Verb] = {"rolls back", "closes"}


class ErrorSwallowedWithoutRollback(Rule):
    """An `except` that swallows a database error and lets the code go on with the same session.

    ## What it flags

    A `try` that writes through an async session (`flush()`, `commit()`, an `insert()`, a project function that
    does), with an `except Exception` or `except IntegrityError` that neither raises nor rolls back, where the
    session is used again: in the handler, after it, or in the next round of a loop. As a warning: a failed
    `commit()` of a session that is the caller's, who is not told; a query alone in a `try`, whose handler tries
    another on the same session. A write inside `async with
    session.begin_nested():` is fine, since its savepoint is rolled back.

    ## Why it is bad

    After the error the session's transaction is dead. The next statement raises `PendingRollbackError: This
    Session's transaction has been rolled back due to a previous exception during flush`, or PostgreSQL answers
    `current transaction is aborted`. In a loop every item after the first bad one fails. A `commit()` after a
    failed statement stores nothing of what came before, without an error.

    ## Good

    ```python
    from sqlalchemy.exc import IntegrityError
    from sqlalchemy.ext.asyncio import AsyncSession

    async def add_all(session: AsyncSession, users: list[object]) -> None:
        for user in users:
            try:
                async with session.begin_nested():
                    session.add(user)
            except IntegrityError:
                continue
        await session.commit()
    ```

    ## Bad

    ```python
    from sqlalchemy.exc import IntegrityError
    from sqlalchemy.ext.asyncio import AsyncSession

    async def add_all(session: AsyncSession, users: list[object]) -> None:
        for user in users:
            try:
                session.add(user)
                await session.flush()
            except IntegrityError:
                continue
        await session.commit()
    ```

    ## When to ignore

    When something that the linter cannot see rolls back before the session is used again.

    ## Source

    SQLAlchemy, "Session Basics: Rolling Back" and "This Session's transaction has been rolled back due to a
    previous exception during flush"; PostgreSQL, "in_failed_sql_transaction".
    """

    code = "ADB309"
    name = "error-swallowed-without-rollback"
    severity = Severity.ERROR
    fix = Applicability.UNSAFE
    holds_for = {"sqlalchemy": ">=1.4"}
    requires = (b"except", b"await")

    def visit_Try(self, node: cst.Try) -> None:
        scope = self.scope(node).function
        done = self.file.done.get(scope, []) if scope is not None else []
        if scope is None or self.file.is_test or not done:
            return
        for position, handler in enumerate(node.handlers):
            if self.catches(handler) and not any(map(self.catches, node.handlers[:position])):
                self.judge(node, handler, done)

    # What a handler catches and does

    def catches(self, handler: cst.ExceptHandler) -> bool:
        """Whether it catches the errors of a database."""
        if handler.type is None:
            return True
        kind = self.kind(handler.type)
        names = [
            getattr(each, "name", "") for each in (kind.items if isinstance(kind, Sequence) else (kind,))
        ]
        return any(
            name in BROAD or (name.startswith("sqlalchemy.") and name.rpartition(".")[2] in OF_DATABASE)
            for name in names
        )

    def judge(self, node: cst.Try, handler: cst.ExceptHandler, done: list[Done]) -> None:
        tried = (each for each in done if stands_in(self.file.model, each.node, node.body))
        risky = [each for each in tried if not self.is_guarded(each, node)]
        for root, each in self.risks(risky, node):
            after = self.used_after(root, handler, done)
            if self.may_end(root, handler):
                continue
            if after is None and not self.is_left_to_caller(root, handler, risky, done):
                continue
            self.tell(root, handler, each, after, sure=after is not None)
            return
        if len(risky) == 1 and self.is_alone(risky[0], node) and ":" not in self.callee(risky[0]):
            self.judge_fallback(risky[0], handler, done)

    def judge_fallback(self, tried: Done, handler: cst.ExceptHandler, done: list[Done]) -> None:
        """A query that fails, where the handler tries another on the same session."""
        act = tried.effect.acts[0] if tried.effect.acts else None
        if act is None or act.verb != "reads" or not act.on.startswith(ORM) or not label(self.file, act.root):
            return
        after = self.used_after(act.root, handler, done)
        if (
            after is not None
            and stands_in(self.file.model, after.node, handler)
            and not self.may_end(act.root, handler)
        ):
            self.tell(act.root, handler, tried, after, sure=False)

    def is_alone(self, each: Done, node: cst.Try) -> bool:
        """Whether a `try` does nothing else: what it catches comes from there."""
        line = node.body.body[0] if len(node.body.body) == 1 else None
        if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
            return False
        value = getattr(line.body[0], "value", None)
        return isinstance(value, cst.Await) and value.expression is each.node

    def risks(self, risky: list[Done], node: cst.Try) -> Iterator[tuple[Root, Done]]:
        """The sessions from outside that the `try` writes through, each with the first such call."""
        seen = set()
        for each in risky:
            for act in each.effect.acts:
                if act.contained or act.root in seen or act.verb not in RISKY or not act.on.startswith(ORM):
                    continue
                seen.add(act.root)
                if self.is_from_outside(act.root, node):
                    yield act.root, each

    def is_from_outside(self, root: Root, node: cst.Try) -> bool:
        """Whether the session is still there when the `try` is left."""
        if not label(self.file, root):
            return False
        if root.what != "made":
            return True
        return not stands_in(self.file.model, self.file.model.bindings[int(root.path[0])].target, node)

    def is_guarded(self, each: Done, node: cst.CSTNode) -> bool:
        """Whether a savepoint or another `try` inside a statement takes the error first."""
        for statement, branch in around(self.file.model, each.node):
            if statement is node:
                return False
            if branch is getattr(statement, "body", None) and self.takes_errors(statement):
                return True
        return False

    def takes_errors(self, node: cst.CSTNode) -> bool:
        """Whether a statement catches what goes wrong in its body, or rolls it back by itself."""
        if isinstance(node, cst.Try):
            return any(map(self.catches, node.handlers))
        calls = [item.item for item in node.items] if isinstance(node, cst.With) else []
        return any(
            isinstance(call, cst.Call) and isinstance(call.func, cst.Attribute)
            and call.func.attr.value in ("begin", "begin_nested") for call in calls
        )  # fmt: skip

    # What comes afterwards

    def used_after(self, root: Root, handler: cst.ExceptHandler, done: list[Done]) -> Done | None:
        """The first use of the session once the handler has the error; None where it is rolled back first."""
        for each in self.next_uses(root, handler, done):
            for act in each.effect.acts:
                if act.root == root and (act.verb in ENDING or not (act.contained or act.verb == "begins")):
                    return None if act.verb in ENDING else each
        return None

    def is_left_to_caller(
        self, root: Root, handler: cst.ExceptHandler, risky: list[Done], done: list[Done]
    ) -> bool:
        """Whether the function's own commit failed, and the caller is not told that its session is of no use."""
        scope = self.scope(handler).function
        summary = self.file.model.summary.functions.get(scope.qualname) if scope is not None else None
        if summary is None or root.what != "param" or len(root.path) > 1:
            return False
        parameter = next((each for each in summary.parameters if each.name == root.path[0]), None)
        if (
            parameter is None
            or summary.decorators
            or injection(self.file.project, self.file.model.name, parameter)
        ):
            return False  # a framework calls it, and ends the session
        acts = [(each, act) for each in risky for act in each.effect.acts if act.root == root]
        commits = any(act.verb == "commits" and ":" not in self.callee(each) for each, act in acts)
        writes = any(act.verb == "writes" for _, act in acts) or self.is_added_to(root, risky)
        last = last_of(handler.body.body[-1]) if handler.body.body else None
        if not commits or not writes or isinstance(last, (cst.Raise, cst.Return)):
            return False
        return not any(self.ends(root, each) for each in self.next_uses(root, handler, done))

    def is_added_to(self, root: Root, risky: list[Done]) -> bool:
        """Whether something is put into the session in the block that commits it."""
        tried = self.file.model.parents[self.statement_of(risky[0].node)]
        return any(
            isinstance(call, cst.Call) and isinstance(call.func, cst.Attribute)
            and call.func.attr.value in ("add", "add_all", "delete", "merge")
            and self.source(call.func.value) == label(self.file, root) and stands_in(self.file.model, call, tried)
            for call in self.file.model.nodes.get(cst.Call, ())
        )  # fmt: skip

    def statement_of(self, node: cst.CSTNode) -> cst.CSTNode:
        while not isinstance(node, cst.BaseStatement):
            node = self.file.model.parents[node]
        return node

    def callee(self, each: Done) -> str:
        assert isinstance(each.node, cst.Call)
        return getattr(self.kind(each.node.func), "name", "")

    @staticmethod
    def ends(root: Root, each: Done) -> bool:
        return any(act.root == root and act.verb in ENDING for act in each.effect.acts)

    def next_uses(self, root: Root, handler: cst.ExceptHandler, done: list[Done]) -> Iterator[Done]:
        """What the function does after an error in the `try`: in the handler, after it, in the next round."""
        for part in after_handler(self.file.model, handler, lambda node: self.starts_anew(root, node)):
            for each in done:
                if stands_in(self.file.model, each.node, part) and not (
                    part is handler.body and self.is_guarded(each, handler)
                ):
                    yield each

    def starts_anew(self, root: Root, node: cst.CSTNode) -> bool:
        """Whether the session's transaction ends with a block, or the next round of a loop has another session."""
        if isinstance(node, cst.With) and self.takes_errors(node):
            return True
        held = root.path[0] if root.what == "made" else ""
        return held.isdigit() and stands_in(self.file.model, self.file.model.bindings[int(held)].target, node)

    def may_end(self, root: Root, handler: cst.ExceptHandler) -> bool:
        """Whether the handler calls something that may raise, or may roll the session back, unseen."""
        name = label(self.file, root).partition(".")[0]
        error = (
            handler.name.name.value
            if handler.name is not None and isinstance(handler.name.name, cst.Name)
            else ""
        )
        for call in self.file.model.nodes.get(cst.Call, ()):
            if not isinstance(call, cst.Call) or not stands_in(self.file.model, call, handler):
                continue
            kind = self.kind(call.func)
            if isinstance(call.func, cst.Attribute) and call.func.attr.value in (
                "rollback",
                "close",
                "invalidate",
            ):
                return True  # of something that is not known, or not awaited: that is another rule's story
            given = {arg.value.value for arg in call.args if isinstance(arg.value, cst.Name)}
            if name in given and isinstance(kind, Unknown):
                return True
            if error and error in given and self.is_project_function(kind):
                return True
        return False

    @staticmethod
    def is_project_function(kind: Kind) -> bool:
        return isinstance(kind, (Function, Class)) and ":" in kind.name

    # The verdict

    def tell(
        self, root: Root, handler: cst.ExceptHandler, risk: Done, after: Done | None, *, sure: bool
    ) -> None:
        name = label(self.file, root)
        what = f"except {self.source(handler.type)}" if handler.type is not None else "except"
        chain = [self.file.step(risk.node, "this may fail")]
        if after is not None and after is not risk:
            chain.append(self.file.step(after.node, "this uses the session again"))
        end = "is used again without a rollback" if after is not None else "goes back to the caller as it is"
        self.report(
            handler.type or handler,
            f"`{what}` swallows a database error, and `{name}` {end}",
            why="The failed transaction is dead: the next statement raises, and a commit stores nothing",
            help=f"call `await {name}.rollback()` first, or put the write into `async with {name}.begin_nested():`"
            if after is not None
            else f"call `await {name}.rollback()`, or let the error out",
            chain=chain,
            repair=self.repair(name, handler),
            severity=None if sure else Severity.WARNING,
        )

    @staticmethod
    def repair(name: str, handler: cst.ExceptHandler) -> Repair | None:
        body = handler.body
        if not isinstance(body, cst.IndentedBlock):
            return None
        line = cst.parse_statement(f"await {name}.rollback()")
        assert isinstance(line, cst.SimpleStatementLine)
        kept = [each for each in body.body if not is_pass(each)]
        mended = handler.with_changes(body=body.with_changes(body=[line, *kept]))
        return Repair(Applicability.UNSAFE, "Roll back before going on", ((handler, mended),))


def is_pass(statement: cst.BaseStatement) -> bool:
    return (
        isinstance(statement, cst.SimpleStatementLine)
        and isinstance(statement.body[0], cst.Pass)
        and len(statement.body) == 1
        and statement.trailing_whitespace.comment is None
        and not any(each.comment is not None for each in statement.leading_lines)
    )
