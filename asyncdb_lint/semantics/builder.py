"""One walk over a libcst tree: scopes, bindings in evaluation order, parents, and every expression lowered.

libcst's own visitor rebuilds each node and is some fifteen times slower than this: we walk only fields that mean
something and leave white space alone. Function bodies are walked after the scope that defines them has ended, as
closures see final values.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import libcst as cst

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.commits import note_reads
from asyncdb_lint.semantics.custody import note_custody
from asyncdb_lint.semantics.model import Binding, Model, Scope
from asyncdb_lint.semantics.patterns import narrowed, targets_of
from asyncdb_lint.semantics.summary import ClassSummary, FunctionSummary, ModuleSummary, Parameter

Environment = dict[str, ex.Node]

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


class Builder:
    """The walk's state. `environment` maps names of the current function to what they hold here; None ends a path."""

    def __init__(self, module: cst.Module, name: str, path: str, is_package: bool) -> None:
        self.package = name if is_package else name.rpartition(".")[0]
        self.scope = Scope("module", module, None, "")
        self.module_scope = self.scope
        self.environment: Environment = {}
        self.reachable = True
        self.deferred: collections.deque[Callable[[], None]] = collections.deque()
        self.names: dict[str, list[ex.Node]] = {}
        self.stars: list[str] = []
        self.functions: dict[str, FunctionSummary] = {}
        self.classes: dict[str, ClassSummary] = {}
        self.returns: list[ex.Node] = []
        self.yields: list[ex.Node] = []
        self.fixtures: dict[str, str] = {}
        self.imports: dict[str, None] = {}
        self.in_annotation = False
        self.model = Model(
            module=module, name=name, path=path, nodes=collections.defaultdict(list), exprs={}, parents={},
            scopes={module: self.scope}, bindings=[], targets={}, opened={module: self.scope},
            summary=ModuleSummary(name, path),
        )  # fmt: skip
        self.statements: dict[type, Callable[[Any], None]] = {
            kind: getattr(self, f"do_{kind.__name__}") for kind in STATEMENTS
        }
        self.expressions: dict[type, Callable[[Any], ex.Node]] = {
            kind: getattr(self, f"lower_{kind.__name__}") for kind in EXPRESSIONS
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
        note_custody(self.model)
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

    def enter(self, node: cst.CSTNode, parent: cst.CSTNode) -> None:
        """Note a visited node: its parent, its scope, and that rules may look at it."""
        self.model.parents[node] = parent
        self.model.scopes[node] = self.scope
        self.model.nodes[type(node)].append(node)

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

    def define(self, name: str, expr: ex.Node) -> None:
        """A name that an import, a `def` or a `class` binds: no binding record, the expression says it all."""
        if self.scope.declared.get(name) == "global" or self.scope.what == "module":
            self.names.setdefault(name, []).append(expr)
        self.environment[name] = expr
        if self.scope.what == "class":
            attributes = self.classes[self.scope.qualname].attributes
            attributes[name] = (*attributes.get(name, ()), expr)
        elif self.scope.what != "module":
            self.add_binding(name, expr, self.scope, self.scope.node)

    def add_binding(
        self, name: str, expr: ex.Node, scope: Scope, target: cst.CSTNode, value: cst.CSTNode | None = None
    ) -> Binding:
        """Enter a new value of `name` into the module's table and its scope."""
        binding = Binding(len(self.model.bindings), name, expr, scope, target, value)
        self.model.bindings.append(binding)
        scope.bindings.setdefault(name, []).append(binding)
        return binding

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

    def narrow(self, test: cst.BaseExpression, *, positive: bool) -> None:
        """What `isinstance(name, Class)` tells of the name in the branch it guards."""
        for name, class_node in narrowed(test, positive=positive):
            known = (
                ex.Typed(self.model.exprs.get(class_node, ex.OPAQUE)) if class_node is not None else ex.OPAQUE
            )
            binding = self.add_binding(name, known, self.scope, test)
            current = self.environment.get(name)
            if isinstance(current, ex.Bound):  # still the same object: its uses are the first binding's uses
                binding.uses = self.model.bindings[current.index].uses
            self.environment[name] = ex.Bound(binding.index)

    def join(self, paths: Sequence[tuple[Environment, bool]]) -> None:
        """Continue with what all paths that go on agree on; a name bound on one path only may be that."""
        alive = [environment for environment, reachable in paths if reachable]
        self.reachable = bool(alive)
        if not alive:
            self.environment = dict(paths[0][0])
            return
        if len(alive) == 1:
            self.environment = alive[0]
            return
        joined: Environment = {}
        for name in dict.fromkeys(name for environment in alive for name in environment):
            options = [environment[name] for environment in alive if name in environment]
            first = options[0]
            joined[name] = first if all(option is first for option in options) else ex.either(options)
        self.environment = joined

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
            if handler.type is not None:
                self.lower(handler.type, handler)
            if handler.name is not None and isinstance(handler.name.name, cst.Name):
                self.environment[handler.name.name.value] = ex.OPAQUE
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
            target = self.ref_name(call.func if call else decorator)
            if target in FIXTURE_DECORATORS:
                named = dict(call.keywords).get("name") if call else None
                text = named.value if isinstance(named, ex.Literal) and isinstance(named.value, str) else None
                self.fixtures[text or node.name.value] = qualname

    @staticmethod
    def ref_name(expr: ex.Node) -> str | None:
        """`a.b` of a lowered dotted name."""
        if isinstance(expr, ex.Ref):
            return expr.name
        if isinstance(expr, ex.Attr):
            base = Builder.ref_name(expr.value)
            return f"{base}.{expr.name}" if base else None
        return None

    def imported_name(self, expr: ex.Node) -> str | None:
        """The same, with a name that this module imports written as what it imports."""
        name, own = self.ref_name(expr), f"{self.model.name}."
        if name is None or not name.startswith(own):
            return name
        head, dot, rest = name.removeprefix(own).partition(".")
        options = self.names.get(head, ())
        return (
            f"{options[0].name}{dot}{rest}" if len(options) == 1 and isinstance(options[0], ex.Ref) else name
        )

    def note_parameters(self, parameters: cst.Parameters) -> None:
        """Parameters are bindings too, so that rules can follow their uses."""
        for group in (parameters.posonly_params, parameters.params, parameters.kwonly_params):
            for parameter in group:
                name = parameter.name.value
                binding = self.add_binding(name, self.environment[name], self.scope, parameter)
                self.environment[name] = ex.Bound(binding.index)

    def parameters(self, node: cst.Parameters, parent: cst.CSTNode) -> tuple[Parameter, ...]:
        """Lower annotations and defaults, which run in the scope of the `def`."""
        found = []
        stars = [(node.star_arg, "*"), (node.star_kwarg, "**")]
        groups = [(node.posonly_params, ""), (node.params, ""), (node.kwonly_params, "kw")]
        for parameters, group in groups:
            for parameter in parameters:
                self.enter(parameter, parent)
                annotation = parameter.annotation
                found.append(
                    Parameter(
                        parameter.name.value,
                        self.annotation(annotation, parameter) if annotation is not None else None,
                        self.lower(parameter.default, parameter) if parameter.default is not None else None,
                        positional=group != "kw",
                    )
                )
        for starred, star in stars:
            if isinstance(starred, cst.Param):
                found.append(Parameter(starred.name.value, star=star))
        return tuple(found)

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

    def qualify(self, name: str) -> str:
        """The qualified name of a definition in the current scope."""
        if self.scope.what == "module":
            return name
        if self.scope.what == "class":
            return f"{self.scope.qualname}.{name}"
        return f"{self.scope.qualname}.<locals>.{name}"

    # Targets

    def bind(
        self, target: cst.CSTNode, expr: ex.Node, parent: cst.CSTNode, value: cst.CSTNode | None
    ) -> None:
        """Assign `expr` to a name, an attribute, or the parts of a tuple."""
        if isinstance(target, cst.Name):
            self.enter(target, parent)
            self.bind_name(target, expr, value)
        elif isinstance(target, (cst.Tuple, cst.List)):
            self.enter(target, parent)
            whole = expr
            parts = value.elements if isinstance(value, (cst.Tuple, cst.List)) else ()
            for position, element in enumerate(target.elements):
                self.enter(element, target)
                part = ex.OPAQUE if isinstance(element, cst.StarredElement) else self.item(whole, position)
                piece = parts[position].value if position < len(parts) == len(target.elements) else None
                self.bind(element.value, part, element, piece)
        elif isinstance(target, cst.StarredElement):
            self.bind(target.value, ex.OPAQUE, parent, None)
        elif isinstance(target, cst.Attribute):
            self.enter(target, parent)
            base = self.lower(target.value, target)
            self.model.exprs[target] = expr
            self.bind_attribute(target, base, expr)
        else:
            self.lower(target, parent)

    @staticmethod
    def item(whole: ex.Node, position: int) -> ex.Node:
        """One part of an unpacked value."""
        if isinstance(whole, ex.Display) and position < len(whole.items):
            return whole.items[position]
        return ex.Sub(whole, (ex.Literal(position),))

    def bind_name(self, target: cst.Name, expr: ex.Node, value: cst.CSTNode | None) -> None:
        name, scope = target.value, self.scope
        declared = scope.declared.get(name)
        if declared == "global":
            scope = self.module_scope
        elif declared == "nonlocal":
            scope = self.owner_of(name, scope.parent) or scope
        binding = self.add_binding(name, expr, scope, target, value)
        self.model.targets[target] = binding
        self.environment[name] = ex.Bound(binding.index)
        if scope.what == "class":
            attributes = self.classes[scope.qualname].attributes
            attributes[name] = (*attributes.get(name, ()), ex.Bound(binding.index))

    @staticmethod
    def owner_of(name: str, scope: Scope | None) -> Scope | None:
        """The function scope around that binds `name`."""
        while scope is not None:
            if scope.what in ("function", "comprehension", "lambda") and name in scope.bindings:
                return scope
            scope = scope.parent
        return None

    def bind_attribute(self, target: cst.Attribute, base: ex.Node, expr: ex.Node) -> None:
        """`self.x = …` in a method tells what the class's attribute may be; `cls.x` and `Class.x` too."""
        qualname = self.class_of(base, target.value)
        if qualname is not None:
            attributes = self.classes[qualname].attributes
            options = attributes.get(target.attr.value, ())
            if expr not in options:
                attributes[target.attr.value] = (*options, expr)

    def class_of(self, base: ex.Node, node: cst.CSTNode) -> str | None:
        if isinstance(base, ex.Local) and base.qualname in self.classes:
            return base.qualname
        if isinstance(base, ex.Bound):
            base = self.model.bindings[base.index].expr
        if not isinstance(base, ex.Param):
            return None
        function = self.functions[base.function]
        if function.owner and function.parameters and function.parameters[0].name == base.name:
            return function.owner
        return None

    # Annotations

    def annotation(self, node: cst.Annotation, parent: cst.CSTNode) -> ex.Node:
        self.enter(node, parent)
        return self.annotation_expr(node.annotation, node)

    def annotation_expr(self, node: cst.BaseExpression, parent: cst.CSTNode) -> ex.Node:
        """Lower a type expression; text in it is a forward reference."""
        outer, self.in_annotation = self.in_annotation, True
        lowered = self.lower(node, parent)
        self.in_annotation = outer
        return lowered

    # Expressions

    def lower(self, node: cst.CSTNode, parent: cst.CSTNode) -> ex.Node:
        """Visit an expression and what is in it; give (and remember) its lowered form."""
        self.enter(node, parent)
        handler = self.expressions.get(type(node))
        if handler is None:
            for child in node.children:
                if isinstance(child, cst.BaseExpression):
                    self.lower(child, node)
            return ex.OPAQUE
        lowered = handler(node)
        self.model.exprs[node] = lowered
        return lowered

    def lower_Name(self, node: cst.Name) -> ex.Node:
        found = self.environment.get(node.value)
        if found is None:
            found = self.lookup(node)
        for option in found.options if isinstance(found, ex.Either) else (found,):
            if isinstance(option, ex.Bound):
                self.model.bindings[option.index].uses.append(node)
        return found

    def lookup(self, node: cst.Name) -> ex.Node:
        """A name that this function does not bind on the way here: enclosing scopes, the module, builtins."""
        name = node.value
        if name in CONSTANTS:
            return CONSTANTS[name]
        scope = self.scope.parent if self.scope.declared.get(name) != "global" else None
        while scope is not None:
            if scope.what in ("function", "lambda", "comprehension") and name in scope.bindings:
                return ex.either([ex.Bound(binding.index) for binding in scope.bindings[name]])
            scope = scope.parent
        for binding in self.module_scope.bindings.get(name, ()):
            binding.uses.append(node)
        here = name in self.names or name in self.module_scope.bindings or self.stars
        return ex.Ref(f"{self.model.name}.{name}" if here else f"builtins.{name}")

    def lower_Attribute(self, node: cst.Attribute) -> ex.Node:
        self.model.parents[node.attr] = node
        return ex.Attr(self.lower(node.value, node), node.attr.value)

    def lower_Call(self, node: cst.Call) -> ex.Node:
        func = self.lower(node.func, node)
        args: list[ex.Node] = []
        keywords: list[tuple[str, ex.Node]] = []
        casts = isinstance(func, (ex.Ref, ex.Attr)) and self.imported_name(func) in CASTS
        for position, arg in enumerate(node.args):
            self.enter(arg, node)
            lower = self.annotation_expr if casts and position == 0 else self.lower
            value = lower(arg.value, arg)
            if arg.star:
                keywords.append((arg.star, value))
            elif arg.keyword is not None:
                self.model.parents[arg.keyword] = arg
                keywords.append((arg.keyword.value, value))
            else:
                args.append(value)
        return ex.Call(func, tuple(args), tuple(keywords))

    def lower_Await(self, node: cst.Await) -> ex.Node:
        return ex.Await(self.lower(node.expression, node))

    def lower_Subscript(self, node: cst.Subscript) -> ex.Node:
        value = self.lower(node.value, node)
        literal = (
            self.in_annotation and isinstance(value, (ex.Ref, ex.Attr)) and self.ref_name(value) in LITERAL
        )
        outer, self.in_annotation = self.in_annotation, self.in_annotation and not literal
        items: list[ex.Node] = []
        for element in node.slice:
            self.enter(element, node)
            if isinstance(element.slice, cst.Index):
                items.append(self.lower(element.slice.value, element))
            else:
                for bound in element.slice.children:
                    if isinstance(bound, cst.BaseExpression):
                        self.lower(bound, element)
                items.append(ex.OPAQUE)
        self.in_annotation = outer
        return ex.Sub(value, tuple(items))

    def lower_SimpleString(self, node: cst.SimpleString) -> ex.Node:
        value = node.evaluated_value
        if not isinstance(value, str) or SURROGATE.search(value):  # half a character cannot travel as UTF-8
            return ex.OPAQUE
        if self.in_annotation:
            try:
                forward = cst.parse_expression(value.strip())
            except Exception:  # not a type expression: text in an Annotated or Literal
                return ex.Literal(value)
            return self.lower(forward, node)
        return ex.Literal(value) if len(value) <= LONGEST_TEXT else ex.Prefix(value[:LONGEST_TEXT])

    def lower_ConcatenatedString(self, node: cst.ConcatenatedString) -> ex.Node:
        return self.concatenated(self.lower(node.left, node), self.lower(node.right, node))

    @staticmethod
    def concatenated(left: ex.Node, right: ex.Node) -> ex.Node:
        """Two texts in a row; neighbouring literals become one."""
        parts: list[ex.Node] = []
        for side in (left, right):
            for part in side.parts if isinstance(side, ex.Joined) else (side,):
                before = parts[-1] if parts else None
                if isinstance(part, ex.Literal) and not isinstance(part.value, str):
                    return ex.OPAQUE
                if isinstance(part, ex.Literal) and isinstance(before, ex.Literal):
                    parts[-1] = ex.Literal(f"{before.value}{part.value}")
                else:
                    parts.append(part)
        if len(parts) == 1:
            return parts[0]
        return ex.Joined(tuple(parts)) if len(parts) <= MOST_PARTS else ex.OPAQUE

    def lower_FormattedString(self, node: cst.FormattedString) -> ex.Node:
        joined: ex.Node = ex.Literal("")
        for part in node.parts:
            if isinstance(part, cst.FormattedStringText):
                joined = self.concatenated(joined, ex.Literal(part.value))
            elif isinstance(part, cst.FormattedStringExpression):
                self.enter(part, node)
                value = self.lower(part.expression, part)
                # A number, or one that is formatted, is a hole: how it is written is not followed.
                plain = part.format_spec is None and not (
                    isinstance(value, ex.Literal) and not isinstance(value.value, str)
                )
                joined = self.concatenated(joined, value if plain else ex.OPAQUE)
        return joined

    def lower_Integer(self, node: cst.Integer) -> ex.Node:
        return ex.Literal(int(node.value.replace("_", ""), 0)) if len(node.value) < 19 else ex.OPAQUE

    def lower_Float(self, node: cst.Float) -> ex.Node:
        return ex.Literal(float(node.value.replace("_", "")))

    def lower_UnaryOperation(self, node: cst.UnaryOperation) -> ex.Node:
        value = self.lower(node.expression, node)
        number = value.value if isinstance(value, ex.Literal) else None
        negates = isinstance(node.operator, cst.Minus) and isinstance(number, (int, float))
        return ex.Literal(-number) if negates and not isinstance(number, bool) else ex.OPAQUE  # type: ignore[operator]

    def lower_BinaryOperation(self, node: cst.BinaryOperation) -> ex.Node:
        left, right = self.lower(node.left, node), self.lower(node.right, node)
        if isinstance(node.operator, cst.BitOr):  # a union type, in an annotation or an alias
            return ex.either([left, right])
        if (
            isinstance(node.operator, cst.Modulo)
            and isinstance(left, ex.Literal)
            and isinstance(left.value, str)
        ):
            first, *others = PERCENT.split(left.value)
            joined: ex.Node = ex.Literal(first)
            for piece in others:
                joined = self.concatenated(self.concatenated(joined, ex.OPAQUE), ex.Literal(piece))
            return joined
        return self.concatenated(left, right) if isinstance(node.operator, cst.Add) else ex.OPAQUE

    def lower_BooleanOperation(self, node: cst.BooleanOperation) -> ex.Node:
        left, right = self.lower(node.left, node), self.lower(node.right, node)
        return ex.either([left, right]) if isinstance(node.operator, cst.Or) else right

    def lower_Comparison(self, node: cst.Comparison) -> ex.Node:
        self.lower(node.left, node)
        for target in node.comparisons:
            self.enter(target, node)
            self.lower(target.comparator, target)
        return ex.OPAQUE

    def lower_IfExp(self, node: cst.IfExp) -> ex.Node:
        self.lower(node.test, node)
        return ex.either([self.lower(node.body, node), self.lower(node.orelse, node)])

    def lower_NamedExpr(self, node: cst.NamedExpr) -> ex.Node:
        value = self.lower(node.value, node)
        self.bind(node.target, value, node, node.value)
        return value

    def lower_Tuple(self, node: cst.Tuple | cst.List) -> ex.Node:
        items = []
        for element in node.elements:
            self.enter(element, node)
            item = self.lower(element.value, element)
            items.append(ex.OPAQUE if isinstance(element, cst.StarredElement) else item)
        return ex.Display(tuple(items)) if len(items) <= 8 else ex.OPAQUE

    lower_List = lower_Tuple

    def lower_Set(self, node: cst.Set) -> ex.Node:
        for element in node.elements:
            self.enter(element, node)
            self.lower(element.value, element)
        return ex.OPAQUE

    def lower_Dict(self, node: cst.Dict) -> ex.Node:
        for element in node.elements:
            self.enter(element, node)
            if isinstance(element, cst.DictElement):
                self.lower(element.key, element)
            self.lower(element.value, element)
        return ex.OPAQUE

    def lower_Yield(self, node: cst.Yield) -> ex.Node:
        if isinstance(node.value, cst.From):
            self.enter(node.value, node)
            self.yields.append(ex.Each(self.lower(node.value.item, node.value), is_async=False))
        else:
            self.yields.append(self.lower(node.value, node) if node.value is not None else ex.NONE)
        return ex.OPAQUE

    def lower_Lambda(self, node: cst.Lambda) -> ex.Node:
        parameters = self.parameters(node.params, node)
        scope = Scope("lambda", node, self.scope, self.qualify("<lambda>"))
        self.model.opened[node] = scope
        outer, environment = self.scope, self.environment
        self.scope, self.environment = scope, {**environment, **{p.name: ex.OPAQUE for p in parameters}}
        returned = self.lower(node.body, node)
        self.scope, self.environment = outer, environment
        return ex.Lambda(returned)

    # Comprehensions

    def comprehension(self, node: cst.BaseComp, parts: Sequence[cst.BaseExpression]) -> list[ex.Node]:
        outer, environment = self.scope, self.environment
        first = node.for_in
        self.enter(first, node)
        iterables = {first: self.lower(first.iter, first)}  # the first iterable runs outside
        self.scope = Scope("comprehension", node, outer, self.qualify("<comprehension>"))
        self.model.opened[node] = self.scope
        self.environment = dict(environment)
        clause: cst.CompFor | None = first
        while clause is not None:
            if clause not in iterables:
                self.enter(clause, node)
                iterables[clause] = self.lower(clause.iter, clause)
            each = ex.Each(iterables[clause], clause.asynchronous is not None)
            self.bind(clause.target, each, clause, clause.iter)
            for condition in clause.ifs:
                self.enter(condition, clause)
                self.lower(condition.test, condition)
            clause = clause.inner_for_in
        lowered = [self.lower(part, node) for part in parts]
        self.scope, self.environment = outer, environment
        return lowered

    def lower_ListComp(self, node: cst.ListComp | cst.SetComp | cst.GeneratorExp) -> ex.Node:
        return ex.Many(self.comprehension(node, [node.elt])[0])

    lower_SetComp = lower_GeneratorExp = lower_ListComp

    def lower_DictComp(self, node: cst.DictComp) -> ex.Node:
        self.comprehension(node, [node.key, node.value])
        return ex.OPAQUE


CONSTANTS = {"None": ex.NONE, "True": ex.Literal(True), "False": ex.Literal(False)}
SURROGATE = re.compile("[\ud800-\udfff]")
LONGEST_TEXT = 400  # no database URL is longer, and summaries stay small
MOST_PARTS = 24
PERCENT = re.compile(r"%(?:\(\w+\))?[sdr]")

CASTS = ("typing.cast", "typing_extensions.cast")
LITERAL = ("typing.Literal", "typing_extensions.Literal")

STATEMENTS = (
    cst.Expr, cst.Assign, cst.AnnAssign, cst.AugAssign, cst.TypeAlias, cst.Return, cst.Raise, cst.Break, cst.Continue,
    cst.Assert, cst.Del, cst.Global, cst.Nonlocal, cst.Import, cst.ImportFrom, cst.If, cst.For, cst.While, cst.Try,
    cst.TryStar, cst.With, cst.Match, cst.FunctionDef, cst.ClassDef,
)  # fmt: skip

EXPRESSIONS = (
    cst.Name, cst.Attribute, cst.Call, cst.Await, cst.Subscript, cst.SimpleString, cst.ConcatenatedString,
    cst.FormattedString, cst.Integer, cst.Float, cst.UnaryOperation, cst.BinaryOperation, cst.BooleanOperation,
    cst.Comparison, cst.IfExp, cst.NamedExpr, cst.Tuple, cst.List, cst.Set, cst.Dict, cst.Yield, cst.Lambda,
    cst.ListComp, cst.SetComp, cst.GeneratorExp, cst.DictComp,
)  # fmt: skip
