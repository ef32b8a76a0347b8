"""Database URLs: what is known of the text that an engine is given, and its parts.

The text is followed through names of any module, f-strings, helpers with their arguments, settings classes
and environment variables with a default. What the project computes (`url.replace(…)`, `url.set(…)`) is not
guessed.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from asyncdb_lint.semantics import callables
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import Class, Function, Instance, Module

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from asyncdb_lint.semantics.project import Project
    from asyncdb_lint.semantics.summary import ClassSummary, ModuleSummary

HOLE = "\ufffc"
"""Stands for an unknown part of a text."""
DEEPEST = 12  # steps from an engine to its URL; real projects take four or five

# Calls that give their first argument back, as far as a URL is concerned.
WRAPPERS = {
    "sqlalchemy.engine.url.make_url", "builtins.str", "typing.cast", "pydantic.PostgresDsn",
    "pydantic.SecretStr",
}  # fmt: skip
UNWRAPPING_METHODS = {"get_secret_value", "unicode_string", "strip", "__str__", "render_as_string"}
ENVIRONMENT = {"os.getenv", "os.environ.get"}
URL_BUILDERS = {"sqlalchemy.engine.url.URL.create": "drivername", "sqlalchemy.engine.url.URL": "drivername"}
SETTINGS_BASES = ("BaseSettings",)
REWRITERS = {
    "__init__",
    "__post_init__",
    "__attrs_post_init__",
    "model_post_init",
    "__getattribute__",
    "__getattr__",
}

PATTERN = re.compile(
    r"(?P<scheme>[\w+]+)://(?:(?P<user>[^:/@]*)(?::(?P<password>[^@]*))?@)?"
    r"(?P<host>\[[^\]/?]+\]|[^/:?]*)(?::(?P<port>[^/?]*))?(?:/(?P<database>[^?]*))?(?:\?(?P<query>.*))?",
    re.DOTALL,
)


@dataclasses.dataclass(frozen=True)
class Text:
    """A text with holes; `by_default` where the environment may replace it."""

    template: str
    by_default: bool = False


ABSENT = Text("")
"""What an unset environment variable gives: another way to the value tells what is used then."""


@dataclasses.dataclass(frozen=True)
class Url:
    """The parts of a database URL that are known; None for those that are not there or have a hole."""

    text: str
    scheme: str
    host: str | None
    port: int | None
    database: str | None
    query: Mapping[str, str | None]
    by_default: bool

    @property
    def is_memory(self) -> bool:
        """Whether it surely names an in-memory SQLite database."""
        return self.scheme.startswith("sqlite") and (
            self.text.rstrip("/") == f"{self.scheme}:" or self.database == ":memory:"
        )


@dataclasses.dataclass(frozen=True)
class Frame:
    """A call of a project function on the way to the text: what its parameters were given, and where."""

    function: str
    arguments: Mapping[str, tuple[str, ex.Node]]
    caller: Frame | None


def read_url(project: Project, module: str, expr: ex.Node) -> Url | None:
    """The URL that an expression of `module` is, if its scheme is known."""
    text = read(project, module, expr, None, 0)
    return parse(text) if text is not None else None


def parse(text: Text) -> Url | None:
    """A URL's parts; the host starts after the last `@`, as a password may hold one."""
    found = PATTERN.fullmatch(text.template)
    if found is None:
        return None
    port = found["port"] or ""
    return Url(
        text=text.template, scheme=found["scheme"], host=whole(found["host"]),
        port=int(port) if port.isdigit() else None, database=whole(found["database"]),
        query=dict(options(found["query"] or "")), by_default=text.by_default,
    )  # fmt: skip


def whole(part: str | None) -> str | None:
    """A part without holes."""
    return part if part and HOLE not in part else None


def options(query: str) -> Iterable[tuple[str, str | None]]:
    """The keys and values of a query; a hole in a key hides it."""
    for pair in query.split("&"):
        key, equals, value = pair.partition("=")
        if equals and key and HOLE not in key:
            yield key, whole(value)


# Following the text


def read(project: Project, module: str, expr: ex.Node, frame: Frame | None, depth: int) -> Text | None:
    """What is known of a text; None when it may be anything."""
    if depth > DEEPEST:
        return None
    match expr:
        case ex.Literal(str(value)):
            return Text(value) if value else ABSENT
        case ex.Literal(None):
            return ABSENT
        case ex.Joined(parts):
            return joined([piece(project, module, part, frame, depth + 1) for part in parts])
        case ex.Either(choices):
            return agreed([read(project, module, choice, frame, depth + 1) for choice in choices])
        case ex.First(choices):
            return read(project, module, choices[0], frame, depth + 1)
        case ex.Bound(index):
            return read(project, module, project.modules[module].bindings[index], frame, depth + 1)
        case ex.Param(function, name):
            return argument(project, module, function, name, frame, depth)
        case ex.Ref(name):
            return named(project, module, name, depth)
        case ex.Attr(value, name):
            return attribute(project, module, value, name, depth)
        case ex.Call():
            return called(project, module, expr, frame, depth)
        case _:
            return None


def piece(project: Project, module: str, part: ex.Node, frame: Frame | None, depth: int) -> Text:
    """A part of a text; a hole where nothing is known of it."""
    if part == ex.Literal(""):
        return Text("")
    text = read(project, module, part, frame, depth)
    return Text(HOLE) if text is None or text == ABSENT else text


def joined(parts: list[Text]) -> Text:
    """Parts in a row. That a host has a default does not make the scheme one."""
    by_default = any(part.by_default and ("//" in part.template or "?" in part.template) for part in parts)
    start = next((part for part in parts if part.template), None)
    return Text(
        "".join(part.template for part in parts), by_default or (start is not None and start.by_default)
    )


def agreed(choices: list[Text | None]) -> Text | None:
    """One of several: the same, or at least of one scheme; a missing variable leaves it to the others."""
    missing = any(choice == ABSENT for choice in choices)
    found = {choice for choice in choices if choice != ABSENT}
    if not found or None in found:
        return None
    texts = [choice for choice in found if choice is not None]
    by_default = missing or any(choice.by_default for choice in texts)
    templates = {choice.template for choice in texts}
    if len(templates) == 1:
        return Text(templates.pop(), by_default)
    schemes = {template.partition("://")[0] for template in templates}
    scheme = schemes.pop()
    return None if schemes or HOLE in scheme else Text(f"{scheme}://{HOLE}", by_default)


def argument(
    project: Project, module: str, function: str, name: str, frame: Frame | None, depth: int
) -> Text | None:
    """What the call on the way gave for a parameter, or the parameter's own default."""
    if frame is None or frame.function != f"{module}:{function}":
        return None
    if name in frame.arguments:
        home, expr = frame.arguments[name]
        return read(project, home, expr, frame.caller, depth + 1)
    parameters = project.modules[module].functions[function].parameters
    default = next((each.default for each in parameters if each.name == name), None)
    return read(project, module, default, None, depth + 1) if default is not None else None


def named(project: Project, module: str, name: str, depth: int) -> Text | None:
    """A module-level name: what it is bound to, if that is one thing."""
    if depth > DEEPEST:
        return None
    owner, _, last = name.rpartition(".")
    project.insist(module, ex.Ref(name))
    home = owner if owner in project.modules else project.index.locate(owner, module) if owner else None
    summary = project.modules.get(home) if home is not None else None
    if summary is None:
        if home is None and owner:  # `from app.config import settings; settings.url` may be one dotted name
            return attribute(project, module, ex.Ref(owner), last, depth + 1)
        return None
    found = [each for each in summary.names.get(last, ()) if each != ex.Ref(name)]
    if not found:
        stars = (project.index.locate(star, summary.name) for star in summary.stars)
        homes = [star for star in stars if star in project.modules and last in project.modules[star].names]
        return named(project, homes[0], f"{homes[0]}.{last}", depth + 1) if len(homes) == 1 else None
    return agreed([read(project, summary.name, each, None, depth + 1) for each in found])


def attribute(project: Project, module: str, value: ex.Node, name: str, depth: int) -> Text | None:
    """`config.DATABASE_URL`: a module's name, a class's constant, a property, or the default of a setting."""
    owner = project.insist(module, value)
    if isinstance(owner, Module):
        return named(project, module, f"{owner.name}.{name}", depth + 1)
    if not isinstance(owner, (Instance, Class)):
        return None
    for each in project.mro(owner.name):
        found = project.class_(each)
        if found is None or name not in found[1].attributes:
            continue
        home, summary = found
        return member(project, home, summary, name, exact=not getattr(owner, "declared", False), depth=depth)
    return None


def member(
    project: Project, home: ModuleSummary, summary: ClassSummary, name: str, *, exact: bool, depth: int
) -> Text | None:
    """What a class says of one attribute."""
    choices = summary.attributes[name]
    if len(choices) != 1:
        return None
    if choices[0] == ex.Local(f"{summary.qualname}.{name}"):
        function = home.functions.get(f"{summary.qualname}.{name}")
        return returned(project, home, function.qualname, {}, None, depth) if function is not None else None
    is_settings = is_settings_class(project, home, summary)
    if not is_settings and (summary.bases or summary.decorators or not exact):
        return None  # whoever makes the object may say something else
    if is_settings and rewrites(project, home, summary, name):
        return None
    text = read(project, home.name, field_default(project, home.name, choices[0]), None, depth + 1)
    return dataclasses.replace(text, by_default=True) if text is not None and is_settings else text


def field_default(project: Project, module: str, expr: ex.Node) -> ex.Node:
    """What a class body says of an attribute: its value, or the default in `Field("…")`."""
    if isinstance(expr, ex.Bound):
        expr = project.modules[module].bindings[expr.index]
    if isinstance(expr, ex.First):
        expr = expr.options[0]
    if isinstance(expr, ex.Call) and getattr(project.kind(module, expr.func), "name", "").endswith(".Field"):
        return callables.argument(expr, "default", 0) or ex.OPAQUE
    return expr


def is_settings_class(project: Project, home: ModuleSummary, summary: ClassSummary) -> bool:
    """Whether the class takes its values from the environment, as pydantic's settings do."""
    for name in project.mro(f"{home.name}:{summary.qualname}"):
        found = project.class_(name)
        for base in found[1].bases if found is not None else ():
            kind = project.kind(found[0].name, base) if found is not None else None
            if getattr(kind, "name", "").rpartition(".")[2] in SETTINGS_BASES:
                return True
    return False


def rewrites(project: Project, home: ModuleSummary, summary: ClassSummary, field: str) -> bool:
    """Whether the class has a hook that may change what was given for a field."""
    prefix = f"{summary.qualname}."
    for function in home.functions.values():
        if function.owner != summary.qualname:
            continue
        if function.qualname.removeprefix(prefix) in REWRITERS:
            return True
        if any(may_change(project, home.name, decorator, field) for decorator in function.decorators):
            return True
    return False


def may_change(project: Project, module: str, decorator: ex.Node, field: str) -> bool:
    """Whether a decorator makes a function a validator of a field, or of all fields before they are set.

    One that runs after all are set would assign to the attribute, which would be seen.
    """
    call = decorator if isinstance(decorator, ex.Call) else ex.Call(decorator)
    name = getattr(project.kind(module, call.func), "name", "").rpartition(".")[2]
    if "validator" not in name:
        return False
    if name == "model_validator":
        return dict(call.keywords).get("mode") != ex.Literal("after")
    fields = {each.value if isinstance(each, ex.Literal) else "*" for each in call.args}
    return not fields or bool(fields & {field, "*"})


def called(project: Project, module: str, expr: ex.Call, frame: Frame | None, depth: int) -> Text | None:
    """What a call gives: a variable's default, a URL built from parts, a project helper's result."""
    kind = project.insist(module, expr.func)
    first = expr.args[0] if expr.args else None
    if (
        isinstance(expr.func, ex.Attr)
        and expr.func.name in UNWRAPPING_METHODS
        and not isinstance(kind, Class)
    ):
        return read(project, module, expr.func.value, frame, depth + 1)
    if isinstance(expr.func, ex.Attr) and expr.func.name == "format":
        text = read(project, module, expr.func.value, frame, depth + 1)
        return text and dataclasses.replace(text, template=re.sub(r"\{[^{}]*\}", HOLE, text.template))
    name = getattr(kind, "name", "")
    if name in WRAPPERS and first is not None:
        return read(project, module, first, frame, depth + 1)
    if name in ENVIRONMENT:
        default = callables.argument(expr, "default", 1)
        if default is None:
            return ABSENT
        text = read(project, module, default, frame, depth + 1)
        return text and (ABSENT if text == ABSENT else dataclasses.replace(text, by_default=True))
    if name in URL_BUILDERS or (isinstance(expr.func, ex.Attr) and expr.func.name == "build"):
        return built(project, module, expr, URL_BUILDERS.get(name, "scheme"), frame, depth)
    if isinstance(kind, Function) and ":" in kind.name:
        found = project.function(kind.name)
        if found is None:
            return None
        home, summary = found
        arguments = given(module, expr, [each.name for each in summary.parameters], bool(summary.owner))
        return (
            None if arguments is None else returned(project, home, summary.qualname, arguments, frame, depth)
        )
    return None


def given(
    module: str, expr: ex.Call, names: list[str], is_method: bool
) -> dict[str, tuple[str, ex.Node]] | None:
    """The arguments of a call by parameter name; None when some are unpacked."""
    if any(keyword in ("*", "**") for keyword, _ in expr.keywords):
        return None
    positional = zip(names[1:] if is_method else names, expr.args, strict=False)
    return {name: (module, value) for name, value in (*positional, *expr.keywords)}


def returned(
    project: Project,
    home: ModuleSummary,
    qualname: str,
    arguments: Mapping[str, tuple[str, ex.Node]],
    caller: Frame | None,
    depth: int,
) -> Text | None:
    """What a project function gives for these arguments."""
    function = home.functions[qualname]
    if function.is_async or function.is_generator or not function.returns:
        return None
    for decorator in function.decorators:
        kind = project.insist(home.name, decorator.func if isinstance(decorator, ex.Call) else decorator)
        name = getattr(kind, "name", "")
        if name not in callables.TRANSPARENT | callables.PROPERTIES and not name.endswith(".computed_field"):
            return None
    frame = Frame(f"{home.name}:{qualname}", arguments, caller)
    return agreed([read(project, home.name, each, frame, depth + 1) for each in function.returns])


def built(
    project: Project, module: str, expr: ex.Call, scheme_name: str, frame: Frame | None, depth: int
) -> Text | None:
    """`URL.create("postgresql+asyncpg", host=…)`, `PostgresDsn.build(scheme=…)`."""

    def part(name: str, position: int | None = None) -> str | None:
        value = callables.argument(expr, name, position)
        if value is None:
            return None
        if isinstance(value, ex.Literal) and isinstance(value.value, int):
            return str(value.value)
        text = read(project, module, value, frame, depth + 1)
        return text.template if text is not None else HOLE

    scheme = callables.argument(expr, scheme_name, 0 if scheme_name == "drivername" else None)
    text = read(project, module, scheme, frame, depth + 1) if scheme is not None else None
    if text is None or text == ABSENT:
        return None
    port, database = part("port"), part("database") or part("path")
    template = f"{text.template}://{part('host') or ''}{f':{port}' if port else ''}"
    query = callables.argument(expr, "query")
    unpacked = any(keyword == "**" for keyword, _ in expr.keywords)
    if database or query is not None or unpacked:
        template += f"/{HOLE if unpacked else (database or '').lstrip('/')}"
    return Text(template, text.by_default)
