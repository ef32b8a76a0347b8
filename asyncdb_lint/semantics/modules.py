"""Which file a dotted name means: imports are written from several source roots, and monorepos repeat names."""

from __future__ import annotations

import collections
from collections.abc import Iterable
from pathlib import PurePath


class ModuleIndex:
    """All modules of a project, known by their path from the project's root (`backend.app.db`).

    A module answers to every suffix of that name (`app.db`, `db`) that an import could use: the folder that the
    suffix starts in must hold no `__init__.py`, or hold the importing file itself.
    """

    def __init__(self, names: Iterable[str], packages: Iterable[str] = ()) -> None:
        self.paths = set(names)
        self.packages = set(packages)
        self.suffixes: dict[str, list[str]] = collections.defaultdict(list)
        for name in self.paths:
            parts = name.split(".")
            for start in range(len(parts)):
                self.suffixes[".".join(parts[start:])].append(name)

    def locate(self, dotted: str, importer: str) -> str | None:
        """The module that `dotted` names exactly when `importer` imports it; None when it is none of the project's."""
        candidates = [name for name in self.suffixes.get(dotted, ()) if self.is_root(name, dotted, importer)]
        if len(candidates) <= 1:
            return candidates[0] if candidates else None
        here = importer.split(".")
        return max(candidates, key=lambda name: (shared(name.split("."), here), -len(name)))

    def is_root(self, name: str, dotted: str, importer: str) -> bool:
        """Whether an import may start where the suffix `dotted` of module `name` starts."""
        root = name[: -len(dotted)].rstrip(".")
        return not root or root not in self.packages or importer.rpartition(".")[0] == root


def module_name(file: PurePath) -> str:
    """The name of a module from its path below the project's root; a package is its `__init__`."""
    parts = list(file.with_suffix("").parts)
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    return ".".join(parts)


def names_test(module: str) -> bool:
    """Whether a module's name from the project's root says that it is a test."""
    *folders, name = module.split(".")
    if name.startswith("test_") or name.endswith("_test") or name == "conftest":
        return True
    return any(folder in ("tests", "test", "testing") for folder in folders)


def shared(left: list[str], right: list[str]) -> int:
    """How many leading parts two names have in common."""
    count = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        count += 1
    return count
