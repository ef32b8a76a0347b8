"""The call graph of a linked project: which functions reach a blocking operation, and by which way.

An edge stands for code that runs there and then, in the caller's thread. A coroutine function ends a chain: it is on
the loop itself, and the finding is its own.
"""

from __future__ import annotations

import collections
import itertools
from typing import TYPE_CHECKING

import msgspec

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.callables import CONTEXT_MANAGERS, PROPERTIES, ROUTE_METHODS, TRANSPARENT
from asyncdb_lint.semantics.contexts import Context, context
from asyncdb_lint.semantics.engine_uses import engine_uses
from asyncdb_lint.semantics.forks import NOTHING_FORKED, Forked, forked
from asyncdb_lint.semantics.kinds import Class, Function
from asyncdb_lint.semantics.loops import Nested, lasting_engines, nested, runners
from asyncdb_lint.semantics.modules import names_test
from asyncdb_lint.semantics.serving import served
from asyncdb_lint.semantics.trace import (
    NOTHING_GIVEN,
    Asset,
    EngineMade,
    FunctionTrace,
    Given,
    ModuleTrace,
    NodeRef,
    Place,
    Site,
    slot,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from asyncdb_lint.semantics.project import Project, Put
    from asyncdb_lint.semantics.summary import FunctionSummary, ModuleSummary

Slot = tuple[str, str]
"""A parameter of a function: (absolute name of the function, parameter)."""
Where = tuple[str, str, int]
"""A node of any module: module, class, number."""


ON_LOOP = ("loop", "startup")
NOWHERE: Where = ("", "", 0)
"""Stands for code that nobody sees: the settings say what it does."""


class Hop(msgspec.Struct, frozen=True, array_like=True):
    """What a function does next on the shortest way to a blocking operation.

    With `callee` it calls that; without, it waits here and `form` and `why` say how. `parameter` is the callee's
    parameter on whose object the waiting is done, "" where it is not one. `through` is the place, in a function that
    is called on the way, where what it was given is called. `engine` is the key of the engine that is waited
    for, on the hop that tells.
    """

    where: Where
    callee: str = ""
    parameter: str = ""
    form: str = ""
    why: str = ""
    through: Where | None = None
    engine: str = ""
    library: str = ""


class Edge(msgspec.Struct, frozen=True, array_like=True):
    """`caller` runs `callee` at a place; `given` as in `Site`."""

    caller: str
    callee: str
    where: Where
    given: dict[str, Given] = {}
    through: Where | None = None


class Reach(msgspec.Struct):
    """What checks know of the graph.

    `hops` has, for each function that may wait, the next hop by the parameter that it waits on ("" for none);
    `edges` what each coroutine function runs that is more than its trace says: callbacks and decorators' wrappers.
    `alone` are coroutine functions that only ever have a loop for themselves, `called` those that project code calls,
    `contexts` says of functions that wait where a framework runs them;
    `handed` has the functions that coroutine functions hand to threads, with the modules that do; `places` says
    where hops stand. `engines` are all engines that are made, each with its module, and `engine_uses` the places where
    a loop waits for one. `put` are the parameters (`slot`) on which is waited, of which only calls tell what they are.
    `made` are the functions that make an engine or a pool, and where; `served` those of them, of functions that make
    event loops, and of the functions that run them, that run for each request or task. `runners` are functions that
    make a loop for a coroutine that they are given, with the parameters that are it; `bound` the engines whose
    connections belong to the loop that opened them and that live as long as the process, each with its module.
    `nested` are, by coroutine function, the calls in it that reach a function which makes a loop for database work,
    `forked` what Celery's workers run. `assets` are the engines, pools and session factories, each with its module,
    `disposals` the places where an engine or pool is closed.
    """

    hops: dict[str, dict[str, Hop]] = {}
    edges: dict[str, list[Edge]] = {}
    alone: set[str] = set()
    called: set[str] = set()
    contexts: dict[str, Context] = {}
    places: dict[Where, Place] = {}
    handed: dict[str, list[str]] = {}
    engines: list[tuple[str, EngineMade]] = []
    engine_uses: dict[str, list[Where]] = {}
    put: set[str] = set()
    made: dict[str, Where] = {}
    served: set[str] = set()
    runners: dict[str, tuple[str, ...]] = {}
    bound: dict[str, tuple[str, EngineMade]] = {}
    nested: dict[str, list[Nested]] = {}
    forked: Forked = NOTHING_FORKED
    assets: list[tuple[str, Asset]] = []
    disposals: dict[str, list[Where]] = {}

    def first(self, callee: str, given: Mapping[str, Given]) -> str | None:
        """The parameter on whose object a call of `callee` waits: "" for an object of its own, None if it does not.

        An object that is handed over counts before one that the callee makes.
        """
        found = self.hops.get(callee, {})
        for parameter in found:
            is_put = slot(callee.partition("@")[0], parameter) in self.put
            if parameter and waits_on(given.get(parameter, NOTHING_GIVEN), is_put):
                return parameter
        return "" if "" in found else None

    def way(self, callee: str, parameter: str) -> list[Hop]:
        """The hops from a function to the operation that waits."""
        way: list[Hop] = []
        while callee and (hop := self.hops.get(callee, {}).get(parameter)) is not None and len(way) < 50:
            way.append(hop)
            callee, parameter = hop.callee, hop.parameter
        return way


class CallGraph:
    """Joins the traces of all modules; tests call what they like, and count only where they are wanted."""

    def __init__(self, project: Project, *, with_tests: bool = False) -> None:
        self.project = project
        self.with_tests = with_tests
        self.traces: dict[str, ModuleTrace] = {}

    def add(self, traces: Iterable[ModuleTrace]) -> None:
        """Enter or replace the traces of modules."""
        self.traces.update(
            (trace.module, trace) for trace in traces if self.with_tests or not names_test(trace.module)
        )
        self.traces = dict(sorted(self.traces.items()))

    def gather(self, slots: Collection[str]) -> dict[str, Put]:
        """What calls put into some parameters; only those of which that is not known yet."""
        found: dict[str, dict[tuple[str, ex.Node], None]] = {name: {} for name in slots}
        for trace in self.traces.values() if slots else ():
            for name in found.keys() & trace.put.keys():
                found[name].update(dict.fromkeys((trace.module, expr) for expr in trace.put[name]))
        telling = {
            name: tuple(put) if any(expr != ex.OPAQUE for _, expr in put) else ()
            for name, put in found.items()
        }
        return {name: put for name, put in telling.items() if put != self.project.put.get(name, ())}

    def functions(self) -> Iterator[tuple[str, str, FunctionTrace]]:
        """All traced functions: module, absolute name, trace."""
        for module, trace in self.traces.items():
            for name, function in trace.functions.items():
                yield module, f"{module}:{name}", function

    def solve(self) -> Reach:
        """Find the shortest ways to blocking operations, and who is on the loop at their beginning."""
        edges = self.find_ways()
        leading = [edge for edge in edges if edge.callee in self.hops]
        waiting = {edge.caller for edge in leading} | {
            name for name, found in self.by_name.items() if found.waits
        }
        contexts = {name: found for name in sorted(waiting) if (found := self.context(name)) is not None}
        lasting: dict[str, list[Edge]] = collections.defaultdict(list)
        for edge in leading:
            if self.is_async(edge.caller) or contexts.get(edge.caller) in ON_LOOP:
                lasting[edge.caller].append(edge)
        uses = self.uses()
        reach = Reach(self.hops, dict(lasting), self.alone(uses), set(uses), contexts, handed=self.handed())
        reach.put = {
            slot(name.partition("@")[0], parameter)
            for name, found in self.hops.items()
            for parameter in found
            if parameter and self.is_put(name, parameter)
        }
        reach.engines = [(module, each) for module, trace in self.traces.items() for each in trace.engines]
        reach.made = {
            name: (module, *found.makes[0]) for module, name, found in self.functions() if found.makes
        }
        running = {name for _, name, found in self.functions() if found.runs}
        if running:
            reach.runners, reach.bound = runners(self), lasting_engines(self)
            reach.nested = nested(self)
        reach.served = served(self, reach.made.keys() | running) if reach.made or running else set()
        reach.forked = forked(self)
        reach.assets = [(module, each) for module, trace in self.traces.items() for each in trace.assets]
        for module, trace in self.traces.items():
            for node, key in trace.disposals:
                reach.disposals.setdefault(key, []).append((module, *node))
        if len({each.is_async for _, each in reach.engines}) == 2:  # both kinds, or nobody asks
            reach.engine_uses = engine_uses(self, reach)
        return reach

    def waiting(self) -> set[str]:
        """The functions that wait, those that run them, and the methods in whose place they may run."""
        edges = self.find_ways()
        waiting = {edge.caller for edge in edges if edge.callee in self.hops}
        waiting |= {name for name, function in self.by_name.items() if function.waits} | self.hops.keys()
        return waiting | {base for name in waiting for base in self.stood_for(name)}

    def find_ways(self) -> list[Edge]:
        """Work backwards from the operations; `hops` has the way of each function then."""
        self.decorators: dict[str, tuple[str, ...] | None] = {}
        self.by_name = {name: function for _, name, function in self.functions()}
        self.asks_self = {
            name
            for name, function in self.by_name.items()
            if any(site.on in ("self", "super") for site in function.sites)
        }
        self.may_wait = self.find_may_wait()
        self.calls = self.calls_of_given()
        edges = list(self.edges())
        self.hops = self.ways(edges)
        return edges

    def is_put(self, function: str, parameter: str) -> bool:
        """Whether only calls tell what a parameter is."""
        return slot(function.partition("@")[0], parameter) in self.project.put

    def context(self, name: str) -> Context | None:
        """Where a framework runs a function, if one does."""
        found = self.project.function(name)
        return context(self.project, *found) if found is not None else None

    def is_async(self, name: str) -> bool:
        function = self.by_name.get(name.partition("@")[0])
        return function is not None and function.is_async

    def stood_for(self, name: str) -> Iterator[str]:
        """The methods of base classes and protocols in whose place a method may run."""
        cls, _, method = name.rpartition(".")
        if self.project.class_(cls) is None:
            return
        for base in (*self.project.mro(cls)[1:], *self.project.hierarchy.protocols_of(cls)):
            if ":" in base:
                yield f"{base}.{method}"

    def find_may_wait(self) -> set[str]:
        """More than all functions that can wait, found without a look at classes and at what is passed where."""
        callers: dict[str, list[str]] = collections.defaultdict(list)
        waiting: set[str] = set()
        for _, name, function in self.functions():
            if function.waits:
                waiting.add(name)
            for site in function.sites:
                callers[site.callee].append(name)
                if site.on == "declared":
                    waiting.add(site.callee)
                for passed in site.functions.values():
                    for each in passed:
                        callers[each] += (name, site.callee)
        if any("<locals>" in name for name in waiting):  # it may be a decorator's wrapper
            for module in self.project.modules.values():
                decorated = (each for each in module.functions.values() if each.decorators)
                waiting.update(f"{module.name}:{each.qualname}" for each in decorated)
        todo = list(waiting)
        while todo:
            for caller in callers[todo.pop()]:
                if caller not in waiting:
                    waiting.add(caller)
                    todo.append(caller)
        return waiting

    # Edges

    def edges(self) -> Iterator[Edge]:
        """What runs what.

        A method that calls others on `self` does as its object's class has them: where that class is known, the
        method stands in the graph once for each (`module:Base.method@module:Class`).
        """
        self.to_expand: dict[str, tuple[str, str]] = {}
        yield from self.plain_edges()
        done: set[str] = set()
        while fresh := self.to_expand.keys() - done:
            done |= fresh
            for name in sorted(fresh):
                yield from self.edges_on(name, *self.to_expand[name])

    def on_class(self, callee: str, cls: str) -> str:
        """The node of a method for objects of one class."""
        if callee not in self.asks_self or self.project.hierarchy.is_plain(cls):
            return callee
        name = f"{callee}@{cls}"
        self.to_expand[name] = (callee, cls)
        return name

    def edges_on(self, name: str, method: str, cls: str) -> Iterator[Edge]:
        """What a method runs on objects of one class."""
        module = method.partition(":")[0]
        for site in self.by_name[method].sites:
            if site.on == "self":
                target = self.project.hierarchy.method(cls, site.callee.rpartition(".")[2])
                site = msgspec.structs.replace(site, callee=target or site.callee, classes=(cls,))
            elif site.on == "super":
                site = msgspec.structs.replace(site, classes=(cls,))
            yield from self.of_site(name, site, (module, *site.node))

    def plain_edges(self) -> Iterator[Edge]:
        """What runs what, as the functions stand in the text."""
        calling = []
        for module, caller, function in self.functions():
            for site in function.sites:
                yield from self.of_site(caller, site, (module, *site.node))
            if function.is_async and function.calls_given:
                calling.append((module, caller, function))
        pools = self.pools() if calling else {}
        for module, caller, function in calling:
            for node, owner, name in function.calls_given:
                if (owner, name) in function.offloads:
                    continue  # called here or in a thread: it depends
                for callee in sorted(pools.get((f"{module}:{owner}", name), ())):
                    yield Edge(caller, callee, (module, *node))

    def of_site(self, caller: str, site: Site, where: Where) -> Iterator[Edge]:
        if site.callee not in self.may_wait and self.may_wait.isdisjoint(
            itertools.chain(*site.functions.values())
        ):
            return
        wrappers = self.wrappers(site.callee)
        if wrappers is not None and not self.is_async(site.callee):
            for callee in dict.fromkeys(self.on_class(site.callee, cls) for cls in site.classes) or (
                site.callee,
            ):
                yield Edge(caller, callee, where, site.given)
        for wrapper in wrappers or ():
            yield Edge(caller, wrapper, where)
        for (owner, name), through in self.calls.get(site.callee, {}).items():
            if owner == site.callee and not self.is_async(site.callee):
                for callee in site.functions.get(name, ()):
                    yield Edge(caller, callee, where, {}, through)

    def calls_of_given(self) -> dict[str, dict[Slot, Where]]:
        """Which parameters running a plain function calls, directly or by handing them on, and where."""
        found: dict[str, dict[Slot, Where]] = collections.defaultdict(dict)
        todo: list[tuple[str, Slot]] = []

        def note(name: str, slot: Slot, where: Where) -> None:
            function = self.by_name.get(name)
            if function is None or slot in found[name]:
                return
            if any((f"{name.partition(':')[0]}:{owner}", each) == slot for owner, each in function.offloads):
                return  # called here or in a thread: it depends
            found[name][slot] = where
            todo.append((name, slot))

        for module, caller, function in self.functions():
            for node, owner, name in function.calls_given:
                note(caller, (f"{module}:{owner}", name), (module, *node))
        callers: dict[str, list[tuple[str, Site]]] = collections.defaultdict(list)
        for _, caller, function in self.functions() if todo else ():
            for site in function.sites:
                callers[site.callee].append((caller, site))
        while todo:
            name, (owner, parameter) = todo.pop()
            if self.is_async(name):
                continue
            for caller, site in callers[name]:
                where = found[name][owner, parameter]
                if owner != name:
                    note(caller, (owner, parameter), where)
                elif own := site.given.get(parameter, NOTHING_GIVEN).own:
                    note(caller, (caller, own), where)
        return found

    def pools(self) -> dict[Slot, set[str]]:
        """What is ever put into a parameter that is called: functions passed, and functions decorated."""
        pools: dict[Slot, set[str]] = collections.defaultdict(set)
        flows: dict[Slot, set[Slot]] = collections.defaultdict(set)
        for _, caller, function in self.functions():
            for site in function.sites:
                for name, passed in site.functions.items():
                    pools[site.callee, name] |= set(passed)
                for name, given in site.given.items():
                    if given.own:
                        flows[caller, given.own].add((site.callee, name))
        for module in self.project.modules.values():
            if not names_test(module.name):
                for summary in module.functions.values():
                    for slot in self.decorated_into(module, summary):
                        pools[slot].add(f"{module.name}:{summary.qualname}")
        todo = list(pools)
        while todo:
            slot = todo.pop()
            for onward in flows[slot]:
                if not pools[slot] <= pools[onward]:
                    pools[onward] |= pools[slot]
                    todo.append(onward)
        return pools

    # Decorators

    def wrappers(self, name: str) -> tuple[str, ...] | None:
        """The plain wrappers that a call of a function goes through; None where it may not run there and then."""
        if name not in self.decorators:
            self.decorators[name] = ()  # a decorator that decorates itself adds nothing
            self.decorators[name] = self.find_wrappers(name)
        return self.decorators[name]

    def find_wrappers(self, name: str) -> tuple[str, ...] | None:
        found = self.project.function(name)
        if found is None:
            return ()  # a lambda
        module, summary = found
        wrappers: list[str] = []
        for decorator in summary.decorators:
            target = decorator.func if isinstance(decorator, ex.Call) else decorator
            kind = self.project.kind(module.name, target)
            known = kind.name if isinstance(kind, (Function, Class)) else ""
            if known in TRANSPARENT or known in PROPERTIES or known in CONTEXT_MANAGERS:
                continue
            if isinstance(target, ex.Attr) and target.name in ROUTE_METHODS | {"setter"}:
                continue
            through = self.through(known) if ":" in known else None
            if through is None:
                return None
            wrappers += through
        return tuple(wrappers)

    def through(self, decorator: str) -> tuple[str, ...] | None:
        """The wrapper that a project decorator puts in a function's place, if it is plain and calls the function."""
        slots = set(self.parameters_around(decorator))
        if not slots:
            return None
        nested = [name for name in self.by_name if name.startswith(f"{decorator}.<locals>.")]
        calling = [name for name in nested if slots & set(self.calls.get(name, ()))]
        if calling:
            return None if any(self.is_async(name) for name in calling) else tuple(calling)
        return () if self.hands_back(decorator) else None

    def parameters_around(self, decorator: str) -> Iterator[Slot]:
        """The parameters of a decorator and of the functions in it: one of them is the decorated function."""
        found = self.project.function(decorator)
        if found is None:
            return
        module, summary = found
        for qualname, function in module.functions.items():
            if qualname == summary.qualname or qualname.startswith(f"{summary.qualname}.<locals>."):
                yield from ((f"{module.name}:{qualname}", each.name) for each in function.parameters)

    def hands_back(self, decorator: str) -> bool:
        """Whether a decorator gives back the very function that it was given (it only registers it)."""
        found = self.project.function(decorator)
        if found is None:
            return False
        module, summary = found
        inner = [
            function
            for qualname, function in module.functions.items()
            if qualname == summary.qualname or qualname.startswith(f"{summary.qualname}.<locals>.")
        ]
        return any(
            function.returns and all(is_first(module, function, each) for each in function.returns)
            for function in inner
        )

    def decorated_into(self, module: ModuleSummary, summary: FunctionSummary) -> Iterator[Slot]:
        """The parameters into which decorators put a function."""
        for decorator in summary.decorators:
            target = decorator.func if isinstance(decorator, ex.Call) else decorator
            kind = self.project.kind(module.name, target)
            if isinstance(kind, Function) and ":" in kind.name:
                yield from self.first_parameters(kind.name, isinstance(decorator, ex.Call))

    def first_parameters(self, decorator: str, is_factory: bool) -> Iterator[Slot]:
        """The parameter that takes the decorated function: the decorator's first, or that of the one it makes."""
        found = self.project.function(decorator)
        if found is None:
            return
        module, summary = found
        if not is_factory:
            if summary.parameters:
                yield decorator, summary.parameters[0].name
            return
        for returned in summary.returns:
            inner = module.bindings[returned.index] if isinstance(returned, ex.Bound) else returned
            made = module.functions.get(inner.qualname) if isinstance(inner, ex.Local) else None
            if made is not None and made.parameters:
                yield f"{module.name}:{made.qualname}", made.parameters[0].name

    # Ways

    def ways(self, edges: Iterable[Edge]) -> dict[str, dict[str, Hop]]:
        """By function and the parameter it waits on, the next hop of the shortest way; breadth first, backwards."""
        into: dict[str, list[Edge]] = collections.defaultdict(list)
        for edge in edges:
            into[edge.callee].append(edge)
        hops: dict[str, dict[str, Hop]] = collections.defaultdict(dict)
        todo: collections.deque[tuple[str, str]] = collections.deque()

        def note(name: str, parameter: str, hop: Hop) -> None:
            if parameter not in hops[name]:
                hops[name][parameter] = hop
                todo.append((name, parameter))

        variants = collections.defaultdict(list)
        for name, (method, _) in self.to_expand.items():
            variants[method].append(name)
        for module, method, function in self.functions():
            for wait in function.waits:
                for name in (method, *variants[method]):
                    where = (module, *wait.node)
                    note(
                        name,
                        wait.parameter,
                        Hop(where, "", "", wait.form, wait.why, None, wait.engine, wait.library),
                    )
            for site in function.sites:
                if site.on == "declared":
                    note(site.callee, "", Hop(NOWHERE))
        while todo:
            callee, parameter = todo.popleft()
            if self.is_async(callee):
                continue
            for edge in into[callee]:
                given = edge.given.get(parameter, NOTHING_GIVEN)
                if not parameter or waits_on(given, self.is_put(callee, parameter)):
                    hop = Hop(edge.where, callee, parameter, "", "", edge.through, given.engine)
                    note(edge.caller, given.own, hop)
        return {name: found for name, found in hops.items() if not self.is_async(name)}

    # Who has a loop for itself

    def uses(self) -> dict[str, list[tuple[str, str]]]:
        """Who calls each coroutine function, and how."""
        uses: dict[str, list[tuple[str, str]]] = collections.defaultdict(list)
        for _, caller, function in self.functions():
            for site in function.sites:
                if site.awaits:
                    uses[site.callee].append((caller, site.awaits))
        return uses

    def alone(self, uses: Mapping[str, list[tuple[str, str]]]) -> set[str]:
        """Coroutine functions that only `asyncio.run` starts, or such functions that start nothing beside."""
        alone = {
            name
            for name, found in uses.items()
            if all(how in ("run", "await") for _, how in found)
            and not (name in self.by_name and self.by_name[name].concurrent)
            and self.wrappers(name) == ()
        }
        while True:
            left = {
                name for name in alone if all(how == "run" or caller in alone for caller, how in uses[name])
            }
            if left == alone:
                break
            alone = left
        # A circle of coroutines that nobody starts is not started by `asyncio.run` either.
        started = {name for name in alone if any(how == "run" for _, how in uses[name])}
        while True:
            more = {name for name in alone - started if any(caller in started for caller, _ in uses[name])}
            if not more:
                return started
            started |= more

    # Which places are worth a look

    def handed(self) -> dict[str, list[str]]:
        """The functions that coroutine functions hand to threads, and the modules in which they do."""
        found: dict[str, set[str]] = collections.defaultdict(set)
        for module, _, function in self.functions():
            for name in function.hands_over if function.is_async else ():
                found[name].add(module)
        return {name: sorted(modules) for name, modules in found.items()}

    def shown(self, reach: Reach) -> set[Where]:
        """The nodes that chains of findings may show."""
        found = {where for places in reach.engine_uses.values() for where in places}
        if found:
            found |= {(module, *each.node) for module, each in reach.engines}
        starts = {(edge.callee, parameter) for edges in reach.edges.values() for edge in edges
                  for parameter in reach.hops.get(edge.callee, ())}  # fmt: skip
        starts |= {(name, parameter) for name in reach.handed for parameter in reach.hops.get(name, ())}
        for edges in reach.edges.values():
            found |= {edge.through for edge in edges if edge.through is not None}
        for callee, parameter in starts:
            for hop in reach.way(callee, parameter):
                found |= {hop.where, hop.through or hop.where}
        found |= {where for name, where in reach.made.items() if name in reach.served}
        found |= {(module, *each.node) for module, each in reach.bound.values()}
        found |= {where for calls in reach.nested.values() for each in calls for where, _ in each.way}
        return found - {NOWHERE}


def inventory_places(reach: Reach) -> set[Where]:
    """Where engines, pools and session factories are made and closed."""
    found = {(module, *each.node) for module, each in reach.assets}
    return found | {where for places in reach.disposals.values() for where in places}


def is_first(module: ModuleSummary, function: FunctionSummary, returned: ex.Node) -> bool:
    """Whether a returned value is the function's first parameter."""
    if isinstance(returned, ex.Bound):
        returned = module.bindings[returned.index]
    return (
        isinstance(returned, ex.Param)
        and returned.function == function.qualname
        and bool(function.parameters)
        and function.parameters[0].name == returned.name
    )


def waits_on(given: Given, is_put: bool) -> bool:
    """Whether an argument makes a function wait; where only other calls tell what the parameter is, it must say so."""
    return given.mode == "sync" if is_put else given.mode != "async"


def refs(where: Where) -> NodeRef:
    """A place without its module."""
    return where[1], where[2]
