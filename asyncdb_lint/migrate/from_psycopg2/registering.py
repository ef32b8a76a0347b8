"""What rewrites of registrations of adapters and casters have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.semantics.kinds import Instance

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

MADE_TOO_EARLY = "a cursor made before this keeps the adapters that it had"
MOVE_UP = "register before the cursor is made"


class Registrations(Rewrite):
    """A rewrite of calls that register something, as statements of their own."""

    def statement(self, call: cst.Call) -> cst.Expr | None:
        """The statement that is nothing but a call."""
        parent = self.parent(call)
        return parent if isinstance(parent, cst.Expr) else None

    def drop(self, call: cst.Call, message: str, *, changes: bool = False) -> bool:
        """Leave out a call that is a statement, with the names in it."""
        statement = self.statement(call)
        if statement is None:
            return False
        self.tell(call, "changed behaviour" if changes else "rewritten", message)
        self.change(statement, lambda _: cst.RemoveFromParent())
        self.claim_all(call)
        return True

    def claim_all(self, node: cst.CSTNode) -> None:
        """Take care of all names in what is left out."""
        self.work.claimed.update(self.names_in(node))

    def leave_all(self, call: cst.Call, message: str, advice: str) -> None:
        """Leave a call to a person, with all names in it."""
        self.hand_over(call.func, call, message, advice)
        self.work.left.update(self.names_in(call))

    def names_in(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """The names within a node."""
        for name in self.file.model.nodes.get(cst.Name, ()):
            holder: cst.CSTNode | None = name
            while holder is not None and holder is not node:
                holder = self.parent(holder)
            if holder is node:
                yield name

    def uses_of(self, names: Collection[str]) -> Iterator[cst.Name | cst.Attribute]:
        """The uses of psycopg2's names that end so, each as a whole chain; those of the text, not of quoted types."""
        aliases = {each.name for each in self.work.imports.bound if each.full.rpartition(".")[2] in names}
        for node in (*self.file.model.nodes.get(cst.Name, ()), *self.attributes()):
            assert isinstance(node, (cst.Name, cst.Attribute))
            last = node.attr.value if isinstance(node, cst.Attribute) else node.value
            if last not in names and last not in aliases:
                continue
            is_old = node in self.file.model.exprs and self.full_name(node).startswith("psycopg2.")
            if is_old and node in self.file.positions:
                yield node

    def is_late(self, call: cst.Call, context: cst.BaseExpression | None) -> bool:
        """Whether a cursor, or where all connections are meant a connection, is made before, here or by the caller."""
        scope, start = self.file.model.scope_of(call), self.file.span(call)[0]
        roles = ("cursor",) if context is not None else ("cursor", "connection")
        if any(
            isinstance(binding.target, cst.Param) and any(self.has_role(use, *roles) for use in binding.uses)
            for bindings in scope.bindings.values()
            for binding in bindings
        ):
            return True
        return any(
            self.file.model.scope_of(each) is scope
            and self.has_role(each, *roles)
            and self.file.span(each)[0] < start
            for each in self.calls()
            if each is not call
        )

    def has_role(self, node: cst.BaseExpression, *roles: str) -> bool:
        """Whether an object has a role; it may be psycopg 3's by now, in a project that is migrated bit by bit."""
        kind = self.file.kind(node)
        is_of_role = isinstance(kind, Instance) and self.file.project.role(kind)[0] in roles
        return is_of_role and not self.is_suspected(node, *roles)

    def constant(self, node: cst.BaseExpression) -> object:
        """The value of a literal, else None."""
        return getattr(self.file.kind(node), "value", None)

    def code(self, node: cst.CSTNode) -> str:
        """A node's text."""
        return self.file.model.module.code_for_node(node)
