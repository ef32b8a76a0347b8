"""Parts of a text: what branches, loops and lists of conditions put it together from."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.literals import DEPTH, HOLE, Reader, assignments, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.migrate.literals import Literal


def fragments(file: FileContext, node: cst.CSTNode | None, depth: int = DEPTH) -> Iterator[Literal]:
    """The texts that branches, loops and lists put a statement together from: parts, in no order."""
    match node:
        case cst.Name() if depth:
            reader = Reader(file)
            values = [reader.assigned(each) for each in assignments(file, node)]
            for value in () if None in values else values:
                for each in written(file, value, depth):
                    yield dataclasses.replace(each, names=(*each.names, node))
        case cst.IfExp(body=body, orelse=orelse):
            yield from (*written(file, body, depth), *written(file, orelse, depth))
        case cst.Call(func=cst.Attribute(attr=cst.Name("join")), args=[cst.Arg(given)]):
            for item in items(file, given):
                for each in written(file, item, depth):
                    yield (
                        dataclasses.replace(each, names=(*each.names, given))
                        if isinstance(given, cst.Name)
                        else each
                    )


def written(file: FileContext, node: cst.CSTNode | None, depth: int) -> Iterator[Literal]:
    """What an expression says, and the parts that its holes are filled with."""
    found = read(file, node) if isinstance(node, cst.BaseExpression) else None
    if found is None:
        yield from fragments(file, node, depth - 1)
        return
    yield found
    yield from inner(file, found, depth - 1)


def inner(file: FileContext, text: Literal, depth: int = DEPTH) -> Iterator[Literal]:
    """The parts that the holes of a text are filled with."""
    for spot in text.spots if depth > 0 else ():
        if spot.char == HOLE:
            yield from fragments(file, spot.field, depth)


def items(file: FileContext, node: cst.BaseExpression) -> Iterator[cst.CSTNode]:
    """The items of a list that is written down, and what is added to it."""
    if isinstance(node, (cst.List, cst.Tuple)):
        yield from (each.value for each in node.elements)
    for binding in assignments(file, node) if isinstance(node, cst.Name) else ():
        reader = Reader(file)
        value = reader.assigned(binding)
        if isinstance(value, (cst.List, cst.Tuple)):
            yield from (each.value for each in value.elements)
        for use in binding.uses:
            method = file.model.parents.get(use)
            call = file.model.parents.get(method) if isinstance(method, cst.Attribute) else None
            is_append = isinstance(method, cst.Attribute) and method.attr.value == "append"
            if is_append and isinstance(call, cst.Call) and call.func is method:
                yield from (arg.value for arg in call.args)
