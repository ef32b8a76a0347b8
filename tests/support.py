"""Linting from memory: what the tests of rules stand on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import libcst as cst

from asyncdb_lint.checking import can_fire, visits
from asyncdb_lint.config import Settings
from asyncdb_lint.file_context import FileContext
from asyncdb_lint.finding import Finding, in_order
from asyncdb_lint.knowledge import load
from asyncdb_lint.rules import all_rules
from asyncdb_lint.semantics.builder import build
from asyncdb_lint.semantics.callgraph import CallGraph, inventory_places
from asyncdb_lint.semantics.declared import declarations
from asyncdb_lint.semantics.modules import ModuleIndex
from asyncdb_lint.semantics.project import Project


def module_name(path: str) -> str:
    """`app/db.py` → `app.db`; a package's `__init__` is the package."""
    return path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def lint(
    files: Mapping[str, str],
    codes: Iterable[str] = (),
    *,
    sqlalchemy: str = "2.1",
    versions: Mapping[str, str] | None = None,
    **settings: Any,
) -> list[Finding]:
    """Findings of the rules `codes` (all of them by default) on a project given as path → source."""
    packages = {module_name(path) for path in files if path.endswith("__init__.py")}
    models = [
        build(cst.parse_module(source), module_name(path), path, is_package=module_name(path) in packages)
        for path, source in files.items()
    ]
    index = ModuleIndex((model.name for model in models), packages)
    chosen = Settings(**settings)
    project = Project(load(sqlalchemy), index, [model.summary for model in models], declarations(chosen))
    wanted = set(codes)
    findings: list[Finding] = []
    graph = CallGraph(project)
    while True:  # until calls tell nothing new of what they are given
        contexts = [FileContext(model, project, chosen, versions or {}) for model in models]
        traces = [context.tracing.summary() for context in contexts]
        graph.add(traces)
        news = graph.gather({name for trace in traces for name in trace.put})
        if not news:
            break
        project.learn(news)
    reach = graph.solve()
    by_name = {context.model.name: context for context in contexts}
    shown = graph.shown(reach) | inventory_places(reach)
    reach.places = {where: by_name[where[0]].place((where[1], where[2])) for where in shown}
    for model, context in zip(models, contexts, strict=True):
        context.reach = reach
        for rule_class in all_rules():
            if wanted and rule_class.code not in wanted:
                continue
            if not can_fire(rule_class, model.module.bytes):
                continue
            rule = rule_class(context)
            for name in visits(rule_class):
                for node in model.nodes.get(getattr(cst, name), ()):
                    getattr(rule, f"visit_{name}")(node)
            rule.finish()
        findings += context.findings
    return in_order(findings)
