"""ADB505 engine-per-call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.finding import Position, Severity, Step
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.callables import DEPENDS
from asyncdb_lint.semantics.contexts import index_of
from asyncdb_lint.semantics.fresh_engines import POOLED, Made, ends, made_anew
from asyncdb_lint.semantics.serving import CACHES

if TYPE_CHECKING:
    from asyncdb_lint.semantics.model import Scope

MOST_PLACES = 5
Fresh = tuple[cst.Call, "Scope", Made]


class EnginePerCall(Rule):
    """A new engine or pool on each request, task or call, of which nothing disposes.

    ## What it flags

    In a function that runs for each request or task (an endpoint, a dependency, a Celery task, and what these
    call): `create_engine`, `create_async_engine`, `asyncpg.create_pool` or psycopg's pools, or a function of
    the project that hands back a new one, where the engine is lost when the function is done. One that is kept
    (a global, an attribute, a cache), disposed of, or made without a pool (`NullPool`) is left alone, and so
    is what start-up code, scripts, migrations and tests make. A session factory made per call on an engine
    that lasts costs nothing to speak of.

    ## Why it is bad

    A pool exists to keep connections open, and it does: each call leaves its connection behind, however
    properly its session was closed, until the garbage collector comes by. Under load the server answers
    `sorry, too many clients already`. And each call pays for connecting anew.

    ## Good

    ```python
    from fastapi import Depends, FastAPI
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

    app = FastAPI()
    engine = create_async_engine("postgresql+asyncpg://app@db/app")

    async def get_session():
        async with AsyncSession(engine) as session:
            yield session

    @app.get("/notes")
    async def notes(session: AsyncSession = Depends(get_session)): ...
    ```

    ## Bad

    ```python
    from fastapi import Depends, FastAPI
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

    app = FastAPI()

    async def get_session():
        engine = create_async_engine("postgresql+asyncpg://app@db/app")
        async with AsyncSession(engine) as session:
            yield session

    @app.get("/notes")
    async def notes(session: AsyncSession = Depends(get_session)): ...
    ```

    ## When to ignore

    When the function runs once in the life of a process, which the linter does not see.

    ## Source

    SQLAlchemy, "Engine Disposal"; "How do I use engines / connections / sessions with Python
    multiprocessing"; `create_engine`: "intended to be called once per application".
    """

    code = "ADB505"
    name = "engine-per-call"
    severity = Severity.WARNING
    holds_for = {"sqlalchemy": ">=1.4", "asyncpg": ">=0.29", "psycopg_pool": ">=3.1"}

    def finish(self) -> None:
        if self.file.is_test or not self.file.reach.served:
            return
        by_maker: dict[str, list[Fresh]] = {}
        for fresh in self.lost():
            through = fresh[2].through
            by_maker.setdefault(through[0] if through else str(id(fresh[0])), []).append(fresh)
        for places in by_maker.values():
            self.report_made(places)

    def lost(self) -> list[Fresh]:
        """The calls that give a new engine, in functions that run often and lose it."""
        found = []
        for call in self.file.model.nodes.get(cst.Call, ()):
            assert isinstance(call, cst.Call)
            scope = self.scope(call).function
            if scope is None or self.absolute(scope) not in self.file.reach.served:
                continue
            called = getattr(self.kind(call.func), "name", "")
            if called not in POOLED and (":" not in called or self.file.project.function(called) is None):
                continue
            made = made_anew(self.file.project, self.file.model.name, self.file.model.exprs.get(call))
            if made is not None and not self.is_memory(call) and self.is_lost(call, scope):
                found.append((call, scope, made))
        return found

    def absolute(self, scope: Scope) -> str:
        return f"{self.file.model.name}:{scope.qualname}"

    def is_memory(self, call: cst.Call) -> bool:
        """Whether it is a database in memory, which goes with its engine."""
        engine = self.file.engines.get(call)
        return engine is not None and engine.url is not None and engine.url.is_memory

    def is_lost(self, call: cst.Call, scope: Scope) -> bool:
        """Whether nobody has the engine when the function is done: who depends on a provider only uses it."""
        outcome = ends(self.file, call)
        if "kept" in outcome or self.runs_once(scope):
            return False
        return outcome <= {"dropped"} or self.is_dependency(scope)

    def is_dependency(self, scope: Scope) -> bool:
        """Whether a function is passed to `Depends`."""
        for each in index_of(self.file.project).passed.get(self.absolute(scope), ()):
            if each.call is None:
                continue
            kind = self.file.project.kind(each.module, each.call.func)
            if getattr(kind, "name", "") in DEPENDS:
                return True
        return False

    def runs_once(self, scope: Scope) -> bool:
        """Whether a function is cached, or tests something that it sets itself: `if self.ready: return`."""
        node, model = scope.node, self.file.model
        if not isinstance(node, cst.FunctionDef):
            return True
        if any(CACHES.search(self.source(each.decorator)) for each in node.decorators):
            return True
        set_here = {
            self.source(target.target)
            for target in model.nodes.get(cst.AssignTarget, ())
            if isinstance(target, cst.AssignTarget) and self.scope(target).function is scope
            and (isinstance(target.target, cst.Attribute) or self.is_global(target.target, scope))
        }  # fmt: skip
        tests = [
            each.test
            for each in model.nodes.get(cst.If, ())
            if isinstance(each, cst.If) and self.scope(each).function is scope
        ]
        return any(name in self.source(test, 200) for test in tests for name in set_here)

    @staticmethod
    def is_global(target: cst.CSTNode, scope: Scope) -> bool:
        return isinstance(target, cst.Name) and target.value in scope.declared

    def report_made(self, places: list[Fresh]) -> None:
        """One finding for all places that get their engine from one function; the first is where it stands."""
        call, scope, made = places[0]
        is_pool = getattr(self.file.project.kind(made.module, made.call.func), "name", "").find("pool") > 0
        thing, end = ("pool", "close") if is_pool else ("engine", "dispose")
        holder = made.through[0].rpartition(":")[2] if made.through else scope.qualname
        chain = self.origin(made)
        chain += [self.file.step(other, "and so does this") for other, _, _ in places[1 : MOST_PLACES + 1]]
        function = scope.qualname.rpartition(".")[2]
        self.report(
            call.func,
            f"`{self.source(call.func)}` makes a new {thing} on each call of `{function}`, and nothing"
            f" {end}s {'it' if is_pool else 'of it'}",
            why="Each call leaves the connections of its pool open on the server until the garbage collector comes",
            help=f"make the {thing} once, at module level or when the application starts, and let"
            f" `{holder.rpartition('.')[2]}` use that one; or {end} {'it' if is_pool else 'of it'} in a `finally`",
            chain=chain,
        )

    def origin(self, made: Made) -> list[Step]:
        """Where a function that hands the engine back makes it."""
        if not made.through:
            return []
        where = self.file.reach.made.get(made.through[-1])
        place = self.file.reach.places.get(where) if where is not None else None
        if place is None:
            return []
        return [Step(place.path, Position(place.row, place.column), f"`{place.text}` makes it")]
