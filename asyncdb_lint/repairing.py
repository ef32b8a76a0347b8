"""`--fix`: check, repair file by file, and check again, since a repair here can show something there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from asyncdb_lint.config import Settings
from asyncdb_lint.engine import Linked, Progress, inspect
from asyncdb_lint.errors import UsageProblem
from asyncdb_lint.finding import Applicability, Finding, Outcome
from asyncdb_lint.fixing import RepairResult, repair, unified_diff
from asyncdb_lint.semantics.callgraph import CallGraph
from asyncdb_lint.source import SourceFile, unreadable, write_atomically
from asyncdb_lint.worker import Checked, Worker

PASSES = 4  # over the whole project; a repair that shows another in a different file is rare, a chain of them rarer


def fix(
    paths: Sequence[Path],
    settings: Settings,
    *,
    write: bool,
    base: Path | None = None,
    stdin: tuple[Path, bytes] | None = None,
    jobs: int = 0,
    progress: Progress | None = None,
) -> Outcome:
    """Repair what can be repaired under `paths`; without `write`, only show how in `Outcome.diffs`.

    The outcome's findings are what remains after the repairs. A file that cannot be written is a problem of the
    outcome and stays as it was; the others are repaired all the same. With `stdin`, the repaired text is in
    `Outcome.stdout`.
    """
    fixed, problems = 0, dict[str, str]()
    for _ in range(PASSES):
        outcome, projects = inspect(paths, settings, base=base, stdin=stdin, jobs=jobs, progress=progress)
        outcome.fixed, outcome.problems = fixed, list(problems.values())
        if stdin is not None:
            outcome.stdout = stdin[1]
        repaired = [each for linked in projects for each in repairs(linked, settings)]
        repaired = [each for each in repaired if each[0].path not in problems]
        for source, result in repaired:
            if not write:
                outcome.diffs.append(diff(source, result.text))
                outcome.fixed += len(result.fixed)
            elif stdin is not None and source.path == stdin[0].as_posix():
                stdin = (stdin[0], source.encode(result.text))
                fixed += len(result.fixed)
            else:
                try:
                    write_atomically(Path(source.path), source.encode(result.text))
                    fixed += len(result.fixed)
                except (UsageProblem, UnicodeEncodeError) as error:
                    problems[source.path] = str(error)
        if not repaired or not write:
            break
    return outcome


def repairs(linked: Linked, settings: Settings) -> list[tuple[SourceFile, RepairResult]]:
    """The files of a project that change, with their repaired text."""
    candidates = [
        checked
        for checked in linked.checked
        if linked.task.paths[checked.module] in linked.given
        and any(is_fixable(each, settings) for each in checked.findings)
    ]
    if not candidates:
        return []
    worker, linking = Worker(linked.task), linked.linking
    worker.link(list(linking.summaries.values()))
    found = [(source_of(linked, each), again(worker, linked, each, settings)) for each in candidates]
    return [(source, result) for source, result in found if source.round_trips and result.text != source.text]


def is_fixable(finding: Finding, settings: Settings) -> bool:
    """Whether a finding has a fix that the settings allow."""
    fix = finding.fix
    return fix is not None and (settings.unsafe_fixes or fix.applicability is Applicability.SAFE)


def source_of(linked: Linked, checked: Checked) -> SourceFile:
    """The file's text as it was checked."""
    path = linked.task.paths[checked.module]
    return SourceFile.read(Path(path), linked.task.overrides.get(path))


def again(worker: Worker, linked: Linked, checked: Checked, settings: Settings) -> RepairResult:
    """Repair one file, each attempt checked with the facts of the whole project."""
    name, linking = checked.module, linked.linking
    graph = CallGraph(worker.project)
    graph.add(linking.graph.traces.values())
    worker.know(linking.reach)
    source = source_of(linked, checked)
    overrides = worker.task.overrides
    original = overrides.get(source.path)

    def check(text: str) -> list[Finding]:
        try:
            overrides[source.path] = source.encode(text)
        except UnicodeEncodeError as error:
            return [unreadable(source.path, f"cannot be written as {source.encoding}: {error.reason}")]
        worker.problems.pop(name, None)
        worker.crashes.pop(name, None)
        worker.link(worker.parse([name]))
        traces = worker.trace([name])
        if [graph.traces.get(name)] != traces:
            graph.add(traces)
            worker.know(msgspec.structs.replace(graph.solve(), places=linking.reach.places))
        now = worker.check([name])[0]
        if len(now.crashes) > len(checked.crashes):
            return [unreadable(source.path, "cannot be checked")]
        return now.findings

    result = repair(source.text, check, unsafe=settings.unsafe_fixes, findings=checked.findings)
    check(result.text)  # the files that follow see this one as it will be
    if original is None:
        del overrides[source.path]
    else:
        overrides[source.path] = original
    return result


def diff(source: SourceFile, text: str) -> str:
    """What changes in the file's bytes, whatever they mean in its encoding; surrogates stand for what is not UTF-8."""
    before, after = (source.encode(each).decode("utf-8", "surrogateescape") for each in (source.text, text))
    return unified_diff(shown(source.path), before, after)


def shown(path: str) -> str:
    """A path as reports show it: relative where it is below the working directory."""
    try:
        return Path(path).relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path
