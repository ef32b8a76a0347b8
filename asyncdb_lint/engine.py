"""The pipeline, top to bottom: discover, screen, parse, summarise, link, check, settle.

Facts come from the whole project (nearest `pyproject.toml` or `.git` upwards), and so do findings: those are given
whose place, or a step of whose chain, lies in the given paths.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

from asyncdb_lint import workers
from asyncdb_lint.codes import enabled_codes, expand
from asyncdb_lint.config import Settings
from asyncdb_lint.discovery import discover, project_files, project_root
from asyncdb_lint.finding import Finding, Outcome, in_order
from asyncdb_lint.knowledge import load
from asyncdb_lint.linking import Linking
from asyncdb_lint.project_version import pinned_versions, sqlalchemy_version
from asyncdb_lint.rules import all_rules
from asyncdb_lint.screen import Screen
from asyncdb_lint.semantics import declared
from asyncdb_lint.semantics.callables import PLUGINS
from asyncdb_lint.semantics.contexts import GRAPHQL_SERVERS
from asyncdb_lint.semantics.modules import ModuleIndex, module_name
from asyncdb_lint.semantics.project import Project
from asyncdb_lint.worker import Checked, Task, contents_of

Progress = Callable[[int, int], None]
PROJECT_MARKERS = ("pyproject.toml", ".git")
ROUNDS = 8  # of checking with what the last round wanted to know; two are rare


@dataclasses.dataclass
class Linked:
    """One project after `link`: what a fix needs to check a changed file again without reading the others."""

    task: Task
    linking: Linking
    checked: list[Checked]
    given: frozenset[str]
    """The files that findings and repairs are asked for."""


def run(
    paths: Sequence[Path],
    settings: Settings,
    *,
    base: Path | None = None,
    stdin: tuple[Path, bytes] | None = None,
    jobs: int = 0,
    progress: Progress | None = None,
) -> Outcome:
    """Check the files under `paths` (and `stdin`: a file name and its content) and give what was found.

    Globs in `settings` are relative to `base`, by default the working directory.
    """
    outcome, _ = inspect(paths, settings, base=base, stdin=stdin, jobs=jobs, progress=progress)
    return outcome


def inspect(
    paths: Sequence[Path],
    settings: Settings,
    *,
    base: Path | None = None,
    stdin: tuple[Path, bytes] | None = None,
    jobs: int = 0,
    progress: Progress | None = None,
    inventory: bool = False,
) -> tuple[Outcome, list[Linked]]:
    """`run`, with the linked projects that `fixing` goes on with; `inventory` if engines are to be located."""
    base = base or Path.cwd()
    targets = discover(paths, settings, base)
    files = [*targets.files, *([stdin[0]] if stdin is not None else [])]
    named = [*(path for path in paths if path.is_file()), *files[len(targets.files) :]]
    explicit = {Path(os.path.abspath(path)).as_posix() for path in named}
    overrides = {stdin[0].as_posix(): stdin[1]} if stdin is not None else {}
    outcome = Outcome(findings=list(targets.problems), files=len(files), sources=overrides)
    projects = []
    for root, members in by_project(files, paths):
        linked = check_project(
            root, members, explicit, settings, overrides, jobs, progress, inventory=inventory
        )
        if base.is_relative_to(root):  # settings for several projects name what is in any of them
            declared.verify(linked.linking.project, linked.linking.screen, settings, base)
        projects.append(linked)
        for checked in linked.checked:
            outcome.findings += [each for each in checked.findings if concerns(each, linked.given)]
            if linked.task.paths[checked.module] in linked.given:
                outcome.suppressed += checked.suppressed
            outcome.crashes += checked.crashes
    outcome.findings = in_order(without_ignored(outcome.findings, settings, base))
    return outcome, projects


def concerns(finding: Finding, files: Collection[str]) -> bool:
    """Whether a finding or a step of its story stands in one of some files."""
    return finding.filename in files or any(step.filename in files for step in finding.chain)


def without_ignored(findings: list[Finding], settings: Settings, base: Path) -> list[Finding]:
    """The findings less what `per-file-ignores` takes out; a glob without a slash matches the file's name too."""
    if any("ADB002" in expand(selector) for selector in settings.ignore):  # found before rules are chosen
        enabled = enabled_codes(settings)
        findings = [finding for finding in findings if finding.code != "ADB002" or "ADB002" in enabled]
    if not settings.per_file_ignores:
        return findings
    ignored = [
        (glob, {code for selector in selectors for code in expand(selector)})
        for glob, selectors in settings.per_file_ignores.items()
    ]

    def is_ignored(finding: Finding) -> bool:
        path = os.path.relpath(finding.filename, base).replace(os.sep, "/")
        return any(
            finding.code in codes
            and (fnmatch(path, glob) or fnmatch(path, f"{glob}/*") or fnmatch(Path(path).name, glob))
            for glob, codes in ignored
        )

    return [finding for finding in findings if not is_ignored(finding)]


def by_project(files: Iterable[Path], paths: Sequence[Path]) -> list[tuple[Path, list[Path]]]:
    """The files grouped by the project that they belong to."""
    folders = [Path(os.path.abspath(path)) for path in paths if path.is_dir()]
    pairs = sorted((root_of(file, folders), file) for file in files)
    return [
        (root, [file for _, file in group])
        for root, group in itertools.groupby(pairs, key=lambda pair: pair[0])
    ]


def root_of(file: Path, folders: Sequence[Path]) -> Path:
    """A file's project; where nothing marks one (an unpacked wheel), the given folder or whole package around it."""
    root = project_root(file)
    if is_marked(root):
        return root
    root = next((folder for folder in folders if file.is_relative_to(folder)), root)
    while is_package(root) and is_package(root.parent):
        root = root.parent
    return root


def is_marked(root: Path) -> bool:
    """Whether a folder says that a project starts here."""
    return any((root / marker).exists() for marker in PROJECT_MARKERS)


def is_package(folder: Path) -> bool:
    """Whether modules in a folder belong to a package."""
    return (folder / "__init__.py").is_file()


def check_project(
    root: Path,
    files: Collection[Path],
    explicit: Collection[str],
    settings: Settings,
    overrides: Mapping[str, bytes],
    jobs: int,
    progress: Progress | None,
    *,
    inventory: bool = False,
) -> Linked:
    """Everything about one project: which of it must be parsed, what that says, and what the rules find."""
    everything = dict.fromkeys((*files, *project_files(root, settings)))
    paths = modules_of(root.parent if is_package(root) and not is_marked(root) else root, everything)
    task = Task(
        root=root.as_posix(), settings=settings, codes=enabled_codes(settings),
        sqlalchemy=settings.sqlalchemy_version or sqlalchemy_version(root), versions=pinned_versions(root), paths=paths,
        packages=frozenset(name for name, path in paths.items() if path.endswith("/__init__.py")),
        overrides=dict(overrides),
    )  # fmt: skip
    contents = contents_of(paths, overrides)
    index = ModuleIndex(paths, task.packages)
    given = {file.as_posix() for file in files}
    targets = {name for name, path in paths.items() if path in given}
    declarations = declared.declarations(settings)
    screen = Screen(load(task.sqlalchemy), index, contents, declarations.names())
    words = [word for rule in all_rules() if rule.code in task.codes for word in rule.seeds]
    # Who serves GraphQL says where resolvers run and who names plugins what tests are given; neither imports them.
    words += [word.encode() for word in (*GRAPHQL_SERVERS, PLUGINS)]
    seeds = {name for name in paths if screen.names_database(name) or screen.mentions(name, words)}
    seeds |= declared.seeds(index, declarations)
    seeds |= {
        name
        for name in targets
        if paths[name] in explicit or screen.has_comments(name) or screen.is_unreadable(name)
    }
    with workers.start(task, jobs, {name: len(contents[name]) for name in paths}, seeds) as crew:
        project = Project(load(task.sqlalchemy), index, declarations=declarations)
        inventory = inventory or settings.max_connections is not None
        linking = Linking(crew, screen, project, inventory=inventory)
        for batch in linking.rounds(seeds):
            if progress is not None:
                progress(len(batch), len(paths))
        checked = check_all(crew, sorted(linking.around(targets)), linking)
    return Linked(task, linking, checked, frozenset(given))


def modules_of(root: Path, files: Iterable[Path]) -> dict[str, str]:
    """The files by module name. Of several with one name (`a.py` beside `a/`) imports mean the package."""
    found: dict[str, str] = {}
    for file in sorted(files, key=lambda file: (file.name != "__init__.py", file.suffix != ".py")):
        name = module_name(file.relative_to(root))
        while name in found:
            name += "-"  # no import can mean this one, but it is checked all the same
        found[name] = file.as_posix()
    return found


def check_all(crew: workers.Workers, modules: Sequence[str], linking: Linking) -> list[Checked]:
    """Run the rules; modules that wanted facts of unparsed modules are checked again with them."""
    results: dict[str, Checked] = {}
    todo: Sequence[str] = modules
    for _ in range(ROUNDS):
        results.update((checked.module, checked) for checked in crew.check(todo))
        wanted = {name for module in todo for name in results[module].wanted} - linking.done
        if not wanted:
            break
        collections.deque(linking.rounds(wanted), maxlen=0)
        todo = [module for module in todo if wanted & set(results[module].wanted)]
    return list(results.values())
