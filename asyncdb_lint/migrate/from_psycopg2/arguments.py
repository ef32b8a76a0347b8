"""The parameters that a statement is executed with: which value goes to which placeholder, and of what type it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

import libcst as cst

from asyncdb_lint.migrate.literals import assignments
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import Class, Constant, Function, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.migrate.changes import How
    from asyncdb_lint.migrate.from_psycopg2.placeholders import Token
    from asyncdb_lint.semantics.model import Binding

Type = Literal["", "str", "int", "float", "none", "bool", "tuple", "list", "strings", "numbers", "other"]
"""What a value is, as far as parameters go; "" where nobody knows."""

RESULTS: dict[str, Type] = {
    "str": "str", "repr": "str", "format": "str", "chr": "str", "int": "int", "len": "int", "abs": "", "ord": "int",
    "float": "float", "bool": "bool", "tuple": "tuple", "list": "list", "sorted": "list", "dict": "other",
    "bytes": "other", "Json": "other", "Jsonb": "other", "Decimal": "other", "UUID": "other", "uuid4": "other",
    "datetime": "other", "date": "other", "timedelta": "other", "now": "other", "utcnow": "other", "today": "other",
    "Binary": "other",
}  # fmt: skip
ANNOTATIONS: tuple[tuple[str, Type], ...] = (
    (r"str|AnyStr", "str"), (r"int", "int"), (r"float", "float"), (r"bool", "bool"), (r"None", "none"),
    (r"(?:list|List|Sequence|Iterable)\[str\]", "strings"), (r"(?:list|List)\[(?:int|float)\]", "numbers"),
    (r"(?:list|List)(?:\[.*\])?", "list"), (r"(?:tuple|Tuple)(?:\[.*\])?", "tuple"),
    (r"(?:datetime\.)?(?:date|datetime|time|timedelta)|Decimal|bytes|UUID|dict(?:\[.*\])?", "other"),
)  # fmt: skip
DEPTH = 5


class Values(NamedTuple):
    """The values of one placeholder: none where they are not seen (`known` is false then), several for executemany."""

    known: bool
    nodes: tuple[cst.BaseExpression, ...] = ()


class Parameters:
    """The parameters of one call. `places` are the text's placeholders in their order, for those without names."""

    def __init__(self, file: FileContext, node: cst.BaseExpression | None, *, many: bool) -> None:
        self.file = file
        self.node = node
        self.stored: dict[str, list[cst.BaseExpression]] = {}
        """What is put into a dict under a key, after it is made."""
        self.rows = self.displays(node, many=many)

    def displays(self, node: cst.BaseExpression | None, *, many: bool) -> list[cst.BaseExpression] | None:
        """The tuples, lists or dicts that are written down as parameters, one a row."""
        if node is None:
            return None
        shown = self.shown(node)
        if not many:
            return [shown] if shown is not None else None
        if isinstance(shown, (cst.List, cst.Tuple)):
            rows = [self.shown(each.value) for each in shown.elements if isinstance(each, cst.Element)]
            found = [each for each in rows if each is not None]
            return found if len(found) == len(shown.elements) else None
        if isinstance(shown, (cst.ListComp, cst.GeneratorExp)):
            row = self.shown(shown.elt)
            return [row] if row is not None else None
        return None

    def shown(self, node: cst.BaseExpression) -> cst.BaseExpression | None:
        """A display, or the display that is the one value of a name which is used for nothing else."""
        if isinstance(node, cst.Name):
            bound = assignments(self.file, node)
            if len(bound) == 1 and is_own(self.file, bound[0], self.stores(bound[0])):
                value = bound[0].value
                return self.shown(value) if isinstance(value, cst.BaseExpression) else None
            return None
        if isinstance(node, cst.Call) and name_of(self.file, node.func) == "builtins.dict":
            return node
        is_display = isinstance(node, (cst.Tuple, cst.List, cst.Dict, cst.ListComp, cst.GeneratorExp))
        return node if is_display else None

    def stores(self, binding: Binding) -> int:
        """How often a variable is used to put something under a key that is written down: `values["key"] = …`."""
        count = 0
        for use in binding.uses:
            match self.file.model.parents.get(use):
                case (
                    cst.Subscript(slice=[cst.SubscriptElement(cst.Index(cst.SimpleString() as key))]) as place
                ):
                    target = self.file.model.parents.get(place)
                    assign = self.file.model.parents.get(target) if target is not None else None
                    if isinstance(target, cst.AssignTarget) and isinstance(assign, cst.Assign):
                        self.stored.setdefault(str(key.evaluated_value), []).append(assign.value)
                        count += 1
        return count

    def values(self, placeholder: Token, places: Sequence[Token]) -> Values:
        """What goes to a placeholder."""
        if self.rows is None:
            return Values(known=False)
        found = []
        for row in self.rows:
            value = (
                self.named(row, placeholder.name)
                if placeholder.name
                else self.placed(row, placeholder, places)
            )
            if value is None:
                return Values(known=False)
            found.append(value)
        return Values(True, tuple(found))

    def named(self, row: cst.BaseExpression, name: str) -> cst.BaseExpression | None:
        """The value of a key."""
        found = list(self.stored.get(name, ()))
        if isinstance(row, cst.Call):
            found += [arg.value for arg in row.args if arg.keyword is not None and arg.keyword.value == name]
        elif not isinstance(row, cst.Dict):
            return None
        else:
            found += [
                each.value
                for each in row.elements
                if isinstance(each, cst.DictElement)
                and isinstance(each.key, cst.SimpleString)
                and each.key.evaluated_value == name
            ]
        return found[0] if len(found) == 1 else None

    def placed(
        self, row: cst.BaseExpression, placeholder: Token, places: Sequence[Token]
    ) -> cst.BaseExpression | None:
        """The value at the place that the placeholder has among all; a hole with placeholders would shift them."""
        if not isinstance(row, (cst.Tuple, cst.List)) or len(row.elements) != len(places):
            return None
        if any(not isinstance(each, cst.Element) for each in row.elements):
            return None
        starts = [each.start for each in places]
        return row.elements[starts.index(placeholder.start)].value if placeholder.start in starts else None


def is_own(file: FileContext, binding: Binding, others: int = 0) -> bool:
    """Whether a variable is assigned (by no loop, no import) and read in one place: no other module, no other line.

    `others` are uses that do not count.
    """
    is_plain = isinstance(file.model.parents.get(binding.target), (cst.AssignTarget, cst.AnnAssign))
    return is_plain and len(binding.uses) == 1 + others and not is_imported(file, binding)


def is_imported(file: FileContext, binding: Binding) -> bool:
    """Whether another module of the project may use a variable of this one's."""
    module = file.model.name
    if binding.scope.what != "module" or binding.name.startswith("_"):
        return False
    wanted = {f"{module}.{binding.name}", module}
    return any(
        isinstance(each, ex.Ref) and each.name in wanted
        for name, summary in file.project.modules.items()
        if name != module
        for nodes in summary.names.values()
        for each in nodes
    )


def name_of(file: FileContext, node: cst.CSTNode) -> str:
    """The full name of a function or class; what is not known goes by its own."""
    kind = file.kind(node)
    if isinstance(kind, (Function, Class)):
        return kind.name
    return ""


def type_of(file: FileContext, node: cst.BaseExpression, depth: int = DEPTH) -> Type:
    """What a value surely is."""
    match node:
        case cst.SimpleString(prefix=prefix):
            return "other" if "b" in prefix.lower() else "str"
        case cst.FormattedString() | cst.ConcatenatedString():
            return "str"
        case cst.Integer():
            return "int"
        case cst.Float():
            return "float"
        case cst.Tuple():
            return "tuple"
        case cst.List():
            return type_of_items(file, node, depth)
        case cst.ListComp():
            item = type_of(file, node.elt, depth - 1)
            return "strings" if item == "str" else "numbers" if item in ("int", "float") else "list"
        case cst.UnaryOperation(expression=expression) if not isinstance(node.operator, cst.Not):
            return type_of(file, expression, depth)
        case cst.Comparison() | cst.UnaryOperation():
            return "bool"
        case cst.BinaryOperation(left=left, right=right) if depth:
            first, second = type_of(file, left, depth - 1), type_of(file, right, depth - 1)
            is_format = isinstance(node.operator, cst.Modulo) and first == "str"
            return first if is_format or first == second else ""
        case cst.IfExp(body=body, orelse=orelse) if depth:
            first, second = type_of(file, body, depth - 1), type_of(file, orelse, depth - 1)
            return first if first == second else ""
        case cst.Name(value="None"):
            return "none"
        case cst.Name(value="True" | "False"):
            return "bool"
        case cst.Call(func=func):
            return type_of_call(file, node, func)
        case cst.Name() if depth:
            return type_of_name(file, node, depth)
    return type_of_constant(file, node)


def type_of_items(file: FileContext, node: cst.List, depth: int) -> Type:
    """A list of strings, of numbers, or of who knows what."""
    items = {type_of(file, each.value, depth - 1) for each in node.elements}
    if items and items <= {"str"}:
        return "strings"
    return "numbers" if items and items <= {"int", "float"} else "list"


def type_of_call(file: FileContext, node: cst.Call, func: cst.BaseExpression) -> Type:
    """What a built-in function or a class of the standard library gives."""
    name = name_of(file, func)
    if name.startswith(("builtins.", "datetime.", "decimal.", "uuid.", "psycopg2.")):
        return RESULTS.get(name.rpartition(".")[2], "")
    if isinstance(func, cst.Attribute) and type_of(file, func.value) == "str":
        return "str" if func.attr.value in ("format", "join", "strip", "lower", "upper", "replace") else ""
    return ""


def type_of_name(file: FileContext, node: cst.Name, depth: int) -> Type:
    """By the annotation of a parameter, or by all that is assigned."""
    found: set[Type] = set()
    for binding in assignments(file, node):
        parent = file.model.parents.get(binding.target)
        if isinstance(binding.target, cst.Param):
            annotation = binding.target.annotation
            found.add(annotated(file, annotation.annotation) if annotation is not None else "")
        elif isinstance(parent, cst.AnnAssign):
            found.add(annotated(file, parent.annotation.annotation))
        elif isinstance(parent, cst.AssignTarget) and isinstance(binding.value, cst.BaseExpression):
            found.add(type_of(file, binding.value, depth - 1))
        else:
            found.add("")
    return found.pop() if len(found) == 1 else type_of_constant(file, node) if not found else ""


def type_of_constant(file: FileContext, node: cst.BaseExpression) -> Type:
    """What the project's facts say of an expression."""
    kind = file.kind(node)
    if isinstance(kind, Text):
        return "str"
    if not isinstance(kind, Constant):
        return ""
    match kind.value:
        case None:
            return "none"
        case bool():
            return "bool"
        case str():
            return "str"
        case int():
            return "int"
        case float():
            return "float"
    return "other"


def annotated(file: FileContext, node: cst.BaseExpression) -> Type:
    """What an annotation says; a value that may be None too is not known, strings and tuples aside."""
    written = file.source(node, 200).strip("\"'").replace("typing.", "").replace(" ", "")
    plain = re.sub(r"^Optional\[(.*)\]$|^None\||\|None$", lambda match: match[1] or "", written)
    for pattern, what in ANNOTATIONS:
        if re.fullmatch(pattern, plain):
            return what if plain == written or what in ("str", "tuple", "strings") else ""
    return ""


def as_list(file: FileContext, node: cst.BaseExpression) -> tuple[bool, list[tuple[cst.CSTNode, How]]] | None:
    """The changes that make a list of a value that was a tuple, and whether it surely was one; None for no way."""
    if isinstance(node, cst.Name):
        bound = assignments(file, node)
        value = bound[0].value if len(bound) == 1 and is_own(file, bound[0]) else None
        is_display = isinstance(value, cst.Tuple) or (
            isinstance(value, cst.Call) and name_of(file, value.func) == "builtins.tuple"
        )
        if is_display and isinstance(value, cst.BaseExpression):
            return as_list(file, value)
    if isinstance(node, cst.Tuple):
        items = {type_of(file, each.value) for each in node.elements} - {"", "none", "other"}
        if len(items) > 1 or items & {"tuple", "list", "strings", "numbers"}:
            return None  # rows, arrays, or a list of several types, which psycopg 3 does not dump
        return True, [(node, list_display)]
    if isinstance(node, cst.Call) and name_of(file, node.func) == "builtins.tuple":
        return True, [(node.func, lambda updated: updated.with_changes(value="list"))]
    what = type_of(file, node)
    if what in ("list", "strings", "numbers"):
        return True, []
    if what not in ("", "tuple") or name_of(file, getattr(node, "func", node)).startswith("psycopg2."):
        return None
    return what == "tuple", [(node, lambda updated: cst.Call(cst.Name("list"), [cst.Arg(bare(updated))]))]


def list_display(updated: cst.Tuple) -> cst.List:
    """`(a, b)` as `[a, b]`, with its white space."""
    elements = list(updated.elements)
    lbracket, rbracket = cst.LeftSquareBracket(), cst.RightSquareBracket()
    if updated.lpar:
        lbracket = cst.LeftSquareBracket(updated.lpar[0].whitespace_after)
        rbracket = cst.RightSquareBracket(updated.rpar[-1].whitespace_before)
    if len(elements) == 1 and isinstance(lbracket.whitespace_after, cst.SimpleWhitespace):
        elements = [elements[0].with_changes(comma=cst.MaybeSentinel.DEFAULT)]
    return cst.List(elements, lbracket, rbracket)


def bare(node: cst.BaseExpression) -> cst.BaseExpression:
    """An expression without the parentheses around it, which a call has of its own."""
    needs_them = isinstance(node, (cst.GeneratorExp, cst.Tuple, cst.NamedExpr, cst.Yield))
    return node if needs_them else node.with_changes(lpar=[], rpar=[])


def in_tuple(updated: cst.BaseExpression) -> cst.Tuple:
    """`x` as `(x,)`."""
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(""))
    return cst.Tuple([cst.Element(bare(updated), comma)])
