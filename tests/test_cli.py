"""The command line: arguments in, exit status out, findings on standard output and all else on standard error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from asyncdb_lint import __version__, engine, workers
from asyncdb_lint.cli import cli
from asyncdb_lint.cli.progress import progress_bar
from asyncdb_lint.config import Settings
from asyncdb_lint.errors import UsageProblem
from asyncdb_lint.finding import Outcome

FORGETS = """\
from sqlalchemy.ext.asyncio import AsyncSession


async def save(session: AsyncSession, user: object) -> None:
    session.add(user)
    session.commit()
"""
AWAITS = FORGETS.replace("    session.commit", "    await session.commit")

DB = """\
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

SessionLocal = sessionmaker(create_engine("postgresql+psycopg://localhost/app", pool_pre_ping=True))
"""
BLOCKS = """\
from sqlalchemy import select

from app.db import SessionLocal


async def one() -> int | None:
    with SessionLocal() as session:
        return session.scalar(select(1))
"""


class Result(NamedTuple):
    """What a command came to."""

    status: int
    out: str
    err: str


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory that is a project of its own, with one forgotten `await`."""
    monkeypatch.chdir(tmp_path)
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "users.py").write_text(FORGETS)
    return tmp_path


def lint(*arguments: str, stdin: str | bytes | None = None) -> Result:
    """The command in this process; a problem of the user's comes back as `main` would show it."""
    done = CliRunner().invoke(cli, arguments, input=stdin, standalone_mode=False)
    if isinstance(done.exception, UsageProblem):
        return Result(2, done.stdout, f"asyncdb-lint: error: {done.exception}\n")
    if done.exception is not None:
        raise done.exception
    return Result(done.return_value or 0, done.stdout, done.stderr)


def run(*arguments: str, stdin: str = "", **environment: str) -> Result:
    """The command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "asyncdb_lint", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )
    return Result(done.returncode, done.stdout, done.stderr)


# Exit status


def test_findings_clean_and_wrong_use(project: Path) -> None:
    found = run("users.py")
    assert (1, "") == (found.status, found.err)
    assert "ADB201" in found.out

    (project / "users.py").write_text(AWAITS)
    assert Result(0, "All checks passed: 1 file.\n", "") == run()

    wrong = run("gone.py")
    assert Result(2, "", "asyncdb-lint: error: gone.py does not exist\n") == wrong


def test_exit_zero(project: Path) -> None:
    result = lint("--exit-zero")

    assert 0 == result.status
    assert "ADB201" in result.out
    assert 2 == lint("--exit-zero", "gone.py").status


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--selct", "ADB1"], ["No such option", "--select"]),
        (["--output-format", "xml"], ["'xml' is not one of", "'sarif'"]),
        (["--jobs", "-1"], ["--jobs", "-1"]),
        (["--jobs", "many"], ["'many' is not a valid integer"]),
        (["-", "users.py"], ["cannot be combined"]),
        (["--stdin-filename", "x.py"], ["--stdin-filename needs `-`"]),
        (["--select", "ADB1O2"], ["unknown rule `ADB1O2` (did you mean `ADB102`?)"]),
        (["--ignore", "ADB102,nonsense"], ["unknown rule `nonsense`"]),
        (["--config", "gone.toml"], ["gone.toml: cannot be read"]),
        (["--config", "pooler='x'"], ["`x` is none of"]),
        (["--isolated", "--config", "x.toml"], ["--isolated"]),
        (["rule"], ["Missing argument"]),
        (["rule", "ADB1O2"], ["unknown rule `ADB1O2` (did you mean `ADB102`?)"]),
        (["rule", "sync-sesion-in-async"], ["(did you mean `sync-session-in-async`?)"]),
        (["rules", "--output-format", "yaml"], ["'yaml' is not one of"]),
    ],
)
def test_wrong_use_is_status_2_and_says_what(project: Path, arguments: list[str], words: list[str]) -> None:
    result = run(*arguments)

    assert (2, "") == (result.status, result.out)
    assert [] == [word for word in words if word not in result.err], result.err
    assert "Traceback" not in result.err


def test_an_error_of_our_own(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from asyncdb_lint.cli import main

    def broken(*_: object, **__: object) -> Outcome:
        raise ZeroDivisionError("first\nsecond")

    monkeypatch.setattr(engine, "run", broken)
    monkeypatch.setattr(sys, "argv", ["asyncdb-lint"])
    monkeypatch.delenv("ASYNCDB_LINT_DEBUG", raising=False)
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr().err

    assert 2 == left.value.code
    assert "internal error: ZeroDivisionError: first; please report it" in said
    assert "ASYNCDB_LINT_DEBUG=1" in said
    assert "Traceback" not in said

    monkeypatch.setenv("ASYNCDB_LINT_DEBUG", "1")
    with pytest.raises(SystemExit):
        main()
    assert "Traceback" in capsys.readouterr().err


# What is checked


def test_the_current_folder_is_the_default(project: Path) -> None:
    assert lint() == lint(".")
    assert lint() == lint("users.py")
    assert lint() == lint("check", ".")


def test_select_and_ignore(project: Path) -> None:
    assert 0 == lint("--ignore", "ADB201").status
    assert 0 == lint("--ignore", "missing-await,ADB1").status
    assert 0 == lint("--select", "ADB1", "--select", "ADB3").status
    assert 1 == lint("--select", "ADB1", "--extend-select", "ADB201").status
    assert 1 == lint("--ignore", "ADB2", "--extend-select", "ADB201").status


def test_the_command_line_overrides_the_file(project: Path) -> None:
    (project / "pyproject.toml").write_text(
        '[tool.asyncdb-lint]\nignore = ["ADB201"]\noutput-format = "json"\n'
    )

    assert Result(0, "[]\n", "") == lint()
    assert 1 == lint("--ignore", "ADB102").status
    assert 1 == lint("--config", "ignore=[]").status
    assert "ADB201" in lint("--isolated", "--output-format", "concise").out


def test_a_folder_that_has_the_name_of_a_command(project: Path) -> None:
    (project / "rules").mkdir()
    (project / "users.py").rename(project / "rules" / "users.py")

    assert "rules/users.py:6:5: ADB201" in lint("./rules", "--output-format", "concise").out
    assert lint("./rules") == lint("check", "rules") == lint("--no-cache", "rules")
    assert "sync-session-in-async" in lint("rules").out


def test_per_file_ignores(project: Path) -> None:
    (project / "tests").mkdir()
    (project / "tests" / "users.py").write_text(FORGETS)

    def left(globs: str) -> list[str]:
        found = json.loads(lint("--output-format", "json", "--config", f"per-file-ignores={{{globs}}}").out)
        return [Path(each["filename"]).relative_to(project).as_posix() for each in found]

    assert ["tests/users.py", "users.py"] == left("")
    assert ["users.py"] == left('"tests/*" = ["ADB2"]')
    assert ["users.py"] == left('"tests" = ["missing-await"]')
    assert [] == left('"users.py" = ["ALL"]')
    assert ["tests/users.py", "users.py"] == left('"tests/*" = ["ADB1"]')


def test_excludes(project: Path) -> None:
    (project / "old").mkdir()
    (project / "old" / "users.py").write_text(FORGETS)
    (project / "build").mkdir()
    (project / "build" / "users.py").write_text(FORGETS)

    def checked(*arguments: str) -> int:
        return len(json.loads(lint("--output-format", "json", *arguments).out))

    assert 2 == checked()
    assert 1 == checked("--extend-exclude", "old")
    assert 0 == checked("--extend-exclude", "old,users.py")
    assert 2 == checked("--exclude", "old")  # in place of the usual ones: `build` is checked
    assert 1 == checked("--extend-exclude", "old", "old/users.py")
    assert 0 == checked("--extend-exclude", "old", "--force-exclude", "old/users.py")
    assert 1 == checked("--force-exclude", "build/users.py", "users.py")


def test_excludes_are_seen_from_the_working_directory(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "pyproject.toml").write_text("[tool.asyncdb-lint]\n")
    (project / "app" / "old").mkdir(parents=True)
    (project / "app" / "old" / "users.py").write_text(FORGETS)
    monkeypatch.chdir(project / "app")

    assert 1 == lint().status
    for pattern in ("old", "./old", "old/*", "old/users.py", "../app/old", "../app/*"):
        assert 0 == lint("--extend-exclude", pattern).status, pattern
    assert 1 == lint("--extend-exclude", "app/old").status


def test_what_git_ignores(project: Path) -> None:
    (project / ".gitignore").write_text("users.py\n")

    assert 0 == lint().status
    assert 1 == lint("--no-respect-gitignore").status
    assert 1 == lint("users.py").status


# What is shown


def test_statistics(project: Path) -> None:
    (project / "more.py").write_text(FORGETS + "    session.flush()\n")
    result = lint("--statistics")

    assert 1 == result.status
    assert ["3", "ADB201", "missing-await"] == result.out.splitlines()[0].split()[:3]
    assert [{"code": "ADB201", "name": "missing-await", "count": 3}] == [
        {key: row[key] for key in ("code", "name", "count")}
        for row in json.loads(lint("--statistics", "--output-format", "json").out)
    ]


def test_statistics_that_cannot_be_shown_change_nothing(project: Path) -> None:
    result = lint("--statistics", "--output-format", "sarif", "--fix")

    assert (2, "") == (result.status, result.out)
    assert "--statistics has no sarif form" in result.err
    assert FORGETS == (project / "users.py").read_text()


def test_show_settings(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.asyncdb-lint]\npooler = "transaction"\n')
    result = lint("--show-settings", "--select", "ADB201")

    assert 0 == result.status
    assert f"# from {project / 'pyproject.toml'}" == result.out.splitlines()[0]
    assert 'pooler = "transaction"' in result.out.splitlines()
    assert 'select = ["ADB201"]' in result.out.splitlines()
    assert "# rules: ADB201" == result.out.splitlines()[-1]
    assert "# from" not in lint("--show-settings", "--isolated").out


def test_the_report_in_a_file(project: Path) -> None:
    result = lint("--output-format", "json", "--output-file", "report.json")

    assert (1, "") == (result.status, result.out)
    assert ["ADB201"] == [each["code"] for each in json.loads((project / "report.json").read_text())]
    assert lint("--output-format", "json").out == (project / "report.json").read_text()

    wrong = lint("-o", "gone/report.json")
    assert (2, True) == (wrong.status, "cannot write gone/report.json: No such file" in wrong.err)


def test_json_is_the_contract(project: Path) -> None:
    (found,) = json.loads(lint("--output-format", "json").out)

    assert {
        "code": "ADB201",
        "name": "missing-await",
        "severity": "error",
        "filename": str(project / "users.py"),
        "location": {"row": 6, "column": 5},
        "end_location": {"row": 6, "column": 21},
        "noqa_row": 6,
        "chain": [],
    } == {
        key: found[key]
        for key in (
            "code",
            "name",
            "severity",
            "filename",
            "location",
            "end_location",
            "noqa_row",
            "chain",
        )
    }
    assert {"code", "name", "message", "severity", "filename", "location", "end_location"} <= set(found)
    assert "url" in found
    assert "safe" == found["fix"]["applicability"]
    assert [{"content", "location", "end_location"}] == [set(edit) for edit in found["fix"]["edits"]]


@pytest.mark.parametrize("form", ["text", "concise", "json", "sarif", "github", "gitlab", "junit"])
def test_every_format_names_the_finding_and_is_without_colour(project: Path, form: str) -> None:
    result = lint("--output-format", form)

    assert (1, "") == (result.status, result.err)
    assert "ADB201" in result.out
    assert "\x1b" not in result.out


def test_no_colour_when_nobody_looks(project: Path) -> None:
    assert "\x1b" not in run(TERM="xterm-256color").out
    assert "\x1b" not in run(FORCE_COLOR="1", NO_COLOR="1").out
    assert "\x1b[" in run(FORCE_COLOR="1").out


def test_a_terminal_that_lacks_characters(project: Path) -> None:
    (project / "users.py").write_text(FORGETS.replace("user", "пользователь"))
    result = run(PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    assert (1, "") == (result.status, result.err)


def test_progress_is_for_terminals_and_long_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with progress_bar(enabled=False) as advance:
        assert advance is None

    drawn: list[tuple[int, int]] = []

    class Bar:
        def start(self) -> None:
            pass

        stop = start

        def add_task(self, _: str, total: int) -> int:
            return total

        def update(self, _: int, *, completed: int, total: int) -> None:
            drawn.append((completed, total))

    monkeypatch.setattr("asyncdb_lint.cli.progress.make_bar", Bar)
    with progress_bar(enabled=True) as advance:
        assert advance is not None
        advance(3, 10)
        monkeypatch.setattr("asyncdb_lint.cli.progress.PATIENCE", -1.0)
        advance(4, 10)

    assert [(7, 10)] == drawn


# Standard input


def test_standard_input(project: Path) -> None:
    result = lint("-", "--output-format", "concise", stdin=FORGETS)

    assert 1 == result.status
    assert result.out.startswith("stdin.py:6:5: ADB201 ")
    assert 0 == lint("-", stdin=AWAITS).status
    assert 0 == lint("-", stdin="").status


def test_standard_input_has_the_facts_of_its_project(project: Path) -> None:
    (project / "app").mkdir()
    (project / "app" / "__init__.py").touch()
    (project / "app" / "db.py").write_text(DB)
    (project / "app" / "route.py").write_text("SAVED = 'something else'\n")

    for name in ("app/route.py", str(project / "app" / "route.py"), "app/../app/route.py"):
        result = lint("-", "--stdin-filename", name, "--output-format", "concise", stdin=BLOCKS)

        assert 1 == result.status
        assert result.out.startswith("app/route.py:8:16: ADB102 ")
    assert 1 == lint("-", "--stdin-filename", "app/new.py", stdin=BLOCKS).status


def test_a_name_above_the_working_directory(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "app").mkdir()
    (project / "app" / "__init__.py").touch()
    (project / "app" / "db.py").write_text(DB)
    (project / "elsewhere").mkdir()
    monkeypatch.chdir(project / "elsewhere")

    assert 1 == lint("-", "--stdin-filename", "../app/route.py", stdin=BLOCKS).status


def test_settings_for_standard_input_are_those_of_its_name(project: Path) -> None:
    (project / "app").mkdir()
    (project / "app" / "asyncdb-lint.toml").write_text('ignore = ["ADB201"]')

    assert 1 == lint("-", stdin=FORGETS).status
    assert 0 == lint("-", "--stdin-filename", "app/users.py", stdin=FORGETS).status


def test_repairing_standard_input(project: Path) -> None:
    (project / "users.py").write_text("untouched = True\n")
    result = lint("-", "--fix", "--stdin-filename", "users.py", stdin=FORGETS)

    assert (0, AWAITS) == (result.status, result.out)
    assert "1 fixed" in result.err
    assert "untouched = True\n" == (project / "users.py").read_text()

    assert AWAITS == lint("-", "--fix", stdin=AWAITS).out
    broken = lint("-", "--fix", stdin="def broken(:\n")
    assert (1, "def broken(:\n") == (broken.status, broken.out)
    assert "ADB002" in broken.err


def test_repairing_standard_input_keeps_its_bytes(project: Path) -> None:
    body = FORGETS.replace("\n", "\r\n").encode()
    done = CliRunner().invoke(cli, ["-", "--fix"], input=b"\xef\xbb\xbf" + body, standalone_mode=False)

    assert b"\xef\xbb\xbf" + AWAITS.replace("\n", "\r\n").encode() == done.stdout_bytes


# Repairs


def test_fix(project: Path) -> None:
    result = lint("--fix")

    assert (0, "") == (result.status, result.err)
    assert "All checks passed: 1 file; 1 fixed." == result.out.strip()
    assert AWAITS == (project / "users.py").read_text()


def test_diff_writes_nothing(project: Path) -> None:
    before = os.stat(project / "users.py")
    result = lint("--diff")

    assert (1, "Would fix 1 finding.\n") == (result.status, result.err)
    assert "--- a/users.py\n+++ b/users.py\n" == "".join(result.out.splitlines(keepends=True)[:2])
    assert "+    await session.commit()" in result.out.splitlines()
    assert FORGETS == (project / "users.py").read_text()
    assert before.st_mtime_ns == os.stat(project / "users.py").st_mtime_ns
    assert result == lint("--diff", "--fix")
    assert 0 == lint("--diff", "--exit-zero").status


def test_a_diff_says_what_it_does_not_show(project: Path) -> None:
    (project / "app").mkdir()
    (project / "app" / "__init__.py").touch()
    (project / "app" / "db.py").write_text(DB)
    (project / "app" / "route.py").write_text(BLOCKS)

    assert "Would fix 1 finding; 1 finding would be left (shown without --diff).\n" == lint("--diff").err
    assert "" == lint("--diff", "--quiet").err
    assert Result(1, "", "Would fix 0 findings; 1 finding would be left (shown without --diff).\n") == lint(
        "--diff", "app"
    )
    (project / "users.py").write_text(AWAITS)
    assert Result(0, "", "All checks passed: 1 file.\n") == lint("--diff", "users.py")


def test_the_diff_of_standard_input(project: Path) -> None:
    result = lint("-", "--diff", "--stdin-filename", "app/users.py", stdin=FORGETS)

    assert 1 == result.status
    assert result.out.startswith("--- a/app/users.py\n+++ b/app/users.py\n")


# Words about rules and about itself


def test_a_rule_by_code_and_by_name() -> None:
    result = lint("rule", "ADB201")

    assert (0, "") == (result.status, result.err)
    assert result.out.startswith("# missing-await (ADB201)\n")
    assert "## When to ignore" in result.out
    assert result == lint("rule", "missing-await")


def test_all_rules() -> None:
    rows = [line.split() for line in lint("rules").out.splitlines()]
    found = json.loads(lint("rules", "--output-format", "json").out)

    assert [row[0] for row in rows] == [rule["code"] for rule in found] == sorted(row[0] for row in rows)
    assert ["ADB102", "sync-session-in-async"] == next(row[:2] for row in rows if row[0] == "ADB102")
    keys = {"code", "name", "summary", "severity", "fix", "default", "holds_for", "explanation"}
    assert [] == [rule["code"] for rule in found if not keys <= set(rule) or not rule["summary"]]


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(option: str) -> None:
    for command in ((), ("check",), ("rule",), ("rules",)):
        result = lint(*command, option)

        assert (0, "") == (result.status, result.err)
        assert result.out.startswith("Usage: ")
    assert "--unsafe-fixes" in lint("check", option).out


def test_the_version_imports_nothing_heavy() -> None:
    heavy = ("libcst", "rich", "sqlalchemy", "msgspec", "pathspec")
    script = f"""if True:
        import sys
        from asyncdb_lint.cli import main
        sys.argv = ["asyncdb-lint", "--version"]
        try:
            main()
        except SystemExit as left:
            print(left.code, [name for name in {heavy!r} if name in sys.modules])
    """
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )

    assert [f"asyncdb-lint {__version__}", "0 []"] == done.stdout.splitlines()


def test_a_run_imports_only_what_it_needs(project: Path) -> None:
    script = """if True:
        import sys
        from asyncdb_lint.cli import main
        sys.argv = ["asyncdb-lint", "--output-format", "concise"]
        try:
            main()
        except SystemExit as left:
            print(left.code, [name for name in ("rich", "sqlalchemy") if name in sys.modules])
    """
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )

    assert "1 []" == done.stdout.splitlines()[-1]


# Processes


def test_two_processes_say_the_same_as_one(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "app").mkdir()
    (project / "app" / "__init__.py").touch()
    (project / "app" / "db.py").write_text(DB)
    for number in range(6):
        (project / "app" / f"route{number}.py").write_text(BLOCKS)
        (project / "app" / f"users{number}.py").write_text(FORGETS)
    (project / "app" / "broken.py").write_text("from sqlalchemy import create_engine\ndef broken(:\n")
    monkeypatch.setattr(workers, "WORTH_A_PROCESS", 0)
    monkeypatch.setattr(workers, "CHUNK", 300)
    alone = engine.run([project], Settings(), jobs=1)

    assert alone == engine.run([project], Settings(), jobs=2) == engine.run([project], Settings(), jobs=3)
    assert {"ADB002", "ADB102", "ADB201"} == {finding.code for finding in alone.findings}
    assert lint("-j", "1") == lint("-j", "2")
