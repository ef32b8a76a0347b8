"""SQL that code puts together: the text as far as it is written, with holes where expressions go, and what those are.

Only holes where SQL has a value are looked for: in a quoted literal, behind a comparison, behind LIMIT. What
stands in place of a table, a column or a clause cannot be bound.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import Class, Constant, Instance
from asyncdb_lint.semantics.lifecycle import around

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.semantics.model import Binding, Scope

TEXT = {
    "sqlalchemy.text", "sqlalchemy.sql.text", "sqlalchemy.sql.expression.text",
    "sqlalchemy.sql._elements_constructors.text", "sqlmodel.text",
}  # fmt: skip
"""SQLAlchemy's function for a statement as text."""
DEPTH = 6
STATEMENT = re.compile(
    r"\s*(?:--[^\n]*\n\s*)*\(?\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH|MERGE|REPLACE)\b", re.IGNORECASE
)
# Names of tables and columns are values there, and they come from the code.
CATALOGUE = re.compile(
    r"information_schema|\bpg_[a-z]+|\bsqlite_master|to_regclass|::\s*reg[a-z]+|\bSHOW\b|\bPRAGMA\b|\bsys\.|\bcurrval"
    r"|\bsetval",
    re.IGNORECASE,
)
COMPARED = re.compile(
    r"(?:(?<![=!<>:])=|<>|!=|<=|>=|(?<![-<=#@])>|<|\bI?LIKE|\bBETWEEN|\bLIMIT|\bOFFSET|\bFETCH (?:FIRST|NEXT))\s*$",
    re.IGNORECASE,
)
# Before a quoted literal that takes the place of a keyword or a path, and is the same for all callers.
FIXED_PLACES = re.compile(
    r"(?:->>?|#>>?|\bTIME ZONE|\bAS|\bCOLLATE|\bINTERVAL|\b(?:date_trunc|to_tsvector|to_tsquery|extract|strftime)\s*\("
    r"|\b(?:datetime|date|to_char)\s*\([^()]*,)\s*$",
    re.IGNORECASE,
)
TRANSPARENT = {"builtins.str", "textwrap.dedent", "inspect.cleandoc", "builtins.repr", "builtins.format"}
TEXT_METHODS = {"strip", "lstrip", "rstrip", "lower", "upper", "title"}
NUMBERS = {"builtins.int", "builtins.float", "builtins.bool", "decimal.Decimal", "uuid.UUID"}
NUMERIC_CALLS = {
    f"builtins.{name}" for name in ("int", "float", "len", "round", "abs", "min", "max", "sum", "id", "ord")
}
FRAGMENTS = re.compile(
    r"(?:^|_)(?:col(?:umn)?|table|schema|field|order|direction|clause|where|cond(?:ition)?|filter|placeholder|param|sql|expr"
    r"|query|suffix|prefix|join|select|operator|op|escaped|quoted|safe|literal|unit|interval|lang|timezone|tz|config|mark)"
    r"s?(?:_|$)",
    re.IGNORECASE,
)
CONFIGURATION = re.compile(r"settings|config|options|constants|(?:^|_)env$", re.IGNORECASE)
CLEANING = re.compile(r"escape|quote|sanit|literal|ident|clean|valid|hash|hex|join", re.IGNORECASE)
FORMAT_FIELD = re.compile(r"\{\{|\}\}|\{([^{}!:]*)[^{}]*\}")
PERCENT_FIELD = re.compile(r"%%|%(?:\((\w+)\))?[-+ #0]*[\d.]*([sdrif])")


class Hole(NamedTuple):
    """A place in a text where the value of an expression goes; None for one that cannot be told."""

    node: cst.BaseExpression | None


class Value(NamedTuple):
    """A hole that stands for a value, and whether it is in quotes."""

    node: cst.BaseExpression
    quoted: bool


Part = str | Hole


def values(file: FileContext, node: cst.BaseExpression) -> list[Value]:
    """The values that a statement is put together from, where binding them was possible."""
    pieces = [list(parts(file, each, DEPTH)) for each in sources(file, node)]
    whole = "".join(part if isinstance(part, str) else "\ufffc" for piece in pieces for part in piece)
    if STATEMENT.match(whole) is None or CATALOGUE.search(whole) is not None:
        return []
    return [each for piece in pieces for each in in_value_places(piece) if is_open(file, each)]


def sources(file: FileContext, node: cst.BaseExpression) -> list[cst.BaseExpression]:
    """The expressions that a statement comes from: those assigned and added (`+=`) to a name, in order."""
    if not isinstance(node, cst.Name):
        return [node]
    scope, bindings = local_bindings(file, node)
    if scope is None:
        return [node]
    found = []
    for each in bindings:
        value = assigned(file, each)
        if value is None:
            return [node]
        found.append(value)
    return found or [node]


def local_bindings(file: FileContext, node: cst.Name) -> tuple[Scope | None, list[Binding]]:
    """All assignments to a local name of the function that reads it."""
    scope = file.model.scope_of(node).function
    if scope is None or node.value in scope.declared:
        return None, []
    return scope, scope.bindings.get(node.value, [])


def assigned(file: FileContext, binding: Binding) -> cst.BaseExpression | None:
    """What an assignment, plain or augmented, gives."""
    if isinstance(binding.value, cst.BaseExpression):
        return binding.value
    parent = file.model.parents.get(binding.target)
    return parent.value if isinstance(parent, cst.AugAssign) else None


# Text


def parts(file: FileContext, node: cst.BaseExpression | None, depth: int) -> Iterator[Part]:
    """The text that an expression gives, hole by hole."""
    if node is None or depth == 0:
        yield Hole(node)
        return
    match node:
        case cst.SimpleString():
            value = node.evaluated_value
            yield value if isinstance(value, str) else ""
        case cst.FormattedString():
            for part in node.parts:
                if isinstance(part, cst.FormattedStringText):
                    yield part.value.replace("{{", "{").replace("}}", "}")
                else:
                    assert isinstance(part, cst.FormattedStringExpression)
                    yield from parts(file, part.expression, depth - 1)
        case cst.ConcatenatedString(left=left, right=right):
            yield from parts(file, left, depth)
            yield from parts(file, right, depth)
        case cst.BinaryOperation(left=left, operator=cst.Add(), right=right):
            yield from parts(file, left, depth)
            yield from parts(file, right, depth)
        case cst.BinaryOperation(left=left, operator=cst.Modulo(), right=right):
            yield from of_percent(file, left, right, depth)
        case cst.Call():
            yield from of_call(file, node, depth)
        case _:
            kind = file.kind(node)
            if isinstance(kind, Constant):
                yield str(kind.value)
            else:
                yield from of_name(file, node, depth)


def of_name(file: FileContext, node: cst.BaseExpression, depth: int) -> Iterator[Part]:
    """A local name that is assigned one text, else a hole."""
    bindings = local_bindings(file, node)[1] if isinstance(node, cst.Name) else []
    value = bindings[0].value if len(bindings) == 1 else None
    is_text = (cst.FormattedString, cst.ConcatenatedString, cst.BinaryOperation, cst.SimpleString)
    if isinstance(value, is_text):
        yield from parts(file, value, depth - 1)
    else:
        yield Hole(node)


def of_call(file: FileContext, call: cst.Call, depth: int) -> Iterator[Part]:
    """`"…".format(…)`, `"…".strip()`, `dedent("…")`; any other call is a hole."""
    if isinstance(call.func, cst.Attribute):
        method, text = call.func.attr.value, call.func.value
        if method == "format" and isinstance(text, (cst.SimpleString, cst.ConcatenatedString, cst.Name)):
            yield from of_format(file, text, call, depth)
            return
        if method in TEXT_METHODS and isinstance(text, (cst.SimpleString, cst.FormattedString)):
            yield from parts(file, text, depth)
            return
    if getattr(file.kind(call.func), "name", "") in ("textwrap.dedent", "inspect.cleandoc") and call.args:
        yield from parts(file, call.args[0].value, depth)
        return
    yield Hole(call)


def of_format(file: FileContext, text: cst.BaseExpression, call: cst.Call, depth: int) -> Iterator[Part]:
    """The parts of `"…".format(…)`."""
    positional = [arg.value for arg in call.args if arg.keyword is None and not arg.star]
    named = {arg.keyword.value: arg.value for arg in call.args if arg.keyword is not None}
    count = 0
    for part in parts(file, text, depth - 1):
        if not isinstance(part, str):
            yield part
            continue
        end = 0
        for match in FORMAT_FIELD.finditer(part):
            yield part[end : match.start()]
            end = match.end()
            field = match[1]
            if field is None:
                yield match[0][0]
            elif field == "" or field.isdigit():
                index = int(field) if field else count
                count += 1
                yield from parts(file, positional[index] if index < len(positional) else None, depth - 1)
            else:
                yield from parts(file, named.get(field), depth - 1)
        yield part[end:]


def of_percent(
    file: FileContext, text: cst.BaseExpression, given: cst.BaseExpression, depth: int
) -> Iterator[Part]:
    """The parts of `"…" % …`."""
    many = [each.value for each in given.elements] if isinstance(given, cst.Tuple) else [given]
    count = 0
    for part in parts(file, text, depth - 1):
        if not isinstance(part, str):
            yield part
            continue
        end = 0
        for match in PERCENT_FIELD.finditer(part):
            yield part[end : match.start()]
            end = match.end()
            if match[0] == "%%":
                yield "%"
                continue
            node = many[count] if count < len(many) and match[1] is None else None
            count += 1
            if match[2] in "dif":
                yield "0"
            else:
                yield from parts(file, node, depth - 1)
        yield part[end:]


# Places


def in_value_places(pieces: Iterable[Part]) -> Iterator[Value]:
    """The holes that stand where SQL has a value."""
    text, quote = "", ""
    before = ""
    listed = list(pieces)
    for number, part in enumerate(listed):
        if isinstance(part, str):
            text += part
            for position, character in enumerate(part):
                if quote:
                    quote = "" if character == quote else quote
                elif character in "'\"`":
                    quote, before = character, text[: len(text) - len(part) + position]
            continue
        following = next((each for each in listed[number + 1 :] if not isinstance(each, str) or each), "")
        after = following if isinstance(following, str) else "\ufffc"
        if part.node is not None:
            if quote == "'" and FIXED_PLACES.search(before) is None:
                yield Value(part.node, quoted=True)
            elif not quote and COMPARED.search(text) and not after.startswith((".", "(", "\ufffc", "_", "[")):
                yield Value(part.node, quoted=False)
        text += "\ufffc"


# What a value may be


def is_open(file: FileContext, value: Value) -> bool:
    """Whether a hole may hold any text: no constant, number, choice of a few, or what the function has checked."""
    node = bare(file, value.node)
    if node is None or is_fixed(file, node, DEPTH) or is_checked(file, node):
        return False
    if isinstance(node, cst.Name):
        return is_open_name(file, node, quoted=value.quoted)
    root = root_of(node)
    # A member of an enumeration gives its value too.
    if not isinstance(root, cst.Name) or root.value in ("self", "cls") or CONFIGURATION.search(root.value):
        return False
    if isinstance(node, cst.Attribute) and (node.attr.value == "value" or FRAGMENTS.search(node.attr.value)):
        return False
    return isinstance(node, (cst.Attribute, cst.Subscript)) and is_given(file, root, inside=True)


def bare(file: FileContext, node: cst.BaseExpression) -> cst.BaseExpression | None:
    """The value behind `str(x)` and `x.lower()`; None behind calls of which nothing is known."""
    while isinstance(node, cst.Call):
        name = getattr(file.kind(node.func), "name", "")
        if name in TRANSPARENT and node.args:
            node = node.args[0].value
        elif isinstance(node.func, cst.Attribute) and node.func.attr.value in TEXT_METHODS:
            node = node.func.value
        else:
            return None
    return node


def is_fixed(file: FileContext, node: cst.BaseExpression, depth: int) -> bool:
    """Whether it is a constant, a member of an enumeration, a number, or one of these by branches."""
    if isinstance(file.kind(node), (Constant, Class)) or is_number(file, node):
        return True
    root = root_of(node)
    if isinstance(root, cst.Name) and (root.value.isupper() or isinstance(file.kind(root), Class)):
        return True
    return is_choice(file, file.model.exprs.get(node), depth)


def is_choice(file: FileContext, expr: ex.Node | None, depth: int) -> bool:
    """Whether a lowered expression is one of several constants, or an item of a list of such."""
    match expr:
        case _ if depth == 0:
            return False
        case ex.Literal():
            return True
        case ex.Bound(index):
            return is_choice(file, file.model.bindings[index].expr, depth - 1)
        case ex.Either(options):
            return all(is_choice(file, each, depth - 1) for each in options)
        case ex.Each(value) | ex.Sub(value):
            return is_choice(file, value, depth - 1)
        case ex.Display(items):
            return all(is_choice(file, each, depth - 1) for each in items)
        case ex.Ref(name):
            return name.rpartition(".")[2].isupper()
        case ex.Call(func):
            name = getattr(file.kind_of(func), "name", "")
            return name in NUMERIC_CALLS or name.rpartition(".")[2] in NUMBERS
        case _:
            return False


def is_number(file: FileContext, node: cst.BaseExpression) -> bool:
    """Whether it is a number, a boolean or of a class of the project's own (an enumeration)."""
    kind = file.kind(node)
    if isinstance(kind, Instance):
        return kind.name in NUMBERS or ":" in kind.name
    return isinstance(node, (cst.Integer, cst.Float, cst.Comparison, cst.UnaryOperation))


def root_of(node: cst.BaseExpression) -> cst.BaseExpression:
    """`a` of `a.b[c].d`."""
    while isinstance(node, (cst.Attribute, cst.Subscript)):
        node = node.value
    return node


def is_open_name(file: FileContext, node: cst.Name, *, quoted: bool) -> bool:
    """Whether a name holds what a caller gives, or, in quotes, anything that a query or a loop gave."""
    if FRAGMENTS.search(node.value):
        return False
    return is_given(file, node, only_parameters=not quoted)


def is_given(
    file: FileContext, node: cst.Name, *, only_parameters: bool = False, inside: bool = False
) -> bool:
    """Whether a name is a parameter of a function (of text, where that is said), or what a loop or query gave it.

    `inside` asks about a part of what the name holds: then its own annotation says nothing.
    """
    bindings = file.model.bindings_of(node)
    if not bindings or any(each.scope.what not in ("function", "comprehension") for each in bindings):
        return False
    for binding in bindings:
        if isinstance(binding.target, cst.Param):
            annotation = binding.target.annotation
            if annotation is None:
                if only_parameters:
                    return False
            elif not inside and not may_be_text(file, annotation.annotation):
                return False
        elif only_parameters or not is_fetched(file, binding):
            return False
    return True


def is_fetched(file: FileContext, binding: Binding) -> bool:
    """Whether a local name is bound by a loop, or to something awaited or taken out of something else."""
    if isinstance(file.model.parents.get(binding.target), (cst.For, cst.CompFor)):
        return True
    return isinstance(binding.value, (cst.Await, cst.Subscript, cst.Attribute))


def may_be_text(file: FileContext, annotation: cst.BaseExpression) -> bool:
    """Whether an annotation names text, or an object that holds some."""
    written = file.source(annotation, 200)
    return not re.search(r"Literal\b|Enum\b|\bint\b|\bfloat\b|\bbool\b|Decimal", written)


def is_checked(file: FileContext, node: cst.BaseExpression) -> bool:
    """Whether the function compares the value with a set of others, or matches it with a pattern."""
    function = file.model.scope_of(node).function
    if function is None:
        return False
    name = file.source(node, 200)
    for each in file.model.nodes.get(cst.Comparison, ()):
        if isinstance(each, cst.Comparison) and file.source(each.left, 200) == name:
            operators = [target.operator for target in each.comparisons]
            is_in = any(isinstance(operator, (cst.In, cst.NotIn)) for operator in operators)
            if is_in and file.model.scope_of(each).function is function:
                return True
    for call in file.model.nodes.get(cst.Call, ()):
        if not isinstance(call, cst.Call) or file.model.scope_of(call).function is not function:
            continue
        func = file.source(call.func, 200)
        checks = func.rpartition(".")[2]
        given = any(file.source(arg.value, 200) == name for arg in call.args)
        if given and (checks in ("match", "fullmatch", "UUID", "int") or CLEANING.search(checks)):
            return True
        if func.startswith(f"{name}.is"):
            return True
    return False


def stands_in_raise(file: FileContext, node: cst.CSTNode) -> bool:
    """Whether an expression is part of an error message."""
    return any(isinstance(parent, cst.Raise) for parent, _ in around(file.model, node))
