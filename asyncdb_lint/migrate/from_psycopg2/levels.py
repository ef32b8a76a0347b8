"""Isolation levels: names, numbers and texts of psycopg2, and the members of psycopg 3's `IsolationLevel`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from asyncdb_lint.migrate.from_psycopg2.lifetimes import idle_since
from asyncdb_lint.migrate.import_statements import dotted
from asyncdb_lint.semantics.kinds import Constant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.migrate.command import Rewrite

EXTENSIONS = "psycopg2.extensions."
NUMBERS = {1: "READ_COMMITTED", 2: "REPEATABLE_READ", 3: "SERIALIZABLE", 4: "READ_UNCOMMITTED"}


class Level(NamedTuple):
    """A level by its name, "" for one of several; `text` is true where psycopg 3 says it in other words."""

    name: str
    text: bool = False


AUTOCOMMIT = Level("autocommit")
DEFAULT = Level("", text=True)


class Levels:
    """The levels that a file names."""

    def __init__(self, rewrite: Rewrite) -> None:
        self.rewrite = rewrite
        self.file = rewrite.file
        self.imported = {each.name for each in rewrite.work.imports.bound}
        self.dropped: set[cst.CSTNode] = set()
        self.found = list(self.find_autocommits())
        """Where autocommit is set: the node, the connection, and the value as written."""

    @property
    def sets_autocommit(self) -> bool:
        """Whether the file turns autocommit mode on anywhere."""
        return any(value != "False" for _, _, value in self.found)

    def level(self, node: cst.BaseExpression) -> Level | None:
        """The level that an expression means; None where that cannot be told."""
        match node:
            case cst.Integer() if node.evaluated_value == 0:
                return AUTOCOMMIT
            case cst.Integer():
                name = NUMBERS.get(node.evaluated_value)
                return Level(name, text=True) if name is not None else None
            case cst.SimpleString():
                return named(str(node.evaluated_value))
            case cst.Name("None"):
                return Level("")
            case cst.Attribute(attr=cst.Name("isolation_level")):
                return Level("") if self.rewrite.is_object(node.value, "connection") else None
        name = self.rewrite.full_name(node).removeprefix(f"{EXTENSIONS}ISOLATION_LEVEL_")
        if name in NUMBERS.values():
            return Level(name)
        if name in ("AUTOCOMMIT", "DEFAULT"):
            return AUTOCOMMIT if name == "AUTOCOMMIT" else DEFAULT
        return None if isinstance(self.file.kind(node), Constant) else self.of_variable(node)

    def of_variable(self, node: cst.BaseExpression) -> Level | None:
        """The levels that a local variable may have, where each is one that psycopg 3 takes as it stands."""
        values = [
            value
            for binding in self.file.model.bindings_of(node)
            for value in self.values(binding.target, binding.value)
        ]
        levels = [self.level(value) if isinstance(value, cst.BaseExpression) else None for value in values]
        is_taken = bool(levels) and all(
            each is not None and each is not AUTOCOMMIT and (not each.text or each is DEFAULT)
            for each in levels
        )
        return Level("") if is_taken else None

    def values(self, target: cst.CSTNode, value: cst.CSTNode | None) -> list[cst.CSTNode | None]:
        """What a name is bound to: one value, or each of those that a loop runs through."""
        loop = self.file.model.parents.get(target)
        if isinstance(loop, cst.For) and loop.target is target:
            if isinstance(loop.iter, (cst.Tuple, cst.List)):
                return [each.value for each in loop.iter.elements]
            return [None]
        return [value]

    def written(self, node: cst.BaseExpression, level: Level) -> str:
        """How the new text names a level in the place of a node; "" where the node stays."""
        if not level.text:
            return ""
        self.drop(node)
        if not level.name:
            return "None"
        return f"{self.rewrite.name(node, 'psycopg', 'IsolationLevel')}.{level.name}"

    def drop(self, node: cst.BaseExpression) -> None:
        """A constant of psycopg2's that the new text does without."""
        if dotted(node).partition(".")[0] in self.imported:
            self.dropped.add(node)
            self.rewrite.claim(node)

    def replace_defaults(self) -> None:
        """`ISOLATION_LEVEL_DEFAULT` is None with psycopg2 too."""
        for of in (cst.Name, cst.Attribute):
            for node in self.file.model.nodes.get(of, ()):
                if (
                    isinstance(node, (cst.Name, cst.Attribute))
                    and node not in self.dropped
                    and dotted(node).partition(".")[0] in self.imported
                    and self.rewrite.full_name(node) == f"{EXTENSIONS}ISOLATION_LEVEL_DEFAULT"
                    and not isinstance(self.rewrite.parent(node), (cst.Attribute, cst.ImportAlias))
                ):
                    self.rewrite.claim(node)
                    self.rewrite.tell(node, "rewritten", "the default level is None")
                    self.rewrite.change(node, lambda _: cst.Name("None"))

    # Autocommit

    def in_autocommit(self, node: cst.CSTNode, owner: cst.BaseExpression) -> bool:
        """Whether a connection is in autocommit mode where a node stands: entered later, it takes no modes along."""
        values = [
            value for at, of, value in self.found if self.is_same(of, owner) and self.holds(at, node, owner)
        ]
        return bool(values) and all(value == "True" for value in values)

    def is_same(self, one: cst.BaseExpression, other: cst.BaseExpression) -> bool:
        """Whether two expressions mean one connection: the same text, and names that hold the same value."""
        if self.file.source(one, 200) != self.file.source(other, 200):
            return False
        expressions = self.file.model.exprs
        return not isinstance(one, cst.Name) or expressions.get(one) == expressions.get(other)

    def holds(self, at: cst.CSTNode, node: cst.CSTNode, owner: cst.BaseExpression) -> bool:
        """Whether what is set at one place holds at another: in the function, or for an object's own connection."""
        there, here = self.file.model.scope_of(at), self.file.model.scope_of(node)
        if there.function is not here.function:
            is_own = isinstance(owner, cst.Attribute) and dotted(owner.value) == "self"
            return is_own and there.enclosing_class is here.enclosing_class
        return self.file.span(at) < self.file.span(node)

    def just_ended(self, node: cst.CSTNode, owner: cst.BaseExpression) -> bool:
        """Whether autocommit mode is switched off with nothing run until then."""
        return any(
            value == "False" and self.is_same(of, owner) and idle_since(self.rewrite, owner, node, start=at)
            for at, of, value in self.found
        )

    def find_autocommits(self) -> Iterator[tuple[cst.CSTNode, cst.BaseExpression, str]]:
        for node in self.file.model.nodes.get(cst.Assign, ()):
            match node:
                case cst.Assign(
                    targets=[cst.AssignTarget(cst.Attribute(value=owner, attr=cst.Name("autocommit")))]
                ):
                    yield node, owner, dotted(node.value)
        for call in self.rewrite.calls():
            if not isinstance(call.func, cst.Attribute):
                continue
            owner = call.func.value
            if call.func.attr.value == "set_session":
                given = self.file.argument(call, "autocommit", 3)
                if given is not None:
                    yield call, owner, dotted(given.value)
            elif call.func.attr.value == "set_isolation_level" and call.args:
                yield call, owner, str(self.level(call.args[0].value) is AUTOCOMMIT)


def named(text: str) -> Level | None:
    """The level that psycopg2 knows by a text."""
    name = text.strip().upper().replace(" ", "_")
    if name == "DEFAULT":
        return DEFAULT
    return Level(name, text=True) if name in NUMBERS.values() else None
