"""The pipeline, top to bottom: discover, screen, parse, summarise, link, check, settle; or fix.

Facts come from the whole project (nearest `pyproject.toml` or `.git` upwards); findings from the given paths.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from asyncdb_lint import screen, workers
from asyncdb_lint.codes import enabled_codes
from asyncdb_lint.config import Settings
from asyncdb_lint.discovery import Discovered, discover, project_root
from asyncdb_lint.finding import Finding, Outcome
from asyncdb_lint.knowledge import Knowledge, load
from asyncdb_lint.project_version import pinned_versions, sqlalchemy_version
from asyncdb_lint.semantics.carriers import carriers
from asyncdb_lint.semantics.modules import ModuleIndex
from asyncdb_lint.semantics.project import Project
from asyncdb_lint.semantics.summary import ModuleSummary
from asyncdb_lint.worker import Checked, Task, contents_of

Progress = Callable[[int, int], None]
ROUNDS = 6  # of asking for facts of modules that the screen left out; each round asks for what the last one showed


def run(
    paths: Sequence[Path],
    settings: Settings,
    *,
    stdin: tuple[Path, bytes] | None = None,
    jobs: int = 0,
    progress: Progress | None = None,
) -> Outcome:
    """Check the files under `paths` (or `stdin`: a file name and its content) and give what was found."""
    targets = discover(paths, settings)
    if stdin is not None:
        targets.files.append(stdin[0])
    outcome = Outcome(findings=list(targets.problems), files=len(targets.files))
    overrides = {stdin[0].as_posix(): stdin[1]} if stdin is not None else {}
    for root, files in by_project(targets):
        for checked in check_project(root, files, settings, overrides, jobs, progress):
            outcome.findings += checked.findings
            outcome.suppressed += checked.suppressed
    outcome.findings = settle(outcome.findings)
    return outcome


def by_project(targets: Discovered) -> list[tuple[Path, list[Path]]]:
    """The files grouped by the project that they belong to."""
    roots = sorted((project_root(file), file) for file in targets.files)
    return [(root, [file for _, file in group]) for root, group in itertools.groupby(roots, key=lambda pair: pair[0])]
