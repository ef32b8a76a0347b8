"""Return annotations of library code, resolved to the type expressions that the knowledge uses.

`typing.get_type_hints` gives up on the first name that exists for type checkers only, and SQLAlchemy and
psycopg are full of these; so annotations are read as syntax, and each name is looked up where a type checker
would.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import collections.abc as abc
import contextlib
import functools
import importlib
import importlib.util
import inspect
import sys
import types
import typing
from dataclasses import dataclass
from typing import Any

if typing.TYPE_CHECKING:
    from collections.abc import Iterator

UNKNOWN = object()
SELF = object()

_ITERATORS = {abc.Iterator, abc.Iterable, abc.Generator}
_ASYNC_ITERATORS = {abc.AsyncIterator, abc.AsyncIterable, abc.AsyncGenerator}
_SEQUENCES = {abc.Sequence, abc.Collection, list, tuple, set, frozenset}
_AWAITABLES = {abc.Awaitable, abc.Coroutine}
_WRAPPERS = {typing.Annotated, typing.ClassVar, typing.Final}


@dataclass(frozen=True)
class Node:
    """A type: the thing itself (a class, a type variable, `SELF`, None, `UNKNOWN`) and its arguments."""

    origin: Any
    args: tuple[Node, ...] = ()


@functools.cache
def module_tree(module_name: str) -> ast.Module | None:
    """The syntax of an imported module; None where there is no source."""
    try:
        return ast.parse(inspect.getsource(sys.modules[module_name]))
    except (KeyError, OSError, TypeError):
        return None


@functools.cache
def class_definitions(module_name: str) -> dict[str, ast.ClassDef]:
    """The class statements of a module by qualified name."""
    found: dict[str, ast.ClassDef] = {}

    def collect(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                found[prefix + child.name] = child
                collect(child, f"{prefix}{child.name}.")
            elif isinstance(child, ast.If | ast.Try):
                collect(child, prefix)

    tree = module_tree(module_name)
    if tree is not None:
        collect(tree, "")
    return found


@functools.cache
def checker_imports(module_name: str) -> dict[str, str]:
    """What a module imports under `if TYPE_CHECKING:` or inside functions, as local name to dotted path."""
    module = sys.modules.get(module_name)
    tree = module_tree(module_name)
    names: dict[str, str] = {}
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = getattr(module, "__package__", "") or ""
                base = importlib.util.resolve_name("." * node.level + base, package)
            for item in node.names:
                names[item.asname or item.name] = f"{base}.{item.name}"
        elif isinstance(node, ast.Import):
            for item in node.names:
                names[item.asname or item.name.partition(".")[0]] = (
                    item.name if item.asname else item.name.partition(".")[0]
                )
    return names


def locate(dotted: str) -> Any:
    """The object behind a dotted path, importing what must be imported; `UNKNOWN` when there is none."""
    parts = dotted.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part, UNKNOWN)
            if found is UNKNOWN:
                break
        else:
            return found
    return UNKNOWN


def parse(annotation: Any, module: str) -> Node:
    """An annotation as it stands on a function, string or object, as a tree; names are those of `module`."""
    if annotation is inspect.Parameter.empty:
        return Node(UNKNOWN)
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        try:
            return _from_syntax(ast.parse(annotation.strip(), mode="eval").body, module)
        except SyntaxError:
            return Node(UNKNOWN)
    if annotation is None or annotation is type(None):
        return Node(None)
    if annotation is typing.Self or getattr(annotation, "_name", "") == "Self":
        return Node(SELF)
    origin = typing.get_origin(annotation)
    if origin is not None:
        if hasattr(annotation, "__metadata__"):
            return parse(annotation.__origin__, module)
        origin = typing.Union if origin is types.UnionType else origin
        return Node(origin, tuple(parse(item, module) for item in typing.get_args(annotation)))
    return Node(annotation)


def _from_syntax(node: ast.expr, module: str) -> Node:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            return parse(node.value, module)
        return Node(None) if node.value is None else Node(UNKNOWN)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return Node(typing.Union, (_from_syntax(node.left, module), _from_syntax(node.right, module)))
    if isinstance(node, ast.Subscript):
        base = _from_syntax(node.value, module)
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if base.origin is typing.Optional:
            return Node(typing.Union, (*(_from_syntax(item, module) for item in items), Node(None)))
        return Node(base.origin, tuple(_from_syntax(item, module) for item in items))
    if isinstance(node, ast.Name):
        return _named(node.id, module)
    if isinstance(node, ast.Attribute):
        base = _from_syntax(node.value, module)
        found = getattr(base.origin, node.attr, UNKNOWN) if base.origin is not UNKNOWN else UNKNOWN
        return _object(found, module)
    return Node(UNKNOWN)


def _named(name: str, module: str) -> Node:
    if name in ("Self", "_Self"):
        return Node(SELF)
    namespace = vars(sys.modules[module]) if module in sys.modules else {}
    if name in namespace:
        return _object(namespace[name], module)
    if hasattr(builtins, name):
        return Node(getattr(builtins, name))
    dotted = checker_imports(module).get(name)
    return _object(locate(dotted), module) if dotted else Node(UNKNOWN)


def _object(found: Any, module: str) -> Node:
    if found is UNKNOWN or found is typing.Optional:
        return Node(found)
    if isinstance(found, types.ModuleType):
        return Node(found)
    # `typing.List` and friends stand for the classes of the standard library.
    if getattr(found, "__module__", "") == "typing" and typing.get_origin(found) is not None:
        if not typing.get_args(found):
            return Node(typing.get_origin(found))
        return parse(found, module)
    return parse(found, module)


class Renderer:
    """Writes trees as type expressions, knowing which classes are kept and which of them are generic."""

    def __init__(self, kept: dict[int, str], generic: dict[int, tuple[Any, ...]]) -> None:
        self.kept = kept
        self.generic = generic

    def render(self, node: Node, owner: type | None = None) -> str:
        """The type expression of a tree, empty when it names nothing that is kept."""
        origin = node.origin
        if origin is None:
            return "None"
        if origin is SELF:
            return "Self"
        if isinstance(origin, typing.TypeVar):
            return self._variable(origin, owner)
        if origin is typing.Union:
            return self._union(node, owner)
        if _hashable(origin) and origin in _WRAPPERS:
            return self.render(node.args[0], owner) if node.args else ""
        if id(origin) in self.kept:
            name = self.kept[id(origin)]
            if id(origin) in self.generic and node.args:
                arguments = [self.render(item, owner) for item in node.args]
                return f"{name}[{', '.join(arguments)}]" if all(arguments) else name
            return name
        if isinstance(origin, type):
            # A class that is not kept (`OptionEngine`) is what its nearest kept base is.
            for base in origin.__mro__[1:]:
                if id(base) in self.kept:
                    return self.kept[id(base)]
        return self._container(node, owner)

    def _container(self, node: Node, owner: type | None) -> str:
        origin = node.origin
        if not _hashable(origin) or not node.args:
            return ""
        first = self.render(node.args[0], owner)
        if not first or first == "None":
            return ""
        if origin in _ITERATORS:
            return f"Iterator[{first}]"
        if origin in _ASYNC_ITERATORS:
            return f"AsyncIterator[{first}]"
        if origin in _SEQUENCES:
            return f"Sequence[{first}]"
        if origin is type:
            return f"Type[{first}]"
        if origin is contextlib.AbstractContextManager:
            return f"Manager[{first}]"
        return ""

    def _variable(self, variable: Any, owner: type | None) -> str:
        parameters = self.generic.get(id(owner), ())
        if variable in parameters:
            return f"@{parameters.index(variable)}"
        if "Self" in variable.__name__:
            return "Self"
        bound = bindings(owner).get(variable) if owner is not None else None
        if bound is not None and bound.origin is not variable:
            return self.render(bound, owner)
        # With PEP 696 a default says more than a bound does.
        default = getattr(variable, "__default__", None)
        module = variable.__module__
        for hint in (default, variable.__bound__):
            if hint is not None and not repr(hint).endswith("NoDefault"):
                rendered = self.render(parse(hint, module), owner)
                if rendered:
                    return rendered
        return ""

    def _union(self, node: Node, owner: type | None) -> str:
        options = [item for item in _flatten(node) if item.origin is not None]
        rendered = list(dict.fromkeys(self.render(item, owner) for item in options))
        if len(rendered) == 1:
            return rendered[0]
        classes = [item.origin for item in options if isinstance(item.origin, type)]
        if len(classes) == len(options):
            for option, candidate in zip(options, classes, strict=True):
                if all(issubclass(other, candidate) for other in classes):
                    return self.render(option, owner)
        return ""


def _flatten(node: Node) -> list[Node]:
    if node.origin is not typing.Union:
        return [node]
    return [leaf for item in node.args for leaf in _flatten(item)]


def is_optional(node: Node) -> bool:
    """Whether None is one of the options of a type."""
    return node.origin is typing.Union and any(item.origin is None for item in _flatten(node))


def is_awaitable(node: Node) -> bool:
    """Whether a type is `Awaitable[X]` or `Coroutine[…, X]`: the function is as good as a coroutine."""
    return _hashable(node.origin) and node.origin in _AWAITABLES


def is_future(node: Node) -> bool:
    """Whether a type is a future or a task: the work is under way, and may be waited for or not."""
    return any(
        isinstance(item.origin, type) and issubclass(item.origin, asyncio.Future) for item in _flatten(node)
    )


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _walk_own(root: ast.AST) -> Iterator[ast.AST]:
    """Everything in a class body but the bodies of the classes in it."""
    for child in ast.iter_child_nodes(root):
        if not isinstance(child, ast.ClassDef):
            yield child
            yield from _walk_own(child)


def _statements(block: ast.AST) -> Iterator[ast.AST]:
    """The statements of a class body, those under `if TYPE_CHECKING:` included."""
    for item in (*getattr(block, "body", ()), *getattr(block, "orelse", ())):
        yield item
        if isinstance(item, ast.If):
            yield from _statements(item)


def bindings(cls: type) -> dict[Any, Node]:
    """What a class, by deriving from `Base[X]`, makes of the type variables of its generic bases."""
    found: dict[Any, Node] = {}
    for step in cls.__mro__:
        for base in vars(step).get("__orig_bases__", ()):
            origin, items = typing.get_origin(base), typing.get_args(base)
            variables = getattr(origin, "__parameters__", ())
            if origin in (None, typing.Generic, typing.Protocol) or len(variables) != len(items):
                continue
            for variable, item in zip(variables, items, strict=True):
                node = parse(item, step.__module__)
                found.setdefault(variable, found.get(node.origin, node) if _hashable(node.origin) else node)
    return found


@functools.cache
def instance_attributes(cls: type) -> dict[str, Node]:
    """Public attributes that a class only annotates or sets on `self`: `dir` does not show them."""
    body = class_definitions(cls.__module__).get(cls.__qualname__)
    if body is None:
        return {}
    class_level = set(_statements(body))
    found: dict[str, Node] = {}
    for node in _walk_own(body):
        target: ast.expr | None = None
        annotation: ast.expr | None = None
        if isinstance(node, ast.AnnAssign):
            target, annotation = node.target, node.annotation
        elif isinstance(node, ast.Assign):
            target = node.targets[0]
        if (
            isinstance(target, ast.Attribute)
            and isinstance(target.value, ast.Name)
            and target.value.id == "self"
        ):
            name = target.attr
        elif isinstance(target, ast.Name) and node in class_level:
            name = target.id
        else:
            continue
        if name.startswith("_"):
            continue
        tree = _from_syntax(annotation, cls.__module__) if annotation is not None else Node(UNKNOWN)
        if name not in found or found[name].origin is UNKNOWN:
            found[name] = tree
    return found
