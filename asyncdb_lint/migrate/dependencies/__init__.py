"""Everything of a migration that is not code of the driver: what a project requires, and its settings."""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import libcst as cst

from asyncdb_lint.config import Settings
from asyncdb_lint.discovery import walk
from asyncdb_lint.migrate.command import Item
from asyncdb_lint.migrate.dependencies import (
    commands,
    conda,
    ini,
    python,
    requirements_txt,
    script,
    toml_lists,
    urls,
)
from asyncdb_lint.migrate.dependencies.draft import Build, Draft, Plan
from asyncdb_lint.migrate.dependencies.files import FOLDERS, LISTS, format_of
from asyncdb_lint.source import SourceFile

TRIGGER = re.compile(rb"psycopg|aiopg|psycogreen|postgres|sqlalchemy|django|pgspecial", re.IGNORECASE)
DRIVER = re.compile(r"^[^#\n]*(?<![\w.+-])psycopg2(?:[-_.]binary)?(?![\w.-])", re.IGNORECASE | re.MULTILINE)
LOCKED = re.compile(
    r"""^\s*-?\s*(?:name\s*[=:]\s*"?psycopg2(?:-binary)?"?\s*$|"psycopg2(?:-binary)?"\s*:\s*\{|psycopg2(?:-binary)?==)""",
    re.MULTILINE,
)
"""How lock files begin what they have locked; extras of other packages name psycopg2 too."""
PSYCOPG = re.compile(
    r"^[^#\n]*(?:(?<![\w.+-])psycopg|sqlalchemy\[[^\]]*postgresql)", re.IGNORECASE | re.MULTILINE
)
SETUPS = {"setup.py", "noxfile.py"}
"""Python files whose texts are judged here."""
SHARED = {".github", ".gitlab", ".circleci", "docker", *FOLDERS}
"""Folders beside the code whose files hold for all of it."""
_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)")


class Edited(NamedTuple):
    """One file: its text before and after, the bytes to write, what there is to tell, or what is wrong with it."""

    path: Path
    old: str
    new: str
    data: bytes
    items: Sequence[Item] = ()
    problem: str = ""


def migrate(
    root: Path, settings: Settings, *, paths: Sequence[Path] | None = None, code: Sequence[Path] = (),
    apart: Sequence[Path] = (), changed: Mapping[Path, str] | None = None,
    build: Build = "c", pool: bool = False, unsafe: bool = False,
) -> Iterator[Edited]:  # fmt: skip
    """The files of the project at `root` that have something to tell, with what becomes of them.

    Of what the user named (`paths`) all lists are taken, and of the project those beside and above the
    `code` that is migrated, not those of its other parts. Folders `apart` are projects of their own.
    `changed` are the texts of Python files that other rewrites have been at.
    """
    files = list_files(root, settings, apart)
    plan = Plan(build, pool, unsafe, any(_names(path, PSYCOPG) for path in files))
    named = None if paths is None else {Path(os.path.abspath(path)) for path in paths}
    above = {
        folder
        for path in code
        if format_of(path) in (None, "python")
        for folder in path.parents
        if folder.is_relative_to(root)
    }
    scripts = [path for path in code if format_of(path) is None and _starts_script(path)]
    for path in [*files, *scripts]:
        if path in scripts or named is None or named & {path, *path.parents} or _is_beside(path, above):
            edited = _edit(path, plan, (changed or {}).get(path))
            if edited is not None and (edited.items or edited.problem or edited.new != edited.old):
                yield edited


def requires(root: Path, settings: Settings) -> bool:
    """Whether any list of a project, or a lock, names psycopg2."""
    return any(_names(path, DRIVER) for path in list_files(root, settings, ()))


def _starts_script(path: Path) -> bool:
    try:
        return script.START in path.read_bytes()
    except OSError:
        return False


def _names(path: Path, driver: re.Pattern[str]) -> bool:
    """Whether a list or lock names a driver other than in a comment."""
    kind = format_of(path)
    if kind not in LISTS and kind != "lock":
        return False
    if kind == "lock":
        driver = LOCKED
    try:
        data = path.read_bytes()
    except OSError:
        return False
    return driver.search(data.decode(errors="replace")) is not None


def list_files(root: Path, settings: Settings, apart: Sequence[Path]) -> list[Path]:
    """The files of a project that say what it requires, or hold settings; not those of projects `apart`."""
    found = walk(
        [root],
        settings,
        root,
        lambda name: format_of(Path(name)) is not None or name.endswith((".txt", ".in")),
    )
    others = [str(other) + os.sep for other in apart if root in other.parents]
    return [
        path
        for path in found.files
        if format_of(path) is not None and not any(str(path).startswith(other) for other in others)
    ]


def _is_beside(path: Path, folders: set[Path]) -> bool:
    """Whether a file lies in one of the folders, or in one there that holds for all of it."""
    return path.parent in folders or any(
        inner.name in SHARED and inner.parent in folders for inner in path.parents
    )


def _edit(path: Path, plan: Plan, text: str | None) -> Edited | None:
    kind = format_of(path) or "script"
    try:
        data = path.read_bytes()
    except OSError as error:
        return Edited(path, "", "", b"", problem=f"{path}: cannot be read: {error.strerror or error}")
    plain = data.decode("utf-16", "replace").encode() if data.startswith(_UTF16) else data
    if not TRIGGER.search(plain):
        return None
    source = _decode(path, data)
    if source.problem is not None:
        place = source.problem.location
        return Edited(
            path, "", "", data, problem=f"{path}:{place.row}:{place.column}: {source.problem.message}"
        )
    draft = Draft(path, source.text if text is None else text, plan)
    try:
        _FORMATS[kind](draft)
    except RecursionError:
        return Edited(path, "", "", data, problem=f"{path}: nested too deeply to be read")
    except tomllib.TOMLDecodeError as error:
        said = _PLACE.search(str(error))
        at = f":{said[1]}:{said[2]}" if said else ""
        return Edited(path, "", "", data, problem=f"{path}{at}: {_PLACE.sub('', str(error))}")
    if path.suffix == ".ini" and plan.concerns:
        urls.alembic(draft)
    new = draft.result
    return Edited(path, source.text, new, source.encode(new), draft.items)


_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _decode(path: Path, data: bytes) -> SourceFile:
    """As pip does it: a byte order mark, else a comment that names the encoding, else UTF-8."""
    if data.startswith(codecs.BOM_UTF16_LE) and sys.byteorder == "little":  # what PowerShell's `>` writes
        with contextlib.suppress(UnicodeDecodeError):
            return SourceFile(path.as_posix(), data.decode("utf-16"), "utf-16")
    return SourceFile.decode(path.as_posix(), data)


def _python(draft: Draft) -> None:
    if "psycopg2" not in draft.text:
        return
    tree = SourceFile(draft.path.as_posix(), draft.text).parse()
    if isinstance(tree, cst.Module):
        python.migrate(draft, tree)


def _lock(draft: Draft) -> None:
    if match := LOCKED.search(draft.text):
        place = draft.text.lower().index("psycopg2", match.start())
        draft.tell(place, "manual", f"{draft.path.name} names psycopg2", "lock anew")


def _toml(draft: Draft) -> None:
    toml_lists.migrate(draft)
    urls.migrate(draft, own=True)


def _ini(draft: Draft) -> None:
    ini.migrate(draft)
    urls.migrate(draft, own=True)


def _settings(draft: Draft) -> None:
    urls.migrate(draft, own=True)


def _text(draft: Draft) -> None:
    commands.migrate(draft)
    urls.migrate(draft, own=False)


def _conda(draft: Draft) -> None:
    conda.migrate(draft)
    urls.migrate(draft, own=False)


_FORMATS = {
    "toml": _toml, "requirements": requirements_txt.migrate, "conda": _conda, "conda text": conda.plain,
    "ini": _ini, "python": _python, "script": script.migrate, "lock": _lock, "settings": _settings, "text": _text,
}  # fmt: skip
