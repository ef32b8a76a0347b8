"""Which files have to be parsed: a look at the bytes, since parsing is what takes the time.

A database object enters a project where a module imports a database library, and travels from there by name: a
module that neither imports such a library nor mentions a name that carries a database object cannot hold one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from asyncdb_lint.semantics.modules import ModuleIndex

IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]+(\((?:[^)]*)\)|[^\n]*)|import[ \t]+([^\n]+))", re.MULTILINE
)
WORD = re.compile(rb"\w+")


class Screen:
    """Looks at bytes only; errs on the side of parsing."""

    def __init__(self, roots: Iterable[str]) -> None:
        self.roots = sorted(root.encode() for root in roots)
        names = b"|".join(map(re.escape, self.roots))
        self.imports_root = re.compile(
            rb"^[ \t]*(?:from|import)[ \t]+(?:[\w., \t]*[, \t])?(?:" + names + rb")\b", re.MULTILINE
        )

    def names_database(self, content: bytes) -> bool:
        """Whether the file imports a database library."""
        return any(root in content for root in self.roots) and self.imports_root.search(content) is not None


def mentions(names: Iterable[str]) -> re.Pattern[bytes]:
    """A pattern that finds any of `names` as a word."""
    return re.compile(rb"\b(?:" + b"|".join(re.escape(name.encode()) for name in sorted(names)) + rb")\b")


def imported(content: bytes, module: str, is_package: bool) -> Iterator[str]:
    """The dotted names that a file may import, read off its text (a little too many is fine)."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for source, names, plain in IMPORT.findall(content):
        if plain:
            for part in plain.split(b","):
                word = part.split()
                if word:
                    yield word[0].decode("ascii", "replace")
            continue
        text = source.decode("ascii", "replace")
        dots = len(text) - len(text.lstrip("."))
        base = text[dots:]
        if dots:
            prefix = ".".join(package[: len(package) - dots + 1])
            base = f"{prefix}.{base}" if prefix and base else prefix or base
        yield base
        for name in WORD.findall(names):
            yield f"{base}.{name.decode('ascii', 'replace')}"


def closure(start: Iterable[str], index: ModuleIndex, contents: Mapping[str, bytes]) -> set[str]:
    """The modules that `start` can reach through imports, the packages around them and their conftests included."""
    seen: set[str] = set()
    todo = list(start)
    while todo:
        module = todo.pop()
        if module in seen or module not in index.paths:
            continue
        seen.add(module)
        parts = module.split(".")
        for depth in range(len(parts)):
            above = ".".join(parts[:depth])
            todo += [above, f"{above}.conftest" if above else "conftest"]
        for dotted in imported(contents[module], module, module in index.packages):
            found = index.locate(dotted, module)
            if found is not None and found not in seen:
                todo.append(found)
    return seen
