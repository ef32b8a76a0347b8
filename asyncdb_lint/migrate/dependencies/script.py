"""What a script says that it requires, in a comment for tools that run scripts (PEP 723)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from asyncdb_lint.migrate.dependencies.draft import Place, in_brackets
from asyncdb_lint.migrate.dependencies.requirement import swap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.migrate.dependencies.draft import Draft

START = b"# /// script"
BLOCK = re.compile(r"^# /// script[ \t]*\r?\n(?P<content>(?:#(?:| .*)\r?\n)+?)# ///[ \t]*\r?$", re.MULTILINE)
LIST = re.compile(r"^#\s*dependencies\s*=\s*\[(?P<items>[^\[\]]*(?:\[[^\]]*\][^\[\]]*)*)\]", re.MULTILINE)
STRING = re.compile(r"(?P<quote>[\"'])(?P<text>.*?)(?P=quote)")


def migrate(draft: Draft) -> None:
    """The list `dependencies` of the block."""
    if (block := BLOCK.search(draft.text)) and (
        listed := LIST.search(draft.text, block.start("content"), block.end("content"))
    ):
        swap(draft, _places(draft, *listed.span("items")))


def _places(draft: Draft, start: int, end: int) -> Iterator[Place]:
    for offset, row in draft.rows(start, end):
        code = row.lstrip("# \t")
        begin = offset + len(row) - len(code)
        for match in STRING.finditer(code.split(" #")[0]):
            low, high = draft.row_of(begin, begin)
            is_alone = draft.text[low:high].strip("# \t\r\n,") == match[0]
            whole = (
                (low, high) if is_alone else in_brackets(draft, begin + match.start(), begin + match.end())
            )
            yield Place(begin + match.start("text"), match["text"], whole)
