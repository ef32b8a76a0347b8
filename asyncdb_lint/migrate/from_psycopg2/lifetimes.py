"""Where connections come from, and who uses them after a block: facts that several rewrites ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

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
