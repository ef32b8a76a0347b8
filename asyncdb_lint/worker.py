"""One worker: parses files, keeps their trees, and later runs the rules on them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from asyncdb_lint.config import Settings
from asyncdb_lint.finding import Finding
from asyncdb_lint.knowledge import load
from asyncdb_lint.semantics.callgraph import Reach, Where
from asyncdb_lint.semantics.declared import declarations
from asyncdb_lint.semantics.model import Model
from asyncdb_lint.semantics.modules import ModuleIndex
from asyncdb_lint.semantics.project import Project, Put
from asyncdb_lint.semantics.summary import ModuleSummary
from asyncdb_lint.semantics.trace import ModuleTrace, Place

if TYPE_CHECKING:
    from asyncdb_lint.file_context import FileContext

RECURSION_LIMIT = 10_000  # libcst renders nested expressions recursively, several frames a level


class Task(msgspec.Struct):
    """What all workers of a run share. `paths` maps module names to absolute file names."""

    root: str
    settings: Settings
    codes: tuple[str, ...]
    sqlalchemy: str
    versions: dict[str, str]
    paths: dict[str, str]
    packages: frozenset[str]
    overrides: dict[str, bytes] = {}
    """Contents that stand for what is on disk: standard input, and files in the middle of being fixed."""


class Checked(msgspec.Struct):
    """What checking one module came to; `wanted` are modules whose facts were missing."""

    module: str
    findings: list[Finding]
    suppressed: int
    wanted: list[str]
    crashes: list[str] = []


class Worker:
    """Trees stay here between the two calls: they are large, and summaries are not."""

    def __init__(self, task: Task) -> None:
        sys.setrecursionlimit(max(sys.getrecursionlimit(), RECURSION_LIMIT))
        self.task = task
        self.models: dict[str, Model] = {}
        self.files: dict[str, FileContext] = {}
        self.reach = Reach()
        self.contents: dict[str, bytes] = {}
        self.problems: dict[str, Finding] = {}
        self.crashes: dict[str, str] = {}
        self.project = Project(
            load(task.sqlalchemy),
            ModuleIndex(task.paths, task.packages),
            declarations=declarations(task.settings),
        )

    def parse(self, modules: Sequence[str]) -> list[ModuleSummary]:
        """Parse and summarise; a file that cannot be read or parsed is remembered as a finding."""
        from asyncdb_lint.checking import crash
        from asyncdb_lint.semantics.builder import build
        from asyncdb_lint.source import SourceFile, unreadable

        summaries = []
        for name in modules:
            path = self.task.paths[name]
            source = SourceFile.read(Path(path), self.task.overrides.get(path))
            tree = source.parse()
            if isinstance(tree, Finding):
                self.problems[name] = tree
                continue
            try:
                model = build(tree, name, path, is_package=name in self.task.packages)
            except RecursionError:
                self.problems[name] = unreadable(path, "nested too deeply to be followed")
                continue
            except Exception as error:
                self.crashes[name] = crash(f"reading {path}", error)
                continue
            self.models[name] = model
            self.contents[name] = source.text.encode()
            summaries.append(model.summary)
        return summaries

    def link(self, summaries: Sequence[ModuleSummary]) -> None:
        """Learn about more modules, those of other workers included."""
        self.project.add(summaries)

    def learn(self, put: dict[str, Put]) -> None:
        """Learn what calls put into parameters."""
        self.project.learn(put)

    def trace(self, modules: Sequence[str]) -> list[ModuleTrace]:
        """What the functions of modules that this worker parsed do, as far as linked modules tell."""
        from asyncdb_lint.checking import crash

        traces = []
        for name in modules:
            self.files.pop(name, None)
            if name not in self.models:
                continue
            self.project.wanted.clear()
            self.project.missing.clear()
            try:
                trace = self.file(name).tracing.summary()
            except Exception as error:
                self.crashes[name] = crash(f"tracing {self.task.paths[name]}", error)
                continue
            trace.wanted, trace.missing = sorted(self.project.wanted), sorted(self.project.missing)
            traces.append(trace)
        return traces

    def file(self, name: str) -> FileContext:
        """The context of a parsed module; kept until it is traced again."""
        from asyncdb_lint.file_context import FileContext

        if name not in self.files:
            self.files[name] = FileContext(
                self.models[name], self.project, self.task.settings, self.task.versions
            )
        return self.files[name]

    def locate(self, wanted: Sequence[Where]) -> list[tuple[Where, Place]]:
        """Where nodes of modules that this worker parsed stand."""
        return [
            ((module, kind, number), self.file(module).place((kind, number)))
            for module, kind, number in wanted
        ]

    def know(self, reach: Reach) -> None:
        """Learn what the functions of the whole project come to."""
        self.reach = reach

    def check(self, modules: Sequence[str]) -> list[Checked]:
        """Run the rules on modules that this worker parsed."""
        from asyncdb_lint.checking import check

        def result(name: str) -> Checked:
            if name in self.problems:
                return Checked(name, [self.problems[name]], 0, [])
            if name in self.crashes:
                return Checked(name, [], 0, [], [self.crashes[name]])
            file = self.file(name)
            file.reach = self.reach
            return check(file, self.contents[name], self.task)

        return [result(name) for name in modules]


def contents_of(paths: Mapping[str, str], overrides: Mapping[str, bytes]) -> dict[str, bytes]:
    """The bytes of every module; NUL for one that cannot be read, so that the parser is asked and says why."""
    found = {}
    for name, path in paths.items():
        if path in overrides:
            found[name] = overrides[path]
            continue
        try:
            with open(path, "rb") as file:
                found[name] = file.read()
        except OSError:
            found[name] = b"\0"
    return found
