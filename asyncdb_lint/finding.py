"""What a rule found: immutable values that reports print and fixes apply.

Positions are 1-based, columns count characters (code points), ends are exclusive: the same as ruff's.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

import msgspec


class Severity(enum.StrEnum):
    """How sure and how bad: `error` breaks, blocks or loses data; `warning` is risky; `info` is policy."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Applicability(enum.StrEnum):
    """Whether a fix keeps every behaviour but the bug (`safe`) or needs a look (`unsafe`)."""

    SAFE = "safe"
    UNSAFE = "unsafe"


class Position(msgspec.Struct, frozen=True, order=True):
    """A place in a file; both numbers start at 1."""

    row: int
    column: int


class Step(msgspec.Struct, frozen=True, order=True):
    """One labelled step of a finding's story: where a session was made, which call leads to the blocking line."""

    filename: str
    location: Position
    message: str


class Edit(msgspec.Struct, frozen=True, order=True):
    """Replace the text between two positions (end exclusive) by `content`; equal positions insert."""

    location: Position
    end_location: Position
    content: str


class Fix(msgspec.Struct, frozen=True, order=True):
    """A repair as text edits of the finding's own file, in order and without overlap."""

    applicability: Applicability
    message: str
    edits: tuple[Edit, ...]


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong, where, why, and what to do.

    `filename` is absolute and POSIX-like; reports make it relative. `message` is one line without full stop that
    names the user's own objects in backticks; `why` is one sentence on what happens at run time; `help` says
    what to write instead. `noqa_row` is the line on which an ignore comment silences it. `chain` leads from the
    outermost caller or origin to the finding's place.
    """

    filename: str
    location: Position
    end_location: Position
    code: str
    name: str
    message: str
    severity: Severity
    noqa_row: int
    why: str = ""
    help: str = ""
    chain: tuple[Step, ...] = ()
    fix: Fix | None = None

    @property
    def order(self) -> tuple[object, ...]:
        """What findings are sorted by; a fix cannot be compared with none."""
        return self.filename, self.location, self.end_location, self.code, self.message, self.chain


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """The findings by place, each once."""
    return sorted(set(findings), key=lambda finding: finding.order)


class Outcome(msgspec.Struct):
    """What a whole run came to.

    `suppressed` counts findings that ignore comments silenced, `fixed` those that were repaired; `diffs` show
    repairs that were not written; `crashes` are tracebacks of our own mistakes, one for each rule and file,
    `problems` lines for the user (a file that could not be written), `stdout` the repaired standard input,
    `sources` contents that are not on disk (standard input, before repairs).
    """

    findings: list[Finding]
    files: int
    suppressed: int = 0
    fixed: int = 0
    diffs: list[str] = []
    crashes: list[str] = []
    problems: list[str] = []
    stdout: bytes | None = None
    sources: dict[str, bytes] = {}
