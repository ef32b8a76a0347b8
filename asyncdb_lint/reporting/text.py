"""For people: what, where with the source, the steps that lead there, why, how to mend it.

error[ADB102] sync-session-in-async: `session.execute(…)` blocks the event loop
  --> app/routes.py:12:5
   |
12 |     session.execute(query)
   |     ^^^^^^^^^^^^^^^^^^^^^^
   = why: …
   = help: …
"""

from __future__ import annotations

import os
import shutil
import unicodedata
from typing import TYPE_CHECKING, TextIO

from asyncdb_lint.finding import Applicability, Finding, Outcome, Position, Severity
from asyncdb_lint.reporting import conclusion, line_of, shown

if TYPE_CHECKING:
    from asyncdb_lint.config import Settings

STYLES = {
    Severity.ERROR: "1;31", Severity.WARNING: "1;33", Severity.INFO: "1;36",
    "bold": "1", "gutter": "1;34", "added": "32", "removed": "31", "label": "1;34",
}  # fmt: skip
WORDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
TAB = 4
NARROWEST, WIDEST = 60, 160
PREVIEW = 8  # lines of a fix that are shown


def write(outcome: Outcome, settings: Settings, stream: TextIO) -> None:
    """Write all findings and the last line."""
    painter = Painter(stream)
    for finding in outcome.findings:
        stream.write("\n".join(Page(finding, painter).lines()) + "\n\n")
    stream.write(painter.paint(conclusion(outcome), "bold") + "\n")


class Painter:
    """Colours for a terminal, or none: `NO_COLOR` and `FORCE_COLOR` decide before the stream does."""

    def __init__(self, stream: TextIO) -> None:
        forced = bool(os.environ.get("FORCE_COLOR"))
        self.enabled = not os.environ.get("NO_COLOR") and (forced or stream.isatty())
        columns = shutil.get_terminal_size((110, 24)).columns if stream.isatty() else 110
        self.width = max(NARROWEST, min(columns, WIDEST))

    def paint(self, text: str, style: str) -> str:
        """`text` in a style, if there are colours."""
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if self.enabled else text


class Page:
    """One finding as lines."""

    def __init__(self, finding: Finding, painter: Painter) -> None:
        self.finding = finding
        self.painter = painter
        rows = [finding.location.row, *(step.location.row for step in finding.chain)]
        self.gutter = len(str(max(rows)))

    def lines(self) -> list[str]:
        """From the header to the fix."""
        finding, paint = self.finding, self.painter.paint
        head = paint(f"{WORDS[finding.severity]}[{finding.code}]", finding.severity)
        found = [f"{head} {finding.name}: {paint(finding.message, 'bold')}"]
        found.append(self.arrow(finding.filename, finding.location))
        found += self.excerpt(finding.filename, finding.location, finding.end_location, finding.severity)
        for number, step in enumerate(finding.chain, 1):
            label = f"{number}. {step.message}"
            found.append(f"{' ' * self.gutter} {paint('=', 'gutter')} {paint(label, 'label')}")
            if step.filename != finding.filename or step.location != finding.location:
                found.append(self.arrow(step.filename, step.location))
                found += self.excerpt(step.filename, step.location, None, "label")[1:]
        found += self.note("why", finding.why) + self.note("help", finding.help)
        return found + self.fix()

    def arrow(self, filename: str, where: Position) -> str:
        """`  --> path:row:column`."""
        mark = self.painter.paint("-->", "gutter")
        return f"{' ' * self.gutter}{mark} {shown(filename)}:{where.row}:{where.column}"

    def excerpt(self, filename: str, start: Position, end: Position | None, style: str) -> list[str]:
        """The source line with carets below the span; nothing when the file is gone or another now."""
        line = line_of(filename, start.row)
        if not line.strip() or start.column > len(line) + 1:
            return [""]  # the caller may drop the first line
        text = line.rstrip()
        stop = len(text) + 1 if end is None or end.row > start.row else min(end.column, len(text) + 1)
        if end is None:
            stop = start.column
        left, span, right = text[: start.column - 1], text[start.column - 1 : stop - 1], text[stop - 1 :]
        before, marked, after = cropped(left, span, right, self.painter.width - self.gutter - 4)
        bar = self.painter.paint("|", "gutter")
        number = self.painter.paint(f"{start.row:>{self.gutter}}", "gutter")
        found = [f"{' ' * self.gutter} {bar}", f"{number} {bar} {before}{marked}{after}".rstrip()]
        if end is not None:
            carets = self.painter.paint("^" * max(1, width(marked)), style)
            found.append(f"{' ' * self.gutter} {bar} {' ' * width(before)}{carets}")
        return found

    def note(self, word: str, text: str) -> list[str]:
        """A `= why:` line, wrapped."""
        if not text:
            return []
        import textwrap

        indent = " " * (self.gutter + 3 + len(word) + 2)
        wrapped = textwrap.wrap(
            text, self.painter.width - len(indent), break_long_words=False, break_on_hyphens=False
        )
        head = f"{' ' * self.gutter} {self.painter.paint('=', 'gutter')} {self.painter.paint(word, 'bold')}: "
        return [head + wrapped[0], *(indent + line for line in wrapped[1:])]

    def fix(self) -> list[str]:
        """What `--fix` would write, as a small diff."""
        fix = self.finding.fix
        if fix is None:
            return []
        how = "--fix" if fix.applicability is Applicability.SAFE else "--fix --unsafe-fixes"
        bar = self.painter.paint("|", "gutter")
        found = self.note("fix", f"{fix.message} ({how})")
        changes = self.changes()
        for mark, line in changes[:PREVIEW]:
            style = {"+": "added", "-": "removed"}[mark]
            found.append(
                f"{' ' * self.gutter} {bar} {self.painter.paint(f'{mark} {line.expandtabs(TAB)}', style)}"
            )
        if len(changes) > PREVIEW:
            found.append(f"{' ' * self.gutter} {bar} … {len(changes) - PREVIEW} more lines")
        return found

    def changes(self) -> list[tuple[str, str]]:
        """The lines that the fix takes out and puts in."""
        import difflib
        from pathlib import Path

        from asyncdb_lint.fixing import apply
        from asyncdb_lint.source import SourceFile

        source = SourceFile.read(Path(self.finding.filename))
        if source.problem is not None:
            return []
        after = apply(source.text, [self.finding]).text
        diff = difflib.unified_diff(source.text.splitlines(), after.splitlines(), n=0, lineterm="")
        lines = [line for line in diff if not line.startswith(("---", "+++", "@@"))]
        return [(line[0], line[1:]) for line in lines]


def cropped(left: str, span: str, right: str, room: int) -> tuple[str, str, str]:
    """The three parts of a line without tabs and within `room` columns, the span in sight."""
    before, marked, after = (part.replace("\t", " " * TAB) for part in (left, span, right))
    if width(before + marked + after) <= room:
        return before, marked, after
    if width(marked) > room - 2:
        marked = marked[: room - 4] + "…"
    if width(before) > (room - width(marked)) // 2:
        keep = max(0, min(len(before), (room - width(marked)) // 2))
        before = "…" + before[len(before) - keep :]
    left_over = max(0, room - width(before) - width(marked))
    return before, marked, after if width(after) <= left_over else after[: max(0, left_over - 1)] + "…"


def width(text: str) -> int:
    """How many terminal columns a text takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )
