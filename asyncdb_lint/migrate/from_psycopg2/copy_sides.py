"""What a COPY is between: which way its data go, and whether its file is of text or of bytes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import libcst as cst
import libcst.matchers as m

from asyncdb_lint.semantics.kinds import Function, Instance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.semantics.model import Binding

Direction = Literal["from", "to", ""]
Contents = Literal["text", "bytes", ""]
FROM = re.compile(r"\bFROM\s+STD(IN|OUT)\b", re.IGNORECASE)
TO = re.compile(r"\bTO\s+STD(IN|OUT)\b", re.IGNORECASE)
DEPTH = 4  # a statement goes through so many names
TEXTS = m.Name() | m.SimpleString() | m.FormattedStringText()

CONTENTS: dict[str, Contents] = {
    "io.StringIO": "text", "io.TextIOWrapper": "text", "io.BytesIO": "bytes", "sys.stdout": "text",
    "sys.stdout.buffer": "bytes",
}  # fmt: skip
OPENING = {
    "builtins.open": (1, "r"), "io.open": (1, "r"), "pathlib.Path.open": (0, "r"), "gzip.open": (1, "rb"),
    "bz2.open": (1, "rb"), "lzma.open": (1, "rb"), "tempfile.TemporaryFile": (0, "w+b"),
    "tempfile.NamedTemporaryFile": (0, "w+b"), "gzip.GzipFile": (1, "rb"),
}  # fmt: skip
"""Where the mode of what opens a file stands, and what it is if left out."""
BYTES_BY_DEFAULT = {"gzip.open", "bz2.open", "lzma.open", "gzip.GzipFile"}


def direction(file: FileContext, sql: cst.BaseExpression, depth: int = 0) -> Direction:
    """Which way a statement copies, as far as its text can be seen; a name must always hold the same."""
    values = (
        [assigned(file, each) for each in file.model.bindings_of(sql)] if isinstance(sql, cst.Name) else []
    )
    if values and depth < DEPTH:
        ways = {direction(file, each, depth + 1) if each is not None else "" for each in values}
        return ways.pop() if len(ways) == 1 else ""
    text = " ".join(texts(file, sql))
    is_from, is_to = FROM.search(text) is not None, TO.search(text) is not None
    if is_from == is_to:
        return ""
    return "from" if is_from else "to"


def assigned(file: FileContext, binding: Binding) -> cst.BaseExpression | None:
    """What a name holds by one binding; None for what a loop or a caller may put there, or a part of a tuple."""
    parent = file.model.parents.get(binding.target)
    is_plain = isinstance(parent, (cst.AssignTarget, cst.AnnAssign, cst.NamedExpr, cst.AsName))
    return binding.value if is_plain and isinstance(binding.value, cst.BaseExpression) else None


def texts(file: FileContext, node: cst.BaseExpression) -> Iterator[str]:
    """The texts that are written in an expression, or that it is known to be."""
    whole = getattr(file.kind(node), "value", None)
    if isinstance(whole, str):
        yield whole
        return
    for part in m.findall(node, TEXTS):
        if isinstance(part, cst.SimpleString) and isinstance(text := part.evaluated_value, str):
            yield text
        elif isinstance(part, cst.FormattedStringText):
            yield part.value
        elif isinstance(part, cst.Name) and isinstance(held := getattr(file.kind(part), "value", None), str):
            yield held


def contents(file: FileContext, node: cst.BaseExpression) -> Contents:
    """Whether a file takes text or bytes, where it can be seen how it is opened."""
    kind = file.kind(node)
    name = kind.name if isinstance(kind, (Instance, Function)) else ""
    found: Contents = CONTENTS.get(name, "")
    if not found and isinstance(node, cst.Name):
        ways = {opened(file, assigned(file, each)) for each in file.model.bindings_of(node)}
        found = ways.pop() if len(ways) == 1 else ""
    return found


def opened(file: FileContext, call: cst.CSTNode | None) -> Contents:
    """What a call that opens a file says of its contents."""
    if not isinstance(call, cst.Call):
        return ""
    name = getattr(file.kind(call.func), "name", "")
    if name in CONTENTS:
        return CONTENTS[name]
    if name not in OPENING:
        return ""
    position, default = OPENING[name]
    given = file.argument(call, "mode", position)
    mode = getattr(file.kind(given.value), "value", None) if given is not None else default
    if not isinstance(mode, str):
        return ""
    if name in BYTES_BY_DEFAULT:
        return "text" if "t" in mode else "bytes"
    if "b" in mode:
        return "bytes"
    return "" if name == "tempfile.NamedTemporaryFile" else "text"
