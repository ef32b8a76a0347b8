"""GitLab's code quality report."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TextIO

from asyncdb_lint.finding import Outcome, Severity
from asyncdb_lint.reporting.sources import Sources, relative

if TYPE_CHECKING:
    from asyncdb_lint.config import Settings

SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.INFO: "info"}


def write(outcome: Outcome, settings: Settings, stream: TextIO) -> None:
    """Write the findings as a JSON list."""
    sources = Sources(outcome.sources)
    found = [
        {
            "description": f"{finding.code}: {finding.message}",
            "check_name": finding.name,
            "fingerprint": sources.fingerprint(finding),
            "severity": SEVERITIES[finding.severity],
            "location": {"path": relative(finding.filename), "lines": {"begin": finding.location.row}},
        }
        for finding in outcome.findings
    ]
    stream.write(json.dumps(found, indent=2) + "\n")
