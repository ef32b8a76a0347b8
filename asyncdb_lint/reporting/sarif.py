"""SARIF 2.1.0, for code scanning services: rules with their pages, code flows, fingerprints and fixes."""

from __future__ import annotations

import inspect
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO
from urllib.parse import quote

from asyncdb_lint import __version__, pages
from asyncdb_lint.finding import Finding, Fix, Outcome, Position, Severity
from asyncdb_lint.reporting.sources import Sources
from asyncdb_lint.rules import all_rules

if TYPE_CHECKING:
    from asyncdb_lint.config import Settings
    from asyncdb_lint.rule import Rule

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
BASE = "SRCROOT"
FINGERPRINT = "asyncdbLint/v1"


def write(outcome: Outcome, settings: Settings, stream: TextIO) -> None:
    """Write one run."""
    rules = all_rules()
    index = {rule.code: position for position, rule in enumerate(rules)}
    sources = Sources(outcome.sources)
    run = {
        "tool": {
            "driver": {
                "name": "asyncdb-lint",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [descriptor(rule) for rule in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {BASE: {"uri": Path.cwd().as_uri().rstrip("/") + "/"}},
        "invocations": [invocation(outcome)],
        "results": [result(finding, index, sources) for finding in outcome.findings],
    }
    stream.write(json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n")


def invocation(outcome: Outcome) -> dict[str, Any]:
    """Whether the run did all that it should, and what stood in its way."""
    notices = [
        {"level": "error", "message": {"text": text}} for text in (*outcome.problems, *outcome.crashes)
    ]  # fmt: skip
    return {"executionSuccessful": not notices, "toolExecutionNotifications": notices}


def descriptor(rule: type[Rule]) -> dict[str, Any]:
    """A rule with its page."""
    text = pages.summary(rule)
    why = (inspect.getdoc(rule) or "").partition("## Why it is bad\n")[2].partition("\n## ")[0]
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": text},
        "fullDescription": {"text": " ".join(why.split()) or text},
        "help": {"text": text, "markdown": pages.page(rule)},
        "defaultConfiguration": {"level": LEVELS[rule.severity], "enabled": rule.default},
    }


def result(finding: Finding, index: dict[str, int], sources: Sources) -> dict[str, Any]:
    """One finding."""
    where = location(finding.filename, finding.location, finding.end_location)
    found: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index[finding.code],
        "level": LEVELS[finding.severity],
        "message": {"text": sentences(finding.message, finding.why, finding.help)},
        "locations": [where],
        "partialFingerprints": {FINGERPRINT: sources.fingerprint(finding)},
    }
    if finding.chain:
        steps = [(location(step.filename, step.location), step.message) for step in finding.chain]
        places = [
            {"location": {**place, "message": {"text": text}}}
            for place, text in (*steps, (where, finding.message))
        ]
        found["codeFlows"] = [{"threadFlows": [{"locations": places}]}]
    if finding.fix is not None:
        found["fixes"] = [fix(finding.filename, finding.fix)]
    return found


def sentences(*parts: str) -> str:
    """The parts as sentences of one paragraph."""
    return " ".join(f"{part[0].upper()}{part[1:].rstrip('.')}." for part in parts if part)


def fix(filename: str, what: Fix) -> dict[str, Any]:
    """A repair as replacements in the finding's file."""
    replacements = [
        {
            "deletedRegion": region(edit.location, edit.end_location),
            "insertedContent": {"text": edit.content},
        }
        for edit in what.edits
    ]
    return {
        "description": {"text": f"{what.message} ({what.applicability})"},
        "artifactChanges": [{"artifactLocation": artifact(filename), "replacements": replacements}],
    }


def location(filename: str, start: Position, end: Position | None = None) -> dict[str, Any]:
    """A place in a file."""
    return {"physicalLocation": {"artifactLocation": artifact(filename), "region": region(start, end)}}


def region(start: Position, end: Position | None) -> dict[str, int]:
    """From a position to another; ends are exclusive in SARIF too."""
    found = {"startLine": start.row, "startColumn": start.column}
    return found if end is None else found | {"endLine": end.row, "endColumn": end.column}


def artifact(filename: str) -> dict[str, str]:
    """A file below the working directory by a relative URI, any other by an absolute one."""
    path = Path(filename)
    if path.is_relative_to(Path.cwd()):
        return {"uri": quote(os.fsencode(path.relative_to(Path.cwd()).as_posix())), "uriBaseId": BASE}
    return {"uri": path.as_uri()}
