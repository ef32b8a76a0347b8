"""Where frameworks run the functions of a project: on the event loop, in a thread, at startup, in a task worker.

The tables say what was measured on the libraries themselves (docs/contexts.md, tests/proofs/test_contexts.py). A
framework learns of a function by a decorator, by a base class of its class, or by being passed it; who is passed
what is indexed once per link.
"""

from __future__ import annotations

import collections
import re
import weakref
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

from asyncdb_lint.semantics import callables
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import Class, Constant, Function, Instance, Kind, Module, Sequence
from asyncdb_lint.semantics.modules import names_test

if TYPE_CHECKING:
    from asyncdb_lint.semantics.hierarchy import Hierarchy
    from asyncdb_lint.semantics.project import Project
    from asyncdb_lint.semantics.summary import ClassSummary, FunctionSummary, ModuleSummary

Context = Literal["loop", "startup", "thread", "worker"]

# A function that is registered more than once runs in all these places: the one where waiting does most harm is told.
GRAVITY: tuple[Context, ...] = ("loop", "startup", "thread", "worker")


class Runs(NamedTuple):
    """Where a framework runs a plain function, and where a coroutine function.

    "sync_to_thread" leaves it to that argument, "strawberry" to the server that the project puts in front.
    """

    plain: Context | Literal["sync_to_thread", "strawberry"]
    awaited: Context = "loop"


class Slot(NamedTuple):
    """An argument by which a framework is handed a function, or a list of them.

    `accepts` tells what else it may be: "objects" that are called (classes too), or "generators" already called.
    """

    runs: Runs
    keyword: str
    position: int | None = None
    accepts: Literal["functions", "objects", "generators"] = "functions"


POOLED = Runs("thread")
ON_LOOP = Runs("loop")
STARTUP = Runs("startup", "startup")
SERVING = Runs("thread", "startup")  # Quart hands plain functions to a thread at startup too
WORKER = Runs("worker", "worker")
ACTOR = Runs("worker", "loop")  # Dramatiq runs coroutines of all its threads on one loop
OPTIONAL = Runs("sync_to_thread")
RESOLVER = Runs("strawberry")

# Names. Libraries are known by package and class, whichever module it was imported from (`starlette.Route.get`).

PACKAGES = {"fastapi": "starlette"}  # FastAPI's own classes derive from Starlette's, the rest it hands on
ALIASES = {
    "starlette.FastAPI": "starlette.Router", "starlette.APIRouter": "starlette.Router",
    "starlette.Starlette": "starlette.Router", "starlette.APIRoute": "starlette.Route",
    "litestar.Litestar": "litestar.Layer", "litestar.Router": "litestar.Layer",
    "litestar.Controller": "litestar.Layer", "sanic.Sanic": "sanic.App", "sanic.Blueprint": "sanic.App",
    "quart.Quart": "quart.App", "quart.Blueprint": "quart.App", "aiohttp.RouteTableDef": "aiohttp.Router",
    "aiohttp.UrlDispatcher": "aiohttp.Router",
}  # fmt: skip
# Classes that come in many names, some of them in packages of their own.
FAMILIES = (
    (re.compile(r"taskiq\w*\.\w*Broker"), "taskiq.Broker"),
    (re.compile(r"django\.\w*View"), "django.View"),
    (re.compile(r"apscheduler\.\w*Scheduler"), "apscheduler.Scheduler"),
)
ROUTERS = {"starlette.Router": "starlette.Router", "aiohttp.Application": "aiohttp.Router"}
APPLICATIONS = {"starlette.Router", "litestar.Layer"}
APPLICATION_NAMES = {"app", "application"}

VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
HOOK_LISTS = ("on_startup", "on_shutdown", "on_cleanup", "cleanup_ctx")


def alike(owner: str, names: Iterable[str], runs: Runs) -> dict[str, Runs]:
    """The same for several members of a class or package."""
    return {f"{owner}.{name}": runs for name in names}


DECORATORS: dict[str, Runs] = {
    **alike("starlette.Router", (*VERBS, "api_route", "route", "exception_handler"), POOLED),
    "starlette.Router.on_event": STARTUP,
    **alike("litestar", (*VERBS[:-1], "route"), OPTIONAL),
    **alike("litestar", ("listener", "websocket_listener"), POOLED),
    **alike("aiohttp.Router", (*VERBS, "route", "view"), ON_LOOP),
    **alike("sanic.App", (*VERBS, "route", "middleware", "on_request", "on_response", "exception"), ON_LOOP),
    **alike("sanic.App", ("listener", "before_server_start", "after_server_start"), STARTUP),
    **alike("sanic.App", ("before_server_stop", "after_server_stop"), STARTUP),
    **alike(
        "quart.App",
        (
            *VERBS, "route", "before_request", "after_request", "teardown_request", "errorhandler",
            "before_app_request", "after_app_request", "teardown_app_request", "app_errorhandler",
        ),
        POOLED,
    ),
    **alike("quart.App", ("before_serving", "after_serving", "while_serving"), SERVING),
    **alike("strawberry", ("field", "mutation", "subscription"), RESOLVER),
    **alike("celery", ("Celery.task", "shared_task"), WORKER),
    "dramatiq.actor": ACTOR,
    "rq.job": WORKER,
    "taskiq.Broker.task": POOLED,
    "taskiq.Broker.on_event": STARTUP,
    "apscheduler.Scheduler.scheduled_job": POOLED,
}  # fmt: skip

# Methods that a framework calls on objects of a project class that derives from one of its own.
METHODS: dict[str, Runs] = {
    **alike("starlette.HTTPEndpoint", VERBS[:-1], POOLED),
    "litestar.WebsocketListener.on_receive": POOLED,
    **alike("sanic.HTTPMethodView", VERBS[:-1], ON_LOOP),
    **alike("quart.MethodView", VERBS[:-1], POOLED),
    **alike("django.View", VERBS, POOLED),
    **alike("django.MiddlewareMixin", ("process_request", "process_response", "process_view"), POOLED),
    "strawberry.BasePermission.has_permission": RESOLVER,
    "strawberry.FieldExtension.resolve": RESOLVER,
    "celery.Task.run": WORKER,
}

LIFECYCLE = tuple(Slot(STARTUP, name) for name in ("on_startup", "on_shutdown", "lifespan"))
LAYER_HOOKS = tuple(
    Slot(POOLED, name)
    for name in (
        "guards",
        "before_request",
        "after_request",
        "after_response",
        "after_exception",
        "before_send",
    )
)
DEPENDENCY = (Slot(POOLED, "dependency", 0, "objects"),)

PASSED: dict[str, tuple[Slot, ...]] = {
    "starlette.Depends": DEPENDENCY,
    "starlette.Security": DEPENDENCY,
    "starlette.Router": LIFECYCLE,
    "starlette.Router.add_api_route": (Slot(POOLED, "endpoint", 1),),
    "starlette.Router.add_route": (Slot(POOLED, "route", 1), Slot(POOLED, "endpoint")),
    "starlette.Router.add_exception_handler": (Slot(POOLED, "handler", 1),),
    "starlette.Router.add_event_handler": (Slot(STARTUP, "func", 1),),
    "starlette.Route": (Slot(POOLED, "endpoint", 1),),
    "starlette.BackgroundTask": (Slot(POOLED, "func", 0),),
    "starlette.BackgroundTasks.add_task": (Slot(POOLED, "func", 0),),
    "starlette.StreamingResponse": (Slot(POOLED, "content", 0, "generators"),),
    "litestar.Layer": (*LIFECYCLE, *LAYER_HOOKS),
    "litestar.Provide": (Slot(OPTIONAL, "dependency", 0, "objects"),),
    "litestar.BackgroundTask": (Slot(POOLED, "fn", 0),),
    "litestar.Stream": (Slot(POOLED, "content", 0, "generators"),),
    **{f"aiohttp.Router.add_{verb}": (Slot(ON_LOOP, "handler", 1),) for verb in (*VERBS[:-1], "view")},
    "aiohttp.Router.add_route": (Slot(ON_LOOP, "handler", 2),),
    **{f"aiohttp.Application.{each}.append": (Slot(STARTUP, "", 0),) for each in HOOK_LISTS},
    **{f"aiohttp.Application.{each}.extend": (Slot(STARTUP, "", 0),) for each in HOOK_LISTS},
    "sanic.App.add_route": (Slot(ON_LOOP, "handler", 0),),
    "sanic.App.register_listener": (Slot(STARTUP, "listener", 0),),
    "sanic.App.register_middleware": (Slot(ON_LOOP, "middleware", 0),),
    "quart.App.add_url_rule": (Slot(POOLED, "view_func", 2),),
    "quart.App.add_background_task": (Slot(POOLED, "func", 0),),
    "django.path": (Slot(POOLED, "view", 1),),
    "django.re_path": (Slot(POOLED, "view", 1),),
    "django.StreamingHttpResponse": (Slot(POOLED, "streaming_content", 0, "generators"),),
    **{f"strawberry.{each}": (Slot(RESOLVER, "resolver"),) for each in ("field", "mutation", "subscription")},
    "strawberry.GraphQLRouter": (Slot(POOLED, "context_getter"), Slot(POOLED, "root_value_getter")),
    "rq.Queue.enqueue": (Slot(WORKER, "f", 0),),
    "rq.Queue.enqueue_call": (Slot(WORKER, "func", 0),),
    "rq.Queue.enqueue_at": (Slot(WORKER, "f", 1),),
    "rq.Queue.enqueue_in": (Slot(WORKER, "func", 1),),
    "apscheduler.Scheduler.add_job": (Slot(POOLED, "func", 0),),
}

# Where the resolvers of a GraphQL schema run is for the server to say, which a project imports; None is no framework's
# thread nor loop. What is imported from is matched by its start.
GRAPHQL_SERVERS: dict[str, Context | None] = {
    **dict.fromkeys(
        (
            "strawberry.fastapi", "strawberry.asgi", "strawberry.litestar", "strawberry.aiohttp", "strawberry.quart",
            "strawberry.django.views.AsyncGraphQLView",
        ),
        "loop",
    ),
    "strawberry.django.views.GraphQLView": "thread",
    **dict.fromkeys(("strawberry.flask", "strawberry.chalice", "strawberry.channels", "strawberry.sanic"), None),
}  # fmt: skip

PLAIN = Instance("builtins.object")  # what a plain function gives, to see whether a decorator leaves it plain


def last_names() -> dict[str, list[tuple[str, tuple[Slot, ...]]]]:
    """By the last name of what is called: the attribute that it is a method of, if any, and its slots."""
    found = collections.defaultdict(list)
    originals = collections.defaultdict(list)
    for alias, name in ALIASES.items():
        originals[name].append(alias)
    for name, slots in PASSED.items():
        for each in (name, *originals[name]):
            parts = each.split(".")
            found[parts[-1]].append((parts[-2] if len(parts) > 3 else "", slots))
    return found


LAST_NAMES = last_names()


def registers(call: ex.Call) -> bool:
    """Whether a call may hand a function to a framework, by its names alone: only those are kept in summaries."""
    name = ex.dotted_name(call.func) if isinstance(call.func, ex.Ref) else getattr(call.func, "name", "")
    for holder, slots in LAST_NAMES.get((name or "").rpartition(".")[2], ()):
        if holder and getattr(getattr(call.func, "value", None), "name", "") != holder:
            continue
        if any(callables.argument(call, slot.keyword, slot.position) is not None for slot in slots):
            return True
    return False


class Registration(NamedTuple):
    """That a function is handed to a framework, by a call in `module` where there is one."""

    runs: Runs
    module: str
    call: ex.Call | None


class Index:
    """Which functions of a linked project are passed to frameworks, and what has been told of them."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.passed: dict[str, list[Registration]] = collections.defaultdict(list)
        self.answers: dict[str, Context | None] = {}
        self.graphql = graphql_context(project)
        for module in project.modules.values():
            for call in module.registered:
                for name in library_names(project, module.name, call.func):
                    self.note(module, call, PASSED.get(name, ()))
            for function in module.functions.values():
                self.note_parameters(module, function)
                self.note_hooks(module, function)
            for cls in module.classes.values():
                self.note_class(module, cls)

    def note(self, module: ModuleSummary, call: ex.Call, slots: Iterable[Slot]) -> None:
        """The functions in those arguments of a call that a framework takes functions by."""
        for slot in slots:
            given = callables.argument(call, slot.keyword, slot.position)
            for name in given_functions(self.project, module, given, slot):
                self.passed[name].append(Registration(slot.runs, module.name, call))

    def note_parameters(self, module: ModuleSummary, function: FunctionSummary) -> None:
        """`x: Pages = Depends()` and `Annotated[Pages, Depends()]` make what the annotation says."""
        for parameter in function.parameters:
            annotation = parameter.annotation
            candidates = [parameter.default]
            if isinstance(annotation, ex.Sub):
                candidates += annotation.items[1:]
                annotation = annotation.items[0]
            for expr in candidates:
                if not isinstance(expr, ex.Call) or callables.argument(expr, "dependency", 0) is not None:
                    continue
                if callables.is_depends(self.project, module.name, expr) and annotation is not None:
                    kind = self.project.kind(module.name, annotation)
                    for name in named_functions(self.project, kind, objects=True):
                        self.passed[name].append(Registration(POOLED, module.name, None))

    def note_hooks(self, module: ModuleSummary, function: FunctionSummary) -> None:
        """Litestar takes hooks for a single handler in its decorator."""
        for call in function.decorators:
            if isinstance(call, ex.Call) and any(
                callables.argument(call, each.keyword) for each in LAYER_HOOKS
            ):
                names = library_names(self.project, module.name, call.func)
                if any(DECORATORS.get(name) is OPTIONAL for name in names):
                    self.note(module, call, LAYER_HOOKS)

    def note_class(self, module: ModuleSummary, cls: ClassSummary) -> None:
        """Hooks that are attributes of a class: Litestar's controllers, and the settings of an arq worker."""
        slots: tuple[Slot, ...] = ()
        if any(slot.keyword in cls.attributes for slot in LAYER_HOOKS):
            if "litestar.Layer" in map(short, origins(self.project, f"{module.name}:{cls.qualname}")):
                slots = LAYER_HOOKS
        elif "redis_settings" in cls.attributes and self.is_arq(module, cls.attributes["redis_settings"]):
            slots = LIFECYCLE
        for slot in slots:
            for value in cls.attributes.get(slot.keyword, ()):
                for name in given_functions(self.project, module, value, slot):
                    self.passed[name].append(Registration(slot.runs, module.name, None))

    def is_arq(self, module: ModuleSummary, values: Iterable[ex.Node]) -> bool:
        """Whether a class's `redis_settings` are arq's: nothing else tells that arq reads the class."""
        calls = (followed(module, value) for value in values)
        return any(
            name.startswith("arq.RedisSettings")
            for call in calls
            if isinstance(call, ex.Call)
            for name in library_names(self.project, module.name, call.func)
        )


_cache: weakref.WeakKeyDictionary[Project, tuple[weakref.ref[Hierarchy], Index]] = weakref.WeakKeyDictionary()


def context(project: Project, module: ModuleSummary, function: FunctionSummary) -> Context | None:
    """Where a framework runs a function of the project; None when nothing says that any does.

    A coroutine function is on the loop unless something says better. A plain function that others call runs where
    they run: that is not told here.
    """
    answers = index_of(project).answers
    name = f"{module.name}:{function.qualname}"
    if name not in answers:
        answers[name] = find(project, module, function)
    return answers[name]


def index_of(project: Project) -> Index:
    """The index of what is linked now. It is nobody's question, so modules that it goes without are not noted."""
    known = _cache.get(project)
    if known is None or known[0]() is not project.hierarchy:
        before, project.missing = project.missing, set()
        try:
            # A project makes its hierarchy anew whenever modules are added.
            known = (weakref.ref(project.hierarchy), Index(weakref.proxy(project)))
        finally:
            project.missing = before
        _cache[project] = known
    return known[1]


def find(project: Project, module: ModuleSummary, function: FunctionSummary) -> Context | None:
    """The gravest of the places that decorators, base classes and calls tell."""
    places = {each for each in told(project, module, function) if each is not None}
    if function.is_async and is_lifespan(project, module, function):
        places.add("startup")
    if function.is_async and not places:
        return "loop"
    return next((each for each in GRAVITY if each in places), None)


def told(project: Project, module: ModuleSummary, function: FunctionSummary) -> Iterator[Context | None]:
    """What each registration of a function says."""
    for position, decorator in enumerate(function.decorators):
        call = decorator if isinstance(decorator, ex.Call) else None
        inner = function.decorators[position + 1 :]
        for name in library_names(project, module.name, call.func if call else decorator):
            if name in DECORATORS:
                found = Registration(DECORATORS[name], module.name, call)
                yield place(project, module, function, found, inner)
    for registration in inherited(project, module, function):
        yield place(project, module, function, registration, function.decorators)
    for registration in index_of(project).passed.get(f"{module.name}:{function.qualname}", ()):
        yield place(project, module, function, registration, function.decorators)


def inherited(project: Project, module: ModuleSummary, function: FunctionSummary) -> Iterator[Registration]:
    """What the library classes say that a method's class derives from."""
    if function.owner is not None:
        method = function.qualname.rpartition(".")[2]
        for base in origins(project, f"{module.name}:{function.owner}"):
            if (runs := METHODS.get(f"{short(base)}.{method}")) is not None:
                yield Registration(runs, module.name, None)


def place(
    project: Project,
    module: ModuleSummary,
    function: FunctionSummary,
    registration: Registration,
    inner: Iterable[ex.Node],
) -> Context | None:
    """Where a framework runs a function that is registered with it; `inner` are decorators below the framework's."""
    runs, home, call = registration
    if function.is_async:
        return runs.awaited
    if not all(stays_plain(project, module, decorator) for decorator in inner):
        return None  # the framework may be given a coroutine function
    match runs.plain:
        case "sync_to_thread":
            # Litestar starts a plain generator on the loop in any case (and ends it in a thread).
            return "loop" if function.is_generator else by_option(project, home, call)
        case "strawberry":
            # An extension may run its field elsewhere.
            extended = call is not None and callables.argument(call, "extensions") is not None
            return None if extended else index_of(project).graphql
        case plain:
            return plain


def by_option(project: Project, module: str, call: ex.Call | None) -> Context | None:
    """What `sync_to_thread` says: without it, Litestar runs plain functions on the loop, and warns."""
    given = callables.argument(call, "sync_to_thread", 2) if call is not None else None
    if given is None:
        unpacked = call is not None and any(keyword == "**" for keyword, _ in call.keywords)
        return None if unpacked else "loop"
    kind = project.kind(module, given)
    if not isinstance(kind, Constant):
        return None
    return "thread" if kind.value else "loop"


def stays_plain(project: Project, module: ModuleSummary, decorator: ex.Node) -> bool:
    """Whether a decorator makes a plain function of a plain function, and no coroutine function."""
    expr = decorator.func if isinstance(decorator, ex.Call) else decorator
    names = library_names(project, module.name, expr)
    if any(name in DECORATORS or name.startswith("django.") for name in names):
        return True
    return callables.decorated(project, module.name, decorator, PLAIN) == PLAIN


def is_lifespan(project: Project, module: ModuleSummary, function: FunctionSummary) -> bool:
    """Whether it is a context manager around an application, passed to it in a module that is not read perhaps."""
    if not function.parameters or "contextlib.asynccontextmanager" not in {
        name for decorator in function.decorators for name in library_names(project, module.name, decorator)
    }:
        return False
    first = function.parameters[0]
    if first.annotation is None:
        return first.name.strip("_") in APPLICATION_NAMES
    return not APPLICATIONS.isdisjoint(library_names(project, module.name, first.annotation))


def graphql_context(project: Project) -> Context | None:
    """Where plain resolvers run, if all servers of the project agree."""
    found = {
        GRAPHQL_SERVERS[server]
        for module in project.modules.values()
        if not names_test(module.name)
        for name in module.imports
        for server in GRAPHQL_SERVERS
        if f"{name}.".startswith(f"{server}.")
    }
    return found.pop() if len(found) == 1 else None


# What expressions name


def library_names(project: Project, module: str, expr: ex.Node) -> tuple[str, ...]:
    """The library function or class that an expression names, or several: a project class has many bases."""
    if isinstance(expr, ex.Sub):
        expr = expr.value
    if isinstance(expr, ex.Attr):
        owner = project.kind(module, expr.value)
        if isinstance(owner, (Instance, Class)):
            if method(project, owner.name, expr.name) is not None:
                return ()
            return tuple(short(f"{each}.{expr.name}") for each in origins(project, owner.name))
        if isinstance(expr.value, ex.Attr) and not isinstance(owner, Module):  # `app.router.add_get`
            return tuple(short(f"{each}.{expr.name}") for each in library_names(project, module, expr.value))
    kind = project.kind(module, expr)
    if isinstance(kind, Class):
        return tuple(short(each) for each in origins(project, kind.name))
    return (short(kind.name),) if isinstance(kind, Function) and ":" not in kind.name else ()


def origins(project: Project, cls: str) -> Iterator[str]:
    """The library classes that a class is or derives from, also those of libraries that nothing is known of."""
    if ":" not in cls:
        yield cls
        return
    for each in project.mro(cls):
        found = project.class_(each)
        for base in found[1].bases if found is not None else ():
            kind = project.kind(found[0].name, base.value if isinstance(base, ex.Sub) else base)  # type: ignore[index]
            if isinstance(kind, (Class, Function)) and ":" not in kind.name:
                yield kind.name


def short(name: str) -> str:
    """`fastapi.applications.FastAPI.get` as the tables have it: the modules in between say nothing."""
    root, *parts = name.split(".")
    if not parts:
        return name
    capital = (position for position, part in enumerate(parts) if part.lstrip("_")[:1].isupper())
    cls, *members = parts[next(capital, len(parts) - 1) :]
    head = f"{PACKAGES.get(root, root)}.{cls}"
    head = ALIASES.get(head, head)
    head = next((family for pattern, family in FAMILIES if pattern.fullmatch(head)), head)
    if members[:1] == ["router"] and head in ROUTERS:
        head, members = ROUTERS[head], members[1:]
    return ".".join((head, *members))


def given_functions(
    project: Project, module: ModuleSummary, given: ex.Node | None, slot: Slot
) -> Iterator[str]:
    """The project functions that an argument hands over."""
    if given is None:
        return
    if slot.accepts != "generators":
        yield from named_functions(
            project, project.kind(module.name, given), objects=slot.accepts == "objects"
        )
        return
    made = followed(module, given)
    if isinstance(made, ex.Call):
        for name in named_functions(project, project.kind(module.name, made.func)):
            found = project.function(name)
            if (
                found is not None and found[1].is_generator
            ):  # any other function has run before it is handed over
                yield name


def named_functions(project: Project, kind: Kind, *, objects: bool = False) -> Iterator[str]:
    """The project functions that a kind stands for; with `objects`, what calling a class or an object runs."""
    match kind:
        case Sequence(items):
            for item in items:
                yield from named_functions(project, item, objects=objects)
        case Function(name) if ":" in name:
            yield name
        case Instance("builtins.lambda", (_, Function() as wrapped)):  # functools.partial
            yield from named_functions(project, wrapped)
        case Class(name) | Instance(name) if objects and ":" in name:
            special = "__init__" if isinstance(kind, Class) else "__call__"
            if (found := method(project, name, special)) is not None:
                yield found


def method(project: Project, cls: str, name: str) -> str | None:
    """The project function that is a class's method `name`, its own or inherited."""
    owners = (each for each in project.mro(cls) if ":" in each)
    return next((f"{each}.{name}" for each in owners if project.function(f"{each}.{name}") is not None), None)


def followed(module: ModuleSummary, expr: ex.Node) -> ex.Node:
    """The value of a name that is bound once, as it is written."""
    for _ in range(callables.MOST_ALIASES):
        if not isinstance(expr, ex.Bound):
            break
        expr = module.bindings[expr.index]
    return expr
