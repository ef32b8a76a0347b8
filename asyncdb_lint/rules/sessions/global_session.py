"""ADB306 global-session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.kinds import Instance
from asyncdb_lint.semantics.lifecycle import is_made
from asyncdb_lint.semantics.servers import is_main_guarded, is_server_code

if TYPE_CHECKING:
    from asyncdb_lint.semantics.model import Binding

ENDING = {"close", "aclose", "remove"}


class GlobalSession(Rule):
    """One session for the whole process: at module or class level, behind `global`, or as a default argument.

    ## What it flags

    A session that is made when a module of a web application is imported, or kept in a module's name by `global`, as
    an attribute of a class, or as the default of a parameter (which is made once, too). Outside of web applications,
    an async session of that kind that a coroutine function uses. `scoped_session` and `async_scoped_session` are
    registries and not meant, nor is a session that the module itself closes.

    ## Why it is bad

    All requests share one transaction. Two at once raise `This session is provisioning a new connection; concurrent
    operations are not permitted`, or silently undo each other's writes: a `rollback()` in one thread or task drops
    what another has flushed. After one failed statement all later requests fail too, and the connection is
    never given back.

    ## Good

    ```python
    from fastapi import FastAPI
    from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

    app = FastAPI()
    factory = async_sessionmaker(create_async_engine("postgresql+asyncpg://db/app"))

    async def get_session():
        async with factory() as session:
            yield session
    ```

    ## Bad

    ```python
    from fastapi import FastAPI
    from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

    app = FastAPI()
    factory = async_sessionmaker(create_async_engine("postgresql+asyncpg://db/app"))
    session = factory()

    async def get_session():
        return session
    ```

    ## When to ignore

    When one task alone ever uses it.

    ## Source

    SQLAlchemy, "Session Basics: When do I construct a Session, when do I commit it, and when do I close it?"
    """

    code = "ADB306"
    name = "global-session"
    severity = Severity.ERROR
    holds_for = {"sqlalchemy": ">=1.4"}

    def visit_Call(self, call: cst.Call) -> None:
        holder = self.parent(call)
        if not isinstance(holder, (cst.Assign, cst.AnnAssign, cst.Param)) or self.file.is_test:
            return
        kind = self.kind(call)
        if not isinstance(kind, Instance) or self.file.project.role(kind)[0] != "session":
            return
        if not is_made(self.file, call) or is_main_guarded(self.file.model, call):
            return
        if isinstance(holder, cst.Param):
            if holder.default is call and self.is_shared(call, None):
                self.tell(
                    call, holder.name.value, "is made once, as the default of a parameter, for all calls"
                )
            return
        binding = self.binding(holder)
        if binding is None or self.is_closed(binding) or not self.is_shared(call, binding):
            return
        where = "belongs to the class" if binding.scope.what == "class" else "is global"
        self.tell(call, binding.name, f"{where}: all requests and tasks share it")

    def binding(self, holder: cst.Assign | cst.AnnAssign) -> Binding | None:
        """The module's or class's name that an assignment binds."""
        targets = (
            [each.target for each in holder.targets] if isinstance(holder, cst.Assign) else [holder.target]
        )
        found = [self.file.model.targets.get(each) for each in targets]
        return next(
            (each for each in found if each is not None and each.scope.what in ("module", "class")), None
        )

    def is_closed(self, binding: Binding) -> bool:
        """Whether the module's own code ends it: a script's session."""
        own = [self.parent(use) for use in binding.uses if self.scope(use).function is None]
        return any(isinstance(each, cst.Attribute) and each.attr.value in ENDING for each in own)

    def is_shared(self, call: cst.Call, binding: Binding | None) -> bool:
        """Whether a server has it, or coroutine functions use it."""
        if is_server_code(self.file):
            return True
        if self.file.role(call)[1] != "async" or binding is None:
            return False
        users = (self.scope(use).function for use in binding.uses)
        return any(user is not None and user.is_async for user in users)

    def tell(self, call: cst.Call, name: str, what: str) -> None:
        self.report(
            call,
            f"the session `{name}` {what}",
            why="They work in one transaction: they turn each other away, and one's rollback drops another's writes",
            help="keep the factory there, and make a session for each request or task",
        )
