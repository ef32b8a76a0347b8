"""Where the keys and values of a TOML text are. The text is known to be TOML: `tomllib` has read it."""

from __future__ import annotations

import re
from typing import NamedTuple

Path = tuple["str | int", ...]
Span = tuple[int, int]

_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}(?!")|\'\'\'.*?\'{3,5}(?!\')|"(?:\\.|[^"\\])*"|\'[^\']*\'', re.DOTALL
)
_BARE = re.compile(r"[\w-]+")
_PLAIN = re.compile(r"[^,\]}#\r\n]*[^,\]}#\r\n\s]")
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")


class Node(NamedTuple):
    """A value, or the header of a table: its path, where its (last) key is, where the value itself is."""

    path: Path
    key: Span
    value: Span
    is_header: bool = False


def nodes(text: str) -> list[Node]:
    """All values of a TOML text, inner ones too, and the headers of its tables."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.nodes


def inner(text: str, node: Node) -> Span | None:
    """What is between the quotes of a string."""
    start, end = node.value
    quote = text[start : start + 1]
    if node.is_header or quote not in ("'", '"'):
        return None
    width = 3 if text.startswith(quote * 3, start) and end - start >= 6 else 1
    return start + width, end - width


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.nodes: list[Node] = []
        self.counts: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        while self.skip(_SPACE) < len(self.text):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)

    def skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.at

    def header(self) -> Path:
        start = self.at
        is_array = self.text.startswith("[[", start)
        self.at += 2 if is_array else 1
        keys, span = self.key()
        self.at += 2 if is_array else 1
        path: Path = ()
        for depth, key in enumerate(keys, 1):
            path += (key,)
            if is_array and depth == len(keys):
                self.counts[path] = self.counts.get(path, -1) + 1
            if path in self.counts:
                path += (self.counts[path],)
        self.nodes.append(Node(path, span, (start, self.at), is_header=True))
        return path

    def key(self) -> tuple[list[str], Span]:
        """A dotted key, and the place of its last part."""
        keys: list[str] = []
        while True:
            self.skip(_BLANK)
            start = self.at
            is_quoted = self.text[start] in "\"'"
            self.skip(_STRING if is_quoted else _BARE)
            written = self.text[start : self.at]
            keys.append(written[1:-1] if is_quoted else written)
            span = (start, self.at)
            self.skip(_BLANK)
            if self.text[self.at : self.at + 1] != ".":
                return keys, span
            self.at += 1

    def pair(self, table: Path) -> None:
        keys, span = self.key()
        self.at += 1  # the equals sign
        self.skip(_BLANK)
        self.value((*table, *keys), span)

    def value(self, path: Path, key: Span) -> None:
        start = self.at
        first = self.text[start]
        if first in "\"'":
            self.skip(_STRING)
        elif first in "[{":
            place = len(self.nodes)
            self.at += 1
            index = 0
            while self.text[self.skip(_SPACE)] not in "]}":
                if first == "{":
                    self.pair(path)
                else:
                    self.value((*path, index), (self.at, self.at))
                index += 1
                if self.text[self.skip(_SPACE)] == ",":
                    self.at += 1
            self.at += 1
            self.nodes.insert(place, Node(path, key, (start, self.at)))
            return
        else:
            self.skip(_PLAIN)
        self.nodes.append(Node(path, key, (start, self.at)))
