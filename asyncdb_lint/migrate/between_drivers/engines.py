"""Engines of SQLAlchemy: the driver in their URLs, and what they pass on to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.knowledge.drivers import engine_arguments
from asyncdb_lint.migrate.between_drivers.arguments import Arguments
from asyncdb_lint.migrate.between_drivers.builders import Builders
from asyncdb_lint.migrate.between_drivers.queries import Query, addresses, template, translated, whole
from asyncdb_lint.rules.engines.rewriting import literals, scheme_changed, without
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.settings import of_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.migrate.changes import How
    from asyncdb_lint.semantics.engines import EngineCall

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


class EnginesOfDriver(Builders):
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
        self.builders()
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

    # Arguments

    def can_add(self, engine: EngineCall) -> bool:
        """Whether `connect_args` of an engine can be added to."""
        given = self.file.argument(engine.node, "connect_args")
        if given is None:
            return engine.arguments.lacks("connect_args")
        return isinstance(given.value, cst.Dict)

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
        given = self.file.argument(engine.node, "connect_args")
        branches = (
            [of_value(self.file.model, each) for each in choices(given.value)] if given is not None else []
        )
        found = branches if len(branches) > 1 else [engine.connect_args]
        if not all(each.complete for each in found):
            self.tell(
                given or engine.node,
                "manual",
                f"what `{engine.name}` passes on to the driver is not all seen",
                f"put it into {self.DIRECTION.target}'s words",
            )
        query = self.moved.get(engine.node)
        for each in found:
            settings = [setting for setting in each.entries.values() if setting.place not in self.dicts]
            self.dicts.update(setting.place for setting in settings)
            Arguments(self, settings, query.moved if query is not None else []).apply(engine)
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


def choices(node: cst.BaseExpression) -> Iterator[cst.BaseExpression]:
    """The values of `{…} if x else {…}`."""
    if isinstance(node, cst.IfExp):
        yield from choices(node.body)
        yield from choices(node.orelse)
    else:
        yield node
