"""One walk over a libcst tree: scopes, bindings in evaluation order, parents, and every expression lowered.

libcst's own visitor rebuilds each node and is some fifteen times slower than this: we walk only fields that mean
something and leave white space alone. Function bodies are walked after the scope that defines them has ended, as
closures see final values.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import libcst as cst

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.commits import note_reads
from asyncdb_lint.semantics.contexts import registers
from asyncdb_lint.semantics.custody import note_custody
from asyncdb_lint.semantics.doings import note_work
from asyncdb_lint.semantics.fresh_engines import note_kept
from asyncdb_lint.semantics.lowering import Lowering
from asyncdb_lint.semantics.model import Model, Scope
from asyncdb_lint.semantics.patterns import targets_of
from asyncdb_lint.semantics.summary import ClassSummary, FunctionSummary

FIXTURE_DECORATORS = ("pytest.fixture", "pytest_asyncio.fixture", "pytest.yield_fixture")


def build(module: cst.Module, name: str, path: str, *, is_package: bool = False) -> Model:
    """Walk `module` (imported as `name`) and give the model that rules and the summary are read from."""
    builder = Builder(module, name, path, is_package)
    builder.run()
    return builder.model


def dotted(node: cst.CSTNode | None) -> str | None:
    """`a.b.c` as text, or None when it is not a plain dotted name."""
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        value = dotted(node.value)
        return f"{value}.{node.attr.value}" if value else None
    return None


class Builder(Lowering):
    """The part of the walk that visits statements and definitions, and what comes of it all."""

    def __init__(self, module: cst.Module, name: str, path: str, is_package: bool) -> None:
        super().__init__(module, name, path, is_package)
        self.deferred: collections.deque[Callable[[], None]] = collections.deque()
        self.registered: list[ex.Call] = []
        self.statements: dict[type, Callable[[Any], None]] = {
            kind: getattr(self, f"do_{kind.__name__}") for kind in STATEMENTS
        }

    def run(self) -> None:
        """Walk everything and fill in the summary."""
        self.body(self.model.module.body, self.model.module)
        while self.deferred:
            self.deferred.popleft()()
        for name, bindings in self.module_scope.bindings.items():
            self.names.setdefault(name, []).extend(ex.Bound(binding.index) for binding in bindings)
        summary = self.model.summary
        summary.names = {name: tuple(dict.fromkeys(options)) for name, options in self.names.items()}
        summary.stars = tuple(self.stars)
        summary.functions, summary.classes = self.functions, self.classes
        summary.bindings = tuple(binding.expr for binding in self.model.bindings)
        summary.fixtures = self.fixtures
        summary.imports = tuple(self.imports)
        summary.registered = tuple(self.registered)
        summary.states = {name: tuple(options) for name, options in self.states.items()}
        note_custody(self.model)
        note_kept(self.model)
        note_work(self.model)
        note_reads(self.model)

    # Statements

    def body(self, statements: Iterable[cst.CSTNode], parent: cst.CSTNode) -> None:
        """A block's statements in order; a `SimpleStatementLine` counts as the parent of what stands on it."""
        for statement in statements:
            self.enter(statement, parent)
            if isinstance(statement, (cst.SimpleStatementLine, cst.SimpleStatementSuite)):
                self.body(statement.body, statement)
                continue
            handler = self.statements.get(type(statement))
            if handler is not None:
                handler(statement)

    def suite(self, block: cst.CSTNode, parent: cst.CSTNode) -> None:
        """An indented block or the statements after a colon."""
        self.enter(block, parent)
        self.body(block.body, block)  # type: ignore[attr-defined]

    def do_Expr(self, node: cst.Expr) -> None:
        if not isinstance(node.value, cst.SimpleString):  # a docstring says nothing to us
            self.lower(node.value, node)

    def do_Assign(self, node: cst.Assign) -> None:
        value = self.lower(node.value, node)
        for target in node.targets:
            self.enter(target, node)
            self.bind(target.target, value, target, node.value)

    def do_AnnAssign(self, node: cst.AnnAssign) -> None:
        annotation = self.annotation(node.annotation, node)
        is_alias = isinstance(annotation, ex.Ref) and annotation.name.endswith(".TypeAlias")
        lower = self.annotation_expr if is_alias else self.lower
        value = lower(node.value, node) if node.value is not None else None
        if self.scope.what == "class" and isinstance(node.target, cst.Name):
            self.classes[self.scope.qualname].annotations[node.target.value] = annotation
        if value is not None or not is_alias:
            typed = value if is_alias and value is not None else self.declared(annotation, value)
            self.bind(node.target, typed, node, node.value)

    def declared(self, annotation: ex.Node, value: ex.Node | None) -> ex.Node:
        """An annotated name: the value tells more than the annotation where it can be told at all."""
        typed = ex.Typed(annotation)
        if value is None or value == ex.NONE or isinstance(value, (ex.Opaque, ex.Param)):
            return typed
        return ex.First((value, typed))

    def do_AugAssign(self, node: cst.AugAssign) -> None:
        self.lower(node.value, node)
        self.lower(node.target, node)
        self.bind(node.target, ex.OPAQUE, node, None)

    def do_TypeAlias(self, node: cst.TypeAlias) -> None:
        self.bind(node.name, self.annotation_expr(node.value, node), node, node.value)

    def do_Return(self, node: cst.Return) -> None:
        value = self.lower(node.value, node) if node.value is not None else ex.NONE
        self.returns.append(value)
        self.reachable = False

    def do_Raise(self, node: cst.Raise) -> None:
        if node.exc is not None:
            self.lower(node.exc, node)
        if node.cause is not None:
            self.lower(node.cause.item, node)
        self.reachable = False

    def do_Break(self, node: cst.Break) -> None:
        self.reachable = False

    def do_Continue(self, node: cst.Continue) -> None:
        self.reachable = False

    def do_Assert(self, node: cst.Assert) -> None:
        self.lower(node.test, node)
        if node.msg is not None:
            self.lower(node.msg, node)
        self.narrow(node.test, positive=True)

    def do_Del(self, node: cst.Del) -> None:
        self.lower(node.target, node)

    def do_Global(self, node: cst.Global) -> None:
        for item in node.names:
            self.scope.declared[item.name.value] = "global"

    def do_Nonlocal(self, node: cst.Nonlocal) -> None:
        for item in node.names:
            self.scope.declared[item.name.value] = "nonlocal"

    def do_Import(self, node: cst.Import) -> None:
        for alias in node.names:
            name = dotted(alias.name)
            if name is None:
                continue
            self.imports[name] = None
            if alias.asname is not None and isinstance(alias.asname.name, cst.Name):
                self.define(alias.asname.name.value, ex.Ref(name))
            else:
                root = name.partition(".")[0]
                self.define(root, ex.Ref(root))

    def do_ImportFrom(self, node: cst.ImportFrom) -> None:
        source = self.absolute(node)
        if source is None:
            return
        self.imports[source] = None
        if isinstance(node.names, cst.ImportStar):
            self.stars.append(source)
            return
        for alias in node.names:
            name = dotted(alias.name)
            if name is None:
                continue
            self.imports[f"{source}.{name}"] = None
            local = (
                alias.asname.name.value if alias.asname and isinstance(alias.asname.name, cst.Name) else name
            )
            self.define(local, ex.Ref(f"{source}.{name}"))

    def absolute(self, node: cst.ImportFrom) -> str | None:
        """The module that `from … import` names, relative dots resolved against this module's package."""
        name = dotted(node.module) or ""
        level = len(node.relative)
        if not level:
            return name or None
        package = self.package.split(".") if self.package else []
        if level - 1 > len(package):
            return None
        base = ".".join(package[: len(package) - (level - 1)])
        return f"{base}.{name}" if base and name else base or name or None

    def lower_Call(self, node: cst.Call) -> ex.Node:
        call = super().lower_Call(node)
        if isinstance(call, ex.Call) and registers(call):
            self.registered.append(call)
        return call

    # Branches: each path has its own environment; paths that leave the block do not join again.

    def do_If(self, node: cst.If) -> None:
        self.lower(node.test, node)
        before = dict(self.environment)
        self.narrow(node.test, positive=True)
        self.suite(node.body, node)
        taken = (self.environment, self.reachable)
        self.environment, self.reachable = before, True
        self.narrow(node.test, positive=False)
        if isinstance(node.orelse, cst.If):
            self.enter(node.orelse, node)
            self.do_If(node.orelse)
        elif node.orelse is not None:
            self.enter(node.orelse, node)
            self.suite(node.orelse.body, node.orelse)
        self.join([taken, (self.environment, self.reachable)])

    def loop(self, node: cst.For | cst.While, bind: Callable[[], None]) -> None:
        """A loop's body runs never or often: what it binds joins with what was before."""
        before = (dict(self.environment), True)
        names = self.model.nodes[cst.Name]
        start, first = len(names), len(self.model.bindings)
        bind()
        self.suite(node.body, node)
        # What the body binds is read by the next round too, further up.
        reads = [name for name in names[start:] if isinstance(name, cst.Name) and name in self.model.exprs]
        for binding in self.model.bindings[first:]:
            if self.environment.get(binding.name) == ex.Bound(binding.index):
                fresh = (name for name in reads if name.value == binding.name and name not in binding.uses)
                binding.uses += list(fresh)
        self.join([before, (self.environment, True)])
        if node.orelse is not None:
            self.enter(node.orelse, node)
            self.suite(node.orelse.body, node.orelse)

    def do_For(self, node: cst.For) -> None:
        iterable = self.lower(node.iter, node)
        each = ex.Each(iterable, node.asynchronous is not None)
        self.loop(node, lambda: self.bind(node.target, each, node, node.iter))

    def do_While(self, node: cst.While) -> None:
        self.lower(node.test, node)
        self.loop(node, lambda: None)

    def do_Try(self, node: cst.Try | cst.TryStar) -> None:
        before = dict(self.environment)
        self.suite(node.body, node)
        after_body = (dict(self.environment), self.reachable)
        # A handler starts somewhere inside the body.
        self.join([(before, True), (self.environment, True)])
        start = self.environment
        paths = []
        if node.orelse is not None:
            self.environment, self.reachable = dict(after_body[0]), after_body[1]
            self.enter(node.orelse, node)
            self.suite(node.orelse.body, node.orelse)
            after_body = (self.environment, self.reachable)
        paths.append(after_body)
        for handler in node.handlers:
            self.environment, self.reachable = dict(start), True
            self.enter(handler, node)
            caught = self.lower(handler.type, handler) if handler.type is not None else ex.OPAQUE
            if handler.name is not None and isinstance(handler.name.name, cst.Name):
                self.environment[handler.name.name.value] = ex.Typed(caught)
            self.suite(handler.body, handler)
            paths.append((self.environment, self.reachable))
        self.join(paths)
        if node.finalbody is not None:
            reachable = self.reachable
            self.join([(start, True), (self.environment, True)])
            self.enter(node.finalbody, node)
            self.suite(node.finalbody.body, node.finalbody)
            self.reachable = self.reachable and reachable

    do_TryStar = do_Try

    def do_With(self, node: cst.With) -> None:
        for item in node.items:
            self.enter(item, node)
            value = self.lower(item.item, item)
            if item.asname is not None:
                self.enter(item.asname, item)
                entered = ex.Enter(value, node.asynchronous is not None)
                self.bind(item.asname.name, entered, item.asname, item.item)
        self.suite(node.body, node)

    def do_Match(self, node: cst.Match) -> None:
        self.lower(node.subject, node)
        before = dict(self.environment)
        paths = [(before, True)]
        for case in node.cases:
            self.environment, self.reachable = dict(before), True
            self.enter(case, node)
            for name in targets_of(case.pattern):
                self.environment[name] = ex.OPAQUE
            if case.guard is not None:
                self.lower(case.guard, case)
            self.suite(case.body, case)
            paths.append((self.environment, self.reachable))
        self.join(paths)

    # Definitions

    def do_FunctionDef(self, node: cst.FunctionDef) -> None:
        decorators = []
        for decorator in node.decorators:
            self.enter(decorator, node)
            decorators.append(self.lower(decorator.decorator, decorator))
        owner = self.scope.qualname if self.scope.what == "class" else None
        qualname = self.qualify(node.name.value)
        parameters = self.parameters(node.params, node)
        annotation = self.annotation(node.returns, node) if node.returns is not None else None
        summary = FunctionSummary(
            qualname, node.asynchronous is not None, owner=owner, parameters=parameters,
            decorators=tuple(decorators), annotation=annotation,
        )  # fmt: skip
        self.functions[qualname] = summary
        self.define(node.name.value, ex.Local(qualname))
        self.note_fixture(node, decorators, qualname)
        scope = Scope("function", node, self.scope, qualname, is_async=summary.is_async)
        self.model.opened[node] = scope

        def walk() -> None:
            self.returns, self.yields = [], []
            self.environment, self.reachable = {p.name: ex.Param(qualname, p.name) for p in parameters}, True
            self.scope = scope
            self.note_parameters(node.params)
            self.suite(node.body, node)
            summary.is_generator = bool(self.yields)
            if self.reachable and self.returns:
                self.returns.append(ex.NONE)
            summary.returns = tuple(dict.fromkeys(self.returns))
            summary.yields = tuple(dict.fromkeys(self.yields))

        self.deferred.append(walk)

    def note_fixture(self, node: cst.FunctionDef, decorators: Sequence[ex.Node], qualname: str) -> None:
        """A pytest fixture gives its value to every parameter of its name; `name=` may rename it."""
        for decorator in decorators:
            call = decorator if isinstance(decorator, ex.Call) else None
            target = ex.dotted_name(call.func if call else decorator)
            if target in FIXTURE_DECORATORS:
                named = dict(call.keywords).get("name") if call else None
                text = named.value if isinstance(named, ex.Literal) and isinstance(named.value, str) else None
                self.fixtures[text or node.name.value] = qualname

    def note_parameters(self, parameters: cst.Parameters) -> None:
        """Parameters are bindings too, so that rules can follow their uses."""
        for group in (parameters.posonly_params, parameters.params, parameters.kwonly_params):
            for parameter in group:
                name = parameter.name.value
                binding = self.add_binding(name, self.environment[name], self.scope, parameter)
                self.environment[name] = ex.Bound(binding.index)

    def do_ClassDef(self, node: cst.ClassDef) -> None:
        decorators = []
        for decorator in node.decorators:
            self.enter(decorator, node)
            decorators.append(self.lower(decorator.decorator, decorator))
        bases = []
        for arg in (*node.bases, *node.keywords):
            self.enter(arg, node)
            lowered = self.lower(arg.value, arg)
            if arg.keyword is None and not arg.star:
                bases.append(lowered)
        qualname = self.qualify(node.name.value)
        self.classes[qualname] = ClassSummary(qualname, tuple(bases), {}, {}, tuple(decorators))
        self.define(node.name.value, ex.Local(qualname))
        outer, environment, reachable = self.scope, self.environment, self.reachable
        self.scope = Scope("class", node, outer, qualname)
        self.model.opened[node] = self.scope
        self.environment, self.reachable = dict(environment), True
        self.suite(node.body, node)
        self.scope, self.environment, self.reachable = outer, environment, reachable


STATEMENTS = (
    cst.Expr, cst.Assign, cst.AnnAssign, cst.AugAssign, cst.TypeAlias, cst.Return, cst.Raise, cst.Break, cst.Continue,
    cst.Assert, cst.Del, cst.Global, cst.Nonlocal, cst.Import, cst.ImportFrom, cst.If, cst.For, cst.While, cst.Try,
    cst.TryStar, cst.With, cst.Match, cst.FunctionDef, cst.ClassDef,
)  # fmt: skip
