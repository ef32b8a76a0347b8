"""Every rule against its fixtures and against the examples in its own docstring.

A fixture is a file `tests/fixtures/<CODE>/<case>.py` or a folder of them (a small project). A line that the rule must
flag ends in `# expect: <CODE>`; all other lines must stay silent. `<case>.fixed` beside a file is what its fixes make
of it. `tests/fixtures/ALL` is right code that looks wrong, for all rules at once.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import libcst as cst
import pytest

from asyncdb_lint.finding import Finding
from asyncdb_lint.fixing import apply
from asyncdb_lint.rules import all_rules
from tests.support import lint

FIXTURES = Path(__file__).parent / "fixtures"
EXPECT = re.compile(r"# expect: (.+)$")
OPTIONS = re.compile(r"^# (sqlalchemy|settings|versions): (.+)$", re.MULTILINE)


def cases() -> list[Path]:
    return sorted(
        entry
        for folder in FIXTURES.iterdir()
        if folder.is_dir()
        for entry in folder.iterdir()
        if entry.suffix == ".py" or entry.is_dir()
    )


def sources(case: Path) -> dict[str, str]:
    if case.is_dir():
        return {file.relative_to(case).as_posix(): file.read_text() for file in sorted(case.rglob("*.py"))}
    return {case.name: case.read_text()}


def options(files: dict[str, str]) -> dict[str, object]:
    """`# sqlalchemy: 2.0`, `# settings: pooler="transaction"`, `# versions: asyncpg=0.30` in a fixture's text."""
    found: dict[str, object] = {}
    for source in files.values():
        for key, value in OPTIONS.findall(source):
            if key == "settings":
                found.update(eval(f"dict({value})"))
            elif key == "versions":
                found[key] = dict(pair.split("=") for pair in value.split())
            else:
                found[key] = value
    return found


def expected(files: dict[str, str]) -> list[tuple[str, int, str]]:
    return sorted(
        (path, row, code)
        for path, source in files.items()
        for row, line in enumerate(source.splitlines(), 1)
        if (match := EXPECT.search(line))
        for code in match[1].split(", ")
    )


def places(findings: list[Finding]) -> list[tuple[str, int, str]]:
    return sorted((each.filename, each.location.row, each.code) for each in findings)


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.parent.name}/{case.stem}")
def test_fixture(case: Path) -> None:
    files, code = sources(case), case.parent.name

    assert expected(files) == places(lint(files, [code] if code != "ALL" else [], **options(files)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "case",
    [case for case in cases() if case.with_suffix(".fixed").exists()],
    ids=lambda case: f"{case.parent.name}/{case.stem}",
)
def test_fix(case: Path) -> None:
    code, files = case.parent.name, sources(case)
    text = files[case.name]
    for _ in range(10):
        findings = lint({case.name: text}, [code], **options(files))  # type: ignore[arg-type]
        fixes = [each for each in findings if each.fix is not None]
        if not fixes:
            break
        text = apply(text, fixes)[0]
        cst.parse_module(text)

    assert case.with_suffix(".fixed").read_text() == text


EXAMPLE = re.compile(r"^## (Good|Bad)\n+((?:```python\n.*?\n```\n*)+)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"```python\n(.*?)\n```", re.DOTALL)


def examples() -> list[tuple[str, str, int, str]]:
    found = []
    for rule in all_rules():
        page = textwrap.dedent(" " * 4 + (rule.__doc__ or ""))
        for title, blocks in EXAMPLE.findall(page):
            found += [(rule.code, title, number, text) for number, text in enumerate(BLOCK.findall(blocks))]
    return found


@pytest.mark.parametrize(
    ("code", "title", "number", "text"), [pytest.param(*e, id=f"{e[0]}-{e[1]}-{e[2]}") for e in examples()]
)
def test_example(code: str, title: str, number: int, text: str) -> None:
    if code in ("ADB001", "ADB002"):
        pytest.skip("about comments and files, not code: see test_suppress and test_source")
    findings = lint({"example.py": text + "\n"}, [code], **options({"example.py": text}))  # type: ignore[arg-type]

    assert (title == "Bad") == bool(findings)


def test_every_rule_is_documented_and_tested() -> None:
    for rule in all_rules():
        page = rule.__doc__ or ""

        assert re.fullmatch(r"ADB\d{3}", rule.code)
        for section in ("What it flags", "Why it is bad", "When to ignore", "Source"):
            assert f"## {section}" in page, f"{rule.code} lacks {section}"
        if not rule.code.startswith("ADB0"):
            assert (FIXTURES / rule.code).is_dir(), f"{rule.code} has no fixtures"
