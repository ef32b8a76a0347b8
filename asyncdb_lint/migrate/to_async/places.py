"""Places in a file: whether anything can be awaited there, and whether a statement has a line to itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.import_statements import dotted
from asyncdb_lint.migrate.to_async import forms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.migrate.to_async.facts import FileFacts


def is_single(statement: cst.CSTNode | None) -> bool:
    """Whether a statement assigns to one target."""
    return isinstance(statement, cst.Assign) and len(statement.targets) == 1


def is_none(call: cst.Call) -> bool:
    """Whether `next(cursor, None)` is called, which is `fetchone()`."""
    return len(call.args) == 2 and isinstance(last := call.args[1].value, cst.Name) and last.value == "None"


def is_whole_line(facts: FileFacts, call: cst.Call) -> bool:
    """Whether a call of a plainly named object's method is a line of its own, or part of an expression."""
    parents = facts.file.model.parents
    statement = parents[call]
    if not isinstance(statement, cst.Expr):
        return True
    return bool(dotted(call.func)) and is_alone(parents[statement])


def is_alone(line: cst.CSTNode) -> bool:
    """Whether a line holds one statement."""
    return isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1


def no_await(facts: FileFacts, node: cst.CSTNode) -> tuple[str, str] | None:
    """Why nothing can be awaited at a node within its function, if so."""
    model = facts.file.model
    if model.scope_of(node).what == "class":
        return "the body of a class cannot wait", "move it into a function"
    for generator in generators_around(facts, node):
        if not is_consumed(facts, generator):
            return "a generator expression would have to be read by `async for`", "make it a list"
    return None


def generators_around(facts: FileFacts, node: cst.CSTNode) -> Iterator[cst.GeneratorExp]:
    """The generator expressions in whose course a node is evaluated; the first iterable is, before they start."""
    model, function = facts.file.model, facts.around(node).scope
    inner: cst.CSTNode | None = None
    while node is not function.node and node in model.parents:
        outer = model.parents[node]
        if isinstance(outer, cst.GeneratorExp):
            before = isinstance(node, cst.CompFor) and node is outer.for_in and inner is node.iter
            if not before:
                yield outer
        inner, node = node, outer


def is_consumed(facts: FileFacts, generator: cst.GeneratorExp) -> bool:
    """Whether a generator expression is the argument of what reads all of it: a list does as well."""
    model = facts.file.model
    arg = model.parents[generator]
    call = model.parents.get(arg)
    if not isinstance(arg, cst.Arg) or not isinstance(call, cst.Call) or len(call.args) != 1 or arg.star:
        return False
    kind = facts.file.kind(call.func)
    joins = isinstance(call.func, cst.Attribute) and isinstance(call.func.value, cst.SimpleString)
    return joins or getattr(kind, "name", "") in forms.CONSUMERS - {"builtins.enumerate"}
