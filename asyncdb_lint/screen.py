"""Which files have to be parsed: a look at the bytes, since parsing is what takes the time.

A database object enters a project where a module imports a database library, and travels from there by name: a
module that neither imports such a library nor mentions a name that carries a database object cannot hold one.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from asyncdb_lint.knowledge import Knowledge
from asyncdb_lint.semantics.modules import ModuleIndex

IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]+(\((?:[^)]*)\)|[^\n]*)|import[ \t]+([^\n]+))", re.MULTILINE
)
WORD = re.compile(rb"\w+")
COMMENT = re.compile(rb"#[^\n]*(?:asyncdb:|noqa:[^\n]*ADB)")


class Screen:
    """Looks at bytes only; errs on the side of parsing."""

    def __init__(self, knowledge: Knowledge, index: ModuleIndex, contents: Mapping[str, bytes]) -> None:
        roots = knowledge.roots
        self.entries = re.compile(rb"\b(?:" + alternatives(word.encode() for word in knowledge.entries()) + rb")\b")
        self.index = index
        self.contents = contents
        self.roots = sorted(root.encode() for root in roots)
        self.imports_root = re.compile(
            rb"^[ \t]*(?:from|import)[ \t]+(?:[\w., \t]*[, \t])?(?:" + alternatives(self.roots) + rb")\b", re.MULTILINE
        )

    def names_database(self, module: str) -> bool:
        """Whether the file imports a database library and names something to reach a database with."""
        content = self.contents[module]
        return (
            any(root in content for root in self.roots)
            and self.imports_root.search(content) is not None
            and self.entries.search(content) is not None
        )

    def has_comments(self, module: str) -> bool:
        """Whether the file holds comments addressed to this linter, which are judged themselves."""
        content = self.contents[module]
        return (b"asyncdb:" in content or b"ADB" in content) and COMMENT.search(content) is not None

    def is_unreadable(self, module: str) -> bool:
        """Whether the file is not plain UTF-8 text: an encoding of its own, or none at all."""
        content = self.contents[module]
        try:
            content.decode()
        except UnicodeDecodeError:
            return True
        return b"\0" in content

    def who_names(self, carried: Mapping[str, Collection[str]], modules: Iterable[str]) -> set[str]:
        """Those of `modules` that import a carrying name (or its module), or take a carrying fixture."""
        names = {name for each in carried.values() for name in each}
        if not names:
            return set()
        mention = re.compile(rb"\b(?:" + alternatives(name.encode() for name in names) + rb")\b")
        return {
            module
            for module in modules
            if mention.search(self.contents[module]) and self.receives(module, carried)
        }

    def receives(self, module: str, carried: Mapping[str, Collection[str]]) -> bool:
        """Whether one of the carrying modules hands something to `module`."""
        if any(self.index.locate(name, module) in carried for name in self.imported(module)):
            return True
        parts = module.split(".")
        return any(
            ".".join([*parts[:depth], "conftest"]) in carried for depth in range(len(parts))
        )  # pytest hands fixtures to tests below a conftest without any import

    def imported(self, module: str) -> tuple[str, ...]:
        """The dotted names that a file may import, read off its text (a little too many is fine)."""
        return self._imported(module)

    @functools.cache  # noqa: B019  # one screen a run
    def _imported(self, module: str) -> tuple[str, ...]:
        return tuple(imports_in(self.contents[module], module, module in self.index.packages))

    def closure(self, start: Iterable[str]) -> set[str]:
        """The modules that `start` can reach through imports, the packages around them and conftests included."""
        seen: set[str] = set()
        todo = list(start)
        while todo:
            module = todo.pop()
            if module in seen or module not in self.index.paths:
                continue
            seen.add(module)
            parts = module.split(".")
            for depth in range(len(parts)):
                above = ".".join(parts[:depth])
                todo += [above, f"{above}.conftest" if above else "conftest"]
            found = (self.index.locate(dotted, module) for dotted in self.imported(module))
            todo += [name for name in found if name is not None]
        return seen


def alternatives(words: Iterable[bytes]) -> bytes:
    """The words as alternatives of a pattern."""
    return b"|".join(re.escape(word) for word in sorted(words))


def imports_in(content: bytes, module: str, is_package: bool) -> Iterator[str]:
    """Every dotted name in the import statements of a file, as absolute names."""
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
