"""The linked project: all summaries together, and what an expression of any of them is.

Evaluation is on demand and remembered. A cycle (`q = q.where(...)`, mutual recursion) adds nothing to what the
other ways to the value say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from asyncdb_lint.knowledge import Knowledge, Member
from asyncdb_lint.semantics import app_state, callables, containers
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.declared import NOTHING, Declarations, Declared
from asyncdb_lint.semantics.hierarchy import Hierarchy
from asyncdb_lint.semantics.kinds import (
    UNKNOWN,
    Class,
    Constant,
    Function,
    Instance,
    Kind,
    Module,
    OneOf,
    Sequence,
    Text,
    Unknown,
    known,
)  # fmt: skip
from asyncdb_lint.semantics.kinds import Iterator as Iterated
from asyncdb_lint.semantics.modules import ModuleIndex
from asyncdb_lint.semantics.returns import instantiate
from asyncdb_lint.semantics.summary import ClassSummary, FunctionSummary, ModuleSummary
from asyncdb_lint.semantics.trace import slot

Put = tuple[tuple[str, ex.Node], ...]
"""What calls put into a parameter: module and expression; opaque for what nobody knows."""

MOST_OPTIONS = 4
DEPTH = 60  # nested evaluation beyond this is nobody's real code


class Project:
    """Summaries, knowledge and the memory of what has been told already."""

    def __init__(
        self,
        knowledge: Knowledge,
        index: ModuleIndex,
        summaries: Iterable[ModuleSummary] = (),
        declarations: Declarations = NOTHING,
    ) -> None:
        self.knowledge = knowledge
        self.index = index
        self.modules: dict[str, ModuleSummary] = {}
        self.states: dict[str, list[tuple[str, ex.Node, ex.Node]]] = {}
        """Assignments to `x.state.name`, by name: module, `x.state`, and the value."""
        self.missing: set[str] = set()
        """Modules that answers went without, as nobody has parsed them; and parameters (`slot`) of which only their
        calls tell, as more calls may turn up."""
        self.put: dict[str, Put] = {}
        """What calls put into parameters without annotation (by `slot`), as far as modules are traced."""
        self.wanted: set[str] = set()
        """Those of them that are worth parsing: a rule or a decorator insisted."""
        self.memory: dict[tuple[str, object], Kind | None] = {}
        self.lines: dict[str, tuple[str, ...]] = {}
        self.depth = 0
        self.hierarchy = Hierarchy(self)
        self.declared = Declared(self, declarations)
        self.lacking: dict[tuple[str, object], frozenset[str]] = {}
        """The missing modules behind remembered answers."""
        self.asked_again: set[tuple[str, object]] | None = None
        """While somebody insists: what has been worked out anew already; once is enough."""
        self.add(summaries)

    def add(self, summaries: Iterable[ModuleSummary]) -> None:
        """Link more modules; what was told before may now be told better."""
        for summary in summaries:
            self.modules[summary.name] = summary
            for name, options in summary.states.items():
                self.states[name] = [
                    *(each for each in self.states.get(name, ()) if each[0] != summary.name),
                    *((summary.name, base, value) for base, value in options),
                ]
        self.forget()
        if self.declared.places:
            self.declared.link()
            self.forget()  # what was told while declared names were looked up went without them

    def learn(self, put: Mapping[str, Put]) -> None:
        """Take in what calls put into parameters."""
        self.put.update(put)
        self.forget()

    def forget(self) -> None:
        """Drop all that was told."""
        self.memory.clear()
        self.lacking.clear()
        self.lines.clear()
        self.missing.clear()
        self.hierarchy = Hierarchy(self)

    # Questions that rules ask

    def kind(self, module: str, expr: ex.Node | None) -> Kind:
        """What `expr`, lowered in `module`, is."""
        if expr is None:
            return UNKNOWN
        return self.evaluate(module, expr) or UNKNOWN

    def insist(self, module: str, expr: ex.Node | None) -> Kind:
        """The same, where the answer is worth parsing more of the project for: a URL, a decorator, a setting."""
        before, outer = self.missing, self.asked_again
        self.missing, self.asked_again = set(), set() if outer is None else outer
        kind = self.kind(module, expr)
        self.wanted |= self.missing & self.index.paths
        self.missing, self.asked_again = self.missing | before, outer
        return kind

    def answer(self, module: str, expr: ex.Node) -> tuple[Kind, set[str]]:
        """What an expression is, and what that answer went without."""
        before, self.missing = self.missing, set()
        kind, lacking = self.kind(module, expr), self.missing
        self.missing = before | lacking
        return kind, lacking

    def put_in(self, function: str, parameter: str) -> Kind:
        """What the calls of a function put into one of its parameters."""
        name = slot(function, parameter)
        self.missing.add(name)
        kinds = [self.kind(module, expr) for module, expr in self.put.get(name, ())]
        kind = self.join(kind for kind in kinds if known(kind))
        if not isinstance(kind, Instance):
            return UNKNOWN
        if ":" in kind.name and UNKNOWN in kinds and not function.endswith(".__init__"):
            return UNKNOWN  # a name of one of its methods says little; a constructor's objects are all used alike
        return msgspec.structs.replace(kind, declared=True)

    def want(self, module: str) -> None:
        """Note that an answer goes without a module that is worth parsing."""
        self.missing.add(module)
        self.wanted.add(module)

    def role(self, kind: Kind) -> tuple[str, str]:
        """What an object is to databases and in which mode: ("session", "async"); ("", "") for anything else."""
        if isinstance(kind, Instance):
            for name in self.mro(kind.name):
                info = self.knowledge.classes.get(name)
                if info is not None and info.role:
                    return info.role, info.mode
        return "", ""

    def mro(self, name: str) -> tuple[str, ...]:
        """A class and its bases, most derived first, through the project into the libraries."""
        if name not in self.lines:
            self.lines[name] = (name,)  # a class that inherits from itself has no other bases
            self.lines[name] = tuple(self.walk_bases(name))
        return self.lines[name]

    def walk_bases(self, name: str) -> Iterator[str]:
        todo, seen = [name], set[str]()
        while todo:
            current = todo.pop(0)
            if current in seen:
                continue
            seen.add(current)
            yield current
            found = self.class_(current)
            if found is not None:
                module, summary = found
                bases = (self.kind(module.name, base) for base in summary.bases)
                todo.extend(
                    base.name
                    for base in bases
                    if isinstance(base, (Class, Instance))
                    or (isinstance(base, Function) and base.name in self.declared.owners)
                )
            elif current in self.knowledge.classes:
                todo.extend(self.knowledge.classes[current].bases)

    def member(self, function: Kind) -> Member | None:
        """The library's own record of a function or bound method; None for project functions."""
        if not isinstance(function, Function):
            return None
        known = self.knowledge.functions.get(function.name)
        if known is not None:
            return known
        owner, _, name = function.name.rpartition(".")
        return self.knowledge.member(owner, name) if owner in self.knowledge.classes else None

    def class_(self, name: str) -> tuple[ModuleSummary, ClassSummary] | None:
        """A project class by its absolute name."""
        module, _, qualname = name.partition(":")
        summary = self.modules.get(module)
        found = summary.classes.get(qualname) if summary is not None else None
        return (summary, found) if summary is not None and found is not None else None

    def function(self, name: str) -> tuple[ModuleSummary, FunctionSummary] | None:
        """A project function by its absolute name."""
        module, _, qualname = name.partition(":")
        summary = self.modules.get(module)
        found = summary.functions.get(qualname) if summary is not None else None
        return (summary, found) if summary is not None and found is not None else None

    # Evaluation: None means "adds nothing" (a cycle)

    def evaluate(self, module: str, expr: ex.Node) -> Kind | None:
        """The kind of an expression of `module`; None while it is being worked out further up."""
        if self.depth > DEPTH:
            return UNKNOWN
        self.depth += 1
        try:
            return self.dispatch(module, expr)
        finally:
            self.depth -= 1

    def dispatch(self, module: str, expr: ex.Node) -> Kind | None:
        match expr:
            case ex.Bound(index):
                return self.remember(
                    (module, index), lambda: self.evaluate(module, self.modules[module].bindings[index])
                )
            case ex.Ref(name):
                return self.resolve(name, module)
            case ex.Local(qualname):
                summary = self.modules[module]
                absolute = f"{module}:{qualname}"
                return Class(absolute) if qualname in summary.classes else Function(absolute)
            case ex.Literal(value):
                return Constant(value)
            case ex.Prefix(value):
                return Text(value)
            case ex.Joined(parts):
                return self.joined(module, parts)
            case ex.Attr(value, name):
                return self.attribute(self.kind(module, value), name)
            case ex.Call():
                return callables.call(self, module, expr)
            case ex.Await(value):
                awaited = self.evaluate(module, value)
                return containers.awaited(self, awaited) if awaited is not None else None
            case ex.Enter(value, is_async):
                return containers.entered(self, self.kind(module, value), is_async)
            case ex.Each(value, is_async):
                return containers.each(self, self.kind(module, value), is_async)
            case ex.Sub(value, items):
                return self.subscript(module, value, items)
            case ex.Display(items):
                return Sequence(tuple(self.kind(module, item) for item in items))
            case ex.Many(item):
                return Iterated(self.kind(module, item), False)
            case ex.Either(options):
                return self.join(self.evaluate(module, option) for option in options)
            case ex.First(options):
                return next((kind for option in options if known(kind := self.kind(module, option))), UNKNOWN)
            case ex.Typed(annotation):
                return self.remember((module, expr), lambda: containers.typed(self, module, annotation))
            case ex.Param(function, name):
                return self.remember(
                    (module, expr), lambda: callables.parameter(self, module, function, name)
                )
            case ex.Lambda(returns):
                return Instance("builtins.lambda", (self.kind(module, returns),))
            case _:
                return UNKNOWN

    def remember(self, key: tuple[str, object], work: Callable[[], Kind | None]) -> Kind | None:
        """Work something out once; asked again while at it, the answer is None."""
        again = self.asked_again is not None and key not in self.asked_again
        if key not in self.memory or (again and self.memory[key] == UNKNOWN):
            if self.asked_again is not None:
                self.asked_again.add(key)
            self.memory[key] = None
            before, self.missing = self.missing, set()
            self.memory[key] = work()
            if self.missing:
                self.lacking[key] = frozenset(self.missing)
            before |= self.missing
            self.missing = before
        elif key in self.lacking:
            self.missing |= self.lacking[key]
        return self.memory[key]

    def join(self, kinds: Iterable[Kind | None]) -> Kind | None:
        """One kind for what may be any of several: they agree (None and `[]` aside), or nothing is known."""
        found: list[Kind] = []
        nothing: Kind | None = None
        for kind in kinds:
            if kind is None:
                continue
            if kind == Constant(None):
                nothing = kind
            elif kind == Sequence(()):
                nothing = nothing or kind
            elif kind not in found:
                found.append(kind)
        if not found:
            return nothing
        if len(found) == 1:
            return found[0]
        found = without_registries(found)
        if len(found) == 1:
            return found[0]
        instances = [kind for kind in found if isinstance(kind, Instance)]
        if len(instances) != len(found):
            return UNKNOWN
        names = {kind.name for kind in instances}
        if len(names) > 1:
            return OneOf(tuple(found)) if len(found) <= MOST_OPTIONS else UNKNOWN
        arguments = {kind.arguments for kind in instances}
        return Instance(
            names.pop(), arguments.pop() if len(arguments) == 1 else (), declared=any_declared(found)
        )

    def joined(self, module: str, parts: tuple[ex.Node, ...]) -> Kind:
        """A text from its parts: `+` of anything else than text says nothing."""
        known_text = ""
        for part in parts:
            match self.kind(module, part):
                case Constant(str(value)):
                    known_text += value
                case Text(prefix):
                    return Text(known_text + prefix)
                case _:
                    return Text(known_text) if isinstance(parts[0], ex.Literal) or known_text else UNKNOWN
        return Constant(known_text)

    # Names

    def resolve(self, dotted: str, importer: str) -> Kind | None:
        """What an absolute dotted name means to a module that writes it."""
        root = dotted.partition(".")[0]
        if root in self.knowledge.roots or root in ("builtins", "typing"):
            return self.library(dotted)
        module = self.index.locate(dotted, importer) if dotted not in self.modules else dotted
        if module is not None and module != importer:
            return self.rebound(module) or Module(dotted)
        owner, _, name = dotted.rpartition(".")
        if not owner:
            return Module(dotted)
        home = owner if owner in self.index.paths else self.index.locate(owner, importer)
        if home is not None:
            return self.named(home, name)
        outer = self.resolve(owner, importer)
        return self.attribute(outer, name) if isinstance(outer, (Class, Instance)) else self.library(dotted)

    def rebound(self, module: str) -> Kind | None:
        """What a package's `__init__` puts in a submodule's place (`from .get_engine import get_engine`)."""
        package, _, name = module.rpartition(".")
        if package not in self.index.packages:
            return None
        summary = self.modules.get(package)
        if summary is None:
            self.missing.add(package)
        kind = self.named(package, name) if summary is not None and name in summary.names else None
        return None if isinstance(kind, (Module, Unknown)) else kind

    def library(self, dotted: str) -> Kind:
        """A library's object, by public name; what is not known is a function that nobody knows."""
        canonical = self.knowledge.canonical(dotted)
        if canonical in self.knowledge.classes:
            return Class(canonical)
        if canonical in self.knowledge.modules:
            return Module(canonical)
        return Function(canonical)

    def named(self, module: str, name: str) -> Kind | None:
        """A module-level name of a project module."""
        return self.remember(
            (module, f"name {name}"),
            lambda: self.declared.told(f"{module}:{name}", self.find(module, name, set())),
        )

    def find(self, module: str, name: str, seen: set[str]) -> Kind | None:
        summary = self.modules.get(module)
        if summary is None:
            self.missing.add(module)
            return UNKNOWN
        options = summary.names.get(name)
        if options is not None:
            return self.join(
                self.evaluate(module, option) for option in options if option != ex.Ref(f"{module}.{name}")
            )
        seen.add(module)
        for star in summary.stars:
            home = self.index.locate(star, module)
            if home is None:
                kind = self.library(f"{star}.{name}")
                if not isinstance(kind, Function) or kind.name in self.knowledge.functions:
                    return kind
            elif home not in seen and known(kind := self.find(home, name, seen) or UNKNOWN):
                return kind
        submodule = self.index.locate(f"{module}.{name}", module)
        return Module(f"{module}.{name}") if submodule is not None else UNKNOWN

    def definitions(
        self, module: str, expr: ex.Node, seen: frozenset[str] = frozenset()
    ) -> list[tuple[str, ex.Node]]:
        """The expressions that a name stands for, with their modules: type aliases are read as written."""
        if isinstance(expr, ex.Bound):
            return [(module, self.modules[module].bindings[expr.index])]
        name = ex.dotted_name(expr)
        if name is None:
            return []
        owner, _, last = name.rpartition(".")
        home = owner if owner in self.modules else self.index.locate(owner, module) if owner else None
        summary = self.modules.get(home) if home is not None else None
        if summary is None:
            if home is not None:
                self.missing.add(home)
            return []
        if summary.name in seen:
            return []  # modules that import each other by star
        found = [(summary.name, option) for option in summary.names.get(last, ()) if option != expr]
        for star in summary.stars if not found else ():
            found += self.definitions(summary.name, ex.Ref(f"{star}.{last}"), seen | {summary.name})
        return found

    # Attributes

    def attribute(self, value: Kind, name: str) -> Kind | None:
        """`value.name`."""
        match value:
            case Module(module):
                return self.resolve(f"{module}.{name}", module)
            case Instance() | Class():
                return self.class_attribute(value, name)
            case OneOf(options):
                having = [each for each in options if not self.lacks(each, name)]
                return self.attribute(having[0], name) if len(having) == 1 else UNKNOWN
            case Function(function) if f"{function}.{name}" in self.declared.names:
                return Function(f"{function}.{name}")
            case Function(function, None) if ":" not in function:  # a dotted name that nobody knows goes on
                return self.library(f"{function}.{name}")
            case _:
                return UNKNOWN

    def class_attribute(self, value: Instance | Class, name: str) -> Kind | None:
        """An attribute of an object or class, bound to it when it is a method."""
        return self.declared.told_attribute(value, name, self.find_attribute(value, name))

    def find_attribute(self, value: Instance | Class, name: str) -> Kind | None:
        for owner in self.mro(value.name):
            library = self.knowledge.classes.get(owner)
            if library is not None and name in library.members:
                member = library.members[name]
                if member.protocol == "property":
                    return instantiate(member.returns, value)
                return Function(f"{owner}.{name}", value)
            if owner in app_state.OWNERS:
                carried = app_state.attribute(self, value, owner, name)
                if carried is not None:
                    return carried
            found = self.class_(owner)
            if found is None:
                continue
            module, summary = found
            if name in summary.attributes:
                kind = self.class_value(module, summary, name)
                if isinstance(kind, Function) and kind.name.startswith(f"{owner}."):
                    return callables.bound(self, Function(kind.name, value))
                is_empty = kind == Sequence(()) and name in summary.annotations
                if not is_empty and (kind is None or known(kind)):
                    return kind
            if name in summary.annotations:
                return self.evaluate(module.name, ex.Typed(summary.annotations[name]))
            if name in summary.attributes:
                return UNKNOWN
        if isinstance(value, Instance) and ":" not in value.name and value.name not in self.knowledge.classes:
            return Function(f"{value.name}.{name}", value)
        return UNKNOWN

    def lacks(self, kind: Kind, name: str) -> bool:
        """Whether objects of a library class are known to have no such attribute."""
        if not isinstance(kind, Instance):
            return False
        line = [self.knowledge.classes.get(each) for each in self.mro(kind.name)]
        return all(info is not None and not info.partial and name not in info.members for info in line)

    def class_value(self, module: ModuleSummary, summary: ClassSummary, name: str) -> Kind | None:
        """What all assignments to a class's attribute agree on."""
        options = summary.attributes[name]
        return self.remember(
            (module.name, f"attribute {summary.qualname}.{name}"),
            lambda: self.join(self.evaluate(module.name, option) for option in options),
        )

    def subscript(self, module: str, value: ex.Node, items: tuple[ex.Node, ...]) -> Kind | None:
        """An item of a known sequence, or a generic class with its arguments."""
        base = self.kind(module, value)
        if isinstance(base, Class):
            return Class(base.name, tuple(containers.typed(self, module, item) for item in items))
        index = items[0].value if len(items) == 1 and isinstance(items[0], ex.Literal) else None
        if (
            isinstance(base, Sequence)
            and isinstance(index, int)
            and -len(base.items) <= index < len(base.items)
        ):
            return base.items[index]
        if isinstance(base, Iterated) and not base.is_async:
            return base.of
        member = self.knowledge.member(base.name, "__getitem__") if isinstance(base, Instance) else None
        return instantiate(member.returns, base) if member is not None else UNKNOWN


def without_registries(kinds: list[Kind]) -> list[Kind]:
    """`AsyncSession | async_scoped_session[AsyncSession]` is used as the session that both stand for."""
    registries = [kind for kind in kinds if isinstance(kind, Instance) and kind.name in callables.REGISTRIES]
    others = [kind for kind in kinds if kind not in registries]
    sessions = {kind.name for kind in others if isinstance(kind, Instance)}
    made = {each.name for kind in registries for each in kind.arguments[:1] if isinstance(each, Instance)}
    return others if others and made <= sessions and len(made) == len(registries) else kinds


def any_declared(kinds: list[Kind]) -> bool:
    """Whether one of several instances is known by annotation only."""
    return any(isinstance(kind, Instance) and kind.declared for kind in kinds)
