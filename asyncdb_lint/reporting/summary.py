"""The last line of a report for people."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from asyncdb_lint.finding import Applicability, Finding, Outcome, Severity

if TYPE_CHECKING:
    from asyncdb_lint.config import Settings

WORDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def conclusion(outcome: Outcome, settings: Settings) -> str:
    """What was found, what can be fixed, what was fixed and what was silenced."""
    files = plural(outcome.files, "file")
    notes = [fixable(outcome, settings)]
    notes.append(f"{outcome.fixed} fixed" if outcome.fixed else "")
    notes.append(f"{outcome.suppressed} suppressed" if outcome.suppressed else "")
    extra = "".join(f"; {note}" for note in notes if note)
    if not outcome.findings:
        return f"All checks passed: {files}{extra}."
    counts = Counter(finding.severity for finding in outcome.findings)
    found = ", ".join(plural(counts[severity], word) for severity, word in WORDS.items() if counts[severity])
    return f"Found {found} in {files}{extra}."


def preview(outcome: Outcome) -> str:
    """What a diff shows of what was found, as it shows nothing of the rest."""
    if not outcome.findings:
        return f"All checks passed: {plural(outcome.files, 'file')}."
    left = max(len(outcome.findings) - outcome.fixed, 0)
    rest = f"; {plural(left, 'finding')} would be left (shown without --diff)" if left else ""
    return f"Would fix {plural(outcome.fixed, 'finding')}{rest}."


def fixable(outcome: Outcome, settings: Settings) -> str:
    """How many findings can be repaired, and with which options; empty for none."""
    fixes = sum(finding.fix is not None for finding in outcome.findings)
    ready = sum(is_fixable(finding, settings) for finding in outcome.findings)
    if not ready:
        return f"{fixes} fixable with --fix --unsafe-fixes" if fixes else ""
    more = f" ({fixes - ready} more with --unsafe-fixes)" if fixes > ready else ""
    return f"{ready} fixable with --fix{more}"


def is_fixable(finding: Finding, settings: Settings) -> bool:
    """Whether `--fix` repairs a finding under these settings."""
    fix = finding.fix
    return fix is not None and (fix.applicability is Applicability.SAFE or settings.unsafe_fixes)


def plural(count: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
