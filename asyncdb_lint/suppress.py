"""Ignore comments: `# asyncdb: ignore[ADB102] why`, `# noqa: ADB102`, `# asyncdb: skip-file`.

A comment on a line silences findings on that line or on the statement that starts there; alone on a line, it speaks
for the next line of code. An ignore that silences nothing is itself a finding (ADB001).
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Collection, Iterator, Sequence

import libcst as cst

from asyncdb_lint import codes
from asyncdb_lint.finding import Applicability, Edit, Finding, Fix, Position, Severity
from asyncdb_lint.positions import Positions

OURS = re.compile(r"#\s*asyncdb:\s*(?P<verb>ignore|skip-file)\b(?:\[(?P<codes>[^\]]*)\])?")
NOQA = re.compile(r"#\s*noqa(?::\s?(?P<codes>[A-Za-z]+[0-9]+(?:[,\s]+[A-Za-z]+[0-9]+)*))?", re.IGNORECASE)
ADDRESSED = re.compile(r"#\s*asyncdb:|noqa:[^\n]*ADB", re.IGNORECASE)
WORD = re.compile(r"[\w-]+")
NEWLINE = re.compile(r"\r\n?|\n")  # what ends a row for libcst; `splitlines` knows more
SKIP_WITHIN = 10  # lines: "near the top", or further down while there is nothing but comments


@dataclasses.dataclass
class Ignore:
    """One code in one comment. `row` is the line that it speaks for, `start` and `end` columns of the code."""

    word: str
    code: str | None
    row: int
    comment: Comment
    start: int
    used: bool = False


@dataclasses.dataclass(frozen=True)
class Comment:
    """A comment's place (1-based), text, and whether nothing else is on its line."""

    row: int
    column: int
    text: str
    alone: bool


@dataclasses.dataclass(frozen=True)
class Settled:
    """What is left of a file's findings, how many were silenced, and the unused ignores among the former."""

    findings: list[Finding]
    suppressed: int


def settle(
    findings: Sequence[Finding], tree: cst.Module, text: str, path: str, enabled: Collection[str]
) -> Settled:
    """Let the comments of a file have their say about its findings."""
    if ("asyncdb:" not in text and "noqa" not in text.lower()) or (
        not findings and not ADDRESSED.search(text)
    ):
        return Settled(list(findings), 0)
    lines = NEWLINE.split(text)
    comments = list(comments_of(tree, lines))
    if any(skips_file(comment, lines) for comment in comments):
        return Settled([], len(findings))
    ignores = [ignore for comment in comments for ignore in ignores_of(comment, lines)]
    bare = {comment.row for comment in comments if is_bare_noqa(comment)}
    kept = [each for each in findings if not silenced(each, ignores, bare)]
    suppressed = len(findings) - len(kept)
    if "ADB001" in enabled:
        for comment in comments:
            own = [ignore for ignore in ignores if ignore.comment is comment]
            unused = [ignore for ignore in own if is_unused(ignore, enabled)]
            if unused and all(ignore.code != "ADB001" for ignore in own):
                kept.append(report(comment, own, unused, lines, path))
    return Settled(kept, suppressed)


def comments_of(tree: cst.Module, lines: Sequence[str]) -> Iterator[Comment]:
    """The comments of a file that concern us; text that looks like one inside a string is none."""
    nodes = [node for node in comment_nodes(tree) if OURS.search(node.value) or NOQA.search(node.value)]
    texts = {node.value for node in nodes}
    rows = [row for row, line in enumerate(lines, 1) if any(map(line.endswith, texts))]
    if len(rows) != len(nodes):  # a string holds the same text: rendering the file is dear, so only now
        places = Positions(tree)
        rows = sorted(places[node].start.line for node in nodes)
    for row in rows:
        line = lines[row - 1]
        column = len(line) - len(max(filter(line.endswith, texts), key=len))
        yield Comment(row, column + 1, line[column:].rstrip(), not line[:column].strip())


def comment_nodes(tree: cst.Module) -> list[cst.Comment]:
    """Every comment in a tree. libcst's own `children` go through its visitors, as dear as parsing once more."""
    found = []
    todo: list[cst.CSTNode] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, cst.Comment):
            found.append(node)
        for name in field_names(type(node)):
            value = getattr(node, name)
            if isinstance(value, (list, tuple)):
                todo += value
            elif isinstance(value, cst.CSTNode):
                todo.append(value)
    return found


@functools.cache
def field_names(node_class: type[cst.CSTNode]) -> tuple[str, ...]:
    """The attributes of a class of nodes."""
    return tuple(field.name for field in dataclasses.fields(node_class))


def skips_file(comment: Comment, lines: Sequence[str]) -> bool:
    """Whether a comment takes the whole file out."""
    found = OURS.search(comment.text)
    if found is None or found["verb"] != "skip-file":
        return False
    return comment.row <= SKIP_WITHIN or all(is_code_free(line) for line in lines[: comment.row])


def is_bare_noqa(comment: Comment) -> bool:
    """`# noqa` without codes silences everything on its line; other tools need it, so it is never unused."""
    found = NOQA.search(comment.text)
    return found is not None and found["codes"] is None and not comment.text[found.end() :].startswith(":")


def ignores_of(comment: Comment, lines: Sequence[str]) -> Iterator[Ignore]:
    """The codes that a comment names, with the line that each speaks for."""
    found = OURS.search(comment.text)
    if found is not None and found["verb"] == "ignore" and found["codes"] is not None:
        row = next_code_row(comment, lines) if comment.alone else comment.row
        for word in WORD.finditer(found["codes"]):
            rule = codes.find(word[0])
            yield Ignore(
                word[0], rule.code if rule else None, row, comment, found.start("codes") + word.start()
            )
    found = NOQA.search(comment.text)
    if found is not None and found["codes"]:
        for word in WORD.finditer(found["codes"]):
            if word[0].upper().startswith("ADB"):
                rule = codes.find(word[0].upper())
                start = found.start("codes") + word.start()
                yield Ignore(word[0], rule.code if rule else None, comment.row, comment, start)


def next_code_row(comment: Comment, lines: Sequence[str]) -> int:
    """The first line after a comment that is neither blank nor a comment."""
    for row in range(comment.row, len(lines)):
        if not is_code_free(lines[row]):
            return row + 1
    return comment.row


def is_code_free(line: str) -> bool:
    """Whether a line is blank or nothing but a comment."""
    return not line.strip() or line.lstrip().startswith("#")


def silenced(finding: Finding, ignores: Sequence[Ignore], bare: Collection[int]) -> bool:
    """Whether a comment silences a finding; the ignores that do are used."""
    rows = {finding.location.row, finding.noqa_row}
    matching = [ignore for ignore in ignores if ignore.code == finding.code and ignore.row in rows]
    for ignore in matching:
        ignore.used = True
    return bool(matching) or bool(rows & set(bare))


def is_unused(ignore: Ignore, enabled: Collection[str]) -> bool:
    """An ignore of a rule that did not run may well be needed when it does."""
    return not ignore.used and (ignore.code is None or ignore.code in enabled)


def report(
    comment: Comment, own: Sequence[Ignore], unused: Sequence[Ignore], lines: Sequence[str], path: str
) -> Finding:
    """ADB001 for a comment, with the edit that removes what is not needed of it."""
    words = ", ".join(f"`{ignore.word}`" for ignore in unused)
    unknown = [ignore for ignore in unused if ignore.code is None]
    message = f"the ignore of {words} silences nothing"
    if unknown:
        message += f": there is no rule `{unknown[0].word}`{codes.nearest(unknown[0].word)}"
    start = Position(comment.row, comment.column)
    end = Position(comment.row, comment.column + len(comment.text))
    edits = removal(comment, unused, lines)
    fix = Fix(Applicability.SAFE, "Remove what silences nothing", edits) if edits else None
    return Finding(
        filename=path, location=start, end_location=end, code="ADB001", name="unused-ignore", message=message,
        severity=Severity.WARNING, noqa_row=comment.row,
        why="A stale ignore hides the next real finding on this line", help="remove it", fix=fix,
    )  # fmt: skip


def removal(comment: Comment, unused: Sequence[Ignore], lines: Sequence[str]) -> tuple[Edit, ...]:
    """The smallest edits that take unused codes out: of their lists, or the whole comment with the space before it.

    The codes of other tools stay. None where something else shares the comment: what of it to keep is the author's.
    """
    gone = {ignore.start for ignore in unused}
    edits = []
    for found in (OURS.search(comment.text), NOQA.search(comment.text)):
        if found is None or not found["codes"]:
            continue
        words = {found.start("codes") + word.start(): word[0] for word in WORD.finditer(found["codes"])}
        keep = [word for start, word in words.items() if start not in gone]
        if not keep:
            return () if comment.text.count("#") > 1 else (whole(comment, lines),)
        if len(keep) < len(words):
            first, last = min(words), max(words)
            start = Position(comment.row, comment.column + first)
            end = Position(comment.row, comment.column + last + len(words[last]))
            edits.append(Edit(start, end, ", ".join(keep)))
    return tuple(sorted(edits))


def whole(comment: Comment, lines: Sequence[str]) -> Edit:
    """The edit that removes a comment, with its line if it stands alone."""
    line = lines[comment.row - 1]
    if comment.alone:
        after = (
            Position(comment.row + 1, 1) if comment.row < len(lines) else Position(comment.row, len(line) + 1)
        )
        return Edit(Position(comment.row, 1), after, "")
    start = len(line[: comment.column - 1].rstrip()) + 1
    return Edit(Position(comment.row, start), Position(comment.row, len(line) + 1), "")
