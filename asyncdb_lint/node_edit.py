"""Replacing or removing a libcst node as the smallest change of the file's text."""

from __future__ import annotations

import functools
import itertools
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import libcst as cst
from libcst.metadata import CodeRange
from libcst.metadata.position_provider import PositionProvidingCodegenState

from asyncdb_lint.finding import Position
from asyncdb_lint.fixing import Change
from asyncdb_lint.positions import Positions
from asyncdb_lint.source import Lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_INDENT = re.compile(r"[ \t\f]*")


@functools.lru_cache(maxsize=1)  # the findings of a file come one after the other
def _lines_of(module: cst.Module) -> Lines:
    return Lines(module.code)


class NodeEditor:
    """One module as text and tree, and where the nodes are in the text."""

    def __init__(self, module: cst.Module, positions: Positions | None = None) -> None:
        self.module = module
        self.lines = _lines_of(module)
        self.text = self.lines.text
        if positions is None:
            positions = Positions(module)
        self.positions = positions

    def offsets(self, node: cst.CSTNode) -> tuple[int, int]:
        """Start and end of a node without whitespace and parentheses around it."""
        where = self.positions[node]
        return (
            self.lines.offset(Position(where.start.line, where.start.column + 1)),
            self.lines.offset(Position(where.end.line, where.end.column + 1)),
        )

    def change(self, old: cst.CSTNode, new: cst.CSTNode | None) -> Change:
        """What `new` in the place of `old` (None: nothing) changes. Raises `ValueError` where it cannot."""
        if old not in self.positions:
            raise ValueError(f"a {type(old).__name__} that is not in the file")
        if new is None:
            return self.removal(old)
        start, before, indents = self.rendered(old)
        after, _ = self.render(new, indents)
        if start + len(before) > len(self.text):  # libcst renders a last newline that the file may lack
            newline = self.module.default_newline
            before, after = before.removesuffix(newline), after.removesuffix(newline)
        return smallest_change(start, before, after)

    def rendered(self, node: cst.CSTNode) -> tuple[int, str, list[str]]:
        """Where all of a node's text starts, the text, and the indentation of the block around it."""
        where = self.offsets(node)[0]
        for indent in self.indents(self.positions[node].start.line):
            code, offset = self.render(node, indent)
            start = where - offset
            if (self.text + self.module.default_newline).startswith(code, max(start, 0)) and start >= 0:
                return start, code, indent
        raise ValueError(f"cannot tell where the {type(node).__name__} starts")

    def indents(self, row: int) -> Iterator[list[str]]:
        """What a block around this row may be indented by: as the lines above are, innermost first."""
        seen = set()
        for start in reversed(self.lines.starts[:row]):
            match = _INDENT.match(self.text, start)
            indent = match.group() if match else ""
            if indent not in seen:
                seen.add(indent)
                yield [indent] if indent else []

    def render(self, node: cst.CSTNode, indents: Sequence[str]) -> tuple[str, int]:
        """A node's code inside a block, and at which offset in it the node itself starts."""
        computed: dict[cst.CSTNode, CodeRange] = {}
        state = PositionProvidingCodegenState(
            default_indent=self.module.default_indent,
            default_newline=self.module.default_newline,
            provider=cast(Any, SimpleNamespace(_computed=computed)),
            indent_tokens=list(indents),
        )
        node._codegen(state)
        code = "".join(state.tokens)
        start = computed[node].start
        return code, Lines(code).offset(Position(start.line, start.column + 1))

    def removal(self, node: cst.CSTNode) -> Change:
        """Take a statement with its line, or an item with its comma."""
        holder, siblings = self.siblings(node)
        if isinstance(node, cst.BaseSmallStatement) and len(siblings) == 1:
            if isinstance(holder, cst.SimpleStatementLine):
                return self.removal(holder)
            return Change(*self.offsets(node), "pass")
        if isinstance(node, (cst.BaseStatement, cst.BaseSmallStatement)) and len(siblings) == 1:
            if not isinstance(holder, cst.Module):
                return Change(*self.offsets(node), "pass")
        elif isinstance(
            node, (cst.BaseSmallStatement, cst.Arg, cst.BaseElement, cst.BaseDictElement, cst.ImportAlias)
        ):
            return self.item_removal(node, siblings)
        if isinstance(node, cst.BaseStatement):
            return self.line_removal(node)
        raise ValueError(f"a {type(node).__name__} cannot be removed")

    def line_removal(self, statement: cst.BaseStatement) -> Change:
        """The rows of a statement; comments above it stay."""
        start, end = self.offsets(statement)
        decorators = getattr(statement, "decorators", ())
        if decorators:
            start = self.offsets(decorators[0])[0]
        row = self.lines.position(start).row
        last = self.lines.position(end)
        end_row = last.row if last.column > 1 and not self.text[:end].endswith(("\n", "\r")) else last.row - 1
        after = self.lines.starts[end_row] if end_row < len(self.lines.starts) else len(self.text)
        return Change(self.lines.starts[row - 1], after, "")

    def item_removal(self, node: cst.CSTNode, siblings: Sequence[cst.CSTNode]) -> Change:
        index = next(index for index, sibling in enumerate(siblings) if sibling is node)
        start, end = self.whole(node)
        if index + 1 < len(siblings):
            return Change(start, self.whole(siblings[index + 1])[0], "")
        if index:
            return Change(self.whole(siblings[index - 1])[1], end, "")
        comma = getattr(node, "comma", None)
        return Change(
            start, end + (len(self.module.code_for_node(comma)) if isinstance(comma, cst.Comma) else 0), ""
        )

    def whole(self, node: cst.CSTNode) -> tuple[int, int]:
        """Start and end of an item with its parentheses, without its comma or semicolon."""
        start, code, _ = self.rendered(node)
        separator = getattr(node, "comma", None) or getattr(node, "semicolon", None)
        tail = self.module.code_for_node(separator) if isinstance(separator, cst.CSTNode) else ""
        return start, start + len(code.removesuffix(tail))

    def siblings(self, node: cst.CSTNode) -> tuple[cst.CSTNode, Sequence[cst.CSTNode]]:
        """The node that holds `node` in a sequence, and that sequence."""
        for holder in itertools.chain(self.positions, (self.module,)):
            for field in ("body", "args", "elements", "names"):
                items = getattr(holder, field, None)
                if isinstance(items, (list, tuple)) and any(item is node for item in items):
                    return holder, items
        raise ValueError(f"a {type(node).__name__} cannot be removed from where it is")


def smallest_change(start: int, before: str, after: str) -> Change:
    """The change from `before` at offset `start` to `after`, without what they begin and end with alike.

    Words stay whole, and so do the two characters of a newline: a reader sees `Session` replaced, not `S`.
    """
    shortest = min(len(before), len(after))
    head = 0
    while head < shortest and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < shortest - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    while head and (_splits(before, head) or _splits(after, head)):
        head -= 1
    while tail and (_splits(before, len(before) - tail) or _splits(after, len(after) - tail)):
        tail -= 1
    return Change(start + head, start + len(before) - tail, after[head : len(after) - tail])


def _splits(text: str, at: int) -> bool:
    if not 0 < at < len(text):
        return False
    left, right = text[at - 1], text[at]
    return (left == "\r" and right == "\n") or all(map(_in_word, (left, right)))


def _in_word(character: str) -> bool:
    return character == "_" or character.isalnum()
