"""Which operations of a file wait for a database in the calling thread, and on which object each is done.

An operation is a call, a loop, an item or the end of a `with` block that, as the knowledge says, talks to the
database on a synchronous object. Whether that hurts depends on where it runs; rules judge that.
"""

from __future__ import annotations

import collections
import dataclasses
import re
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.semantics.kinds import Class, Constant, Instance, Kind, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.file_context import CallFacts, FileContext
    from asyncdb_lint.semantics.model import Binding, Model, Scope

ORM_ROOTS = {"sqlalchemy", "sqlmodel"}
FACTORIES = {"engine", "session_factory", "scoped_registry"}
# They give back what is held: a ROLLBACK is sent only where something else has used the object before.
RELEASES = {
    "close", "close_all", "closeall", "dispose", "remove", "reset", "invalidate", "putconn",
    "__exit__", "drain",
}  # fmt: skip
# SQLAlchemy's `begin()` only notes that a transaction starts; the first statement takes the connection. As a block it
# ends with a commit.
BEGIN_SENDS_NOTHING = {"session", "session_factory", "scoped_registry", "connection"}
OWN_RULES = {"psycopg2.extras.wait_select"}  # told by ADB108
HAND_THROUGH = {
    "contextlib.closing", "contextlib.ExitStack.enter_context", "contextlib.AsyncExitStack.enter_context",
    "typing.cast",
}  # fmt: skip
CONSUMERS = {
    f"builtins.{name}" for name in ("list", "tuple", "set", "sorted", "next", "dict", "any", "all", "sum")
}


@dataclasses.dataclass(frozen=True, eq=False)
class Origin:
    """Where the object of an operation comes from: a parameter, an outer name, an attribute, a call.

    Equal `key`s mean the same object, or objects that the same expression makes. `binding` is there for
    names.
    """

    key: tuple[str, object]
    node: cst.CSTNode
    binding: Binding | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Operation:
    """One blocking operation: `node` is what a finding points at, `receiver` what it is done on.

    `decisive` is false for operations that only start or give back what others use.
    """

    node: cst.CSTNode
    method: str
    target: Kind
    receiver: cst.CSTNode
    origin: Origin
    decisive: bool

    @property
    def library(self) -> str:
        """The top-level package of the object's class."""
        return getattr(self.target, "name", "").partition(".")[0]

    @property
    def is_orm(self) -> bool:
        """Whether it goes through SQLAlchemy (or SQLModel on top of it)."""
        return self.library in ORM_ROOTS


class Blocking:
    """The blocking operations of one file, by the scope whose code does them."""

    def __init__(self, file: FileContext) -> None:
        self.file = file
        self.model = file.model
        self.by_scope: dict[Scope, list[Operation]] = collections.defaultdict(list)
        self.following: set[cst.CSTNode] = set()  # `q = q.filter(…)` in a loop must end
        for operation in self.find():
            self.by_scope[self.model.scope_of(operation.node)].append(operation)

    def find(self) -> Iterator[Operation]:
        nodes = self.model.nodes
        for call in nodes.get(cst.Call, ()):
            assert isinstance(call, cst.Call)
            yield from self.of_call(call)
        for item in nodes.get(cst.WithItem, ()):
            assert isinstance(item, cst.WithItem)
            parent = self.model.parents[item]
            if isinstance(parent, cst.With) and parent.asynchronous is None:
                yield from self.special(item.item, ("__exit__",))
        for loop in (*nodes.get(cst.For, ()), *nodes.get(cst.CompFor, ())):
            assert isinstance(loop, (cst.For, cst.CompFor))
            if loop.asynchronous is None:
                yield from self.special(loop.iter, ("__iter__", "__next__"))
        for subscript in nodes.get(cst.Subscript, ()):
            assert isinstance(subscript, cst.Subscript)
            if self.file.role(subscript.value) == ("query", "sync"):
                yield from self.special(subscript.value, ("__getitem__",))

    # Calls

    def of_call(self, call: cst.Call) -> Iterator[Operation]:
        facts = self.file.call(call)
        if facts is None:
            return
        if facts.function in CONSUMERS and len(call.args) == 1:
            yield from self.special(call.args[0].value, ("__iter__", "__next__"))
            return
        kind = self.file.kind(call.func)
        if isinstance(kind, Class):
            made = self.file.project.knowledge.member(facts.function, "__init__")
            if made is not None and made.blocks and self.mode(Instance(kind.name, kind.arguments)) == "sync":
                yield from self.operation(call, "__init__", Instance(kind.name, kind.arguments), call)
            return
        if facts.member is None or not facts.member.blocks or facts.member.protocol != "plain":
            return
        if facts.role in ("metadata", "table"):
            yield from self.on_bind(call, facts)
        elif isinstance(facts.receiver, Instance):
            if self.mode(facts.receiver) == "sync" and isinstance(call.func, cst.Attribute):
                yield from self.operation(call, facts.method, facts.receiver, call.func.value)
        else:
            yield from self.of_function(call, facts)

    def of_function(self, call: cst.Call, facts: CallFacts) -> Iterator[Operation]:
        """`psycopg2.connect(…)`, `psycopg.Connection.connect(…)`, `execute_values(cursor, …)`."""
        if facts.function in OWN_RULES:
            return
        made = self.file.kind(call)
        if self.mode(made) == "sync":
            yield from self.operation(call, facts.method, made, call)
        elif call.args and self.mode(given := self.file.kind(call.args[0].value)) == "sync":
            yield from self.operation(call, facts.method, given, call.args[0].value)

    def on_bind(self, call: cst.Call, facts: CallFacts) -> Iterator[Operation]:
        """`Base.metadata.create_all(engine)`: what it is bound to does the talking."""
        bind = self.file.argument(call, "bind", 0)
        if bind is not None and self.mode(kind := self.file.kind(bind.value)) == "sync":
            yield from self.operation(call, facts.method, kind, bind.value)

    def special(self, node: cst.BaseExpression, names: tuple[str, ...]) -> Iterator[Operation]:
        """A special method that a statement or builtin calls."""
        kind = self.file.kind(node)
        if not isinstance(kind, Instance) or self.mode(kind) != "sync":
            return
        for name in names:
            method = self.file.project.class_attribute(kind, name)
            member = self.file.project.member(method) if method is not None else None
            if member is not None and member.blocks:
                yield from self.operation(node, name, kind, node)
                return

    def operation(
        self, node: cst.CSTNode, method: str, target: Kind, receiver: cst.CSTNode
    ) -> Iterator[Operation]:
        origin = self.origin(receiver)
        if origin is None or self.waits_for_nothing(origin):
            return
        role, _ = self.file.project.role(target)
        only_noted = method == "begin" and not isinstance(self.model.parents[node], cst.WithItem)
        starts = only_noted and role in BEGIN_SENDS_NOTHING and self.is_sqlalchemy(target)
        yield Operation(node, method, target, receiver, origin, not starts and method not in RELEASES)

    def is_sqlalchemy(self, target: Kind) -> bool:
        """Whether an object is SQLAlchemy's or SQLModel's, or of a project class that derives from theirs."""
        name = target.name if isinstance(target, Instance) else ""
        return any(each.partition(".")[0] in ORM_ROOTS for each in self.file.project.mro(name))

    def mode(self, kind: Kind) -> str:
        """The mode of an object; a factory is what it makes, as `sessionmaker(class_=AsyncSession)` shows."""
        role, mode = self.file.project.role(kind)
        if role in ("session_factory", "scoped_registry") and isinstance(kind, Instance) and kind.arguments:
            return self.file.project.role(kind.arguments[0])[1]
        return mode

    # Where objects come from

    def origin(self, node: cst.CSTNode) -> Origin | None:
        """Where what `node` gives comes from; None where an async object lends it (`.sync_session`)."""
        match node:
            case cst.Name():
                return self.origin_of_name(node)
            case cst.Attribute():
                role, mode = self.file.role(node.value)
                if mode == "async":
                    return None
                return self.origin(node.value) if role else Origin(self.text(node), node)
            case cst.Call():
                return self.origin_of_call(node)
            case cst.Subscript():
                return self.origin(node.value)
            case cst.Await():
                return self.origin(node.expression)
            case _:
                return Origin(("node", node), node)

    def origin_of_name(self, node: cst.Name) -> Origin | None:
        bindings = self.model.bindings_of(node)
        if not bindings:
            return Origin(self.text(node), node)
        here = self.model.scope_of(node).function
        binding = bindings[0]
        if isinstance(binding.target, (cst.Call, cst.UnaryOperation, cst.BooleanOperation)):
            return None  # an `isinstance` test stands above: the code handles both modes on purpose
        value = binding.value
        if value is None or binding.scope.function is not here or value in self.following:
            return Origin(("binding", binding.index), binding.target, binding)
        self.following.add(value)
        try:
            found = self.origin(value)
        finally:
            self.following.discard(value)
        if found is not None and found.node is value:
            return Origin(found.key, found.node, binding)
        return found

    def origin_of_call(self, node: cst.Call) -> Origin | None:
        """A method's result belongs to its object, a session to the engine made for it."""
        if isinstance(node.func, cst.Attribute):
            role, mode = self.file.role(node.func.value)
            if mode == "async":
                return None
            if role:
                return self.origin(node.func.value)
        if getattr(self.file.kind(node.func), "name", "") in HAND_THROUGH and node.args:
            return self.origin(node.args[-1].value)
        sources: list[cst.BaseExpression] = [node.func, *(arg.value for arg in node.args)]
        for source in sources:
            if self.file.role(source)[0] in FACTORIES:
                made = self.origin(source)
                if made is not None and isinstance(made.node, cst.Call) and self.is_factory(made):
                    return made
        return Origin(self.text(node), node)

    def is_factory(self, origin: Origin) -> bool:
        """Whether an engine or session factory is made there, not handed out by a function of the project."""
        node = origin.node
        if not isinstance(node, cst.Call) or self.file.role(node)[0] not in FACTORIES:
            return False
        maker = self.file.kind(node.func)
        return ":" not in getattr(maker, "name", ":")

    def text(self, node: cst.CSTNode) -> tuple[str, object]:
        return "text", self.file.source(node, 200)

    def waits_for_nothing(self, origin: Origin) -> bool:
        """An in-memory SQLite database, or a psycopg2 connection that is driven by `poll()`."""
        call = origin.node
        if not isinstance(call, cst.Call):
            return False
        for arg in call.args:
            kind = self.file.kind(arg.value)
            if arg.keyword is not None and arg.keyword.value in ("async_", "async"):
                return kind != Constant(False) and kind != Constant(0)
            text = kind.value if isinstance(kind, Constant) else kind.prefix if isinstance(kind, Text) else ""
            if isinstance(text, str) and (text == "sqlite://" or ":memory:" in text or "mode=memory" in text):
                return True
        return False


def is_awaited(model: Model, node: cst.CSTNode) -> bool:
    """Whether what an expression, or a chain of calls on it, gives is awaited or entered by `async with`."""
    parents = model.parents
    parent = parents[node]
    while isinstance(parent, (cst.Attribute, cst.Call, cst.Subscript)):
        node, parent = parent, parents[parent]
    if isinstance(parent, cst.WithItem):
        holder = parents[parent]
        return isinstance(holder, cst.With) and holder.asynchronous is not None
    if isinstance(parent, (cst.For, cst.CompFor)):
        return parent.asynchronous is not None
    return isinstance(parent, cst.Await)


# What to say


def form(operation: Operation) -> str:
    """How a person says the operation, with a hole for its text."""
    if operation.method in ("__iter__", "__next__") and not isinstance(operation.node, cst.Call):
        return "Iterating over `{}`"
    return "Leaving `with {}`" if operation.method == "__exit__" else "`{}`"


def described(file: FileContext, operation: Operation) -> str:
    """The operation in the user's own words, as the subject of a sentence."""
    return form(operation).format(file.source(operation.node, 60))


def class_label(file: FileContext, operation: Operation) -> str:
    """What the object is that the operation goes through in the end, as a person would say it."""
    origin = operation.origin
    expr = origin.binding.expr if origin.binding is not None else file.model.exprs.get(origin.node)
    kind = file.kind_of(expr)
    if not isinstance(kind, Instance) or not file.project.role(kind)[0]:
        kind = operation.target
    name = str(getattr(kind, "name", "object"))
    library, last = name.partition(".")[0], re.split(r"[.:]", name)[-1]
    return f"`{last}`" if operation.is_orm or ":" in name else f"{library} {last.lower()}"
