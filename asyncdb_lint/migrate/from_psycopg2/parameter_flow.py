"""What flows into `connect(**parameters)` from other modules: names, functions, and keywords of wrappers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.from_psycopg2.lifetimes import CONNECT
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import Function

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.semantics.kinds import Kind
    from asyncdb_lint.semantics.project import Project

KEYS = {"database": "dbname", "dsn": "conninfo"}
MAKING = {
    CONNECT, "psycopg2.pool.SimpleConnectionPool", "psycopg2.pool.ThreadedConnectionPool",
    "psycopg2.pool.PersistentConnectionPool", "psycopg2.extensions.make_dsn",
}  # fmt: skip
"""What takes the parameters of a connection."""
BESIDE = {"host", "user", "password", "port", "hostname", "username"}
DEPTH = 4


def key_of(place: cst.CSTNode) -> str:
    """The key that a place writes."""
    match place:
        case cst.SimpleString():
            return str(place.evaluated_value)
        case cst.Arg(keyword=cst.Name(value)):
            return value
    return ""


def keys_of(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The places where a display, or a call of `dict`, writes its keys."""
    match node:
        case cst.Dict(elements=elements):
            yield from (each.key for each in elements if isinstance(each, cst.DictElement))
        case cst.Call(func=cst.Name("dict"), args=args):
            yield from (each for each in args if each.keyword is not None)


def wanted_elsewhere(project: Project, own: str) -> Iterator[str]:
    """The names of a module, variables and functions, that other modules unpack for connect()."""
    for module in project.modules.values():
        if module.name == own or not any(name.partition(".")[0] == "psycopg2" for name in module.imports):
            continue
        for expr in (*module.bindings, *(each for one in module.functions.values() for each in one.returns)):
            for call in calls_in(expr):
                given = [value for key, value in call.keywords if key == "**"]
                if not given or getattr(project.kind(module.name, call.func), "name", "") not in MAKING:
                    continue
                for value in given:
                    home, _, name = absolute(project, module.name, value).rpartition(".")
                    if home == own:
                        yield name


def forwards(project: Project, kind: Kind) -> bool:
    """Whether a project function hands all keywords that it does not name on to connect()."""
    found = project.function(kind.name) if isinstance(kind, Function) else None
    if found is None:
        return False
    module, function = found
    stars = {each.name for each in function.parameters if each.star == "**"}
    given = [
        value
        for expr in (*module.bindings, *function.returns, *function.yields)
        for call in calls_in(expr)
        for key, value in call.keywords
        if key == "**" and getattr(project.kind(module.name, call.func), "name", "") in MAKING
    ]
    return any(
        isinstance(each, ex.Param) and each.function == function.qualname and each.name in stars
        for each in given
    )


def calls_in(expr: ex.Node) -> Iterator[ex.Call]:
    """The calls that an expression is made of."""
    match expr:
        case ex.Call():
            yield expr
        case ex.Enter(value) | ex.Await(value):
            yield from calls_in(value)
        case ex.Either(options) | ex.First(options):
            for each in options:
                yield from calls_in(each)


def absolute(project: Project, module: str, expr: ex.Node, depth: int = DEPTH) -> str:
    """The full name of what an expression takes from a module, through imports and variables; "" if it does not."""
    if isinstance(expr, ex.Call):
        expr = expr.func
    if isinstance(expr, ex.Bound):
        return (
            absolute(project, module, project.modules[module].bindings[expr.index], depth - 1)
            if depth
            else ""
        )
    return imported(project, ex.dotted_name(expr) or "", depth)


def imported(project: Project, name: str, depth: int) -> str:
    """A dotted name by where it comes from: `app.use.config.DB`, which imports `config`, is `app.config.DB`."""
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        found = project.modules.get(".".join(parts[:length]))
        if found is None:
            continue
        for option in found.names.get(parts[length], ()):
            if isinstance(option, ex.Ref) and option.name != ".".join(parts[: length + 1]) and depth:
                return imported(project, ".".join([option.name, *parts[length + 1 :]]), depth - 1)
        break
    return name
