"""One module per output format; each reads the outcome and writes it, and none knows another."""

from __future__ import annotations

import importlib
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from asyncdb_lint.finding import Applicability, Finding, Outcome, Severity

if TYPE_CHECKING:
    from asyncdb_lint.config import Settings

FORMATS = {
    "text": "text", "concise": "concise", "json": "as_json", "sarif": "sarif", "github": "github", "gitlab": "gitlab",
    "junit": "junit",
}  # fmt: skip


def write(outcome: Outcome, settings: Settings, stream: TextIO, *, statistics: bool = False) -> None:
    """Write `outcome` in the format of `settings`, or (`statistics`) counts by rule."""
    if statistics:
        write_statistics(outcome, settings, stream)
        return
    module = importlib.import_module(f"{__name__}.{FORMATS[settings.output_format]}")
    module.write(outcome, settings, stream)


def write_statistics(outcome: Outcome, settings: Settings, stream: TextIO) -> None:
    """Counts by rule, most frequent first."""
    counts = Counter((finding.code, finding.name) for finding in outcome.findings)
    if settings.output_format == "json":
        import json

        rows = [{"code": code, "name": name, "count": count} for (code, name), count in counts.most_common()]
        stream.write(json.dumps(rows, indent=2) + "\n")
        return
    for (code, name), count in counts.most_common():
        stream.write(f"{count:>6}  {code}  {name}\n")
    stream.write(conclusion(outcome) + "\n")


def shown(filename: str) -> str:
    """A file name as reports show it: relative where it is below the working directory."""
    path = Path(filename)
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()


def conclusion(outcome: Outcome) -> str:
    """The last line: what was found, what can be fixed, what was silenced."""
    files = plural(outcome.files, "file")
    notes = []
    safe = sum(is_fixable(finding, Applicability.SAFE) for finding in outcome.findings)
    unsafe = sum(is_fixable(finding, Applicability.UNSAFE) for finding in outcome.findings)
    if safe:
        notes.append(
            f"{safe} fixable with --fix" + (f" ({unsafe} more with --unsafe-fixes)" if unsafe else "")
        )
    elif unsafe:
        notes.append(f"{unsafe} fixable with --fix --unsafe-fixes")
    if outcome.fixed:
        notes.append(f"{outcome.fixed} fixed")
    if outcome.suppressed:
        notes.append(f"{outcome.suppressed} suppressed")
    extra = "".join(f"; {note}" for note in notes)
    if not outcome.findings:
        return f"All checks passed: {files}{extra}."
    counts = Counter(finding.severity for finding in outcome.findings)
    words = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
    found = ", ".join(plural(counts[severity], word) for severity, word in words.items() if counts[severity])
    return f"Found {found} in {files}{extra}."


def is_fixable(finding: Finding, how: Applicability) -> bool:
    """Whether a finding has a fix of that safety."""
    return finding.fix is not None and finding.fix.applicability is how


def plural(count: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def fingerprint(finding: Finding, seen: Counter[str]) -> str:
    """A hash that stays when lines move: rule, file, the line's text, and which of several alike it is."""
    import hashlib

    key = "\0".join(
        (finding.code, shown(finding.filename), line_of(finding.filename, finding.location.row).strip())
    )
    seen[key] += 1
    return hashlib.sha256(f"{key}\0{seen[key]}".encode("utf-8", "replace")).hexdigest()[:32]


def line_of(filename: str, row: int) -> str:
    """One line of a file; empty when the file is gone or shorter now."""
    lines = lines_of(filename, os.stat(filename).st_mtime_ns if os.path.exists(filename) else 0)
    return lines[row - 1] if 0 < row <= len(lines) else ""


_LINES: dict[tuple[str, int], list[str]] = {}


def lines_of(filename: str, stamp: int) -> list[str]:
    """A file's lines, read once; none when it cannot be read."""
    from asyncdb_lint.source import SourceFile

    if (filename, stamp) not in _LINES:
        _LINES[filename, stamp] = SourceFile.read(Path(filename)).text.splitlines()
    return _LINES[filename, stamp]
