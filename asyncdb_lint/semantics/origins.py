"""Where a session comes from: the calls that made it, or the factory that made it, followed across files."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.callables import DEPENDS, SESSION_FACTORIES, argument
from asyncdb_lint.semantics.kinds import Class, Function, Instance

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from asyncdb_lint.semantics.project import Project

DEPTH = 12


class Origin(NamedTuple):
    """The call that makes a session or a factory, in its module, and the binding that holds what it makes."""

    module: str
    call: ex.Call
    held: int | None


def origins(
    project: Project, module: str, expr: ex.Node | None, depth: int = DEPTH, held: int | None = None
) -> frozenset[Origin] | None:
    """The calls that a session or factory may come from; None where some way cannot be followed."""
    if expr is None or depth == 0:
        return None
    match expr:
        case ex.Bound(index):
            return origins(project, module, project.modules[module].bindings[index], depth - 1, index)
        case ex.Enter(value) | ex.Await(value) | ex.Each(value):
            return origins(project, module, value, depth - 1, held)
        case ex.Call():
            return of_call(project, module, expr, depth - 1, held)
        case ex.Param(function, name):
            return of_parameter(project, module, function, name, depth - 1)
        case ex.First(options):
            return origins(project, module, options[0], depth - 1, held)
        case ex.Either(options):
            return union(origins(project, module, each, depth - 1) for each in options if each != ex.NONE)
        case ex.Ref():
            return union(
                origins(project, home, each, depth - 1) for home, each in project.definitions(module, expr)
            )
        case ex.Attr(value, name):
            return of_attribute(project, module, value, name, depth - 1)
        case _:
            return None


def union(parts: Iterable[frozenset[Origin] | None]) -> frozenset[Origin] | None:
    """All of several; None where one is not known, or there are none."""
    found: set[Origin] = set()
    for part in parts:
        if part is None:
            return None
        found |= part
    return frozenset(found) or None


def of_call(
    project: Project, module: str, expr: ex.Call, depth: int, held: int | None = None
) -> frozenset[Origin] | None:
    """A call of a session's class or factory, `factory.begin()`, or a function that hands a session on."""
    function = project.kind(module, expr.func)
    if isinstance(function, Class):
        return frozenset({Origin(module, expr, held)})
    if isinstance(function, Instance) and project.role(function)[0] == "session_factory":
        if any(keyword == "expire_on_commit" for keyword, _ in expr.keywords):
            return frozenset({Origin(module, expr, held)})
        return origins(project, module, expr.func, depth)
    if isinstance(function, Function) and isinstance(expr.func, ex.Attr) and expr.func.name == "begin":
        return origins(project, module, expr.func.value, depth)
    found = project.function(function.name) if isinstance(function, Function) else None
    if found is None:
        return None
    home, summary = found
    given = summary.yields if summary.is_generator else summary.returns
    return union(origins(project, home.name, each, depth) for each in given if each != ex.NONE)


def of_parameter(
    project: Project, module: str, function: str, name: str, depth: int
) -> frozenset[Origin] | None:
    """A parameter that a dependency fills."""
    summary = project.modules[module].functions.get(function)
    parameter = next((each for each in summary.parameters if each.name == name), None) if summary else None
    if parameter is None:
        return None
    for home, given in ((module, parameter.default), *extras(project, module, parameter.annotation)):
        if isinstance(given, ex.Call):
            kind, provider = project.kind(home, given.func), argument(given, "dependency", 0)
            if isinstance(kind, (Function, Class)) and kind.name in DEPENDS and provider is not None:
                return of_call(project, home, ex.Call(provider), depth)
    return None


def extras(project: Project, module: str, annotation: ex.Node | None) -> Iterator[tuple[str, ex.Node]]:
    """What `Annotated[…]` holds beside the type, through an alias too."""
    aliases = project.definitions(module, annotation) if annotation is not None else []
    for home, expr in [(module, annotation), *aliases]:
        if isinstance(expr, ex.Bound):
            expr = project.modules[home].bindings[expr.index]
        if isinstance(expr, ex.Sub):
            for item in expr.items[1:]:
                yield home, item


def of_attribute(
    project: Project, module: str, value: ex.Node, name: str, depth: int
) -> frozenset[Origin] | None:
    """An attribute of a project class or object (`self.factory`)."""
    owner = project.kind(module, value)
    if not isinstance(owner, (Instance, Class)):
        return None
    for base in project.mro(owner.name):
        found = project.class_(base)
        if found is not None and name in found[1].attributes:
            home, summary = found
            return union(origins(project, home.name, each, depth) for each in summary.attributes[name])
    return None


def factories(project: Project) -> frozenset[Origin]:
    """Every call in the project that makes an async session factory."""
    found = set()
    for module, summary in project.modules.items():
        returned = [(None, each) for function in summary.functions.values() for each in function.returns]
        for held, expr in (*enumerate(summary.bindings), *returned):
            if isinstance(expr, ex.Call) and makes_async_factory(project, module, expr):
                found.add(Origin(module, expr, held))
    return frozenset(found)


def makes_async_factory(project: Project, module: str, expr: ex.Call) -> bool:
    """Whether a call makes a factory of async sessions."""
    called = project.kind(module, expr.func)
    if not isinstance(called, Class) or not any(
        name in SESSION_FACTORIES for name in project.mro(called.name)
    ):
        return False
    made = project.kind(module, expr)
    of = made.arguments[0] if isinstance(made, Instance) and made.arguments else None
    return of is not None and project.role(of) == ("session", "async")
