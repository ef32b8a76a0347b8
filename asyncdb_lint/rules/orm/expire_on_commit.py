"""ADB401 expire-on-commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from asyncdb_lint.call_edit import with_keyword
from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import Class, Instance
from asyncdb_lint.semantics.modules import names_test
from asyncdb_lint.semantics.origins import Origin, factories, makes_async_factory, origins

if TYPE_CHECKING:
    from asyncdb_lint.semantics.project import Project


class Read(NamedTuple):
    """A read after commit: in which function of which module, and what."""

    module: str
    function: str
    text: str


class ExpireOnCommit(Rule):
    """An async session that forgets its objects at commit, in a project that reads them afterwards.

    ## What it flags

    `async_sessionmaker(engine)`, `sessionmaker(engine, class_=AsyncSession)` or `AsyncSession(engine)`
    without `expire_on_commit=False`, where a function of the project commits such a session and then reads
    an attribute of an object that it added or loaded (or returns it from a route) without a refresh. The
    session is followed to its factory through dependencies and helpers; where that cannot be done, the
    project must have only this one.

    ## Why it is bad

    `commit()` expires every object. The next attribute read wants to load it again, outside of any `await`,
    and raises `MissingGreenlet: greenlet_spawn has not been called`, or `DetachedInstanceError` after the
    session closed.

    ## Good

    ```python
    from sqlalchemy.ext.asyncio import async_sessionmaker

    factory = async_sessionmaker(expire_on_commit=False)

    async def create(user) -> int:
        async with factory() as session:
            session.add(user)
            await session.commit()
            return user.id
    ```

    ## Bad

    ```python
    from sqlalchemy.ext.asyncio import async_sessionmaker

    factory = async_sessionmaker()

    async def create(user) -> int:
        async with factory() as session:
            session.add(user)
            await session.commit()
            return user.id
    ```

    ## When to ignore

    When the reads are refreshed in a way that the linter cannot see. The fix is unsafe because a query
    after the commit then no longer overwrites what the session's objects hold: use `refresh()` or
    `populate_existing` where another transaction's changes must be seen.

    ## Source

    SQLAlchemy, "Asynchronous I/O (asyncio)", preventing implicit IO when using AsyncSession.
    """

    code = "ADB401"
    name = "expire-on-commit"
    severity = Severity.WARNING
    fix = Applicability.UNSAFE
    holds_for = {"sqlalchemy": ">=1.4"}
    triggers = (b"sessionmaker", b"AsyncSession(")

    def visit_Call(self, call: cst.Call) -> None:
        expr = self.file.model.exprs.get(call)
        if self.file.is_test or not isinstance(expr, ex.Call) or not self.makes_sessions(expr):
            return
        if (
            any(keyword in ("expire_on_commit", "*", "**") for keyword, _ in expr.keywords)
            or self.is_configured()
        ):
            return
        held = next((each.index for each in self.file.model.bindings if each.value is call), None)
        read = self.read_after_commit(Origin(self.file.model.name, expr, held))
        if read is None:
            return
        name = self.source(call.func)
        where = (
            f"`{read.function}`"
            if read.module == self.file.model.name
            else f"`{read.function}` of `{read.module}`"
        )
        self.report(
            call.func,
            f"`{name}` makes sessions that expire objects at commit; {where} does `{read.text}` after one",
            why="Reading an expired attribute loads it outside of any `await`: MissingGreenlet",
            help="write `expire_on_commit=False`, or refresh the object after the commit",
            repair=self.repair(call),
        )

    def makes_sessions(self, expr: ex.Call) -> bool:
        """Whether a call makes an async factory, or an async session (not of a project's own class)."""
        called = self.file.kind_of(expr.func)
        if not isinstance(called, Class) or ":" in called.name:
            return False
        if makes_async_factory(self.file.project, self.file.model.name, expr):
            return True
        return self.file.project.role(Instance(called.name)) == ("session", "async")

    def is_configured(self) -> bool:
        """Whether the file tells a factory later on (`factory.configure(expire_on_commit=False)`)."""
        return any(
            isinstance(expr, ex.Call)
            and isinstance(expr.func, ex.Attr)
            and expr.func.name == "configure"
            and any(keyword == "expire_on_commit" for keyword, _ in expr.keywords)
            for expr in self.file.model.exprs.values()
        )

    def read_after_commit(self, made: Origin) -> Read | None:
        """A read of an object of these sessions after a commit."""
        project, unfollowed = self.file.project, None
        for module, summary in project.modules.items():
            if names_test(module):
                continue
            for function in summary.functions.values():
                for session, text in function.reads_after_commit:
                    if project.role(project.kind(module, session)) != ("session", "async"):
                        continue
                    found = origins(project, module, session)
                    read = Read(module, function.qualname, text)
                    if found is None:
                        unfollowed = unfollowed or read
                    elif made in found:
                        return read
        return unfollowed if unfollowed is not None and application(project) == {made} else None

    @staticmethod
    def repair(call: cst.Call) -> Repair:
        mended = with_keyword(call, "expire_on_commit", cst.Name("False"))
        return Repair(Applicability.UNSAFE, "Add `expire_on_commit=False`", ((call, mended),))


def application(project: Project) -> set[Origin]:
    """The async factories of the project outside of its tests."""
    return {each for each in factories(project) if not names_test(each.module)}
