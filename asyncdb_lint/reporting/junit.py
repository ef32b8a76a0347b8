"""JUnit XML, which most CI servers read: a suite per file, a failed case per finding."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, TextIO
from xml.etree import ElementTree

from asyncdb_lint.finding import Finding, Outcome
from asyncdb_lint.reporting import conclusion, shown

if TYPE_CHECKING:
    from asyncdb_lint.config import Settings

NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def write(outcome: Outcome, settings: Settings, stream: TextIO) -> None:
    """Write the findings as test cases; a clean run is one case that passed."""
    root = ElementTree.Element("testsuites", name="asyncdb-lint", tests=str(len(outcome.findings) or 1))
    root.set("failures", str(len(outcome.findings)))
    for filename, findings in itertools.groupby(outcome.findings, key=lambda finding: finding.filename):
        cases = list(findings)
        count = str(len(cases))
        suite = ElementTree.SubElement(
            root, "testsuite", name=clean(shown(filename)), tests=count, failures=count
        )
        suite.set("errors", "0")
        for finding in cases:
            add_case(suite, finding)
    if not outcome.findings:
        suite = ElementTree.SubElement(
            root, "testsuite", name="asyncdb-lint", tests="1", failures="0", errors="0"
        )
        ElementTree.SubElement(suite, "testcase", name=conclusion(outcome), classname="asyncdb-lint")
    ElementTree.indent(root)
    stream.write('<?xml version="1.0" encoding="utf-8"?>\n')
    stream.write(ElementTree.tostring(root, encoding="unicode") + "\n")


def add_case(suite: ElementTree.Element, finding: Finding) -> None:
    """One finding as a failed case."""
    row, column = finding.location.row, finding.location.column
    path = shown(finding.filename)
    case = ElementTree.SubElement(suite, "testcase", name=f"{finding.code} {finding.name} at {row}:{column}")
    case.set("classname", clean(path))
    case.set("file", clean(path))
    case.set("line", str(row))
    failure = ElementTree.SubElement(case, "failure", message=clean(finding.message), type=finding.code)
    lines = [f"{path}:{row}:{column}", finding.message, finding.why, finding.help]
    lines += [f"{shown(step.filename)}:{step.location.row} {step.message}" for step in finding.chain]
    failure.text = clean("\n".join(line for line in lines if line))


def clean(text: str) -> str:
    """Text without the characters that XML cannot hold."""
    return NOT_XML.sub("\ufffd", text)
