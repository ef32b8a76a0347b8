"""ADB405 dynamic-relationship."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.kinds import Class, Constant, Function
from asyncdb_lint.semantics.servers import SHORT_LIVED_FOLDERS

RELATIONSHIPS = {
    "sqlalchemy.orm.relationship",
    "sqlalchemy.orm._orm_constructors.relationship",
    "sqlmodel.Relationship",
}
LOADERS = {"sqlalchemy.orm.dynamic_loader", "sqlalchemy.orm._orm_constructors.dynamic_loader"}
ASYNC = ("sqlalchemy.ext.asyncio", "sqlmodel.ext.asyncio")
SYNC_SESSIONS = {"sqlalchemy.orm.Session", "sqlalchemy.orm.sessionmaker", "sqlmodel.Session"}


class DynamicRelationship(Rule):
    """A dynamic relationship on the models of a project that has asynchronous sessions only.

    ## What it flags

    `relationship(lazy="dynamic")` and `dynamic_loader()` in a project that imports SQLAlchemy's asyncio extension and
    makes no synchronous session outside of tests, scripts and migrations.

    ## Why it is bad

    What a dynamic relationship gives is a synchronous query: `parent.children.all()`, `.count()` and iterating it raise
    `MissingGreenlet`, `async for` a TypeError. A write-only relationship gives statements: `await
    session.scalars(parent.children.select())`.

    ## Good

    ```python
    from sqlalchemy.ext.asyncio import async_sessionmaker
    from sqlalchemy.orm import relationship

    factory = async_sessionmaker()
    children = relationship("Child", lazy="write_only")
    ```

    ## Bad

    ```python
    from sqlalchemy.ext.asyncio import async_sessionmaker
    from sqlalchemy.orm import relationship

    factory = async_sessionmaker()
    children = relationship("Child", lazy="dynamic")
    ```

    ## When to ignore

    When it is only used for `append()`, or by `await session.scalars(parent.children.statement)`.

    ## Source

    SQLAlchemy, "Write Only Relationships"; "Asynchronous I/O (asyncio): Preventing Implicit IO".
    """

    code = "ADB405"
    name = "dynamic-relationship"
    severity = Severity.ERROR
    fix = Applicability.UNSAFE
    holds_for = {"sqlalchemy": ">=2.0"}
    triggers = seeds = (b'"dynamic"', b"'dynamic'", b"dynamic_loader")

    def visit_Call(self, call: cst.Call) -> None:
        kind = self.kind(call.func)
        name = kind.name if isinstance(kind, (Function, Class)) else ""
        lazy = self.file.argument(call, "lazy")
        value = self.kind(lazy.value) if lazy is not None else None
        is_dynamic = isinstance(value, Constant) and value.value == "dynamic" and name in RELATIONSHIPS
        if (name not in LOADERS and not is_dynamic) or self.file.is_test or not self.is_async_only():
            return
        place: cst.CSTNode = lazy if is_dynamic and lazy is not None else call.func
        self.report(
            place,
            f"`{self.source(place)}` gives a query that an async session cannot run",
            why="Reading it (`.all()`, `.count()`, a loop) raises `MissingGreenlet`",
            help='make it write-only: `lazy="write_only"` and `WriteOnlyMapped[…]`',
            repair=self.repair(lazy) if is_dynamic and lazy is not None else None,
        )

    def is_async_only(self) -> bool:
        """Whether the project works with async sessions, and with no others."""
        is_async = False
        for name, module in self.file.project.modules.items():
            if SHORT_LIVED_FOLDERS & set(name.split(".")):
                continue
            is_async = is_async or any(each.startswith(ASYNC) for each in module.imports)
            if SYNC_SESSIONS & set(module.imports):
                return False
        return is_async

    def repair(self, lazy: cst.Arg) -> Repair | None:
        if not isinstance(lazy.value, cst.SimpleString):
            return None
        mended = lazy.value.with_changes(value=lazy.value.value.replace("dynamic", "write_only"))
        return Repair(Applicability.UNSAFE, "Make it write-only", ((lazy.value, mended),))
