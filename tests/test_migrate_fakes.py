"""What stands in for psycopg2's objects in tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.from_psycopg2 import ROUTE
from asyncdb_lint.migrate.project import migrate

CLASS = "class Fake:\n    def get_backend_pid(self):\n        return 1\n"
STUB = "fake = stub(get_transaction_status=lambda: 0)\n"


def manual(folder: Path, name: str, source: str, other: str = "import psycopg2\n") -> list[tuple[int, str]]:
    (folder / "pyproject.toml").touch()
    (folder / "app.py").write_text(other)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(source)
    found = migrate([folder], Settings(), folder, ROUTE).manual
    return [(each.location.row, each.message) for each in found if each.filename.endswith(name)]


@pytest.mark.parametrize(
    ("source", "row", "name"), [(CLASS, 2, "get_backend_pid"), (STUB, 1, "get_transaction_status")]
)
def test_fakes(tmp_path: Path, source: str, row: int, name: str) -> None:
    assert manual(tmp_path, "tests/test_it.py", source) == [
        (row, f"what stands in for psycopg2 has `{name}`")
    ]


@pytest.mark.parametrize("source", [CLASS, STUB])
def test_no_fakes(tmp_path: Path, source: str) -> None:
    """The project's own code may have such methods, and so may fakes of other drivers."""
    assert manual(tmp_path, "own.py", source) == []
    assert manual(tmp_path, "tests/test_it.py", source, "import psycopg2, aiopg\n") == []
