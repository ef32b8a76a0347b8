"""The driver's errors behind SQLAlchemy's: `error.orig`, its cause, and the driver's classes that code asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.between_drivers.command import DriverRewrite
from asyncdb_lint.migrate.between_drivers.error_names import ASYNCPG, GROUP, PSYCOPG

if TYPE_CHECKING:
    from asyncdb_lint.migrate.changes import How

FIELDS = {
    "detail": "message_detail", "hint": "message_hint", "message": "message_primary", "severity": "severity",
    "constraint_name": "constraint_name", "table_name": "table_name", "column_name": "column_name",
    "schema_name": "schema_name", "context": "context", "internal_query": "internal_query",
}  # fmt: skip
"""What asyncpg's errors have themselves, psycopg's have in `diag`."""
OWN_FIELDS = {theirs: ours for ours, theirs in FIELDS.items()}
CODES = {"pgcode", "sqlstate"}


class ErrorsOfDriver(DriverRewrite):
    """With asyncpg the driver's error is the cause of `error.orig`, with psycopg it is `error.orig` itself."""

    DESCRIPTION = "Rewrite how code looks at the driver's error behind an error of SQLAlchemy's."

    def examine(self) -> None:
        to_psycopg = self.DIRECTION.target == "psycopg"
        for attribute in self.attributes():
            if to_psycopg:
                self.without_cause(attribute)
            else:
                self.with_cause(attribute)
        for call in self.calls():
            if is_named(call, "isinstance", 2) and is_about(call.args[0].value):
                self.compared(call.args[0].value, call.args[1].value)
            elif to_psycopg and is_named(call, "getattr", 2) and is_orig(call.args[0].value):
                self.asked(call)

    # To psycopg

    def without_cause(self, node: cst.Attribute) -> None:
        """`error.orig.__cause__` and `error.orig.pgcode`."""
        if is_cause(node):
            self.tell(node, "rewritten", "the driver's error is `orig` itself")
            self.change(node, lambda updated: updated.value)
            outer = self.parent(node)
            if isinstance(outer, cst.Attribute) and outer.attr.value in FIELDS:
                field = FIELDS[outer.attr.value]
                self.tell(outer, "rewritten", f"`{outer.attr.value}` is `diag.{field}`")
                self.change(
                    outer, lambda updated: cst.Attribute(attribute(updated.value, "diag"), cst.Name(field))
                )
        elif node.attr.value == "pgcode" and is_orig(node.value):
            self.tell(node, "rewritten", "`pgcode` is `sqlstate`")
            self.change(node, lambda updated: updated.with_changes(attr=cst.Name("sqlstate")))

    def asked(self, call: cst.Call) -> None:
        """`getattr(error.orig, "pgcode", None)`."""
        text = call.args[1].value
        if isinstance(text, cst.SimpleString) and text.raw_value == "pgcode":
            self.tell(call, "rewritten", "`pgcode` is `sqlstate`")
            self.change(
                text, lambda updated: updated.with_changes(value=text.value.replace("pgcode", "sqlstate"))
            )
        elif isinstance(text, cst.SimpleString) and text.raw_value == "__cause__":
            self.tell(call, "rewritten", "the driver's error is `orig` itself")
            self.change(call, lambda updated: updated.args[0].value)

    # To asyncpg

    def with_cause(self, node: cst.Attribute) -> None:
        """`error.orig.diag.constraint_name`."""
        inner = node.value
        if not isinstance(inner, cst.Attribute) or inner.attr.value != "diag" or not is_orig(inner.value):
            return
        field = OWN_FIELDS.get(node.attr.value)
        if field is None:
            self.tell(
                node, "manual", f"asyncpg's errors have no `{node.attr.value}`", "see `error.orig.__cause__`"
            )
            return
        self.tell(node, "rewritten", f"`diag.{node.attr.value}` is `__cause__.{field}`")
        orig = inner.value
        self.change(node, lambda _: cst.Attribute(attribute(orig, "__cause__"), cst.Name(field)))

    # Classes

    def compared(self, error: cst.BaseExpression, classes: cst.BaseExpression) -> None:
        """`isinstance(error.orig, …)`: classes that both drivers have, all or none."""
        if isinstance(classes, cst.Tuple):
            members = [each.value for each in classes.elements]
        else:
            members = [classes]
        full = [self.full_name(each) for each in members]
        if not any(name.partition(".")[0] == self.DIRECTION.source for name in full):
            return
        new = [self.other(name) for name in full]
        if not all(new):
            return  # told of where all uses of the driver are
        for member, (module, name) in zip(members, (each for each in new if each), strict=True):
            self.claim(member)
            written = self.name(member, module, name)
            self.tell(member, "rewritten", f"the error is `{module}.{name}`")
            self.change(member, written_as(written))
        if self.DIRECTION.target == "asyncpg" and is_orig(error):
            self.change(error, lambda updated: attribute(updated, "__cause__"))

    def other(self, full: str) -> tuple[str, str] | None:
        """The new driver's class, where it means the same errors."""
        package, _, _ = full.partition(".")
        name = full.rpartition(".")[2]
        if package != self.DIRECTION.source:
            return None
        if package == "asyncpg":
            if name == GROUP[0]:
                return "psycopg", GROUP[1]
            return ("psycopg.errors", PSYCOPG[name]) if name in PSYCOPG else None
        if name == GROUP[1]:
            return "asyncpg", GROUP[0]
        return ("asyncpg", ASYNCPG[name]) if name in ASYNCPG else None


def is_orig(node: cst.BaseExpression) -> bool:
    """`error.orig`, which SQLAlchemy's errors have."""
    return isinstance(node, cst.Attribute) and node.attr.value == "orig"


def is_cause(node: cst.BaseExpression) -> bool:
    """`error.orig.__cause__`."""
    return isinstance(node, cst.Attribute) and node.attr.value == "__cause__" and is_orig(node.value)


def is_about(node: cst.BaseExpression) -> bool:
    """Either of them."""
    return is_orig(node) or is_cause(node)


def is_named(call: cst.Call, name: str, least: int) -> bool:
    """A call of a builtin with so many arguments."""
    return isinstance(call.func, cst.Name) and call.func.value == name and len(call.args) >= least


def written_as(code: str) -> How:
    """A change to an expression."""
    return lambda _: cst.parse_expression(code)


def attribute(value: cst.BaseExpression, name: str) -> cst.Attribute:
    return cst.Attribute(value, cst.Name(name))
