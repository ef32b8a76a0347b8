"""Classes of errors that cover more or less in psycopg 3 than in psycopg2, where they are caught or compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.from_psycopg2.conditions import CODES
from asyncdb_lint.migrate.from_psycopg2.handlers import in_a_row
from asyncdb_lint.migrate.from_psycopg2.registering import Registrations
from asyncdb_lint.migrate.import_statements import dotted

if TYPE_CHECKING:
    from collections.abc import Callable

ROLLBACKS = (
    "SerializationFailure", "DeadlockDetected", "TransactionRollback", "StatementCompletionUnknown",
    "TransactionIntegrityConstraintViolation",
)  # fmt: skip
"""The classes under psycopg2's `TransactionRollbackError`; psycopg 3 has nothing between them and OperationalError."""
COMPARING = {"builtins.isinstance", "builtins.issubclass", "pytest.raises"}
ASSERTING = {"assertRaises", "assertRaisesRegex"}
OPERATIONAL = {"OperationalError", "DatabaseError", "Error"}


class ErrorClasses(Registrations):
    """`except TransactionRollbackError`, `except InternalError`, `except InterfaceError`; codes without a class."""

    DESCRIPTION = "Name the classes of errors that psycopg 3 raises where psycopg2's class is caught."

    def examine(self) -> None:
        for use in self.uses_of({*CODES, "TransactionRollbackError", "InternalError", "InterfaceError"}):
            module, _, name = self.full_name(use).rpartition(".")
            if module == "psycopg2.errorcodes":
                self.write_code(use, name)
            elif name == "TransactionRollbackError":
                self.spread(use)
            elif name == "InternalError":
                self.widen_internal(use)
            elif name == "InterfaceError":
                self.widen_interface(use)

    def write_code(self, use: cst.BaseExpression, name: str) -> None:
        """A code, or the two characters of a class of codes, for which psycopg 3 has no name."""
        code = CODES.get(name)
        if code is None:
            return
        self.claim(use)
        self.tell(use, "rewritten", f'`errorcodes.{name}` is "{code}", and has no name in psycopg 3')
        self.change(use, lambda _: cst.SimpleString(f'"{code}"'))

    def spread(self, use: cst.BaseExpression) -> None:
        """One class becomes those that it was the base of."""
        if self.place(use) is None:
            return  # the pass that renames tells of it
        self.claim(use)
        self.tell(use, "rewritten", "`TransactionRollbackError` is several classes")
        names = [cst.parse_expression(self.name(use, "psycopg.errors", name)) for name in ROLLBACKS]
        element = self.parent(use)
        if isinstance(element, cst.Element):
            self.change(element, lambda updated: in_a_row(updated, names))
        else:
            self.change(use, lambda _: cst.Tuple([cst.Element(name) for name in names]))

    def widen_internal(self, use: cst.BaseExpression) -> None:
        """What PL/pgSQL raises was an InternalError, and is a ProgrammingError."""
        place = self.place(use)
        if place is None or self.has_beside(
            use, {"RaiseException", "ProgrammingError", "DatabaseError", "Error"}
        ):
            return
        said = "`RAISE EXCEPTION` of PL/pgSQL gives a ProgrammingError, not an InternalError"
        if isinstance(place, cst.ExceptHandler) and self.is_caught_before(place, {"ProgrammingError"}):
            self.tell(
                use, "manual", said, "catch `errors.RaiseException` before the handler of ProgrammingError"
            )
            return
        self.tell(use, "changed behaviour", f"{said}: both are caught")
        self.add(use, place, self.name(use, "psycopg.errors", "RaiseException"))

    def widen_interface(self, use: cst.BaseExpression) -> None:
        """A closed connection was an InterfaceError, and is an OperationalError."""
        place = self.place(use)
        if not isinstance(place, cst.ExceptHandler) or self.has_beside(use, OPERATIONAL):
            return
        said = "the use of a closed connection gives an OperationalError, not an InterfaceError"
        if self.unsafe and not self.is_caught_by_others(place, {"OperationalError"}):
            self.tell(use, "changed behaviour", f"{said}: both are caught")
            self.add(use, place, self.name(use, "psycopg", "OperationalError"))
        else:
            self.tell(use, "manual", said, "catch both, if the handler is for closed connections")

    # Where classes stand

    def place(self, use: cst.BaseExpression) -> cst.CSTNode | None:
        """The handler, comparison or name for several classes that a class stands in, by itself or in a tuple."""
        node = self.parent(use)
        if isinstance(node, cst.Element):
            node = self.parent(node)
            node = self.parent(node) if isinstance(node, cst.Tuple) else None
            if isinstance(node, cst.Assign) and all(
                isinstance(each.target, cst.Name) for each in node.targets
            ):
                return node
        if isinstance(node, cst.ExceptHandler):
            return node
        call = self.parent(node) if isinstance(node, cst.Arg) else None
        if isinstance(call, cst.Call):
            asserts = isinstance(call.func, cst.Attribute) and call.func.attr.value in ASSERTING
            return call if asserts or self.full_name(call.func) in COMPARING else None
        return None

    def add(self, use: cst.BaseExpression, place: cst.CSTNode, name: str) -> None:
        """Let a class stand beside another."""
        added, holder = cst.parse_expression(name), self.parent(use)
        both: Callable[[cst.BaseExpression], cst.Tuple]
        both = lambda updated: cst.Tuple([cst.Element(updated), cst.Element(added)])  # noqa: E731
        if isinstance(holder, cst.Element):
            self.change(holder, lambda updated: in_a_row(updated, [updated.value, added]))
        elif isinstance(holder, cst.ExceptHandler):
            self.change(holder, lambda updated: updated.with_changes(type=both(updated.type)))
        elif isinstance(holder, cst.Arg):
            self.change(holder, lambda updated: updated.with_changes(value=both(updated.value)))

    def has_beside(self, use: cst.BaseExpression, names: set[str]) -> bool:
        """Whether classes of some names stand in the same tuple."""
        element = self.parent(use)
        holder = self.parent(element) if isinstance(element, cst.Element) else None
        return isinstance(holder, cst.Tuple) and bool(self.names_of(holder) & names)

    def names_of(self, node: cst.BaseExpression | None) -> set[str]:
        """The last names of psycopg2's classes in the type of a handler."""
        if isinstance(node, cst.Tuple):
            return {name for each in node.elements for name in self.names_of(each.value)}
        full = self.full_name(node) if node is not None else ""
        return (
            {full.rpartition(".")[2]} if full.startswith("psycopg2.") else {dotted(node).rpartition(".")[2]}
        )

    def is_caught_before(self, handler: cst.ExceptHandler, names: set[str]) -> bool:
        """Whether an earlier handler of the same statement has one of some classes."""
        handlers = self.handlers(handler)
        return any(self.names_of(each.type) & names for each in handlers[: handlers.index(handler)])

    def is_caught_by_others(self, handler: cst.ExceptHandler, names: set[str]) -> bool:
        """Whether another handler of the same statement has one of some classes."""
        return any(self.names_of(each.type) & names for each in self.handlers(handler) if each is not handler)

    def handlers(self, handler: cst.ExceptHandler) -> list[cst.ExceptHandler]:
        statement = self.parent(handler)
        return list(statement.handlers) if isinstance(statement, cst.Try) else [handler]
