"""Parse and link, round by round: what can matter is parsed, and what that shows to matter is parsed next."""

from __future__ import annotations

import collections
from collections.abc import Collection, Iterable, Iterator, Mapping

from asyncdb_lint.screen import Screen
from asyncdb_lint.semantics import app_state, callables
from asyncdb_lint.semantics.callgraph import CallGraph, Reach, inventory_places
from asyncdb_lint.semantics.carriers import Carriers
from asyncdb_lint.semantics.modules import names_test
from asyncdb_lint.semantics.project import Project
from asyncdb_lint.semantics.summary import ModuleSummary
from asyncdb_lint.semantics.trace import ModuleTrace
from asyncdb_lint.workers import Workers

ROUNDS = 12  # real projects settle in three to six: a round for each step of the longest chain across files


class Linking:
    """The part of a project that is parsed so far, and what it says together."""

    def __init__(
        self,
        crew: Workers,
        screen: Screen,
        project: Project,
        *,
        inventory: bool = False,
        with_tests: bool = False,
        driver: str = "",
    ) -> None:
        self.crew, self.screen, self.project = crew, screen, project
        self.inventory = inventory
        """Whether somebody asks where engines are made and closed."""
        self.with_tests = with_tests
        """Whether what tests put into parameters counts: a migration changes tests too."""
        self.modules = set(project.index.paths)
        self.done: set[str] = set()
        self.summaries: dict[str, ModuleSummary] = {}
        self.graph = CallGraph(project, with_tests=with_tests)
        self.carriers = Carriers(project, driver)
        """Whose objects are followed: one driver's in a migration, else those of all."""
        self.carried: dict[str, frozenset[str]] = {}
        self.traces: dict[str, ModuleTrace] = {}
        self.waiting: set[str] = set()
        self.unknown: dict[str, frozenset[str]] = {}
        self.reach = Reach()

    def rounds(self, batch: set[str]) -> Iterator[set[str]]:
        """Parse a batch, then whoever can name what it carries or what waits in it, until nobody new can.

        Modules that could not see what a later round parsed are traced again at the end, all at once.
        """
        stale: set[str] = set()
        news: set[str] = set()
        for _ in range(ROUNDS):
            batch = (batch & self.modules) - self.done
            if batch:
                self.parse(batch)
                stale |= self.affected(batch | self.assigned(batch))
                wanted, news = self.trace(batch)
                stale |= self.affected(news)
                yield batch
            elif stale:
                wanted, news = self.trace(stale)
                stale = self.affected(news)
            else:
                break
            batch = wanted | self.who_names(batch | news) | self.project.wanted
            self.project.wanted.clear()
        self.tell()

    def parse(self, batch: set[str]) -> None:
        """Parse a batch and link it, here and in the workers."""
        self.done |= batch
        # Whoever was first to answer: the order of modules must not depend on it.
        fresh = sorted(self.crew.parse(sorted(batch)), key=lambda summary: summary.name)
        self.summaries.update((summary.name, summary) for summary in fresh)
        self.project.add(fresh)
        self.crew.link(fresh)

    def trace(self, modules: set[str]) -> tuple[set[str], set[str]]:
        """Trace modules and enter that into the graph; gives what they want parsed, and the parameters they tell of."""
        traces = self.crew.trace(
            sorted(
                name for name in modules & self.summaries.keys() if self.with_tests or not names_test(name)
            )
        )
        self.graph.add(traces)
        before = [self.traces[trace.module].put for trace in traces if trace.module in self.traces]
        self.traces.update((trace.module, trace) for trace in traces)
        news = self.graph.gather(
            {name for put in (*before, *(trace.put for trace in traces)) for name in put}
        )
        if news:
            self.project.learn(news)
            self.crew.learn(news)
        return {name for trace in traces for name in trace.wanted}, set(news)

    def assigned(self, batch: set[str]) -> set[str]:
        """What modules put into the state of an application or request."""
        summaries = (self.summaries[name] for name in batch & self.summaries.keys())
        return {app_state.assigned(name) for summary in summaries for name in summary.states}

    def affected(self, batch: set[str]) -> set[str]:
        """The modules whose trace may say something else now that `batch` is known: modules, parameters, states."""
        fresh = [
            f"{name}:{qualname}"
            for name in batch & self.summaries.keys()
            for qualname in self.summaries[name].classes
        ]
        bases = {base for name in fresh for base in self.project.mro(name)[1:]}
        bases.update(base for name in fresh for base in self.project.hierarchy.protocols_of(name))
        return {
            name
            for name, trace in self.traces.items()
            if not batch.isdisjoint(trace.missing) or not bases.isdisjoint(trace.dispatched)
        }

    def who_names(self, batch: set[str]) -> set[str]:
        """The unparsed modules that can name what parsed ones have come to carry."""
        waiting = (
            self.graph.waiting() if not self.carriers.driver else set()
        )  # who waits is of no interest then
        news = {name.partition(":")[0] for name in waiting - self.waiting}
        self.waiting = waiting
        self.carriers.classes.clear()
        self.carriers.reaching = waiting
        for trace in self.graph.traces.values():
            for function, given in trace.put_unseen:
                if self.carriers.carries(self.project.kind(trace.module, given)):
                    self.project.insist(trace.module, function)
        fresh: dict[str, frozenset[str]] = {}
        held = set[str]()
        for name, summary in self.summaries.items():
            if name not in batch and name not in news and batch.isdisjoint(self.unknown[name]):
                continue
            self.project.missing.clear()
            names = frozenset(self.carriers.names(summary))
            held |= self.carriers.held(summary)
            if names_test(name):  # not traced; and a conftest is reached by no name but a parameter's
                callables.fixtures(self.project, summary)
            self.unknown[name] = frozenset(self.project.missing)
            if names - self.carried.get(name, frozenset()):
                self.carried[name] = fresh[name] = names
        others = self.modules - self.done
        return self.screen.who_names(fresh, others) | self.screen.who_reads(held, others)

    def around(self, targets: Collection[str]) -> set[str]:
        """The parsed modules whose findings can concern `targets`: these, who imports them, and what they import."""
        if self.done <= set(targets):
            return self.done
        imports: dict[str, set[str]] = collections.defaultdict(set)
        importers: dict[str, set[str]] = collections.defaultdict(set)
        for name, summary in self.summaries.items():
            for dotted in summary.imports:
                home = self.screen.located(dotted, name)
                if home is not None:
                    imports[name].add(home)
                    importers[home].add(name)
        return (reached(targets, imports) | reached(targets, importers)) & self.done

    def tell(self) -> None:
        """Let the workers know what the graph says, with the places that its chains may show."""
        self.reach = self.graph.solve()
        shown = self.graph.shown(self.reach)
        if self.inventory:
            shown |= inventory_places(self.reach)
        self.reach.places = dict(self.crew.locate(sorted(shown)))
        self.crew.know(self.reach)


def reached(start: Iterable[str], edges: Mapping[str, Iterable[str]]) -> set[str]:
    """Everything that can be reached from `start`, itself included."""
    found, todo = set(start), list(start)
    while todo:
        for each in edges.get(todo.pop(), ()):
            if each not in found:
                found.add(each)
                todo.append(each)
    return found
