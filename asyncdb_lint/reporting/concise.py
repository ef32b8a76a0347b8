"""One line per finding: `path:row:column: CODE [*] message`; `[*]` marks what `--fix` repairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from asyncdb_lint.finding import Outcome
from asyncdb_lint.reporting.columns import visible
from asyncdb_lint.reporting.sources import shown
from asyncdb_lint.reporting.summary import conclusion, is_fixable

if TYPE_CHECKING:
    from asyncdb_lint.config import Settings


def write(outcome: Outcome, settings: Settings, stream: TextIO) -> None:
    """Write the findings and the last line."""
    for finding in outcome.findings:
        mark = "[*] " if is_fixable(finding, settings) else ""
        place = f"{shown(finding.filename)}:{finding.location.row}:{finding.location.column}"
        stream.write(f"{place}: {finding.code} {mark}{visible(finding.message)}\n")
    stream.write(conclusion(outcome, settings) + "\n")
