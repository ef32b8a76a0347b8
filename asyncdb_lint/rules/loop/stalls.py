"""Blocking on the event loop, gathered by cause: what one object, or one owner of functions, does in one function."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from asyncdb_lint.finding import Position, Step
from asyncdb_lint.semantics import callables
from asyncdb_lint.semantics.blocking import class_label, described, is_awaited
from asyncdb_lint.semantics.callables import ROUTE_METHODS
from asyncdb_lint.semantics.callgraph import ON_LOOP
from asyncdb_lint.semantics.kinds import Instance
from asyncdb_lint.semantics.tracing import is_bound, slots

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.semantics.blocking import Operation, Origin
    from asyncdb_lint.semantics.callgraph import Edge, Where
    from asyncdb_lint.semantics.model import Scope

# Code in these folders is run by hand or by a tool, one task on one loop.
SCRIPT_FOLDERS = {"scripts", "script", "alembic", "migrations"}


class Descent(NamedTuple):
    """A call, or another expression, that leads through project functions to a blocking operation.

    `origin` is the object handed over that the waiting is done on; None where the functions have their own.
    """

    node: cst.CSTNode
    edge: Edge
    parameter: str
    origin: Origin | None


@dataclasses.dataclass(frozen=True, eq=False)
class Stall:
    """What blocks the loop in one function for one cause, in the order of the text.

    The cause is the synchronous object at `origin`; without one, the functions of one class or module.
    """

    scope: Scope
    origin: Origin | None
    operations: tuple[Operation, ...]
    descents: tuple[Descent, ...]

    @property
    def first(self) -> Operation:
        """The first operation in the function's own code."""
        return self.operations[0]

    @property
    def injected(self) -> cst.Param | None:
        """The parameter through which a dependency gives the object."""
        node = self.origin.node if self.origin is not None else None
        return node if isinstance(node, cst.Param) else None


def stalls(file: FileContext) -> Iterator[Stall]:
    """The stalls of a file; none in tests and scripts, whose loops serve nobody else."""
    if file.is_test or SCRIPT_FOLDERS & set(file.model.path.split("/")[:-1]):
        return
    operations: dict[tuple[Scope, object], list[Operation]] = {}
    descents: dict[tuple[Scope, object], list[Descent]] = {}
    told: set[cst.CSTNode] = set()
    for scope, found in file.blocking.by_scope.items():
        function = scope.function
        if function is not None and runs_on_loop(file, function):
            for each in found:
                operations.setdefault((function, each.origin.key), []).append(each)
                told.update(parts(each.receiver))
    for function in file.tracing.names:
        if runs_on_loop(file, function):
            for descent in descents_of(file, full_name(file, function)):
                if descent.node in told:  # of `self.db.conn.execute(…)` it is enough to hear once
                    continue
                origin = descent.origin
                cause = origin.key if origin is not None else owner(descent.edge.callee)
                descents.setdefault((function, cause), []).append(descent)
    for key in dict.fromkeys((*operations, *descents)):
        stall = stall_of(file, key[0], operations.get(key, []), descents.get(key, []))
        if stall is not None:
            yield stall


def parts(receiver: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """`a.b().c`, `a.b()`, `a.b` and `a`."""
    node: cst.CSTNode | None = receiver
    while node is not None:
        yield node
        node = getattr(node, "func", None) or getattr(node, "value", None)
        if not isinstance(node, cst.BaseExpression):
            return


def direct_stalls(file: FileContext) -> Iterator[Stall]:
    """The stalls that begin in the function's own code and not with a dependency, which is told at its parameter."""
    return (each for each in stalls(file) if each.operations and not is_injected(file, each))


def stall_of(
    file: FileContext, function: Scope, operations: list[Operation], descents: list[Descent]
) -> Stall | None:
    """The stall that some operations and calls in a function make up, unless they are meant to be there."""
    awaited = [each for each in operations if is_awaited(file.model, each.node)]
    ours = [each for each in operations if each.decisive and each not in awaited]
    origin = ours[0].origin if ours else descents[0].origin if descents else None
    if not ours and not descents:
        return None
    if origin is not None and is_mistaken(file, origin, awaited):
        return None
    if full_name(file, function) in file.reach.alone:
        return None  # nobody else waits for this loop
    ours.sort(key=lambda each: file.span(each.node))
    descents.sort(key=lambda each: file.span(each.node))
    return Stall(function, origin, tuple(ours), tuple(descents))


def descents_of(file: FileContext, name: str) -> Iterator[Descent]:
    """The ways from a coroutine function through project functions to a blocking operation, a place each."""
    seen: set[Where] = set()
    called = {each.function for each in file.offloads}  # told by ADB110
    for edge in file.reach.edges.get(name, ()):
        parameter = file.reach.first(edge.callee, edge.given)
        if parameter is None or edge.where in seen:
            continue
        seen.add(edge.where)
        node = file.node((edge.where[1], edge.where[2]))
        if node in called:
            continue
        argument = argument_for(file, node, edge.callee, parameter) if parameter else None
        origin = file.blocking.origin(argument) if argument is not None else None
        yield Descent(node, edge, parameter, origin)


def argument_for(
    file: FileContext, node: cst.CSTNode, callee: str, parameter: str
) -> cst.BaseExpression | None:
    """What a call hands to a parameter of the project function that it calls."""
    found = file.project.function(callee.partition("@")[0])
    if found is None or not isinstance(node, cst.Call):
        return None
    bound = is_bound(file.kind(node.func), node.func)
    return next((arg.value for name, arg in slots(found[1], node.args, bound) if name == parameter), None)


def owner(name: str) -> str:
    """The class or module of a project function."""
    module, _, qualname = name.partition("@")[0].partition(":")
    return f"{module}:{qualname.rpartition('.')[0]}"


def full_name(file: FileContext, function: Scope) -> str:
    """The name of a function in the whole project."""
    return f"{file.model.name}:{file.tracing.names.get(function, '')}"


def runs_on_loop(file: FileContext, function: Scope) -> bool:
    """Whether a function runs on the event loop: a coroutine function does, and what a framework runs there."""
    context = file.reach.contexts.get(full_name(file, function))
    return context in ON_LOOP if context is not None else function.is_async


def is_mistaken(file: FileContext, origin: Origin, awaited: list[Operation]) -> bool:
    """Whether an annotation says synchronous while the function uses the object as an asynchronous one."""
    if awaited and all(isinstance(each.target, Instance) and each.target.declared for each in awaited):
        return True
    binding = origin.binding
    return binding is not None and any(is_awaited(file.model, use) for use in binding.uses)


def is_injected(file: FileContext, stall: Stall) -> bool:
    """Whether a dependency (`Depends`) gives the object."""
    parameter = stall.injected
    if parameter is None:
        return False
    function = file.model.summary.functions.get(stall.scope.qualname)
    found = (
        [each for each in function.parameters if each.name == parameter.name.value]
        if function is not None
        else []
    )
    return any(callables.injection(file.project, file.model.name, each) is not None for each in found)


# What to say


def way(file: FileContext, descent: Descent) -> list[Step]:
    """The calls from a descent to the operation that waits, a step each."""
    edge = descent.edge
    return [*given_step(file, edge.through, edge.callee), *way_steps(file, edge.callee, descent.parameter)]


def way_steps(file: FileContext, name: str, parameter: str) -> list[Step]:
    """The hops from a project function to the operation that waits, a step each."""
    found: list[Step] = []
    for hop in file.reach.way(name, parameter):
        text = f"`{short(name)}` calls `{{}}`" if hop.callee else f"{hop.form} blocks: {hop.why}"
        found += step(file, hop.where, text)
        found += given_step(file, hop.through, hop.callee)
        name = hop.callee
    return found


def given_step(file: FileContext, where: Where | None, callee: str) -> list[Step]:
    """The place where a function on the way calls what it was given."""
    return (
        step(file, where, f"`{{}}` calls `{short(callee)}`, which was handed over")
        if where is not None
        else []
    )


def step(file: FileContext, where: Where, text: str) -> list[Step]:
    """A place in words, `text` with a hole for what stands there; nothing where it is not known."""
    place = file.reach.places.get(where)
    if place is None:
        return []
    return [Step(place.path, Position(place.row, place.column), text.replace("{}", place.text))]


def short(name: str) -> str:
    """A project function as its author would call it: the class and the method, or the function."""
    qualname = name.partition("@")[0].rpartition(":")[2].rpartition("<locals>.")[2]
    return "a lambda" if qualname.startswith("<lambda>") else qualname


def steps(file: FileContext, stall: Stall) -> list[Step]:
    """Where the object comes from, then every later operation on it in the function."""
    assert stall.origin is not None
    found = []
    binding, node = stall.origin.binding, stall.origin.node
    if isinstance(node, cst.Param):
        default = node.default
        given = f" from `{file.source(default, 40)}`" if default is not None else ""
        found.append(
            file.step(
                node.name, f"`{node.name.value}` is a synchronous {class_label(file, stall.first)}{given}"
            )
        )
    elif isinstance(node, cst.Call) and node is not stall.first.node:
        name = f"`{binding.name}`" if binding is not None else f"the {class_label(file, stall.first)}"
        found.append(file.step(node, f"{name} is made here"))
    return [*found, *others(file, stall, stall.first.node)]


def others(file: FileContext, stall: Stall, told: cst.CSTNode) -> list[Step]:
    """The other lines of the function that block for the same cause."""
    seen = {file.span(told)[0].row}
    found = []
    places = [(each.node, described(file, each)) for each in stall.operations]
    places += [(each.node, f"`{file.source(each.node, 60)}`") for each in stall.descents]
    for node, text in sorted(places, key=lambda each: file.span(each[0])):
        row = file.span(node)[0].row
        if row not in seen:
            seen.add(row)
            found.append(file.step(node, f"{text} blocks too"))
    return found


def is_startup(file: FileContext, function: Scope) -> bool:
    """Whether a function runs when the application starts or stops, while nothing is served."""
    return file.reach.contexts.get(full_name(file, function)) == "startup"


def could_be_plain(file: FileContext, scope: Scope) -> bool:
    """Whether it is a route of a web framework that awaits nothing, and so may be a plain `def`."""
    node = scope.node
    if not isinstance(node, cst.FunctionDef) or not any(is_route(each.decorator) for each in node.decorators):
        return False
    if full_name(file, scope) in file.reach.called:
        return False
    waits = [*file.model.nodes.get(cst.Await, ())]
    waits += [each for each in file.model.nodes.get(cst.With, ()) if getattr(each, "asynchronous", None)]
    waits += [each for each in file.model.nodes.get(cst.For, ()) if getattr(each, "asynchronous", None)]
    return not any(file.model.scope_of(each).function is scope for each in waits)


def is_route(decorator: cst.BaseExpression) -> bool:
    target = decorator.func if isinstance(decorator, cst.Call) else None
    return isinstance(target, cst.Attribute) and target.attr.value in ROUTE_METHODS - {
        "websocket",
        "middleware",
    }


def imports(file: FileContext, prefix: str) -> bool:
    """Whether any module of the project imports a library: nothing else is worth recommending."""
    return any(
        name == prefix or name.startswith(f"{prefix}.")
        for module in file.project.modules.values()
        for name in module.imports
    )


def remedy(file: FileContext, stall: Stall, async_form: str) -> str:
    """What to write instead; `async_form` is how an asynchronous library would do it."""
    if could_be_plain(file, stall.scope):
        return "make the endpoint a plain `def`, which runs in a thread: it awaits nothing"
    thread = "move this into a plain function that opens what it needs, and `await asyncio.to_thread(…)` it"
    return f"{async_form}, or {thread}" if async_form else thread
