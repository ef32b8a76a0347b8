"""The state of the walk over a tree: scopes, what names hold here, and the model that grows with it."""

from __future__ import annotations

import abc
import collections
from collections.abc import Sequence

import libcst as cst

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.model import Binding, Model, Scope
from asyncdb_lint.semantics.patterns import narrowed
from asyncdb_lint.semantics.summary import ClassSummary, FunctionSummary, ModuleSummary

Environment = dict[str, ex.Node]


class Walk(abc.ABC):
    """`environment` maps names of the current function to what they hold here; `reachable` is false after a return."""

    def __init__(self, module: cst.Module, name: str, path: str, is_package: bool) -> None:
        self.package = name if is_package else name.rpartition(".")[0]
        self.scope = Scope("module", module, None, "")
        self.module_scope = self.scope
        self.environment: Environment = {}
        self.reachable = True
        self.names: dict[str, list[ex.Node]] = {}
        self.stars: list[str] = []
        self.functions: dict[str, FunctionSummary] = {}
        self.classes: dict[str, ClassSummary] = {}
        self.returns: list[ex.Node] = []
        self.yields: list[ex.Node] = []
        self.fixtures: dict[str, str] = {}
        self.imports: dict[str, None] = {}
        self.states: dict[str, list[tuple[ex.Node, ex.Node]]] = {}
        self.in_annotation = False
        self.model = Model(
            module=module, name=name, path=path, nodes=collections.defaultdict(list), exprs={}, parents={},
            scopes={module: self.scope}, bindings=[], targets={}, opened={module: self.scope},
            summary=ModuleSummary(name, path),
        )  # fmt: skip

    @abc.abstractmethod
    def lower(self, node: cst.CSTNode, parent: cst.CSTNode) -> ex.Node:
        """Visit an expression and what is in it; give (and remember) its lowered form."""

    def enter(self, node: cst.CSTNode, parent: cst.CSTNode) -> None:
        """Note a visited node: its parent, its scope, and that rules may look at it."""
        self.model.parents[node] = parent
        self.model.scopes[node] = self.scope
        self.model.nodes[type(node)].append(node)

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

    def qualify(self, name: str) -> str:
        """The qualified name of a definition in the current scope."""
        if self.scope.what == "module":
            return name
        if self.scope.what == "class":
            return f"{self.scope.qualname}.{name}"
        return f"{self.scope.qualname}.<locals>.{name}"

    # Branches: each path has its own environment; paths that leave the block do not join again.

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
        """`self.x = …` in a method tells what the class's attribute may be; `cls.x`, `Class.x`, `app.state.x` too."""
        if isinstance(base, ex.Attr) and base.name == "state":
            self.states.setdefault(target.attr.value, []).append((base, expr))
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

    def imported_name(self, expr: ex.Node) -> str | None:
        """`a.b` of a lowered dotted name, with a name that this module imports written as what it imports."""
        name, own = ex.dotted_name(expr), f"{self.model.name}."
        if name is None or not name.startswith(own):
            return name
        head, dot, rest = name.removeprefix(own).partition(".")
        options = self.names.get(head, ())
        return (
            f"{options[0].name}{dot}{rest}" if len(options) == 1 and isinstance(options[0], ex.Ref) else name
        )
