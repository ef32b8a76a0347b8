"""What one function, method or attribute is, by looking at the real object: its protocol, what comes out."""

from __future__ import annotations

import inspect
import types
import typing
from dataclasses import dataclass
from typing import Any

from . import annotations as ann
from .annotations import Node, Renderer

DUNDERS = (
    "__enter__",
    "__exit__",
    "__aenter__",
    "__aexit__",
    "__await__",
    "__call__",
    "__iter__",
    "__aiter__",
    "__next__",
    "__anext__",
    "__getitem__",
    "__getattr__",
)

_C_ROUTINES = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
)


@dataclass(frozen=True)
class Found:
    """The introspected half of a `Member`; whether it talks to the database is decided elsewhere."""

    protocol: str
    returns: str = ""
    gives: str = ""


def describe(attribute: Any, owner: type | None, renderer: Renderer) -> Found:
    """Classify an attribute as `inspect.getattr_static` gives it (or a module-level function)."""
    if isinstance(attribute, (classmethod, staticmethod)):
        attribute = attribute.__func__
    getter = getter_of(attribute)
    if getter is not None:
        node = return_node(getter)
        if _wrapped_by(getter) == "contextlib":
            inner = renderer.render(node.args[0], owner) if node.args else ""
            return Found("property", f"Manager[{inner}]" if inner else "")
        return Found("property", renderer.render(node, owner))
    if inspect.ismethod(attribute):
        found = describe(attribute.__func__, attribute.__self__, renderer)
        own = renderer.kept.get(id(attribute.__self__), "")
        return Found(found.protocol, own if found.returns == "Self" else found.returns, found.gives)
    if not is_routine(attribute):
        return Found("property")
    return _function(attribute, owner, renderer)


def is_routine(attribute: Any) -> bool:
    """Whether an attribute is a function, in Python, C or Cython; other descriptors are read, not called."""
    return (
        inspect.isfunction(attribute)
        or isinstance(attribute, _C_ROUTINES)
        or type(attribute).__name__ in ("cython_function_or_method", "instancemethod", "nb_func", "nb_method")
    )


def getter_of(attribute: Any) -> Any:
    """The function behind a property or one of SQLAlchemy's kinds of property; None for everything else."""
    if isinstance(attribute, property):
        return attribute.fget
    if is_routine(attribute) or isinstance(attribute, type):
        return None
    for name in ("fget", "func"):
        getter = getattr(attribute, name, None)
        if inspect.isfunction(getter):
            return getter
    return None


def return_node(function: Any) -> Node:
    """The return annotation of a function, of the innermost one where it is wrapped."""
    inner = inspect.unwrap(function)
    hints = getattr(inner, "__annotations__", {})
    annotation = hints.get("return", inspect.Parameter.empty)
    code = getattr(inner, "__code__", None)
    if code is not None and code.co_argcount and annotation is not inspect.Parameter.empty:
        first = code.co_varnames[0]
        # The way to say Self before there was one: `def __enter__(self: T) -> T`.
        if first == "self" and first in hints and hints[first] == annotation:
            return Node(ann.SELF)
    return ann.parse(annotation, getattr(inner, "__module__", "") or "")


def _wrapped_by(function: Any) -> str:
    """The module whose decorator made `function` out of another one; empty when it is not wrapped."""
    if not hasattr(function, "__wrapped__") or not hasattr(function, "__code__"):
        return ""
    code = function.__code__
    if code.co_filename.endswith("contextlib.py"):
        return "contextlib"
    return getattr(function, "__globals__", {}).get("__name__", "")


def _function(function: Any, owner: type | None, renderer: Renderer) -> Found:
    node = return_node(function)
    maker = _maker(function)
    inner = inspect.unwrap(function)
    if maker:
        first = node.args[0] if node.args else node
        yielded = renderer.render(first, owner)
        if maker == "async_with":
            return Found("async_with", yielded)
        if maker == "startable":
            # SQLAlchemy decorates async generators (what they yield counts), aiosqlite coroutine functions.
            return Found(
                "startable", yielded if inspect.isasyncgenfunction(inner) else renderer.render(node, owner)
            )
        return Found("plain", f"Manager[{yielded}]" if yielded else "")
    if inspect.isasyncgenfunction(inner):
        return Found("async_generator", renderer.render(node.args[0], owner) if node.args else "")
    if inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(function):
        return Found("coroutine", renderer.render(node, owner))
    if getattr(inner, "__name__", "") == "__await__":
        return Found("plain", renderer.render(node.args[2], owner) if len(node.args) == 3 else "")
    if ann.is_future(node) or _makes_future(inner):
        return Found("future")
    if ann.is_awaitable(node):
        return Found("coroutine", renderer.render(node.args[-1], owner) if node.args else "")
    return _by_returned_object(node, owner, renderer)


def _makes_future(function: Any) -> bool:
    """Whether a plain function without annotations gives a future (aiomysql's `fetchone`, `Pool.release`)."""
    if not inspect.isfunction(function) or "return" in function.__annotations__:
        return False
    try:
        source = inspect.getsource(function)
    except OSError:
        return False
    return "return fut" in source and ("create_future(" in source or "create_task(" in source)


def _maker(function: Any) -> str:
    """How a decorator changed the function: into a context manager of some kind, or not at all (empty)."""
    step = function
    while hasattr(step, "__wrapped__"):
        origin = _wrapped_by(step)
        if origin == "contextlib":
            return "async_with" if inspect.isasyncgenfunction(step.__wrapped__) else "manager"
        if origin in ("sqlalchemy.ext.asyncio.base", "aiosqlite.context"):
            return "startable"
        step = step.__wrapped__
    return ""


def _by_returned_object(node: Node, owner: type | None, renderer: Renderer) -> Found:
    """A plain function that gives an object to await or to enter is told by the class of that object."""
    returned = renderer.render(node, owner)
    cls = node.origin
    # What may be None is looked up, not started: `get_transaction()` gives one that runs already.
    if ann.is_optional(node) or not isinstance(cls, type):
        return Found("plain", returned)
    name = renderer.kept.get(id(cls), "")
    if hasattr(cls, "__await__") and hasattr(cls, "__aenter__"):
        out = entered(cls, "__await__", renderer) or entered(cls, "__aenter__", renderer)
        return Found("startable", _substitute(out, returned, node, owner, renderer), name)
    if hasattr(cls, "__aenter__") and not returned:
        out = entered(cls, "__aenter__", renderer)
        return Found("async_with", _substitute(out, returned, node, owner, renderer), name)
    return Found("plain", returned)


def entered(cls: type, dunder: str, renderer: Renderer) -> str:
    """What awaiting or entering an object of a class gives; `Self` and type variables stay as they are."""
    method = inspect.getattr_static(cls, dunder, None)
    node = return_node(method) if method is not None else Node(ann.UNKNOWN)
    if dunder == "__await__":
        node = node.args[2] if len(node.args) == 3 else Node(ann.UNKNOWN)
    if isinstance(node.origin, typing.TypeVar):
        parameters = getattr(cls, "__parameters__", ())
        if node.origin in parameters:
            return f"@{parameters.index(node.origin)}"
    return renderer.render(node, cls)


def _substitute(out: str, returned: str, node: Node, owner: type | None, renderer: Renderer) -> str:
    """`Self` and `@n` of the returned object's class, said from the point of view of `owner`."""
    if out == "Self":
        return returned
    if out.startswith("@") and len(node.args) > int(out[1:]):
        return renderer.render(node.args[int(out[1:])], owner)
    return out
