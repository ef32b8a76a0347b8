"""Dependencies that return a session: who `Depends` on them, and whether a consumer closes what it gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.callables import DEPENDS, argument, is_depends
from asyncdb_lint.semantics.kinds import Class, Function, Instance
from asyncdb_lint.semantics.lifecycle import is_made
from asyncdb_lint.semantics.origins import extras

if TYPE_CHECKING:
    from collections.abc import Iterator

    import libcst as cst

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.semantics.project import Project
    from asyncdb_lint.semantics.summary import Parameter


def is_dependency(file: FileContext, call: cst.Call) -> bool:
    """Whether a call is `Depends(…)`."""
    return getattr(file.kind(call.func), "name", "") in DEPENDS


def provides(file: FileContext, call: cst.Call) -> bool:
    """Whether a call makes a session."""
    kind = file.kind(call)
    return isinstance(kind, Instance) and file.project.role(kind)[0] == "session" and is_made(file, call)


def closing_consumer(project: Project, provider: str) -> bool | None:
    """Whether a function that gets the provider's session closes it; None where nothing depends on it."""
    found = None
    for module, summary in project.modules.items():
        for expr in aliases(summary.bindings):
            if names(project, module, expr, provider):
                found = found or False
        for function in summary.functions.values():
            for parameter in function.parameters:
                given = (parameter.default, parameter.annotation)
                if any(names(project, module, each, provider) for expr in given for each in calls(expr)):
                    if parameter.name in function.closed:
                        return True
                    found = False
    return found


def asked_for(project: Project, module: str, parameter: Parameter) -> str | None:
    """The function that a parameter's `Depends(…)` names."""
    for home, given in ((module, parameter.default), *extras(project, module, parameter.annotation)):
        if isinstance(given, ex.Call) and is_depends(project, home, given):
            provider = argument(given, "dependency", 0)
            kind = project.kind(home, provider) if provider is not None else None
            return kind.name if isinstance(kind, Function) else None
    return None


def aliases(bindings: tuple[ex.Node, ...]) -> Iterator[ex.Call]:
    """The calls in module-level aliases such as `Annotated[AsyncSession, Depends(get_session)]`."""
    for binding in bindings:
        if isinstance(binding, ex.Sub):
            yield from calls(binding)


def calls(expr: ex.Node | None) -> Iterator[ex.Call]:
    """The calls in a default or an annotation."""
    if isinstance(expr, ex.Call):
        yield expr
    elif isinstance(expr, ex.Sub):
        for item in expr.items:
            yield from calls(item)
    elif isinstance(expr, (ex.Either, ex.First)):
        for option in expr.options:
            yield from calls(option)


def names(project: Project, module: str, call: ex.Call, provider: str) -> bool:
    """Whether a call is `Depends(provider)`."""
    kind = project.kind(module, call.func)
    given = argument(call, "dependency", 0)
    if not isinstance(kind, (Function, Class)) or kind.name not in DEPENDS or given is None:
        return False
    asked = project.kind(module, given)
    return isinstance(asked, Function) and asked.name == provider
