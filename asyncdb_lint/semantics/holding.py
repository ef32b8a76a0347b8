"""Which sessions and connections hold a connection of the pool, from one call of a function to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.afterwards import may_follow, stands_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.semantics.effects import Done, Frame, Root, Verb

WORKING: set[Verb] = {"reads", "writes"}
ENDING: set[Verb] = {"commits", "rolls back", "closes"}
HOLDING_AT_ONCE = ("Connection", "PoolConnectionProxy", "AsyncConnection")
"""What has its connection as soon as it is entered; sessions wait for their first statement."""


class Held(NamedTuple):
    """A connection that is checked out: the session or connection, its pool ("" for an unknown one), what took it."""

    root: Root
    source: str
    since: cst.CSTNode


class Holding:
    """Follows the calls of one function in the order of the text."""

    def __init__(self, file: FileContext, frame: Frame) -> None:
        self.file, self.frame = file, frame
        self.held: dict[Root, Held] = {}

    def at(self, node: cst.CSTNode) -> Iterator[Held]:
        """What is held where a call stands."""
        return (each for each in self.held.values() if self.is_held_at(each, node))

    def note(self, each: Done) -> None:
        """Take in a call."""
        for act in each.effect.acts:
            if act.verb in ENDING:
                self.held.pop(act.root, None)
            elif act.verb in WORKING and act.root not in self.held:
                self.held[act.root] = Held(act.root, self.source_of(act.root), each.node)
        opened = self.entered(each)
        if opened is not None:
            self.held[opened.root] = opened

    def entered(self, each: Done) -> Held | None:
        """A connection that an `async with` takes."""
        item = self.file.model.parents[each.node]
        if not isinstance(item, cst.WithItem) or item.asname is None or len(each.effect.opens) != 1:
            return None
        binding = self.file.model.targets.get(item.asname.name)
        if binding is None:
            return None
        name = getattr(self.file.kind_of(binding.expr), "name", "")
        root = self.frame.root(binding.expr, binding.index) if name.endswith(HOLDING_AT_ONCE) else None
        return Held(root, each.effect.opens[0].source, each.node) if root is not None else None

    def source_of(self, root: Root) -> str:
        """The pool of a session that works; a parameter's is that of the dependency that gives it."""
        if root.what == "made":
            return root.source
        if root.what == "param" and len(root.path) == 1:
            return self.frame.source(ex.Param(self.frame.function.qualname, root.path[0]))
        return ""

    def is_held_at(self, held: Held, node: cst.CSTNode) -> bool:
        model = self.file.model
        if not may_follow(model, held.since, node):
            return False
        if held.root.what != "made":
            return True
        target = model.bindings[int(held.root.path[0])].target if held.root.path[0].isdigit() else None
        item = model.parents.get(target) if target is not None else None
        while item is not None and not isinstance(item, (cst.WithItem, cst.BaseStatement)):
            item = model.parents.get(item)
        return not isinstance(item, cst.WithItem) or stands_in(model, node, model.parents[item])
