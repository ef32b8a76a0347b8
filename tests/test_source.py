"""Bytes in, tree or diagnosis out, and back to disk whole or not at all."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any

import libcst as cst
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdb_lint.errors import UsageProblem
from asyncdb_lint.finding import Finding, Position
from asyncdb_lint.source import Lines, SourceFile, newline_of, too_deep, write_atomically

if TYPE_CHECKING:
    from pathlib import Path


def problem(data: bytes) -> Finding:
    found = SourceFile.decode("/x.py", data).parse()
    assert isinstance(found, Finding)
    return found


# Decoding


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x = 1\n",
        b"x = 1",
        b"x = 1\r\ny = 2\r\n",
        b"x = 1\ry = 2\r",
        b"x = 1\r\ny = 2\nz = 3\r",
        b"\xef\xbb\xbfx = '\xc3\xa9'\n",
        b"# -*- coding: latin-1 -*-\nx = '\xe9'\n",
        b"#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\nx = '\x80'\n",
        b"#!/usr/bin/python\r# coding: latin-1\rx = '\xe9'\r",
        b"# coding: shift_jis\nx = '\x83\x65\x83\x58\x83\x67'\n",
        b"x = 1\n\x0c\nclass A: ...\n",
    ],
)
def test_bytes_survive_the_round_trip(data: bytes) -> None:
    file = SourceFile.decode("/x.py", data)
    tree = file.parse()

    assert isinstance(tree, cst.Module)
    assert file.text.removesuffix("\r") == tree.code.removesuffix("\r")  # libcst drops a last lone \r
    assert file.round_trips
    assert data == file.encode(file.text)


def test_the_declared_encoding_decides() -> None:
    file = SourceFile.decode("/x.py", b"# coding: latin-1\nx = '\xe9'\n")

    assert (file.encoding, file.text) == ("iso-8859-1", "# coding: latin-1\nx = 'é'\n")
    with pytest.raises(UnicodeEncodeError):
        file.encode("x = '€'")


def test_a_coding_comment_on_the_third_line_is_only_a_comment() -> None:
    assert SourceFile.decode("/x.py", b"\n\n# coding: latin-1\nx = '\xc3\xa9'\n").encoding == "utf-8"


def test_a_form_feed_that_libcst_would_drop_is_marked() -> None:
    assert not SourceFile.decode("/x.py", b"a = 1\n\x0cclass A: ...\n").round_trips


def test_an_encoding_that_does_not_restore_its_bytes_is_marked() -> None:
    odd = b"# coding: iso2022_jp\nx = '\x1b(J\x1b(B'\n"

    assert not SourceFile.decode("/x.py", odd).round_trips


def test_a_byte_that_is_not_utf8_is_named_with_its_place() -> None:
    found = problem("x = 1\r\nyé = '".encode() + b"\xff'\n")

    assert ("ADB002", Position(2, 7)) == (found.code, found.location)
    assert found.message == "is not valid utf-8: byte 0xff cannot be decoded"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"# coding: no-such-thing\n", "unknown encoding"),
        (b"\xef\xbb\xbf# coding: latin-1\n", "encoding problem"),
        (b"# coding: rot13\nk = 1\n", "rot13"),
        (b"x = '\0'\n", "NUL byte"),
        ("x = 1\n".encode("utf-16"), "is not valid utf-8: byte 0xff"),
    ],
)
def test_undecodable_files_get_one_clear_line(data: bytes, message: str) -> None:
    found = problem(data)

    assert message in found.message
    assert "\n" not in found.message


def test_a_nul_byte_has_its_place() -> None:
    assert Position(2, 5) == problem(b"x = 1\ny = \0\n").location


def test_a_file_that_is_gone_is_a_finding(tmp_path: Path) -> None:
    found = SourceFile.read(tmp_path / "gone.py").parse()

    assert isinstance(found, Finding)
    assert found.message == "cannot be read: No such file or directory"


# Parsing


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("x = (\n", Position(1, 5), "never closed"),
        ("a = 1\nb = = 2\n", Position(2, 5), "invalid syntax"),
        ("a = 1\rb = = 2\r", Position(2, 5), "invalid syntax"),
        ("a = 1\nx = '''abc\n", Position(2, 5), "unterminated"),
        ("if x:\n    a\n  b\n", None, "indent"),
        ("print 'a'\n", Position(1, 1), "print"),
        ("def f():\nreturn 1\n", Position(2, 1), "expected an indented block"),
    ],
)
def test_a_syntax_error_has_the_guilty_place(text: str, place: Position | None, message: str) -> None:
    found = problem(text.encode())

    assert found.code == "ADB002"
    assert message in found.message
    assert place in (None, found.location)


def test_grammar_of_newer_pythons_is_not_an_error() -> None:
    assert isinstance(SourceFile.decode("/x.py", b"type X[T] = list[T]\nf'{x['a']}'\n").parse(), cst.Module)


NESTED = {
    "parentheses": "x = " + "(" * 2000 + "1" + ")" * 2000,
    "lists": "x = " + "[" * 2000 + "]" * 2000,
    "calls": "x = " + "f(" * 2000 + "1" + ")" * 2000,
    "never closed": "x = " + "(" * 2000,
    "in an f-string": "x = f'{" + "(" * 2000 + "1" + ")" * 2000 + "}'",
    "after a string that closes": "x = " + "('))))))' + " * 2000 + "1" + ")" * 2000,
    "not": "x = " + "not " * 20000 + "1",
    "minus": "x = " + "-" * 20000 + "1",
    "lambda": "x = " + "lambda: " * 20000 + "1",
    "elif": "if a:\n  pass\n" + "elif b:\n  pass\n" * 20000,
}


@pytest.mark.parametrize("text", NESTED.values(), ids=NESTED.keys())
def test_deep_nesting_is_a_finding_and_no_crash(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text(text + "\n")
    script = (
        "import pathlib, sys; from asyncdb_lint.source import SourceFile;"
        "print(SourceFile.read(pathlib.Path(sys.argv[1])).parse().message)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "x.py")], capture_output=True, text=True, timeout=60
    )

    assert (done.returncode, done.stdout) == (0, "nested too deeply to be parsed\n")


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert (
        too_deep("x = [" + "(1, '(((', [2]), # ((((\n" * 5000 + "]\n" + '"""' + "(" * 999 + '"""\n') is None
    )


def test_as_deep_as_python_allows_is_parsed() -> None:
    assert isinstance(SourceFile("/x.py", "x = " + "(" * 199 + "1" + ")" * 199).parse(), cst.Module)


@pytest.mark.slow
def test_a_file_of_five_megabytes_is_parsed() -> None:
    text = "ROWS = [\n" + f"    (1, '{'some text ' * 100}', None),\n" * 5_000 + "]\n"
    assert len(text) > 5_000_000

    assert isinstance(SourceFile("/x.py", text).parse(), cst.Module)


# Positions


@given(st.text(alphabet="ab é\n\r\u2028\x0c"), st.data())
def test_places_and_offsets_are_the_same_thing(text: str, data: st.DataObject) -> None:
    lines = Lines(text)
    offset = data.draw(st.integers(0, len(text)))

    assert offset == lines.offset(lines.position(offset))


@pytest.mark.parametrize("place", [Position(0, 1), Position(1, 0), Position(3, 1), Position(2, 9)])
def test_a_place_outside_the_text_is_refused(place: Position) -> None:
    with pytest.raises(ValueError, match="no row"):
        Lines("a\nb").offset(place)


def test_the_most_frequent_newline_is_the_file_s_own() -> None:
    assert [newline_of(text) for text in ("", "a\r\nb\r\nc\n", "a\rb", "a\nb")] == ["\n", "\r\n", "\r", "\n"]


# Writing


def test_content_mode_and_nothing_else_in_the_folder(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_bytes(b"old\r\n")
    file.chmod(0o754)
    write_atomically(file, b"new\r\n")

    assert file.read_bytes() == b"new\r\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o754
    assert [file] == list(tmp_path.iterdir())


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "x.py"
    target.write_text("old")
    link = tmp_path / "x.py"
    link.symlink_to(target)
    write_atomically(link, b"new")

    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_read_only_file_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text("old")
    file.chmod(0o444)
    with pytest.raises(UsageProblem, match=r"cannot write .*x\.py: the file is read-only"):
        write_atomically(file, b"new")

    assert file.read_text() == "old"


@pytest.mark.parametrize("call", ["mkstemp", "fsync", "replace", "chmod"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_failed_write_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    file = tmp_path / "x.py"
    file.write_text("old")

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(tempfile if call == "mkstemp" else os, call, fail)
    with pytest.raises(UsageProblem, match=os.strerror(code)):
        write_atomically(file, b"new")
    monkeypatch.undo()

    assert file.read_text() == "old"
    assert [file] == list(tmp_path.iterdir())


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
def test_a_disk_that_is_full_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x.py"
    file.write_text("old")
    real = tempfile.mkstemp

    def on_a_full_disk(prefix: str, dir: str) -> tuple[int, str]:
        handle, name = real(prefix=prefix, dir=dir)
        os.dup2(os.open("/dev/full", os.O_WRONLY), handle)
        return handle, name

    monkeypatch.setattr(tempfile, "mkstemp", on_a_full_disk)
    with pytest.raises(UsageProblem, match="No space left on device"):
        write_atomically(file, b"new" * 100_000)

    assert file.read_text() == "old"
    assert [file] == list(tmp_path.iterdir())


def test_an_interrupt_in_the_middle_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x.py"
    file.write_text("old")

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(file, b"new")

    assert file.read_text() == "old"
    assert [file] == list(tmp_path.iterdir())


@pytest.mark.parametrize("at", ["mkstemp", "fsync", "replace", "unlink"])
def test_an_interrupt_waits_for_the_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    file = tmp_path / "module.py"
    file.write_bytes(b"old")
    module: Any = tempfile if at == "mkstemp" else os
    real = getattr(module, at)

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        done = real(*args, **kwargs)
        signal.raise_signal(signal.SIGINT)
        return done

    def fails(*args: object) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(module, at, interrupted)
    if at == "unlink":
        monkeypatch.setattr(os, "replace", fails)

    with pytest.raises(KeyboardInterrupt):
        write_atomically(file, b"new")

    assert (b"old" if at == "unlink" else b"new") == file.read_bytes()
    assert [file] == list(tmp_path.iterdir())
    assert signal.default_int_handler is signal.getsignal(signal.SIGINT)
