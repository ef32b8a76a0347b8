"""Ignore comments: what they silence, and what is said of those that silence nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import libcst as cst
import pytest

from asyncdb_lint.finding import Finding, Position, Severity
from asyncdb_lint.fixing import apply
from asyncdb_lint.suppress import Settled, settle

CODES = ("ADB001", "ADB102", "ADB201")
NAMES = {"ADB102": "sync-session-in-async", "ADB201": "missing-await"}


def finding(code: str, row: int, noqa_row: int | None = None) -> Finding:
    place = Position(row, 1)
    return Finding(
        filename="x.py",
        location=place,
        end_location=place,
        code=code,
        name=NAMES[code],
        message="",
        severity=Severity.ERROR,
        noqa_row=noqa_row or row,
    )


def settled(text: str, *findings: Finding, enabled: tuple[str, ...] = CODES) -> Settled:
    return settle(findings, cst.parse_module(text), text, "x.py", enabled)


def codes(found: Settled) -> list[str]:
    return [each.code for each in found.findings]


def repaired(text: str, *findings: Finding) -> str:
    """The text after the repair of its unused ignores."""
    return apply(text, [each for each in settled(text, *findings).findings if each.code == "ADB001"]).text


# What is silenced


@pytest.mark.parametrize(
    "comment",
    [
        "# asyncdb: ignore[ADB102]",
        "# asyncdb: ignore[ADB102] only at start-up",
        "# asyncdb: ignore[sync-session-in-async]",
        "#asyncdb:ignore[ADB102]",
        "# asyncdb:  ignore[ ADB102 ]",
        "# asyncdb: ignore[ADB102]   ",
        "# noqa: ADB102",
        "# noqa:ADB102",
        "# NOQA: ADB102",
        "# NoQA: adb102",
        "# noqa: E501, ADB102",
        "# noqa: E501,ADB102 why",
        "# noqa: E501 ADB102",
        "# noqa",
        "# type: ignore  # noqa: ADB102",
        "# type: ignore  # asyncdb: ignore[ADB102] why",
        "# asyncdb: ignore[ADB102]  # type: ignore",
    ],
)
def test_a_comment_on_the_line(comment: str) -> None:
    found = settled(f"session.execute(query)  {comment}\n", finding("ADB102", 1))

    assert Settled([], 1) == found


@pytest.mark.parametrize(
    "comment",
    [
        "# asyncdb: ignore",
        "# asyncdb: skip",
        "# asyncdb ignore[ADB102]",
        "# ignore[ADB102]",
        "# noqa: E501",
        "# noqa: sync-session-in-async",
        "# noqa:",
    ],
)
def test_what_is_no_ignore_of_the_rule(comment: str) -> None:
    found = settled(f"session.execute(query)  {comment}\n", finding("ADB102", 1))

    assert (["ADB102"], 0) == (codes(found), found.suppressed)


def test_several_codes_and_names() -> None:
    text = "x  # asyncdb: ignore[ADB201, sync-session-in-async] why\n"

    assert Settled([], 3) == settled(text, finding("ADB102", 1), finding("ADB201", 1), finding("ADB201", 1))


def test_only_its_line_and_its_rule() -> None:
    text = "x  # asyncdb: ignore[ADB102]\ny\n"
    found = settled(text, finding("ADB102", 1), finding("ADB201", 1), finding("ADB102", 2))

    assert ([("ADB201", 1), ("ADB102", 2)], 1) == (
        [(each.code, each.location.row) for each in found.findings],
        found.suppressed,
    )


def test_alone_on_the_line_above() -> None:
    text = "# asyncdb: ignore[ADB102] why\nx\ny\n"

    assert Settled([], 1) == settled(text, finding("ADB102", 2))
    assert ["ADB102", "ADB001"] == codes(settled(text, finding("ADB102", 3)))


def test_alone_above_and_indented() -> None:
    text = "async def f():\n    # asyncdb: ignore[ADB102]\n    x\n"

    assert Settled([], 1) == settled(text, finding("ADB102", 3))


def test_comments_and_blank_lines_between_do_not_matter() -> None:
    text = "# asyncdb: ignore[ADB102]\n# asyncdb: ignore[ADB201]\n# and this is why\n\nx\n"

    assert Settled([], 2) == settled(text, finding("ADB102", 5), finding("ADB201", 5))


def test_a_comment_behind_code_does_not_speak_for_the_next_line() -> None:
    assert ["ADB102", "ADB001"] == codes(settled("x  # asyncdb: ignore[ADB102]\ny\n", finding("ADB102", 2)))


def test_noqa_alone_on_a_line_silences_nothing_below() -> None:
    assert ["ADB102", "ADB001"] == codes(settled("# noqa: ADB102\nx\n", finding("ADB102", 2)))
    assert ["ADB102"] == codes(settled("# noqa\nx\n", finding("ADB102", 2)))


def test_above_a_decorator() -> None:
    text = "# asyncdb: ignore[ADB102]\n@route\nasync def f():\n    x\n"

    assert Settled([], 1) == settled(text, finding("ADB102", 2))
    assert Settled([], 1) == settled(text, finding("ADB102", 3, noqa_row=2))


def test_a_statement_of_several_lines_is_one() -> None:
    behind_the_first = "session.execute(  # asyncdb: ignore[ADB102]\n    query,\n)\n"
    above = "# asyncdb: ignore[ADB102]\nsession.execute(\n    query,\n)\n"
    on_its_own_line = "session.execute(\n    query,  # asyncdb: ignore[ADB102]\n)\n"

    assert Settled([], 1) == settled(behind_the_first, finding("ADB102", 2, noqa_row=1))
    assert Settled([], 1) == settled(above, finding("ADB102", 3, noqa_row=2))
    assert Settled([], 1) == settled(on_its_own_line, finding("ADB102", 2, noqa_row=1))


def test_carriage_returns() -> None:
    text = "a\r\nx  # asyncdb: ignore[ADB102]\r\n# asyncdb: ignore[ADB201]\r\ny\r\n"

    assert Settled([], 2) == settled(text, finding("ADB102", 2), finding("ADB201", 4))


def test_characters_that_only_python_takes_for_line_ends() -> None:
    text = 'a = "\u2028\x1c\x85"\n\x0cx  # asyncdb: ignore[ADB102]\n'

    assert Settled([], 1) == settled(text, finding("ADB102", 2))


# Strings


def test_text_in_strings_is_no_comment() -> None:
    text = 'a = "# asyncdb: ignore[ADB102]"\nb = """\n# asyncdb: ignore[ADB102]\n# noqa: ADB102\n"""\n'
    found = settled(text, finding("ADB102", 1), finding("ADB102", 2), finding("ADB102", 3))

    assert (["ADB102"] * 3, 0) == (codes(found), found.suppressed)


def test_text_in_a_string_that_equals_a_comment_elsewhere() -> None:
    text = '"""\n# asyncdb: ignore[ADB102]\n"""\nx\ny  # asyncdb: ignore[ADB102]\n'
    found = settled(text, finding("ADB102", 4), finding("ADB102", 5))

    assert ([4], 1) == ([each.location.row for each in found.findings], found.suppressed)


def test_a_string_before_the_comment() -> None:
    text = 'x = "# noqa: ADB102"  # asyncdb: ignore[ADB102]\n'

    assert Settled([], 1) == settled(text, finding("ADB102", 1))


# Whole files


def test_skip_file_near_the_top() -> None:
    text = '"""Docs."""\n\n# asyncdb: skip-file generated\nx\n'

    assert Settled([], 2) == settled(text, finding("ADB102", 4), finding("ADB201", 4))


def test_skip_file_too_far_down() -> None:
    text = "a\n" * 10 + "# asyncdb: skip-file\nx\n"

    assert (["ADB102"], 0) == (codes(settled(text, finding("ADB102", 12))), 0)
    assert Settled([], 1) == settled(text.removeprefix("a\n"), finding("ADB102", 11))


def test_skip_file_below_a_long_licence() -> None:
    text = "#!/usr/bin/env python\n" + "# licence\n" * 20 + "\n# asyncdb: skip-file generated\nx\n"

    assert Settled([], 1) == settled(text, finding("ADB102", 24))
    assert ["ADB102"] == codes(settled("import a\n" + text, finding("ADB102", 25)))


def test_skip_file_in_a_string_skips_nothing() -> None:
    text = '"""\n# asyncdb: skip-file\n"""\nx\n'

    assert ["ADB102"] == codes(settled(text, finding("ADB102", 4)))


# Ignores that ignore nothing


def test_an_unused_ignore_is_reported_with_its_place() -> None:
    (unused,) = settled("import time  # asyncdb: ignore[ADB102] why\n").findings

    assert ("ADB001", Position(1, 14), Position(1, 43), 1) == (
        unused.code,
        unused.location,
        unused.end_location,
        unused.noqa_row,
    )
    assert "`ADB102`" in unused.message


def test_unused_noqa_codes_of_ours_only() -> None:
    (unused,) = settled("import time  # noqa: F401, ADB102\n").findings

    assert "`ADB102`" in unused.message
    assert "F401" not in unused.message
    assert [] == settled("import time  # noqa: F401\n").findings


def test_a_bare_noqa_is_never_unused() -> None:
    assert Settled([], 0) == settled("import time  # noqa\n")


def test_only_the_codes_without_use() -> None:
    (unused,) = settled("x  # asyncdb: ignore[ADB102, ADB201]\n", finding("ADB201", 1)).findings

    assert "`ADB102`" in unused.message
    assert "ADB201" not in unused.message


def test_the_same_rule_twice_is_no_lie() -> None:
    assert Settled([], 1) == settled("x  # asyncdb: ignore[ADB102]  # noqa: ADB102\n", finding("ADB102", 1))


@pytest.mark.parametrize(
    ("word", "nearest"),
    [("ADB1O2", "ADB102"), ("sync-sesion-in-async", "sync-session-in-async"), ("adb102", "ADB102")],
)
def test_an_unknown_rule_has_the_nearest_right_word(word: str, nearest: str) -> None:
    found = settled(f"x  # asyncdb: ignore[{word}]\n", finding("ADB102", 1))

    assert ["ADB102", "ADB001"] == codes(found)
    assert f"there is no rule `{word}` (did you mean `{nearest}`?)" in found.findings[1].message


def test_a_rule_that_is_not_selected_may_be_needed_when_it_is() -> None:
    text = "x  # asyncdb: ignore[ADB102, ADB201]\n"

    assert [] == settled(text, enabled=("ADB001",)).findings
    assert ["ADB001"] == codes(settled(text, enabled=("ADB001", "ADB102")))


def test_nothing_is_said_of_ignores_unless_selected() -> None:
    assert [] == settled("x  # asyncdb: ignore[ADB102]\n", enabled=("ADB102",)).findings


def test_text_in_a_string_is_not_unused() -> None:
    text = 'x = "# asyncdb: ignore[ADB102]"\n"""\n# noqa: ADB102\n"""\n'

    assert [] == settled(text).findings


# The repair of unused ignores


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x  # asyncdb: ignore[ADB102]\ny\n", "x\ny\n"),
        ("x  # asyncdb: ignore[ADB102] with a reason\n", "x\n"),
        ("x  # asyncdb: ignore[ADB102]   \n", "x\n"),
        ("x  # noqa: ADB102\n", "x\n"),
        ("x\n# asyncdb: ignore[ADB102] why\ny\n", "x\ny\n"),
        ("def f():\n    # asyncdb: ignore[ADB102]\n    y\n", "def f():\n    y\n"),
        ("x\n# asyncdb: ignore[ADB102]", "x\n"),
        ("# asyncdb: ignore[ADB102]\n", ""),
        ("x\r\n# asyncdb: ignore[ADB102]\r\ny\r\n", "x\r\ny\r\n"),
        ("x  # asyncdb: ignore[ADB102]\r\ny\r\n", "x\r\ny\r\n"),
        ("x  # asyncdb: ignore[ADB102, nonsense] why\n", "x\n"),
    ],
)
def test_the_whole_comment_goes(before: str, after: str) -> None:
    assert after == repaired(before)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x  # asyncdb: ignore[ADB102, ADB201] why\n", "x  # asyncdb: ignore[ADB201] why\n"),
        ("x  # asyncdb: ignore[ADB201,nonsense]\n", "x  # asyncdb: ignore[ADB201]\n"),
        ("x  # noqa: ADB102, ADB201\n", "x  # noqa: ADB201\n"),
        (
            "x  # asyncdb: ignore[ADB102, missing-await]\r\n",
            "x  # asyncdb: ignore[missing-await]\r\n",
        ),
        ("x  # noqa: E501, ADB201, ADB102\n", "x  # noqa: E501, ADB201\n"),
        ("x  # noqa: ADB102, E501, ADB201\n", "x  # noqa: E501, ADB201\n"),
    ],
)
def test_only_the_code_goes(before: str, after: str) -> None:
    assert after == repaired(before, finding("ADB201", 1))


def test_the_codes_of_other_tools_stay() -> None:
    assert "import time  # noqa: F401\n" == repaired("import time  # noqa: F401, ADB102\n")
    assert "import time  # noqa: F401 why\n" == repaired("import time  # noqa: ADB102,F401 why\n")


def test_what_shares_the_comment_is_left_to_its_author() -> None:
    text = "x  # type: ignore  # asyncdb: ignore[ADB102]\n"
    (unused,) = settled(text).findings

    assert unused.fix is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "x  # asyncdb: ignore[ADB102, ADB201]  # noqa: ADB201\n",
            "x  # asyncdb: ignore[ADB201]  # noqa: ADB201\n",
        ),
        (
            "x  # asyncdb: ignore[ADB201]  # noqa: E501, ADB102\n",
            "x  # asyncdb: ignore[ADB201]  # noqa: E501\n",
        ),
        (
            "x  # asyncdb: ignore[ADB102]  # noqa: ADB201\n",
            "x  # asyncdb: ignore[ADB102]  # noqa: ADB201\n",
        ),
    ],
)
def test_both_forms_in_one_comment(before: str, after: str) -> None:
    assert after == repaired(before, finding("ADB201", 1))


def test_an_ignore_of_the_rule_for_unused_ignores_is_heard() -> None:
    text = "import time  # asyncdb: ignore[ADB102, ADB001] on one platform only\n"

    assert Settled([], 0) == settled(text)


# End to end

APP = """\
from sqlalchemy.ext.asyncio import AsyncSession


async def save(session: AsyncSession) -> None:
    session.commit()  # asyncdb: ignore[{}] fire and forget
"""


def test_through_the_command_line(tmp_path: Path) -> None:
    def lint(*options: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "asyncdb_lint", "--isolated", "--output-format", "concise", *options]
        done = subprocess.run([*command, "app.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout

    file = tmp_path / "app.py"
    file.write_text(APP.format("ADB201"))
    assert (0, True) == (lint()[0], "1 suppressed" in lint()[1])

    file.write_text(APP.format("ADB201, ADB102"))
    status, said = lint()
    assert (1, True) == (status, "ADB001" in said), said
    assert 0 == lint("--fix")[0]
    assert APP.format("ADB201") == file.read_text()
