"""Imports of psycopg2 in every form, and the names that other modules know them by."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.from_psycopg2 import ROUTE
from asyncdb_lint.migrate.project import Migration, migrate
from asyncdb_lint.migrate.taken import taken

LINES = [
    # other statements on the line
    (
        'import psycopg2; connection = psycopg2.connect("")',
        'import psycopg\nconnection = psycopg.connect("")',
    ),
    (
        "one = 1; import psycopg2.extras; two = psycopg2.extras.Json({})",
        "import psycopg\nimport psycopg.types.json\none = 1\ntwo = psycopg.types.json.Json({})",
    ),
    # an alias is for the class, not for the constant in it
    (
        "from psycopg2.extensions import TRANSACTION_STATUS_IDLE as idle\nfound = idle",
        "from psycopg.pq import TransactionStatus\nfound = TransactionStatus.IDLE",
    ),
    # what the module says that others may take keeps its name
    (
        'from psycopg2.extensions import connection, cursor\n\n__all__ = ["connection"]',
        'from psycopg import Connection as connection, Cursor\n\n__all__ = ["connection"]',
    ),
    (
        'from psycopg2.errorcodes import UNIQUE_VIOLATION\n\n__all__ = ["main"]\n__all__ += ["UNIQUE_VIOLATION"]',
        "from psycopg.errors import UniqueViolation\nUNIQUE_VIOLATION = UniqueViolation.sqlstate\n\n"
        '__all__ = ["main"]\n__all__ += ["UNIQUE_VIOLATION"]',
    ),
]


def of_project(folder: Path, files: dict[str, str], *, unsafe: bool = False) -> Migration:
    (folder / "pyproject.toml").touch()
    paths = [folder / name for name in files]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(files[path.relative_to(folder).as_posix()]).lstrip())
    return migrate(paths, Settings(), folder, ROUTE, unsafe=unsafe)


@pytest.mark.parametrize(("before", "after"), LINES)
def test_lines(before: str, after: str, tmp_path: Path) -> None:
    found = of_project(tmp_path, {"module.py": before + "\n"})
    assert found.texts[tmp_path / "module.py"][1] == after + "\n"
    found.write()
    assert not migrate([tmp_path / "module.py"], Settings(), tmp_path, ROUTE).texts


FILES = {
    "db.py": """
        import psycopg2
        from psycopg2.errorcodes import UNIQUE_VIOLATION, DEADLOCK_DETECTED
        from psycopg2.extensions import connection, cursor
        from psycopg2.extensions import ISOLATION_LEVEL_SERIALIZABLE

        def code() -> cursor:
            return UNIQUE_VIOLATION, DEADLOCK_DETECTED
    """,
    "use.py": """
        import db
        from db import ISOLATION_LEVEL_SERIALIZABLE, connection, psycopg2

        def work(it: connection):
            it.isolation_level = ISOLATION_LEVEL_SERIALIZABLE
            try:
                return psycopg2.connect("")
            except psycopg2.errors.UniqueViolation as error:
                return error.pgcode == db.UNIQUE_VIOLATION
    """,
}
DB = """\
import psycopg
from psycopg.errors import UniqueViolation, DeadlockDetected
UNIQUE_VIOLATION = UniqueViolation.sqlstate
from psycopg import Connection as connection, Cursor
from psycopg import IsolationLevel
ISOLATION_LEVEL_SERIALIZABLE = IsolationLevel.SERIALIZABLE

def code() -> Cursor:
    return UniqueViolation.sqlstate, DeadlockDetected.sqlstate
"""


def test_names_that_other_modules_know_stay(tmp_path: Path) -> None:
    """Whether they are imported by name or read off the module; the others go."""
    found = of_project(tmp_path, FILES)
    assert found.texts[tmp_path / "db.py"][1] == DB
    use = found.texts[tmp_path / "use.py"][1]
    assert "from db import ISOLATION_LEVEL_SERIALIZABLE, connection, psycopg as psycopg2" in use
    assert "except psycopg2.errors.UniqueViolation as error:\n        return error.sqlstate == db.UNIQ" in use
    assert not found.manual


def test_modules_that_others_know_are_reported(tmp_path: Path) -> None:
    """psycopg 3 has no `extras` that could be handed on."""
    files = {"db.py": "from psycopg2 import extras\n", "use.py": "from db import extras\n\nextras.Json({})\n"}
    found = of_project(tmp_path, files)
    assert [Path(each.filename).name for each in found.manual] == ["db.py"]
    assert found.texts == {}


def test_what_is_taken() -> None:
    contents = {
        "pkg": b"from .db import (  # the names\n    a,\n    b as c,\n)\n",
        "pkg.db": b"",
        "pkg.sub.mod": b"from ..db import d\nfrom pkg.db import \\\n    e\ndef f():\n    from pkg.db import *; g = 1\n",
    }
    assert taken(contents, {"pkg"}) == {"pkg.db": {"a", "b", "d", "e", "*"}}
