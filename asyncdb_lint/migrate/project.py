"""Runs the rewrites over a project: every file as a whole or not at all."""

from __future__ import annotations

import collections
import dataclasses
import difflib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import libcst as cst
from libcst.codemod import CodemodContext

from asyncdb_lint.checking import crash
from asyncdb_lint.discovery import discover, project_files, project_root
from asyncdb_lint.engine import by_project, modules_of
from asyncdb_lint.errors import UsageProblem
from asyncdb_lint.knowledge import load
from asyncdb_lint.linking import Linking
from asyncdb_lint.migrate import dependencies, evidence
from asyncdb_lint.migrate.command import SHARED, UNSAFE, WORKS, Item, Rewrite, Work
from asyncdb_lint.migrate.dependencies.files import format_of
from asyncdb_lint.migrate.helpers import MODULE, place
from asyncdb_lint.migrate.leftovers import leftovers
from asyncdb_lint.migrate.taken import read_off, taken
from asyncdb_lint.project_version import pinned_versions, sqlalchemy_lines, sqlalchemy_version
from asyncdb_lint.screen import Screen
from asyncdb_lint.semantics.modules import ModuleIndex
from asyncdb_lint.semantics.project import Project
from asyncdb_lint.source import SourceFile, write_atomically, write_text
from asyncdb_lint.worker import Task, Worker, contents_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from asyncdb_lint.config import Settings
    from asyncdb_lint.migrate.to_async.plan import Plan


IMPLICIT = (b"postgresql://", b"postgres://")
"""URLs for which SQLAlchemy takes its default driver."""


@dataclasses.dataclass(frozen=True)
class Route:
    """From which driver to which: its rewrites, in their order, and the word by which files are known to concern it."""

    driver: str
    rewrites: tuple[type[Rewrite], ...]
    words: tuple[bytes, ...] = ()
    """What files say that may handle the driver's objects without naming it, in a project that uses it."""
    everywhere: tuple[bytes, ...] = ()
    """What files say that concern it, whether or not the driver is named anywhere."""
    lists: Callable[..., Iterator[dependencies.Edited]] = dependencies.migrate
    """What becomes of files that are not code; called as `dependencies.migrate` is."""
    by_evidence: bool = False
    """Whether objects that nobody declares may be known by their use (`evidence.py`)."""
    asynchronous: bool = False
    """Whether what can be awaited becomes asynchronous (`to_async/`)."""
    otherwise: Route | None = None
    """What is done instead where a file has to be left as it is: what hangs together is asynchronous, or none of it."""


@dataclasses.dataclass
class Migration:
    """What a migration comes to: new texts by file, with the old, and what was done and is left to do."""

    texts: dict[Path, tuple[str, str]] = dataclasses.field(default_factory=dict)
    bytes: dict[Path, bytes] = dataclasses.field(default_factory=dict)
    created: set[Path] = dataclasses.field(default_factory=set)
    """Those of the files that are new."""
    items: list[Item] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)
    both: set[Path] = dataclasses.field(default_factory=set)
    """Projects with files that go with either driver: what they require stays."""
    left: set[Path] = dataclasses.field(default_factory=set)
    """Files that are left as they are, for a problem."""

    @property
    def manual(self) -> list[Item]:
        """What a person must do."""
        return [each for each in self.items if each.outcome == "manual"]

    def join(self, other: Migration) -> None:
        """Take in what another one comes to."""
        for own, more in ((self.texts, other.texts), (self.bytes, other.bytes)):
            own.update(more)  # type: ignore[arg-type]
        self.created |= other.created
        self.both |= other.both
        self.left |= other.left
        self.items += other.items
        self.problems += other.problems

    def add(self, edited: dependencies.Edited) -> None:
        """One file that is not code."""
        self.items += edited.items
        if edited.problem:
            self.problems.append(edited.problem)
        elif edited.new != edited.old:
            self.texts[edited.path] = (edited.old, edited.new)
            self.bytes[edited.path] = edited.data

    def diff(self) -> str:
        """All changes as one unified diff."""
        parts: list[str] = []
        for path, (old, new) in sorted(self.texts.items()):
            name = os.path.relpath(path).replace(os.sep, "/")
            parts += difflib.unified_diff(
                old.splitlines(keepends=True), new.splitlines(keepends=True),
                "/dev/null" if path in self.created else f"a/{name}", f"b/{name}",
            )  # fmt: skip
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in parts
        )

    def write(self) -> None:
        """Write the new texts; a file that cannot be written is told of, and stops no other but those that need it."""
        is_lacking = False
        for path, data in sorted(self.bytes.items(), key=lambda each: (each[0] not in self.created, each[0])):
            text = self.texts[path][1]
            try:
                if path in self.created:
                    write_text(path, text)
                elif is_lacking and f"{MODULE} import" in text:
                    self.problems.append(f"{path}: left as it is, since {MODULE}.py could not be written")
                else:
                    write_atomically(path, data)
            except UsageProblem as problem:
                is_lacking |= path in self.created
                self.problems.append(str(problem))


def migrate(
    paths: Sequence[Path], settings: Settings, base: Path, route: Route, *, unsafe: bool = False
) -> Migration:
    """The migration of the files under `paths`; nothing is written."""
    found = Migration()
    named = [Path(os.path.abspath(path)) for path in discover(paths, settings, base).files]
    files = [path for path in named if format_of(path) in (None, "python")]
    projects = dict(by_project(files, paths))
    for path in paths:  # it may have lists and no code
        projects.setdefault(project_root(path), [])
    for root, members in projects.items():
        own = Migration()
        pool = of_project(own, root, members, settings, route, unsafe=unsafe) if members else False
        if own.left and route.otherwise is not None:
            before, own = own.problems, Migration()
            pool = of_project(own, root, members, settings, route.otherwise, unsafe=unsafe)
            own.problems += [each for each in before if each not in own.problems]
        found.join(own)
        if root in found.both:
            continue
        changed = {path: new for path, (_, new) in found.texts.items()}
        for each in route.lists(
            root, settings, paths=paths, code=members, apart=list(projects), changed=changed,
            pool=pool, unsafe=unsafe,
        ):  # fmt: skip
            found.add(each)
    found.items.sort(key=lambda each: (each.filename, each.location, each.message))
    return found


def of_project(
    found: Migration, root: Path, files: Sequence[Path], settings: Settings, route: Route, *, unsafe: bool
) -> bool:
    """One project: read what concerns the driver, rewrite the given files of it; whether it uses a pool."""
    worker, problems, shown = read(root, files, settings, route)
    found.problems += problems
    given = {path.as_posix() for path in files}
    works: list[Work] = []
    imported = {name for model in worker.models.values() for name in model.summary.imports}
    implicit = has_implicit_driver(root, settings, worker.contents.values())
    for name in worker.models:
        for module, member in read_off(worker.file(name)):
            shown.setdefault(module, set()).add(member)
    for name in sorted(worker.models):
        if worker.task.paths[name] not in given:
            continue
        work = Work(worker.file(name), route.driver)
        work.imports.public |= shown.get(name, set())
        work.know(imported, has_implicit_driver=implicit)
        works.append(work)
    both = [work for work in works if work.stays(route.driver)]
    if both:
        found.both.add(root)
        found.items += [item for work in both for item in work.items]
        works = without_tests([work for work in works if work not in both])
    plan = planned(worker, works, unsafe=unsafe) if route.asynchronous else None
    shared: dict[str, object] = {}
    for work in list(works):
        work.plan = plan
        scratch = {UNSAFE: unsafe, WORKS: works, SHARED: shared}
        context = CodemodContext(filename=work.file.model.path, scratch=scratch)
        try:
            for rewrite in route.rewrites:
                if not both or not rewrite.DESCRIBES:
                    rewrite(context, work).examine()
        except Exception as error:
            found.problems.append(crash(f"{work.file.model.path}: left as it is", error))
            found.left.add(Path(work.file.model.path))
            works.remove(work)
    for path, text in place(works):
        found.created.add(path)
        found.texts[path] = ("", text)
        found.bytes[path] = text.encode()
    for work in works:
        settle(found, work, worker.contents[work.file.model.name].decode(), route, texts=not both)
    if plan is not None and plan.converted:
        from asyncdb_lint.migrate.to_async.verifying import unfinished

        for path, text in unfinished(worker, found.bytes):
            found.left.add(path)
            found.problems.append(
                f"{path}: nothing is made asynchronous, as `{text}` would not be awaited; please report it"
            )
    return any(
        b"psycopg2.pool" in text or b"psycopg2 import pool" in text for text in worker.contents.values()
    )


def without_tests(works: list[Work]) -> list[Work]:
    """The other files, less the tests where all code of the driver's is left as it is: what they patch stays."""
    if any(work.imports.bound and not work.file.is_test for work in works):
        return works
    return [work for work in works if not work.file.is_test]


def planned(worker: Worker, works: Iterable[Work], *, unsafe: bool) -> Plan:
    """What becomes asynchronous in a project of which some files are changed."""
    from asyncdb_lint.migrate.to_async.plan import decide

    changeable = {work.file.model.name for work in works}
    return decide([worker.file(name) for name in sorted(worker.models)], changeable, unsafe=unsafe)


def read(
    root: Path, files: Sequence[Path], settings: Settings, route: Route
) -> tuple[Worker, list[str], dict[str, set[str]]]:
    """The modules that concern the driver, parsed and linked: those that name it, and whoever objects travel to.

    With them the problems that there were, and the names that modules take from each other.
    """
    paths = modules_of(root, dict.fromkeys((*files, *project_files(root, settings))))
    task = Task(
        root=root.as_posix(), settings=settings, codes=(),
        sqlalchemy=settings.sqlalchemy_version or sqlalchemy_version(root),
        versions=pinned_versions(root), paths=paths,
        packages=frozenset(name for name, path in paths.items() if path.endswith("/__init__.py")),
    )  # fmt: skip
    contents = contents_of(paths, {})
    index = ModuleIndex(paths, task.packages)
    screen = Screen(load(task.sqlalchemy), index, contents)
    words = [route.driver.encode(), *route.everywhere]
    if dependencies.requires(root, settings):
        words.append(b"sqlalchemy")  # its statements go through the driver too
    seeds = {name for name in paths if screen.mentions(name, words)}
    if has_implicit_driver(root, settings, contents.values()):
        seeds |= {name for name in paths if screen.mentions(name, IMPLICIT)}
    if seeds:
        seeds |= {name for name in paths if screen.mentions(name, route.words)}
        seeds |= {name for name in paths if name.rpartition(".")[2] == MODULE}
    worker = Worker(task)
    linking = Linking(
        worker, screen, Project(load(task.sqlalchemy), index), with_tests=True, driver=route.driver
    )
    collections.deque(linking.rounds(seeds), maxlen=0)
    if route.by_evidence:
        suspect(worker, linking)
    if route.asynchronous:
        from asyncdb_lint.migrate.to_async.callers import follow

        follow(worker, linking, screen)
    worker.files.clear()  # they remember what was told before all was known
    problems = [
        f"{paths[name]}:{problem.location.row}:{problem.location.column}: {problem.message}"
        for name, problem in sorted(worker.problems.items())
    ]
    return worker, [*problems, *worker.crashes.values()], taken(contents, task.packages)


def has_implicit_driver(root: Path, settings: Settings, contents: Iterable[bytes]) -> bool:
    """Whether SQLAlchemy is used, and of a version that takes psycopg2 for a URL without a driver."""
    lines = (settings.sqlalchemy_version,) if settings.sqlalchemy_version else sqlalchemy_lines(root)
    return lines != ("2.1",) and any(b"sqlalchemy" in text or b"sqlmodel" in text for text in contents)


def suspect(worker: Worker, linking: Linking) -> None:
    """Let objects be known by what is done with them, and see where they travel."""
    if not evidence.is_decisive(name for summary in linking.summaries.values() for name in summary.imports):
        return
    worker.files.clear()
    changed = [model.summary for model in worker.models.values() if evidence.gather(worker.file(model.name))]
    if not changed:
        return
    linking.project.index.paths.add(evidence.MODULE)
    worker.project.index.paths.add(evidence.MODULE)
    linking.project.add([evidence.suspected_classes(), *changed])
    worker.project.add([evidence.suspected_classes(), *changed])
    news = set(linking.summaries)
    for _ in range(evidence.ROUNDS):
        _, news = linking.trace(news)
        if not news:
            break
        news = linking.affected(news)


def settle(found: Migration, work: Work, old: str, route: Route, *, texts: bool) -> None:
    """The new text of a file, if it has one, and what was done to it; `texts` if those that name the driver count."""
    path = Path(work.file.model.path)
    try:
        changed = work.result()
        new = old if changed is work.file.model.module else changed.code
    except Exception as error:
        found.problems.append(crash(f"{path}: left as it is", error))
        found.left.add(path)
        return
    if new != old:
        source = SourceFile.read(path)
        problem = "cannot be written as it is" if not source.round_trips else unsound(new)
        if problem:
            found.problems.append(f"{path}: {problem}")
            found.left.add(path)
            return
        found.texts[path] = (old, new)
        found.bytes[path] = source.encode(new)
    found.items += work.items
    if texts and path.name not in dependencies.SETUPS:
        found.items += leftovers(path, old, new, work.items, route.driver)


def unsound(text: str) -> str:
    """What is wrong with a new text: a rewrite that writes nonsense must not reach the file."""
    try:
        cst.parse_module(text)
    except cst.ParserSyntaxError as error:
        return f"is left as it is: what would be written is no Python ({error.message}); please report it"
    return ""
