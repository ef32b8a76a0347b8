"""The program of `examples/stock` gives the same on psycopg2 and, as the command writes it, on psycopg 3."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.from_psycopg2 import ROUTE
from asyncdb_lint.migrate.project import migrate

from .support import Database

EXAMPLES = Path(__file__).parents[2] / "examples"


def files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.suffix in (".py", ".toml", ".txt")
    }


def test_example_is_what_the_command_writes(tmp_path: Path) -> None:
    project = tmp_path / "stock"
    shutil.copytree(EXAMPLES / "stock", project)
    found = migrate([project], Settings(), project, ROUTE)
    assert (found.manual, found.problems) == ([], [])
    found.write()
    assert files(project) == files(EXAMPLES / "stock_psycopg3")
    assert not migrate([project], Settings(), project, ROUTE).texts


def run(folder: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == "stock"]:
        monkeypatch.delitem(sys.modules, name)
    database.admin.execute("drop table if exists item")
    found = importlib.import_module("stock.items").work(database.dsn())
    exported = importlib.import_module("stock.export").export(database.dsn())
    database.admin.execute("drop table item")
    return found, exported


@pytest.mark.filterwarnings("ignore")
def test_same_answers(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    before = run(EXAMPLES / "stock", database, monkeypatch)
    assert before == (
        (("UTF8", True), "item_name_key", [("bolt", 6), ("nut", 7)], 3),
        "bolt,6\ngear,1\nnut,7\n",
    )
    assert run(EXAMPLES / "stock_psycopg3", database, monkeypatch) == before
