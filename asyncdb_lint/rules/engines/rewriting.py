"""Rewriting what an engine was given: its URL's driver or options, its keyword arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.semantics.settings import only_binding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from asyncdb_lint.file_context import FileContext

Replacement = tuple[cst.CSTNode, cst.CSTNode]


def literals(
    file: FileContext, node: cst.CSTNode | None
) -> Iterator[cst.SimpleString | cst.FormattedStringText]:
    """The literal texts that a URL argument is written as, in this file and used for nothing else."""
    match node:
        case cst.SimpleString() | cst.FormattedStringText():
            yield node
        case cst.FormattedString():
            for part in node.parts:
                yield from literals(file, part)
        case cst.ConcatenatedString():
            yield from literals(file, node.left)
            yield from literals(file, node.right)
        case cst.BinaryOperation(operator=cst.Add()) | cst.BooleanOperation():
            yield from literals(file, node.left)
            yield from literals(file, node.right)
        case cst.Name():
            binding = only_binding(file.model, node)
            if binding is not None and len(binding.uses) == 1:
                yield from literals(file, binding.value)
        case cst.Call():
            for arg in node.args:
                if isinstance(arg.value, (cst.SimpleString, cst.FormattedString)):
                    yield from literals(file, arg.value)


def rewritten(file: FileContext, node: cst.CSTNode | None, old: str, new: str) -> Replacement | None:
    """The one literal of a URL that holds `old`, with `new` in its place."""
    found = [literal for literal in literals(file, node) if old in literal.value]
    if len(found) != 1 or found[0].value.count(old) != 1:
        return None
    return found[0], found[0].with_changes(value=found[0].value.replace(old, new))


def scheme_changed(file: FileContext, node: cst.CSTNode | None, old: str, new: str) -> Replacement | None:
    """The URL's literal with another driver; `URL.create("postgresql+psycopg2", …)` names it alone."""
    whole = rewritten(file, node, f"{old}://", f"{new}://")
    if whole is not None or not isinstance(node, cst.Call):
        return whole
    alone = [
        each for each in literals(file, node) if isinstance(each, cst.SimpleString) and each.raw_value == old
    ]
    if len(alone) != 1:
        return None
    return alone[0], alone[0].with_changes(value=alone[0].value.replace(old, new))


def without(call: cst.Call, names: Collection[str]) -> cst.Call:
    """The call without some keyword arguments, laid out as before."""
    kept = [arg for arg in call.args if arg.keyword is None or arg.keyword.value not in names]
    if kept and kept[-1] is not call.args[-1]:
        kept[-1] = kept[-1].with_changes(comma=call.args[-1].comma)
    return call.with_changes(args=kept)
