"""What each format writes, to the character where somebody reads it."""

from __future__ import annotations

import io
import json
import os
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from asyncdb_lint import __version__, reporting
from asyncdb_lint.config import Settings
from asyncdb_lint.errors import UsageProblem
from asyncdb_lint.finding import Applicability, Edit, Finding, Fix, Outcome, Position, Severity, Step
from asyncdb_lint.reporting.columns import around, head, tail, visible, width
from asyncdb_lint.reporting.preview import changes

CODE = """\
from sqlalchemy.orm import Session


def load(session: Session, query):
    return session.execute(query).all()


async def orders(session, query):
    return load(session, query)
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and an environment that says nothing of colours."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        return True


def finding(text: str | None = CODE, span: str = "session.execute(query)", **changed: Any) -> Finding:
    """A finding at `span` in the file `app.py` of `text`, which is written (None: there is no such file)."""
    path = Path(changed.pop("file", "app.py"))
    if text is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    at = (text or "").find(span)
    start = place(text or "", at) if text is not None else Position(5, 12)
    end = place(text or "", at + len(span)) if text is not None else Position(5, 34)
    given: dict[str, Any] = {
        "filename": path.absolute().as_posix(), "location": start, "end_location": end, "code": "ADB102",
        "name": "sync-session-in-async", "message": "`session.execute(query)` blocks the event loop",
        "severity": Severity.ERROR, "noqa_row": start.row,
    }  # fmt: skip
    return Finding(**given | changed)


def place(text: str, offset: int) -> Position:
    before = re.split(r"\r\n?|\n", text[:offset])
    return Position(len(before), len(before[-1]) + 1)


def fix(*edits: tuple[int, int, int, int, str], safe: bool = True) -> Fix:
    """Edits as start row, start column, end row, end column, content."""
    made = tuple(Edit(Position(*edit[:2]), Position(*edit[2:4]), edit[4]) for edit in edits)
    return Fix(Applicability.SAFE if safe else Applicability.UNSAFE, "Await the call", made)


AWAIT = fix((5, 12, 5, 12, "await "))
RISKY = fix((5, 12, 5, 12, "await "), safe=False)


def report(
    *findings: Finding, form: str = "text", stream: io.StringIO | None = None, statistics: bool = False, **more: Any
) -> str:  # fmt: skip
    stream = stream or io.StringIO()
    unsafe = more.pop("unsafe_fixes", False)
    settings = Settings(output_format=form, unsafe_fixes=unsafe)  # type: ignore[arg-type]
    reporting.write(Outcome(list(findings), files=12, **more), settings, stream, statistics=statistics)
    return stream.getvalue()


def steps(*rows: tuple[int, int, str], file: str = "app.py") -> tuple[Step, ...]:
    return tuple(
        Step(Path(file).absolute().as_posix(), Position(row, column), text) for row, column, text in rows
    )


# text


def test_text_tells_what_where_how_it_gets_there_why_and_what_to_do() -> None:
    chain = steps((8, 11, "`orders` runs on the event loop"), (9, 12, "it calls `load`"))
    told = report(
        finding(
            chain=chain,
            fix=RISKY,
            why="Nothing else runs until the answer is there",
            help="use an `AsyncSession`",
        ),
        suppressed=1,
    )

    assert (
        told
        == """\
error[ADB102] sync-session-in-async: `session.execute(query)` blocks the event loop
 --> app.py:5:12
  |
5 |     return session.execute(query).all()
  |            ^^^^^^^^^^^^^^^^^^^^^^
  |
  = 1. `orders` runs on the event loop
 ::: app.py:8:11
8 | async def orders(session, query):
  |           ------
  = 2. it calls `load`
 ::: app.py:9:12
9 |     return load(session, query)
  |            ----
  |
  = why: Nothing else runs until the answer is there
  = help: use an `AsyncSession`
  = fix: Await the call (unsafe: --fix --unsafe-fixes)
5 -     return session.execute(query).all()
5 +     return await session.execute(query).all()

Found 1 error in 12 files; 1 fixable with --fix --unsafe-fixes; 1 suppressed.
"""
    )


def test_rows_of_all_parts_share_one_gutter() -> None:
    told = report(finding("a\n" * 9 + "call()\n", "call()", chain=steps((2, 1, "from here"))))

    assert told.startswith("""\
error[ADB102] sync-session-in-async: `session.execute(query)` blocks the event loop
  --> app.py:10:1
   |
10 | call()
   | ^^^^^^
   |
   = 1. from here
  ::: app.py:2:1
 2 | a
   | -
   |
""")


def test_step_at_the_findings_own_place_is_not_drawn_twice() -> None:
    told = report(finding(chain=steps((5, 12, "blocks here"))))

    assert told.count("5 |") == 1
    assert ":::" not in told


def test_several_lines_are_marked_to_the_end_of_the_first() -> None:
    told = report(finding("x = call(\n    1,\n)\n", "call(\n    1,\n)"))

    assert "1 | x = call(\n  |     ^^^^^\n" in told


@pytest.mark.parametrize(
    ("line", "span", "drawn"),
    [
        ("\tif x:\tcall()", "call()", "1 |     if x:    call()\n  |              ^^^^^^\n"),
        ("名 = '表'; call()", "call()", "1 | 名 = '表'; call()\n  |            ^^^^^^\n"),
        ("x = '表格'", "'表格'", "1 | x = '表格'\n  |     ^^^^^^\n"),
        ("s = 'e\u0301'; call()", "call()", "1 | s = 'e\u0301'; call()\n  |          ^^^^^^\n"),
        ("s = '\x1b[31m'; call()", "call()", "1 | s = '␛[31m'; call()\n  |              ^^^^^^\n"),
        ("s = '\u202e'; call()", "call()", "1 | s = '\ufffd'; call()\n  |          ^^^^^^\n"),
    ],
)
def test_carets_stand_below_their_span(line: str, span: str, drawn: str) -> None:
    assert drawn in report(finding(line + "\n", span))


def test_empty_span_gets_one_caret() -> None:
    assert "1 | x\n  | ^\n" in report(
        finding("x\n", "", location=Position(1, 1), end_location=Position(1, 1))
    )


@pytest.mark.parametrize("before", [0, 40, 3000])
@pytest.mark.parametrize("after", [0, 40, 3000])
@pytest.mark.parametrize("filler", ["x", "表", "\t"])
def test_long_line_is_cropped_around_its_span(before: int, after: int, filler: str) -> None:
    told = report(finding(filler * before + "call()" + filler * after + "\n", "call()"))
    source, carets = told.splitlines()[3:5]

    assert width(source) <= 110
    column = width(source[: source.index("call()")])
    assert carets == "  |" + " " * (column - 3) + "^" * 6


def test_span_longer_than_a_line_is_cropped_too() -> None:
    source, carets = report(finding("a + " + "x" * 500 + " + b\n", "x" * 500)).splitlines()[3:5]

    assert width(source) <= 110
    assert "…" in source
    assert set(carets.partition("|")[2].strip()) == {"^"}


@pytest.mark.parametrize(
    "content",
    [None, b"", b"one line\n", b"\xff\xfe\xfa\n" * 9, b"\n" * 9],
    ids=["gone", "empty", "short", "binary", "blank"],
)  # fmt: skip
@pytest.mark.parametrize("form", ["text", "gitlab", "sarif"])
def test_source_that_is_another_now_gives_no_excerpt(form: str, content: bytes | None) -> None:
    changed = finding(fix=AWAIT, chain=steps((9, 12, "it calls `load`")))
    Path("app.py").unlink()
    if content is not None:
        Path("app.py").write_bytes(content)
    told = report(changed, form=form)

    if form == "text":
        assert (
            told
            == """\
error[ADB102] sync-session-in-async: `session.execute(query)` blocks the event loop
 --> app.py:5:12
  |
  = 1. it calls `load`
 ::: app.py:9:12
  |
  = fix: Await the call (safe: --fix)

Found 1 error in 12 files; 1 fixable with --fix.
"""
        )


def test_rows_are_those_of_python() -> None:
    text = "a = '\x0c\x1c\u2028'\r\nb\rcall()\n"

    assert "3 | call()\n" in report(finding(text, "call()"))


def test_long_notes_are_wrapped_below_themselves() -> None:
    told = report(finding(help="word " * 40))

    assert re.search(r"^  = help: (word )+word\n(          (word )+word\n)+", told, re.MULTILINE)
    assert max(map(len, told.splitlines())) <= 110


def test_fix_preview_shows_few_lines_with_their_rows() -> None:
    imports = fix((1, 1, 1, 1, "import asyncio\n"), (5, 12, 5, 34, "[\n" + "        1,\n" * 9 + "    ]"))
    told = report(finding(fix=imports))

    assert (
        told.partition("safe: --fix)\n")[2]
        == """\
1 + import asyncio
5 -     return session.execute(query).all()
6 +     return [
7 +         1,
8 +         1,
9 +         1,
  … 7 more changed lines

Found 1 error in 12 files; 1 fixable with --fix.
"""
    )


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([(2, 1, 3, 1, "")], ["-2 b"]),
        ([(2, 1, 2, 2, "B"), (2, 2, 2, 2, "!")], ["-2 b", "+2 B!"]),
        ([(2, 1, 2, 1, "x\n")], ["+2 x"]),
        ([(4, 1, 4, 1, "d\n")], ["+4 d"]),
        ([(1, 1, 2, 1, ""), (3, 1, 3, 2, "C")], ["-1 a", "-3 c", "+2 C"]),
        ([(2, 1, 2, 9, "")], []),
        ([(9, 1, 9, 1, "")], []),
    ],
)
def test_preview_of_edits(edits: list[tuple[int, int, int, int, str]], expected: list[str]) -> None:
    found = changes(["a", "b", "c", ""], fix(*edits))

    assert [f"{change.mark}{change.row} {change.text}" for change in found] == expected


# Colours


@pytest.mark.parametrize(
    ("environment", "terminal", "coloured"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_colours_only_where_wanted(
    environment: dict[str, str], terminal: bool, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    told = report(finding(fix=AWAIT), stream=Terminal() if terminal else io.StringIO())

    assert ("\x1b[1;31merror[ADB102]\x1b[0m" in told) is coloured
    assert ("\x1b" in told) is coloured


def test_colours_do_not_move_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    found = finding(fix=AWAIT, why="why", chain=steps((9, 12, "it calls `load`")))
    plain = report(found)
    monkeypatch.setenv("FORCE_COLOR", "1")

    assert re.sub(r"\x1b\[[\d;]*m", "", report(found)) == plain


# Last line


@pytest.mark.parametrize(
    ("findings", "more", "expected"),
    [
        ("", {}, "All checks passed: 12 files."),
        ("", {"fixed": 2, "suppressed": 3}, "All checks passed: 12 files; 2 fixed; 3 suppressed."),
        ("e", {}, "Found 1 error in 12 files."),
        ("eew", {}, "Found 2 errors, 1 warning in 12 files."),
        ("i", {"fixed": 1}, "Found 1 note in 12 files; 1 fixed."),
        (
            "eSSu", {"suppressed": 1},
            "Found 4 errors in 12 files; 2 fixable with --fix (1 more with --unsafe-fixes); 1 suppressed.",
        ),
        ("Su", {"unsafe_fixes": True}, "Found 2 errors in 12 files; 2 fixable with --fix."),
    ],
)  # fmt: skip
def test_last_line(findings: str, more: dict[str, Any], expected: str) -> None:
    made: dict[str, dict[str, Any]] = {
        "e": {}, "w": {"severity": Severity.WARNING}, "i": {"severity": Severity.INFO}, "S": {"fix": AWAIT},
        "u": {"fix": RISKY},
    }  # fmt: skip
    told = report(*(finding(**made[each]) for each in findings), form="concise", **more)

    assert told.splitlines()[-1] == expected


def test_one_file_is_not_files() -> None:
    stream = io.StringIO()
    reporting.write(Outcome([], files=1), Settings(), stream)

    assert stream.getvalue() == "All checks passed: 1 file.\n"


# concise and statistics


def test_concise() -> None:
    told = report(finding(), finding(fix=AWAIT, file="pkg/db.py"), finding(fix=RISKY), form="concise")

    assert (
        told
        == """\
app.py:5:12: ADB102 `session.execute(query)` blocks the event loop
pkg/db.py:5:12: ADB102 [*] `session.execute(query)` blocks the event loop
app.py:5:12: ADB102 `session.execute(query)` blocks the event loop
Found 3 errors in 12 files; 1 fixable with --fix (1 more with --unsafe-fixes).
"""
    )


def test_concise_stays_on_one_line_whatever_is_in_the_text() -> None:
    told = report(finding(None, file="odd\nname\x1b.py", message="`a\x1b[31m\nb`"), form="concise")

    assert told.splitlines()[0] == "odd␊name␛.py:5:12: ADB102 `a␛[31m␊b`"


def test_files_elsewhere_have_their_whole_name(project: Path) -> None:
    elsewhere = (project.parent / "elsewhere.py").as_posix()

    assert report(finding(filename=elsewhere), form="concise").startswith(f"{elsewhere}:5:12: ")


def test_statistics_count_rules() -> None:
    other = {"code": "ADB001", "name": "unused-ignore"}
    found = [finding(), finding(**other), *[finding(code="ADB201", name="missing-await")] * 10]

    assert (
        report(*found, statistics=True)
        == """\
10  ADB201  missing-await
 1  ADB001  unused-ignore
 1  ADB102  sync-session-in-async
Found 12 errors in 12 files.
"""
    )
    assert json.loads(report(*found[:1], form="json", statistics=True)) == [
        {"code": "ADB102", "name": "sync-session-in-async", "count": 1}
    ]


def test_statistics_of_nothing() -> None:
    assert report(statistics=True) == "All checks passed: 12 files.\n"
    assert json.loads(report(form="json", statistics=True)) == []


@pytest.mark.parametrize("form", ["sarif", "github", "gitlab", "junit"])
def test_statistics_have_no_other_form(form: str) -> None:
    with pytest.raises(UsageProblem, match=f"--statistics has no {form} form"):
        report(finding(), form=form, statistics=True)


# json


def test_json_is_the_contract(project: Path) -> None:
    file = (project / "app.py").as_posix()
    told = report(finding(fix=AWAIT, why="why", help="help", chain=steps((9, 12, "calls"))), form="json")

    assert json.loads(told) == [
        {
            "code": "ADB102",
            "name": "sync-session-in-async",
            "message": "`session.execute(query)` blocks the event loop",
            "severity": "error",
            "filename": file,
            "location": {"row": 5, "column": 12},
            "end_location": {"row": 5, "column": 34},
            "url": None,
            "fix": {
                "applicability": "safe",
                "message": "Await the call",
                "edits": [
                    {
                        "content": "await ",
                        "location": {"row": 5, "column": 12},
                        "end_location": {"row": 5, "column": 12},
                    }
                ],
            },
            "noqa_row": 5,
            "chain": [{"filename": file, "location": {"row": 9, "column": 12}, "message": "calls"}],
            "why": "why",
            "help": "help",
        }
    ]


def test_json_without_findings_is_a_list() -> None:
    assert report(form="json") == "[]\n"


# sarif

# Of the official schema, the definitions that our reports use, written down anew from the specification
# (OASIS SARIF 2.1.0, sections 3.13 to 3.58): required properties, types, and no property that is not there.
TEXT, COUNT = {"type": "string"}, {"type": "integer", "minimum": 1}


def closed(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """An object with these properties and no other."""
    return {
        "type": "object", "properties": required | (optional or {}), "required": list(required),
        "additionalProperties": False,
    }  # fmt: skip


def some(items: dict[str, Any], least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least}


MESSAGE = closed({"text": TEXT})
LEVEL = {"enum": ["none", "note", "warning", "error"]}
ARTIFACT = closed({"uri": {"type": "string", "pattern": r"^[!-~]+$"}}, {"uriBaseId": TEXT})
REGION = closed({"startLine": COUNT}, {"startColumn": COUNT, "endLine": COUNT, "endColumn": COUNT})
LOCATION = closed(
    {"physicalLocation": closed({"artifactLocation": ARTIFACT}, {"region": REGION})}, {"message": MESSAGE}
)
REPLACEMENT = closed({"deletedRegion": REGION}, {"insertedContent": closed({"text": TEXT})})
CHANGE = closed({"artifactLocation": ARTIFACT, "replacements": some(REPLACEMENT, 1)})
THREAD = closed({"locations": some(closed({"location": LOCATION}), 1)})
RESULT = closed(
    {"message": MESSAGE},
    {
        "ruleId": TEXT,
        "ruleIndex": {"type": "integer", "minimum": -1},
        "level": LEVEL,
        "locations": some(LOCATION),
        "partialFingerprints": {"type": "object", "additionalProperties": TEXT},
        "codeFlows": some(closed({"threadFlows": some(THREAD, 1)})),
        "fixes": some(closed({"artifactChanges": some(CHANGE, 1)}, {"description": MESSAGE})),
    },
)
RULE = closed(
    {"id": TEXT},
    {
        "name": TEXT,
        "shortDescription": MESSAGE,
        "fullDescription": MESSAGE,
        "help": closed({"text": TEXT}, {"markdown": TEXT}),
        "defaultConfiguration": closed({}, {"level": LEVEL, "enabled": {"type": "boolean"}}),
    },
)
DRIVER = closed({"name": TEXT}, {"version": TEXT, "semanticVersion": TEXT, "rules": some(RULE)})
NOTICE = closed({"message": MESSAGE}, {"level": LEVEL})
INVOCATION = closed(
    {"executionSuccessful": {"type": "boolean"}}, {"toolExecutionNotifications": some(NOTICE)}
)
RUN = closed(
    {"tool": closed({"driver": DRIVER})},
    {
        "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
        "originalUriBaseIds": {"type": "object", "additionalProperties": ARTIFACT},
        "invocations": some(INVOCATION),
        "results": some(RESULT),
    },
)
SARIF = closed({"version": {"enum": ["2.1.0"]}, "runs": some(RUN)}, {"$schema": TEXT})


def sarif(*findings: Finding, **more: Any) -> dict[str, Any]:
    """The one run of a report that the schema holds for.

    `SARIF_SCHEMA` may name a copy of the official schema (draft 4), which is then asked as well.
    """
    log = json.loads(report(*findings, form="sarif", **more))
    jsonschema.Draft202012Validator(SARIF).validate(log)
    if official := os.environ.get("SARIF_SCHEMA"):
        jsonschema.Draft4Validator(json.loads(Path(official).read_text(encoding="utf-8"))).validate(log)
    run = log["runs"][0]
    assert isinstance(run, dict)
    return run


def full() -> Finding:
    """A finding with everything that one can have."""
    chain = steps((8, 11, "`orders` runs on the event loop"), (9, 12, "it calls `load`"))
    return finding(chain=chain, why="Nothing else runs", help="use an `AsyncSession`", fix=AWAIT)


def test_sarif_result(project: Path) -> None:
    run = sarif(full())
    (result,) = run["results"]
    artifact = {"uri": "app.py", "uriBaseId": "SRCROOT"}
    region = {"startLine": 5, "startColumn": 12, "endLine": 5, "endColumn": 34}
    fingerprints = result.pop("partialFingerprints")
    flow = result.pop("codeFlows")[0]["threadFlows"][0]["locations"]
    rule = run["tool"]["driver"]["rules"][result.pop("ruleIndex")]

    assert rule["id"] == "ADB102"
    assert run["columnKind"] == "unicodeCodePoints"
    assert run["originalUriBaseIds"] == {"SRCROOT": {"uri": project.as_uri() + "/"}}
    assert list(fingerprints) == ["asyncdbLint/v1"]
    assert [step["location"]["message"]["text"] for step in flow] == [
        "`orders` runs on the event loop", "it calls `load`", "`session.execute(query)` blocks the event loop",
    ]  # fmt: skip
    assert [step["location"]["physicalLocation"]["region"]["startLine"] for step in flow] == [8, 9, 5]
    assert result == {
        "ruleId": "ADB102",
        "level": "error",
        "message": {
            "text": "`session.execute(query)` blocks the event loop. Nothing else runs. Use an `AsyncSession`."
        },
        "locations": [{"physicalLocation": {"artifactLocation": artifact, "region": region}}],
        "fixes": [
            {
                "description": {"text": "Await the call (safe)"},
                "artifactChanges": [
                    {
                        "artifactLocation": artifact,
                        "replacements": [
                            {
                                "deletedRegion": {
                                    "startLine": 5, "startColumn": 12, "endLine": 5, "endColumn": 12,
                                },
                                "insertedContent": {"text": "await "},
                            }
                        ],
                    }
                ],
            }
        ],
    }  # fmt: skip


def test_sarif_has_every_rule_with_its_page() -> None:
    driver = sarif()["tool"]["driver"]

    assert driver["version"] == __version__
    for rule in driver["rules"]:
        assert rule["help"]["markdown"].startswith(f"# {rule['name']} ({rule['id']})")
        assert rule["shortDescription"]["text"]
        assert rule["fullDescription"]["text"]


@pytest.mark.parametrize(
    ("severity", "level"), [("error", "error"), ("warning", "warning"), ("info", "note")]
)
def test_sarif_levels(severity: str, level: str) -> None:
    assert sarif(finding(severity=Severity(severity)))["results"][0]["level"] == level


def test_sarif_tells_of_problems_and_crashes() -> None:
    (clean,) = sarif()["invocations"]
    (broken,) = sarif(problems=["cannot write app.py"], crashes=["Traceback …"])["invocations"]

    assert clean == {"executionSuccessful": True, "toolExecutionNotifications": []}
    assert broken == {
        "executionSuccessful": False,
        "toolExecutionNotifications": [
            {"level": "error", "message": {"text": "cannot write app.py"}},
            {"level": "error", "message": {"text": "Traceback …"}},
        ],
    }


def test_sarif_uris_are_uris(project: Path) -> None:
    odd = finding(None, file="a b/naïve#1%.py")
    outside = finding(None, file=(project.parent / "x y.py").as_posix())
    first, second = (
        each["locations"][0]["physicalLocation"]["artifactLocation"]
        for each in sarif(odd, outside)["results"]
    )

    assert first == {"uri": "a%20b/na%C3%AFve%231%25.py", "uriBaseId": "SRCROOT"}
    assert second == {"uri": (project.parent / "x y.py").as_uri()}


def fingerprints(form: str, *findings: Finding) -> list[str]:
    if form == "gitlab":
        return [each["fingerprint"] for each in json.loads(report(*findings, form=form))]
    return [each["partialFingerprints"]["asyncdbLint/v1"] for each in sarif(*findings)["results"]]


@pytest.mark.parametrize("form", ["sarif", "gitlab"])
def test_fingerprints_stay_when_lines_move(form: str) -> None:
    before = fingerprints(form, finding())
    moved = fingerprints(
        form, finding("# one more line\n\n" + CODE.replace("    return s", "        return s"))
    )
    other = fingerprints(form, finding(CODE.replace("execute(query).all()", "execute(query).one()")))

    assert before == moved
    assert before != other


@pytest.mark.parametrize("form", ["sarif", "gitlab"])
def test_fingerprints_of_lines_alike_differ(form: str) -> None:
    text = "call()\ncall()\n"
    twice = [
        finding(text, location=Position(row, 1), end_location=Position(row, 7), **more)
        for row in (1, 2)
        for more in ({}, {"code": "ADB103"}, {"message": "another one at this place"})
    ]

    assert len(set(fingerprints(form, *twice))) == len(twice)


# github


def test_github_commands() -> None:
    told = report(finding(why="100% of it", help="use a\nb"), form="github")

    assert told == (
        "::error file=app.py,line=5,endLine=5,col=12,endColumn=34,title=ADB102 (sync-session-in-async)::"
        "`session.execute(query)` blocks the event loop%0A100%25 of it%0Ause a%0Ab\n"
        "Found 1 error in 12 files.\n"
    )


def test_github_properties_are_escaped_and_several_lines_have_no_columns() -> None:
    odd = finding("call(\n)\n", "call(\n)", file="a,b:c%.py", severity=Severity.INFO, message="m: a, b\r")

    assert report(odd, form="github").splitlines()[0] == (
        "::notice file=a%2Cb%3Ac%25.py,line=1,endLine=2,title=ADB102 (sync-session-in-async)::m: a, b%0D"
    )


# gitlab


def test_gitlab_list() -> None:
    told = json.loads(report(finding(severity=Severity.WARNING), form="gitlab"))

    assert re.fullmatch(r"[0-9a-f]{32}", told[0].pop("fingerprint"))
    assert told == [
        {
            "description": "ADB102: `session.execute(query)` blocks the event loop",
            "check_name": "sync-session-in-async",
            "severity": "minor",
            "location": {"path": "app.py", "lines": {"begin": 5}},
        }
    ]


@pytest.mark.parametrize(("severity", "told"), [("error", "major"), ("warning", "minor"), ("info", "info")])
def test_gitlab_severities(severity: str, told: str) -> None:
    assert json.loads(report(finding(severity=Severity(severity)), form="gitlab"))[0]["severity"] == told


# junit


def test_junit_has_a_suite_per_file_and_a_case_per_finding() -> None:
    told = report(
        finding(help="help"), finding(), finding(file="b.py", chain=steps((9, 12, "calls"))), form="junit"
    )

    assert told.startswith("""\
<?xml version="1.0" encoding="utf-8"?>
<testsuites name="asyncdb-lint" tests="3" failures="3" errors="0">
  <testsuite name="app.py" tests="2" failures="2" errors="0">
    <testcase name="ADB102 sync-session-in-async at 5:12" classname="app.py" file="app.py" line="5">
      <failure message="`session.execute(query)` blocks the event loop" type="ADB102">app.py:5:12
`session.execute(query)` blocks the event loop
help</failure>
    </testcase>
""")
    suites = ElementTree.fromstring(told)
    assert [(suite.get("name"), len(suite)) for suite in suites] == [("app.py", 2), ("b.py", 1)]
    assert (suites[1][0][0].text or "").endswith("\napp.py:9:12: calls")


def test_junit_holds_any_text() -> None:
    told = report(finding(None, file="<&\udcff>.py", message="\x00\x1b <b> & \ud800 ]]> “ä”"), form="junit")

    assert told.isascii()
    failure = ElementTree.fromstring(told)[0][0][0]
    assert failure.get("message") == "\ufffd\ufffd <b> & \ufffd ]]> “ä”"


def test_junit_passes_when_clean() -> None:
    assert (
        report(form="junit")
        == """\
<?xml version="1.0" encoding="utf-8"?>
<testsuites name="asyncdb-lint" tests="1" failures="0" errors="0">
  <testsuite name="asyncdb-lint" tests="1" failures="0" errors="0">
    <testcase name="All checks passed: 12 files." classname="asyncdb-lint" />
  </testsuite>
</testsuites>
"""
    )


# All of them


@pytest.mark.parametrize("form", list(reporting.FORMATS))
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_no_character_stops_a_report(form: str, encoding: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    odd = finding("x = '表 ė'; call()\n", "call()", message="`表` … \ud800", why="…")
    gone = finding(None, file="\udcff表.py")
    settings = Settings(output_format=form)  # type: ignore[arg-type]
    reporting.write(Outcome([odd, gone], files=2), settings, stream)
    stream.flush()

    assert b"ADB102" in raw.getvalue()
    assert stream.errors == "strict"


def test_formats_are_those_of_the_settings() -> None:
    from asyncdb_lint.cli.check import FORMATS

    assert tuple(reporting.FORMATS) == FORMATS


# Columns


def test_cropping_measures_columns_not_characters() -> None:
    assert head("表表表", 5) == "表表…"
    assert tail("表表表", 5) == "…表表"
    assert head("abc", 3) == tail("abc", 3) == "abc"
    assert around("abcdef", 2, 4, 10) == ("ab", "cd", "ef")
    assert width("e\u0301\u200d表") == 3


def test_visible_is_one_harmless_line() -> None:
    assert visible("a\tb\n\x1b[0m\x7f\u2066é") == "a    b␊␛[0m\ufffd\ufffdé"
