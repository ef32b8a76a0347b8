"""Whether a function can be a coroutine function, by its own shape and by the places where it is named."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.to_async.facts import ON_IMPORT, FileFacts, FunctionFacts, Obstacle, Reference
from asyncdb_lint.migrate.to_async.places import is_consumed
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.contexts import DECORATORS, METHODS, context, library_names, origins, short
from asyncdb_lint.semantics.kinds import Class, Function, Unknown
from asyncdb_lint.semantics.tracing import SETUP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from asyncdb_lint.semantics.summary import FunctionSummary

MANAGER = "contextlib.contextmanager"
# Decorators that do the same for coroutine functions.
INDIFFERENT = {
    MANAGER, "functools.wraps", "typing.no_type_check", "typing.override", "typing_extensions.override", "typing.final",
    "typing_extensions.deprecated", "warnings.deprecated", "abc.abstractmethod", "builtins.staticmethod",
    "builtins.classmethod", "tenacity.retry", "backoff.on_exception",
}  # fmt: skip
FRAMEWORKS = {
    "starlette": "FastAPI or Starlette", "litestar": "Litestar", "quart": "Quart", "sanic": "Sanic",
    "strawberry": "Strawberry",
}  # fmt: skip
"""Frameworks that run plain functions and coroutine functions, each in its place."""
PLAIN_BASES = {
    "builtins.object", "abc.ABC", "typing.Generic", "typing.Protocol", "typing_extensions.Protocol",
    "typing.NamedTuple", "pydantic.BaseModel", "pydantic.main.BaseModel", "enum.Enum", "enum.StrEnum", "enum.IntEnum",
    "builtins.Exception",
}  # fmt: skip
"""Library classes that call no method of a subclass but the special ones."""
PAIR = {"__enter__": "__exit__", "__exit__": "__enter__"}
ASYNC_NAMES = {"__enter__": "__aenter__", "__exit__": "__aexit__"}
AWAITABLE_SPECIAL = {"__call__", *PAIR}
BUILTIN_METHODS = {
    name
    for cls in (dict, list, set, str, bytes, tuple, int, io.TextIOWrapper, io.BufferedReader)
    for name in dir(cls)
    if not name.startswith("_")
}


def summary_of(function: FunctionFacts) -> FunctionSummary | None:
    """What the summaries say of a function; None for lambdas and modules."""
    return function.file.model.summary.functions.get(function.name.partition(":")[2])


def is_manager(function: FunctionFacts) -> bool:
    """Whether `contextlib.contextmanager` makes a context manager of a function."""
    return any(name == MANAGER for name, _ in decorators(function))


def is_generator(function: FunctionFacts) -> bool:
    """Whether calling a function gives an iterator, which is run by whoever iterates."""
    summary = summary_of(function)
    return summary is not None and summary.is_generator and not is_manager(function)


def decorators(function: FunctionFacts) -> Iterator[tuple[str, cst.Decorator]]:
    """The decorators of a function, by canonical name; "" for what nobody knows."""
    node = function.scope.node
    for each in node.decorators if isinstance(node, cst.FunctionDef) else ():
        expr = each.decorator.func if isinstance(each.decorator, cst.Call) else each.decorator
        kind = function.file.kind(expr)
        yield kind.name if isinstance(kind, (Function, Class)) else "", each


def framework(function: FunctionFacts, decorator: cst.Decorator) -> str:
    """The framework, of those that take both, to which a decorator hands a function."""
    expr = function.file.model.exprs.get(decorator.decorator)
    target = expr.func if isinstance(expr, ex.Call) else expr
    if target is None:
        return ""
    names = library_names(function.file.project, function.file.model.name, target)
    return next((FRAMEWORKS.get(name.partition(".")[0], "") for name in names if name in DECORATORS), "")


def is_endpoint(function: FunctionFacts) -> bool:
    """Whether a framework runs a plain function that it would run as a coroutine function too."""
    return any(framework(function, each) for _, each in decorators(function))


def obstacles(function: FunctionFacts, *, unsafe: bool) -> Iterator[Obstacle]:
    """Why a function cannot be `async def`, by its own shape."""
    node, module = function.scope.node, function.file.model.name
    name = function.name.partition(":")[2]

    def no(reason: str, advice: str, place: cst.CSTNode = node) -> Obstacle:
        return Obstacle(module, place, reason, advice)

    if name == ON_IMPORT:
        place = function.waits[0] if function.waits else node
        yield no("code that runs at import cannot wait", "move it into a coroutine function", place)
        return
    if isinstance(node, cst.Lambda):
        if not isinstance(node.body, cst.Call):
            yield no("a lambda cannot wait", "make it a function")
        return
    last = name.rpartition(".")[2]
    if last in SETUP:
        yield no(f"`{name}` cannot be a coroutine", "connect in a method or function that makes the object")
    elif last.startswith("__") and last.endswith("__") and last not in AWAITABLE_SPECIAL:
        yield no(f"Python itself calls `{name}` and does not await it", "do the work in another method")
    cls = name.rpartition(".")[0]
    if last in PAIR and f"{cls}.{PAIR[last]}" not in function.file.model.summary.functions:
        yield no(f"`{name}` has no `{PAIR[last]}` beside it", "define both in one class")
    for full, decorator in decorators(function):
        if full in INDIFFERENT:
            continue
        if owner := framework(function, decorator):
            if not unsafe:
                yield no(
                    f"{owner} runs `{name}` in a thread, where it may wait for other things too",
                    "make it `async def` first, or use --unsafe-fixes", decorator,
                )  # fmt: skip
        else:
            shown = function.file.source(decorator.decorator, 40)
            yield no(f"`@{shown}` may expect a plain function", f"make `{name}` `async def` first", decorator)
    yield from from_outside(function)
    yield from of_generators(function)


def from_outside(function: FunctionFacts) -> Iterator[Obstacle]:
    """A class of a library may call the methods of its subclasses."""
    summary, file = summary_of(function), function.file
    if summary is None or summary.owner is None:
        return
    name = summary.qualname.rpartition(".")[2]
    for base in origins(file.project, f"{file.model.name}:{summary.owner}"):
        if base in PLAIN_BASES or name in SETUP or (name.startswith("_") and not name.startswith("__")):
            continue
        known = file.project.knowledge.classes.get(base)
        if known is not None and not known.partial and name not in known.members:
            continue
        if f"{short(base)}.{name}" in METHODS and short(base).partition(".")[0] in FRAMEWORKS:
            continue
        yield Obstacle(
            file.model.name, function.scope.node, f"`{base}` may call {function.shown} without awaiting it",
            f"make {function.shown} `async def` first",
        )  # fmt: skip


def of_generators(function: FunctionFacts) -> Iterator[Obstacle]:
    """What asynchronous generators cannot do."""
    summary = summary_of(function)
    if summary is None or not summary.is_generator:
        return
    model, module = function.file.model, function.file.model.name
    for node in (*model.nodes.get(cst.From, ()), *model.nodes.get(cst.Return, ())):
        if function.file.tracing.function_of(node) is not function.scope:
            continue
        if isinstance(node, cst.Return) and node.value is None:
            continue
        if isinstance(node, cst.From) and not isinstance(model.parents[node], cst.Yield):
            continue
        what = "`yield from`" if isinstance(node, cst.From) else "`return` with a value"
        yield Obstacle(module, node, f"an asynchronous generator has no {what}", "write a loop")


# The places where it is named


def handed(facts: FileFacts, each: Reference, function: FunctionFacts) -> Iterator[Obstacle]:
    """A function that is handed on is called by somebody who does not await it."""
    file, shown = facts.file, function.shown
    parent = file.model.parents.get(each.node)
    call = file.model.parents.get(parent) if parent is not None else None
    if isinstance(each.node, cst.Attribute) and file.project.hierarchy.is_property(function.name):
        reason, advice = f"reading the property {shown} cannot be awaited", "make it a method"
    elif isinstance(parent, cst.Arg) and isinstance(call, cst.Call):
        taker = file.source(call.func, 40)
        reason = f"`{taker}` is handed {shown} and does not await it"
        advice = "call it from a coroutine function"
    elif isinstance(parent, cst.Decorator):
        reason, advice = (
            f"{shown} decorates a function",
            "write the decorator for coroutine functions by hand",
        )
    else:
        reason, advice = f"{shown} is handed on and may be called from anywhere", "call it where it is named"
    yield Obstacle(each.module, each.node, reason, advice)


def given(facts: FileFacts, each: Reference, function: FunctionFacts) -> Iterator[Obstacle]:
    """What a function gives that returns a connection or cursor has to be known where it is called."""
    made = each.call or each.node
    if each.how in ("injected", "offloaded") or (each.call is None and each.how == "called"):
        return
    is_used = not isinstance(facts.file.model.parents.get(made), cst.Expr)
    is_read = each.call is not None or facts.file.project.hierarchy.is_property(function.name)
    if is_used and is_read and isinstance(facts.file.kind(made), Unknown):
        shown = facts.file.source(made, 40)
        yield Obstacle(each.module, made, f"nobody knows what `{shown}` gives", f"annotate {function.shown}")


def called(facts: FileFacts, each: Reference, function: FunctionFacts) -> Iterator[Obstacle]:
    """What a call gives has to be awaited, entered or iterated there and then."""
    model, call = facts.file.model, each.call
    if call is None:
        return  # a special method, of which its own shape tells
    parent = model.parents[call]
    if isinstance(parent, cst.Await):
        yield Obstacle(
            each.module, call, f"what {function.shown} gives is awaited already", "make it `async def`"
        )
    if function.name.rpartition(".")[2] in PAIR:
        yield Obstacle(each.module, call, f"{function.shown} is called by its name", "use `with`")
    if is_manager(function):
        if not (isinstance(parent, cst.WithItem) and is_plain_with(model.parents[parent])):
            yield Obstacle(
                each.module, call, f"the context manager {function.shown} is not entered by `with` here",
                "enter it where it is made",
            )  # fmt: skip
    elif is_generator(function):
        is_loop = isinstance(parent, (cst.For, cst.CompFor)) and parent.iter is call
        if not is_loop:
            yield Obstacle(
                each.module, call, f"what {function.shown} gives is not iterated by `for` here",
                "iterate where it is called",
            )  # fmt: skip
        elif isinstance(parent, cst.CompFor):
            comprehension = model.parents[parent]
            while isinstance(comprehension, cst.CompFor):
                comprehension = model.parents[comprehension]
            if isinstance(comprehension, cst.GeneratorExp) and not is_consumed(facts, comprehension):
                yield Obstacle(
                    each.module,
                    call,
                    "a generator expression would have to be read by `async for`",
                    "make it a list",
                )


def is_plain_with(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.With) and node.asynchronous is None


# Methods


def replaceable(files: Mapping[str, FileFacts], name: str) -> Iterator[str]:
    """The methods in whose place a method may run, and those that may run in its own."""
    module, _, qualname = name.partition(":")
    owner, _, method = qualname.rpartition(".")
    if not owner or module not in files or owner.endswith("<locals>"):
        return
    project = files[module].file.project
    cls = f"{module}:{owner}"
    if project.class_(cls) is None or method in SETUP:
        return
    near = (
        *project.mro(cls)[1:], *project.hierarchy.subclasses.get(cls, ()), *project.hierarchy.protocols_of(cls),
        *project.hierarchy.implementors(cls),
    )  # fmt: skip
    for other in near:
        if ":" in other and project.function(f"{other}.{method}") is not None:
            yield f"{other}.{method}"


def may_be(facts: FileFacts, node: cst.Attribute, function: FunctionFacts) -> bool:
    """Whether a call on an object that nobody knows may be a call of a method, by its name and arguments."""
    model, name = facts.file.model, node.attr.value
    summary, call = summary_of(function), model.parents[node]
    if summary is None:
        return False
    home = function.file.model.name
    if name in BUILTIN_METHODS and model.name != home:
        located = {facts.file.project.index.locate(each, model.name) for each in model.summary.imports}
        if home not in located:
            return False
    if not isinstance(call, cst.Call) or call.func is not node:
        return name not in BUILTIN_METHODS
    if any(arg.star for arg in call.args):
        return True
    parameters = [each for each in summary.parameters if not each.star][1:]
    keywords = {arg.keyword.value for arg in call.args if arg.keyword is not None}
    positional = sum(arg.keyword is None for arg in call.args)
    open_ended = any(each.star for each in summary.parameters)
    most = sum(each.positional for each in parameters)
    named = {each.name for each in parameters}
    required = sum(each.default is None for each in parameters)
    return open_ended or (positional <= most and keywords <= named and positional + len(keywords) >= required)


def is_registered(function: FunctionFacts) -> bool:
    """Whether a framework is known to run a function."""
    summary = summary_of(function)
    return (
        summary is not None
        and context(function.file.project, function.file.model.summary, summary) is not None
    )
