"""What is generated is up to date, and what must name every rule does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from asyncdb_lint.rules import all_rules

ROOT = Path(__file__).parent.parent
CODES = [rule.code for rule in all_rules()]


def test_generated_files_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/generate_docs.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("code", CODES)
def test_every_rule_is_in_the_changelog(code: str) -> None:
    assert code in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("code", [code for code in CODES if not code.startswith("ADB0")])
def test_every_rule_is_proven(code: str) -> None:
    assert (ROOT / "tests" / "proofs" / f"test_{code.lower()}.py").is_file()


def test_rules_are_named_for_what_is_bad() -> None:
    for rule in all_rules():
        assert not rule.name.startswith(("no-async", "use-", "avoid-", "disallow-"))
        assert rule.name == rule.name.lower().replace("_", "-")
