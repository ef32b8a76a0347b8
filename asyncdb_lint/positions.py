"""Where the nodes of a tree stand.

libcst's position provider makes two objects for each node and takes twice as long as parsing. Here one rendering of the
tree notes offsets, and only nodes that are asked for get a line and a column. `tests/test_positions.py` compares.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from libcst._nodes.internal import CodegenState
from libcst.metadata import CodePosition, CodeRange

if TYPE_CHECKING:
    import libcst as cst

NEWLINE = re.compile(r"\r\n?|\n")
Span = tuple[int, int]


class Positions(Mapping["cst.CSTNode", CodeRange]):
    """The positions of a module's nodes, by node: lines from 1, columns from 0, as libcst gives them."""

    def __init__(self, module: cst.Module) -> None:
        recorder = Recorder(module.default_indent, module.default_newline)
        module._codegen(recorder)
        self.spans = recorder.spans
        self.starts = [0, *(match.end() for match in NEWLINE.finditer("".join(recorder.tokens)))]

    def __getitem__(self, node: cst.CSTNode) -> CodeRange:
        start, end = self.spans[node]
        return CodeRange(self.position(start), self.position(end))

    def __contains__(self, node: object) -> bool:
        return node in self.spans

    def __iter__(self) -> Iterator[cst.CSTNode]:
        return iter(self.spans)

    def __len__(self) -> int:
        return len(self.spans)

    def position(self, offset: int) -> CodePosition:
        """An offset as line and column."""
        line = bisect.bisect_right(self.starts, offset)
        return CodePosition(line, offset - self.starts[line - 1])


class Recorder(CodegenState):
    """Renders a tree and notes where each node begins and ends, without the white space that it owns."""

    def __init__(self, default_indent: str, default_newline: str) -> None:
        super().__init__(default_indent, default_newline)
        self.length = 0
        self.spans: dict[cst.CSTNode, Span] = {}
        self.stack: list[int] = []

    def add_token(self, value: str) -> None:
        self.tokens.append(value)
        self.length += len(value)

    def add_indent_tokens(self) -> None:
        self.tokens.extend(self.indent_tokens)
        self.length += sum(map(len, self.indent_tokens))

    def pop_trailing_newline(self) -> None:
        """A newline that the file lacks still ends its last line."""

    def before_codegen(self, node: cst.CSTNode) -> None:
        self.stack.append(self.length)

    def after_codegen(self, node: cst.CSTNode) -> None:
        start = self.stack.pop()
        if node not in self.spans:  # else it has said itself what of it is white space
            self.spans[node] = start, self.length

    def record_syntactic_position(
        self, node: cst.CSTNode, *, start_node: cst.CSTNode | None = None, end_node: cst.CSTNode | None = None
    ) -> Any:
        return Recording(self, node, start_node, end_node)


class Recording:
    """A node's own text, while it is rendered; a child may say where it begins or ends."""

    __slots__ = ("end_node", "node", "recorder", "start", "start_node")

    def __init__(
        self, recorder: Recorder, node: cst.CSTNode, start: cst.CSTNode | None, end: cst.CSTNode | None
    ) -> None:
        self.recorder, self.node, self.start_node, self.end_node = recorder, node, start, end

    def __enter__(self) -> None:
        self.start = self.recorder.length

    def __exit__(self, *error: object) -> None:
        spans = self.recorder.spans
        start = spans[self.start_node][0] if self.start_node is not None else self.start
        end = spans[self.end_node][1] if self.end_node is not None else self.recorder.length
        spans[self.node] = start, end
