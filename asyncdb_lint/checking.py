"""The check stage for one file: the enabled rules share one walk, comments have their say, findings come out."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from asyncdb_lint.file_context import FileContext
from asyncdb_lint.finding import in_order
from asyncdb_lint.rules import all_rules
from asyncdb_lint.suppress import settle
from asyncdb_lint.worker import Checked

if TYPE_CHECKING:
    import libcst as cst

    from asyncdb_lint.rule import Rule
    from asyncdb_lint.worker import Task


def visits(rule: type[Rule]) -> tuple[str, ...]:
    """The node classes that a rule looks at, from the names of its `visit_…` methods."""
    return tuple(name.removeprefix("visit_") for name in dir(rule) if name.startswith("visit_"))


def check(context: FileContext, content: bytes, task: Task) -> Checked:
    """Run the rules of `task` on one file."""
    model, project = context.model, context.project
    context.findings.clear()
    project.wanted.clear()
    by_name = {node.__name__: nodes for node, nodes in model.nodes.items()}
    crashes = []
    for rule_class in all_rules():
        if rule_class.code not in task.codes or not can_fire(rule_class, content):
            continue
        try:
            apply(rule_class(context), by_name)
        except Exception as error:
            crashes.append(crash(f"{rule_class.code} on {model.path}", error))
    settled = settle(context.findings, model.module, content.decode(), model.path, task.codes)
    return Checked(
        model.name, in_order(settled.findings), settled.suppressed, sorted(project.wanted), crashes
    )


def crash(where: str, error: Exception) -> str:
    """What a mistake of ours came to: one line for the user, then the traceback."""
    said = str(error).partition("\n")[0]
    return f"{where}: {type(error).__name__}: {said}\n{traceback.format_exc()}"


def apply(rule: Rule, nodes: Mapping[str, Sequence[cst.CSTNode]]) -> None:
    """Show a rule the nodes that it asks for."""
    for name in visits(type(rule)):
        visit: Callable[[Any], None] = getattr(rule, f"visit_{name}")
        for node in nodes.get(name, ()):
            visit(node)
    rule.finish()


def can_fire(rule: type[Rule], content: bytes) -> bool:
    """Whether a file holds the byte strings without which a rule finds nothing."""
    if not all(needed in content for needed in rule.requires):
        return False
    return not rule.triggers or any(trigger in content for trigger in rule.triggers)
