"""Bad input and bad luck: one clear line, the right exit status, and no file lost or half written."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from asyncdb_lint.cli import cli
from asyncdb_lint.errors import UsageProblem

IMPORT = "from sqlalchemy.ext.asyncio import AsyncSession\n"
FORGETS = f"""\
{IMPORT}

async def save(session: AsyncSession) -> None:
    session.commit()
"""
AWAITS = FORGETS.replace("    session.commit", "    await session.commit")


class Result(NamedTuple):
    """What a command came to."""

    status: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with one file that has a finding, whatever is wrong with the others."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text("")
    (folder / "users.py").write_text(FORGETS)
    monkeypatch.chdir(folder)
    return folder


def lint(*arguments: str) -> Result:
    """The command in this process; a problem of the user's comes back as `main` would show it."""
    options = ("--output-format", "concise", *arguments)
    done = CliRunner().invoke(cli, options, standalone_mode=False)
    if isinstance(done.exception, UsageProblem):
        return Result(2, done.stdout, f"asyncdb-lint: error: {done.exception}\n")
    if done.exception is not None:
        raise done.exception
    return Result(done.return_value or 0, done.stdout, done.stderr)


def start(*arguments: str, **options: object) -> subprocess.Popen[str]:
    """The command in a process group of its own, as a terminal starts it."""
    return subprocess.Popen(
        [sys.executable, "-m", "asyncdb_lint", "--output-format", "concise", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,  # type: ignore[call-overload]
    )


# Files that cannot be read as Python


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"def broken(:\n", "bad.py:1:12: ADB002 Syntax error: invalid syntax"),
        (b"x = [1,\n", "bad.py:1:5: ADB002 Syntax error: '[' was never closed"),
        (b"if x:\npass\n", "bad.py:2:1: ADB002 Syntax error: expected an indented block"),
        (b"name = 'caf\xe9'\n", "bad.py:1:12: ADB002 Is not valid utf-8: byte 0xe9 cannot be decoded"),
        (b"# coding: klingon\n", "bad.py:1:1: ADB002 Unknown encoding: klingon"),
        (b"x = 1\ny = '\0'\n", "bad.py:2:6: ADB002 Contains a NUL byte, which Python source cannot"),
        (b"\0" * 100, "bad.py:1:1: ADB002 Contains a NUL byte"),
        (b"x = " + b"[" * 2000 + b"]" * 2000, "bad.py:1:205: ADB002 Nested too deeply to be parsed"),
        (b"\xff\xfex\0=\0001\0", "bad.py:1:1: ADB002 Is not valid utf-8"),
    ],
)
def test_one_clear_line_and_the_rest_goes_on(project: Path, content: bytes, line: str) -> None:
    (project / "bad.py").write_bytes(content)
    alone, all_of_it, repaired = lint("bad.py"), lint("bad.py", "."), lint("--fix", "bad.py", ".")

    assert (1, "", 2) == (alone.status, alone.err, len(alone.out.splitlines()))
    assert alone.out.lower().startswith(line.lower()), alone.out
    assert ["ADB002", "ADB201"] == [row.split()[1] for row in all_of_it.out.splitlines()[:-1]]
    assert (1, "") == (repaired.status, repaired.err)
    assert content == (project / "bad.py").read_bytes()
    assert AWAITS == (project / "users.py").read_text()


def test_unreadable_files_are_found_without_being_named(project: Path) -> None:
    (project / "broken.py").write_text(f"{IMPORT}def broken(:\n")
    (project / "latin.py").write_bytes(b"name = 'caf\xe9'\n")
    found = lint()

    assert ["broken.py:2:12:", "latin.py:1:12:", "users.py:5:5:"] == [
        row.split()[0] for row in found.out.splitlines()[:-1]
    ]


def test_an_unreadable_file_can_be_left_out(project: Path) -> None:
    (project / "broken.py").write_text("def broken(:\n")

    assert 1 == lint("broken.py", "--select", "ADB201").status
    assert 0 == lint("broken.py", "--ignore", "ADB002").status
    assert 0 == lint("broken.py", "--config", 'per-file-ignores={"broken.py"=["ADB002"]}').status


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"# only a comment", b"\xef\xbb\xbf", b"   \n\t\n", b"\r\n\r"]
)
def test_files_with_nothing_in_them(project: Path, content: bytes) -> None:
    (project / "users.py").write_bytes(content)

    assert Result(0, "All checks passed: 1 file.\n", "") == lint("users.py") == lint("--fix", "users.py")
    assert content == (project / "users.py").read_bytes()


def encoded(name: str, text: str) -> bytes:
    return f"# -*- coding: {name} -*-\n# café\n{text}".encode(name)


@pytest.mark.parametrize(
    ("make", "row"),
    [
        (lambda text: encoded("latin-1", text), 7),
        (lambda text: encoded("cp1252", text), 7),
        (lambda text: encoded("utf-8", text), 7),
        (lambda text: text.replace("\n", "\r\n").encode(), 5),
        (lambda text: text.replace("\n", "\r").encode(), 5),
        (lambda text: b"\xef\xbb\xbf" + text.encode(), 5),
        (lambda text: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(), 5),
        (lambda text: text.rstrip("\n").encode(), 5),
    ],
    ids=["latin-1", "cp1252", "declared utf-8", "CRLF", "CR", "BOM", "BOM and CRLF", "no newline at the end"],
)
def test_unusual_files_are_read_and_repaired_to_the_byte(
    project: Path, make: Callable[[str], bytes], row: int
) -> None:
    (project / "users.py").write_bytes(make(FORGETS))

    assert lint("users.py").out.startswith(f"users.py:{row}:5: ADB201 ")
    assert 0 == lint("--fix", "users.py").status
    assert make(AWAITS) == (project / "users.py").read_bytes()


# Size


def test_a_file_of_five_megabytes(project: Path) -> None:
    # Long rows: what is slow here is what grows with the size and not with the number of statements.
    rows = [f"T{number} = {'x' * 500_000!r}" for number in range(10)]
    (project / "big.py").write_text("\n".join([FORGETS, *rows, ""]))
    began = time.monotonic()
    found = lint("big.py")

    assert ["big.py:5:5: ADB201"] == [" ".join(row.split()[:2]) for row in found.out.splitlines()[:-1]]
    assert time.monotonic() - began < 15  # half a second where nobody else is at work


def test_one_row_of_five_megabytes(project: Path) -> None:
    (project / "big.py").write_text(f"{IMPORT}x = [{'1, ' * 20_000}'{'x' * 5_000_000}']\n")

    assert Result(0, "All checks passed: 1 file.\n", "") == lint("big.py")


# Folders and names


def test_a_folder_without_permission(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "closed").mkdir()
    scandir = os.scandir

    def guarded(path: str) -> object:
        if os.path.basename(path) == "closed":  # a mode would not stop root
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    found = lint()

    assert (1, "") == (found.status, found.err)
    assert "closed:1:1: ADB002 " in found.out
    assert "folder cannot be read: Permission denied" in found.out.replace("Folder", "folder")
    assert "users.py:5:5: ADB201 " in found.out


def test_a_file_without_permission(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "closed.py").write_text(FORGETS)
    opened, read = open, Path.read_bytes

    def guarded_open(file: object, *arguments: object, **options: object) -> object:
        if str(file).endswith("closed.py"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(file, *arguments, **options)  # type: ignore[call-overload]

    def guarded_read(path: Path) -> bytes:
        if path.name == "closed.py":
            raise PermissionError(errno.EACCES, "Permission denied")
        return read(path)

    monkeypatch.setattr("builtins.open", guarded_open)
    monkeypatch.setattr(Path, "read_bytes", guarded_read)
    found = lint()

    assert (1, "") == (found.status, found.err)
    assert "closed.py:1:1: ADB002 " in found.out
    assert "cannot be read: Permission denied" in found.out.replace("Cannot", "cannot")
    assert "users.py:5:5: ADB201 " in found.out


def test_a_link_that_loops(project: Path) -> None:
    (project / "again").symlink_to(project)
    (project / "loop.py").symlink_to("loop.py")
    found = lint()

    assert (1, "") == (found.status, found.err)
    assert 2 == len(found.out.splitlines())
    assert Result(
        2, "", "asyncdb-lint: error: loop.py cannot be read: Too many levels of symbolic links\n"
    ) == lint("loop.py")


def test_a_path_that_does_not_exist(project: Path) -> None:
    expected = Result(2, "", "asyncdb-lint: error: gone.py does not exist\n")

    assert expected == lint("gone.py") == lint("users.py", "gone.py") == lint("--fix", "users.py", "gone.py")
    assert FORGETS == (project / "users.py").read_text()


def test_a_broken_pyproject(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.asyncdb-lint]\nignore = [\n[project]\n")
    found = lint()

    assert (2, "", 1) == (found.status, found.out, len(found.err.splitlines()))
    assert found.err.startswith(f"asyncdb-lint: error: {project / 'pyproject.toml'}:3:")


@pytest.mark.parametrize(
    "content", [b"[project\n", b"\xff\xfe", b"project = 3\n", b"[project]\ndependencies = 3\n"]
)
def test_a_broken_pyproject_that_is_not_ours_to_judge(project: Path, content: bytes) -> None:
    (project / "pyproject.toml").write_bytes(content)
    found = lint()

    assert (1, "") == (found.status, found.err)
    assert found.out.startswith("users.py:5:5: ADB201 ")


@pytest.mark.parametrize(
    "name", ["two words.py", "ünïcödé.py", "a.b.py", "-.py", "class.py", "x.pyi", "script"]
)
def test_unusual_names(project: Path, name: str) -> None:
    (project / name).write_text(FORGETS)
    found = lint("--", name)

    assert (1, "") == (found.status, found.err)
    assert found.out.startswith(f"{name}:5:5: ADB201 ")


def test_files_that_are_one_module_to_python(project: Path) -> None:
    (project / "users").mkdir()
    for name in ("users/__init__.py", "users.pyi"):
        (project / name).write_text(FORGETS)
    found = lint(".", "users.pyi")

    assert ["users.py:5:5:", "users.pyi:5:5:", "users/__init__.py:5:5:"] == sorted(
        row.split()[0] for row in found.out.splitlines()[:-1]
    )


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere file names are text")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_name_that_is_no_text(project: Path, jobs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from asyncdb_lint import workers

    monkeypatch.setattr(workers, "WORTH_A_PROCESS", 0)
    name = os.fsdecode(b"caf\xe9.py")
    try:
        (project / name).write_text(FORGETS)
    except OSError:
        pytest.skip("the file system takes only text")
    (project / "users.py").unlink()
    done = CliRunner().invoke(cli, ["--output-format", "json", "-j", jobs], standalone_mode=False)

    assert (1, None) == (done.return_value, done.exception)
    assert '"ADB201"' in done.stdout


# Writing


def test_a_read_only_file(project: Path) -> None:
    (project / "closed.py").write_text(FORGETS)
    (project / "closed.py").chmod(0o444)
    result = lint("--fix")

    assert 2 == result.status
    assert [
        f"asyncdb-lint: error: cannot write {project / 'closed.py'}: the file is read-only; the file is unchanged"
    ] == (result.err.splitlines())
    assert "closed.py:5:5: ADB201 " in result.out
    assert FORGETS == (project / "closed.py").read_text()
    assert 0o444 == (project / "closed.py").stat().st_mode & 0o777
    assert AWAITS == (project / "users.py").read_text()


class FullDisk:
    """A file that takes a few bytes and no more."""

    def __init__(self, descriptor: int) -> None:
        self.file = os.fdopen(descriptor, "wb")

    def __enter__(self) -> FullDisk:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, data: bytes) -> None:
        self.file.write(data[:20])
        self.file.flush()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("where", ["when the file is made", "in the middle of it", "at its end"])
def test_a_full_disk(project: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if where == "when the file is made":
        monkeypatch.setattr(tempfile, "mkstemp", full)
    elif where == "at its end":
        monkeypatch.setattr(os, "fsync", full)
    else:
        opened = open
        monkeypatch.setattr(
            "builtins.open",
            lambda file, *rest, **more: (
                FullDisk(file) if isinstance(file, int) else opened(file, *rest, **more)
            ),
        )
    before = sorted(project.iterdir())
    result = lint("--fix")
    monkeypatch.undo()

    assert 2 == result.status
    assert [
        f"asyncdb-lint: error: cannot write {project / 'users.py'}: No space left on device; the file is unchanged"
    ] == result.err.splitlines()
    assert FORGETS == (project / "users.py").read_text()
    assert before == sorted(project.iterdir())


def test_a_report_that_cannot_be_written(project: Path) -> None:
    result = lint("--output-file", "gone/report.txt")

    assert (2, "", 1) == (result.status, result.out, len(result.err.splitlines()))
    assert "cannot write gone/report.txt: No such file or directory" in result.err


# Interrupts and broken pipes

needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")


def children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be buried does not."""
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def wait_for(condition: Callable[[], object], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def many_files(project: Path, count: int) -> None:
    """Enough source that a run lasts for seconds and takes processes."""
    functions = "\n\n".join(
        f"async def save{number}(session: AsyncSession, user: object) -> None:\n"
        f"    values = [(number, str(number) + 'x') for number in range({number})]\n"
        "    session.add(user)\n    await session.execute(values)\n    await session.commit()"
        for number in range(40)
    )
    for number in range(count):
        (project / f"module{number}.py").write_text(f"{FORGETS}\n\n{functions}\n")


@needs_proc
def test_ctrl_c_while_checking(project: Path) -> None:
    many_files(project, 150)
    process = start("-j", "2")
    assert wait_for(lambda: len(children(process.pid)) == 2), process.communicate()
    workers = children(process.pid)
    time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process of the group
    out, err = process.communicate(timeout=20)

    assert (130, "") == (process.returncode, out)
    assert ["asyncdb-lint: interrupted"] == err.split("\n")[:-1]
    assert wait_for(lambda: not any(map(is_alive, workers)))


@needs_proc
def test_workers_do_not_outlive_a_parent_that_is_killed(project: Path) -> None:
    many_files(project, 150)
    process = start("-j", "2")
    assert wait_for(lambda: len(children(process.pid)) == 2), process.communicate()
    workers = children(process.pid)
    process.kill()
    process.communicate(timeout=20)

    assert wait_for(lambda: not any(map(is_alive, workers)))


def test_ctrl_c_while_repairing(project: Path) -> None:
    (project / "users.py").unlink()
    many_files(project, 10)
    files = sorted(project.glob("*.py"))
    broken = files[0].read_text()
    repaired = broken.replace("    session.commit", "    await session.commit", 1)
    process = start("--fix", "-j", "1")
    assert wait_for(lambda: any(file.read_text() != broken for file in files)), process.communicate()
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=20)

    assert (130, "") == (process.returncode, out), err
    assert ["asyncdb-lint: interrupted"] == err.split("\n")[:-1]
    assert {broken, repaired} >= {file.read_text() for file in files}
    assert [*files, project / "pyproject.toml"] == sorted(project.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break elsewhere")
@pytest.mark.parametrize("rows", [0, 3])
def test_a_broken_pipe(project: Path, rows: int) -> None:
    (project / "users.py").write_text(FORGETS + "    session.flush()\n" * 1500)
    process = start()
    assert process.stdout is not None
    assert process.stderr is not None
    for _ in range(rows):
        assert "ADB201" in process.stdout.readline()
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()

    assert (0, "") == (process.wait(timeout=20), said)
