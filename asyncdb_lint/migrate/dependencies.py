"""Lists of dependencies: requirements files and `pyproject.toml`, with their comments and order."""

from __future__ import annotations

import re
from pathlib import Path

from asyncdb_lint.finding import Position
from asyncdb_lint.migrate.command import CODES, Item, Outcome

REQUIREMENT = re.compile(
    r"(?P<name>psycopg2(?:[-_]binary)?)(?P<extras>\[[^\]]*\])?(?P<pin>\s*(?:===|==|~=|>=|<=|!=|<|>)[^;#\"'\s]+)?(?![\w-])",
    re.IGNORECASE,
)
POETRY = re.compile(r"\s*\"?psycopg2(?:-binary)?\"?\s*=\s*[\"{]")
FLOOR = ">=3.2"
LOCKS = {"poetry.lock", "uv.lock", "pdm.lock", "Pipfile.lock"}
OTHERS = {"Pipfile", "environment.yml", "environment.yaml"}
SETUPS = {"setup.py", "setup.cfg", "tox.ini"}
COMPANIONS = re.compile(
    r"\b(types-psycopg2|psycopg2cffi|psycogreen|aiopg|sqlalchemy\[postgresql(?:_psycopg2binary)?\])",
    re.IGNORECASE,
)


def is_list(path: Path) -> bool:
    """Whether a file lists dependencies in a way that can be edited line by line."""
    if path.name == "pyproject.toml" or path.name in SETUPS:
        return True
    named = path.name.startswith("requirements") or path.parent.name == "requirements"
    return named and path.suffix in (".txt", ".in")


def rewrite(path: Path, text: str, *, pool: bool) -> tuple[str, list[Item]]:
    """A list with psycopg 3 in the place of psycopg2; `pool` if the project uses a pool."""
    items: list[Item] = []
    lines = text.splitlines(keepends=True)
    is_toml = path.name == "pyproject.toml"
    for row, line in enumerate(lines):
        code, mark, comment = line.partition("#")
        if found := COMPANIONS.search(code):
            tell(
                items,
                path,
                row,
                found.start(1),
                "manual",
                f"`{found[1]}` belongs to psycopg2",
                "replace or drop it",
            )
            if found[1].lower() == "types-psycopg2":
                continue
        match = REQUIREMENT.search(code)
        if match is None or "psycopg2cffi" in code:
            continue
        if is_toml and POETRY.match(code):  # Poetry: `psycopg2-binary = "^2.9"`
            tell(items, path, row, match.start(), "manual", "psycopg2 is required here", poetry(pool))
            continue
        is_binary = "binary" in match["name"].lower()
        extras = ",".join([*(["binary"] if is_binary else ["c"]), *(["pool"] if pool else [])])
        new = f"psycopg[{extras}]{FLOOR}"
        lines[row] = code[: match.start()] + new + code[match.end() :] + mark + comment
        tell(items, path, row, match.start(), "rewritten", f"`{match[0].strip()}` is `{new}`")
    return "".join(lines), items


def poetry(pool: bool) -> str:
    extras = '"binary", "pool"' if pool else '"binary"'
    return f'write `psycopg = {{ version = "{FLOOR}", extras = [{extras}] }}`'


def tell(
    items: list[Item], path: Path, row: int, column: int, outcome: Outcome, message: str, advice: str = ""
) -> None:
    items.append(
        Item(path.as_posix(), Position(row + 1, column + 1), outcome, CODES[outcome], message, advice)
    )


def named(path: Path, text: str) -> list[Item]:
    """Files that name psycopg2 and are not edited: locks are made anew, others are a person's."""
    if "psycopg2" not in text:
        return []
    row = next(number for number, line in enumerate(text.splitlines()) if "psycopg2" in line)
    items: list[Item] = []
    is_lock = path.name in LOCKS
    advice = "lock anew" if is_lock else "require `psycopg[binary]` here"
    tell(items, path, row, 0, "manual", f"{path.name} names psycopg2", advice)
    return items
