"""Where connections come from, and who uses them after a block: facts that several rewrites ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import libcst as cst

from asyncdb_lint.migrate.import_statements import dotted
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import Class, Function

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.migrate.command import Rewrite
    from asyncdb_lint.semantics.model import Binding, Model
    from asyncdb_lint.semantics.project import Project
    from asyncdb_lint.semantics.summary import ModuleSummary

CONNECT = "psycopg2.connect"
CONNECTION = "psycopg2.extensions.connection"
HARMLESS = {"close", "closed"}
"""What may be asked of a connection that is closed."""
OTHER_TIMES = (cst.FunctionDef, cst.ClassDef, cst.For, cst.While, cst.ExceptHandler, cst.Finally, cst.Lambda)
"""What runs not just after what stands before it."""
KEEPING = {"append", "add", "insert", "put", "put_nowait", "setdefault", "extend", "setattr", "partial"}
"""Functions that keep what they are given."""


def is_within(model: Model, node: cst.CSTNode | None, outer: cst.CSTNode) -> bool:
    """Whether a node stands in another."""
    while node is not None:
        if node is outer:
            return True
        node = model.parents.get(node)
    return False


# Where a connection comes from


def is_new(rewrite: Rewrite, node: cst.BaseExpression | None) -> bool:
    """Whether an expression surely makes a connection each time, which nobody else has."""
    if not isinstance(node, cst.Call):
        return False
    if rewrite.full_name(node.func) in (CONNECT, CONNECTION):
        return True
    kind = rewrite.file.kind(node.func)
    return isinstance(kind, Function) and makes_new(rewrite.file.project, kind.name)


def makes_new(project: Project, name: str, depth: int = 4) -> bool:
    """Whether a project function makes a connection at each call and keeps no hold of it."""
    found = project.function(name)
    if found is None or not depth:
        return False
    module, function = found
    if function.decorators or function.is_async or function.is_generator or not function.returns:
        return False
    given = [each for each in function.returns if each != ex.NONE]
    return bool(given) and all(is_made(project, module, each, depth) for each in given)


def is_made(project: Project, module: ModuleSummary, expr: ex.Node, depth: int) -> bool:
    if isinstance(expr, ex.Either):
        return all(each == ex.NONE or is_made(project, module, each, depth) for each in expr.options)
    if isinstance(expr, ex.Bound):
        if expr.index in module.kept or any(expr in each for each in holders(module)):
            return False
        return is_made(project, module, module.bindings[expr.index], depth)
    if not isinstance(expr, ex.Call):
        return False
    kind = project.kind(module.name, expr.func)
    return (isinstance(kind, Function) and kind.name == CONNECT) or (
        isinstance(kind, Function) and makes_new(project, kind.name, depth - 1)
    )


def holders(module: ModuleSummary) -> Iterator[tuple[ex.Node, ...]]:
    """What a module's global names and its classes' attributes are bound to."""
    for options in module.names.values():
        yield unfolded(options)
    for each in module.classes.values():
        for options in each.attributes.values():
            yield unfolded(options)


def unfolded(options: tuple[ex.Node, ...]) -> tuple[ex.Node, ...]:
    return tuple(
        part
        for each in options
        for part in (each.options if isinstance(each, (ex.Either, ex.First)) else (each,))
    )


# Who uses it after a block


def outlives(rewrite: Rewrite, block: cst.With, target: cst.BaseExpression | None) -> bool:
    """Whether what a block opens may be used when the block is left: the connection, or a cursor of it."""
    model = rewrite.file.model
    if target is None:
        return False
    opened = model.targets.get(target)
    if opened is None:
        return True  # an attribute or an item: others can reach it
    for binding in (opened, *made_within(rewrite, block)):
        if any(is_used_later(rewrite, block, binding, use) for use in binding.uses):
            return True
    return any(
        isinstance(each, cst.Return)
        and each.value is not None
        and rewrite.is_object(each.value, "connection", "cursor")
        and is_within(model, each, block)
        for each in model.nodes.get(cst.Return, ())
    )


def made_within(rewrite: Rewrite, block: cst.With) -> Iterator[Binding]:
    """The names that a block gives connections and cursors."""
    file = rewrite.file
    for binding in file.model.bindings:
        role, _ = file.project.role(file.kind_of(binding.expr))
        if role in ("connection", "cursor") and is_within(file.model, binding.target, block):
            yield binding


def is_used_later(rewrite: Rewrite, block: cst.With, binding: Binding, use: cst.CSTNode) -> bool:
    """Whether a use needs the connection after the block, or hands it to somebody who may."""
    model = rewrite.file.model
    parent = model.parents[use]
    if isinstance(parent, cst.Arg):
        parent = model.parents[parent]
    if not is_within(model, use, block):
        harmless = isinstance(parent, cst.Attribute) and parent.attr.value in HARMLESS
        return not harmless and not isinstance(
            parent, (cst.If, cst.Comparison, cst.ComparisonTarget, cst.UnaryOperation)
        )
    if model.scope_of(use).function is not binding.scope.function:
        return True
    if isinstance(parent, cst.Call):
        called = parent.func
        name = called.attr.value if isinstance(called, cst.Attribute) else getattr(called, "value", "")
        return name in KEEPING or isinstance(rewrite.file.kind(called), Class)
    return isinstance(
        parent,
        (cst.Return, cst.Assign, cst.AnnAssign, cst.NamedExpr, cst.Element, cst.DictElement, cst.Await),
    )


# What ran before


def idle_since(
    rewrite: Rewrite, owner: cst.BaseExpression, node: cst.CSTNode, start: cst.CSTNode | None = None
) -> cst.Call | Literal[True] | None:
    """If nothing ran on a connection before a node: the call that made it, or true where its transaction ended.

    True, too, if nothing ran on it between `start` and the node.
    """
    model = rewrite.file.model
    code = rewrite.file.source(owner, 200)
    while not isinstance(node, cst.Module):
        around = model.parents[node]
        if isinstance(around, (cst.IndentedBlock, cst.Module)):
            body = list(around.body)
            for before in reversed(body[: next(n for n, each in enumerate(body) if each is node)]):
                if start is not None and is_within(model, start, before):
                    return True
                left = left_by(rewrite, before, owner, code)
                if left is not False:
                    return left or None
        if isinstance(around, cst.With):
            return next(
                (
                    each.item
                    for each in around.items
                    if isinstance(each.item, cst.Call)
                    and rewrite.full_name(each.item.func) == CONNECT
                    and each.asname is not None
                    and rewrite.file.source(each.asname.name, 200) == code
                ),
                None,
            )
        if isinstance(around, OTHER_TIMES) or (isinstance(around, cst.Try) and node is around.orelse):
            return None
        node = around
    return None


def left_by(
    rewrite: Rewrite, statement: cst.BaseStatement, owner: cst.BaseExpression, code: str
) -> cst.Call | bool | None:
    """How a statement leaves a connection: made, idle (true), as it was (false), or nobody knows (None)."""
    match statement:
        case cst.SimpleStatementLine(body=[cst.Assign(targets=[cst.AssignTarget(target)], value=value)]):
            if rewrite.file.source(target, 200) == code:
                return (
                    value
                    if isinstance(value, cst.Call) and rewrite.full_name(value.func) == CONNECT
                    else None
                )
            if isinstance(target, cst.Attribute) and rewrite.file.source(target.value, 200) == code:
                return False
            match value:
                case cst.Call(func=cst.Attribute(value=used, attr=cst.Name("cursor"))):
                    if rewrite.file.source(used, 200) == code:
                        return False
        case cst.SimpleStatementLine(
            body=[cst.Expr(cst.Call(func=cst.Attribute(value=used, attr=cst.Name(method))))]
        ):
            if rewrite.file.source(used, 200) == code:
                if method in ("commit", "rollback"):
                    return True
                return False if method.startswith("set_") else None
        case cst.Try(body=cst.IndentedBlock(body=tried)):
            others = (*statement.handlers, statement.orelse, statement.finalbody)
            if not any(each is not None and concerns(rewrite, each, owner) for each in others):
                left = (left_by(rewrite, each, owner, code) for each in reversed(tried))
                return next((each for each in left if each is not False), False)
    return None if concerns(rewrite, statement, owner) else False


def concerns(rewrite: Rewrite, statement: cst.CSTNode, owner: cst.BaseExpression) -> bool:
    """Whether a statement may do something with a connection: it names it, or calls what may have it, or its cursor."""
    root = dotted(owner).partition(".")[0]
    return any(
        (isinstance(each, cst.Name) and each.value == root)
        or (isinstance(each, cst.Call) and not is_foreign(rewrite, each.func))
        for each in nodes_within(statement)
    )


def nodes_within(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """A node and all nodes inside it."""
    todo = [node]
    while todo:
        found = todo.pop()
        yield found
        todo.extend(found.children)


def is_foreign(rewrite: Rewrite, func: cst.BaseExpression) -> bool:
    """Whether a function of another library is called, or a builtin one, which has no connection."""
    kind = rewrite.file.kind(func)
    return (
        isinstance(kind, Function)
        and kind.owner is None
        and not kind.name.startswith(("psycopg2.", "_"))
        and (":" not in kind.name)
    )
