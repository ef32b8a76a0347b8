"""JUnit XML, which most CI servers read: a suite per file, a failed case per finding."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, TextIO
from xml.etree import ElementTree

from asyncdb_lint.finding import Finding, Outcome
from asyncdb_lint.reporting.sources import relative
from asyncdb_lint.reporting.summary import conclusion

if TYPE_CHECKING:
    from asyncdb_lint.config import Settings

NAME = "asyncdb-lint"
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def write(outcome: Outcome, settings: Settings, stream: TextIO) -> None:
    """Write the findings as test cases; a clean run is one case that passed."""
    total = len(outcome.findings)
    root = ElementTree.Element("testsuites", totals(NAME, max(total, 1), total))
    for filename, findings in itertools.groupby(outcome.findings, key=lambda finding: finding.filename):
        cases, path = list(findings), clean(relative(filename))
        suite = ElementTree.SubElement(root, "testsuite", totals(path, len(cases), len(cases)))
        for finding in cases:
            add_case(suite, path, finding)
    if not outcome.findings:
        suite = ElementTree.SubElement(root, "testsuite", totals(NAME, 1, 0))
        ElementTree.SubElement(suite, "testcase", name=conclusion(outcome, settings), classname=NAME)
    ElementTree.indent(root)
    # ASCII with character references: right in whatever encoding the stream has.
    told = ElementTree.tostring(root, encoding="us-ascii").decode("ascii")
    stream.write(f'<?xml version="1.0" encoding="utf-8"?>\n{told}\n')


def totals(name: str, tests: int, failures: int) -> dict[str, str]:
    """The name of a suite and the counts that readers expect of it."""
    return {"name": name, "tests": str(tests), "failures": str(failures), "errors": "0"}


def add_case(suite: ElementTree.Element, path: str, finding: Finding) -> None:
    """One finding as a failed case."""
    row, column = finding.location.row, finding.location.column
    case = ElementTree.SubElement(
        suite,
        "testcase",
        name=f"{finding.code} {finding.name} at {row}:{column}",
        classname=path,
        file=path,
        line=str(row),
    )
    failure = ElementTree.SubElement(case, "failure", message=clean(finding.message), type=finding.code)
    lines = [f"{path}:{row}:{column}", finding.message, finding.why, finding.help]
    lines += [
        f"{relative(step.filename)}:{step.location.row}:{step.location.column}: {step.message}"
        for step in finding.chain
    ]
    failure.text = clean("\n".join(line for line in lines if line))


def clean(text: str) -> str:
    """Text without the characters that XML cannot hold."""
    return NOT_XML.sub("\ufffd", text)
