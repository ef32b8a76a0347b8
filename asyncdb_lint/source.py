"""One source file: its bytes as text, its tree, and how changed text gets back to disk.

A file that cannot be read, decoded or parsed is a finding (ADB002) with its place, never an exception.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import signal
import stat
import tempfile
import threading
from typing import TYPE_CHECKING

from asyncdb_lint.errors import UsageProblem
from asyncdb_lint.finding import Finding, Position, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import libcst as cst

UTF8_BOM = b"\xef\xbb\xbf"
MAX_DEPTH = 200  # brackets; Python's tokenizer stops there, libcst's parser overflows the stack at some 1,100
MAX_CHAIN = 2000  # operators in a row; libcst's parser overflows the stack at some 3,400 lambdas
MAX_ELIFS = 5000  # in one file; libcst's parser overflows the stack at some 7,900 in one chain

_NEWLINE = re.compile(r"\r\n?|\n")
_FORM_FEED = re.compile(r"^[ \t]*\f[ \t\f]*[^\s#]", re.MULTILINE)
_TOKEN = re.compile(
    r"[(\[{]|[)\]}]|\#[^\r\n]*|(?P<prefix>\b[A-Za-z]{1,2})?"
    r'(?:"""[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"""|\'\'\'[^\'\\]*(?:(?:\\.|\'(?!\'\'))[^\'\\]*)*\'\'\''
    r'|"[^"\\\r\n]*(?:\\.[^"\\\r\n]*)*"|\'[^\'\\\r\n]*(?:\\.[^\'\\\r\n]*)*\')',
    re.DOTALL,
)
_CHAIN = re.compile(
    rf"(?:[-+~]\s*){{{MAX_CHAIN}}}|(?:\bnot\s+){{{MAX_CHAIN}}}|(?:\blambda\b[^:\n]{{0,20}}:\s*){{{MAX_CHAIN}}}"
)
_CHAINED = ("-", "+", "~", "not", "lambda")
_NO_BRACKETS = bytes(set(range(256)) - set(b"()[]{}"))
_LIBCST_PLACE = re.compile(r"error at (\d+):(\d+)")


class Lines:
    """Positions of one text as offsets and back; `\\n`, `\\r\\n` and `\\r` end a row, as for libcst."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0, *(match.end() for match in _NEWLINE.finditer(text))]

    def offset(self, position: Position) -> int:
        """Where a position is in the text. Raises `ValueError` for a place outside of it."""
        if not 1 <= position.row <= len(self.starts) or position.column < 1:
            raise ValueError(f"no row {position.row}, column {position.column} in the text")
        offset = self.starts[position.row - 1] + position.column - 1
        if offset > len(self.text):
            raise ValueError(f"no row {position.row}, column {position.column} in the text")
        return offset

    def position(self, offset: int) -> Position:
        """The row and column of an offset."""
        import bisect

        row = bisect.bisect_right(self.starts, offset)
        return Position(row, offset - self.starts[row - 1] + 1)


def newline_of(text: str) -> str:
    """The newline that a text mostly uses; `\\n` when it has none."""
    counts = {"\n": 0, "\r\n": 0, "\r": 0}
    for match in _NEWLINE.finditer(text):
        counts[match.group()] += 1
    return max(counts, key=counts.__getitem__)


def unreadable(
    path: str, message: str, at: Position | None = None, *, why: str = "", help: str = ""
) -> Finding:
    """The finding for a file or folder that could not be read; `path` is absolute."""
    place = at or Position(1, 1)
    return Finding(
        filename=path, location=place, end_location=place, code="ADB002", name="unreadable-file",
        message=message, severity=Severity.ERROR, noqa_row=place.row, why=why, help=help,
    )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class SourceFile:
    """A file's text without its byte order mark, newlines as they are, and what turns it into bytes again."""

    path: str
    text: str
    encoding: str = "utf-8"
    bom: bool = False
    round_trips: bool = True
    """Whether text and tree give the file's bytes again; a file of which they do not is never rewritten."""
    problem: Finding | None = None

    @classmethod
    def read(cls, path: Path, data: bytes | None = None) -> SourceFile:
        """Read and decode `path` (or take `data` for its content); what goes wrong is in `problem`."""
        name = path.as_posix()
        if data is None:
            try:
                data = path.read_bytes()
            except OSError as error:
                return cls(name, "", problem=unreadable(name, f"cannot be read: {error.strerror or error}"))
        return cls.decode(name, data)

    @classmethod
    def decode(cls, path: str, data: bytes) -> SourceFile:
        """The text of `data` by Python's rules: byte order mark, PEP 263 comment, else UTF-8."""
        bom = data.startswith(UTF8_BOM)
        try:
            encoding = (
                _declared_encoding(data) if bom or b"coding" in b"".join(_first_lines(data)) else "utf-8"
            )
        except SyntaxError as error:
            return cls(path, "", bom=bom, problem=unreadable(path, f"{error.msg}", help=_SAVE_AS_UTF8))
        body = data[len(UTF8_BOM) :] if bom else data
        try:
            text = body.decode(encoding)
            round_trips = encoding == "utf-8" or text.encode(encoding) == body
            round_trips &= _FORM_FEED.search(text) is None  # libcst drops a form feed before code
        except (LookupError, UnicodeError) as error:
            return cls(path, "", encoding, bom, problem=_undecodable(path, body, encoding, error))
        problem = None
        if "\0" in text:
            where = Lines(text).position(text.index("\0"))
            problem = unreadable(path, "contains a NUL byte, which Python source cannot", where)
        return cls(path, text, encoding, bom, round_trips, problem)

    def encode(self, text: str) -> bytes:
        """`text` as this file's bytes. Raises `UnicodeEncodeError` for what its encoding does not have."""
        return (UTF8_BOM if self.bom else b"") + text.encode(self.encoding)

    def parse(self) -> cst.Module | Finding:
        """The file's tree, or the finding that says why there is none."""
        if self.problem is not None:
            return self.problem
        import libcst as cst

        if (place := too_deep(self.text)) is not None:
            return unreadable(
                self.path, "nested too deeply to be parsed", Lines(self.text).position(place),
                why=f"Python itself stops at {MAX_DEPTH} nested brackets",
            )  # fmt: skip
        try:
            return cst.parse_module(self.text)
        except cst.ParserSyntaxError as error:
            return _syntax_error(self.path, self.text, error)
        except RecursionError:
            return unreadable(self.path, "nested too deeply to be parsed")
        except Exception as error:
            return unreadable(
                self.path, f"cannot be parsed: {str(error).splitlines()[0] if str(error) else error!r}"
            )


_SAVE_AS_UTF8 = "save the file as UTF-8, or name its encoding in the first line: `# -*- coding: … -*-`"


def _first_lines(data: bytes) -> list[bytes]:
    head = data[:4096]  # a comment further along than this is not about encoding
    return head.splitlines(keepends=True)[:2]


def _declared_encoding(data: bytes) -> str:
    """What `tokenize` makes of the first two lines. Raises `SyntaxError` for an unknown encoding."""
    import tokenize

    lines = iter(_first_lines(data))
    return tokenize.detect_encoding(lambda: next(lines, b""))[0].removesuffix("-sig")


def _undecodable(path: str, body: bytes, encoding: str, error: LookupError | UnicodeError) -> Finding:
    if not isinstance(error, UnicodeDecodeError):
        return unreadable(path, f"cannot be decoded as {encoding}: {error}", help=_SAVE_AS_UTF8)
    before = body[: error.start].decode(encoding, "replace")
    message = f"is not valid {encoding}: byte 0x{body[error.start]:02x} cannot be decoded"
    return unreadable(path, message, Lines(before).position(len(before)), help=_SAVE_AS_UTF8)


def too_deep(text: str) -> int | None:
    """Where nesting gets so deep that the native parser would crash the process; None for everything sane."""
    if any(text.count(operator) >= MAX_CHAIN for operator in _CHAINED) and (chain := _CHAIN.search(text)):
        return chain.start()
    if text.count("elif") > MAX_ELIFS:
        return text.index("elif")
    if _depth_at_most(text) <= MAX_DEPTH:
        return None
    depth = 0
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token in "([{":
            depth += 1
        elif token in ")]}":
            depth = max(depth - 1, 0)
        elif (
            (prefix := match["prefix"]) and prefix.lower().strip("rb") and _deepest(token) + depth > MAX_DEPTH
        ):
            return match.start()  # an f-string or t-string: its brackets are code
        if depth > MAX_DEPTH:
            return match.start()
    return None


def _depth_at_most(text: str) -> int:
    """A quick upper bound of how deep brackets nest, for text whose strings do not set out to deceive it."""
    brackets = text.encode("utf-8", "surrogatepass").translate(None, _NO_BRACKETS)
    bound = 0
    while bound <= MAX_DEPTH:
        inner = brackets.replace(b"()", b"").replace(b"[]", b"").replace(b"{}", b"")
        if len(inner) == len(brackets):
            break
        brackets = inner
        bound += 3  # one round can take a pair of each kind, each around the other
    return bound + len(brackets)


def _deepest(literal: str) -> int:
    depth = deepest = 0
    for character in literal:
        if character in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")]}":
            depth -= 1
    return deepest


def _syntax_error(path: str, text: str, error: cst.ParserSyntaxError) -> Finding:
    """Python's own words and place where it sees the error too: libcst names the token after it."""
    import ast
    import warnings

    place = _LIBCST_PLACE.search(error.message)
    row = int(place[1]) if place else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as found:
        # An older running Python stumbles over newer grammar long before the error: trust it only nearby.
        near = row is None or found.lineno is None or row - 3 <= found.lineno <= row
        if found.lineno is not None and (near or "never closed" in found.msg):
            at = Position(max(found.lineno, 1), max(found.offset or 1, 1))
            return unreadable(path, f"syntax error: {found.msg}", at)
    except (ValueError, MemoryError, RecursionError):
        pass  # not Python's to tell either
    message = error.message.partition(": expected one of")[0].partition("\n")[0]
    if place is None:
        return unreadable(path, f"syntax error: {message.removeprefix('tokenizer error: ')}")
    return unreadable(path, "syntax error before this place", Position(int(place[1]), int(place[2]) + 1))


def write_atomically(path: Path, data: bytes) -> None:
    """Put `data` in the place of the file at `path`: all of it, or nothing and `UsageProblem`.

    A link stays a link, its target is rewritten. Mode stays, and the owner where the system lets us. An interrupt
    waits until the file is whole and nothing lies beside it.
    """
    with interrupts_wait():
        replace_whole(path, os.path.realpath(path), data)


@contextlib.contextmanager
def interrupts_wait() -> Iterator[None]:
    """Ctrl-C takes effect at the end of the block; only the main thread ever sees it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if handler is None else handler)
        if pressed:
            signal.raise_signal(signal.SIGINT)


def replace_whole(path: Path, target: str, data: bytes) -> None:
    temporary = None
    try:
        before = os.stat(target)
        if not before.st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) or not os.access(
            target, os.W_OK
        ):
            raise PermissionError(0, "the file is read-only")
        handle, temporary = tempfile.mkstemp(prefix=".asyncdb-lint-", dir=os.path.dirname(target))
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(OSError, AttributeError):  # not ours to give away, or not POSIX
            os.chown(temporary, before.st_uid, before.st_gid)
        os.chmod(temporary, stat.S_IMODE(before.st_mode))
        os.replace(temporary, target)
        temporary = None
    except OSError as error:
        raise UsageProblem(
            f"cannot write {path}: {error.strerror or error}; the file is unchanged"
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def write_text(path: Path, text: str) -> None:
    """Write a report to a new or existing file. Raises `UsageProblem` when that cannot be."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageProblem(f"cannot write {path}: {error.strerror or error}") from error
