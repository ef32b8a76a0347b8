"""What comes out of a kind when it is awaited, entered, iterated, or written as an annotation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from asyncdb_lint.semantics import callables
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import (
    NONE,
    UNKNOWN,
    Class,
    Constant,
    Coroutine,
    Function,
    Given,
    Instance,
    Iterator,
    Kind,
    Manager,
    Module,
    Sequence,
    Startable,
)  # fmt: skip
from asyncdb_lint.semantics.returns import instantiate

if TYPE_CHECKING:
    from asyncdb_lint.semantics.project import Project

ASYNC_ITERATORS = {"AsyncGenerator", "AsyncIterator", "AsyncIterable"}
SYNC_ITERATORS = {
    "Generator", "Iterator", "Iterable", "Sequence", "list", "List", "set", "Set", "Collection",
}  # fmt: skip
ASYNC_MANAGERS = {"AsyncContextManager", "AbstractAsyncContextManager"}
SYNC_MANAGERS = {"ContextManager", "AbstractContextManager"}
# Classes of the standard library whose `__enter__` gives the object itself.
ENTER_SELF = {
    "concurrent.futures.ThreadPoolExecutor", "concurrent.futures.ProcessPoolExecutor",
    "concurrent.futures.thread.ThreadPoolExecutor", "asyncio.TaskGroup", "contextlib.AsyncExitStack",
    "contextlib.ExitStack",
}  # fmt: skip
TYPING_MODULES = ("typing", "typing_extensions", "collections.abc", "contextlib", "builtins", "types")


def awaited(project: Project, value: Kind) -> Kind:
    """`await value`."""
    match value:
        case Given():
            return value
        case Coroutine(of) | Startable(of):
            # That it could be awaited is more than an annotation says.
            return msgspec.structs.replace(of, declared=False) if isinstance(of, Instance) else of
        case Instance("asyncio.Future", (of,)):
            return of
        case Instance():
            return special(project, value, "__await__")
        case _:
            return UNKNOWN


def entered(project: Project, value: Kind, is_async: bool) -> Kind:
    """What `with value as x` (or `async with`) binds."""
    match value:
        case Manager(of, manages_async) if manages_async == is_async:
            return of
        case Startable(of) if is_async:
            return of
        case Given():
            return value
        case Instance(name) if name in ENTER_SELF:
            return value
        case Instance():
            return special(project, value, "__aenter__" if is_async else "__enter__")
        case _:
            return UNKNOWN


def each(project: Project, value: Kind, is_async: bool) -> Kind:
    """What `for x in value` (or `async for`) binds."""
    match value:
        case Iterator(of, iterates_async) if iterates_async == is_async:
            return of
        case Sequence(items) if not is_async:
            return project.join(items) or UNKNOWN
        case Given():
            return value
        case Instance():
            result = special(project, value, "__aiter__" if is_async else "__iter__")
            return result.of if isinstance(result, Iterator) else UNKNOWN
        case _:
            return UNKNOWN


def special(project: Project, value: Instance, name: str) -> Kind:
    """What a special method gives in the end: coroutines are awaited, as the statement does it."""
    method = project.class_attribute(value, name)
    if not isinstance(method, Function):
        return UNKNOWN
    member = project.member(method)
    if member is not None:
        return instantiate(member.returns, value)
    result = callables.result(project, method)
    return result.of if isinstance(result, Coroutine) else result


def typed(project: Project, module: str, annotation: ex.Node) -> Kind:
    """An object of which an annotation says what it is: aliases, unions, `Annotated`, generics are read through."""
    match annotation:
        case ex.Literal(None):
            return NONE
        case ex.Either(options):
            return project.join(typed(project, module, option) for option in options) or UNKNOWN
        case ex.Sub(value, items):
            return generic(project, module, value, items)
        case ex.Display(items):  # `except (A, B)`
            return project.join(typed(project, module, item) for item in items) or UNKNOWN
        case ex.Ref() | ex.Attr() | ex.Bound() | ex.Local() | ex.Typed():
            return named(project, module, annotation)
        case _:
            return UNKNOWN


def named(project: Project, module: str, annotation: ex.Node) -> Kind:
    """A plain name in an annotation: a class, or an alias of another annotation."""
    if isinstance(annotation, ex.Typed):
        return typed(project, module, annotation.annotation)
    kind = project.kind(module, annotation)
    if isinstance(kind, Class):
        return Instance(kind.name, kind.arguments or default_arguments(project, kind.name), declared=True)
    if isinstance(kind, Function):
        unknown = ":" in kind.name or kind.owner is not None or kind.name.rpartition(".")[0] in TYPING_MODULES
        return UNKNOWN if unknown else Instance(kind.name, declared=True)
    if isinstance(kind, Module):
        return UNKNOWN
    if isinstance(kind, Sequence):  # a name for several classes of errors
        options = (
            Instance(each.name, declared=True) for each in kind.items if isinstance(each, (Class, Function))
        )
        return project.join(options) or UNKNOWN
    if project.depth > 40:
        return UNKNOWN
    project.depth += 1
    try:
        aliases = project.definitions(module, annotation)
        return project.join(typed(project, home, alias) for home, alias in aliases) or UNKNOWN
    finally:
        project.depth -= 1


def default_arguments(project: Project, name: str) -> tuple[Kind, ...]:
    """What a bare `async_sessionmaker` makes. A bare `sessionmaker` is often one of async sessions: not known."""
    info = project.knowledge.classes.get(name)
    if info is None or info.mode != "async":
        return ()
    return tuple(Instance(each) for each in info.defaults)


def generic(project: Project, module: str, value: ex.Node, items: tuple[ex.Node, ...]) -> Kind:
    """`Optional[X]`, `Annotated[X, Depends(f)]`, `AsyncGenerator[X, None]`, `sessionmaker[X]`…"""
    base = project.kind(module, value)
    if not items:
        return UNKNOWN
    if isinstance(base, (Function, Module)) or (
        isinstance(base, Class) and base.name.startswith("builtins.")
    ):
        home, _, name = base.name.rpartition(".")
        if home not in TYPING_MODULES:
            return UNKNOWN
        return typing_form(project, module, name, items)
    if isinstance(base, Class):
        return Instance(base.name, tuple(typed(project, module, item) for item in items), declared=True)
    return UNKNOWN


def typing_form(project: Project, module: str, name: str, items: tuple[ex.Node, ...]) -> Kind:
    """A special form of `typing` and its relatives."""
    if name == "Annotated":
        for extra in items[1:]:
            injected = callables.dependency(project, module, extra)
            if injected is not None and injected != UNKNOWN:
                return injected
        return typed(project, module, items[0])
    first = typed(project, module, items[0])
    if name in ("Optional", "Final", "ClassVar", "Required", "NotRequired"):
        return first
    if name == "Union":
        return project.join(typed(project, module, item) for item in items) or UNKNOWN
    if name in ASYNC_ITERATORS or name in SYNC_ITERATORS:
        return Iterator(first, name in ASYNC_ITERATORS)
    if name in ASYNC_MANAGERS or name in SYNC_MANAGERS:
        return Manager(first, name in ASYNC_MANAGERS)
    if name in ("Awaitable", "Coroutine"):
        return Coroutine(typed(project, module, items[-1]))
    if name in ("type", "Type"):
        return Class(first.name, first.arguments) if isinstance(first, Instance) else UNKNOWN
    if name == "Callable":
        return Instance("builtins.lambda", (typed(project, module, items[-1]),), declared=True)
    if name in ("tuple", "Tuple") and not any(isinstance(item, Constant) for item in items):
        return Sequence(tuple(typed(project, module, item) for item in items))
    return UNKNOWN
