"""What may be given as a cursor factory: psycopg2's cursor classes, classes of the project's own, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import Class, Function, Instance
from asyncdb_lint.semantics.trace import slot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.semantics.project import Project

DEPTH = 10
UNKNOWN, NOTHING, PARAMETER = "?", "None", "parameter"
"""What nobody can tell; None, the default; and what the callers of a function give it, as far as they are not seen."""


def values(project: Project, module: str, expr: ex.Node | None, depth: int = DEPTH) -> Iterator[str]:
    """The full names of the classes that an expression may be, and the words above."""
    if expr is None or depth == 0:
        yield UNKNOWN
        return
    match expr:
        case ex.Bound(index):
            yield from values(project, module, project.modules[module].bindings[index], depth - 1)
        case ex.Either(options) | ex.Each(ex.Display(options)):
            for each in options:
                yield from values(project, module, each, depth - 1)
        case ex.First(options):
            yield from values(project, module, options[0], depth - 1)
        case ex.Param(function, name):
            yield from of_parameter(project, module, function, name, depth - 1)
        case ex.Typed():
            yield PARAMETER
        case ex.Literal(None):
            yield NOTHING
        case _:
            kind = project.kind(module, expr)
            if isinstance(kind, Class):
                yield kind.name
            elif isinstance(kind, Function) and ":" not in kind.name and isinstance(expr, (ex.Ref, ex.Attr)):
                yield kind.name  # a name of psycopg2's of which the facts know nothing more
            else:
                yield from of_definitions(project, module, expr, depth - 1)


def of_parameter(project: Project, module: str, function: str, name: str, depth: int) -> Iterator[str]:
    """A parameter: its default, and what the calls that are seen give."""
    summary = project.modules[module].functions.get(function)
    parameter = next((each for each in summary.parameters if each.name == name), None) if summary else None
    if parameter is None or parameter.star:
        yield UNKNOWN
        return
    yield PARAMETER
    if parameter.default is not None:
        yield from values(project, module, parameter.default, depth)
    for home, given in project.put.get(slot(f"{module}:{function}", name), ()):
        if given != ex.OPAQUE:
            yield from values(project, home, given, depth)


def of_definitions(project: Project, module: str, expr: ex.Node, depth: int) -> Iterator[str]:
    """A module's variable, an attribute of a project class, or what a function of the project gives."""
    found: list[tuple[str, ex.Node]] = []
    match expr:
        case ex.Attr(value, name):
            owner = project.kind(module, value)
            line = project.mro(owner.name) if isinstance(owner, (Instance, Class)) else ()
            holders = [holder for base in line if (holder := project.class_(base)) is not None]
            found = [
                (home.name, each) for home, cls in holders for each in cls.attributes.get(name, ())
            ] or project.definitions(module, expr)
        case ex.Ref():
            found = project.definitions(module, expr)
        case ex.Call(func):
            kind = project.kind(module, func)
            function = project.function(kind.name) if isinstance(kind, Function) else None
            found = [(function[0].name, each) for each in function[1].returns] if function is not None else []
        case _:
            pass
    if not found:
        yield UNKNOWN
    for home, each in found:
        yield from values(project, home, each, depth)
