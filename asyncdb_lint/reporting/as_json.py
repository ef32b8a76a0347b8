"""A JSON list with ruff's field names, so that tools that read ruff's report read this one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TextIO

from asyncdb_lint.finding import Fix, Outcome, Position

if TYPE_CHECKING:
    from asyncdb_lint.config import Settings


def write(outcome: Outcome, settings: Settings, stream: TextIO) -> None:
    """Write the findings."""
    found = [
        {
            "code": finding.code,
            "name": finding.name,
            "message": finding.message,
            "severity": finding.severity,
            "filename": finding.filename,
            "location": position(finding.location),
            "end_location": position(finding.end_location),
            "url": None,
            "fix": fix(finding.fix) if finding.fix is not None else None,
            "noqa_row": finding.noqa_row,
            "chain": [
                {"filename": step.filename, "location": position(step.location), "message": step.message}
                for step in finding.chain
            ],
            "why": finding.why,
            "help": finding.help,
        }
        for finding in outcome.findings
    ]
    stream.write(json.dumps(found, indent=2) + "\n")


def position(where: Position) -> dict[str, int]:
    """A place, 1-based."""
    return {"row": where.row, "column": where.column}


def fix(what: Fix) -> dict[str, Any]:
    """A repair as edits of the text."""
    return {
        "applicability": what.applicability,
        "message": what.message,
        "edits": [
            {
                "content": edit.content,
                "location": position(edit.location),
                "end_location": position(edit.end_location),
            }
            for edit in what.edits
        ],
    }
