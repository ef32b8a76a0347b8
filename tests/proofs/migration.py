"""Runs a program on psycopg2, migrates it, and runs it on psycopg 3."""

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.from_psycopg2 import ROUTE
from asyncdb_lint.migrate.project import migrate

from .support import Database


def loaded(text: str) -> Callable[[str], Any]:
    """The program's function `work(dsn)`."""
    names: dict[str, Any] = {"__name__": "program"}
    exec(text, names)
    work: Callable[[str], Any] = names["work"]
    return work


def same_answers(database: Database, folder: Path, program: str, *, unsafe: bool = False) -> str:
    """Assert that the migrated program gives what it gave, and leaves nothing to a person; gives its text."""
    file = folder / "program.py"
    file.write_text(textwrap.dedent(program).lstrip())
    (folder / "pyproject.toml").touch()
    before = loaded(file.read_text())(database.dsn())
    database.reset()
    found = migrate([file], Settings(), folder, ROUTE, unsafe=unsafe)
    assert found.manual == []
    found.write()
    text = file.read_text()
    assert "psycopg2" not in text
    after = loaded(text)(database.dsn())
    assert after == before
    assert not migrate([file], Settings(), folder, ROUTE, unsafe=unsafe).texts
    return text
