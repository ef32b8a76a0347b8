"""For people: what, where with the source, the steps that lead there, why, how to mend it.

error[ADB102] sync-session-in-async: `load` blocks the event loop
  --> app/db.py:12:5
   |
12 |     session.execute(query)
   |     ^^^^^^^^^^^^^^^^^^^^^^
   |
   = 1. `list_orders` runs on the event loop and calls `load`
  ::: app/routes.py:30:12
30 |     return load(session)
   |            ----
   |
   = why: …
   = help: …
   = fix: … (safe: --fix)
12 -     session.execute(query)
12 +     await session.execute(query)
"""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING, TextIO

from asyncdb_lint.finding import Applicability, Finding, Outcome, Position, Severity
from asyncdb_lint.reporting.columns import around, head, visible, width
from asyncdb_lint.reporting.preview import changes
from asyncdb_lint.reporting.sources import Sources, shown
from asyncdb_lint.reporting.summary import WORDS, conclusion

if TYPE_CHECKING:
    from asyncdb_lint.config import Settings

STYLES = {
    Severity.ERROR: "1;31", Severity.WARNING: "1;33", Severity.INFO: "1;36",
    "bold": "1", "gutter": "1;34", "label": "1;34", "+": "32", "-": "31",
}  # fmt: skip
HOW = {Applicability.SAFE: "safe: --fix", Applicability.UNSAFE: "unsafe: --fix --unsafe-fixes"}
NARROWEST, WIDEST, USUAL = 60, 160, 110
PREVIEW = 6  # lines of a fix that are shown
NAME = re.compile(r"[\w.]+")


def write(outcome: Outcome, settings: Settings, stream: TextIO) -> None:
    """Write all findings and the last line."""
    painter, sources = Painter(stream), Sources(outcome.sources)
    for finding in outcome.findings:
        stream.write("\n".join(Page(finding, painter, sources).lines()) + "\n\n")
    stream.write(painter.paint(conclusion(outcome, settings), "bold") + "\n")


class Painter:
    """Colours where they are wanted: `NO_COLOR` and `FORCE_COLOR` decide before the stream does."""

    def __init__(self, stream: TextIO) -> None:
        on_terminal = stream.isatty()
        capable = on_terminal and os.environ.get("TERM") != "dumb"
        wanted = capable or bool(os.environ.get("FORCE_COLOR"))
        self.enabled = wanted and not os.environ.get("NO_COLOR")
        columns = shutil.get_terminal_size((USUAL, 24)).columns if on_terminal else USUAL
        self.width = max(NARROWEST, min(columns, WIDEST))

    def paint(self, text: str, style: str) -> str:
        """`text` in a style, if there are colours."""
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if self.enabled else text


class Page:
    """One finding as lines."""

    def __init__(self, finding: Finding, painter: Painter, sources: Sources) -> None:
        self.finding, self.painter, self.sources = finding, painter, sources
        self.changes = (
            changes(sources.lines(finding.filename), finding.fix) if finding.fix is not None else []
        )
        rows = [finding.location.row, *(step.location.row for step in finding.chain)]
        rows += [change.row for change in self.changes[:PREVIEW]]
        self.digits = len(str(max(rows)))

    def lines(self) -> list[str]:
        """From the header to the fix."""
        finding, paint = self.finding, self.painter.paint
        title = paint(f"{WORDS[finding.severity]}[{finding.code}]", finding.severity)
        found = [f"{title} {finding.name}: {paint(visible(finding.message), 'bold')}"]
        found.append(self.arrow("-->", finding.filename, finding.location))
        if excerpt := self.excerpt(finding.filename, finding.location, finding.end_location):
            found += [self.gutter("|"), *excerpt]
        if finding.chain:
            found += [self.gutter("|"), *self.steps(), self.gutter("|")]
        return found + self.note("why", finding.why) + self.note("help", finding.help) + self.fix()

    def steps(self) -> list[str]:
        """The chain: each step with its number, its place and its line."""
        found = []
        for number, step in enumerate(self.finding.chain, 1):
            found += self.wrapped(f"{number}. ", "label", step.message)
            if (step.filename, step.location) != (self.finding.filename, self.finding.location):
                found.append(self.arrow(":::", step.filename, step.location))
                found += self.excerpt(step.filename, step.location)
        return found

    def gutter(self, mark: str, row: int | None = None) -> str:
        """The left margin: a row's number or nothing, then a mark."""
        number = "" if row is None else str(row)
        return self.painter.paint(f"{number:>{self.digits}} {mark}", "gutter")

    def arrow(self, mark: str, filename: str, where: Position) -> str:
        """`  --> path:row:column`."""
        place = f"{shown(filename)}:{where.row}:{where.column}"
        return f"{' ' * self.digits}{self.painter.paint(mark, 'gutter')} {place}"

    def excerpt(self, filename: str, start: Position, end: Position | None = None) -> list[str]:
        """A line with its span marked, or the name at a step's place; nothing when there is no such line."""
        line = self.sources.line(filename, start.row)
        if not line.strip() or start.column > len(line) + 1:
            return []
        at = start.column - 1
        if end is None:
            name = NAME.match(line, at)
            stop, mark, style = name.end() if name else at + 1, "-", "label"
        else:
            stop = end.column - 1 if end.row == start.row else len(line.rstrip())
            mark, style = "^", self.finding.severity
        before, span, after = around(line, at, stop, self.painter.width - self.digits - 3)
        marks = self.painter.paint(mark * max(1, width(span)), style)
        return [
            f"{self.gutter('|', start.row)} {before}{span}{after}".rstrip(),
            f"{self.gutter('|')} {' ' * width(before)}{marks}",
        ]

    def note(self, word: str, text: str) -> list[str]:
        """A `= why: …` line, wrapped; nothing for no text."""
        return self.wrapped(f"{word}: ", "bold", text) if text else []

    def wrapped(self, label: str, style: str, text: str) -> list[str]:
        """A labelled text within the width, later lines below the first one's text."""
        import textwrap

        indent = " " * (self.digits + 3 + len(label))
        room = self.painter.width - len(indent)
        first, *rest = textwrap.wrap(
            visible(text), room, break_long_words=False, break_on_hyphens=False
        ) or [""]  # fmt: skip
        return [
            f"{self.gutter('=')} {self.painter.paint(label.rstrip(), style)} {first}",
            *(f"{indent}{line}" for line in rest),
        ]

    def fix(self) -> list[str]:
        """What a fix would do, as a small diff."""
        fix = self.finding.fix
        if fix is None:
            return []
        found = self.note("fix", f"{fix.message} ({HOW[fix.applicability]})")
        room = self.painter.width - self.digits - 3
        for change in self.changes[:PREVIEW]:
            text = head(visible(change.text), room).rstrip()
            number = self.painter.paint(f"{change.row:>{self.digits}}", "gutter")
            found.append(f"{number} {self.painter.paint(f'{change.mark} {text}'.rstrip(), change.mark)}")
        if len(self.changes) > PREVIEW:
            found.append(f"{' ' * self.digits} … {len(self.changes) - PREVIEW} more changed lines")
        return found
