"""The life of an object that a function makes: who uses it, who ends it, and on which ways nobody does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import libcst as cst

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.callables import argument
from asyncdb_lint.semantics.custody import CLOSING
from asyncdb_lint.semantics.kinds import Class, Coroutine, Function, Instance, Startable
from asyncdb_lint.semantics.origins import origins
from asyncdb_lint.semantics.usage import Fate, fates

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from asyncdb_lint.file_context import CallFacts, FileContext
    from asyncdb_lint.semantics.model import Model, Scope

Part = Literal[
    "works",  # talks to the database: from here a connection is held
    "settles",  # commits or rolls back: the connection goes back, the object may be used on
    "closes",
    "managed",  # entered, or given to something that closes it
    "yielded",
    "handed",  # returned, stored or given to somebody else, who may close it
    "idle",
]
SETTLING = {"commit", "rollback", "reset", "invalidate"}
BEGINNING = {"begin", "begin_nested"}
CLOSERS = {"contextlib.closing", "contextlib.aclosing"}
LOOKERS = {"bool", "getattr", "hasattr", "id", "isinstance", "print", "repr", "str", "type"}
BRANCHING = (cst.If, cst.Try, cst.TryStar, cst.Match, cst.IfExp)
TRIES = (cst.Try, cst.TryStar)


class Event(NamedTuple):
    """One use of the object. `is_done` is false for a close of an async object that is not awaited."""

    part: Part
    node: cst.CSTNode
    is_done: bool = True


class Life(NamedTuple):
    """A made object and its uses in the order of the text; `made` is the call, or what awaits it."""

    made: cst.BaseExpression
    scope: Scope
    is_async: bool
    events: tuple[Event, ...]

    def has(self, *parts: Part) -> bool:
        """Whether any use is one of these."""
        return any(event.part in parts for event in self.events)

    def only(self, *parts: Part) -> list[Event]:
        """The uses that are one of these."""
        return [event for event in self.events if event.part in parts]


def lives(file: FileContext, role: str) -> Iterator[Life]:
    """The objects of a role (`session`) that the file's functions make themselves, from class or factory."""
    for node in file.model.nodes.get(cst.Call, ()):
        assert isinstance(node, cst.Call)
        kind = file.kind(node)
        if isinstance(kind, Instance) and file.project.role(kind)[0] == role and is_made(file, node):
            scope = file.model.scope_of(node).function
            if scope is not None and scope.what == "function":
                yield life(file, node, scope)


def is_made(file: FileContext, call: cst.Call) -> bool:
    """Whether a call makes a new object that owns its connection: a class, or a session factory."""
    if any(file.role(arg.value)[0] == "connection" for arg in call.args):
        return False  # bound to a connection that somebody else holds and ends
    called = file.kind(call.func)
    if isinstance(called, Class):
        bind = file.argument(call, "bind", 0)  # what is not known to be an engine may be a connection
        return bind is None or file.role(bind.value)[0] == "engine"
    is_factory = isinstance(called, Instance) and file.project.role(called)[0] == "session_factory"
    return is_factory and not is_bound_to_connection(file, call.func)


def is_bound_to_connection(file: FileContext, factory: cst.BaseExpression) -> bool:
    """Whether a factory's sessions work on a connection: given when it is made, or by `configure(bind=…)`."""
    expr = file.model.exprs.get(factory)
    for call in configurations(file, expr):
        if file.argument(call, "bind") is not None:
            return True
    for origin in origins(file.project, file.model.name, expr) or ():
        bind = argument(origin.call, "bind", 0)
        if bind is not None and file.project.role(file.project.kind(origin.module, bind))[0] == "connection":
            return True
    return False


def configurations(file: FileContext, factory: ex.Node | None) -> Iterator[cst.Call]:
    """The `factory.configure(…)` calls of the file."""
    for node in file.model.nodes.get(cst.Call, ()):
        lowered = file.model.exprs.get(node)
        func = lowered.func if isinstance(lowered, ex.Call) else None
        if isinstance(func, ex.Attr) and func.name == "configure" and func.value == factory:
            assert isinstance(node, cst.Call)
            yield node


def life(file: FileContext, made: cst.BaseExpression, scope: Scope) -> Life:
    """What becomes of an object made by a call."""
    is_async = file.role(made)[1] == "async"
    events = [judge(file, fate, scope, is_async) for fate in fates(file.model, made)]
    events.sort(key=lambda event: start(file, event.node))
    return Life(made, scope, is_async, tuple(events))


def judge(file: FileContext, fate: Fate, scope: Scope, is_async: bool) -> Event:
    """What one use does."""
    node = fate.consumer
    if file.model.scope_of(node).function is not scope:
        return Event("handed", node)  # a closure lives on as long as it likes
    match fate.what:
        case "entered":
            return Event("managed", node)
        case "yielded":
            return Event("yielded", node)
        case "tested" | "operand" | "discarded":
            return Event("idle", node)
        case "passed":
            return Event(passed(file, node), node)
        case "attribute" if isinstance(node, cst.Attribute):
            return attribute(file, node, is_async)
        case _:
            return Event("handed", node)


def passed(file: FileContext, arg: cst.CSTNode) -> Part:
    """What a call does with an argument."""
    holder = file.model.parents[arg]
    callee = file.call(holder) if isinstance(holder, cst.Call) else None
    if callee is None or not isinstance(holder, cst.Call):
        return "handed"
    if callee.function in CLOSERS:
        return "managed"
    if callee.function.removeprefix("builtins.") in LOOKERS:
        return "idle"
    return "works" if borrows(file, holder, callee, arg) else "handed"


def borrows(file: FileContext, call: cst.Call, callee: CallFacts, arg: cst.CSTNode) -> bool:
    """Whether a project function only uses what the argument gives it."""
    found = file.project.function(callee.function)
    if found is None or any(each.star for each in call.args):
        return False
    parameters = [each for each in found[1].parameters if not each.star]
    if (
        isinstance(file.kind(call.func), Function)
        and found[1].owner is not None
        and callee.receiver is not None
    ):
        parameters = parameters[1:]
    assert isinstance(arg, cst.Arg)
    if arg.keyword is not None:
        return arg.keyword.value in found[1].borrowed
    position = [each for each in call.args if each.keyword is None].index(arg)
    return position < len(parameters) and parameters[position].name in found[1].borrowed


def attribute(file: FileContext, node: cst.Attribute, is_async: bool) -> Event:
    """What reading or calling an attribute of the object does."""
    name, call = node.attr.value, file.model.parents[node]
    if not isinstance(call, cst.Call) or call.func is not node:
        # `stack.push_async_callback(session.close)`, `to_thread(session.commit)`
        return Event("managed" if name in CLOSING | SETTLING else "idle", node)
    around = file.model.parents[call]
    if name in BEGINNING:
        return Event("managed" if isinstance(around, cst.WithItem) else "idle", node)
    if name in CLOSING | SETTLING:
        is_done = not is_async or not isinstance(around, cst.Expr)
        return Event("closes" if name in CLOSING else "settles", node, is_done)
    facts = file.call(call)
    if facts is None or facts.member is None:
        return Event("idle", node)
    kind = file.kind(call)
    works = isinstance(kind, (Coroutine, Startable)) if is_async else facts.member.blocks or name == "query"
    return Event("works" if works else "idle", node)


def is_script(file: FileContext, scope: Scope) -> bool:
    """Whether the module itself runs the function: the process ends with it."""
    local = (use for use in file.model.nodes.get(cst.Name, ()) if use.value == scope.qualname)  # type: ignore[attr-defined]
    return any(
        file.model.scope_of(use).function is None
        and any(isinstance(parent, cst.Call) for parent, _ in around(file.model, use))
        for use in local
    )


# Places


def start(file: FileContext, node: cst.CSTNode) -> tuple[int, int]:
    """Where a node starts in the text."""
    where = file.positions[node].start
    return where.line, where.column


def end(file: FileContext, node: cst.CSTNode) -> tuple[int, int]:
    """Where a node ends in the text."""
    where = file.positions[node].end
    return where.line, where.column


def around(model: Model, node: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, cst.CSTNode]]:
    """The statements and nodes around a node inside its function, each with the child that holds the node."""
    while not isinstance(node, (cst.FunctionDef, cst.Lambda, cst.Module)):
        parent = model.parents[node]
        yield parent, node
        node = parent


def branches(model: Model, node: cst.CSTNode) -> dict[cst.CSTNode, cst.CSTNode]:
    """The branching statements around a node, each with its branch that holds the node."""
    return {parent: child for parent, child in around(model, node) if isinstance(parent, BRANCHING)}


def exclude(model: Model, one: cst.CSTNode, other: cst.CSTNode) -> bool:
    """Whether two nodes stand in branches of one statement of which only one runs."""
    theirs = branches(model, other)
    for statement, branch in branches(model, one).items():
        against = theirs.get(statement, branch)
        if against is branch:
            continue
        if not isinstance(statement, TRIES):
            return True
        if isinstance(branch, cst.ExceptHandler) and isinstance(against, (cst.ExceptHandler, cst.Else)):
            return True
        if isinstance(branch, cst.Else) and isinstance(against, cst.ExceptHandler):
            return True
    return False


def is_final(model: Model, node: cst.CSTNode) -> bool:
    """Whether a node stands in a `finally`."""
    return any(isinstance(child, cst.Finally) for _, child in around(model, node))


def is_handling(model: Model, node: cst.CSTNode) -> bool:
    """Whether a node stands in an `except`."""
    return any(isinstance(child, cst.ExceptHandler) for _, child in around(model, node))


def leaves(file: FileContext, of: Life) -> list[cst.CSTNode]:
    """Where the function may end after making the object: its returns, and its end where that is reached."""
    function = of.scope.node
    assert isinstance(function, cst.FunctionDef)
    born = start(file, of.made)
    found: list[cst.CSTNode] = [
        node
        for node in file.model.nodes.get(cst.Return, ())
        if file.model.scope_of(node).function is of.scope
        and end(file, node) > born
        and not exclude(file.model, node, of.made)
    ]
    last = function.body.body[-1] if function.body.body else None
    if isinstance(last, cst.SimpleStatementLine) and isinstance(last.body[-1], (cst.Return, cst.Raise)):
        return found
    return [*found, function]


def unsettled(file: FileContext, of: Life) -> Iterator[tuple[cst.CSTNode, Event]]:
    """The ways out on which the object still holds a connection, with the use that took it."""
    for way in leaves(file, of):
        until = end(file, way)
        past: Sequence[Event] = [
            event
            for event in of.only("works", "settles", "closes")
            if start(file, event.node) < until
            and (way is of.scope.node or not exclude(file.model, event.node, way))
        ]
        if past and past[-1].part == "works":
            yield way, past[-1]
