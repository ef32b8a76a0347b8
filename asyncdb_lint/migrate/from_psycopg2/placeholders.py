"""PostgreSQL's SQL as tokens, with the placeholders of psycopg (`%s`, `%(name)s`) or of SQLAlchemy (`:name`).

What the code puts into a text at run time (fields of f-strings and formats) is a hole: one opaque token, whatever
it will be. Quotes, dollar quotes and comments are read as the server reads them, since a placeholder in there is
none for the server.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from asyncdb_lint.migrate.literals import HOLE

if TYPE_CHECKING:
    from collections.abc import Iterator

Style = Literal["percent", "colon", "plain"]
"""How parameters are written: psycopg's way, SQLAlchemy's, or not at all (a statement without parameters)."""

PLACEHOLDERS: dict[Style, str] = {
    "percent": r"%s|%\((?P<percent_name>[^)]*)\)s",
    "colon": r"(?<![:\w\\]):(?P<colon_name>[A-Za-z_]\w*)(?![:\w])",
    "plain": r"(?!)",
}
ESCAPED: dict[Style, str] = {"percent": "%%", "colon": r"\\:", "plain": "(?!)"}
"""What stands for the character that begins a placeholder."""
TOKENS = r"""
    (?P<space>\s+)
  | (?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))
  | (?P<string>(?:\b[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z))
      |(?:\b(?:[bBxXnN]|[uU]&))?'(?:[^']|'')*(?:'|\Z)
      |\$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z))
  | (?P<operator>ESCAPED)
  | (?P<placeholder>PLACEHOLDER)
  | (?P<hole>HOLE)
  | (?P<name>"(?:[^"]|"")*(?:"|\Z))
  | (?P<word>[^\W\d][\w$]*)
  | (?P<number>\d[\w.]*|\.\d\w*)
  | (?P<sign>::|:=|=>|\.\.|(?:(?!--|/\*)[-+*/<>=~!@\#^&|`?]|%(?!s|\(\w*\)s))+)
  | (?P<mark>.)
"""


KINDS = (
    "space", "comment", "string", "operator", "placeholder", "hole", "name", "word", "number", "sign", "mark",
)  # fmt: skip


class Token(NamedTuple):
    """A piece of SQL. `name` is that of a named placeholder."""

    kind: str
    text: str
    start: int
    end: int
    name: str = ""

    @property
    def word(self) -> str:
        """A keyword or plain name in lower case; other tokens as they are written."""
        return self.text.lower()


@functools.cache
def scanner(style: Style) -> re.Pattern[str]:
    """The pattern of one token."""
    pattern = TOKENS.replace("ESCAPED", ESCAPED[style]).replace("PLACEHOLDER", PLACEHOLDERS[style])
    pattern = pattern.replace("HOLE", HOLE)
    return re.compile(pattern, re.VERBOSE | re.DOTALL)


def tokens(sql: str, style: Style) -> Iterator[Token]:
    """All tokens but white space and comments."""
    for match in scanner(style).finditer(sql):
        groups = match.groupdict()
        kind = next(each for each in KINDS if groups[each] is not None)
        name = groups.get("percent_name") or groups.get("colon_name") or ""
        if kind not in ("space", "comment"):
            yield Token("operator" if kind == "sign" else kind, match[0], *match.span(), name)


@dataclasses.dataclass(frozen=True)
class Statement:
    """One statement: its tokens, and for each the index of the parenthesis that it stands in (-1 for none)."""

    tokens: tuple[Token, ...]
    style: Style

    @functools.cached_property
    def opened(self) -> tuple[int, ...]:
        """For each token the index of the parenthesis or bracket around it."""
        found: list[int] = []
        stack = [-1]
        for index, token in enumerate(self.tokens):
            if token.text in (")", "]") and len(stack) > 1:
                stack.pop()
            found.append(stack[-1])
            if token.text in ("(", "["):
                stack.append(index)
        return tuple(found)

    @functools.cached_property
    def closed(self) -> dict[int, int]:
        """The index of the closing parenthesis by that of the opening one."""
        found: dict[int, int] = {}
        stack: list[int] = []
        for index, token in enumerate(self.tokens):
            if token.text in ("(", "["):
                stack.append(index)
            elif token.text in (")", "]") and stack:
                found[stack.pop()] = index
        return found

    @property
    def words(self) -> tuple[str, ...]:
        """The first words, which say what statement it is."""
        return tuple(token.word for token in self.tokens[:6])

    def word(self, index: int) -> str:
        """The token at an index, in lower case; nothing beyond the ends."""
        return self.tokens[index].word if 0 <= index < len(self.tokens) else ""

    def kind(self, index: int) -> str:
        """What the token at an index is; nothing beyond the ends."""
        return self.tokens[index].kind if 0 <= index < len(self.tokens) else ""

    def arguments(self, opening: int) -> list[tuple[int, int]]:
        """The comma-separated items in a parenthesis, as ranges of indexes."""
        end = self.closed.get(opening, len(self.tokens))
        commas = [
            i for i in range(opening + 1, end) if self.tokens[i].text == "," and self.opened[i] == opening
        ]
        edges = [opening, *commas, end]
        return [(start + 1, stop) for start, stop in itertools.pairwise(edges) if stop > start + 1]

    @functools.cached_property
    def placeholders(self) -> tuple[Token, ...]:
        """Those that the server binds."""
        return tuple(token for token in self.tokens if token.kind == "placeholder")

    @functools.cached_property
    def quoted(self) -> tuple[tuple[Token, Token], ...]:
        """Placeholders in quotes, which the server takes for text, each with the quoted token around it."""
        return tuple(
            (inner, token)
            for token in self.tokens
            if token.kind in ("string", "name")
            for inner in parameters(token.text, self.style, token.start)
        )

    @property
    def takes_parameters(self) -> bool:
        """Whether anything in it is a parameter for the driver."""
        return bool(self.placeholders or self.quoted)


def statements(sql: str, style: Style) -> list[Statement]:
    """The statements of a text, split where the server splits."""
    found: list[list[Token]] = [[]]
    depth = 0
    for token in tokens(sql, style):
        depth += (token.text == "(") - (token.text == ")")
        if token.text == ";" and depth <= 0:
            found.append([])
        else:
            found[-1].append(token)
    return [Statement(tuple(each), style) for each in found if each]


def parameters(sql: str, style: Style, offset: int = 0) -> list[Token]:
    """All placeholders that the driver fills in, in their order: those in quotes and comments too."""
    found = []
    for match in re.finditer(f"{ESCAPED[style]}|(?P<placeholder>{PLACEHOLDERS[style]})", sql):
        if match["placeholder"]:
            names = [name for key, name in match.groupdict().items() if key.endswith("_name") and name]
            start, end = match.span()
            found.append(
                Token("placeholder", match[0], offset + start, offset + end, names[0] if names else "")
            )
    return found
