"""Functions that the new text calls where the new driver has no equal: their text, and where it is put."""

from __future__ import annotations

import collections
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from asyncdb_lint.migrate.layout import merged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from asyncdb_lint.migrate.command import Work

MODULE = "psycopg_helpers"
DOCSTRING = "What psycopg 3 leaves to those who use it."


class Helper(NamedTuple):
    """A function or class that is put into a project: its name, the imports it needs, and its text."""

    name: str
    imports: tuple[str, ...]
    text: str

    @property
    def is_coroutine(self) -> bool:
        """Whether what it gives has to be awaited."""
        return self.text.strip().startswith("async def ")

    def called(self, name: str) -> Helper:
        """The same under another name."""
        return self._replace(
            name=name, text=re.sub(rf"\b(def|class) {self.name}\b", rf"\1 {name}", self.text)
        )

    def lazy(self) -> Helper:
        """The same function with the driver imported when it is called: its file can be imported without."""
        signature, _, body = self.text.strip().partition('"""')
        docstring, _, rest = body.partition('"""\n')
        if not signature.startswith("def ") or "psycopg." in signature:
            return self
        needed = [each for each in self.imports if each.split()[1].partition(".")[0] == "psycopg"]
        lines = "".join(f"    {each}\n" for each in needed)
        text = f'{signature}"""{docstring}"""\n{lines}\n{rest}' if needed else self.text
        return self._replace(imports=tuple(each for each in self.imports if each not in needed), text=text)


class Home(NamedTuple):
    """Where a file's helpers may be put for others to share: the package's folder, and how the file imports from it."""

    folder: Path
    spelling: str


def place(works: Sequence[Work]) -> Iterator[tuple[Path, str]]:
    """Put the helpers that files call where they can be called; gives new files.

    A module of a package holds what several of its files call. A file by itself, or one that imports nothing of its
    package and may be run as a script, holds its own.
    """
    hosts = {Path(work.file.model.path): work for work in works}
    imported = importing(works)
    sharing: dict[Path, list[tuple[Work, Home]]] = collections.defaultdict(list)
    for work in works:
        if work.helpers:
            home = home_of(work, imported)
            sharing[home.folder if home is not None else Path(work.file.model.path)].append(
                (work, home or Home(Path(), ""))
            )
    for folder, members in sharing.items():
        if len(members) == 1:
            define(members[0][0])
            continue
        home_file = folder / f"{MODULE}.py"
        host = hosts.get(home_file)
        if host is None and home_file.exists():  # it is not to be changed
            for work, _ in members:
                define(work)
            continue
        is_lazy = any(work.imports.are_optional() for work, _ in members)
        for work, home in members:
            for name, helper in work.helpers.items():
                work.imports.bring(f"{home.spelling}{MODULE}", helper.name, name)
        helpers = dict.fromkeys(
            helper.lazy() if is_lazy else helper for work, _ in members for helper in work.helpers.values()
        )
        if host is None:
            yield home_file, text_of(helpers)
            continue
        for helper in helpers:  # a former run has put others there
            host.imports.define(helper)


def define(work: Work) -> None:
    """Put the helpers that a file calls into itself."""
    for name, helper in work.helpers.items():
        own = helper.called(name)
        work.imports.define(own.lazy() if work.imports.are_optional() else own)


def home_of(work: Work, imported: Mapping[str, str]) -> Home | None:
    """The outermost package around a file, if the file imports from it anyhow, or is `imported` from it."""
    model, packages = work.file.model, work.file.project.index.packages
    parts = model.name.split(".")
    outer = next((n for n in range(1, len(parts) + 1) if ".".join(parts[:n]) in packages), None)
    if outer is None:
        return None
    path = Path(model.path)
    folder = path.parent if path.stem == "__init__" else path.with_suffix("")
    up = len(parts) - outer
    home = folder.parents[up - 1] if up else folder
    package = parts[outer - 1]
    if any(name.partition(".")[0] == package for name in work.imports.absolute()):
        return Home(home, f"{package}.")
    if work.imports.has_relative():
        depth = up if path.stem != "__init__" else up + 1
        return Home(home, "." * max(depth, 1))
    return Home(home, f"{package}.") if imported.get(model.name) == package else None


def importing(works: Iterable[Work]) -> dict[str, str]:
    """The files that others import by a full name, with the first word of that name."""
    found: dict[str, str] = {}
    for work in works:
        index = work.file.project.index
        for name in work.file.model.summary.imports:
            home = index.locate(name, work.file.model.name)
            if home is not None:
                found[home] = name.partition(".")[0]
    return found


def text_of(helpers: Iterable[Helper]) -> str:
    """A module of helpers."""
    helpers = list(helpers)
    imports = {text: text.split()[1].partition(".")[0] for helper in helpers for text in helper.imports}
    groups = [
        merged(text for text, root in imports.items() if (root in sys.stdlib_module_names) is is_standard)
        for is_standard in (True, False)
    ]
    head = "\n\n".join("\n".join(group) for group in groups if group)
    return "\n\n\n".join([f'"""{DOCSTRING}"""\n\n{head}', *(each.text.strip() for each in helpers)]) + "\n"
