"""Which modules belong to a long-lived server: those that a web application imports, at any distance."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.semantics.usage import fates

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.semantics.model import Model
    from asyncdb_lint.semantics.project import Project

# Importing one of these makes a module part of a web application: they build applications and routes.
APPLICATIONS = {
    "fastapi", "fastapi.FastAPI", "fastapi.APIRouter", "starlette.applications",
    "starlette.applications.Starlette",
    "starlette.routing.Route", "starlette.routing.Router", "litestar", "litestar.Litestar", "litestar.Router",
    "litestar.Controller", "aiohttp.web", "sanic", "sanic.Sanic", "sanic.Blueprint", "quart", "quart.Quart",
    "quart.Blueprint", "flask", "flask.Flask", "flask.Blueprint", "tornado.web", "falcon.asgi", "blacksheep",
    "blacksheep.Application",
}  # fmt: skip
SHORT_LIVED_FOLDERS = {
    "alembic", "benchmarks", "docs", "examples", "migrations", "notebooks", "samples", "scripts", "tests",
    "tools",
}  # fmt: skip
ASIDE = SHORT_LIVED_FOLDERS - {"tools"}  # an agent's tools are called all the time
LASTING = {"stored", "returned", "yielded"}

_cache: weakref.WeakKeyDictionary[Project, tuple[int, frozenset[str]]] = weakref.WeakKeyDictionary()


def server_modules(project: Project) -> frozenset[str]:
    """The modules of web applications and all that they import."""
    known = _cache.get(project)
    if known is not None and known[0] == len(project.modules):
        return known[1]
    todo = [
        name
        for name, summary in project.modules.items()
        if not APPLICATIONS.isdisjoint(summary.imports) and not SHORT_LIVED_FOLDERS & set(name.split("."))
    ]
    _cache[project] = (len(project.modules), frozenset(with_imports(project, todo)))
    return _cache[project][1]


def with_imports(project: Project, names: Iterable[str]) -> set[str]:
    """Some modules and all that they import, at any distance."""
    todo, seen = list(names), set[str]()
    while todo:
        name = todo.pop()
        if name in seen or name not in project.modules:
            continue
        seen.add(name)
        found = (project.index.locate(dotted, name) for dotted in project.modules[name].imports)
        todo += [each for each in found if each is not None]
    return seen


def is_server_code(file: FileContext) -> bool:
    """Whether the file is part of a server; tests, scripts and migrations are not."""
    parts = set(file.model.name.split("."))
    if file.is_test or parts & SHORT_LIVED_FOLDERS:
        return False
    if any(name == "alembic" or name.startswith("alembic.") for name in file.model.summary.imports):
        return False
    return file.model.name in server_modules(file.project)


def outlives_call(model: Model, node: cst.CSTNode, depth: int = 3) -> bool:
    """Whether what an expression makes is still there when the code around it is done.

    At module level it is. In a function it has to be stored, returned or yielded, itself or in an object that
    is made with it; one that is disposed of in the same function is not meant to last.
    """
    function = model.scope_of(node).function
    if function is None:
        return not is_main_guarded(model, node)
    found = list(fates(model, node))
    disposed = any(
        each.what == "attribute"
        and isinstance(each.consumer, cst.Attribute)
        and each.consumer.attr.value == "dispose"
        for each in found
    )
    if disposed and not any(each.what == "yielded" for each in found):
        return False
    for each in found:
        if each.what in LASTING:
            return True
        if each.what == "passed" and depth:
            call = model.parents[each.consumer]
            if isinstance(call, cst.Call) and outlives_call(model, call, depth - 1):
                return True
    return False


def is_main_guarded(model: Model, node: cst.CSTNode) -> bool:
    """Whether module-level code runs only as a script (`if __name__ == "__main__"`)."""
    while not isinstance(node, cst.Module):
        if isinstance(node, cst.If) and isinstance(node.test, cst.Comparison):
            left = node.test.left
            if isinstance(left, cst.Name) and left.value == "__name__":
                return True
        node = model.parents[node]
    return False
