"""Commands that install psycopg2: a person's, for what they build may hold other programs that need it.

With unsafe fixes those are rewritten that the shell reads as they stand.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from asyncdb_lint.migrate.dependencies.draft import FLOOR

if TYPE_CHECKING:
    from asyncdb_lint.migrate.dependencies.draft import Draft

PACKAGE = re.compile(
    r"(?<![\w./+-])(?P<system>python3?-)?(?P<stubs>types-)?psycopg2(?P<binary>-binary|cffi)?"
    r"(?P<pin>(?:==|~=|>=)[\w.*]+)?(?![\w./:=<>~!-])",
    re.IGNORECASE,
)
INSTALL = re.compile(r"\b(?:pip3?|uv)\b[^;&|]*\b(?:install|add)\b[^;&|]*\Z")
INSTALLING = re.compile(r"install|\bpip|\badd\b|dependencies|packages", re.IGNORECASE)
PROSE = re.compile(r"\s*-?\s*(?:name|description)\s*:|\s*(?:#|//)")
SERVICES = {".github", ".gitlab", ".circleci", ".buildkite", ".devcontainer"}
"""Folders in which files say what is installed where the project is built."""
SHELL = re.compile(r"(?:Dockerfile|Containerfile).*|.*\.(?:dockerfile|sh|bash)$", re.IGNORECASE)


def migrate(draft: Draft) -> None:
    """Every name of one of psycopg2's packages, in scripts, images, workflows and hooks."""
    is_shell = SHELL.match(draft.path.name) is not None
    speaks_of_packages = (
        is_shell or draft.path.name.startswith(".") or not SERVICES.isdisjoint(draft.path.parts)
    )
    command = ""
    for offset, row in draft.rows():
        if PROSE.match(row):
            continue
        for match in PACKAGE.finditer(row):
            start = offset + match.start()
            if not (speaks_of_packages or INSTALLING.search(row)):
                continue
            before = command + row[: match.start()]
            is_plain = is_shell and draft.plan.unsafe and INSTALL.search(before)
            quote = _quoting(before, row[match.end() :]) if is_plain else None
            if quote is None or match["system"] or match["stubs"] or match["binary"] == "cffi":
                draft.tell(start, "manual", f"`{match[0]}` is named here", _advice(match, draft))
                continue
            new = f"{_package(match, draft)}>={FLOOR}"
            draft.replace(start, offset + match.end(), f"{quote}{new}{quote}")
            draft.tell(start, "rewritten", f"`{match[0]}` is `{new}`")
        command = command + row[:-1] if row.endswith("\\") else ""


def _quoting(before: str, after: str) -> str | None:
    """The quotes that a word needs in a shell, given what stands around it; None where that is not clear."""
    if before.rstrip().endswith(("--no-binary", "--only-binary")):
        return None
    is_open = before.count('"') % 2 or before.count("'") % 2
    if not is_open:
        is_word = before[-1:].isspace() and (not after or after[0].isspace() or after[0] in ";&\\")
        return '"' if is_word else None
    quote = before[-1]
    inside = before[:-1].count(quote) % 2
    other = before.count("'" if quote == '"' else '"') % 2
    return "" if quote in "\"'" and after[:1] == quote and not inside and not other else None


def _package(match: re.Match[str], draft: Draft) -> str:
    extras = draft.plan.extras(binary=match["binary"] is not None)
    return f"psycopg[{','.join(extras)}]" if extras else "psycopg"


def _advice(match: re.Match[str], draft: Draft) -> str:
    """What to name instead."""
    if match["stubs"]:
        return "drop it: psycopg is typed"
    return "install python3-psycopg" if match["system"] else f'install "{_package(match, draft)}>={FLOOR}"'
