"""Workflow commands: GitHub shows each finding at its line of a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from asyncdb_lint.finding import Finding, Outcome, Severity
from asyncdb_lint.reporting.sources import relative
from asyncdb_lint.reporting.summary import conclusion

if TYPE_CHECKING:
    from asyncdb_lint.config import Settings

LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def write(outcome: Outcome, settings: Settings, stream: TextIO) -> None:
    """Write a command per finding, and the last line for the log."""
    for finding in outcome.findings:
        told = ",".join(f"{name}={escaped(value, ':,')}" for name, value in properties(finding).items())
        message = "\n".join(part for part in (finding.message, finding.why, finding.help) if part)
        stream.write(f"::{LEVELS[finding.severity]} {told}::{escaped(message)}\n")
    stream.write(conclusion(outcome, settings) + "\n")


def properties(finding: Finding) -> dict[str, str]:
    """Place and title; GitHub takes columns only for a span on one line."""
    start, end = finding.location, finding.end_location
    found = {"file": relative(finding.filename), "line": str(start.row), "endLine": str(end.row)}
    if start.row == end.row:
        found |= {"col": str(start.column), "endColumn": str(end.column)}
    return found | {"title": f"{finding.code} ({finding.name})"}


def escaped(text: str, more: str = "") -> str:
    """Percent-encode what ends a command, and in properties what ends a property."""
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
