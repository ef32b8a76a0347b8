"""`[tool.asyncdb-lint]` → `Settings`; every mistake in it is a `UsageProblem` that names its place."""

from __future__ import annotations

import difflib
import keyword
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from asyncdb_lint.errors import UsageProblem

DEFAULT_EXCLUDE = (
    ".bzr", ".direnv", ".eggs", ".git", ".hg", ".mypy_cache", ".nox", ".pytest_cache", ".ruff_cache", ".svn",
    ".tox", ".venv", "__pypackages__", "_build", "build", "dist", "node_modules", "site-packages", "venv",
)  # fmt: skip
OWN_FILE = "asyncdb-lint.toml"
SELECTORS = ("select", "extend-select", "ignore")
EXCLUDES = ("exclude", "extend-exclude")
SESSION_TABLES = ("session-factories", "session-decorators")
DECLARING = ("blocking-calls", "offloaders", *SESSION_TABLES)
MODES = ("sync", "async")
Mode = Literal["sync", "async"]
OUR_TABLE = re.compile(
    r'^[ \t]*(?:\[+[ \t]*tool[ \t]*\.[ \t]*"?asyncdb-lint\b|(?:tool\.)?"?asyncdb-lint"?[ \t]*[.=])',
    re.MULTILINE,
)


class SessionDecorator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A decorator that puts a session into a parameter of what it decorates."""

    parameter: str
    mode: Mode


class Settings(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """What the user asked for: the file's table, overridden by the command line."""

    select: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: dict[str, tuple[str, ...]] = {}
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    extend_exclude: tuple[str, ...] = ()
    force_exclude: bool = False
    respect_gitignore: bool = True
    output_format: Literal["text", "concise", "json", "sarif", "github", "gitlab", "junit"] = "text"
    fix: bool = False
    unsafe_fixes: bool = False
    pooler: Literal["none", "session", "transaction"] | None = None
    max_connections: int | None = None
    processes: int | None = None
    concurrency: int | None = None
    idle_timeout: int | None = None
    sqlalchemy_version: str | None = None
    cache_dir: str | None = None
    blocking_calls: tuple[str, ...] = ()
    offloaders: tuple[str, ...] = ()
    session_factories: dict[str, Mode] = {}
    session_decorators: dict[str, SessionDecorator] = {}


class Loaded(msgspec.Struct, frozen=True):
    """Settings with the folder that their globs are relative to, and the file that they came from."""

    settings: Settings
    base: Path
    file: Path | None = None


def load(
    paths: Sequence[Path],
    overrides: Mapping[str, object],
    *,
    configs: Sequence[str] = (),
    isolated: bool = False,
) -> Loaded:
    """The settings for a run over `paths`: the nearest settings file, then `--config`, then other options.

    `configs` are the values of `--config`: a file, or `KEY=VALUE` in TOML. `overrides` are options by their
    settings name; None stands for an option that was not given. Raises `UsageProblem`.
    """
    pairs = [config for config in configs if is_pair(config)]
    files = [Path(config) for config in configs if not is_pair(config)]
    if len(files) > 1:
        raise UsageProblem("--config takes one file; the others must be KEY=VALUE")
    if isolated and files:
        raise UsageProblem("--isolated leaves settings files aside: it cannot be used with --config FILE")
    start = Path(os.path.abspath(paths[0])) if paths else Path.cwd()
    file = files[0] if files else None if isolated else nearest_file(start)
    table = read_table(file) if file is not None else {}
    check(table, lambda key, name="": place_of(file, key, name) if file is not None else "")
    for pair in pairs:
        given = read_pair(pair)
        check(given, lambda key, name="", pair=pair: f"--config {pair!r}: ")
        table.update(given)
    table.update({key: value for key, value in overrides.items() if value is not None})
    check(table, lambda key, name="": f"--{key}: ")
    base = Path(os.path.abspath(file)).parent if file is not None else Path.cwd()
    for key in EXCLUDES:
        if overrides.get(key) is not None:
            table[key] = tuple(from_here(pattern, base) for pattern in table[key])
    return Loaded(convert(table), base, file)


def from_here(pattern: str, base: Path) -> str:
    """A pattern of the command line, which means places below the working directory, as seen from `base`."""
    if "/" not in pattern or pattern.startswith("**/"):
        return pattern  # a name, wherever it is
    place = Path(os.path.abspath(pattern))
    if place.is_relative_to(base):
        return f"./{place.relative_to(base).as_posix()}"  # with a slash: still a place, not a name
    return pattern if any(character in pattern for character in "*?[") else place.as_posix()


def is_pair(config: str) -> bool:
    """Whether a `--config` value is a setting and not a file."""
    return re.match(r"""(?:[\w.-]|"[^"]*"|'[^']*')+\s*=""", config) is not None and not Path(config).exists()


def nearest_file(start: Path) -> Path | None:
    """The first `asyncdb-lint.toml`, or `pyproject.toml` with our table, at or above a path."""
    folder = start if start.is_dir() else start.parent
    for each in (folder, *folder.parents):
        own, shared = each / OWN_FILE, each / "pyproject.toml"
        if own.is_file():
            return own
        if (
            shared.is_file()
            and b"asyncdb-lint" in read_bytes(shared)
            and "asyncdb-lint" in tool_table(shared)
        ):
            return shared
    return None


def tool_table(file: Path) -> dict[str, Any]:
    """The `[tool]` table of a `pyproject.toml`."""
    tool = parse_toml(file).get("tool", {})
    return tool if isinstance(tool, dict) else {}


def read_table(file: Path) -> dict[str, Any]:
    """Our settings in a file, as written."""
    if file.name == "pyproject.toml":
        table = tool_table(file).get("asyncdb-lint", {})
    else:
        table = parse_toml(file)
    if not isinstance(table, dict):
        raise UsageProblem(f"{place_of(file, 'asyncdb-lint')}`tool.asyncdb-lint` must be a table")
    return dict(table)


def read_bytes(file: Path) -> bytes:
    """A settings file's content. Raises `UsageProblem`."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageProblem(f"{file}: cannot be read: {error.strerror or error}") from error


def parse_toml(file: Path) -> dict[str, Any]:
    """A TOML file. Raises `UsageProblem` with line and column."""
    import tomllib

    try:
        return tomllib.loads(read_bytes(file).decode())
    except UnicodeDecodeError as error:
        raise UsageProblem(f"{file}: is not UTF-8, as TOML must be") from error
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"^(.*?) \(at line (\d+), column (\d+)\)$", str(error))
        if found:
            raise UsageProblem(f"{file}:{found[2]}:{found[3]}: {found[1]}") from error
        raise UsageProblem(f"{file}: {error}") from error


def read_pair(pair: str) -> dict[str, Any]:
    """One `--config KEY=VALUE`."""
    import tomllib

    try:
        table = tomllib.loads(pair)
    except tomllib.TOMLDecodeError as error:
        raise UsageProblem(f"--config {pair!r}: {error}; text values need quotes, as in TOML") from error
    return table


def check(table: Mapping[str, Any], place: Any) -> None:
    """Raise `UsageProblem` at the first unknown key, wrong type, unknown rule or unusable value."""
    known = [field.encode_name for field in msgspec.structs.fields(Settings)]
    for key, value in table.items():
        if key not in known:
            close = difflib.get_close_matches(key.replace("_", "-"), known, 1, 0.6)
            hint = f" (did you mean `{close[0]}`?)" if close else ""
            raise UsageProblem(f"{place(key)}unknown setting `{key}`{hint}")
        if key in DECLARING:
            check_declared(key, value, place)
        try:
            msgspec.convert({key: value}, Settings)
        except msgspec.ValidationError as error:
            raise UsageProblem(f"{place(key)}`{key}`: {explain(key, value, str(error))}") from error
        check_value(key, value, place(key))


def check_declared(key: str, value: object, place: Any) -> None:
    """Raise `UsageProblem` at the first entry of a declaring setting that cannot mean anything."""
    entries: Iterable[tuple[object, object]] = ()
    if isinstance(value, dict) and key in SESSION_TABLES:
        entries = value.items()
    elif isinstance(value, (list, tuple)) and key not in SESSION_TABLES:
        entries = ((name, None) for name in value)
    for name, entry in entries:
        problem = wrong_entry(key, name, entry) if isinstance(name, str) else ""
        if problem:
            raise UsageProblem(f"{place(key, name)}`{key}`: {problem}")


def wrong_entry(key: str, name: str, entry: object) -> str:
    """What is wrong with a declared name and what is said of it; empty for nothing."""
    if isinstance(entry, dict) and "." not in name:
        return f'a name with dots needs quotes, as in `"{name}.…" = …`'
    if key == "offloaders":
        name, colon, position = name.partition(":")
        if colon and not re.fullmatch(r"[0-9]{1,3}", position):
            return (
                f"`{position}` is not a position: `{name}:0` names the first argument, `{name}:1` the second"
            )
    if not is_dotted(name):
        mended = name.strip().removesuffix("()").replace(":", ".").replace("/", ".")
        hint = f" (did you mean `{mended}`?)" if is_dotted(mended) else ""
        return f"`{name}` is not a dotted name such as `app.db.get_session`{hint}"
    if key == "session-factories":
        return wrong_mode(f"`{name}`", entry)
    return wrong_decorator(name, entry) if key == "session-decorators" else ""


def is_dotted(name: str) -> bool:
    """Whether a name is that of a module and of something in it."""
    parts = name.split(".")
    return len(parts) > 1 and all(part.isidentifier() and not keyword.iskeyword(part) for part in parts)


def wrong_mode(what: str, mode: object) -> str:
    """What is wrong with a mode; empty for nothing."""
    if mode in MODES:
        return ""
    close = difflib.get_close_matches(str(mode), MODES, 1, 0.5)
    hint = f" (did you mean `{close[0]}`?)" if close else ""
    return f'{what} must be "sync" or "async", not {mode!r}{hint}'


def wrong_decorator(name: str, entry: object) -> str:
    """What is wrong with what is said of a decorator; empty for nothing."""
    known = SessionDecorator.__struct_fields__
    if not isinstance(entry, dict):
        return f'`{name}` must be a table such as {{ parameter = "session", mode = "async" }}'
    for each in entry:
        if each not in known:
            close = difflib.get_close_matches(each, known, 1, 0.5)
            hint = f" (did you mean `{close[0]}`?)" if close else ""
            return f"`{name}` has an unknown key `{each}`{hint}"
    for each in known:
        if each not in entry:
            return f"`{name}` does not say its `{each}`"
    parameter = entry["parameter"]
    if not isinstance(parameter, str) or not parameter.isidentifier():
        return f"`{name}`: {parameter!r} is not the name of a parameter"
    return wrong_mode(f"the `mode` of `{name}`", entry["mode"])


def explain(key: str, value: object, error: str) -> str:
    """A type error in the user's words, with the nearest allowed word where there is a choice."""
    field = next(field for field in msgspec.structs.fields(Settings) if field.encode_name == key)
    choices = [
        each for part in getattr(field.type, "__args__", ()) for each in getattr(part, "__args__", (part,))
    ]
    words = [each for each in choices if isinstance(each, str)]
    if words and isinstance(value, str) and key not in DECLARING:
        close = difflib.get_close_matches(value, words, 1, 0.5)
        hint = f" (did you mean `{close[0]}`?)" if close else ""
        return f"`{value}` is none of {', '.join(f'`{word}`' for word in words)}{hint}"
    return error.partition(" - at")[0][0].lower() + error.partition(" - at")[0][1:]


def check_value(key: str, value: Any, place: str) -> None:
    """What types do not say: rules that exist, versions that are versions, counts above zero."""
    from asyncdb_lint.codes import check_selectors

    selectors = value if key in SELECTORS else ()
    if key == "per-file-ignores":
        selectors = [selector for each in value.values() for selector in each]
    named = place if place.startswith(f"--{key}:") else f"{place}`{key}`: "
    try:
        check_selectors(selectors)
    except UsageProblem as problem:
        raise UsageProblem(f"{named}{problem}") from problem
    if key == "sqlalchemy-version" and not re.fullmatch(r"\d+\.\d+(\.\w+)*", value):
        raise UsageProblem(f'{named}`{value}` is not a version such as "2.0" or "2.1.3"')
    if key in ("max-connections", "processes", "concurrency", "idle-timeout") and value < 1:
        raise UsageProblem(f"{named}must be at least 1")


def place_of(file: Path, key: str, name: str = "") -> str:
    """`file:row:column: ` of a key in a settings file, or of a name in its value, as far as a search can tell."""
    text = file.read_text(encoding="utf-8", errors="replace")
    table = OUR_TABLE.search(text) if file.name == "pyproject.toml" else None
    word = re.escape(key)
    found = re.compile(
        rf'(?:^[ \t]*\[*[\w. \t"-]*?(?<![\w-])(?={word}"?[ \t]*[=\].])|[{{,][ \t]*"?(?={word}"?[ \t]*=)){word}',
        re.MULTILINE,
    ).search(text, table.start() if table else 0)
    if found is None:
        return f"{file}: "
    at = found.end() - len(key)
    quoted = re.compile(rf"""(["'])({re.escape(name)})\1""").search(text, at) if name else None
    if quoted is not None:
        at = quoted.start(2)
    row = text.count("\n", 0, at) + 1
    return f"{file}:{row}:{at - (text.rfind(chr(10), 0, at) + 1) + 1}: "


def place_below(base: Path, key: str, name: str) -> str:
    """The same, of a name that was found wrong later: in whichever settings file of a folder holds it."""
    for file in (base / OWN_FILE, base / "pyproject.toml", *sorted(base.glob("*.toml"))):
        text = read_bytes(file).decode(errors="replace") if file.is_file() else ""
        if f'"{name}"' in text or f"'{name}'" in text:
            return place_of(file, key, name)
    return ""


def convert(table: Mapping[str, Any]) -> Settings:
    """A checked table as settings."""
    return msgspec.convert(dict(table), Settings)
