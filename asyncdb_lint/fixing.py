"""From fixes to a changed file: edits on text, what to do when they collide, and proof that each one helped.

`edits_for` turns a rule's replacement nodes into edits, `apply` puts the edits of many findings into one
text, `repair` repeats that until nothing is left to mend and drops fixes that do not do what they promise.
"""

from __future__ import annotations

import bisect
import functools
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from asyncdb_lint.finding import Applicability, Edit, Finding
from asyncdb_lint.source import Lines

if TYPE_CHECKING:
    import libcst as cst

    from asyncdb_lint.positions import Positions

MAX_ROUNDS = 10

Check = Callable[[str], list[Finding]]


class Change(NamedTuple):
    """An edit by offsets: `text[start:end]` becomes `content`."""

    start: int
    end: int
    content: str


class Applied(NamedTuple):
    """The new text, the findings whose fix is in it, and those that must wait for the next round."""

    text: str
    applied: list[Finding]
    skipped: list[Finding]


class RepairResult(NamedTuple):
    """What repairing a file came to; `dropped` are the findings whose fix was tried and did not hold.

    `remaining` is what the last check found; dropped findings stand in it without their fix.
    """

    text: str
    fixed: list[Finding]
    remaining: list[Finding]
    dropped: list[Finding]


def edits_for(
    module: cst.Module,
    replacements: Sequence[tuple[cst.CSTNode, cst.CSTNode | None]],
    add_imports: Sequence[tuple[str, str | None, str | None]] = (),
    remove_unused: Sequence[tuple[str, str]] = (),
    positions: Positions | None = None,
) -> tuple[Edit, ...]:
    """A repair as edits, in the order of their places.

    `replacements` pairs nodes of `module` with what stands there afterwards (None: nothing). `add_imports`
    are (module, name or None, alias or None), `remove_unused` (module, name; "" for `import module`): they go
    when nothing else in the file names them. `positions` are those of its nodes, where they are known already.
    Raises `ValueError` for a node that is not in the module or cannot be removed.
    """
    from asyncdb_lint.imports_edit import import_changes
    from asyncdb_lint.node_edit import NodeEditor

    editor = NodeEditor(module, positions)
    changes = [editor.change(old, new) for old, new in replacements]
    changes += import_changes(editor, add_imports, remove_unused, changes)
    lines = editor.lines
    return tuple(
        Edit(lines.position(change.start), lines.position(change.end), change.content)
        for change in sorted(set(changes))
        if change.content != editor.text[change.start : change.end]
    )


def apply(text: str, findings: Iterable[Finding]) -> Applied:
    """Apply the fixes of `findings` to `text`, each whole or not at all.

    Fixes that touch or overlap do not mix: the finding that comes first in the file (then by code) wins. An
    edit that two fixes share, such as the same import, is made once.
    """
    lines = Lines(text)
    taken: list[Change] = []
    applied, skipped = [], []
    for finding in sorted(findings, key=lambda finding: (finding.location, finding.code, finding.order)):
        try:
            changes = changes_of(finding, lines)
        except ValueError:
            changes = []
        fresh = [change for change in changes if change not in taken]
        if changes and all(_free(change, taken) for change in fresh):
            for change in fresh:
                bisect.insort(taken, change)
            applied.append(finding)
        else:
            skipped.append(finding)
    return Applied(rewritten(text, taken), applied, skipped)


def changes_of(finding: Finding, lines: Lines) -> list[Change]:
    """The edits of a finding's fix in order. Raises `ValueError` when they overlap or lie outside."""
    edits = finding.fix.edits if finding.fix is not None else ()
    changes = sorted(
        Change(lines.offset(edit.location), lines.offset(edit.end_location), edit.content) for edit in edits
    )
    for before, after in itertools.pairwise(changes):
        if before.end > after.start or before[:2] == after[:2]:
            raise ValueError(f"overlapping edits in the fix of {finding.code}")
    if any(change.start > change.end for change in changes):
        raise ValueError(f"an edit in the fix of {finding.code} ends before it starts")
    return changes


def _free(change: Change, taken: Sequence[Change]) -> bool:
    """Whether a change neither overlaps nor touches those `taken`, which are sorted and apart."""
    index = bisect.bisect_left(taken, change)
    return all(
        change.end < other.start or other.end < change.start for other in taken[max(index - 2, 0) : index + 2]
    )


def rewritten(text: str, changes: Sequence[Change]) -> str:
    """`text` with changes that are in order and apart."""
    pieces, at = [], 0
    for change in changes:
        pieces += [text[at : change.start], change.content]
        at = change.end
    return "".join([*pieces, text[at:]])


def _moved(offset: int, changes: Sequence[Change]) -> int:
    """Where a place of the old text is in the new one; inside a change, where the change starts."""
    shift = 0
    for change in changes:
        if change.end <= offset and change.start < offset:
            shift += len(change.content) - (change.end - change.start)
        elif change.start < offset:
            return change.start + shift
    return offset + shift


def repair(
    text: str, check: Check, *, unsafe: bool = False, findings: list[Finding] | None = None
) -> RepairResult:
    """Fix `text` until nothing fixable is left, at most `MAX_ROUNDS` times.

    `check` gives the findings of a text (`findings` are those of `text` if they are known). A fix stays only
    when its finding is gone afterwards and no other came, a syntax error (ADB002) included; otherwise it is
    dropped and the others are kept. `unsafe` takes unsafe fixes too.
    """
    check = functools.cache(check)  # what was tried alone is often what is kept
    current = _State(text, check(text) if findings is None else findings, frozenset())
    fixed: list[Finding] = []
    dropped: list[Finding] = []
    seen = {text}
    for _ in range(MAX_ROUNDS):
        candidates = current.fixable(unsafe)
        wanted = apply(current.text, candidates).applied
        if not wanted:
            break
        kept, guilty = _sift(current, wanted, check)
        dropped += guilty
        current = current._replace(given_up=current.given_up | {current.key(finding) for finding in guilty})
        if not kept:
            continue
        following = _attempt(current, kept, check)
        if following is None or following.text in seen:  # `check` wavers, or two fixes undo each other
            break
        seen.add(following.text)
        fixed += kept
        current = following
    return RepairResult(current.text, fixed, current.remaining(), dropped)


class _State(NamedTuple):
    """A text between two rounds. `given_up` holds code and offset of findings whose fix was dropped."""

    text: str
    findings: list[Finding]
    given_up: frozenset[tuple[str, int]]

    def key(self, finding: Finding) -> tuple[str, int]:
        return finding.code, Lines(self.text).offset(finding.location)

    def fixable(self, unsafe: bool) -> list[Finding]:
        lines = Lines(self.text)
        return [
            finding
            for finding in self.findings
            if finding.fix is not None
            and (unsafe or finding.fix.applicability is Applicability.SAFE)
            and (finding.code, lines.offset(finding.location)) not in self.given_up
        ]

    def remaining(self) -> list[Finding]:
        return [
            msgspec.structs.replace(finding, fix=None)
            if finding.fix is not None and self.key(finding) in self.given_up
            else finding
            for finding in self.findings
        ]


def _attempt(state: _State, wanted: Sequence[Finding], check: Check) -> _State | None:
    """The state after the fixes of `wanted`, or None when one does not clear its finding or brings a new one.

    New and cleared are counted by code: places move, and messages quote code that other fixes change.
    """
    lines = Lines(state.text)
    changes = sorted({change for finding in wanted for change in changes_of(finding, lines)})
    text = rewritten(state.text, changes)
    found = check(text)
    allowed = Counter(finding.code for finding in state.findings)
    allowed.subtract(finding.code for finding in wanted)
    if any(count > allowed[code] for code, count in Counter(finding.code for finding in found).items()):
        return None
    new_lines = Lines(text)
    places = {(finding.code, new_lines.offset(finding.location)) for finding in found}
    if any((code, _moved(offset, changes)) in places for code, offset in map(state.key, wanted)):
        return None
    return _State(text, found, frozenset((code, _moved(offset, changes)) for code, offset in state.given_up))


def _sift(state: _State, wanted: Sequence[Finding], check: Check) -> tuple[list[Finding], list[Finding]]:
    """Those fixes that hold together, and those that do not hold even alone.

    What holds alone but not with the others is in neither: the next round tries it on the new text.
    """
    if _attempt(state, wanted, check) is not None:
        return list(wanted), []
    if len(wanted) == 1:
        return [], list(wanted)
    middle = len(wanted) // 2
    left, guilty_left = _sift(state, wanted[:middle], check)
    right, guilty_right = _sift(state, wanted[middle:], check)
    guilty = guilty_left + guilty_right
    if not left or not right or _attempt(state, left + right, check) is not None:
        return left + right, guilty
    return left, guilty


def unified_diff(path: str, before: str, after: str) -> str:
    """The change as `git diff` shows it, for `git apply` and `patch`; empty when nothing changed."""
    if before == after:
        return ""
    import difflib

    name = path.lstrip("/")
    diff = difflib.unified_diff(_git_lines(before), _git_lines(after), f"a/{name}", f"b/{name}")
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in diff
    )


def _git_lines(text: str) -> list[str]:
    """Lines as git counts them: only `\\n` ends one."""
    lines = text.split("\n")
    return [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
