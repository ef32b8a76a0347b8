"""Which files have to be parsed: a look at the bytes, since parsing is what takes the time.

A database object enters a project where a module imports a database library, and travels from there by name: a
module that neither imports such a library nor mentions a name that carries a database object cannot hold one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from asyncdb_lint.knowledge import Knowledge
from asyncdb_lint.semantics import app_state
from asyncdb_lint.semantics.modules import ModuleIndex
from asyncdb_lint.source import UTF8_BOM

IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]*(\((?:[^)#]|#[^\n]*)*\)|[^\n]*)|import[ \t]+([^\n]+))",
    re.MULTILINE,
)
# What `IMPORT` alone would miss: statements that do not start their line, or end on another.
ODD = (b"; import ", b"; from ", b";import ", b";from ", b": import ", b": from ", b"\\\n", b"\\\r")
INLINE = re.compile(rb"[;:][ \t]*(?=(?:import|from)[ \t])")
CONTINUED = re.compile(rb"\\\r?\n")
WORD = re.compile(rb"\w+")
COMMENT = re.compile(rb"#[^\n]*(?:asyncdb:|noqa:[^\n]*ADB)")


class Screen:
    """Looks at bytes only; errs on the side of parsing."""

    def __init__(
        self,
        knowledge: Knowledge,
        index: ModuleIndex,
        contents: Mapping[str, bytes],
        declared: Iterable[str] = (),
    ) -> None:
        entries = knowledge.entries()
        for name in declared:
            root, *inner = name.split(".")
            entries.setdefault(root, set()).update(
                inner[-2:]
            )  # of a method, the class may be all that is named
        self.entries = {
            root.encode(): re.compile(rb"\b(?:" + alternatives(word.encode() for word in words) + rb")\b")
            for root, words in entries.items()
        }
        self.index = index
        self.contents = contents
        self.imports: dict[str, tuple[tuple[str, str | None], ...]] = {}
        self.locations: dict[tuple[str, str], str | None] = {}
        self.imports_root = re.compile(
            rb"^[ \t]*(?:from|import)[ \t]+(?:[\w., \t]*[, \t])?(?:" + alternatives(self.entries) + rb")\b",
            re.MULTILINE,
        )

    def names_database(self, module: str) -> bool:
        """Whether the file imports a database library and names something to reach a database with."""
        content = self.contents[module]
        roots = [root for root in self.entries if root in content]
        if not roots or self.imports_root.search(unfolded(content)) is None:
            return False
        return any(self.entries[root].search(content) for root in roots)

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
        giving = {module: names for module, names in carried.items() if names}
        return {module for module in modules if self.receives(module, giving)} if giving else set()

    def who_reads(self, held: Collection[str], modules: Iterable[str]) -> set[str]:
        """Those of `modules` that may read a name off the state of an application or request."""
        return {module for module in modules if held and app_state.mentions(held, self.contents[module])}

    def receives(self, module: str, carried: Mapping[str, Collection[str]]) -> bool:
        """Whether one of the carrying modules hands something to `module`."""
        for base, name in self.imported(module):
            home = self.located(base, module)
            if (
                home is not None
                and home in carried
                and (self.mentions(module, encoded(carried[home])) if name is None else name in carried[home])
            ):
                return True
            inner = self.located(f"{base}.{name}", module) if name is not None else None
            if inner is not None and inner in carried and self.mentions(module, encoded(carried[inner])):
                return True
        parts = module.split(".")
        above = (".".join([*parts[:depth], "conftest"]) for depth in range(len(parts)))
        # pytest hands fixtures to tests below a conftest without any import
        return any(home in carried and self.mentions(module, encoded(carried[home])) for home in above)

    def mentions(self, module: str, words: Iterable[bytes]) -> bool:
        """Whether a file's text holds any of some words."""
        return any(word in self.contents[module] for word in words)

    def imported(self, module: str) -> tuple[tuple[str, str | None], ...]:
        """What a file imports, read off its text (a little too much is fine): module and name, if one is named."""
        found = self.imports.get(module)
        if found is None:
            found = tuple(imports_in(self.contents[module], module, module in self.index.packages))
            self.imports[module] = found
        return found

    def located(self, dotted: str, importer: str) -> str | None:
        """The project's module of that name, for importers in the same package."""
        key = (dotted, importer.rpartition(".")[0])
        if key not in self.locations:
            self.locations[key] = self.index.locate(dotted, importer)
        return self.locations[key]


def encoded(names: Iterable[str]) -> Iterator[bytes]:
    """Names as they stand in a file."""
    return (name.encode() for name in names)


def alternatives(words: Iterable[bytes]) -> bytes:
    """The words as alternatives of a pattern."""
    return b"|".join(re.escape(word) for word in sorted(words))


def unfolded(content: bytes) -> bytes:
    """A file's text with each import statement on a line of its own."""
    content = content.removeprefix(UTF8_BOM)
    if b"\r" in content and b"\n" not in content:
        content = content.replace(b"\r", b"\n")
    if any(each in content for each in ODD):
        return INLINE.sub(b"\n", CONTINUED.sub(b" ", content))
    return content


def imports_in(content: bytes, module: str, is_package: bool) -> Iterator[tuple[str, str | None]]:
    """The import statements of a file: (module, name) of each name, (module, None) of a plain import."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for source, names, plain in IMPORT.findall(unfolded(content)):
        if plain:
            for part in plain.partition(b"#")[0].partition(b";")[0].split(b","):
                word = part.split()
                if word:
                    yield word[0].decode("ascii", "replace"), None
            continue
        text = source.decode("ascii", "replace")
        dots = len(text) - len(text.lstrip("."))
        base = text[dots:]
        if dots:
            prefix = ".".join(package[: len(package) - dots + 1])
            base = f"{prefix}.{base}" if prefix and base else prefix or base
        if b"*" in names:
            yield base, None
        for name in WORD.findall(names):
            yield base, name.decode("ascii", "replace")
