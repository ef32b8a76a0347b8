"""What forked processes run, and which engines they use there: Celery forks after it has imported the tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.contexts import library_names
from asyncdb_lint.semantics.effects import effects_of
from asyncdb_lint.semantics.engines import QUEUES
from asyncdb_lint.semantics.servers import with_imports

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asyncdb_lint.semantics.callgraph import CallGraph
    from asyncdb_lint.semantics.project import Project

CELERY_TASKS = {"celery.Celery.task", "celery.shared_task", "celery.app.task"}
TASK_NAMES = {"task", "shared_task"}
AFTER_FORK = {"celery.signals.worker_process_init", "celery.signals.worker_init", "celery.signals"}
"""Importing one of these shows that the project does something about it."""


class Forked(msgspec.Struct, frozen=True, array_like=True):
    """The functions that workers run after the fork, by engine the first that uses it, and the modules before it."""

    functions: set[str] = set()
    engines: dict[str, str] = {}
    modules: set[str] = set()


NOTHING_FORKED = Forked()


def forked(graph: CallGraph) -> Forked:
    """What Celery's workers run; nothing for a project that has something run in each new worker."""
    project = graph.project
    if any(not AFTER_FORK.isdisjoint(each.imports) for each in project.modules.values()):
        return NOTHING_FORKED
    tasks = celery_tasks(project)
    functions = run_by(graph, tasks)
    engines: dict[str, str] = {}
    pooled = {each.key for trace in graph.traces.values() for each in trace.engines if each.pool in QUEUES}
    for name in sorted(functions):
        for engine in engines_used(graph, name) & pooled:
            engines.setdefault(engine, name)
    return Forked(functions, engines, with_imports(project, {name.partition(":")[0] for name in tasks}))


def celery_tasks(project: Project) -> list[str]:
    """The functions that are Celery tasks."""
    found = []
    for module in project.modules.values():
        for function in module.functions.values():
            for decorator in function.decorators:
                target = decorator.func if isinstance(decorator, ex.Call) else decorator
                written = getattr(target, "name", "").rpartition(".")[2]
                if written in TASK_NAMES and not CELERY_TASKS.isdisjoint(
                    library_names(project, module.name, target)
                ):
                    found.append(f"{module.name}:{function.qualname}")
    return found


def run_by(graph: CallGraph, names: Iterable[str]) -> set[str]:
    """Some functions, and those that they run, at any distance."""
    todo = list(names)
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        function = graph.by_name.get(name)
        for site in function.sites if function is not None else ():
            todo.append(site.callee)
            todo += [each for passed in site.functions.values() for each in passed]
    return seen


def engines_used(graph: CallGraph, name: str) -> set[str]:
    """The keys of the engines that a function itself takes connections from."""
    function = graph.by_name.get(name)
    found = {each.engine for each in function.waits} if function is not None else set()
    found |= {hop.engine for hop in graph.hops.get(name, {}).values()}
    found |= {each.source for each in effects_of(graph.project).of(name).opens}
    return found - {""}
