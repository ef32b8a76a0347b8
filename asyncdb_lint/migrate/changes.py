"""Changes of a tree's nodes, made together in one traversal."""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any

import libcst as cst

Result = cst.CSTNode | cst.RemovalSentinel | cst.FlattenSentinel[Any]
How = Callable[[Any], Result]
"""Gives what stands for a node, from the node with all changes inside it made."""


class Changes:
    """What is to become of nodes of an original tree."""

    def __init__(self) -> None:
        self.noted: dict[cst.CSTNode, list[How]] = collections.defaultdict(list)
        self.last: dict[cst.CSTNode, list[How]] = collections.defaultdict(list)

    def note(self, node: cst.CSTNode, how: How, *, last: bool = False) -> None:
        """Change a node; several changes of one node are made one after another.

        One that is made last gets each of the nodes that the others have put in the place of the original.
        """
        (self.last if last else self.noted)[node].append(how)

    def apply(self, tree: cst.Module) -> cst.Module:
        """The changed tree; the same one where nothing is to be changed."""
        if not self.noted and not self.last:
            return tree
        changed = tree.visit(_Applying(self.noted, self.last))
        assert isinstance(changed, cst.Module)
        return changed


class _Applying(cst.CSTTransformer):
    def __init__(self, noted: dict[cst.CSTNode, list[How]], last: dict[cst.CSTNode, list[How]]) -> None:
        super().__init__()
        self.noted, self.last = noted, last

    def on_leave(self, original_node: cst.CSTNodeT, updated_node: Any) -> Any:
        result = updated_node
        for how in self.noted.get(original_node, ()):
            result = how(result)
            if not isinstance(result, cst.CSTNode):
                return self.made_last(original_node, result)
        if isinstance(original_node, cst.Call) and isinstance(result, cst.Call):
            result = without_trailing_comma(original_node, result)
        result = self.made_last(original_node, result)
        if not hasattr(result, "body"):
            return result
        if (
            isinstance(original_node, (cst.If, cst.Try))
            and does_nothing(result)
            and not does_nothing(original_node)
        ):
            return cst.RemoveFromParent()
        if isinstance(original_node, cst.SimpleStatementLine) and original_node.body and not result.body:
            return cst.RemoveFromParent()
        if isinstance(original_node, cst.IndentedBlock) and original_node.body and not result.body:
            return result.with_changes(body=[cst.SimpleStatementLine([cst.Pass()])])
        return result

    def made_last(self, original_node: cst.CSTNode, result: Any) -> Any:
        """What the changes that come last make of a node, or of each that has taken its place."""
        for how in self.last.get(original_node, ()):
            if isinstance(result, cst.FlattenSentinel):
                result = cst.FlattenSentinel([how(each) for each in result])
            elif isinstance(result, cst.CSTNode):
                result = how(result)
        return result


def without_trailing_comma(before: cst.Call, call: cst.Call) -> cst.Call:
    """A call whose last argument has gone, and with it the reason for the comma before."""
    if len(call.args) >= len(before.args) or not call.args or isinstance(before.args[-1].comma, cst.Comma):
        return call
    last = call.args[-1].with_changes(comma=before.args[-1].comma)
    return call.with_changes(args=[*call.args[:-1], last])


def does_nothing(statement: Any) -> bool:
    """Whether an `if` or `try` has nothing left to do: no branch, no handler, and no test that calls anything."""
    match statement:
        case cst.If(test=test, body=body, orelse=None):
            while isinstance(test, (cst.UnaryOperation, cst.Attribute)):
                test = test.expression if isinstance(test, cst.UnaryOperation) else test.value
            return isinstance(test, cst.Name) and is_pass(body)
        case cst.Try(body=body, handlers=handlers, orelse=None, finalbody=None):
            return is_pass(body) and all(is_pass(each.body) for each in handlers)
        case _:
            return False


def is_pass(block: cst.BaseSuite) -> bool:
    """Whether a block is `pass`, without a word on why."""
    line = block.body[0] if isinstance(block, cst.IndentedBlock) and len(block.body) == 1 else None
    return (
        isinstance(line, cst.SimpleStatementLine)
        and len(line.body) == 1
        and isinstance(line.body[0], cst.Pass)
        and not any(each.comment for each in line.leading_lines)
    )
