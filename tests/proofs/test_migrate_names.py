"""Every public name of psycopg2 has an answer: what psycopg 3 has instead, really, or advice of its own."""

import importlib
import keyword
import operator
import types
from collections.abc import Iterator
from pathlib import Path

import psycopg
import psycopg2.errorcodes
import psycopg2.extras
import pytest

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.from_psycopg2 import ROUTE
from asyncdb_lint.migrate.from_psycopg2.conditions import CODES
from asyncdb_lint.migrate.from_psycopg2.table import ADVICE, NAMES, POOLS, advice, target
from asyncdb_lint.migrate.project import migrate

from .support import Database

MODULES = ("", ".extensions", ".extras", ".errors", ".errorcodes", ".pool", ".sql", ".tz")
PRIVATE = ("__version__", "__libpq_version__")


def public(module: types.ModuleType) -> Iterator[str]:
    """The names that are a module's own: no modules, and nothing of the standard library."""
    for name in dir(module):
        value = getattr(module, name)
        home = getattr(value, "__module__", "psycopg2") or "psycopg2"
        if (
            (not name.startswith("_") or name in PRIVATE)
            and not isinstance(value, types.ModuleType)
            and home.partition(".")[0] in ("psycopg2", "decimal", "builtins")
        ):
            yield name


@pytest.mark.parametrize("module", MODULES)
def test_names(module: str) -> None:
    """A name of psycopg 3 that it has, or advice that is not that for names nobody has heard of."""
    nothing = advice("psycopg2.no_such_name")
    found = importlib.import_module(f"psycopg2{module}")
    unanswered = []
    for name in public(found):
        full = f"psycopg2{module}.{name}"
        new = target(full) or POOLS.get(full)
        if new is not None:
            path = f"{new.name}{new.rest}".removesuffix("()")
            there = importlib.import_module(new.module)
            assert not path or operator.attrgetter(path)(there) is not None, full
        elif module == ".errorcodes" and name.isupper():
            assert CODES[name] == getattr(psycopg2.errorcodes, name)
        elif advice(full) == nothing:
            unanswered.append(full)
    assert not unanswered


def test_codes_are_the_same() -> None:
    for name in public(psycopg2.errorcodes):
        new = target(f"psycopg2.errorcodes.{name}")
        if new is not None:
            errors = importlib.import_module(new.module)
            assert getattr(errors, new.name).sqlstate == getattr(psycopg2.errorcodes, name)


@pytest.mark.parametrize("name", [*NAMES, *ADVICE])
def test_answers_are_for_names_that_are_there(name: str) -> None:
    """No answer is kept for a name that psycopg2 has not."""
    module, _, last = name.rpartition(".")
    try:
        importlib.import_module(name)
    except ImportError:
        home = importlib.import_module(module)
        private = [importlib.import_module(f"psycopg2.{each}") for each in ("_psycopg", "_range")]
        assert any(hasattr(each, last) for each in (home, *private))


# Attributes of objects

PROGRAM = """\
import psycopg2

connection = psycopg2.connect("")
cursor = connection.cursor()
info = connection.info
try:
    connection.commit()
except psycopg2.Error as error:
"""


def objects(driver: types.ModuleType, dsn: str) -> dict[str, object]:
    """An object of each class, by the expression that gives it."""
    connection = driver.connect(dsn)
    cursor = connection.cursor()
    try:
        cursor.execute("select 1 / 0")
    except driver.Error as error:
        found = {"connection": connection, "cursor": cursor, "error": error, "error.diag": error.diag}
    connection.rollback()
    cursor.execute("select 1")
    return {**found, "connection.info": connection.info, "cursor.description[0]": cursor.description[0]}


@pytest.mark.filterwarnings("ignore")
def test_attributes(database: Database, tmp_path: Path) -> None:
    """What an object of psycopg 3 has not is rewritten, or told of at its place."""
    old, new = objects(psycopg2, database.dsn()), objects(psycopg, database.dsn())
    lost = [
        f"{text}.{name}"
        for text, thing in old.items()
        for name in dir(thing)
        if not name.startswith("_") and not keyword.iskeyword(name) and not hasattr(new[text], name)
    ]
    file = tmp_path / "program.py"
    file.write_text(PROGRAM + "".join(f"    print({each})\n" for each in lost))
    (tmp_path / "pyproject.toml").touch()
    found = migrate([file], Settings(), tmp_path, ROUTE)
    first = len(PROGRAM.splitlines()) + 1
    told = {each.location.row - first for each in found.items}
    assert len(lost) > 30
    assert [each for row, each in enumerate(lost) if row not in told] == []
