"""What the rules say of themselves: a page each, and tables; terminal, docs, README and SARIF read the same."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from asyncdb_lint.finding import Applicability

if TYPE_CHECKING:
    from asyncdb_lint.rule import Rule

FIX = {None: "none", Applicability.SAFE: "safe", Applicability.UNSAFE: "unsafe"}


def page(rule: type[Rule]) -> str:
    """A rule's page in Markdown: a table row of facts, then its docstring."""
    versions = ", ".join(f"{name} {wanted}" for name, wanted in rule.holds_for.items()) or "any"
    on = "yes" if rule.default else "no: `extend-select` it"
    facts = (
        "| severity | fix | on by default | holds for |\n|---|---|---|---|\n"
        f"| {rule.severity} | {FIX[rule.fix]} | {on} | {versions} |"
    )
    return f"# {rule.name} ({rule.code})\n\n{facts}\n\n{inspect.getdoc(rule)}\n"


def summary(rule: type[Rule]) -> str:
    """The first line of a rule's page."""
    return (inspect.getdoc(rule) or "").partition("\n\n")[0].replace("\n", " ")


def table() -> str:
    """All rules as aligned columns for a terminal."""
    from asyncdb_lint.rules import all_rules

    rows = [(r.code, r.name, str(r.severity), FIX[r.fix], "on" if r.default else "off") for r in all_rules()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def markdown_table(link: str) -> str:
    """All rules as a Markdown table; `link` leads to the pages."""
    from asyncdb_lint.rules import all_rules

    lines = ["| code | name | flags | severity | fix |", "|---|---|---|---|---|"]
    for rule in all_rules():
        fix = "—" if rule.fix is None else FIX[rule.fix]
        severity = str(rule.severity) if rule.default else f"{rule.severity}, off by default"
        text = summary(rule).rstrip(".").replace("|", "\\|")
        lines.append(f"| [{rule.code}]({link}/{rule.code}.md) | {rule.name} | {text} | {severity} | {fix} |")
    return "\n".join(lines)


def to_json() -> str:
    """All rules as JSON."""
    import json

    from asyncdb_lint.rules import all_rules

    found = [
        {
            "code": rule.code, "name": rule.name, "summary": summary(rule), "severity": rule.severity,
            "fix": None if rule.fix is None else FIX[rule.fix], "default": rule.default,
            "holds_for": dict(rule.holds_for), "explanation": inspect.getdoc(rule),
        }
        for rule in all_rules()
    ]  # fmt: skip
    return json.dumps(found, indent=2)
