"""Which functions run again and again: those that frameworks run for requests and tasks, and those that these call."""

from __future__ import annotations

import collections
import re
from typing import TYPE_CHECKING

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.contexts import context, told
from asyncdb_lint.semantics.servers import ASIDE, server_modules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.semantics.callgraph import CallGraph
    from asyncdb_lint.semantics.summary import FunctionSummary

CACHES = re.compile(r"cache|singleton|once|memo", re.IGNORECASE)
# A coroutine function that nobody is seen to call, and that by its name is run once.
RUN_ONCE = re.compile(
    r"^_*(?:a?main|init|initiali[sz]e|set_?up|start|startup|bootstrap|prepare|connect|open|run|seed|migrate|drop"
    r"|create_(?:all|tables?|db|database|schema)|lifespan|shutdown|stop|close|dispose|wait)(?:_|$)"
)


def served(graph: CallGraph, makers: set[str]) -> set[str]:
    """Of the functions through which `makers` run, those that run for each request, task or message."""
    callers: dict[str, set[str]] = collections.defaultdict(set)
    for _, name, function in graph.functions():
        for site in function.sites:
            for callee in (site.callee, *(each for passed in site.functions.values() for each in passed)):
                callers[callee].add(name)
        for callee in function.hands_over:
            callers[callee].add(name)
    concerned, todo = set(makers), list(makers)
    while todo:
        fresh = callers[todo.pop()] - concerned
        concerned |= fresh
        todo += fresh
    alone = graph.alone(graph.uses())
    found = {name for name in concerned if begins(graph, name, bool(callers[name]), name in alone)}
    callees: dict[str, set[str]] = collections.defaultdict(set)
    for name in concerned:
        for caller in callers[name]:
            callees[caller].add(name)
    todo = list(found)
    while todo:
        for callee in callees[todo.pop()] - found:
            if not is_cached(graph, callee):
                found.add(callee)
                todo.append(callee)
    return found


def begins(graph: CallGraph, name: str, is_called: bool, is_alone: bool) -> bool:
    """Whether a framework runs a function for each request or task, as far as can be seen."""
    found = graph.project.function(name)
    if found is None or is_alone or is_cached(graph, name):
        return False
    module, summary = found
    if ASIDE & set(module.name.split(".")):
        return False
    where = context(graph.project, module, summary)
    if where is None or where == "startup":
        return False
    if any(each is not None for each in told(graph.project, module, summary)):
        return True
    is_once = RUN_ONCE.match(summary.qualname.rpartition(".")[2]) is not None
    return not is_called and not is_once and module.name in server_modules(graph.project)


def is_cached(graph: CallGraph, name: str) -> bool:
    """Whether a decorator that is called so keeps what a function gave the first time."""
    found = graph.project.function(name)
    return found is not None and any(CACHES.search(each) for each in decorators(found[1]))


def decorators(summary: FunctionSummary) -> Iterator[str]:
    """The names of a function's decorators as they are written."""
    for each in summary.decorators:
        target = each.func if isinstance(each, ex.Call) else each
        if isinstance(target, ex.Attr):
            yield target.name
        elif isinstance(target, (ex.Ref, ex.Local)):
            yield target.name if isinstance(target, ex.Ref) else target.qualname
