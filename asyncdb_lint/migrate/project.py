"""Runs the rewrites over a project: every file as a whole or not at all."""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import libcst as cst
from libcst.codemod import CodemodContext

from asyncdb_lint.config import Settings
from asyncdb_lint.discovery import discover, project_files, project_root
from asyncdb_lint.file_context import FileContext
from asyncdb_lint.finding import Position
from asyncdb_lint.knowledge import load
from asyncdb_lint.migrate import dependencies
from asyncdb_lint.migrate.command import CODES, FILE, ITEMS, UNSAFE, Item, Rewrite
from asyncdb_lint.migrate.from_psycopg2.names import RenameNames
from asyncdb_lint.migrate.from_psycopg2.objects import ConnectArguments, ConnectionAttributes, ErrorAttributes
from asyncdb_lint.migrate.from_psycopg2.statements import ReportStatements
from asyncdb_lint.migrate.from_psycopg2.urls import SqlalchemyUrls
from asyncdb_lint.project_version import sqlalchemy_version
from asyncdb_lint.semantics.builder import build
from asyncdb_lint.semantics.modules import ModuleIndex, module_name
from asyncdb_lint.semantics.project import Project
from asyncdb_lint.source import SourceFile, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from asyncdb_lint.semantics.model import Model

REWRITES: tuple[type[Rewrite], ...] = (
    ReportStatements, ConnectArguments, ConnectionAttributes, ErrorAttributes, SqlalchemyUrls, RenameNames,
)  # fmt: skip
"""In their order: objects are known for psycopg2's as long as imports say so."""
WORD = "psycopg2"
TEXT = re.compile(r"""(['"])[^'"]*?(psycopg2)[^'"]*\1""")


@dataclasses.dataclass
class Migration:
    """What a migration comes to: new texts by file, with the old, and what was done and is left to do."""

    texts: dict[Path, tuple[str, str]] = dataclasses.field(default_factory=dict)
    bytes: dict[Path, bytes] = dataclasses.field(default_factory=dict)
    items: list[Item] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)

    @property
    def manual(self) -> list[Item]:
        """What a person must do."""
        return [each for each in self.items if each.outcome == "manual"]

    def diff(self) -> str:
        """All changes as one unified diff."""
        parts: list[str] = []
        for path, (old, new) in sorted(self.texts.items()):
            name = os.path.relpath(path).replace(os.sep, "/")
            parts += difflib.unified_diff(
                old.splitlines(keepends=True), new.splitlines(keepends=True), f"a/{name}", f"b/{name}"
            )
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in parts
        )

    def write(self) -> None:
        """Write the new texts; a file that cannot be written is told of, and stops no other."""
        for path, data in sorted(self.bytes.items()):
            try:
                write_atomically(path, data)
            except OSError as error:
                self.problems.append(f"{path}: cannot be written: {error.strerror or error}")


def migrate(paths: Sequence[Path], settings: Settings, base: Path, *, unsafe: bool = False) -> Migration:
    """The migration of the files under `paths` from psycopg2 to psycopg 3; nothing is written."""
    found = Migration()
    files = [Path(os.path.abspath(path)) for path in discover(paths, settings, base).files]
    roots: dict[Path, list[Path]] = {}
    for file in files:
        roots.setdefault(project_root(file), []).append(file)
    for root, members in roots.items():
        of_project(found, root, members, settings, unsafe=unsafe)
    found.items.sort(key=lambda each: (each.filename, each.location, each.message))
    return found


def of_project(
    found: Migration, root: Path, files: Sequence[Path], settings: Settings, *, unsafe: bool
) -> None:
    """One project: all modules that name the driver, or import one that does, are read."""
    sources: dict[str, SourceFile] = {}
    texts: dict[str, str] = {}
    paths: dict[str, Path] = {}
    for path in sorted({*files, *map(Path, project_files(root, settings))}):
        if path.suffix not in (".py", ".pyi"):
            continue
        source = SourceFile.read(path)
        if source.problem is not None or not source.round_trips:
            said = source.problem.message if source.problem is not None else "cannot be written as it is"
            found.problems.append(f"{path}: {said}")
            continue
        name = module_name(path.relative_to(root)) if path.is_relative_to(root) else path.stem
        if name not in texts:
            sources[name], texts[name], paths[name] = source, source.text, path
    trees: dict[str, cst.Module] = {}
    for name in concerned(texts, root):
        tree = sources[name].parse()
        if isinstance(tree, cst.Module):
            trees[name] = tree
        else:
            found.problems.append(f"{paths[name]}:{tree.location.row}:{tree.location.column}: {tree.message}")
    packages = {name for name, path in paths.items() if path.stem == "__init__"}
    index = ModuleIndex({name: path.as_posix() for name, path in paths.items()}, packages)
    given = set(files)
    knowledge = load(sqlalchemy_version(root))
    done: dict[str, list[Item]] = {name: [] for name in trees}
    models: dict[str, Model] = {}
    for rewrite in REWRITES:
        for name, tree in trees.items():
            if name not in models or models[name].module is not tree:
                models[name] = build(tree, name, paths[name].as_posix(), is_package=name in packages)
        project = Project(knowledge, index, [model.summary for model in models.values()])
        for name, model in models.items():
            if paths[name] in given:
                file = FileContext(model, project, settings, {})
                trees[name] = run(rewrite, file, done[name], unsafe=unsafe)
    pool = any("psycopg2.pool" in text or "psycopg2 import pool" in text for text in texts.values())
    for name, tree in trees.items():
        found.items += done[name]
        if tree.code != texts[name]:
            found.texts[paths[name]] = (texts[name], tree.code)
            found.bytes[paths[name]] = sources[name].encode(tree.code)
        if paths[name] in given and paths[name].name not in dependencies.SETUPS:
            found.items += leftovers(paths[name], texts[name], tree.code, done[name])
    lists(found, root, pool=pool)


def run(rewrite: type[Rewrite], file: FileContext, items: list[Item], *, unsafe: bool) -> cst.Module:
    """One rewrite of one file."""
    context = CodemodContext(filename=file.model.path, scratch={FILE: file, ITEMS: items, UNSAFE: unsafe})
    tree = file.model.module
    changed = rewrite(context).transform_module_impl(tree)  # `transform_module` would copy the tree
    return changed if changed.code != tree.code else tree


def concerned(texts: dict[str, str], root: Path) -> list[str]:
    """The modules that name the driver, and those that name a module which does: objects travel by import.

    Where the project requires it, SQLAlchemy's statements go through it too.
    """
    found = {name for name, text in texts.items() if WORD in text}
    if any(WORD in path.read_text(errors="replace") for path in dependency_lists(root)):
        found |= {name for name, text in texts.items() if "sqlalchemy" in text}
    if not found:
        return []
    words = {name.rpartition(".")[2] for name in found} | {name.split(".")[0] for name in found}
    return sorted(
        found | {name for name, text in texts.items() if "import" in text and any(w in text for w in words)}
    )


def dependency_lists(root: Path) -> list[Path]:
    """The files in a project's folders that say what it requires."""
    names = dependencies.LOCKS | dependencies.OTHERS
    files = (*root.glob("*"), *root.glob("*/*"))
    return sorted(
        each for each in files if (dependencies.is_list(each) or each.name in names) and each.is_file()
    )


def leftovers(path: Path, old: str, new: str, items: Iterable[Item]) -> list[Item]:
    """Texts that still name psycopg2, which no rewrite has told of: targets of patches, names of loggers."""
    if WORD not in new:
        return []
    told = {each.location.row for each in items if each.outcome == "manual"}
    kept = set(new.splitlines())
    found = []
    for row, line in enumerate(old.splitlines(), 1):
        text = TEXT.search(line.partition("#")[0])
        if text is not None and line in kept and row not in told:
            place = Position(row, text.start(2) + 1)
            said = ("manual", CODES["manual"], "a text names psycopg2", "rename it if it is looked up")
            found.append(Item(path.as_posix(), place, *said))  # type: ignore[arg-type]
    return found


def lists(found: Migration, root: Path, *, pool: bool) -> None:
    """The dependency lists in a project's folder."""
    for path in dependency_lists(root):
        if path in found.texts:
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            found.problems.append(f"{path}: cannot be read: {error}")
            continue
        if not dependencies.is_list(path):
            found.items += dependencies.named(path, text)
            continue
        new, items = dependencies.rewrite(path, text, pool=pool)
        found.items += items
        if new != text:
            found.texts[path] = (text, new)
            found.bytes[path] = new.encode()
