"""Whether two engines talk to the same database: their URLs, or the settings that these are made from.

A URL is spelled out as far as the code says it, with settings and environment variables by name
(`//<$DB_HOST>/app`), and without what does not choose the database: driver, user and query. Two engines with one
spelling have one database, whatever the environment holds. What cannot be followed has no spelling.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.callables import PROPERTIES, TRANSPARENT, argument
from asyncdb_lint.semantics.engine_uses import call_key
from asyncdb_lint.semantics.kinds import Class, Function, Instance
from asyncdb_lint.semantics.urls import (
    ENVIRONMENT,
    HOLE,
    UNWRAPPING_METHODS,
    URL_BUILDERS,
    WRAPPERS,
    Url,
    given,
    read_url,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from asyncdb_lint.semantics.kinds import Kind
    from asyncdb_lint.semantics.project import Project
    from asyncdb_lint.semantics.summary import ClassSummary, ModuleSummary

Written = tuple[str, ex.Node]
"""An expression and the module that it stands in."""
Arguments = dict[str, Written]

NO_ARGUMENTS: Arguments = {}

DEEPEST = 20  # steps from an engine to its settings
BESIDES = re.compile(r"^[^/]*:(?=//)|(?<=//)[^/]*@|[?&].*$", re.DOTALL)
SCHEME_ALONE = re.compile(r"\w+(?:\+\w+)?://")
SETTING = re.compile(r"<([^<>]+)>")
# Says enough of itself to be the same setting wherever it is read, whatever the object is.
SETTING_NAME = re.compile(
    r"(?:[a-z]+_)*(?:database|db|postgres|postgresql|mysql|sqlalchemy)_(?:\w+_)?(?:ur[il]|dsn)\w*", re.I
)
ENVIRONMENT_NAME = re.compile(r"[A-Z][A-Z0-9_]{2,}")
# What only says how a database is spoken to, in the names of settings.
MODE_WORDS = {
    "aio", "aiosqlite", "async", "asynchronous", "asyncpg", "psycopg", "psycopg2", "sync", "synchronous",
}  # fmt: skip
# Text that a rewriting of a URL touches when it changes no more than the driver.
DRIVER_TEXT = re.compile(
    r"[\w^]*\\?\+\w+(?:://)?|(?:postgres(?:ql)?|mysql|mariadb|sqlite|sqlite3|oracle|mssql)(?:\\?\+\w+)?(?::/*)?|",
)
TEXT_METHODS = {
    "format",
    "join",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "split",
    "startswith",
}
QUOTING = {"urllib.parse.quote_plus", "urllib.parse.quote"}
DEFAULT_PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306}
LOCAL = {"127.0.0.1", "[::1]", "localhost"}


def same_database(project: Project, left: Written, right: Written) -> bool:
    """Whether two URLs surely name the same database."""
    first, second = (read_url(project, *each) for each in (left, right))
    if first is not None and second is not None:
        if dialect_of(first) != dialect_of(second):
            return False
        if (place := place_of(first)) is not None and place == place_of(second):
            return True
    spelled = spelling(project, left)
    return spelled is not None and spelled == spelling(project, right)


def same_but_for_mode(project: Project, left: Written, right: Written) -> bool:
    """Whether two URLs come from settings whose names differ in no more than "async" or the driver."""
    spelled = [spelling(project, each) for each in (left, right)]
    if spelled[0] is None or spelled[1] is None or not SETTING.fullmatch(spelled[0]):
        return False
    return bare(spelled[0]) == bare(spelled[1]) != ""


def bare(spelled: str) -> str:
    """The last name of a setting without the words for its mode."""
    found = SETTING.fullmatch(spelled)
    words = re.split(r"[_\W]+", found[1].rpartition(".")[2].lower()) if found is not None else []
    return "_".join(word for word in words if word not in MODE_WORDS)


def place_of(url: Url) -> tuple[str, str, int | None, str] | None:
    """Dialect, host, port and database, where all are known."""
    dialect = dialect_of(url)
    if dialect == "sqlite":
        return (dialect, "", None, url.database) if url.database and not url.is_memory else None
    if url.host is None or url.database is None:
        return None
    host = "localhost" if url.host in LOCAL else url.host
    return dialect, host, url.port or DEFAULT_PORTS.get(dialect), url.database


def dialect_of(url: Url) -> str:
    """The kind of server; `postgres://` is an old name for `postgresql://`."""
    dialect = url.scheme.partition("+")[0]
    return "postgresql" if dialect == "postgres" else dialect


def spelling(project: Project, written: Written) -> str | None:
    """A URL as far as the code says it; None where that is not enough to tell one database from another."""
    text = Speller(project).spell(*written, {}, 0)
    told = essence(text)
    if told is None or ("<" not in told and told.strip("/") in ("", ":memory:")):
        return None
    return told


def essence(text: str | None) -> str | None:
    """A URL without driver, user and query; None where a part of the rest is not known."""
    rest = BESIDES.sub("", text) if text is not None else HOLE
    return rest if HOLE not in rest else None


class Speller:
    """Follows an expression to what it is made of. The empty text stands for what is not set."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.known: dict[tuple[str, int, int], tuple[str | None, Arguments]] = {}
        """By module, binding and the call that it stands in, whose arguments are kept so that its id stays."""

    def spell(self, module: str, expr: ex.Node, arguments: Arguments, depth: int) -> str | None:
        """The text of an expression; `arguments` are those of the call whose function it stands in."""
        if depth > DEEPEST:
            return None
        match expr:
            case ex.Literal(None):
                return ""
            case ex.Literal(value):
                return str(value)
            case ex.Joined((ex.Literal(str(scheme)), rest)) if (
                SCHEME_ALONE.fullmatch(scheme) and (whole := self.cut(module, rest)) is not None
            ):
                return self.spell(module, whole, arguments, depth + 1)
            case ex.Joined(parts):
                texts = [self.spell(module, each, arguments, depth + 1) for each in parts]
                return "".join(HOLE if text is None else text for text in texts)
            case ex.Either(options):
                return agreed(self.spell(module, each, arguments, depth + 1) for each in options)
            case ex.First(options):
                return self.spell(module, options[0], arguments, depth + 1)
            case ex.Bound(index):
                return self.bound(module, index, arguments, depth + 1)
            case ex.Param(_, name) if name in arguments:
                return self.spell(*arguments[name], NO_ARGUMENTS, depth + 1)
            case ex.Param(function, name):
                return self.default(module, function, name, depth + 1)
            case ex.Ref() | ex.Attr():
                return self.named(module, expr, depth + 1)
            case ex.Sub(value, (ex.Literal(str(key)),)):
                return f"<${key}>" if self.is_environment(module, value) else None
            case ex.Call():
                return self.called(module, expr, arguments, depth + 1)
            case _:
                return None

    def bound(self, module: str, index: int, arguments: Arguments, depth: int) -> str | None:
        """What a binding holds, worked out once for each call that it stands in."""
        key = (module, index, id(arguments))
        if key not in self.known:
            self.known[key] = None, arguments
            text = self.spell(module, self.project.modules[module].bindings[index], arguments, depth)
            self.known[key] = text, arguments
        return self.known[key][0]

    def default(self, module: str, function: str, name: str, depth: int) -> str | None:
        """What a parameter is where nothing is given for it."""
        summary = self.project.modules[module].functions.get(function)
        for each in summary.parameters if summary is not None else ():
            if each.name == name and each.default is not None:
                return self.spell(module, each.default, NO_ARGUMENTS, depth)
        return None

    def cut(self, module: str, expr: ex.Node) -> ex.Node | None:
        """The URL whose scheme is cut off (`url[len("postgresql://"):]`, `url.split("://")[1]`)."""
        while isinstance(expr, ex.Bound):
            expr = self.project.modules[module].bindings[expr.index]
        match expr:
            case ex.Sub(ex.Call(ex.Attr(url, "split" | "partition"), (ex.Literal("://"), *_)), _):
                return url
            case ex.Call(ex.Attr(url, "removeprefix"), (prefix,)) if changes_driver([prefix]):
                return url
            case ex.Sub(url, (ex.Opaque(),)):
                return url
            case _:
                return None

    def is_environment(self, module: str, expr: ex.Node) -> bool:
        """Whether an expression is `os.environ`."""
        return self.project.kind(module, expr) == Function("os.environ")

    def named(self, module: str, expr: ex.Ref | ex.Attr, depth: int) -> str | None:
        """A module's name, or an attribute of an object."""
        self.project.insist(module, expr)
        found = self.project.definitions(module, expr)
        if found:
            return agreed(self.spell(home, each, NO_ARGUMENTS, depth) for home, each in found)
        return self.attribute(module, expr, depth) if isinstance(expr, ex.Attr) else None

    def attribute(self, module: str, expr: ex.Attr, depth: int) -> str | None:
        """A setting by its name, a constant or a property by what it is made from."""
        owner = self.project.insist(module, expr.value)
        if not isinstance(owner, (Instance, Class)):
            return f"<.{expr.name}>" if SETTING_NAME.fullmatch(expr.name) else None
        for base in self.project.mro(owner.name):
            found = self.project.class_(base)
            if found is not None and (expr.name in found[1].attributes or expr.name in found[1].annotations):
                return self.member(module, expr, *found, depth)
        return None

    def member(
        self, module: str, expr: ex.Attr, home: ModuleSummary, cls: ClassSummary, depth: int
    ) -> str | None:
        """What one class says of an attribute: the environment has the last word on a setting."""
        method = home.functions.get(f"{cls.qualname}.{expr.name}")
        if method is not None:
            return self.returned(home, method.qualname, NO_ARGUMENTS, depth)
        choices = cls.attributes.get(expr.name, ())
        if len(choices) == 1 and not cls.bases and not cls.decorators:
            text = self.spell(home.name, choices[0], NO_ARGUMENTS, depth)
            if text and HOLE not in text:
                return text
        owner = self.path(module, expr.value)
        return f"<{owner}.{expr.name}>" if owner is not None else None

    def path(self, module: str, expr: ex.Node, depth: int = 0) -> str | None:
        """An object by its class, or by the settings that lead to it (`Settings.reports.url`).

        One that is made with arguments is not like others of its class.
        """
        found = self.project.definitions(module, expr)
        if depth > DEEPEST or len(found) > 1:
            return None
        if found:
            return self.path(*found[0], depth + 1)
        if isinstance(expr, ex.Attr):
            owner = self.path(module, expr.value, depth + 1)
            return f"{owner}.{expr.name}" if owner is not None else None
        if isinstance(expr, ex.Call) and (expr.args or expr.keywords):
            return call_key(module, expr, None)
        kind = self.project.kind(module, expr)
        return kind.name if isinstance(kind, (Instance, Class)) else None

    # Calls

    def called(self, module: str, expr: ex.Call, arguments: Arguments, depth: int) -> str | None:
        """What a call makes of a URL: variables, wrappers and rewritings of the driver."""
        kind = self.project.insist(module, expr.func)
        name = getattr(kind, "name", "")
        first = expr.args[0] if expr.args else None
        if name in URL_BUILDERS or (isinstance(expr.func, ex.Attr) and expr.func.name == "build"):
            return self.built(module, expr, arguments, depth)
        if name in ENVIRONMENT or reads_variable(kind, expr):
            return f"<${first.value}>" if isinstance(first, ex.Literal) else None
        if name in WRAPPERS | QUOTING and first is not None:
            return self.spell(module, first, arguments, depth)
        if name == "re.sub" and len(expr.args) == 3 and changes_driver(expr.args[:2]):
            return self.spell(module, expr.args[2], arguments, depth)
        if isinstance(kind, Function) and (found := self.project.function(name)) is not None:
            home, summary = found
            filled = given(module, expr, [each.name for each in summary.parameters], bool(summary.owner))
            inner = self.filled(filled, arguments)
            return self.returned(home, summary.qualname, inner, depth) if inner is not None else None
        if isinstance(expr.func, ex.Attr) and keeps_database(expr):
            return self.spell(module, expr.func.value, arguments, depth)
        return None

    @staticmethod
    def filled(found: Mapping[str, Written] | None, outer: Arguments) -> Arguments | None:
        """The arguments of a call in a function that was itself called: its own parameters are looked up."""
        if found is None:
            return None
        return {
            name: outer.get(value.name, (home, value)) if isinstance(value, ex.Param) else (home, value)
            for name, (home, value) in found.items()
        }

    def returned(self, home: ModuleSummary, qualname: str, arguments: Arguments, depth: int) -> str | None:
        """What a project function or property gives."""
        function = home.functions[qualname]
        if function.is_async or function.is_generator:
            return None
        for decorator in function.decorators:
            kind = self.project.insist(
                home.name, decorator.func if isinstance(decorator, ex.Call) else decorator
            )
            name = getattr(kind, "name", "")
            if name not in TRANSPARENT | PROPERTIES and not name.endswith(".computed_field"):
                return None
        return agreed(self.spell(home.name, each, arguments, depth) for each in function.returns)

    def built(self, module: str, expr: ex.Call, arguments: Arguments, depth: int) -> str | None:
        """`URL.create(…)`, `PostgresDsn.build(…)`: every part that decides where the database is."""
        if any(keyword in ("*", "**") for keyword, _ in expr.keywords):
            return None
        parts = []
        for names in (("host", "hosts"), ("port",), ("database", "path")):
            value = next((each for name in names if (each := argument(expr, name)) is not None), ex.NONE)
            parts.append(self.spell(module, value, arguments, depth))
        if None in parts:
            return None
        host, port, database = (part or "" for part in parts)
        return f"//{host}{port and f':{port}'}/{database.lstrip('/')}" if host or database else None


def agreed(texts: Iterable[str | None]) -> str | None:
    """The one text of several; what is not set leaves it to the others, and a setting goes before its default."""
    found = {essence(text) for text in texts}
    if found != {""}:
        found.discard("")
    if None not in found and len(found) > 1:
        found = {text for text in found if text and "<" in text}
    return found.pop() if len(found) == 1 else None


def reads_variable(kind: Kind, expr: ex.Call) -> bool:
    """Whether an unknown reader of settings (`config("DATABASE_URL")`, `env.str(…)`) is asked for a variable."""
    if ":" in getattr(kind, "name", "") or (
        isinstance(expr.func, ex.Attr) and expr.func.name in TEXT_METHODS
    ):
        return False
    match expr.args:
        case (ex.Literal(str(name)), *_):
            return ENVIRONMENT_NAME.fullmatch(name) is not None
        case _:
            return False


def keeps_database(expr: ex.Call) -> bool:
    """Whether a method of a URL or text changes at most the driver."""
    assert isinstance(expr.func, ex.Attr)
    match expr.func.name:
        case "set":
            return not expr.args and all(keyword in ("drivername", "query") for keyword, _ in expr.keywords)
        case "replace" | "removeprefix":
            return changes_driver(expr.args[:2])
        case name:
            return name in UNWRAPPING_METHODS


def changes_driver(texts: Iterable[ex.Node]) -> bool:
    """Whether what is replaced, and what by, are drivers or schemes."""
    return all(
        isinstance(each, ex.Literal) and isinstance(each.value, str) and DRIVER_TEXT.fullmatch(each.value)
        for each in texts
    )
