"""Puts `await`, `async with` and `async for` into text, by what is known of the objects in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libcst as cst

from asyncdb_lint.migrate.import_statements import dotted
from asyncdb_lint.migrate.to_async.forms import SETTERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asyncdb_lint.knowledge import Knowledge

ASYNC = cst.Asynchronous()
TIGHT = (cst.Attribute, cst.Call, cst.Subscript)
"""What binds as tightly as a call: `(await f()).x`."""


def awaited(call: cst.BaseExpression, holder: cst.CSTNode | None = None) -> cst.BaseExpression:
    """`await call`, in brackets where `holder` takes an attribute, item or result of it."""
    if isinstance(call, cst.Await):
        return call
    bare = call.with_changes(lpar=[], rpar=[])
    left, right = list(getattr(call, "lpar", ())), list(getattr(call, "rpar", ()))
    if not left and isinstance(holder, TIGHT):
        left, right = [cst.LeftParen()], [cst.RightParen()]
    return cst.Await(bare, lpar=left, rpar=right)


def is_tight(holder: cst.CSTNode | None, node: cst.CSTNode) -> bool:
    """Whether a node is what an attribute, item or result is taken of."""
    if isinstance(holder, cst.Call):
        return holder.func is node
    return isinstance(holder, (cst.Attribute, cst.Subscript)) and holder.value is node


def setter(assignment: cst.Assign) -> cst.Expr | None:
    """`await connection.set_autocommit(True)` for `connection.autocommit = True`."""
    target = assignment.targets[0].target if len(assignment.targets) == 1 else None
    if not isinstance(target, cst.Attribute) or target.attr.value not in SETTERS:
        return None
    method = target.with_changes(attr=cst.Name(SETTERS[target.attr.value]))
    return cst.Expr(cst.Await(cst.Call(method, [cst.Arg(assignment.value)])))


class Awaiting(cst.CSTTransformer):
    """Changes new text, of which `known` tells the classes of some objects, by how they are written."""

    def __init__(self, knowledge: Knowledge, known: dict[str, str], helpers: Iterable[str] = ()) -> None:
        super().__init__()
        self.knowledge, self.known, self.helpers = knowledge, known, set(helpers)
        """`helpers` are functions whose results have to be awaited."""

    def protocol(self, node: cst.CSTNode) -> str:
        """How what a call gives is used: "coroutine", "async_with"…; "" for a call that says nothing."""
        member = self.member(node)
        return member.protocol if member is not None else ""

    def member(self, node: cst.CSTNode) -> Any:
        if not isinstance(node, cst.Call) or not isinstance(node.func, cst.Attribute):
            return None
        cls = self.known.get(dotted(node.func.value))
        return self.knowledge.member(cls, node.func.attr.value) if cls is not None else None

    def visit_WithItem(self, node: cst.WithItem) -> None:
        member = self.member(node.item)
        if member is not None and node.asname is not None and isinstance(node.asname.name, cst.Name):
            self.known[node.asname.name.value] = member.returns

    def leave_With(self, original_node: cst.With, updated_node: cst.With) -> cst.With:
        entered = all(self.protocol(each.item) == "async_with" for each in original_node.items)
        return updated_node.with_changes(asynchronous=ASYNC) if entered else updated_node

    def leave_For(self, original_node: cst.For, updated_node: cst.For) -> cst.For:
        cls = self.known.get(dotted(original_node.iter))
        is_iterated = cls is not None and self.knowledge.member(cls, "__aiter__") is not None
        return updated_node.with_changes(asynchronous=ASYNC) if is_iterated else updated_node

    def visit_Await(self, node: cst.Await) -> bool:
        return not isinstance(node.expression, cst.Call)

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        waits = self.protocol(original_node) == "coroutine" or dotted(original_node.func) in self.helpers
        return awaited(updated_node) if waits else updated_node

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.Attribute:
        value = updated_node.value
        if isinstance(value, cst.Await) and not value.lpar:
            return updated_node.with_changes(value=awaited_in_brackets(value))
        return updated_node

    def leave_Assign(self, original_node: cst.Assign, updated_node: cst.Assign) -> Any:
        owners = [getattr(each.target, "value", None) for each in original_node.targets]
        if not all(isinstance(each, cst.CSTNode) and dotted(each) in self.known for each in owners):
            return updated_node
        calls = [setter(updated_node.with_changes(targets=[each])) for each in updated_node.targets]
        if None in calls or (len(calls) > 1 and not isinstance(updated_node.value, cst.Name)):
            return updated_node
        return calls[0] if len(calls) == 1 else cst.FlattenSentinel(reversed(calls))

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Any:
        first, *others = updated_node.body
        if len(updated_node.body) == len(original_node.body):
            return updated_node
        again = (cst.SimpleStatementLine([each]) for each in others)
        return cst.FlattenSentinel([updated_node.with_changes(body=[first]), *again])


def awaited_in_brackets(node: cst.Await) -> cst.Await:
    return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
