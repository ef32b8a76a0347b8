"""What coroutine functions do with the sessions and connections that they are given, make or find.

Worked out on demand from the records of `doings.py`, through helpers, methods and files. A session is told apart by
where it comes from (`Root`): a parameter and what hangs on it, an object that the function makes, a module's name.
"""

from __future__ import annotations

import re
import weakref
import zlib
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.doings import doings
from asyncdb_lint.semantics.engine_uses import call_key, engines_behind
from asyncdb_lint.semantics.kinds import Class, Function, Instance
from asyncdb_lint.semantics.summary import Work
from asyncdb_lint.semantics.waiting import lasts, waits_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import libcst as cst

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.semantics.hierarchy import Hierarchy
    from asyncdb_lint.semantics.kinds import Kind
    from asyncdb_lint.semantics.model import Scope
    from asyncdb_lint.semantics.project import Project
    from asyncdb_lint.semantics.summary import ClassSummary, FunctionSummary, ModuleSummary

Verb = Literal["begins", "reads", "writes", "commits", "rolls back", "closes"]

DEPTH = 15
HELD = {"session", "connection", "cursor"}
SOURCES = {"engine", "pool", "session_factory"}
VERBS: dict[str, Verb] = {
    "begin": "begins", "begin_nested": "begins", "transaction": "begins", "cursor": "begins", "pipeline": "begins",
    "flush": "writes", "executemany": "writes", "copy_records_to_table": "writes", "copy_to_table": "writes",
    "commit": "commits", "rollback": "rolls back", "reset": "rolls back", "close": "closes", "aclose": "closes",
    "invalidate": "closes", "release": "closes",
}  # fmt: skip
RETURNING_TO_POOL = {"close", "dispose", "release", "putconn", "wait", "terminate", "open", "clear"}
SILENT = {"execution_options", "get_raw_connection", "start"}
"""Awaited methods that neither send a statement nor begin a transaction."""
EXECUTING = {"execute", "scalar", "scalars", "exec"}
WRITING = {"insert", "update", "delete"}
"""SQLAlchemy's functions that make a statement which changes rows."""
READING_TEXT = re.compile(r"\s*(select|with|show|explain|pragma|values|table)\b|\s*$", re.IGNORECASE)
STATIC = ex.Ref("builtins.staticmethod")
LOCKS = {"Lock", "Condition", "Semaphore", "BoundedSemaphore", "CapacityLimiter"}


class Root(NamedTuple):
    """Where a session or connection comes from; equal for the same object within one function.

    `what` is "param" (and `path` the parameter with the attributes that lead on), "outer" for a variable of a function
    around, "made" by the function itself or for it, or "named" for a module's object. `source` is the key of the
    engine or pool that it takes its connection from, where that can be told.
    """

    what: Literal["param", "outer", "made", "named"]
    path: tuple[str, ...]
    source: str = ""


class Act(NamedTuple):
    """Something that is done with a session or connection. `on` is its class, as far as a library has it.

    `locked`: under a lock that lets few tasks through.
    `contained`: an error of it does not come out, or comes out after a rollback.
    """

    root: Root
    verb: Verb
    on: str
    locked: bool = False
    contained: bool = False


class Open(NamedTuple):
    """A connection that is taken: the key of the engine or pool ("" for one that cannot be told), whether that is under
    a lock, and the parameters that have to be None for it.
    """

    source: str
    locked: bool = False
    unless: tuple[str, ...] = ()


class Effect(NamedTuple):
    """What running a coroutine function comes to: acts on what its caller can see, and where it takes connections."""

    acts: tuple[Act, ...] = ()
    opens: tuple[Open, ...] = ()
    waits: tuple[str, ...] = ()
    """What it waits for besides the database (`httpx.AsyncClient.post`)."""
    disposes: tuple[str, ...] = ()
    """The keys of the engines that it disposes of."""


NO_EFFECT = Effect()

_cache: weakref.WeakKeyDictionary[Project, tuple[weakref.ref[Hierarchy], Effects]] = (
    weakref.WeakKeyDictionary()
)


def effects_of(project: Project) -> Effects:
    """The effects of what is linked now; a project makes its hierarchy anew whenever modules are added."""
    known = _cache.get(project)
    if known is None or known[0]() is not project.hierarchy:
        known = (weakref.ref(project.hierarchy), Effects(weakref.proxy(project)))
        _cache[project] = known
    return known[1]


class Effects:
    """Remembers what has been worked out; a function that calls itself adds nothing to what it does besides."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.known: dict[str, Effect] = {}

    def of(self, function: str) -> Effect:
        """What running a project function comes to."""
        if function not in self.known:
            self.known[function] = NO_EFFECT
            found = self.project.function(function)
            if found is not None:
                self.known[function] = self.work_out(*found)
        return self.known[function]

    def work_out(self, module: ModuleSummary, summary: FunctionSummary) -> Effect:
        acts: dict[Act, None] = {}
        opens: dict[Open, None] = {}
        waits: dict[str, None] = {}
        disposes: dict[str, None] = {}
        for work in summary.work:
            effect = self.of_work(Frame(self, module, summary), work)
            opens.update(dict.fromkeys(effect.opens))
            waits.update((each, None) for each in effect.waits if lasts(each))
            disposes.update(dict.fromkeys(effect.disposes))
            for act in effect.acts:
                if act.root.what == "made":
                    if act.verb != "closes":
                        opens[Open(act.root.source, act.locked, work.unless)] = None
                else:
                    acts[act] = None
        return Effect(tuple(acts), tuple(opens), tuple(waits), tuple(disposes))

    def of_work(self, frame: Frame, work: Work) -> Effect:
        """What one awaited call comes to, for the function that awaits it."""
        effect = self.of_call(frame, work.expr, work.how)
        locked = any(self.is_lock(frame, each) for each in work.held)
        if not locked and not work.contained and not work.unless:
            return effect
        acts = (
            act._replace(locked=act.locked or locked, contained=act.contained or work.contained)
            for act in effect.acts
        )
        opens = (
            each._replace(locked=each.locked or locked, unless=each.unless + work.unless)
            for each in effect.opens
        )
        return effect._replace(acts=tuple(acts), opens=tuple(opens))

    def is_lock(self, frame: Frame, expr: ex.Node) -> bool:
        """Whether an object lets few tasks through; one that nobody knows is taken for a lock, as it is entered."""
        kind = frame.kind(expr)
        return not isinstance(kind, Instance) or kind.name.rpartition(".")[2] in LOCKS

    def of_call(self, frame: Frame, call: ex.Call, how: str, depth: int = 3) -> Effect:
        waits = waits_for(self.project, frame.module.name, call)
        if waits:
            return Effect(waits=(waits,))
        kind = frame.kind(call.func)
        if not isinstance(kind, Function):
            return NO_EFFECT
        if ":" in kind.name:
            return self.of_project_call(frame, call, kind)
        if isinstance(call.func, ex.Attr) and kind.owner is not None:
            role, mode = self.project.role(kind.owner)
            if role == "engine" and call.func.name == "dispose":
                return Effect(disposes=(frame.source(call.func.value),))
            if mode == "async" and role in HELD:
                return self.on_session(frame, call, call.func, kind.owner)
            if mode == "async" and role in SOURCES - {"session_factory"} and self.takes(call.func.name, role):
                return Effect((), (Open(frame.source(call.func.value)),))
        if kind.name.partition(".")[0] in ("asyncio", "anyio") and depth:
            parts = [self.of_call(frame, each, how, depth - 1) for each in calls_in(call)]
            return joined(parts)
        return NO_EFFECT

    @staticmethod
    def takes(method: str, role: str) -> bool:
        """Whether a method of an engine or a pool takes a connection, if only for its own statement."""
        return method not in RETURNING_TO_POOL and (role == "pool" or method in ("begin", "connect"))

    def on_session(self, frame: Frame, call: ex.Call, func: ex.Attr, owner: Kind) -> Effect:
        root = frame.root(func.value) if func.name not in SILENT else None
        if root is None:
            return NO_EFFECT
        verb = VERBS.get(func.name, "reads")
        if func.name in EXECUTING and call.args and frame.changes_rows(call.args[0]):
            verb = "writes"
        line = self.project.mro(owner.name) if isinstance(owner, Instance) else ()
        return Effect((Act(root, verb, next((name for name in line if ":" not in name), "")),))

    def of_project_call(self, frame: Frame, call: ex.Call, function: Function) -> Effect:
        effect, found = self.of(function.name), self.project.function(function.name)
        if found is None or effect == NO_EFFECT:
            return effect
        acts = []
        opens = [kept for each in effect.opens if (kept := frame.still_opens(each, call, function, found[1]))]
        for act in effect.acts:
            root = frame.as_caller_sees(act.root, call, function, *found)
            if root is not None:
                acts.append(act._replace(root=root))
        return effect._replace(acts=tuple(dict.fromkeys(acts)), opens=tuple(opens))


def joined(parts: Iterable[Effect]) -> Effect:
    """Several effects as one."""
    found = list(parts)
    return Effect(
        tuple(act for each in found for act in each.acts),
        tuple(opens for each in found for opens in each.opens),
        tuple(waits for each in found for waits in each.waits),
        tuple(disposed for each in found for disposed in each.disposes),
    )


def calls_in(call: ex.Call) -> Iterator[ex.Call]:
    """The calls that a function such as `gather` or `wait_for` is given, one by one, in a list or a comprehension."""
    todo = [*call.args, *(value for _, value in call.keywords)]
    while todo:
        match todo.pop(0):
            case ex.Call() as each:
                yield each
            case ex.Many(item):
                todo.append(item)
            case ex.Display(items):
                todo += items
            case _:
                pass


class Frame:
    """The place of a function from which its expressions are judged."""

    def __init__(self, effects: Effects, module: ModuleSummary, function: FunctionSummary) -> None:
        self.effects, self.module, self.function = effects, module, function
        self.project = effects.project

    def kind(self, expr: ex.Node) -> Kind:
        return self.project.kind(self.module.name, expr)

    # Roots

    def root(self, expr: ex.Node, held: int | None = None, depth: int = DEPTH) -> Root | None:
        """Where a session or connection comes from, or the object that it hangs on; None where nobody knows."""
        if depth == 0:
            return None
        match expr:
            case ex.Bound(index) if index in self.function.captured:
                inner = self.module.bindings[index]
                return Root(
                    "outer", (inner.function, inner.name) if isinstance(inner, ex.Param) else (str(index),)
                )
            case ex.Bound(index):
                return self.root(self.module.bindings[index], index, depth - 1)
            case ex.Param(function, name):
                own = function == self.function.qualname
                return Root("param", (name,)) if own else Root("outer", (function, name))
            case ex.Enter(value) | ex.Await(value):
                return self.root(value, held, depth - 1)
            case ex.First(options) | ex.Either(options):
                found = {root for each in options if (root := self.root(each, held, depth - 1)) is not None}
                return found.pop() if len(found) == 1 else None
            case ex.Ref(name):
                return Root("named", (name,))
            case ex.Attr(value, name):
                return self.root_of_attribute(value, name, depth - 1)
            case ex.Call():
                return self.root_of_call(expr, held, depth - 1)
            case _:
                return None

    def root_of_attribute(self, value: ex.Node, name: str, depth: int) -> Root | None:
        if self.project.role(self.kind(value))[0] in HELD:
            return self.root(value, None, depth)  # `session.sync_session`
        made = self.followed(value)
        if isinstance(made, ex.Call) and isinstance(kind := self.kind(made.func), Class) and ":" in kind.name:
            given = self.put_there(made, kind, name)
            return self.root(given, None, depth) if given is not None else None
        base = self.root(value, None, depth)
        return base._replace(path=(*base.path, name)) if base is not None and base.what != "made" else None

    def followed(self, expr: ex.Node) -> ex.Node:
        """What a name that is bound once holds."""
        for _ in range(DEPTH):
            if not isinstance(expr, ex.Bound) or expr.index in self.function.captured:
                break
            expr = self.module.bindings[expr.index]
        return expr

    def put_there(self, made: ex.Call, cls: Class, name: str) -> ex.Node | None:
        """The argument of a constructor that becomes an attribute of the object."""
        for base in self.project.mro(cls.name):
            found = self.project.class_(base)
            if found is None:
                continue
            home, summary = found
            options = [each for each in summary.attributes.get(name, ()) if each != ex.NONE]
            parameter = options[0] if len(options) == 1 else None
            while isinstance(parameter, (ex.Bound, ex.First)):
                parameter = (
                    home.bindings[parameter.index]
                    if isinstance(parameter, ex.Bound)
                    else parameter.options[0]
                )
            if isinstance(parameter, ex.Param) and parameter.function.endswith(".__init__"):
                return argument_for(made, self.constructor(cls), parameter.name)
            if name in summary.annotations and f"{summary.qualname}.__init__" not in home.functions:
                return argument_for(made, list(fields(summary)), name)  # a dataclass
            if name in summary.attributes:
                return None
        return None

    def constructor(self, cls: Class) -> list[str]:
        """The parameters that a class is called with; a subclass that has its own mostly hands on those of its name."""
        for base in self.project.mro(cls.name):
            found = self.project.function(f"{base}.__init__") if ":" in base else None
            if found is not None:
                return [each.name for each in found[1].parameters[1:] if not each.star]
        return []

    def root_of_call(self, call: ex.Call, held: int | None, depth: int) -> Root | None:
        kind = self.kind(call.func)
        match kind:
            case Class() | Instance():
                role = self.project.role(self.kind(call))[0]
                return self.made(call, held, call) if role in HELD else None
            case Function(name, owner) if (
                ":" not in name and owner is not None and isinstance(call.func, ex.Attr)
            ):
                role = self.project.role(owner)[0]
                if role in HELD or role == "transaction":
                    return self.root(call.func.value, None, depth)
                return self.made(call, held, call.func.value) if role in SOURCES else None
            case Function(name) if (found := self.project.function(name)) is not None:
                return self.root_of_given(call, kind, held, *found, depth)
            case _:
                return None

    def root_of_given(
        self,
        call: ex.Call,
        kind: Function,
        held: int | None,
        home: ModuleSummary,
        summary: FunctionSummary,
        depth: int,
    ) -> Root | None:
        """Where what a project function returns or yields comes from."""
        frame = Frame(self.effects, home, summary)
        given = summary.yields if summary.is_generator else summary.returns
        roots = {frame.root(each, None, depth) for each in given if each != ex.NONE}
        root = roots.pop() if len(roots) == 1 else None
        if root is None:
            return None
        if root.what == "made":
            return Root("made", self.name_of(call, held), root.source)
        return self.as_caller_sees(root, call, kind, home, summary)

    def made(self, call: ex.Call, held: int | None, on: ex.Node) -> Root:
        return Root("made", self.name_of(call, held), self.source(on))

    def name_of(self, call: ex.Call, held: int | None) -> tuple[str, ...]:
        return (str(held) if held is not None else f"{zlib.crc32(msgspec.json.encode(call)):x}",)

    def source(self, expr: ex.Node) -> str:
        """The key of the engine or pool that an expression comes from in the end; empty where it has no pool."""
        if isinstance(expr, ex.Attr) and expr.name == "sync_engine":
            expr = expr.value
        found = engines_behind(self.project, self.module.name, expr)
        if found:
            pooled = [call_key(*each) for each in found if self.is_pooled(*each)]
            return min(pooled, default="", key=lambda key: (len(key), key))
        root = expr
        while isinstance(root, ex.Bound):
            root = self.module.bindings[root.index]
        while isinstance(root, ex.Await):
            root = root.value
        if isinstance(root, ex.Ref):
            return root.name
        if isinstance(root, ex.Attr) and isinstance(owner := self.kind(root.value), (Instance, Class)):
            return f"{owner.name}.{root.name}" if ":" in owner.name else ""
        return ""

    def is_pooled(self, home: str, engine: ex.Call, _: int | None) -> bool:
        """Whether an engine has a pool of several connections; a class that is not known may be none."""
        pool = dict(engine.keywords).get("poolclass")
        name = getattr(self.project.kind(home, pool), "name", "") if pool is not None else "QueuePool"
        return name.endswith("QueuePool")

    def as_caller_sees(
        self, root: Root, call: ex.Call, function: Function, home: ModuleSummary, callee: FunctionSummary
    ) -> Root | None:
        """A callee's object, by where the caller has it from."""
        if root.what == "named":
            return root
        first, *rest = root.path
        if root.what == "outer":
            if len(root.path) > 1 and first == self.function.qualname:
                first, *rest = rest
                given: ex.Node | None = ex.Param(self.function.qualname, first)
            elif first.isdigit() and int(first) not in self.function.captured and home is self.module:
                given = ex.Bound(int(first))
            else:
                return root
        else:
            given = self.argument(call, function, callee, first)
        for name in rest:
            given = ex.Attr(given, name) if given is not None else None
        return self.root(given) if given is not None else None

    def argument(
        self, call: ex.Call, function: Function, callee: FunctionSummary, name: str
    ) -> ex.Node | None:
        """What a call puts into a parameter."""
        names = [each.name for each in callee.parameters if each.positional and not each.star]
        bound = callee.owner is not None and function.owner is not None and STATIC not in callee.decorators
        if bound and names and isinstance(call.func, ex.Attr):
            if names[0] == name:
                return call.func.value
            names = names[1:]
        return argument_for(call, names, name)

    def still_opens(
        self, opens: Open, call: ex.Call, function: Function, callee: FunctionSummary
    ) -> Open | None:
        """What a callee takes, for its caller: nothing where it is handed what it would have made itself."""
        unless = []
        for name in opens.unless:
            given = self.argument(call, function, callee, name)
            given = self.followed(given) if given is not None else ex.NONE
            if isinstance(given, ex.First):
                given = given.options[0]
            if isinstance(given, ex.Param) and given.function == self.function.qualname:
                unless.append(given.name)
            elif given != ex.NONE:
                return None
        return opens._replace(unless=tuple(unless))

    # Statements

    def changes_rows(self, statement: ex.Node) -> bool:
        """Whether a statement is an `insert()`, `update()` or `delete()` of SQLAlchemy's, or text that is no query."""
        made, text = self.statement(statement)
        return made in WRITING or (text is not None and READING_TEXT.match(text) is None)

    def statement(self, expr: ex.Node) -> tuple[str, str | None]:
        """SQLAlchemy's function that makes a statement (`insert`), and how the SQL starts that `text` is given."""
        for _ in range(DEPTH):
            match expr:
                case ex.Bound(index):
                    expr = self.module.bindings[index]
                case ex.Call(ex.Attr(value, name)) if name not in WRITING:
                    expr = value
                case ex.Call(func, args):
                    name = getattr(self.kind(func), "name", "")
                    if name.partition(".")[0] not in ("sqlalchemy", "sqlmodel"):
                        break
                    made = name.rpartition(".")[2]
                    return made, start_of(args[0]) if args and made == "text" else None
                case _:
                    break
        return "", None


def start_of(text: ex.Node) -> str | None:
    """The known start of a string."""
    if isinstance(text, ex.Joined):
        text = text.parts[0]
    return text.value if isinstance(text, (ex.Literal, ex.Prefix)) and isinstance(text.value, str) else None


def argument_for(call: ex.Call, names: list[str], name: str) -> ex.Node | None:
    """What a call puts into the parameter `name`, where `names` are those that it fills by position."""
    for keyword, value in call.keywords:
        if keyword == name:
            return value
    if name in names and names.index(name) < len(call.args):
        return call.args[names.index(name)]
    return None


def fields(summary: ClassSummary) -> Iterator[str]:
    yield from summary.annotations


# In a file under check


class Done(NamedTuple):
    """An awaited, entered or iterated call of a function under check, and what it comes to."""

    node: cst.BaseExpression
    work: Work
    effect: Effect


def done_in(file: FileContext) -> dict[Scope, list[Done]]:
    """What the coroutine functions of a file do, in the order of the text; those that do nothing are left out."""
    effects = effects_of(file.project)
    found: dict[Scope, list[Done]] = {}
    order = {node: number for number, node in enumerate(file.model.exprs)}
    for each in doings(file.model):
        summary = file.model.summary.functions.get(each.scope.qualname)
        if summary is None:
            continue
        frame = Frame(effects, file.model.summary, summary)
        effect = effects.of_work(frame, msgspec.structs.replace(each.work, contained=False))
        if effect != NO_EFFECT:
            found.setdefault(each.scope, []).append(Done(each.node, each.work, effect))
    for done in found.values():
        done.sort(key=lambda each: order[each.node])
    return found


def frame_of(file: FileContext, scope: Scope) -> Frame | None:
    """The frame of a function of a file."""
    summary = file.model.summary.functions.get(scope.qualname)
    return Frame(effects_of(file.project), file.model.summary, summary) if summary is not None else None


def label(file: FileContext, root: Root) -> str:
    """A session as the function under check writes it; empty where it has no name there."""
    if root.what == "made":
        return file.model.bindings[int(root.path[0])].name if root.path[0].isdigit() else ""
    if root.what == "outer" and root.path[0].isdigit():
        return ".".join((file.model.bindings[int(root.path[0])].name, *root.path[1:]))
    return ".".join(root.path[1:]) if root.what == "outer" else ".".join(root.path).rpartition(":")[2]
