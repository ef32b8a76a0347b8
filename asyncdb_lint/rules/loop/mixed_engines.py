"""ADB109 mixed-sync-async-engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.finding import Position, Severity, Step
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.databases import same_but_for_mode, same_database
from asyncdb_lint.semantics.engine_uses import is_aside, same_application, spread

if TYPE_CHECKING:
    from asyncdb_lint.semantics.callgraph import Where
    from asyncdb_lint.semantics.trace import EngineMade, Place

MOST_USES = 5
Made = tuple[str, "EngineMade"]


class MixedEngines(Rule):
    """A synchronous engine that the event loop uses, beside an asynchronous one for the same database.

    ## What it flags

    `create_engine(…)` where the application also has a `create_async_engine(…)` for the same database, and
    an `async def` reaches the synchronous one: itself, through a session or factory bound to it, or through
    plain functions that it calls. The steps name the other engine and the places where the loop waits.

    The same database means: the same host, port and name; URLs made from the same settings, whatever driver is
    put into them; or, where there is one engine of each kind, settings such as `DATABASE_URL` and
    `ASYNC_DATABASE_URL`. Nothing is said where that cannot be told.

    An engine that only threads, plain `def` endpoints, start-up code, migrations, commands, workers, scripts
    or tests use is left alone.

    ## Why it is bad

    The two engines do not harm each other. But each query of the synchronous one stops the event loop until
    the database has answered, and with it every query of the asynchronous one.

    ## Good

    ```python
    import asyncio
    from sqlalchemy import create_engine, text
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_engine("postgresql+psycopg2://db/app")
    async_engine = create_async_engine("postgresql+asyncpg://db/app")

    def report() -> None:
        with engine.connect() as connection:
            connection.execute(text("REFRESH MATERIALIZED VIEW report"))

    async def refresh() -> None:
        await asyncio.to_thread(report)
    ```

    ## Bad

    ```python
    from sqlalchemy import create_engine, text
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_engine("postgresql+psycopg2://db/app")
    async_engine = create_async_engine("postgresql+asyncpg://db/app")

    async def refresh() -> None:
        with engine.connect() as connection:
            connection.execute(text("REFRESH MATERIALIZED VIEW report"))
    ```

    ## When to ignore

    While an application moves from one to the other, step by step.

    ## Source

    SQLAlchemy, "Asynchronous I/O (asyncio)".
    """

    code = "ADB109"
    name = "mixed-sync-async-engines"
    severity = Severity.WARNING
    holds_for = {"sqlalchemy": ">=1.4"}
    requires = (b"create_engine",)

    def finish(self) -> None:
        module = self.file.model.name
        if self.file.is_test or is_aside(self.file.project, module):
            return
        for home, engine in self.file.reach.engines:
            uses = self.file.reach.engine_uses.get(engine.key, [])
            if home != module or engine.is_async or not uses:
                continue
            call = self.file.node(engine.node)
            twin = self.twin((home, engine))
            if isinstance(call, cst.Call) and not self.on_loop(call) and twin is not None:
                self.report_engine(call, engine, twin, uses)

    def twin(self, made: Made) -> Made | None:
        """The application's asynchronous engine for the same database."""
        module, engine = made
        project, url = self.file.project, (module, engine.url)
        engines = [each for each in self.file.reach.engines if not is_aside(project, each[0])]
        engines = [each for each in engines if same_application(project, module, each[0])]
        for home, other in engines:
            if other.is_async and (
                same_database(project, url, (home, other.url))
                or (len(engines) == 2 and same_but_for_mode(project, url, (home, other.url)))
            ):
                return home, other
        return None

    def report_engine(self, call: cst.Call, engine: EngineMade, twin: Made, uses: list[Where]) -> None:
        made = self.file.reach.places.get((twin[0], *twin[1].node))
        named = f"`{twin[1].name}`" if twin[1].name else "the asynchronous one"
        subject = f"`{engine.name}`" if engine.name else f"`{self.source(call)}`"
        self.report(
            call.func,
            f"{subject} is a synchronous engine that the event loop uses, beside {named} for the same database",
            why="Each of its queries stops the loop, and every query of the asynchronous engine with it",
            help=f"do the work of these places on {named}, or in a plain function by `await asyncio.to_thread(…)`",
            chain=[
                *([told(made, "is the asynchronous engine")] if made is not None else []),
                *self.used(uses),
            ],
        )

    def used(self, uses: list[Where]) -> list[Step]:
        """Some of the places on the loop that wait for the engine, and how many others there are."""
        places = [place for each in uses if (place := self.file.reach.places.get(each)) is not None]
        shown, more = spread(places, MOST_USES)
        found = [told(each, "waits for the synchronous one on the event loop") for each in shown]
        if more and found:
            last = found[-1]
            found[-1] = Step(last.filename, last.location, f"{last.message}, and so do {more} more places")
        return found


def told(place: Place, says: str) -> Step:
    """A place of any file, with what stands there."""
    return Step(place.path, Position(place.row, place.column), f"`{place.text}` {says}")
