"""ADB301 bare-yield-session."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.sessions.providers import closing_consumer, is_dependency, provides
from asyncdb_lint.rules.sessions.wrapping import entered_generator
from asyncdb_lint.semantics.lifecycle import Event, Life, around, is_handling, lives, start

BROAD = {"builtins.Exception", "builtins.BaseException"}


class BareYieldSession(Rule):
    """A dependency that hands out a session which nobody closes when the caller raises.

    ## What it flags

    A generator (a FastAPI dependency, a context manager) that makes a session and yields it without `async
    with` and without a `finally` that closes it: a bare `yield`, a `close()` after the `yield` that an
    exception skips. Also a dependency that returns a new session, which nothing can close. A session that
    comes from elsewhere (a parameter, `request.state`, a registry) is left alone, and so is one that a
    commit or rollback has already parted from its connection on every way out.

    ## Why it is bad

    The connection stays checked out, in a transaction. After `pool_size + max_overflow` such requests every
    further one waits `pool_timeout` seconds and fails with `QueuePool limit of size 5 overflow 10 reached`.
    The garbage collector does not return an async connection to the pool: it terminates it.

    ## Good

    ```python
    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

    factory = async_sessionmaker()

    async def get_session():
        async with factory() as session:
            yield session
    ```

    ## Bad

    ```python
    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

    factory = async_sessionmaker()

    async def get_session():
        session = factory()
        yield session
        await session.close()
    ```

    ## When to ignore

    When every caller closes the session itself.

    ## Source

    FastAPI, "Dependencies with yield"; SQLAlchemy, "Asynchronous I/O (asyncio)".
    """

    code = "ADB301"
    name = "bare-yield-session"
    severity = Severity.ERROR
    fix = Applicability.SAFE
    holds_for = {"sqlalchemy": ">=1.4"}
    triggers = (b"yield", b"Depends")

    def finish(self) -> None:
        if self.file.is_test:
            return
        for each in lives(self.file, "session"):
            if each.has("managed"):
                continue
            yields = each.only("yielded")
            if yields:
                self.judge_generator(each, yields[0])
            elif any(isinstance(event.node, cst.Return) for event in each.only("handed")):
                self.judge_provider(each)

    def visit_Lambda(self, node: cst.Lambda) -> None:
        """`Depends(lambda: factory())`."""
        arg = self.parent(node)
        call = self.parent(arg) if isinstance(arg, cst.Arg) else None
        if self.file.is_test or not isinstance(call, cst.Call) or not is_dependency(self.file, call):
            return
        if isinstance(node.body, cst.Call) and provides(self.file, node.body):
            self.report_provider(node.body, f"`{self.source(node.body)}`")

    # Generators

    def judge_generator(self, each: Life, yielded: Event) -> None:
        if any(event.part == "handed" for event in each.events):
            return
        skipped = self.closed_in_text(each, yielded)
        in_vain = each.is_async and not each.scope.is_async  # a plain `def` cannot await the close
        if self.ends_after(each, yielded) and self.ends_on_error(each, yielded) and not in_vain:
            return
        made = self.source(each.made)
        if skipped is not None and in_vain:
            message = f"`{made}` is an async session, which a plain `def` cannot close"
            why = "`close()` without `await` does nothing: each request keeps its connection checked out"
        elif skipped is not None:
            message = f"`{made}` is not closed when the code that uses it raises"
            why = "The exception comes out of `yield`: what follows is skipped, the connection stays out"
        else:
            message = f"`{made}` is yielded and never closed"
            why = "Each request keeps its connection checked out until the pool is exhausted"
        chain = [self.file.step(each.made, "the session is made here")]
        if skipped is not None:
            chain.append(
                self.file.step(skipped.node, "this does nothing" if in_vain else "an exception skips this")
            )
        self.report(
            yielded.node, message, why=why,
            help=f"write `{self.enter(each)} {made} as …:` around the `yield`",
            chain=chain, repair=self.repair(each),
        )  # fmt: skip

    def ends_after(self, each: Life, yielded: Event) -> bool:
        """Whether the session has no connection left where nothing raises."""
        after = [
            event for event in each.events if start(self.file, event.node) > start(self.file, yielded.node)
        ]
        return any(
            event.part in ("closes", "settles") and not is_handling(self.file.model, event.node)
            for event in after
        )

    def ends_on_error(self, each: Life, yielded: Event) -> bool:
        """Whether it has none where the code that uses it raises: by `finally`, or a broad `except`."""
        for statement, branch in around(self.file.model, yielded.node):
            if not isinstance(statement, (cst.Try, cst.TryStar)) or branch is not statement.body:
                continue
            if statement.finalbody is not None and self.inside(each, statement.finalbody):
                return True
            for handler in statement.handlers:
                broad = handler.type is None or getattr(self.kind(handler.type), "name", "") in BROAD
                if broad and self.inside(each, handler, "closes", "settles"):
                    return True
        return False

    def inside(self, each: Life, block: cst.CSTNode, *parts: str) -> bool:
        """Whether the session is used inside a block; in a `finally` any use but a test may close it."""
        return any(
            any(parent is block for parent, _ in around(self.file.model, event.node))
            and (event.part in parts if parts else event.part != "idle")
            for event in each.events
        )

    def closed_in_text(self, each: Life, yielded: Event) -> Event | None:
        """A close or commit that stands after the `yield`, for an exception to skip."""
        after = (
            event for event in each.only("closes", "settles") if not is_handling(self.file.model, event.node)
        )
        return next(
            (event for event in after if start(self.file, event.node) > start(self.file, yielded.node)), None
        )

    @staticmethod
    def enter(each: Life) -> str:
        return "async with" if each.is_async else "with"

    def repair(self, each: Life) -> Repair | None:
        function = each.scope.node
        assert isinstance(function, cst.FunctionDef)
        assert isinstance(each.made, cst.Call)
        if each.is_async and function.asynchronous is None:
            return None
        body = entered_generator(self.file.model, function, each.made, is_async=each.is_async)
        if body is None:
            return None
        mended = function.with_changes(body=body)
        return Repair(
            Applicability.SAFE, f"Enter the session with `{self.enter(each)}`", ((function, mended),)
        )

    # Functions that return one

    def judge_provider(self, each: Life) -> None:
        events = [event for event in each.events if event.part != "idle"]
        if len(events) != 1:
            return  # worked with before it is returned: a function that opens, not a mere provider
        absolute = f"{self.file.model.name}:{each.scope.qualname}"
        if closing_consumer(self.file.project, absolute) is False:
            self.report_provider(each.made, f"`{each.scope.qualname.rpartition('.')[2]}`")

    def report_provider(self, made: cst.BaseExpression, provider: str) -> None:
        is_async = self.file.role(made)[1] == "async"
        keyword = "async with" if is_async else "with"
        self.report(
            made,
            f"The dependency {provider} returns a new session that nothing closes",
            why="FastAPI closes only what a dependency yields: each request keeps its connection checked out",
            help=f"write `{keyword} {self.source(made)} as session: yield session` in the dependency",
        )
