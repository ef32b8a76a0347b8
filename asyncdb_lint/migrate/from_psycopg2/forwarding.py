"""Functions of the project that hand their own parameters to `cursor.execute()`: their callers write the statements."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from asyncdb_lint.semantics.kinds import Function

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.migrate.command import Rewrite
    from asyncdb_lint.semantics.model import Binding

EXECUTING = ("execute", "executemany")
PARAMETERS = ("vars", "vars_list", "params", "params_seq")
FORWARDING = "asyncdb-lint forwarding"
HARMLESS = {
    "len", "isinstance", "tuple", "list", "str", "repr", "debug", "info", "warning", "error", "exception", "print",
}  # fmt: skip
"""Functions that take a list where they took a tuple."""
ROUNDS = 3  # a helper may call a helper that calls a helper


class Forwarder(NamedTuple):
    """Which parameters of a function are the statement and its parameters: name, and place among the arguments."""

    query: tuple[str, int]
    values: tuple[str, int]
    many: bool


def forwarders(rewrite: Rewrite) -> dict[str, Forwarder]:
    """All of the project, by the function's canonical name; worked out once."""
    found: dict[str, Forwarder] | None = rewrite.shared.get(FORWARDING)
    if found is None:
        found = rewrite.shared[FORWARDING] = {}
        looking = [type(rewrite)(rewrite.context, work) for work in rewrite.works]
        for _ in range(ROUNDS):
            before = len(found)
            for each in looking:
                for name, forwarder in forwarders_of(each, found):
                    found.setdefault(name, forwarder)
            if len(found) == before:
                break
    return found


def forwarders_of(rewrite: Rewrite, known: dict[str, Forwarder]) -> Iterator[tuple[str, Forwarder]]:
    """The functions of one file that execute what they are given, by themselves or by those that are known."""
    for call in rewrite.calls():
        handed = executed(rewrite, call) or handed_on(rewrite, call, known)
        if handed is None:
            continue
        query, values, many = handed
        first, second = parameter(rewrite.file, query), parameter(rewrite.file, values)
        if first is None or second is None or first.scope is not second.scope:
            continue
        function = first.scope.node
        if isinstance(function, cst.FunctionDef) and is_only_handed_on(rewrite, second, known):
            places = [(each, place(function.params, each)) for each in (first.name, second.name)]
            yield f"{rewrite.file.model.name}:{first.scope.qualname}", Forwarder(places[0], places[1], many)


def executed(rewrite: Rewrite, call: cst.Call) -> tuple[cst.BaseExpression, cst.BaseExpression, bool] | None:
    """What `cursor.execute(query, values)` executes."""
    func = call.func
    if not isinstance(func, cst.Attribute) or func.attr.value not in EXECUTING:
        return None
    if not rewrite.is_object(func.value, "cursor"):
        return None
    query = rewrite.file.argument(call, "query", 0)
    found = (rewrite.file.argument(call, name, 1) for name in PARAMETERS)
    values = next((each for each in found if each is not None), None)
    many = func.attr.value == "executemany"
    return (query.value, values.value, many) if query is not None and values is not None else None


def handed_on(
    rewrite: Rewrite, call: cst.Call, known: dict[str, Forwarder]
) -> tuple[cst.BaseExpression, cst.BaseExpression, bool] | None:
    """What a call of a known function makes that execute."""
    kind = rewrite.file.kind(call.func)
    forwarder = known.get(kind.name) if isinstance(kind, Function) else None
    if forwarder is None:
        return None
    query = rewrite.file.argument(call, *forwarder.query)
    values = rewrite.file.argument(call, *forwarder.values)
    return (query.value, values.value, forwarder.many) if query is not None and values is not None else None


def parameter(file: FileContext, node: cst.BaseExpression) -> Binding | None:
    """The function's parameter that an expression is: `values`, or `values or ()`."""
    if isinstance(node, cst.BooleanOperation) and isinstance(node.operator, cst.Or):
        node = node.left
    bindings = file.model.bindings_of(node) if isinstance(node, cst.Name) else []
    is_one = len(bindings) == 1 and isinstance(bindings[0].target, cst.Param)
    return bindings[0] if is_one and len(bindings[0].scope.bindings[bindings[0].name]) == 1 else None


def place(params: cst.Parameters, name: str) -> int:
    """The place of a parameter among the arguments of a call; -1 for one that is given by keyword only."""
    names = [each.name.value for each in (*params.posonly_params, *params.params)]
    shift = 1 if names[:1] in (["self"], ["cls"]) else 0
    return names.index(name) - shift if name in names else -1


def is_only_handed_on(rewrite: Rewrite, binding: Binding, known: dict[str, Forwarder]) -> bool:
    """Whether a function does nothing with its parameter but hand it on or ask whether it is there."""
    parents = rewrite.file.model.parents
    for use in binding.uses:
        around = parents.get(use)
        while isinstance(around, (cst.BooleanOperation, cst.UnaryOperation)):
            around = parents.get(around)
        call = parents.get(around) if isinstance(around, cst.Arg) else None
        if isinstance(call, cst.Call):
            name = (
                call.func.attr.value
                if isinstance(call.func, cst.Attribute)
                else getattr(call.func, "value", "")
            )
            if name not in HARMLESS and not executed(rewrite, call) and not handed_on(rewrite, call, known):
                return False
        elif not isinstance(around, (cst.Comparison, cst.ComparisonTarget, cst.If, cst.IfExp)):
            return False
    return True
