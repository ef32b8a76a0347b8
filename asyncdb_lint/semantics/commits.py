"""Attributes of ORM objects that a function reads after it has committed the session they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.semantics.expressions import Attr, Call
from asyncdb_lint.semantics.lifecycle import exclude, is_handling

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from asyncdb_lint.semantics.expressions import Node
    from asyncdb_lint.semantics.model import Binding, Model, Scope
    from asyncdb_lint.semantics.summary import FunctionSummary

ONE_OBJECT = {"get", "get_one", "merge", "scalar", "scalar_one", "scalar_one_or_none"}
PICKING = {"first", "one", "one_or_none"}
QUIET = {"add", "add_all", "commit", "close", "expunge"}
"""What a session may do between the commit and the read without reading the object again."""
NOT_COLUMNS = {"awaitable_attrs", "metadata", "registry"}
ROUTES = {"get", "post", "put", "patch", "delete", "api_route"}


def note_reads(model: Model) -> None:
    """Enter into the summaries what functions read after a commit, with the session that committed."""
    order: dict[cst.CSTNode, int] | None = None
    for node in model.nodes.get(cst.Await, ()):
        scope = model.scope_of(node)
        summary = model.summary.functions.get(scope.qualname)
        if scope.what != "function" or summary is None or not is_commit(node):
            continue
        order = order or {each: index for index, each in enumerate(model.exprs)}
        session = node.expression.func.value  # type: ignore[attr-defined]
        expr = model.exprs.get(session)
        if expr is None:
            continue
        reads = tuple((expr, text) for text in reads_after(model, scope, summary, node, expr, order))
        summary.reads_after_commit = tuple(dict.fromkeys((*summary.reads_after_commit, *reads)))


def is_commit(node: cst.CSTNode) -> bool:
    """`await x.commit()`."""
    call = node.expression if isinstance(node, cst.Await) else None
    is_method = isinstance(call, cst.Call) and isinstance(call.func, cst.Attribute) and not call.args
    return is_method and call.func.attr.value == "commit"  # type: ignore[union-attr]


def reads_after(
    model: Model, scope: Scope, summary: FunctionSummary, commit: cst.CSTNode, session: Node,
    order: Mapping[cst.CSTNode, int],
) -> Iterator[str]:  # fmt: skip
    """The reads (`user.name`) that a commit expires."""
    calls = [
        (order[node], node)
        for node in model.nodes.get(cst.Call, ())
        if isinstance(node, cst.Call) and node in order and model.scope_of(node) is scope
        and isinstance(lowered := model.exprs[node], Call) and isinstance(lowered.func, Attr)
        and lowered.func.value == session
    ]  # fmt: skip
    added = {
        name
        for at, call in calls
        if at < order[commit]
        and isinstance(call.func, cst.Attribute)
        and call.func.attr.value == "add"
        and len(call.args) == 1
        for name in [call.args[0].value]
    }
    committed = order[commit]
    for binding in (each for group in scope.bindings.values() for each in group):
        owned = any(use in added for use in binding.uses) or loads_one(model, binding, session)
        if not owned:
            continue
        for use in binding.uses:
            elsewhere = exclude(model, use, commit) or is_handling(model, use) != is_handling(model, commit)
            if order.get(use, 0) <= committed or model.scope_of(use) is not scope or elsewhere:
                continue
            read = what_is_read(model, summary, use)
            between = (call.func.attr.value for at, call in calls if committed < at < order[use])  # type: ignore[attr-defined]
            if read is not None and all(method in QUIET for method in between):
                yield read
                break


def what_is_read(model: Model, summary: FunctionSummary, use: cst.CSTNode) -> str | None:
    """The attribute that a use reads; what a route returns is read by the framework."""
    assert isinstance(use, cst.Name)
    parent = model.parents[use]
    if isinstance(parent, cst.Attribute) and parent.value is use:
        name, holder = parent.attr.value, model.parents[parent]
        is_call = isinstance(holder, cst.Call) and holder.func is parent
        if is_call or isinstance(holder, cst.AssignTarget) or name in NOT_COLUMNS or name.startswith("_"):
            return None
        return f"{use.value}.{name}"
    if isinstance(parent, cst.Return):
        decorators = (each.func for each in summary.decorators if isinstance(each, Call))
        if any(isinstance(each, Attr) and each.name in ROUTES for each in decorators):
            return f"return {use.value}"
    return None


def loads_one(model: Model, binding: Binding, session: Node) -> bool:
    """Whether a name holds one object that the session loaded (`session.get(…)`, `result.scalar_one()`)."""
    value = binding.value
    if isinstance(value, cst.Await):
        value = value.expression
    methods: list[str] = []
    while isinstance(value, cst.Call) and isinstance(value.func, cst.Attribute):
        methods.append(value.func.attr.value)
        value = value.func.value
        if isinstance(value, cst.Await):
            value = value.expression
        if model.exprs.get(value) == session:
            return is_one(methods)
        if isinstance(value, cst.Name):
            held = model.bindings_of(value)
            value = held[0].value if len(held) == 1 else None
            value = value.expression if isinstance(value, cst.Await) else value
    return False


def is_one(methods: list[str]) -> bool:
    """Whether a chain of methods, last first, gives one mapped object."""
    if methods[0] in ONE_OBJECT:
        return True
    return methods[0] in PICKING and any(method in ("scalars", "exec") for method in methods[1:])
