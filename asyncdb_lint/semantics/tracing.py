"""Reads off a file, with the linked project at hand, what each of its functions calls and where it waits."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.alternatives import alternatives
from asyncdb_lint.semantics.blocking import CONSUMERS, class_label, form, is_awaited
from asyncdb_lint.semantics.engine_uses import ENGINE_MAKERS, engine_behind, engine_made
from asyncdb_lint.semantics.fresh_engines import POOLED
from asyncdb_lint.semantics.inventory import MAKING, asset, disposal
from asyncdb_lint.semantics.kinds import NONE, Class, Function, Instance, Kind, Unknown
from asyncdb_lint.semantics.loops import is_careful, loop_runs, own_parameter
from asyncdb_lint.semantics.offload import LOOPS
from asyncdb_lint.semantics.trace import (
    Asset,
    EngineMade,
    FunctionTrace,
    Given,
    LoopMade,
    ModuleTrace,
    NodeRef,
    Site,
    Target,
    Wait,
    slot,
)  # fmt: skip
from asyncdb_lint.semantics.usage import fates

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.semantics.blocking import Operation
    from asyncdb_lint.semantics.model import Scope
    from asyncdb_lint.semantics.summary import FunctionSummary

RUNNERS = {
    "asyncio.run", "asyncio.AbstractEventLoop.run_until_complete", "asyncio.Runner.run", "anyio.run",
    "uvloop.run",
}  # fmt: skip
CONCURRENCY = {
    "asyncio.create_task", "asyncio.ensure_future", "asyncio.gather", "asyncio.TaskGroup",
    "asyncio.as_completed", "asyncio.AbstractEventLoop.create_task", "asyncio.wait",
    "anyio.create_task_group", "asyncio.start_server",
}  # fmt: skip
# Callbacks that the loop itself runs: where the function stands among the arguments.
LOOP_CALLBACKS = {
    **{f"{loop}.{name}": 0 for loop in LOOPS for name in ("call_soon", "call_soon_threadsafe")},
    **{
        f"{loop}.{name}": 1
        for loop in LOOPS
        for name in ("call_later", "call_at", "add_signal_handler", "add_reader", "add_writer")
    },
    "asyncio.Future.add_done_callback": 0,
}
PARTIAL = Function("functools.partial")
STATIC = ex.Ref("builtins.staticmethod")
SETUP = ("__init__", "__new__", "__post_init__")
ERRORS = ("psycopg2.", "sqlalchemy.exc.")
"""What errors are called that a migration follows."""


class Tracing:
    """The trace of one file; `functions` has it by scope, for the rules."""

    def __init__(self, file: FileContext) -> None:
        self.file, self.model, self.project = file, file.model, file.project
        self.names = dict(self.named_scopes())
        self.functions: dict[Scope, FunctionTrace] = {
            scope: FunctionTrace(scope.is_async) for scope in self.names
        }
        self.dispatched: set[str] = set()
        self.engines: list[EngineMade] = []
        self.assets: list[Asset] = []
        self.disposals: list[tuple[NodeRef, str]] = []
        self.put: dict[str, list[ex.Node]] = collections.defaultdict(list)
        self.put_unseen: list[tuple[ex.Node, ex.Node]] = []
        self.numbers: dict[type[cst.CSTNode], dict[cst.CSTNode, int]] = {}
        self.note_waits()
        self.note_calls()
        self.note_implicit()
        for found in file.offloads:
            self.note_offload(found.call, found.function)
        for run in loop_runs(file):
            scope = run.scope or self.model.opened[self.model.module]
            self.functions[scope].runs.append(
                LoopMade(self.ref(run.node), own_parameter(file, run), is_careful(file, run))
            )

    def named_scopes(self) -> Iterator[tuple[Scope, str]]:
        """Functions by qualified name; lambdas by that of what holds them and a number."""
        yield self.model.opened[self.model.module], "<module>"
        count = 0
        for scope in self.model.opened.values():
            if scope.what == "function":
                yield scope, scope.qualname
            elif scope.what == "lambda":
                count += 1
                yield scope, f"{scope.qualname}{count}"

    def summary(self) -> ModuleTrace:
        """What travels: functions that do something, by name."""
        found = {
            self.names[scope]: trace
            for scope, trace in self.functions.items()
            if trace != FunctionTrace(scope.is_async)
        }
        return ModuleTrace(
            self.model.name, found, dispatched=sorted(self.dispatched), engines=self.engines,
            assets=self.assets, disposals=self.disposals,
            put={name: list(dict.fromkeys(put)) for name, put in self.put.items()},
            put_unseen=list(dict.fromkeys(self.put_unseen)),
        )  # fmt: skip

    def ref(self, node: cst.CSTNode) -> NodeRef:
        """A node by class and number."""
        kind = type(node)
        if kind not in self.numbers:
            self.numbers[kind] = {each: number for number, each in enumerate(self.model.nodes[kind])}
        return kind.__name__, self.numbers[kind][node]

    def function_of(self, node: cst.CSTNode) -> Scope:
        """The function whose code a node is; the module's own scope for what runs at import."""
        return self.model.scope_of(node).function or self.model.opened[self.model.module]

    # Blocking operations

    def note_waits(self) -> None:
        for scope, operations in self.file.blocking.by_scope.items():
            function = scope.function or self.model.opened[self.model.module]
            for each in operations:
                if each.decisive and not is_awaited(self.model, each.node):
                    self.functions[function].waits.append(self.wait(each, function))

    def wait(self, operation: Operation, function: Scope) -> Wait:
        binding = operation.origin.binding
        own = binding is not None and isinstance(binding.target, cst.Param) and binding.scope is function
        name = binding.name if own and binding is not None else ""
        why = f"it goes through a synchronous {class_label(self.file, operation)}"
        engine = self.engine_of(operation.receiver) if operation.is_orm else ""
        return Wait(self.ref(operation.node), name, form(operation), why, engine, operation.library)

    def engine_of(self, node: cst.CSTNode) -> str:
        """The key of the engine that an object works on."""
        return engine_behind(self.project, self.model.name, self.model.exprs.get(node))

    # Calls

    def note_calls(self) -> None:
        for call in self.model.nodes.get(cst.Call, ()):
            assert isinstance(call, cst.Call)
            function, kind = self.function_of(call), self.file.kind(call.func)
            name = kind.name if isinstance(kind, (Function, Class)) else ""
            if name in POOLED:
                self.functions[function].makes.append(self.ref(call))
            made = asset(self.file, call, name, self.ref(call)) if name in MAKING else None
            if made is not None:
                self.assets.append(made)
            if name in CONCURRENCY:
                self.functions[function].concurrent = True
            elif name in ENGINE_MAKERS:
                self.engines += engine_made(self.file, call, self.ref(call), is_async=ENGINE_MAKERS[name])
            elif name in LOOP_CALLBACKS:
                self.note_callback(call, function, LOOP_CALLBACKS[name])
            elif self.project.declared.is_blocking(kind):
                self.add(function, Site(self.ref(call), name, on="declared"))
            elif isinstance(kind, Unknown):
                if self.hands_work_over(call):
                    self.project.insist(self.model.name, self.model.exprs.get(call.func))
                self.note_put_unseen(call)
                if isinstance(call.func, cst.Name):
                    self.note_given(call, call.func, function)
            for target in self.callees(call.func, kind):
                self.note_site(call, target, call.args, function, bound=is_bound(kind, call.func))

    def hands_work_over(self, call: cst.Call) -> bool:
        """Whether what an unknown function does decides where project functions run: they are passed, or called."""
        is_awaited = isinstance(self.model.parents[call], cst.Await)
        for arg in call.args:
            if self.passed(arg.value):
                return True
            if is_awaited and isinstance(arg.value, cst.Call):
                kind = self.file.kind(arg.value.func)
                if isinstance(kind, Function) and ":" in kind.name:
                    return True
        return False

    def note_callback(self, call: cst.Call, function: Scope, position: int) -> None:
        """A function that the loop is told to call."""
        if position < len(call.args):
            for name in self.passed(call.args[position].value):
                self.add(function, Site(self.ref(call), name))

    def note_given(self, call: cst.Call, func: cst.Name, function: Scope) -> None:
        """A call of what the function, or one around it, was given."""
        for owner, name in self.parameters_in(func):
            if not is_awaited(self.model, call):
                self.functions[function].calls_given.append((self.ref(call), owner, name))

    def note_offload(self, call: cst.Call, handed: cst.BaseExpression) -> None:
        function = self.function_of(call)
        if isinstance(handed, cst.Name):
            self.functions[function].offloads += self.parameters_in(handed)
        self.functions[function].hands_over += self.passed(handed)

    def parameters_in(self, name: cst.Name) -> list[tuple[str, str]]:
        """The parameters, of functions in this file, that a name stands for: (function, parameter)."""
        return [
            (self.names[binding.scope], binding.name)
            for binding in self.model.bindings_of(name)
            if isinstance(binding.target, cst.Param) and binding.scope in self.names
        ]

    def callees(self, func: cst.BaseExpression, kind: Kind) -> list[Target]:
        """The project functions that calling an expression runs."""
        match kind:
            case Function(name, owner) if ":" in name:
                if owner is None or not isinstance(func, cst.Attribute):
                    return [Target(name)]
                return self.methods(func, owner)
            case Class(name) if ":" in name:
                made = ((self.project.hierarchy.method(name, each)) for each in SETUP)
                return [Target(each, (name,)) for each in made if each is not None]
            case Instance("builtins.lambda", (_, Function(name))) if ":" in name:
                return [Target(name)]
            case Instance(name) if ":" in name:
                return self.dispatch(kind, "__call__")
            case Unknown() if isinstance(func, cst.Attribute):
                return self.unknown_methods(func)
            case Unknown() if isinstance(func, cst.Name):
                scopes = [
                    self.model.opened.get(each.value) for each in self.model.bindings_of(func) if each.value
                ]
                return [
                    Target(f"{self.model.name}:{self.names[each]}") for each in scopes if each in self.names
                ]
            case _:
                return []

    def methods(self, func: cst.Attribute, owner: Kind) -> list[Target]:
        """The methods that `func` may mean on an object of kind `owner`."""
        caller = self.method_of_self(func.value)
        return self.dispatch(owner, func.attr.value, caller)

    def dispatch(self, receiver: Kind, name: str, caller: str = "") -> list[Target]:
        """The same by name: an object that was just made is of no subclass."""
        exact = not caller and not (isinstance(receiver, Instance) and receiver.declared)
        if not exact and isinstance(receiver, (Instance, Class)):
            self.dispatched.add(receiver.name)
        return self.project.hierarchy.methods(receiver, name, exact=exact, caller=caller)

    def unknown_methods(self, func: cst.Attribute) -> list[Target]:
        """The same for a method that only subclasses have, a union of classes, or `super()`."""
        value = func.value
        if isinstance(value, cst.Call) and self.file.kind(value.func) == Function("builtins.super"):
            return self.inherited(func)
        receivers = alternatives(self.project, self.model.name, self.model.exprs.get(value))
        return [target for receiver in receivers for target in self.methods(func, receiver)]

    def inherited(self, func: cst.Attribute) -> list[Target]:
        """`super().method`: the next class of the line that has it."""
        cls = self.model.scope_of(func).enclosing_class
        if cls is None:
            return []
        for owner in self.project.mro(f"{self.model.name}:{cls.qualname}")[1:]:
            if func.attr.value in self.project.hierarchy.own_methods(owner):
                return [Target(f"{owner}.{func.attr.value}", (), "super")]
        return []

    def method_of_self(self, node: cst.BaseExpression) -> str:
        """The method whose first parameter `node` is; empty for anything but `self` and `cls`."""
        for binding in self.model.bindings_of(node) if isinstance(node, cst.Name) else ():
            first = binding.expr
            function = (
                self.model.summary.functions.get(first.function) if isinstance(first, ex.Param) else None
            )
            if function is not None and function.owner and function.parameters[0].name == binding.name:
                return f"{self.model.name}:{function.qualname}"
        return ""

    # What is handed over

    def note_site(
        self,
        node: cst.BaseExpression,
        target: Target,
        args: Sequence[cst.Arg],
        function: Scope,
        *,
        bound: bool,
    ) -> None:
        """Enter a call of a project function, where it runs the function's body there and then."""
        callee, classes, on = target
        found = self.project.function(callee)
        summary = found[1] if found is not None else None
        if summary is not None:
            self.note_put(callee, summary, args, bound)
        if summary is not None and summary.is_async:
            if not summary.is_generator:
                given, functions = self.arguments(summary, args, bound)
                self.add(
                    function, Site(self.ref(node), callee, given, functions, self.awaits(node), classes, on)
                )
            return
        if is_awaited(self.model, node) or (
            summary is not None and summary.is_generator and not self.is_consumed(node)
        ):
            return
        given, functions = self.arguments(summary, args, bound) if summary is not None else ({}, {})
        self.add(function, Site(self.ref(node), callee, given, functions, "", classes, on))

    def add(self, function: Scope, site: Site) -> None:
        self.functions[function].sites.append(site)

    def awaits(self, call: cst.CSTNode) -> str:
        """How a coroutine is used."""
        holder = self.model.parents[call]
        if isinstance(holder, cst.Await):
            return "await"
        while isinstance(holder, (cst.Arg, cst.Element, cst.Tuple, cst.List)):
            holder = self.model.parents[holder]
        # `asyncio.run(main())`, and `Thread(target=asyncio.run, args=(main(),))`
        runs = isinstance(holder, cst.Call) and any(
            getattr(self.file.kind(each), "name", "") in RUNNERS
            for each in (holder.func, *(arg.value for arg in holder.args))
        )
        return "run" if runs else "other"

    def is_consumed(self, node: cst.BaseExpression) -> bool:
        """Whether a generator or context manager that a call makes is also run by this function."""
        for what, consumer in fates(self.model, node):
            match what:
                case "iterated" if getattr(consumer, "asynchronous", None) is None:
                    return True
                case "entered" if getattr(self.model.parents[consumer], "asynchronous", None) is None:
                    return True
                case "yielded" if isinstance(consumer, cst.From):
                    return True
                case "passed":
                    call = self.model.parents[consumer]
                    name = (
                        getattr(self.file.kind(call.func), "name", "") if isinstance(call, cst.Call) else ""
                    )
                    if name in CONSUMERS or name.endswith("ExitStack.enter_context"):
                        return True
        return False

    def arguments(
        self, summary: FunctionSummary, args: Iterable[cst.Arg], bound: bool
    ) -> tuple[dict[str, Given], dict[str, tuple[str, ...]]]:
        """What a call puts into the parameters of a function: objects by mode, own parameters, functions."""
        given: dict[str, Given] = {}
        functions: dict[str, tuple[str, ...]] = {}
        for name, arg in slots(summary, args, bound):
            if (told := self.told(arg.value)) is not None:
                given[name] = told
            elif passed := self.passed(arg.value):
                functions[name] = tuple(passed)
        return given, functions

    def note_put(self, callee: str, summary: FunctionSummary, args: Iterable[cst.Arg], bound: bool) -> None:
        """Objects that a call puts into parameters of which no annotation tells."""
        silent = {each.name for each in summary.parameters if each.annotation is None}
        for name, arg in slots(summary, args, bound) if silent else ():
            if name not in silent:
                continue
            expr = self.model.exprs.get(arg.value) or ex.OPAQUE
            kind, lacking = self.project.answer(self.model.name, expr)
            if kind != NONE:
                tells = self.is_worth_telling(kind) or (isinstance(kind, Unknown) and lacking)
                self.put[slot(callee, name)].append(expr if tells else ex.OPAQUE)

    def note_put_unseen(self, call: cst.Call) -> None:
        """The same for a function that nobody has parsed, which is worth it if an object carries a database."""
        func = self.model.exprs.get(call.func)
        for arg in call.args if func is not None else ():
            expr = self.model.exprs.get(arg.value)
            if func is not None and expr is not None and self.is_worth_telling(self.file.kind(arg.value)):
                self.put_unseen.append((func, expr))

    def is_worth_telling(self, kind: Kind) -> bool:
        """Whether an object is a database's or an error of one, or of a project class, which may hold one."""
        return isinstance(kind, Instance) and (
            ":" in kind.name or bool(self.project.role(kind)[0]) or kind.name.startswith(ERRORS)
        )

    def told(self, value: cst.BaseExpression) -> Given | None:
        """What is known of an argument: its mode, or that it is the caller's own parameter."""
        kind = self.file.kind(value)
        mode = self.project.role(kind)[1]
        if mode == "async":
            return Given(mode)
        if isinstance(value, cst.Name):
            here = self.function_of(value)
            for owner, name in self.parameters_in(value):
                if owner == self.names[here]:
                    return Given(mode, own=name)
        if mode == "sync" and self.file.blocking.origin(value) is None:
            return Given("async")  # lent by an asynchronous object (`session.sync_session`)
        return Given(mode, self.engine_of(value)) if mode else None

    def passed(self, value: cst.BaseExpression) -> list[str]:
        """The project functions that an argument hands over."""
        if isinstance(value, cst.Call) and value.args and self.file.kind(value.func) == PARTIAL:
            return self.passed(value.args[0].value)
        if isinstance(value, cst.Lambda):
            return [f"{self.model.name}:{self.names[self.model.opened[value]]}"]
        kind = self.file.kind(value)
        return (
            [each.name for each in self.callees(value, kind)]
            if isinstance(kind, Function) and ":" in kind.name
            else []
        )

    # Calls that are not written as calls

    def note_implicit(self) -> None:
        """Properties, `with`, `for` and items run methods too."""
        properties = self.project.hierarchy.properties
        for node in self.model.nodes.get(cst.Attribute, ()):
            assert isinstance(node, cst.Attribute)
            for key in disposal(self.file, node):
                self.disposals.append((self.ref(node), key))
            if node.attr.value in properties and isinstance(self.model.exprs.get(node), ex.Attr):
                self.note_property(node)
        for item in self.model.nodes.get(cst.WithItem, ()):
            assert isinstance(item, cst.WithItem)
            if getattr(self.model.parents[item], "asynchronous", None) is None:
                self.note_special(item.item, ("__enter__", "__exit__"))
        for loop in (*self.model.nodes.get(cst.For, ()), *self.model.nodes.get(cst.CompFor, ())):
            assert isinstance(loop, (cst.For, cst.CompFor))
            if loop.asynchronous is None:
                self.note_special(loop.iter, ("__iter__", "__next__"))
        for subscript in self.model.nodes.get(cst.Subscript, ()):
            assert isinstance(subscript, cst.Subscript)
            self.note_special(subscript.value, ("__getitem__",))

    def note_property(self, node: cst.Attribute) -> None:
        function, owner = self.function_of(node), self.file.kind(node.value)
        if isinstance(owner, Unknown):
            return
        for target in self.methods(node, owner):
            if self.project.hierarchy.is_property(target.name):
                self.note_site(node, target, (), function, bound=True)

    def note_special(self, node: cst.BaseExpression, names: tuple[str, ...]) -> None:
        function, kind = self.function_of(node), self.file.kind(node)
        if not isinstance(kind, Instance) or ":" not in kind.name:
            return
        for name in names:
            for target in self.dispatch(kind, name):
                found = self.project.function(target.name)
                if found is not None and not found[1].is_async and not found[1].is_generator:
                    self.add(
                        function, Site(self.ref(node), target.name, classes=target.classes, on=target.on)
                    )


def slots(summary: FunctionSummary, args: Iterable[cst.Arg], bound: bool) -> Iterator[tuple[str, cst.Arg]]:
    """Which parameter each argument of a call fills; nothing can be told behind a star."""
    bound = bound and STATIC not in summary.decorators
    positional = iter([each.name for each in summary.parameters if each.positional and not each.star][bound:])
    named = {each.name for each in summary.parameters if not each.star}
    for arg in args:
        if arg.star:
            positional = iter(())
            continue
        name = arg.keyword.value if arg.keyword is not None else next(positional, "")
        if name in named:
            yield name, arg


def is_bound(kind: Kind, func: cst.BaseExpression) -> bool:
    """Whether a call leaves the first parameter to the object that the method is bound to."""
    if isinstance(kind, Function):
        return kind.owner is not None
    return isinstance(kind, (Class, Instance)) or isinstance(func, cst.Attribute)
