"""Which engines and URLs a change of drivers is about."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from asyncdb_lint.migrate.between_drivers.command import DriverRewrite
from asyncdb_lint.semantics.urls import HOLE

if TYPE_CHECKING:
    import libcst as cst

    from asyncdb_lint.semantics.engines import EngineCall

AMBIGUOUS = {"ssl", "timeout", "host", "port", "user", "password", "loop", "database"}
"""Arguments that drivers of other databases take too."""


class Judging(DriverRewrite):
    """Says of engines and URLs whether they are the old driver's, and whether the new one can serve them."""

    def may_be_rewritten(self, top: cst.CSTNode, text: str) -> bool:
        """Whether an engine on the new driver can take a URL; reported where only a person can decide."""
        if not self.DIRECTION.is_sync_lost:
            return True
        sync = asynchronous = False
        has_async = False
        for work in self.works:
            for engine in work.file.engines.values():
                if not engine.is_engine:
                    continue
                has_async |= engine.maker.is_async
                if engine.url is not None and self.is_of_source(engine) and fits(text, engine.url.text):
                    sync |= not engine.maker.is_async
                    asynchronous |= engine.maker.is_async
        if sync and not asynchronous:
            return False  # told of where the engine is made
        if sync:
            self.tell(
                top,
                "manual",
                f"engines of both sorts take this URL, and {self.DIRECTION.target} serves asynchronous ones only",
                "give them URLs of their own",
            )
            return False
        if not asynchronous and not has_async and not self.unsafe:
            self.tell(
                top,
                "manual",
                f"no asynchronous engine is seen to take this URL, and {self.DIRECTION.target} serves no other",
                f"write `postgresql+{self.DIRECTION.target}` if `create_async_engine()` gets it",
            )
            return False
        return True

    def is_of_source(self, engine: EngineCall) -> bool:
        return self.DIRECTION.is_source(engine.driver)

    def is_served(self, engine: EngineCall) -> bool:
        """Whether the new driver works with an engine of this sort."""
        return engine.maker.is_async or not self.DIRECTION.is_sync_lost

    def seems_of_source(self, engine: EngineCall) -> bool:
        """Whether an engine whose URL is not known passes on what only the old driver takes."""
        if engine.driver is not None or not engine.maker.is_async or engine.url is not None:
            return False
        if engine.arguments.get("connect_args") is not None and not engine.connect_args.complete:
            return not self.has_other_drivers()
        names = set(engine.connect_args.entries)
        old = self.DIRECTION.old_driver(self.file.sqlalchemy).connect_args or frozenset()
        new = self.DIRECTION.driver(self.file.sqlalchemy).connect_args or frozenset()
        return bool(names) and names <= old and bool(names - new - AMBIGUOUS or not self.has_other_drivers())

    def has_other_drivers(self) -> bool:
        """Whether the project names async drivers of other databases."""
        return any(re.search(r"aiosqlite|aiomysql|asyncmy|aioodbc", work.file.text) for work in self.works)


def fits(text: str, url: str) -> bool:
    """Whether a text with holes may be a URL."""
    return re.fullmatch(re.escape(text).replace(re.escape(HOLE), ".*"), url, re.DOTALL) is not None or re.fullmatch(
        re.escape(url).replace(re.escape(HOLE), ".*"), text, re.DOTALL
    ) is not None  # fmt: skip
