"""The several kinds that an object may be of, where one answer is not to be had: unions, branches, attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import Class, Instance, Kind, OneOf, known

if TYPE_CHECKING:
    from asyncdb_lint.semantics.project import Project

DEPTH = 8
UNIONS = {"typing.Union", "typing.Optional", "typing_extensions.Union"}


def alternatives(project: Project, module: str, expr: ex.Node | None, depth: int = DEPTH) -> list[Kind]:
    """The objects and classes that an expression may stand for; those that cannot be told are left out."""
    if expr is None or not depth:
        return []
    kind = project.kind(module, expr)
    if isinstance(kind, OneOf):
        return list(kind.options)
    if known(kind):
        return [kind] if isinstance(kind, (Instance, Class)) else []
    parts = [(home, each) for home, part in pieces(project, module, expr, depth) for each in unfold(part)]
    found: dict[Kind, None] = {}
    for home, part in parts:
        if (home, part) != (module, expr):
            found.update(dict.fromkeys(alternatives(project, home, part, depth - 1)))
    return list(found)


def unfold(expr: ex.Node) -> tuple[ex.Node, ...]:
    return expr.options if isinstance(expr, (ex.Either, ex.First)) else (expr,)


def pieces(project: Project, module: str, expr: ex.Node, depth: int) -> list[tuple[str, ex.Node]]:
    """What an expression is put together from, one step down, each with the module that it is written in."""
    match expr:
        case ex.Either(options) | ex.First(options):
            return [(module, each) for each in options]
        case ex.Bound(index):
            return [(module, project.modules[module].bindings[index])]
        case ex.Param(function, name):
            summary = project.modules[module].functions.get(function)
            found = [each for each in summary.parameters if each.name == name] if summary is not None else []
            return [(module, ex.Typed(each.annotation)) for each in found if each.annotation is not None]
        case ex.Attr(value, name):
            owners = alternatives(project, module, value, min(2, depth - 1))
            return [piece for owner in owners for piece in attribute(project, owner, name)]
        case ex.Typed(annotation):
            return [(home, ex.Typed(each)) for home, each in union(project, module, annotation)]
        case ex.Ref():
            return project.definitions(module, expr)
        case _:
            return []


def attribute(project: Project, owner: Kind, name: str) -> list[tuple[str, ex.Node]]:
    """What a class's body, its methods and its annotations say of an attribute."""
    if not isinstance(owner, (Instance, Class)):
        return []
    for each in project.mro(owner.name):
        found = project.class_(each)
        if found is None:
            continue
        module, summary = found
        if name in summary.annotations:
            return [(module.name, ex.Typed(summary.annotations[name]))]
        if name in summary.attributes:
            return [(module.name, option) for option in summary.attributes[name]]
    return []


def union(project: Project, module: str, annotation: ex.Node) -> list[tuple[str, ex.Node]]:
    """The members of `X | Y`, `Union[X, Y]`, `Optional[X]`, or of the alias that names one of them."""
    match annotation:
        case ex.Either(options):
            return [(module, each) for each in options]
        case ex.Sub(value, items):
            name = getattr(project.kind(module, value), "name", "")
            return [(module, each) for each in items] if name in UNIONS else []
        case _:
            return project.definitions(module, annotation)
