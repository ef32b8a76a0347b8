"""URLs without a driver (`postgresql://…`): SQLAlchemy 2.0 takes psycopg2 for them, libpq's tools take no driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.from_psycopg2.urls import NEW

if TYPE_CHECKING:
    from collections.abc import Iterator

Goal = Literal["sqlalchemy", "driver", "unknown", ""]
"""Who gets a URL; "" for nobody."""
SCHEMES = ("postgresql://", "postgres://")
SQLALCHEMY = {
    "sqlalchemy.engine.create.create_engine", "sqlalchemy.ext.asyncio.engine.create_async_engine",
    "sqlalchemy.engine.url.make_url", "sqlmodel.create_engine",
}  # fmt: skip
BUILDERS = {"sqlalchemy.engine.url.URL.create", "sqlalchemy.engine.url.URL"}
WITHOUT_DRIVER = "SQLAlchemy before 2.1 takes psycopg2 for a URL without a driver"
DRIVERS = ("psycopg2", "psycopg", "psycopg_pool", "asyncpg", "aiopg", "pg8000", "urllib", "subprocess")
ENVIRONMENT = {"os.environ.get", "os.getenv", "os.environ.setdefault"}
TAKING_APART = {
    "startswith",
    "endswith",
    "replace",
    "removeprefix",
    "split",
    "partition",
    "find",
    "index",
    "count",
}
DEPTH = 6  # names through which a URL is followed


class ImplicitUrls(Rewrite):
    """Names the driver in URLs that SQLAlchemy gets."""

    DESCRIPTION = "Name psycopg in SQLAlchemy URLs that name no driver."

    def examine(self) -> None:
        if not self.work.has_implicit_driver:
            return
        for node, text in self.texts():
            goal = self.goal(node, DEPTH)
            if goal == "sqlalchemy":
                self.explicit(text)
            elif goal == "unknown":
                self.tell(
                    text,
                    "manual",
                    "a URL names no driver: SQLAlchemy before 2.1 takes psycopg2 for it",
                    f"write `{NEW}://` where SQLAlchemy gets it; other users of the URL know no driver",
                )

        for call in self.calls():
            name = call.func.attr.value if isinstance(call.func, cst.Attribute) else ""
            if self.full_name(call.func) in BUILDERS or name == "set":
                driver = self.file.argument(call, "drivername", None if name == "set" else 0)
                if driver is not None and isinstance(driver.value, cst.SimpleString):
                    self.explicit_name(driver.value)

    def explicit_name(self, text: cst.SimpleString) -> None:
        """The same where a URL is built from its parts: `URL.create("postgresql", …)`."""
        old = text.raw_value
        if old not in ("postgresql", "postgres"):
            return
        if not self.unsafe and old == "postgresql":
            self.tell(text, "manual", WITHOUT_DRIVER, f"write `{NEW}`")
            return
        self.tell(text, "rewritten", f"a URL for SQLAlchemy names the driver: `{NEW}`")
        self.change(text, lambda node: node.with_changes(value=node.value.replace(old, NEW)))

    def texts(self) -> Iterator[tuple[cst.BaseExpression, cst.SimpleString | cst.FormattedStringText]]:
        """The expressions that begin with a URL's scheme, and the literal with it."""
        for node in self.file.model.nodes.get(cst.SimpleString, ()):
            if isinstance(node, cst.SimpleString) and begins(node.raw_value) and not self.continues(node):
                yield node, node
        for node in self.file.model.nodes.get(cst.FormattedString, ()):
            first = node.parts[0] if isinstance(node, cst.FormattedString) and node.parts else None
            if not isinstance(node, cst.FormattedString) or not isinstance(first, cst.FormattedStringText):
                continue
            if begins(first.value) and not self.continues(node):
                yield node, first

    def continues(self, node: cst.BaseExpression) -> bool:
        """Whether a literal stands behind another one that it belongs to."""
        parent = self.parent(node)
        return isinstance(parent, cst.ConcatenatedString) and parent.right is node

    def explicit(self, text: cst.SimpleString | cst.FormattedStringText) -> None:
        """Name the driver. `postgres://` is no URL of SQLAlchemy's at all, so nothing is lost there."""
        old = next(scheme for scheme in SCHEMES if begins(text_of(text), scheme))
        if not self.unsafe and old == "postgresql://":
            self.tell(
                text, "manual", WITHOUT_DRIVER, f"write `{NEW}://` where nobody but SQLAlchemy gets the URL"
            )
            return
        self.tell(text, "rewritten", f"a URL for SQLAlchemy names the driver: `{NEW}`")
        self.change(text, lambda node: node.with_changes(value=node.value.replace(old, f"{NEW}://", 1)))

    # Who gets it

    def goal(self, node: cst.CSTNode, depth: int) -> Goal:
        """Who gets the value of an expression."""
        parent = self.parent(node)
        match parent:
            case cst.Arg():
                call = self.parent(parent)
                return self.goal_of_argument(call, node, depth) if isinstance(call, cst.Call) else "unknown"
            case (
                cst.Call()
                | cst.IfExp()
                | cst.BinaryOperation()
                | cst.BooleanOperation()
                | cst.ConcatenatedString()
            ):
                return self.goal(parent, depth)
            case cst.Attribute():
                called = self.parent(parent)
                if parent.attr.value in TAKING_APART or not isinstance(called, cst.Call):
                    return ""
                return self.goal(called, depth)
            case cst.Assign() | cst.AnnAssign():
                targets = (
                    [each.target for each in parent.targets]
                    if isinstance(parent, cst.Assign)
                    else [parent.target]
                )
                return self.of_several(self.goal_of_target(target, depth) for target in targets)
            case cst.DictElement():
                return self.named(getattr(parent.key, "raw_value", ""))
            case cst.Param():
                return self.of_several([self.named(parent.name.value), *self.uses(parent, depth)])
            case cst.Return() | cst.List() | cst.Tuple() | cst.Element() | cst.Dict():
                return "unknown"
            case _:
                return ""

    def goal_of_argument(self, call: cst.Call, node: cst.CSTNode, depth: int) -> Goal:
        name = self.full_name(call.func)
        if name in SQLALCHEMY:
            return "sqlalchemy"
        if name in ENVIRONMENT:
            first = getattr(call.args[0].value, "raw_value", "")
            return "sqlalchemy" if "SQLALCHEMY" in first.upper() else self.goal(call, depth)
        if name.partition(".")[0] in DRIVERS:
            return "driver"
        if isinstance(call.func, cst.Attribute) and call.func.attr.value in TAKING_APART:
            return "unknown" if call.func.attr.value == "replace" and call.args[-1].value is node else ""
        keyword = next((arg.keyword.value for arg in call.args if arg.value is node and arg.keyword), "")
        return self.named(keyword) if keyword else "unknown"

    def goal_of_target(self, target: cst.BaseExpression, depth: int) -> Goal:
        match target:
            case cst.Name(value) | cst.Attribute(attr=cst.Name(value)):
                by_name = self.named(value)
            case cst.Subscript(slice=[cst.SubscriptElement(cst.Index(cst.SimpleString() as key))]):
                by_name = self.named(key.raw_value)
            case _:
                by_name = "unknown"
        return by_name if by_name == "sqlalchemy" else self.of_several([by_name, *self.uses(target, depth)])

    def uses(self, target: cst.CSTNode, depth: int) -> Iterator[Goal]:
        """Who gets what a name holds, as far as this file shows."""
        bindings = [each for each in self.file.model.bindings if each.target is target]
        for binding in bindings if depth else ():
            for use in binding.uses:
                yield self.goal(use, depth - 1) or "unknown"

    @staticmethod
    def named(name: str) -> Goal:
        return "sqlalchemy" if "SQLALCHEMY" in name.upper() else "unknown"

    @staticmethod
    def of_several(goals: Iterator[Goal] | list[Goal]) -> Goal:
        """Who gets it in the end: somebody known and nobody else who is known, or nobody knows."""
        known = {goal for goal in goals if goal in ("sqlalchemy", "driver")}
        return known.pop() if len(known) == 1 else "unknown"


def text_of(text: cst.SimpleString | cst.FormattedStringText) -> str:
    return text.raw_value if isinstance(text, cst.SimpleString) else text.value


def begins(text: str, *schemes: str) -> bool:
    """Whether a text begins with a scheme that names no driver."""
    return text.startswith(schemes or SCHEMES)
