"""Where a cursor is made, closed and iterated, within one function."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from asyncdb_lint.semantics.model import Binding, Model


def statement_of(model: Model, node: cst.CSTNode) -> cst.CSTNode:
    """The statement in which a node stands: a line, or what has a block."""
    while not isinstance(node, (cst.SimpleStatementLine, cst.BaseCompoundStatement, cst.Module)):
        node = model.parents[node]
    return node


def before(model: Model, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The statements that have run when a node's does, within its function: those above it in the blocks around it."""
    statement = statement_of(model, node)
    while not isinstance(statement, (cst.Module, cst.FunctionDef, cst.ClassDef)):
        holder = model.parents[statement]
        body: Sequence[cst.CSTNode] = getattr(holder, "body", ())
        if not isinstance(body, cst.BaseSuite) and statement in body:  # an `elif` stands in its `if`
            yield from reversed(body[: list(body).index(statement)])
        statement = holder if isinstance(holder, cst.Module) else statement_of(model, holder)


def closes_before(model: Model, cursor: cst.BaseExpression) -> bool:
    """Whether a cursor is surely closed where it is read: its block has ended, or `close()` stands above."""
    bindings = model.bindings_of(cursor)
    if not isinstance(cursor, cst.Name) or len(bindings) != 1:
        return False
    (binding,) = bindings
    for statement in before(model, cursor):
        match statement:
            case cst.With(items=items) if any(
                (item.asname is not None and binding.target is item.asname.name)
                or is_name(item.item, cursor.value)
                for item in items
            ):
                return True
            case cst.SimpleStatementLine(body=[cst.Expr(value=value)]) if is_close(value, cursor.value):
                return True
            case cst.Try(finalbody=cst.Finally(body=cst.IndentedBlock(body=body))) if any(
                isinstance(each, cst.SimpleStatementLine)
                and isinstance(each.body[0], cst.Expr)
                and is_close(each.body[0].value, cursor.value)
                for each in body
            ):
                return True
            case _:
                if makes(model, statement, binding):
                    return False
    return False


def makes(model: Model, statement: cst.CSTNode, binding: Binding) -> bool:
    """Whether a statement is the one that binds a name."""
    target = binding.target
    return target in model.parents and statement_of(model, target) is statement


def is_close(value: cst.BaseExpression, name: str) -> bool:
    match value:
        case cst.Call(func=cst.Attribute(value=owner, attr=cst.Name("close"))):
            return is_name(owner, name)
        case _:
            return False


def is_name(node: cst.BaseExpression, name: str) -> bool:
    return isinstance(node, cst.Name) and node.value == name


def is_iterated(model: Model, binding: Binding) -> bool:
    """Whether a cursor's rows may be iterated: a loop over it, or it is handed on."""
    return any(not isinstance(model.parents.get(use), (cst.Attribute, cst.WithItem)) for use in binding.uses)


def creation(model: Model, cursor: cst.BaseExpression, upto: cst.CSTNode) -> cst.Call | None:
    """The call that makes a cursor, if nothing is done with the cursor between it and a statement in the same block."""
    bindings = model.bindings_of(cursor)
    if len(bindings) != 1 or not isinstance(bindings[0].value, cst.Call):
        return None
    made, here = statement_of(model, bindings[0].value), statement_of(model, upto)
    body = list(getattr(model.parents[here], "body", ()))
    if isinstance(made, cst.With):
        start = 0 if model.parents[here] is made.body else -1
    else:
        start = body.index(made) + 1 if made in body else -1
    if start < 0 or here not in body:
        return None
    between = body[start : body.index(here)]
    used = {statement_of(model, use) for use in bindings[0].uses}
    return None if any(each in used and not is_setting(each) for each in between) else bindings[0].value


def is_setting(statement: cst.CSTNode) -> bool:
    """`cursor.itersize = 500` and its like, which come before any use of a cursor."""
    match statement:
        case cst.SimpleStatementLine(body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Attribute())])]):
            return True
        case _:
            return False
