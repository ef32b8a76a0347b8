"""Workflow commands: GitHub shows each finding at its line of a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from asyncdb_lint.finding import Outcome, Severity
from asyncdb_lint.reporting import conclusion, shown

if TYPE_CHECKING:
    from asyncdb_lint.config import Settings

LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def write(outcome: Outcome, settings: Settings, stream: TextIO) -> None:
    """Write a command per finding."""
    for finding in outcome.findings:
        start, end = finding.location, finding.end_location
        properties = {
            "title": f"{finding.code} ({finding.name})", "file": shown(finding.filename), "line": str(start.row),
            "endLine": str(end.row), "col": str(start.column), "endColumn": str(end.column),
        }  # fmt: skip
        told = ",".join(f"{name}={escaped(value, ',:')}" for name, value in properties.items())
        message = (
            finding.message
            + (f"\n{finding.why}" if finding.why else "")
            + (f"\n{finding.help}" if finding.help else "")
        )
        stream.write(f"::{LEVELS[finding.severity]} {told}::{escaped(message)}\n")
    stream.write(conclusion(outcome) + "\n")


def escaped(text: str, more: str = "") -> str:
    """Percent-encode what ends a command, and in properties what ends a property."""
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
