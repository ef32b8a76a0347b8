"""ADB404 legacy-query-on-async-session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.orm.selecting import selected
from asyncdb_lint.semantics.kinds import Instance
from asyncdb_lint.semantics.missing_api import ASYNC_SESSION, adds, async_class, missing_from

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.semantics.expressions import Node

ASKING = {"hasattr", "getattr", "isinstance", "type", "issubclass"}
SQLMODEL_SESSIONS = "sqlmodel.ext.asyncio.session"
# What does the work instead, for names that have a successor.
ADVICE = {
    "query": "execute a `select()` with `await {held}.scalars(…)` or `await {held}.execute(…)`",
    "bulk_save_objects": "use `{held}.add_all(…)`, or `await {held}.execute(insert(…), [...])`",
    "bulk_insert_mappings": "use `await {held}.execute(insert(…), [...])`",
    "bulk_update_mappings": "use `await {held}.execute(update(…), [...])`",
    "exec": "use `await {held}.execute(…)` or `.scalars(…)`; only SQLModel's own AsyncSession has `exec`",
    "run_sync": "call it on the session itself: `{held}()` gives it",
    "execute": "use `async with {held}.connect() as connection:` and `await connection.execute(…)`",
    "scalar": "use `async with {held}.connect() as connection:` and `await connection.scalar(…)`",
    "has_table": "use `await connection.run_sync(lambda sync: inspect(sync).has_table(…))`",
    "table_names": "use `await connection.run_sync(lambda sync: inspect(sync).get_table_names())`",
}
OTHERWISE = {
    "session": "call it on the synchronous session: `await {held}.run_sync(lambda sync: sync.{name}…)`",
    "connection": "call it on the synchronous connection: `await {held}.run_sync(lambda sync: sync.{name}…)`",
}


class LegacyQueryOnAsyncSession(Rule):
    """`query` and other attributes that an async session, registry, engine or connection does not have.

    ## What it flags

    An attribute of the synchronous `Session` that `AsyncSession` lacks: `query`, `bulk_save_objects`,
    `bulk_insert_mappings`, SQLModel's `exec` on SQLAlchemy's own class… The same for `async_scoped_session`,
    which has no `run_sync`, and for `AsyncEngine.execute` and its like. What the project adds in a class of
    its own is known, and code that asks first (`hasattr`, `isinstance`) is left alone.

    ## Why it is bad

    `AttributeError: 'AsyncSession' object has no attribute 'query'`, each time the line runs. A query loads
    implicitly, outside of any `await`, which is why the async session has none.

    ## Good

    ```python
    from sqlalchemy import select
    from sqlalchemy.ext.asyncio import AsyncSession

    async def find(session: AsyncSession, name: str):
        return (await session.scalars(select(User).where(User.name == name))).first()
    ```

    ## Bad

    ```python
    from sqlalchemy.ext.asyncio import AsyncSession

    async def find(session: AsyncSession, name: str):
        return session.query(User).filter(User.name == name).first()
    ```

    ## When to ignore

    When the annotation is wrong and a synchronous session is given: then mend the annotation. The fix is
    unsafe because a query makes joined rows unique and a select does not.

    ## Source

    SQLAlchemy, "ORM Querying Guide: Legacy Query API"; "Asynchronous I/O (asyncio)".
    """

    code = "ADB404"
    name = "legacy-query-on-async-session"
    severity = Severity.ERROR
    fix = Applicability.UNSAFE
    holds_for = {"sqlalchemy": ">=1.4"}

    def visit_Attribute(self, node: cst.Attribute) -> None:
        name = node.attr.value
        if not any(name in names for names in missing_from(self.file.project.knowledge).values()):
            return
        kind = self.kind(node.value)
        if not isinstance(kind, Instance) or self.is_written(node):
            return
        cls = async_class(self.file.project, kind)
        if cls is None or name not in missing_from(self.file.project.knowledge)[cls]:
            return
        if adds(self.file.project, kind, name) or (kind.declared and self.may_be_another(node, cls)):
            return
        if not self.is_asked_about(node):
            self.report_missing(node, kind, cls.rpartition(".")[2])

    # What clears it

    def is_written(self, node: cst.Attribute) -> bool:
        """Whether the attribute is set or deleted here: that is no reading of it."""
        return isinstance(self.parent(node), (cst.AssignTarget, cst.AnnAssign, cst.Del))

    def may_be_another(self, node: cst.Attribute, cls: str) -> bool:
        """Whether the object may not be what its annotation says.

        A plain function may be what `run_sync` calls, or serve callers that have not moved yet; a test gives
        mocks; SQLModel's session is one of SQLAlchemy's too.
        """
        function = self.scope(node).function
        if self.file.is_test or function is None or not function.is_async:
            return True
        return (
            cls == ASYNC_SESSION
            and node.attr.value == "exec"
            and any(
                each.startswith(SQLMODEL_SESSIONS)
                for summary in self.file.project.modules.values()
                for each in summary.imports
            )
        )

    def is_asked_about(self, node: cst.Attribute) -> bool:
        """Whether the code finds out what the object is, or expects the error."""
        held = self.file.model.exprs.get(node.value)
        function = self.scope(node).function
        return self.expects_error(node) or any(
            self.scope(call).function is function for call in self.questions(held)
        )

    def questions(self, held: Node | None) -> Iterator[cst.Call]:
        """The calls that ask what an object is or has."""
        for call in self.file.model.nodes.get(cst.Call, ()):
            assert isinstance(call, cst.Call)
            if (
                isinstance(call.func, cst.Name)
                and call.func.value in ASKING
                and call.args
                and self.file.model.exprs.get(call.args[0].value) == held
            ):
                yield call

    def expects_error(self, node: cst.CSTNode) -> bool:
        """Whether a `try` or `pytest.raises` around it names AttributeError."""
        inner: cst.CSTNode = node
        while (outer := self.parent(inner)) is not None and not isinstance(outer, cst.FunctionDef):
            if isinstance(outer, cst.Try) and inner is outer.body:
                types = (each.type for each in outer.handlers if each.type is not None)
                if any("AttributeError" in self.source(each) for each in types):
                    return True
            if isinstance(outer, cst.With) and "AttributeError" in self.source(outer.items[0].item):
                return True
            inner = outer
        return False

    # The verdict

    def report_missing(self, node: cst.Attribute, kind: Instance, cls: str) -> None:
        name, held = node.attr.value, self.source(node.value)
        role = self.file.project.role(kind)[0]
        advice = ADVICE.get(name) or OTHERWISE.get(role, "use its synchronous counterpart under `run_sync`")
        if role == "connection" and name in ("execute", "scalar"):
            advice = OTHERWISE[role]
        self.report(
            node.attr,
            f"`{held}` is an `{cls}`, which has no `{name}`",
            why="Reading it raises AttributeError",
            help=advice.format(held=held, name=name),
            repair=selected(self.file, node) if name == "query" else None,
        )
