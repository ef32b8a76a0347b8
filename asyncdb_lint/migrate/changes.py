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

    def note(self, node: cst.CSTNode, how: How) -> None:
        """Change a node; several changes of one node are made one after another."""
        self.noted[node].append(how)

    def apply(self, tree: cst.Module) -> cst.Module:
        """The changed tree; the same one where nothing is to be changed."""
        if not self.noted:
            return tree
        changed = tree.visit(_Applying(self.noted))
        assert isinstance(changed, cst.Module)
        return changed


class _Applying(cst.CSTTransformer):
    def __init__(self, noted: dict[cst.CSTNode, list[How]]) -> None:
        super().__init__()
        self.noted = noted

    def on_leave(self, original_node: cst.CSTNodeT, updated_node: Any) -> Any:
        result = updated_node
        for how in self.noted.get(original_node, ()):
            result = how(result)
            if not isinstance(result, cst.CSTNode):
                return result
        if isinstance(original_node, cst.SimpleStatementLine) and original_node.body and not result.body:
            return cst.RemoveFromParent()
        if isinstance(original_node, cst.IndentedBlock) and original_node.body and not result.body:
            return result.with_changes(body=[cst.SimpleStatementLine([cst.Pass()])])
        return result
