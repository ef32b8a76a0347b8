"""`[tool.asyncdb-lint]` → `Settings`; every mistake in it is a `UsageProblem` that names its place."""

from __future__ import annotations

from typing import Literal

import msgspec

DEFAULT_EXCLUDE = (
    ".bzr", ".direnv", ".eggs", ".git", ".hg", ".mypy_cache", ".nox", ".pytest_cache", ".ruff_cache", ".svn",
    ".tox", ".venv", "__pypackages__", "_build", "build", "dist", "node_modules", "site-packages", "venv",
)  # fmt: skip


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
    sqlalchemy_version: str | None = None
    cache_dir: str | None = None
