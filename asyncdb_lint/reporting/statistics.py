"""Counts by rule in place of findings, most frequent first."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, TextIO

from asyncdb_lint.errors import UsageProblem
from asyncdb_lint.finding import Outcome
from asyncdb_lint.reporting.summary import conclusion

if TYPE_CHECKING:
    from asyncdb_lint.config import Settings

SUPPORTED = ("text", "concise", "json")


def check(settings: Settings) -> None:
    """Raise `UsageProblem` for a format that has no place for counts."""
    if settings.output_format not in SUPPORTED:
        raise UsageProblem(
            f"--statistics has no {settings.output_format} form; use --output-format text, concise or json"
        )


def write(outcome: Outcome, settings: Settings, stream: TextIO) -> None:
    """Write a table and the last line, or a JSON list. Raises `UsageProblem` as `check` does."""
    check(settings)
    counts = Counter(
        (finding.code, finding.name) for finding in sorted(outcome.findings, key=lambda f: f.code)
    )
    rows = counts.most_common()
    if settings.output_format == "json":
        told = [{"code": code, "name": name, "count": count} for (code, name), count in rows]
        stream.write(json.dumps(told, indent=2) + "\n")
        return
    digits = max((len(str(count)) for _, count in rows), default=0)
    for (code, name), count in rows:
        stream.write(f"{count:>{digits}}  {code}  {name}\n")
    stream.write(conclusion(outcome, settings) + "\n")
