"""Where helpers are put: once for those who call them, where they can be imported from."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate import project as running
from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.from_psycopg2 import ROUTE
from asyncdb_lint.migrate.project import Migration, migrate

BULK = (
    "import psycopg2\nfrom psycopg2.extras import execute_values\n{}\n\nconnection = psycopg2.connect()\n"
    'execute_values(connection.cursor(), "insert into t values %s", rows)\n'
)
BLOCK = "import psycopg2\n{}\n\nconnection = psycopg2.connect()\nwith connection:\n    pass\n"
DEFINITION = "def execute_values("


def migrated(folder: Path, **files: str) -> Migration:
    """Write files (`app__db` is app/db.py) and migrate the folder."""
    (folder / "pyproject.toml").touch()
    for name, text in files.items():
        path = folder.joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if path.parent != folder:
            (path.parent / "__init__.py").touch()
            (folder / name.split("__")[0] / "__init__.py").touch()
    found = migrate([folder], Settings(), folder, ROUTE)
    found.write()
    return found


def test_one_file_holds_its_own(tmp_path: Path) -> None:
    migrated(tmp_path, app__db=BULK.format("from app import config"))
    text = (tmp_path / "app/db.py").read_text()
    assert text.count(DEFINITION) == 1
    assert text.index(DEFINITION) < text.index("connection = psycopg.connect()")
    assert not (tmp_path / "app/psycopg_helpers.py").exists()


@pytest.mark.parametrize(
    ("style", "imported", "imported_deeper"),
    [
        ("from app import config", "from app.psycopg_helpers import", "from app.psycopg_helpers import"),
        ("from . import config", "from .psycopg_helpers import", "from ..psycopg_helpers import"),
    ],
)
def test_several_files_share(tmp_path: Path, style: str, imported: str, imported_deeper: str) -> None:
    """They import the helpers as they import what else is in their package."""
    found = migrated(tmp_path, app__db=BULK.format(style), app__inner__deep=BULK.format(style))
    helpers = (tmp_path / "app/psycopg_helpers.py").read_text()
    assert helpers.count(DEFINITION) == 1
    compile(helpers, "helpers", "exec")
    assert f"{imported} execute_values\n" in (tmp_path / "app/db.py").read_text()
    assert f"{imported_deeper} execute_values\n" in (tmp_path / "app/inner/deep.py").read_text()
    assert "--- /dev/null\n" in found.diff()


def test_scripts_hold_their_own(tmp_path: Path) -> None:
    migrated(tmp_path, one=BULK.format(""), two=BULK.format(""), app__three=BULK.format(""))
    for name in ("one", "two", "app/three"):
        assert DEFINITION in (tmp_path / f"{name}.py").read_text()


def test_later_helpers_join_the_others(tmp_path: Path) -> None:
    style = "from app import config"
    migrated(tmp_path, app__a=BULK.format(style), app__b=BULK.format(style))
    migrated(tmp_path, app__c=BLOCK.format(style), app__d=BLOCK.format(style))
    helpers = (tmp_path / "app/psycopg_helpers.py").read_text()
    assert helpers.count(DEFINITION) == helpers.count("def committing(") == 1
    assert not migrate([tmp_path], Settings(), tmp_path, ROUTE).texts


def test_nothing_imports_what_could_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, text: str) -> None:
        raise running.UsageProblem(f"cannot write {path}")

    monkeypatch.setattr(running, "write_text", refuse)
    sources = {name: BULK.format("from app import config") for name in ("app__a", "app__b")}
    found = migrated(tmp_path, **sources, alone=BLOCK.format(""))
    assert len(found.problems) == 3
    assert (tmp_path / "app/a.py").read_text() == sources["app__a"]
    assert "psycopg2" not in (tmp_path / "alone.py").read_text()


@pytest.mark.parametrize("at_once", [True, False])
def test_a_mistake_of_ours_stops_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    """Whether it is made while looking at a file or while changing it."""
    rewrite = ROUTE.rewrites[0]
    examine = rewrite.examine

    def oops(_: object) -> NoReturn:
        raise RuntimeError("oops")

    def failing(self: Rewrite) -> None:
        if self.file.model.name == "bad":
            if at_once:
                oops(self)
            self.change(self.file.model.module, oops)
        examine(self)

    monkeypatch.setattr(rewrite, "examine", failing)
    found = migrated(tmp_path, bad=BLOCK.format(""), good=BLOCK.format(""))
    assert "RuntimeError: oops" in found.problems[0]
    assert (tmp_path / "bad.py").read_text() == BLOCK.format("")
    assert "psycopg2" not in (tmp_path / "good.py").read_text()


OWN_FACTORY = """\
import psycopg2
from psycopg2.extras import NamedTupleCursor


class Rows(NamedTupleCursor):
    pass


def connect(dsn, cursor_factory=Rows):
    connection = psycopg2.connect(dsn)
    connection.cursor_factory = cursor_factory
    return connection


connect("", cursor_factory=Rows)
"""


def test_parameters_that_take_classes_keep_their_name(tmp_path: Path) -> None:
    """A cursor class of the project's own is no row factory."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "db.py").write_text(OWN_FACTORY)
    migrate([tmp_path], Settings(), tmp_path, ROUTE, unsafe=True).write()
    text = (tmp_path / "db.py").read_text()
    assert "row_factory" not in text
    assert 'connect("", cursor_factory=Rows)' in text


def test_imports_of_one_module_are_one(tmp_path: Path) -> None:
    """What a rewrite needs beside a renamed import is imported by the same statement."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "db.py").write_text(
        "from psycopg2 import InterfaceError\n\n\ndef close(connection):\n    try:\n"
        "        connection.rollback()\n    except InterfaceError:\n        pass\n"
    )
    migrate([tmp_path], Settings(), tmp_path, ROUTE, unsafe=True).write()
    text = (tmp_path / "db.py").read_text()
    assert text.startswith("from psycopg import InterfaceError, OperationalError\n\n\ndef")


OPTIONAL = """\
try:
    from psycopg2.extensions import TRANSACTION_STATUS_IDLE
except ImportError:
    TRANSACTION_STATUS_IDLE = None
try:
    from psycopg2.extras import register_uuid
    register_uuid()
except ImportError:
    pass


def is_idle(status):
    return status == TRANSACTION_STATUS_IDLE
"""
MIGRATED = """\
try:
    from psycopg.pq import TransactionStatus
    TRANSACTION_STATUS_IDLE = TransactionStatus.IDLE
except ImportError:
    TRANSACTION_STATUS_IDLE = None


def is_idle(status):
    return status == TRANSACTION_STATUS_IDLE
"""


def test_optional_imports(tmp_path: Path) -> None:
    """A constant keeps the name that stands for it where the import fails; what does nothing any more goes."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "db.py").write_text(OPTIONAL)
    migrate([tmp_path], Settings(), tmp_path, ROUTE).write()
    assert (tmp_path / "db.py").read_text() == MIGRATED


def test_imports_stand_by_what_they_replace(tmp_path: Path) -> None:
    """An import that needs psycopg2 still may fail, and what stands beside it would be missing."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "db.py").write_text(
        "try:\n    from psycopg2.extras import wait_select\nexcept ImportError:\n    wait_select = None\n"
        "from psycopg2.extras import Json\n\nf(wait_select)\nx.execute('select a @> %s', (Json({}),))\n"
    )
    migrate([tmp_path], Settings(), tmp_path, ROUTE).write()
    first, _, rest = (tmp_path / "db.py").read_text().partition("    wait_select = None\n")
    assert "Json" not in first
    assert rest.startswith("from psycopg.types.json import Json")


LISTED = """\
import psycopg2
from typing import List


class Pool:
    connections: List[psycopg2.extensions.connection] = []

    @classmethod
    def version(cls, place):
        return cls.connections[place].server_version

    @classmethod
    def clear(cls):
        cls.connections = []
"""


def test_lists_that_start_empty(tmp_path: Path) -> None:
    """An annotation says more than `[]`."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "db.py").write_text(LISTED)
    migrate([tmp_path], Settings(), tmp_path, ROUTE).write()
    assert "cls.connections[place].info.server_version" in (tmp_path / "db.py").read_text()
