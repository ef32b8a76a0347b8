"""Engines of SQLAlchemy: the driver in their URLs, and what they pass on to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.knowledge.drivers import engine_arguments
from asyncdb_lint.migrate.between_drivers.arguments import Arguments
from asyncdb_lint.migrate.between_drivers.command import DriverRewrite
from asyncdb_lint.migrate.between_drivers.queries import Query, addresses, template, translated, whole
from asyncdb_lint.rules.engines.rewriting import literals, scheme_changed, without
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.urls import HOLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.migrate.changes import How
    from asyncdb_lint.semantics.engines import EngineCall

AMBIGUOUS = {"ssl", "timeout", "host", "port", "user", "password", "loop", "database"}
"""Arguments that drivers of other databases take too."""
TEXT_METHODS = {
    "replace",
    "startswith",
    "endswith",
    "split",
    "rsplit",
    "partition",
    "removesuffix",
    "removeprefix",
    "find",
    "index",
    "count",
}
MAKES_CONNECTIONS = ("async_creator", "creator")


class EnginesOfDriver(DriverRewrite):
    """URLs, `connect_args` and keyword arguments of engines."""

    DESCRIPTION = "Rewrite SQLAlchemy URLs and connection arguments from one driver to another."

    def examine(self) -> None:
        self.homes: dict[cst.CSTNode, EngineCall] = {}
        """Engines of this file by the literals of their URLs."""
        self.moved: dict[cst.Call, Query] = {}
        self.dicts: set[cst.CSTNode] = set()
        for engine in self.engines():
            for top in addresses(self.file, engine.url_node):
                self.homes[top] = engine
        self.texts()
        for engine in self.engines():
            self.arguments(engine)

    def engines(self) -> Iterator[EngineCall]:
        """The engines of the file."""
        return (each for each in self.file.engines.values() if each.is_engine)

    # Texts

    def texts(self) -> None:
        """All texts that name the driver, and those of the old driver's engines that leave it out."""
        tops: dict[cst.CSTNode, None] = {}
        for kind in (cst.SimpleString, cst.FormattedString):
            for node in self.file.model.nodes.get(kind, ()):
                tops[whole(self.file, node)] = None
        for top in tops:
            text = template(top)
            engine = self.homes.get(top)
            if self.DIRECTION.pattern.search(text):
                if self.may_be_rewritten(top, text):
                    self.url(top, engine)
            elif engine is not None and self.is_of_source(engine) and self.is_served(engine):
                self.url(top, engine)
            elif isinstance(top, cst.SimpleString):
                self.part(top)

    def url(self, top: cst.CSTNode, engine: EngineCall | None) -> None:
        """One URL: the driver's name in it, and its options."""
        direction = self.DIRECTION
        query = translated(
            self.file,
            top,
            direction,
            unsafe=self.unsafe,
            can_move=engine is not None and self.can_add(engine),
        )
        if engine is not None:
            self.moved.setdefault(engine.node, query)
        for piece, reply in query.told:
            self.tell(piece, reply.outcome, reply.message, reply.advice)
        changed = dict(query.texts)
        for piece in literals(self.file, top):
            text = changed.get(piece, piece.value)
            new = direction.pattern.sub(rf"\1+{direction.target}", text)
            if new != text:
                self.tell(
                    piece,
                    "changed behaviour",
                    f"the driver `{direction.source}` is `{direction.target}`",
                    direction.differences,
                )
                changed[piece] = new
        for piece, new in changed.items():
            self.change(piece, valued(new))
        if engine is not None and not any(
            direction.pattern.search(each.value) for each in literals(self.file, top)
        ):
            self.name_driver(engine)

    def name_driver(self, engine: EngineCall) -> None:
        """`postgresql://` means another driver in each version of SQLAlchemy."""
        assert engine.url is not None
        old, new = engine.url.scheme, f"postgresql+{self.DIRECTION.target}"
        found = scheme_changed(self.file, engine.url_node, old, new)
        if found is not None and "+" not in old:
            self.tell(
                found[0],
                "changed behaviour",
                f"`{old}://` is {self.DIRECTION.source} by default: it is `{new}://`",
                self.DIRECTION.differences,
            )
            self.change(found[0], lambda node: node.with_changes(value=node.value.replace(old, new, 1)))

    def part(self, text: cst.SimpleString) -> None:
        """`"+asyncpg"` in code that puts the driver's name into a URL, takes it out or asks for it."""
        direction = self.DIRECTION
        if not direction.alone.match(str(text.raw_value)) or not self.is_about_text(text):
            return
        self.tell(text, "rewritten", f"the driver `{direction.source}` is `{direction.target}`")
        self.change(
            text,
            lambda node: node.with_changes(
                value=direction.alone.sub(f"+{direction.target}", node.raw_value).join(
                    (node.prefix + node.quote, node.quote)
                )
            ),
        )

    def is_about_text(self, text: cst.SimpleString) -> bool:
        """Whether a text is compared with, or searched in, another."""
        parent = self.parent(text)
        if isinstance(parent, cst.Comparison):
            return True
        call = self.parent(parent) if isinstance(parent, cst.Arg) else None
        return (
            isinstance(call, cst.Call)
            and isinstance(call.func, cst.Attribute)
            and call.func.attr.value in TEXT_METHODS
        )

    # Which engines

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
        return any(
            re.search(r"aiosqlite|aiomysql|asyncmy|aioodbc", work.file.model.module.code)
            for work in self.works
        )

    # Arguments

    def can_add(self, engine: EngineCall) -> bool:
        """Whether `connect_args` of an engine can be added to."""
        given = self.file.argument(engine.node, "connect_args")
        return isinstance(given.value, cst.Dict) if given is not None else engine.arguments.complete

    def arguments(self, engine: EngineCall) -> None:
        if not self.is_of_source(engine) and not self.seems_of_source(engine):
            return
        if not self.is_served(engine):
            self.tell(
                engine.node,
                "manual",
                f"`{engine.name}` is synchronous, and {self.DIRECTION.target} is not",
                f"keep {self.DIRECTION.source} here, or use `create_async_engine()`",
            )
            return
        settings = [each for each in engine.connect_args.entries.values() if each.place not in self.dicts]
        self.dicts.update(each.place for each in settings)
        if not engine.connect_args.complete:
            given = self.file.argument(engine.node, "connect_args") or engine.node
            self.tell(
                given,
                "manual",
                f"what `{engine.name}` passes on to the driver is not all seen",
                f"put it into {self.DIRECTION.target}'s words",
            )
        query = self.moved.get(engine.node)
        moved = query.moved if query is not None else []
        work = Arguments(self, settings, moved)
        work.apply(engine)
        self.keywords(engine)

    def keywords(self, engine: EngineCall) -> None:
        """Arguments of the engine itself, which belong to the old driver's dialect."""
        version = self.file.sqlalchemy
        old, new = self.DIRECTION.old_driver(version), self.DIRECTION.driver(version)
        taken = engine_arguments(new, is_async=True, sqlalchemy=version)
        names = {name for name in old.arguments if name in engine.arguments.entries and name not in taken}
        own = {arg.keyword.value for arg in engine.node.args if arg.keyword is not None}
        for name in sorted(names):
            setting = engine.arguments.entries[name]
            if name in own:
                self.tell(setting.place, "rewritten", f"the dialect of {new.name} takes no `{name}`")
            else:
                self.tell(
                    setting.place, "manual", f"the dialect of {new.name} takes no `{name}`", "leave it out"
                )
        if names & own:
            self.change(engine.node, lambda updated: without(updated, names & own))
        for name in MAKES_CONNECTIONS:
            maker = engine.arguments.get(name)
            if maker is not None and self.file.model.exprs.get(maker.value) != ex.NONE:
                message, advice = (
                    f"`{name}` makes connections of {old.name}",
                    f"make them with {new.name} there",
                )
                self.tell(maker.place, "manual", message, advice)


def valued(text: str) -> How:
    """A change to another text."""
    return lambda node: node.with_changes(value=text)


def fits(text: str, url: str) -> bool:
    """Whether a text with holes may be a URL."""
    return re.fullmatch(re.escape(text).replace(re.escape(HOLE), ".*"), url, re.DOTALL) is not None or re.fullmatch(
        re.escape(url).replace(re.escape(HOLE), ".*"), text, re.DOTALL
    ) is not None  # fmt: skip
