"""SARIF 2.1.0, for code scanning services: rules with their pages, code flows, fingerprints and fixes."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO
from urllib.parse import quote

from asyncdb_lint import __version__, pages
from asyncdb_lint.finding import Finding, Outcome, Position, Severity
from asyncdb_lint.reporting import fingerprint, shown
from asyncdb_lint.rules import all_rules

if TYPE_CHECKING:
    from asyncdb_lint.config import Settings
    from asyncdb_lint.rule import Rule

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
BASE = "ROOT"


def write(outcome: Outcome, settings: Settings, stream: TextIO) -> None:
    """Write one run."""
    rules = all_rules()
    index = {rule.code: position for position, rule in enumerate(rules)}
    seen: Counter[str] = Counter()
    notices = [
        {"level": "error", "message": {"text": text}} for text in (*outcome.problems, *outcome.crashes)
    ]  # fmt: skip
    run = {
        "tool": {
            "driver": {
                "name": "asyncdb-lint",
                "version": __version__,
                "rules": [descriptor(r) for r in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {BASE: {"uri": Path.cwd().as_uri() + "/"}},
        "invocations": [
            {
                "executionSuccessful": not notices,
                **({"toolExecutionNotifications": notices} if notices else {}),
            }
        ],
        "results": [result(finding, index, seen) for finding in outcome.findings],
    }
    stream.write(json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n")


def descriptor(rule: type[Rule]) -> dict[str, Any]:
    """A rule with its page."""
    text = pages.summary(rule)
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": text},
        "help": {"text": text, "markdown": pages.page(rule)},
        "defaultConfiguration": {"level": LEVELS[rule.severity], "enabled": rule.default},
    }


def result(finding: Finding, index: dict[str, int], seen: Counter[str]) -> dict[str, Any]:
    """One finding."""
    text = ". ".join(part for part in (finding.message, finding.why, finding.help) if part)
    found: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index[finding.code],
        "level": LEVELS[finding.severity],
        "message": {"text": text},
        "locations": [location(finding.filename, finding.location, finding.end_location)],
        "partialFingerprints": {"asyncdbLint/v1": fingerprint(finding, seen)},
    }
    if finding.chain:
        steps = [
            {"location": {**location(step.filename, step.location), "message": {"text": step.message}}}
            for step in finding.chain
        ]
        last = {**found["locations"][0], "message": {"text": finding.message}}
        found["codeFlows"] = [{"threadFlows": [{"locations": [*steps, {"location": last}]}]}]
    if finding.fix is not None:
        found["fixes"] = [fix(finding)]
    return found


def fix(finding: Finding) -> dict[str, Any]:
    """A repair as replacements in the finding's file."""
    assert finding.fix is not None
    return {
        "description": {"text": f"{finding.fix.message} ({finding.fix.applicability})"},
        "artifactChanges": [
            {
                "artifactLocation": artifact(finding.filename),
                "replacements": [
                    {
                        "deletedRegion": region(edit.location, edit.end_location),
                        "insertedContent": {"text": edit.content},
                    }
                    for edit in finding.fix.edits
                ],
            }
        ],
    }


def location(filename: str, start: Position, end: Position | None = None) -> dict[str, Any]:
    """A place in a file."""
    return {"physicalLocation": {"artifactLocation": artifact(filename), "region": region(start, end)}}


def region(start: Position, end: Position | None) -> dict[str, int]:
    """From a position to another; ends are exclusive in SARIF too."""
    found = {"startLine": start.row, "startColumn": start.column}
    if end is not None:
        found |= {"endLine": end.row, "endColumn": end.column}
    return found


def artifact(filename: str) -> dict[str, str]:
    """A file below the working directory by a relative URI, any other by an absolute one."""
    path = shown(filename)
    if Path(path).is_absolute():
        return {"uri": Path(path).as_uri()}
    return {"uri": quote(path), "uriBaseId": BASE}
