"""From targets and the installed libraries to the plain data that is shipped."""

from __future__ import annotations

import contextlib
import fnmatch
import importlib
import importlib.metadata
import inspect
import platform
import re
import warnings
from typing import TYPE_CHECKING, Any

from . import annotations as ann
from .annotations import Renderer
from .members import DUNDERS, Found, describe, entered, is_routine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .spec import Function, Keep, Says, Target

AWAITED = ("coroutine", "startable", "async_with", "async_generator")
_TWIN_DUNDERS = {"__exit__": "__aexit__", "__iter__": "__aiter__", "__next__": "__anext__"}
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.\w+)+")


class Mistake(Exception):
    """A target says something that the installed library does not bear out."""


class Missing(Exception):
    """A library cannot be described because another one, which it is compared with, is not installed."""


def installed(target: Target) -> bool:
    """Whether a target's library can be imported here."""
    with contextlib.suppress(ImportError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module(target.modules[0])
        return True
    return False


def version(target: Target) -> str:
    """The installed version of a library, Python's own for the standard library."""
    if not target.distribution:
        return python_minor()
    return importlib.metadata.version(target.distribution)


def python_minor() -> str:
    """The Python that runs this, `major.minor`."""
    return ".".join(platform.python_version_tuple()[:2])


class Builder:
    """Everything known about the installed targets, so that one library may speak of another's classes."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self.targets = [target for target in targets if installed(target)]
        self.objects: dict[str, Any] = {}
        self.names: dict[int, str] = {}
        self.paths: dict[str, str] = {}
        self.generic: dict[int, tuple[Any, ...]] = {}
        for target in self.targets:
            for path in target.modules:
                with contextlib.suppress(ImportError):
                    importlib.import_module(path)
            for path in (*target.classes, *target.functions):
                self._register(path)
        for path, keep in self._all_classes():
            if keep.role in ("session_factory", "scoped_registry", "pool") and path in self.paths:
                cls = self.objects[self.paths[path]]
                parameters = getattr(cls, "__parameters__", ())
                if parameters:
                    self.generic[id(cls)] = parameters
        self.renderer = Renderer(self.names, self.generic)
        self.full: dict[str, dict[str, Found]] = {}
        self.keeps = {self.paths[path]: keep for path, keep in self._all_classes() if path in self.paths}
        # Bases first, so that what is declared of a base holds for its subclasses.
        for name in sorted(self.keeps, key=lambda item: len(self.objects[item].__mro__)):
            self.full[name] = self._members(name, self.keeps[name])
        self._blocking_of: dict[str, set[str]] = {}

    def _all_classes(self) -> Iterator[tuple[str, Keep]]:
        for target in self.targets:
            yield from target.classes.items()

    def _register(self, path: str) -> None:
        found = ann.locate(path)
        if found is ann.UNKNOWN:
            return
        name = f"{getattr(found, '__module__', '')}.{getattr(found, '__qualname__', '')}"
        private = any(part.startswith("_") for part in name.split("."))
        if private or ann.locate(name) is not found:
            name = path
        name = self.names.setdefault(id(found), name)
        self.objects[name] = found
        self.paths[path] = name

    def canonical(self, expression: str) -> str:
        """A declared type expression with every public path in it made canonical."""

        def replace(match: re.Match[str]) -> str:
            path = match.group()
            if path not in self.paths:
                if path in self.objects:
                    return path
                found = ann.locate(path)
                if id(found) not in self.names:
                    raise Mistake(f"{path} is named but not kept")
                self.paths[path] = self.names[id(found)]
            return self.paths[path]

        return _DOTTED.sub(replace, expression)

    # Members

    def _members(self, name: str, keep: Keep) -> dict[str, Found]:
        cls = self.objects[name]
        statics = statics_of(cls)
        if keep.only is not None:
            statics = {key: value for key, value in statics.items() if key in keep.only}
        found = {key: describe(value, cls, self.renderer) for key, value in statics.items()}
        found.update({key: Found("plain") for key in keep.assumed if key not in found})
        if "__await__" in statics and not found["__await__"].returns:
            found["__await__"] = Found("plain", entered(cls, "__await__", self.renderer))
        for base in reversed(cls.__mro__[:-1]):
            for key, node in ann.instance_attributes(base).items():
                if keep.only is not None and key not in keep.only:
                    continue
                if key not in found or (found[key] == Found("property") and not is_routine(statics.get(key))):
                    found[key] = Found("property", self.renderer.render(node, cls))
        for base in reversed(self._bases(cls)):
            for key, declared in self.full[base].items():
                if key in found and not found[key].returns and found[key].protocol == declared.protocol:
                    found[key] = declared
        for key, says in keep.says.items():
            if key not in found and says.since:
                continue
            if key not in found and key not in (keep.only or ()):
                raise Mistake(f"{name} has no {key}")
            found[key] = self._said(
                found.get(key, Found("property")), says, statics.get(key), f"{name}.{key}"
            )
        return {key: _dunder(key, item) if key in DUNDERS else item for key, item in sorted(found.items())}

    def _said(self, found: Found, says: Says | Function, static: Any, where: str) -> Found:
        protocol = says.protocol or found.protocol
        returns = found.returns if says.returns is None else self.canonical(says.returns)
        gives = found.gives
        if says.protocol:
            gives = ""
        if says.gives is not None:
            gives = self.canonical(says.gives)
            cls = self.objects[gives]
            if (
                static is not None
                and inspect.isfunction(static)
                and cls.__name__ not in inspect.getsource(static)
            ):
                raise Mistake(f"{where} does not mention {cls.__name__}")
            protocol = says.protocol or protocol_of_class(cls)
        return Found(protocol, returns, gives)

    # Blocking

    def blocking(self, name: str) -> set[str]:
        """Members of a class that talk to the database: its own, its bases', those that its twin awaits."""
        if name not in self._blocking_of:
            self._blocking_of[name] = self._find_blocking(name, self.keeps[name])
        return self._blocking_of[name]

    def _find_blocking(self, name: str, keep: Keep) -> set[str]:
        members = self.full[name]
        found = {"__init__"} & set(keep.blocks)
        for pattern in keep.blocks:
            matches = fnmatch.filter(members, pattern)
            if not matches and pattern != "__init__" and keep.role != "pool_class":
                raise Mistake(f"{name} has no {pattern}")
            found.update(key for key in matches if members[key].protocol == "plain")
        for base in self._bases(self.objects[name]):
            found |= self.blocking(base)
        if keep.twin:
            if keep.twin not in self.paths:
                raise Missing(f"{keep.twin}, the twin of {name}, is not installed")
            twin = self.full[self.paths[keep.twin]]
            for key, item in members.items():
                other = twin.get(_TWIN_DUNDERS.get(key, key))
                if other and other.protocol in AWAITED and item.protocol == "plain":
                    found.add(key)
            missing = set(keep.quiet) - set(members) - set(twin)
            if missing:
                raise Mistake(f"{name} has no {sorted(missing)}")
        found -= set(keep.quiet)
        if found & {"close", "commit"} and "__exit__" in members:
            found.add("__exit__")
        return found

    # Results

    def library(self, target: Target) -> dict[str, Any]:
        """One library as the shipped file has it."""
        classes: dict[str, Any] = {}
        functions: dict[str, Any] = {}
        for path, keep in target.classes.items():
            if path in self.paths:
                name = self.paths[path]
                classes[name] = self._class(name, keep)
        for path, function in target.functions.items():
            if path in self.paths:
                name = self.paths[path]
                found = describe(self.objects[name], None, self.renderer)
                found = self._said(found, function, self.objects[name], name)
                if isinstance(self.objects[name], type):
                    found = Found("plain", name)
                elif found.protocol == "property":
                    found = Found("plain", found.returns, found.gives)
                functions[name] = _encode(found, function.blocks)
        own = set(classes) | set(functions)
        return {
            "name": target.name,
            "python": python_minor(),
            "version": version(target),
            "roots": list(target.roots),
            "modules": sorted(path for path in target.modules if _imports(path)),
            "aliases": self._aliases(target, own),
            "classes": classes,
            "functions": functions,
        }

    def _class(self, name: str, keep: Keep) -> dict[str, Any]:
        cls = self.objects[name]
        bases = self._bases(cls)
        if keep.base:
            bases = [self.paths[keep.base]]
        blocking = self.blocking(name)
        members: dict[str, Any] = {}
        if not keep.base:
            for key, found in self.full[name].items():
                encoded = _encode(found, key in blocking)
                if encoded != self._inherited(bases, key):
                    members[key] = encoded
            if "__init__" in blocking and not any("__init__" in self.blocking(base) for base in bases):
                members["__init__"] = ["plain", "Self", True]
        info: dict[str, Any] = {"name": name, "bases": bases, "role": keep.role, "mode": keep.mode}
        parameters = self.generic.get(id(cls), ())
        if parameters:
            info["parameters"] = len(parameters)
            info["defaults"] = [self.renderer._variable(item, None) for item in parameters]
        if keep.only is not None:
            info["partial"] = True
        info["members"] = members
        return {key: value for key, value in info.items() if value}

    def _bases(self, cls: type) -> list[str]:
        kept = [base for base in cls.__mro__[1:] if self.names.get(id(base), "") in self.keeps]
        nearest = [
            base for base in kept if not any(other is not base and issubclass(other, base) for other in kept)
        ]
        return [self.names[id(base)] for base in nearest]

    def _inherited(self, bases: Sequence[str], key: str) -> list[Any] | None:
        for base in bases:
            if key in self.full[base]:
                return _encode(self.full[base][key], key in self.blocking(base))
        return None

    def _aliases(self, target: Target, own: set[str]) -> dict[str, str]:
        aliases: dict[str, str] = {}
        for path in target.modules:
            if not _imports(path):
                continue
            for key, value in vars(importlib.import_module(path)).items():
                name = self.names.get(id(value), "")
                if key.startswith("_") or not name or name == f"{path}.{key}":
                    continue
                if name in own or path.partition(".")[0] != name.partition(".")[0]:
                    aliases[f"{path}.{key}"] = name
        for path in (*target.classes, *target.functions):
            if path in self.paths and self.paths[path] != path:
                aliases[path] = self.paths[path]
        return aliases


def statics_of(cls: type) -> dict[str, Any]:
    """Public attributes of a class and the dunders that matter, as they stand in the class bodies."""
    found: dict[str, Any] = {}
    for base in cls.__mro__:
        if base is object or base.__module__ in ("typing", "typing_extensions"):
            continue
        for key, value in vars(base).items():
            # `memoized_…` are decorators that SQLAlchemy keeps on a base class.
            if key in found or (key.startswith("_") and key not in DUNDERS) or key.startswith("memoized_"):
                continue
            found[key] = value
    return {key: value for key, value in found.items() if not (value is None and key in DUNDERS)}


def _dunder(key: str, found: Found) -> Found:
    """What a special method gives is used by the statement that calls it: no class of its own to start."""
    if key in ("__exit__", "__aexit__"):
        return Found(found.protocol)
    return Found("plain", found.returns) if found.protocol in ("startable", "async_with") else found


def protocol_of_class(cls: type) -> str:
    """How an object of a class that a call gives is used."""
    if hasattr(cls, "__await__"):
        return "startable"
    return "async_with" if hasattr(cls, "__aenter__") else "plain"


def _imports(path: str) -> bool:
    with contextlib.suppress(ImportError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module(path)
        return True
    return False


def _encode(found: Found, blocks: bool) -> list[Any]:
    row: list[Any] = [found.protocol, found.returns, blocks, found.gives]
    defaults: list[Any] = ["", "", False, ""]
    while len(row) > 1 and row[-1] == defaults[len(row) - 1]:
        row.pop()
    return row
