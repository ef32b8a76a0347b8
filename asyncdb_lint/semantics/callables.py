"""What calls give: library members by their record, project functions by what they return, decorators applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncdb_lint.semantics import containers
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import (
    UNKNOWN,
    Class,
    Constant,
    Coroutine,
    Function,
    Given,
    Instance,
    Iterator,
    Kind,
    Manager,
    Sequence,
    Startable,
    Unknown,
)  # fmt: skip
from asyncdb_lint.semantics.returns import instantiate

if TYPE_CHECKING:
    from asyncdb_lint.knowledge import Member
    from asyncdb_lint.semantics.project import Project
    from asyncdb_lint.semantics.summary import FunctionSummary, ModuleSummary, Parameter

SESSION = "sqlalchemy.orm.session.Session"
ASYNC_SESSION = "sqlalchemy.ext.asyncio.session.AsyncSession"
SESSION_FACTORIES = {
    "sqlalchemy.orm.session.sessionmaker": SESSION,
    "sqlalchemy.ext.asyncio.session.async_sessionmaker": ASYNC_SESSION,
}
REGISTRIES = {"sqlalchemy.orm.scoping.scoped_session", "sqlalchemy.ext.asyncio.scoping.async_scoped_session"}

# Decorators that keep what a function is: calling it afterwards still runs it and gives what it returns.
TRANSPARENT = {
    "functools.lru_cache", "functools.cache", "functools.wraps", "typing.no_type_check", "typing.override",
    "typing_extensions.override", "typing_extensions.deprecated", "warnings.deprecated", "abc.abstractmethod",
    "builtins.staticmethod", "builtins.classmethod", "tenacity.retry", "backoff.on_exception", "typing.final",
    "async_lru.alru_cache",
}  # fmt: skip
PLUGINS = "pytest_plugins"  # what a conftest lists its plugins in
MIGRATION_CONNECTIONS = {"alembic.op.get_bind", "alembic.context.get_bind"}
EVENT_LOOPS = {"asyncio.get_event_loop", "asyncio.get_running_loop", "asyncio.new_event_loop"}
ROUTE_METHODS = {
    "get", "post", "put", "patch", "delete", "head", "options", "trace", "websocket", "api_route", "route",
    "middleware", "on_event", "exception_handler",
}  # fmt: skip
CONTEXT_MANAGERS = {"contextlib.contextmanager": False, "contextlib.asynccontextmanager": True}
PROPERTIES = {"builtins.property", "functools.cached_property"}
FIXTURES = {"pytest.fixture", "pytest_asyncio.fixture"}
MOST_ALIASES = 20
DEPENDS = {"fastapi.Depends", "fastapi.Security", "fastapi.params.Depends", "fastapi.param_functions.Depends"}


def call(project: Project, module: str, expr: ex.Call) -> Kind | None:
    """What a call expression gives; None while that is being worked out further up."""
    function = project.kind(module, expr.func)
    return project.declared.given(function, called(project, module, function, expr))


def called(project: Project, module: str, function: Kind, expr: ex.Call) -> Kind | None:
    """The same, as far as the code says it."""
    match function:
        case Class():
            return construct(project, module, function, expr)
        case Function(name):
            member = project.member(function)
            if member is not None:
                return from_member(member, function.owner)
            if ":" in name:
                return outcome(project, function)
            return standard(project, module, name, expr)
        case Instance("builtins.lambda", arguments):
            return arguments[0] if arguments else UNKNOWN
        case Instance():
            method = project.class_attribute(function, "__call__")
            if isinstance(method, Function):
                member = project.member(method)
                return from_member(member, function) if member is not None else result(project, method)
            return UNKNOWN
        case _:
            return UNKNOWN


def from_member(member: Member, owner: Kind | None) -> Kind:
    """What calling a library function gives, by the protocol of its record."""
    of = instantiate(member.returns, owner)
    match member.protocol:
        case "coroutine":
            return Coroutine(of)
        case "startable":
            return Startable(of)
        case "async_with":
            return Manager(of, True)
        case "async_generator":
            return Iterator(of, True)
        case _:
            return of


def argument(expr: ex.Call, name: str, position: int | None = None) -> ex.Node | None:
    """An argument by keyword or position."""
    for keyword, value in expr.keywords:
        if keyword == name:
            return value
    return expr.args[position] if position is not None and position < len(expr.args) else None


def construct(project: Project, module: str, cls: Class, expr: ex.Call) -> Kind:
    """An object made by calling its class; session factories remember what they make."""
    names = list(project.mro(cls.name))
    factory = next((name for name in names if name in SESSION_FACTORIES), None)
    if factory is not None:
        made = argument(expr, "class_", 1 if factory.endswith(".async_sessionmaker") else None)
        made_kind = project.kind(module, made) if made is not None else Class(SESSION_FACTORIES[factory])
        unpacked = any(keyword == "**" for keyword, _ in expr.keywords)
        if not isinstance(made_kind, Class) or (
            made is None and unpacked and factory.endswith(".sessionmaker")
        ):
            return Instance(cls.name, cls.arguments)
        return Instance(cls.name, (Instance(made_kind.name, made_kind.arguments),))
    registry = next((name for name in names if name in REGISTRIES), None)
    if registry is not None:
        source = argument(expr, "session_factory", 0)
        kind = project.kind(module, source) if source is not None else UNKNOWN
        return Instance(cls.name, kind.arguments if isinstance(kind, Instance) else ())
    return Instance(cls.name, cls.arguments)


def standard(project: Project, module: str, name: str, expr: ex.Call) -> Kind:
    """Functions of the standard library and frameworks that hand kinds through."""
    first = expr.args[0] if expr.args else None
    if name in EVENT_LOOPS:
        return Instance("asyncio.AbstractEventLoop")
    if name in MIGRATION_CONNECTIONS:
        return Instance("sqlalchemy.engine.base.Connection")
    if name.rpartition(".")[2][:1].isupper():
        return Instance(name)  # a class of a library that we do not know
    if first is None:
        return UNKNOWN
    match name:
        case "typing.cast":
            target = expr.args[1] if len(expr.args) > 1 else None
            kind = project.kind(module, target)
            return kind if not isinstance(kind, Unknown) else project.kind(module, ex.Typed(first))
        case "contextlib.closing":
            return Manager(project.kind(module, first), False)
        case "contextlib.aclosing":
            return Manager(project.kind(module, first), True)
        case "fastapi.concurrency.contextmanager_in_threadpool":
            kind = project.kind(module, first)
            return Manager(kind.of, True) if isinstance(kind, Manager) else UNKNOWN
        case "contextlib.contextmanager" | "contextlib.asynccontextmanager":
            made = call(project, module, ex.Call(first))
            of = made.of if isinstance(made, Iterator) else made if isinstance(made, Given) else UNKNOWN
            return Instance("builtins.lambda", (Manager(of, name.endswith("asynccontextmanager")),))
        case "functools.partial":
            made = call(project, module, ex.Call(first)) or UNKNOWN
            return Instance("builtins.lambda", (made, project.kind(module, first)))
        case "contextlib.AsyncExitStack.enter_async_context":
            return Coroutine(containers.entered(project, project.kind(module, first), True))
        case "contextlib.AsyncExitStack.enter_context" | "contextlib.ExitStack.enter_context":
            return containers.entered(project, project.kind(module, first), False)
        case "builtins.next":
            kind = project.kind(module, first)
            if isinstance(kind, Given):
                return kind
            return kind.of if isinstance(kind, Iterator) and not kind.is_async else UNKNOWN
        case "builtins.anext":
            kind = project.kind(module, first)
            if isinstance(kind, Given):
                return Coroutine(kind)
            return Coroutine(kind.of) if isinstance(kind, Iterator) and kind.is_async else UNKNOWN
        case "asyncio.wait_for" | "asyncio.shield" | "asyncio.create_task" | "asyncio.ensure_future":
            kind = project.kind(module, first)
            return Instance("asyncio.Future", (kind.of,)) if isinstance(kind, Coroutine) else UNKNOWN
        case _:
            return UNKNOWN


# Project functions


def result(project: Project, function: Function) -> Kind:
    """What calling a project function gives, after its decorators."""
    return outcome(project, function) or UNKNOWN


def outcome(project: Project, function: Function) -> Kind | None:
    """The same; None where it only calls itself."""
    found = project.function(function.name)
    if found is None:
        return project.declared.given(function, UNKNOWN)
    module, summary = found
    made = project.remember(
        (module.name, f"result {summary.qualname}"), lambda: returned(project, module, summary)
    )
    return project.declared.given(function, made)


def returned(project: Project, module: ModuleSummary, summary: FunctionSummary) -> Kind | None:
    """What the function's body gives, else what its annotation says."""
    declared = (
        project.kind(module.name, ex.Typed(summary.annotation)) if summary.annotation is not None else UNKNOWN
    )
    if summary.is_generator:
        of = project.join(project.evaluate(module.name, each) for each in summary.yields) or UNKNOWN
        made: Kind = Iterator(of, summary.is_async)
        if isinstance(of, (Unknown, Constant)) and isinstance(declared, (Iterator, Manager)):
            made = declared
    else:
        value = project.join(project.evaluate(module.name, each) for each in summary.returns)
        if value is None and summary.returns and isinstance(declared, Unknown):
            return None
        value = value or UNKNOWN
        if isinstance(value, (Unknown, Constant)) and not isinstance(declared, Unknown):
            value = declared
        made = Coroutine(value) if summary.is_async else value
    for decorator in reversed(summary.decorators):
        made = decorated(project, module.name, decorator, made)
    return made


def decorated(project: Project, module: str, decorator: ex.Node, made: Kind) -> Kind:
    """What a call gives after one decorator; an unknown decorator may do anything."""
    expr = decorator.func if isinstance(decorator, ex.Call) else decorator
    kind = project.insist(module, expr)
    name = kind.name if isinstance(kind, (Function, Class)) else ""
    if project.declared.is_decorator(kind):
        return made
    if name in CONTEXT_MANAGERS:
        return Manager(made.of if isinstance(made, Iterator) else UNKNOWN, CONTEXT_MANAGERS[name])
    if name in FIXTURES:
        return made
    if name in TRANSPARENT or name in PROPERTIES:
        return made
    if isinstance(expr, ex.Attr) and expr.name in ROUTE_METHODS:
        return made
    if ":" in name:
        return wrapped(project, name, made)
    return UNKNOWN


def wrapped(project: Project, decorator: str, made: Kind) -> Kind:
    """What a call gives after a project decorator that returns a wrapper made with `functools.wraps`."""
    found = project.function(decorator)
    if found is None:
        return UNKNOWN
    module, summary = found
    prefix = f"{summary.qualname}.<locals>."
    wrappers = [
        function
        for qualname, function in module.functions.items()
        if qualname.startswith(prefix)
        and any(
            project.kind(module.name, each.func if isinstance(each, ex.Call) else each)
            == Function("functools.wraps")
            for each in function.decorators
        )
    ]
    if not wrappers:
        return UNKNOWN
    # A wrapper may offload a sync function or run an async one to its end; one of each serves both.
    kinds = {function.is_async for function in wrappers}
    if kinds == {True} and not isinstance(made, (Coroutine, Iterator)):
        return Coroutine(made)
    if kinds == {False} and isinstance(made, Coroutine) and not passes_on(wrappers[0]):
        return UNKNOWN
    return made


def passes_on(wrapper: FunctionSummary) -> bool:
    """Whether a sync wrapper returns what it wraps gave: every return is a plain call of a captured name."""
    return bool(wrapper.returns) and all(
        isinstance(each, ex.Call) and isinstance(each.func, (ex.Bound, ex.Param)) for each in wrapper.returns
    )


def bound(project: Project, method: Function) -> Kind:
    """A project method read from an object: properties give their value at once."""
    found = project.function(method.name)
    if found is None:
        return method
    module, summary = found
    for decorator in summary.decorators:
        kind = project.kind(module.name, decorator)
        if isinstance(kind, (Function, Class)) and kind.name in PROPERTIES:
            return result(project, method)
    return method


# Parameters


def parameter(project: Project, module: str, qualname: str, name: str) -> Kind:
    """What a parameter holds: self, what a dependency or fixture gives, what the annotation or default says."""
    summary = project.modules[module].functions.get(qualname)
    if summary is None:
        return UNKNOWN
    position = next((i for i, each in enumerate(summary.parameters) if each.name == name), None)
    if position is None:
        return UNKNOWN
    each = summary.parameters[position]
    if each.star:
        return UNKNOWN
    session = project.declared.injected(module, summary, name)
    if session is not None:
        return session
    if position == 0 and summary.owner is not None and each.annotation is None:
        own = receiver(project, module, summary)
        if own != UNKNOWN:  # a static method has none
            return own
    if each.default is not None:
        injected = dependency(project, module, each.default)
        if injected is not None and not isinstance(injected, Unknown):
            return injected
    if each.annotation is not None:
        kind = project.kind(module, ex.Typed(each.annotation))
        if not isinstance(kind, Unknown):
            return kind
    if each.default is not None and isinstance(kind := project.kind(module, each.default), Instance):
        return kind
    if is_given_fixtures(project.modules[module], summary):
        return fixture(project, module, summary, name)
    return project.put_in(f"{module}:{qualname}", name) if each.annotation is None else UNKNOWN


def receiver(project: Project, module: str, summary: FunctionSummary) -> Kind:
    """The first parameter of a method: the object, or the class for class methods and `__new__`."""
    absolute = f"{module}:{summary.owner}"
    for decorator in summary.decorators:
        kind = project.kind(module, decorator)
        if isinstance(kind, (Function, Class)):
            if kind.name == "builtins.staticmethod":
                return UNKNOWN
            if kind.name == "builtins.classmethod":
                return Class(absolute)
    return Class(absolute) if summary.qualname.endswith(".__new__") else Instance(absolute)


def is_depends(project: Project, module: str, expr: ex.Node | None) -> bool:
    """Whether an expression is `Depends(…)`."""
    function = project.kind(module, expr.func) if isinstance(expr, ex.Call) else UNKNOWN
    return isinstance(function, (Function, Class)) and function.name in DEPENDS


def injection(project: Project, module: str, parameter: Parameter) -> ex.Node | None:
    """The `Depends(…)` of a parameter, from its default or from `Annotated`, also by way of aliases."""
    if is_depends(project, module, parameter.default):
        return parameter.default
    todo = [(module, parameter.annotation)]
    for _ in range(MOST_ALIASES):
        if not todo:
            break
        home, annotation = todo.pop()
        if isinstance(annotation, ex.Sub):
            found = next((each for each in annotation.items[1:] if is_depends(project, home, each)), None)
            if found is not None:
                return found
        elif annotation is not None:
            todo += project.definitions(home, annotation)
    return None


def dependency(project: Project, module: str, expr: ex.Node) -> Kind | None:
    """What `Depends(provider)` injects; None when the expression is no such thing."""
    if not is_depends(project, module, expr):
        return None
    assert isinstance(expr, ex.Call)
    provider = argument(expr, "dependency", 0)
    if provider is None:
        return None
    made = call(project, module, ex.Call(provider))
    if isinstance(made, (Iterator, Coroutine)):
        return made.of
    return made


def fixture(project: Project, module: str, summary: FunctionSummary, name: str) -> Kind:
    """What a pytest fixture of the parameter's name gives, from this module or a conftest above it."""
    if not is_given_fixtures(project.modules[module], summary):
        return UNKNOWN
    parts = module.split(".")[:-1]
    above = [".".join([*parts[:depth], "conftest"]) for depth in range(len(parts), -1, -1)]
    for home in dict.fromkeys([module, *above]):
        if home not in project.modules:
            if home in project.index.paths:  # a conftest is short, and nothing else says what a test is given
                project.want(home)
            continue
        for source in (home, *plugins(project, home)):
            provider = provided(project, source, name)
            if provider is not None and provider != Function(f"{module}:{summary.qualname}"):
                made = result(project, provider)
                return made.of if isinstance(made, (Iterator, Coroutine)) else made
    return UNKNOWN


def is_given_fixtures(module: ModuleSummary, function: FunctionSummary) -> bool:
    """Whether pytest gives a function its arguments: a test, or a fixture itself."""
    return (
        function.qualname.rpartition(".")[2].startswith("test")
        or function.qualname in module.fixtures.values()
    )


def fixtures(project: Project, module: ModuleSummary) -> dict[str, Kind]:
    """What the parameters of a module's tests and fixtures are given, by their names."""
    takers = {
        each.name: function
        for function in module.functions.values()
        if is_given_fixtures(module, function)
        for each in function.parameters
        if each.annotation is None
    }
    return {name: fixture(project, module.name, function, name) for name, function in takers.items()}


def plugins(project: Project, module: str) -> list[str]:
    """The project modules that a conftest's `pytest_plugins` names."""
    if PLUGINS not in project.modules[module].names:
        return []
    kind = project.named(module, PLUGINS)
    listed = kind.items if isinstance(kind, Sequence) else (kind,)
    names = [each.value for each in listed if isinstance(each, Constant) and isinstance(each.value, str)]
    return [home for each in names if (home := project.index.locate(each, module)) is not None]


def provided(project: Project, module: str, name: str) -> Function | None:
    """The fixture that a module defines or imports under `name`."""
    if module not in project.modules:
        project.want(module)
        return None
    qualname = project.modules[module].fixtures.get(name)
    if qualname is not None:
        return Function(f"{module}:{qualname}")
    before, project.missing = project.missing, set()
    kind = project.named(module, name)  # imported by name or by star
    project.wanted |= project.missing
    project.missing |= before
    if not isinstance(kind, Function) or (found := project.function(kind.name)) is None:
        return None
    return kind if found[1].qualname in found[0].fixtures.values() else None
