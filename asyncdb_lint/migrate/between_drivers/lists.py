"""Files that are not code: what a project requires, and URLs in its settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import libcst as cst

from asyncdb_lint.discovery import project_files
from asyncdb_lint.migrate.between_drivers.queries import translated
from asyncdb_lint.migrate.command import alone
from asyncdb_lint.migrate.dependencies import Edited, list_files
from asyncdb_lint.migrate.dependencies.draft import Draft, Plan
from asyncdb_lint.migrate.dependencies.files import LISTS, format_of
from asyncdb_lint.source import SourceFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from asyncdb_lint.config import Settings
    from asyncdb_lint.migrate.between_drivers.direction import Direction

PACKAGES = {
    "asyncpg": ("asyncpg", ""),
    "psycopg": ("psycopg", "binary"),
    "psycopg2": ("psycopg2(?:-binary)?", ""),
}
"""How each driver is required, and the extra that brings it compiled."""
FLOORS = {"asyncpg": "0.29", "psycopg": "3.2"}
OPERATOR = "(?:===|==|~=|>=|<=|!=|<|>)"
VERSIONS = rf"(?:\[[^\]]*\])?(?:\s*{OPERATOR}\s*[\w.*+!-]+(?:\s*,\s*{OPERATOR}\s*[\w.*+!-]+)*)?"
URL_END = r"[^\s'\"`<>|]*"
ASYNC_ENGINE = re.compile(r"create_async_engine|async_engine_from_config")
SYNC_ENGINE = re.compile(r"(?<!_)create_engine\(|(?<!async_)engine_from_config\(")


class Lists:
    """The files of one project, for one direction."""

    def __init__(self, direction: Direction, code: Sequence[str], *, unsafe: bool) -> None:
        self.direction, self.unsafe = direction, unsafe
        self.keeps = any(self.uses(text) for text in code)
        """Whether code uses the old driver still."""
        self.is_shared = direction.is_sync_lost and (
            any(SYNC_ENGINE.search(text) for text in code)
            or not any(ASYNC_ENGINE.search(text) for text in code)
        )
        """Whether synchronous engines may take the URLs, which the new driver does not serve."""
        name = PACKAGES[direction.source][0]
        self.quoted = re.compile(rf"(?<=['\"]){name}{VERSIONS}(?=\s*[;'\"])", re.IGNORECASE)
        self.alone = re.compile(rf"^\s*{name}{VERSIONS}(?=\s*(?:;|#|\\|$))", re.IGNORECASE)
        self.listed = re.compile(rf"^\s*-\s+{name}{VERSIONS}(?=\s*(?:#|$))", re.IGNORECASE)
        self.table = re.compile(rf"^\s*['\"]?{name}['\"]?\s*=\s*['\"{{]", re.IGNORECASE)

    def uses(self, text: str) -> bool:
        """Whether a file of code imports the old driver, or has a URL of it."""
        imports = re.search(rf"^\s*(?:import|from)\s+{self.direction.source}(?!\w)", text, re.MULTILINE)
        return bool(imports or self.direction.pattern.search(text))

    def edit(self, path: Path) -> Edited | None:
        """What becomes of one file."""
        try:
            data = path.read_bytes()
        except OSError as error:
            return Edited(path, "", "", b"", problem=f"{path}: cannot be read: {error.strerror or error}")
        if self.direction.source.encode() not in data.lower():
            return None
        source = SourceFile.decode(path.as_posix(), data)
        if source.problem is not None:
            return Edited(path, "", "", data, problem=f"{path}: {source.problem.message}")
        draft = Draft(path, source.text, Plan(unsafe=self.unsafe))
        kind = format_of(path)
        if kind == "lock":
            self.lock(draft)
        elif kind in LISTS:
            self.requirements(draft, kind or "")
        if kind not in ("lock", "python", "requirements"):
            self.urls(draft, own=kind in ("settings", "ini", "toml"))
        new = draft.result
        if not draft.items:
            return None
        return Edited(path, source.text, new, source.encode(new), draft.items)

    def lock(self, draft: Draft) -> None:
        found = re.search(rf"(?<![\w-]){self.direction.source}(?![\w-])", draft.text)
        if found is not None and not self.keeps:
            draft.tell(
                found.start(), "manual", f"{draft.path.name} names {self.direction.source}", "lock anew"
            )

    def requirements(self, draft: Draft, kind: str) -> None:
        """The old driver's package, wherever it is required."""
        target, extra = PACKAGES[self.direction.target]
        new = f"{target}{f'[{extra}]' if extra else ''}>={FLOORS[target]}"
        is_there = re.search(
            rf"^[^#\n]*(?<![\w+.-]){target}(?:\[|\s*[=<>~'\";]|\s*$)", draft.text, re.MULTILINE
        )
        for offset, row in draft.rows():
            if row.lstrip().startswith("#"):
                continue
            found = (
                self.alone
                if kind in ("requirements", "ini")
                else self.listed
                if kind == "conda"
                else self.quoted
            ).search(row)
            start = offset + (found.start() if found else 0)
            if found is None:
                if kind == "toml" and self.table.match(row):
                    draft.tell(
                        offset, "manual", f"{self.direction.source} is required here", f"require `{new}`"
                    )
                continue
            start += len(found[0]) - len(found[0].lstrip())
            if self.keeps:
                draft.tell(
                    start, "manual", f"{self.direction.source} is still used", f"require `{new}` beside it"
                )
            elif is_there:
                draft.tell(start, "manual", f"`{found[0].strip()}` is needed no more", "drop it")
            elif kind == "conda":
                draft.tell(start, "manual", f"`{found[0].strip()}` is required", f"require {target}")
            else:
                draft.replace(start, offset + found.end(), new)
                draft.tell(start, "rewritten", f"`{found[0].strip()}` is `{new}`")

    def urls(self, draft: Draft, *, own: bool) -> None:
        """URLs that name the old driver; in files that are not the project's `own`, others may read them."""
        direction = self.direction
        pattern = re.compile(direction.pattern.pattern + URL_END)
        for offset, row in draft.rows():
            if row.lstrip().startswith(("#", ";")):
                continue
            for found in pattern.finditer(row):
                start = offset + found.start()
                new = self.url(draft, start, found[0])
                advice = f"write `{new}`"
                if self.is_shared:
                    said = (
                        f"{direction.target} serves asynchronous engines only, and others may take this URL"
                    )
                    draft.tell(start, "manual", said, advice)
                elif own or self.unsafe:
                    draft.replace(start, start + len(found[0]), new)
                    said = f"the driver `{direction.source}` is `{direction.target}`"
                    draft.tell(start, "changed behaviour", said, direction.differences)
                else:
                    draft.tell(
                        start,
                        "manual",
                        f"a URL names {direction.source}",
                        f"{advice} if this project reads it",
                    )

    def url(self, draft: Draft, start: int, text: str) -> str:
        """A URL for the new driver; what it cannot say is told of."""
        new = self.direction.pattern.sub(rf"\1+{self.direction.target}", text)
        piece = cst.SimpleString(f"'{new}'")
        query = translated(alone(cst.Module([])), piece, self.direction, unsafe=self.unsafe, can_move=False)
        written = query.texts.get(piece, piece.value)[1:-1]
        for _, reply in query.told:
            draft.tell(start, reply.outcome, reply.message, reply.advice)
        if draft.path.suffix in (".ini", ".cfg"):  # where a per cent sign is written twice
            written = re.sub(r"%(?=[0-9A-F]{2})(?<!%%)", "%%", written) if "%" not in text else written
        return written


def text_of(path: Path) -> str:
    """A file's text, as far as it can be read."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def lists_for(direction: Direction) -> Any:
    """What `Route.lists` wants."""

    def migrate(
        root: Path, settings: Settings, *, paths: Sequence[Path] | None = None,
        apart: Sequence[Path] = (), changed: Mapping[Path, str] | None = None, unsafe: bool = False, **_: Any,
    ) -> Iterator[Edited]:  # fmt: skip
        new = changed or {}
        code = [new[path] if path in new else text_of(path) for path in project_files(root, settings)]
        work = Lists(direction, code, unsafe=unsafe)
        for path in list_files(root, settings, apart):
            named = paths is None or any(
                path.is_relative_to(each.absolute()) or each.absolute().is_relative_to(path.parent)
                for each in paths
            )
            if named and path not in new and (edited := work.edit(path)) is not None:
                yield edited

    return migrate
