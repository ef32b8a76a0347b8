"""Expressions of a tree lowered to the language of summaries, annotations and comprehensions included."""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Sequence
from typing import Any

import libcst as cst

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.model import Scope
from asyncdb_lint.semantics.summary import Parameter
from asyncdb_lint.semantics.walk import Walk

CONSTANTS = {"None": ex.NONE, "True": ex.Literal(True), "False": ex.Literal(False)}
SURROGATE = re.compile("[\ud800-\udfff]")
LONGEST_TEXT = 400  # no database URL is longer, and summaries stay small
MOST_PARTS = 24
PERCENT = re.compile(r"%(?:\(\w+\))?[sdr]")

CASTS = ("typing.cast", "typing_extensions.cast")
LITERAL = ("typing.Literal", "typing_extensions.Literal")


class Lowering(Walk):
    """The part of the walk that visits expressions: a method for each class of node."""

    def __init__(self, module: cst.Module, name: str, path: str, is_package: bool) -> None:
        super().__init__(module, name, path, is_package)
        self.expressions: dict[type, Callable[[Any], ex.Node]] = {
            kind: getattr(self, f"lower_{kind.__name__}") for kind in EXPRESSIONS
        }

    # Annotations

    def annotation(self, node: cst.Annotation, parent: cst.CSTNode) -> ex.Node:
        self.enter(node, parent)
        return self.annotation_expr(node.annotation, node)

    def annotation_expr(self, node: cst.BaseExpression, parent: cst.CSTNode) -> ex.Node:
        """Lower a type expression; text in it is a forward reference."""
        outer, self.in_annotation = self.in_annotation, True
        lowered = self.lower(node, parent)
        self.in_annotation = outer
        return lowered

    def parameters(self, node: cst.Parameters, parent: cst.CSTNode) -> tuple[Parameter, ...]:
        """Lower annotations and defaults, which run in the scope of the `def`."""
        found = []
        stars = [(node.star_arg, "*"), (node.star_kwarg, "**")]
        groups = [(node.posonly_params, ""), (node.params, ""), (node.kwonly_params, "kw")]
        for parameters, group in groups:
            for parameter in parameters:
                self.enter(parameter, parent)
                annotation = parameter.annotation
                found.append(
                    Parameter(
                        parameter.name.value,
                        self.annotation(annotation, parameter) if annotation is not None else None,
                        self.lower(parameter.default, parameter) if parameter.default is not None else None,
                        positional=group != "kw",
                    )
                )
        for starred, star in stars:
            if isinstance(starred, cst.Param):
                found.append(Parameter(starred.name.value, star=star))
        return tuple(found)

    # Expressions

    def lower(self, node: cst.CSTNode, parent: cst.CSTNode) -> ex.Node:
        """Visit an expression and what is in it; give (and remember) its lowered form."""
        self.enter(node, parent)
        handler = self.expressions.get(type(node))
        if handler is None:
            for child in node.children:
                if isinstance(child, cst.BaseExpression):
                    self.lower(child, node)
            return ex.OPAQUE
        lowered = handler(node)
        self.model.exprs[node] = lowered
        return lowered

    def lower_Name(self, node: cst.Name) -> ex.Node:
        found = self.environment.get(node.value)
        if found is None:
            found = self.lookup(node)
        for option in found.options if isinstance(found, ex.Either) else (found,):
            if isinstance(option, ex.Bound):
                self.model.bindings[option.index].uses.append(node)
        return found

    def lookup(self, node: cst.Name) -> ex.Node:
        """A name that this function does not bind on the way here: enclosing scopes, the module, builtins."""
        name = node.value
        if name in CONSTANTS:
            return CONSTANTS[name]
        scope = self.scope.parent if self.scope.declared.get(name) != "global" else None
        while scope is not None:
            if scope.what in ("function", "lambda", "comprehension") and name in scope.bindings:
                return ex.either([ex.Bound(binding.index) for binding in scope.bindings[name]])
            scope = scope.parent
        for binding in self.module_scope.bindings.get(name, ()):
            binding.uses.append(node)
        here = name in self.names or name in self.module_scope.bindings or self.stars
        if self.in_annotation and not hasattr(builtins, name):
            here = True  # a forward reference: the module defines it further down
        return ex.Ref(f"{self.model.name}.{name}" if here else f"builtins.{name}")

    def lower_Attribute(self, node: cst.Attribute) -> ex.Node:
        self.model.parents[node.attr] = node
        return ex.Attr(self.lower(node.value, node), node.attr.value)

    def lower_Call(self, node: cst.Call) -> ex.Node:
        func = self.lower(node.func, node)
        args: list[ex.Node] = []
        keywords: list[tuple[str, ex.Node]] = []
        casts = isinstance(func, (ex.Ref, ex.Attr)) and self.imported_name(func) in CASTS
        for position, arg in enumerate(node.args):
            self.enter(arg, node)
            lower = self.annotation_expr if casts and position == 0 else self.lower
            value = lower(arg.value, arg)
            if arg.star:
                keywords.append((arg.star, value))
            elif arg.keyword is not None:
                self.model.parents[arg.keyword] = arg
                keywords.append((arg.keyword.value, value))
            else:
                args.append(value)
        return ex.Call(func, tuple(args), tuple(keywords))

    def lower_Await(self, node: cst.Await) -> ex.Node:
        return ex.Await(self.lower(node.expression, node))

    def lower_Subscript(self, node: cst.Subscript) -> ex.Node:
        value = self.lower(node.value, node)
        literal = (
            self.in_annotation and isinstance(value, (ex.Ref, ex.Attr)) and ex.dotted_name(value) in LITERAL
        )
        outer, self.in_annotation = self.in_annotation, self.in_annotation and not literal
        items: list[ex.Node] = []
        for element in node.slice:
            self.enter(element, node)
            if isinstance(element.slice, cst.Index):
                items.append(self.lower(element.slice.value, element))
            else:
                for bound in element.slice.children:
                    if isinstance(bound, cst.BaseExpression):
                        self.lower(bound, element)
                items.append(ex.OPAQUE)
        self.in_annotation = outer
        return ex.Sub(value, tuple(items))

    def lower_SimpleString(self, node: cst.SimpleString) -> ex.Node:
        value = node.evaluated_value
        if not isinstance(value, str) or SURROGATE.search(value):  # half a character cannot travel as UTF-8
            return ex.OPAQUE
        if self.in_annotation:
            try:
                forward = cst.parse_expression(value.strip())
            except Exception:  # not a type expression: text in an Annotated or Literal
                return ex.Literal(value)
            return self.lower(forward, node)
        return ex.Literal(value) if len(value) <= LONGEST_TEXT else ex.Prefix(value[:LONGEST_TEXT])

    def lower_ConcatenatedString(self, node: cst.ConcatenatedString) -> ex.Node:
        return self.concatenated(self.lower(node.left, node), self.lower(node.right, node))

    @staticmethod
    def concatenated(left: ex.Node, right: ex.Node) -> ex.Node:
        """Two texts in a row; neighbouring literals become one."""
        parts: list[ex.Node] = []
        for side in (left, right):
            for part in side.parts if isinstance(side, ex.Joined) else (side,):
                before = parts[-1] if parts else None
                if isinstance(part, ex.Literal) and not isinstance(part.value, str):
                    return ex.OPAQUE
                if isinstance(part, ex.Literal) and isinstance(before, ex.Literal):
                    parts[-1] = ex.Literal(f"{before.value}{part.value}")
                else:
                    parts.append(part)
        if len(parts) == 1:
            return parts[0]
        return ex.Joined(tuple(parts)) if len(parts) <= MOST_PARTS else ex.OPAQUE

    def lower_FormattedString(self, node: cst.FormattedString) -> ex.Node:
        joined: ex.Node = ex.Literal("")
        for part in node.parts:
            if isinstance(part, cst.FormattedStringText):
                joined = self.concatenated(joined, ex.Literal(part.value))
            elif isinstance(part, cst.FormattedStringExpression):
                self.enter(part, node)
                value = self.lower(part.expression, part)
                for inner in part.format_spec or ():
                    if isinstance(inner, cst.FormattedStringExpression):
                        self.enter(inner, part)
                        self.lower(inner.expression, inner)
                # A number, or one that is formatted, is a hole: how it is written is not followed.
                plain = part.format_spec is None and not (
                    isinstance(value, ex.Literal) and not isinstance(value.value, str)
                )
                joined = self.concatenated(joined, value if plain else ex.OPAQUE)
        return joined

    def lower_Integer(self, node: cst.Integer) -> ex.Node:
        return ex.Literal(int(node.value.replace("_", ""), 0)) if len(node.value) < 19 else ex.OPAQUE

    def lower_Float(self, node: cst.Float) -> ex.Node:
        return ex.Literal(float(node.value.replace("_", "")))

    def lower_UnaryOperation(self, node: cst.UnaryOperation) -> ex.Node:
        value = self.lower(node.expression, node)
        number = value.value if isinstance(value, ex.Literal) else None
        negates = isinstance(node.operator, cst.Minus) and isinstance(number, (int, float))
        return ex.Literal(-number) if negates and not isinstance(number, bool) else ex.OPAQUE  # type: ignore[operator]

    def lower_BinaryOperation(self, node: cst.BinaryOperation) -> ex.Node:
        left, right = self.lower(node.left, node), self.lower(node.right, node)
        if isinstance(node.operator, cst.BitOr):  # a union type, in an annotation or an alias
            return ex.either([left, right])
        if (
            isinstance(node.operator, cst.Modulo)
            and isinstance(left, ex.Literal)
            and isinstance(left.value, str)
        ):
            first, *others = PERCENT.split(left.value)
            joined: ex.Node = ex.Literal(first)
            for piece in others:
                joined = self.concatenated(self.concatenated(joined, ex.OPAQUE), ex.Literal(piece))
            return joined
        return self.concatenated(left, right) if isinstance(node.operator, cst.Add) else ex.OPAQUE

    def lower_BooleanOperation(self, node: cst.BooleanOperation) -> ex.Node:
        left, right = self.lower(node.left, node), self.lower(node.right, node)
        return ex.either([left, right]) if isinstance(node.operator, cst.Or) else right

    def lower_Comparison(self, node: cst.Comparison) -> ex.Node:
        self.lower(node.left, node)
        for target in node.comparisons:
            self.enter(target, node)
            self.lower(target.comparator, target)
        return ex.OPAQUE

    def lower_IfExp(self, node: cst.IfExp) -> ex.Node:
        self.lower(node.test, node)
        return ex.either([self.lower(node.body, node), self.lower(node.orelse, node)])

    def lower_NamedExpr(self, node: cst.NamedExpr) -> ex.Node:
        value = self.lower(node.value, node)
        self.bind(node.target, value, node, node.value)
        return value

    def lower_Tuple(self, node: cst.Tuple | cst.List) -> ex.Node:
        items = []
        for element in node.elements:
            self.enter(element, node)
            item = self.lower(element.value, element)
            items.append(ex.OPAQUE if isinstance(element, cst.StarredElement) else item)
        return ex.Display(tuple(items)) if len(items) <= 8 else ex.OPAQUE

    lower_List = lower_Tuple

    def lower_Set(self, node: cst.Set) -> ex.Node:
        for element in node.elements:
            self.enter(element, node)
            self.lower(element.value, element)
        return ex.OPAQUE

    def lower_Dict(self, node: cst.Dict) -> ex.Node:
        for element in node.elements:
            self.enter(element, node)
            if isinstance(element, cst.DictElement):
                self.lower(element.key, element)
            self.lower(element.value, element)
        return ex.OPAQUE

    def lower_Yield(self, node: cst.Yield) -> ex.Node:
        if isinstance(node.value, cst.From):
            self.enter(node.value, node)
            self.yields.append(ex.Each(self.lower(node.value.item, node.value), is_async=False))
        else:
            self.yields.append(self.lower(node.value, node) if node.value is not None else ex.NONE)
        return ex.OPAQUE

    def lower_Lambda(self, node: cst.Lambda) -> ex.Node:
        parameters = self.parameters(node.params, node)
        scope = Scope("lambda", node, self.scope, self.qualify("<lambda>"))
        self.model.opened[node] = scope
        outer, environment = self.scope, self.environment
        self.scope, self.environment = scope, {**environment, **{p.name: ex.OPAQUE for p in parameters}}
        returned = self.lower(node.body, node)
        self.scope, self.environment = outer, environment
        return ex.Lambda(returned)

    # Comprehensions

    def comprehension(self, node: cst.BaseComp, parts: Sequence[cst.BaseExpression]) -> list[ex.Node]:
        outer, environment = self.scope, self.environment
        first = node.for_in
        self.enter(first, node)
        iterables = {first: self.lower(first.iter, first)}  # the first iterable runs outside
        self.scope = Scope("comprehension", node, outer, self.qualify("<comprehension>"))
        self.model.opened[node] = self.scope
        self.environment = dict(environment)
        clause: cst.CompFor | None = first
        while clause is not None:
            if clause not in iterables:
                self.enter(clause, node)
                iterables[clause] = self.lower(clause.iter, clause)
            each = ex.Each(iterables[clause], clause.asynchronous is not None)
            self.bind(clause.target, each, clause, clause.iter)
            for condition in clause.ifs:
                self.enter(condition, clause)
                self.lower(condition.test, condition)
            clause = clause.inner_for_in
        lowered = [self.lower(part, node) for part in parts]
        self.scope, self.environment = outer, environment
        return lowered

    def lower_ListComp(self, node: cst.ListComp | cst.SetComp | cst.GeneratorExp) -> ex.Node:
        return ex.Many(self.comprehension(node, [node.elt])[0])

    lower_SetComp = lower_GeneratorExp = lower_ListComp

    def lower_DictComp(self, node: cst.DictComp) -> ex.Node:
        self.comprehension(node, [node.key, node.value])
        return ex.OPAQUE


EXPRESSIONS = (
    cst.Name, cst.Attribute, cst.Call, cst.Await, cst.Subscript, cst.SimpleString, cst.ConcatenatedString,
    cst.FormattedString, cst.Integer, cst.Float, cst.UnaryOperation, cst.BinaryOperation, cst.BooleanOperation,
    cst.Comparison, cst.IfExp, cst.NamedExpr, cst.Tuple, cst.List, cst.Set, cst.Dict, cst.Yield, cst.Lambda,
    cst.ListComp, cst.SetComp, cst.GeneratorExp, cst.DictComp,
)  # fmt: skip
