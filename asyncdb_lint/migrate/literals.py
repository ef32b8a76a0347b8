"""Text that code writes down: what a string expression says, and how to change that where it is written.

`read` gives the text of literals, of f-strings and formats (with a hole for each field), of their concatenation, and
of a name that is bound to one of these. Each character knows the piece of source that it comes from, so that an edit
of the text becomes an edit of that piece: quotes, escapes and the layout of the lines stay.
"""

from __future__ import annotations

import codecs
import dataclasses
import re
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from asyncdb_lint.semantics.kinds import Constant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.migrate.changes import How
    from asyncdb_lint.semantics.model import Binding

HOLE = "\ufffc"
ESCAPE = re.compile(
    r"\\(?:\r\n|[\n\\'\"abfnrtv]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]*\}|[0-7]{1,3})"
)
BRACES = re.compile(r"\{\{|\}\}|\{[^{}]*\}")
PERCENTS = re.compile(r"%%|%(?:\(\w+\))?[-+ #0]*[\d.*]*[a-zA-Z]")
WRAPPERS = {"textwrap.dedent", "inspect.cleandoc", "psycopg2.sql.SQL", "psycopg.sql.SQL"}
"""Functions whose result says what their argument says, white space aside."""
STRIPPING = {"strip", "lstrip", "rstrip"}
DEPTH = 8


@dataclasses.dataclass(frozen=True, eq=False)
class Piece:
    """A stretch of characters in the source: a literal, or what stands between the fields of an f-string."""

    node: cst.SimpleString | cst.FormattedStringText
    prefix: str
    quote: str
    whole: cst.FormattedString | None = None

    @property
    def raw(self) -> str:
        """The characters as they are written."""
        return self.node.raw_value if isinstance(self.node, cst.SimpleString) else self.node.value


class Spot(NamedTuple):
    """A character of the text, and the piece and the range in it that it is written in (none for a hole)."""

    char: str
    piece: Piece | None
    start: int = 0
    end: int = 0
    doubled: str = ""
    """Characters that are written twice to stand for one, by what formats the piece."""
    field: cst.BaseExpression | None = None


@dataclasses.dataclass(frozen=True)
class Literal:
    """A text with the places of its characters. `names` are the uses of names that it was read through."""

    spots: tuple[Spot, ...]
    names: tuple[cst.Name, ...] = ()

    @property
    def text(self) -> str:
        """What it says, with `HOLE` for each part that is only known at run time."""
        return "".join(spot.char for spot in self.spots)

    @property
    def pieces(self) -> list[Piece]:
        """The pieces of source, in the order of the text."""
        return list(dict.fromkeys(spot.piece for spot in self.spots if spot.piece is not None))

    def edited(self, edits: Iterable[tuple[int, int, str]]) -> list[tuple[cst.CSTNode, How]] | None:
        """The changes of nodes that make these edits of the text; None where one is not possible."""
        new: dict[Piece, list[tuple[int, int, str]]] = {}
        for start, end, text in edits:
            spots = self.spots[start:end]
            if start == end:
                spots = self.gap(start)
            elif any(spot.char == HOLE for spot in spots):
                return None
            if not spots or any(spot.piece is None for spot in spots):
                return None
            for number, (piece, first, last) in enumerate(stretches(spots)):
                written = encoded(text, piece, spots[0].doubled) if number == 0 else ""
                if written is None:
                    return None
                new.setdefault(piece, []).append((first, last, written))
        return [change for piece, parts in new.items() for change in changes(piece, parts)]

    def gap(self, at: int) -> tuple[Spot, ...]:
        """The place between two characters, in the piece of the one before it, or else of the one after it."""
        before, after = self.spots[max(at - 1, 0) : at], self.spots[at : at + 1]
        if before and before[0].piece is not None:
            return (before[0]._replace(start=before[0].end),)
        return (after[0]._replace(end=after[0].start),) if after else ()

    def row_of(self, offset: int) -> tuple[Piece, int] | None:
        """The piece in which a character is written, and how many lines below the piece's first."""
        for spot in (*self.spots[offset:], *reversed(self.spots[:offset])):
            if spot.piece is not None:
                return spot.piece, spot.piece.raw[: spot.start].count("\n")
        return None


def stretches(spots: Sequence[Spot]) -> list[tuple[Piece, int, int]]:
    """The ranges in pieces that characters in a row cover."""
    found: list[tuple[Piece, int, int]] = []
    for spot in spots:
        assert spot.piece is not None
        if found and found[-1][0] is spot.piece:
            found[-1] = (spot.piece, found[-1][1], spot.end)
        else:
            found.append((spot.piece, spot.start, spot.end))
    return found


def encoded(text: str, piece: Piece, doubled: str) -> str | None:
    """Text as it is written in a piece; its quotes are seen to in `changes`."""
    for char in doubled:
        text = text.replace(char, char * 2)
    if "\\" in text:
        return None if "r" in piece.prefix else text.replace("\\", "\\\\")
    return text


def changes(piece: Piece, edits: list[tuple[int, int, str]]) -> list[tuple[cst.CSTNode, How]]:
    """The change of one piece's node. Where a new quote would end the literal, the other kind of quotes is taken."""
    ends = len(piece.quote) == 1 and any(piece.quote in new for _, _, new in edits)
    other = {"'": '"', '"': "'"}.get(piece.quote, "")
    whole = piece.whole if piece.whole is not None else piece.node
    code = cst.Module([]).code_for_node(whole)
    change_quotes = ends and other not in code and "\\" not in code
    if ends and not change_quotes:
        edits = [(start, end, new.replace(piece.quote, f"\\{piece.quote}")) for start, end, new in edits]

    def rewrite(updated: cst.SimpleString | cst.FormattedStringText) -> cst.CSTNode:
        raw = piece.raw
        for start, end, new in sorted(edits, reverse=True):
            raw = raw[:start] + new + raw[end:]
        if isinstance(updated, cst.FormattedStringText):
            return updated.with_changes(value=raw)
        quote = other if change_quotes else piece.quote
        return updated.with_changes(value=f"{piece.prefix}{quote}{raw}{quote}")

    found: list[tuple[cst.CSTNode, How]] = [(piece.node, rewrite)]
    if piece.whole is not None and change_quotes:
        found.append(
            (piece.whole, lambda updated: updated.with_changes(start=piece.prefix + other, end=other))
        )
    return found


class Reader:
    """Reads string expressions of one file."""

    def __init__(self, file: FileContext) -> None:
        self.file = file
        self.names: list[cst.Name] = []

    def spots(self, node: cst.BaseExpression, depth: int = DEPTH) -> list[Spot] | None:
        """The characters of a string expression; None for what is no text that is written down here."""
        if depth == 0:
            return None
        match node:
            case cst.SimpleString(prefix=prefix, quote=quote):
                return None if "b" in prefix.lower() else decoded(Piece(node, prefix, quote))
            case cst.ConcatenatedString(left=left, right=right):
                return self.joined([left, right], depth)
            case cst.FormattedString():
                return self.formatted(node)
            case cst.BinaryOperation(operator=cst.Add(), left=left, right=right):
                return self.joined([left, right], depth)
            case cst.BinaryOperation(operator=cst.Modulo(), left=left):
                return refilled(self.spots(left, depth - 1), PERCENTS, "%")
            case cst.Call(func=func, args=args):
                return self.called(func, args, depth)
            case cst.Name():
                return self.named(node, depth)
        return None

    def joined(self, nodes: Sequence[cst.BaseExpression], depth: int) -> list[Spot] | None:
        """Texts one after another; what is no text among them is a hole."""
        read = [self.spots(node, depth - 1) for node in nodes]
        if all(each is None for each in read):
            return None
        found: list[Spot] = []
        for node, each in zip(nodes, read, strict=True):
            found += [hole(node)] if each is None else each
        return found

    def formatted(self, node: cst.FormattedString) -> list[Spot]:
        """An f-string."""
        found: list[Spot] = []
        for part in node.parts:
            if isinstance(part, cst.FormattedStringText):
                piece = Piece(part, node.prefix, node.quote, node)
                found += refilled(decoded(piece), re.compile(r"\{\{|\}\}"), "{}") or []
            elif isinstance(part, cst.FormattedStringExpression):
                found.append(hole(part.expression))
        return found

    def called(self, func: cst.BaseExpression, args: Sequence[cst.Arg], depth: int) -> list[Spot] | None:
        """`"…".format(…)`, `"…".strip()`, `dedent("…")`, `sql.SQL("…")`."""
        name = getattr(self.file.kind(func), "name", "")
        if name in WRAPPERS and args:
            return self.spots(args[0].value, depth - 1)
        if not isinstance(func, cst.Attribute):
            return None
        method = func.attr.value
        if method in STRIPPING and not args:
            return self.spots(func.value, depth - 1)
        if method == "format":
            fields = [arg.value for arg in args if arg.keyword is None and not arg.star]
            named = {arg.keyword.value: arg.value for arg in args if arg.keyword is not None}
            return refilled(self.spots(func.value, depth - 1), BRACES, "{}", field_of(fields, named))
        return None

    def named(self, node: cst.Name, depth: int) -> list[Spot] | None:
        """What the one assignment to a name says, with what is added to it (`+=`) right after."""
        assigned = assignments(self.file, node)
        parts = [self.assigned(each) for each in assigned]
        if not parts or None in parts or (len(assigned) > 1 and not self.in_a_row(assigned, node)):
            return None
        self.names.append(node)
        return self.joined([part for part in parts if part is not None], depth)

    def assigned(self, binding: Binding) -> cst.BaseExpression | None:
        """What an assignment gives or adds."""
        parent = self.file.model.parents.get(binding.target)
        if isinstance(parent, cst.AugAssign) and isinstance(parent.operator, cst.AddAssign):
            return parent.value
        if isinstance(parent, (cst.AnnAssign, cst.AssignTarget)):
            return binding.value if isinstance(binding.value, cst.BaseExpression) else None
        return None

    def in_a_row(self, bindings: Sequence[Binding], use: cst.CSTNode) -> bool:
        """Whether assignments stand in one block, the first plain and the others adding, and the use after them."""
        parents = self.file.model.parents
        blocks = [block_of(each.target, parents) for each in bindings]
        first = parents.get(bindings[0].target)
        adding = all(isinstance(parents.get(each.target), cst.AugAssign) for each in bindings[1:])
        if isinstance(first, cst.AugAssign) or not adding or any(each is not blocks[0] for each in blocks):
            return False
        return self.file.model.bindings_of(use)[:1] == [bindings[-1]]


def assignments(file: FileContext, node: cst.Name) -> list[Binding]:
    """All assignments to the variable that a name reads: one of this file's, of a function or of the module."""
    reaching = file.model.bindings_of(node)
    if reaching:
        return reaching[0].scope.bindings.get(node.value, [])
    scope = file.model.scope_of(node) if node in file.model.parents else None
    while scope is not None:
        if node.value in scope.bindings and scope.what != "class" and node.value not in scope.declared:
            return scope.bindings[node.value]
        scope = scope.parent
    return []


def block_of(node: cst.CSTNode, parents: dict[cst.CSTNode, cst.CSTNode]) -> cst.CSTNode | None:
    """The block that a node's statement stands in."""
    found: cst.CSTNode | None = node
    while found is not None and not isinstance(found, (cst.IndentedBlock, cst.Module)):
        found = parents.get(found)
    return found


def alternatives(file: FileContext, node: cst.BaseExpression) -> list[Literal]:
    """What a string expression may say: the texts that branches give to a name, or the one text."""
    if isinstance(node, cst.Name):
        reaching = file.model.bindings_of(node)
        whole = [
            each.value
            for each in reaching
            if isinstance(file.model.parents.get(each.target), cst.AssignTarget)
        ]
        if len(reaching) > 1 and len(whole) == len(reaching):
            read_ones = [read(file, each) for each in whole if isinstance(each, cst.BaseExpression)]
            texts = [
                dataclasses.replace(each, names=(*each.names, node)) for each in read_ones if each is not None
            ]
            return texts if len(texts) == len(whole) else []
    found = read(file, node) or known(file, node)
    return [found] if found is not None else []


def known(file: FileContext, node: cst.BaseExpression) -> Literal | None:
    """A text that is written elsewhere, by a class or in another module: it is not edited from here."""
    kind = file.kind(node)
    if isinstance(node, cst.Attribute) and isinstance(kind, Constant) and isinstance(kind.value, str):
        return Literal(tuple(Spot(char, None) for char in kind.value))
    return None


def read(file: FileContext, node: cst.BaseExpression) -> Literal | None:
    """What a string expression says; None where nothing of it is written down."""
    reader = Reader(file)
    spots = reader.spots(node)
    if spots is None or all(spot.char == HOLE for spot in spots):
        return None
    return Literal(tuple(spots), tuple(reader.names))


def hole(node: cst.BaseExpression | None) -> Spot:
    """A part that is known at run time only."""
    return Spot(HOLE, None, field=node)


def decoded(piece: Piece) -> list[Spot]:
    """The characters that a piece stands for."""
    found: list[Spot] = []
    at = 0
    while at < len(piece.raw):
        match = None if "r" in piece.prefix.lower() else ESCAPE.match(piece.raw, at)
        end = match.end() if match is not None else at + 1
        text = codecs.decode(match[0], "unicode_escape") if match is not None else piece.raw[at]
        found += [Spot(char, piece, at, end) for char in text]
        at = end
    return found


def refilled(
    spots: list[Spot] | None,
    fields: re.Pattern[str],
    doubled: str,
    field: Callable[[str], cst.BaseExpression | None] = lambda written: None,
) -> list[Spot] | None:
    """The characters after formatting: fields are holes, and doubled characters single."""
    if spots is None:
        return None
    text = "".join(spot.char for spot in spots)
    found: list[Spot] = []
    at = 0
    for match in fields.finditer(text):
        found += spots[at : match.start()]
        first, last = spots[match.start()], spots[match.end() - 1]
        if len(set(match[0])) == 1 and first.piece is last.piece:
            found.append(first._replace(end=last.end))
        else:
            is_one = first.piece is last.piece
            piece, start, end = (first.piece, first.start, last.end) if is_one else (None, 0, 0)
            found.append(Spot(HOLE, piece, start, end, field=field(match[0])))
        at = match.end()
    found += spots[at:]
    return [
        spot._replace(doubled=spot.doubled + doubled) if spot.piece is not None else spot for spot in found
    ]


def field_of(
    fields: Sequence[cst.BaseExpression], named: dict[str, cst.BaseExpression]
) -> Callable[[str], cst.BaseExpression | None]:
    """Finds the argument that a field of a format means."""
    following = iter(fields)

    def find(written: str) -> cst.BaseExpression | None:
        name = re.match(r"\w*", written[1:])
        key = name[0] if name is not None else ""
        if key.isdigit():
            return fields[int(key)] if int(key) < len(fields) else None
        return named.get(key) if key else next(following, None)

    return find
