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
    # a module that is imported already is not imported again for a helper
    (
        "import psycopg2, contextlib\nwith contextlib.suppress(psycopg2.Error):\n    pass",
        "import contextlib\nimport psycopg\nwith contextlib.suppress(psycopg.Error):\n    pass",
    ),
    # comments that say types
    (
        "from psycopg2.extensions import connection, cursor as Cur\n\n\ndef f(it, other):\n"
        "    # type: (connection, Cur) -> connection\n    return it  # type: ignore[connection]",
        "from psycopg import Connection, Cursor as Cur\n\n\ndef f(it, other):\n"
        "    # type: (Connection, Cur) -> Connection\n    return it  # type: ignore[connection]",
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


# Rows of the map: what is written, without and with --unsafe-fixes, and what is told

HEAD = """\
import psycopg2
import psycopg2.extensions as ext
from psycopg2.extras import LogicalReplicationConnection
from psycopg2.tz import FixedOffsetTimezone
connection = psycopg2.connect("")
cursor = connection.cursor()
"""
REWRITTEN = [
    (
        'note = ext.Notify(1, "channel")',
        'note = Notify(pid=1, channel="channel", payload="")',
        'note = Notify(pid=1, channel="channel", payload="")',
    ),
    (
        "found = ext.STATUS_BEGIN == connection.status",
        "",
        "found = connection.info.transaction_status in (psycopg.pq.TransactionStatus.INTRANS, "
        "psycopg.pq.TransactionStatus.INERROR)",
    ),
    (
        "found = connection.status not in [ext.STATUS_READY]",
        "",
        "found = connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE",
    ),
    (
        "a = ext.adapt(value)\na.prepare(connection)\nb = a.getquoted()\nc = a.getquoted().decode()\nd = str(a)",
        "",
        "a = psycopg.sql.quote(value, connection)\nb = a.encode(connection.info.encoding)\nc = a\nd = str(a)",
    ),
    ("a = ext.adapt(value)\nb = a.other()\nc = a.getquoted()", "", ""),
    ("a = ext.adapt(value)\nprint()\na.prepare(connection)\nc = a.getquoted()", "", ""),
    (
        'zone = FixedOffsetTimezone(60, "here")',
        "",
        'zone = timezone(timedelta(minutes=60), "here")',
    ),
    # what handlers expect beside the class of an error
    (
        'try:\n    cursor.execute("%s", given)\nexcept IndexError:\n    pass',
        "",
        'try:\n    cursor.execute("%s", given)\nexcept (IndexError, psycopg.ProgrammingError):\n    pass',
    ),
    (
        "try:\n    found = cursor.fetchone()[0]\nexcept TypeError:\n    found = None",
        "try:\n    found = cursor.fetchone()[0]\nexcept TypeError:\n    found = None",
        "try:\n    found = cursor.fetchone()[0]\nexcept TypeError:\n    found = None",
    ),
    (
        'try:\n    psycopg2.connect("x")\nexcept psycopg2.Error as e:\n    not str(e).startswith("F")',
        'try:\n    psycopg.connect("x")\nexcept psycopg.Error as e:\n    not str(e).startswith("F")',
        'try:\n    psycopg.connect("x")\nexcept psycopg.Error as e:\n    ("F" not in str(e))',
    ),
    # a caster of which cursors would not know goes nowhere
    (
        'to_float = ext.new_type((1700,), "F", lambda value, cur: float(value))\next.register_type(to_float)',
        "",
        "",
    ),
    # connections for replication stay psycopg2's
    (
        'feed = psycopg2.connect(dsn="", connection_factory=LogicalReplicationConnection)',
        'feed = psycopg2.connect(dsn="", connection_factory=LogicalReplicationConnection)',
        'feed = psycopg2.connect(dsn="", connection_factory=LogicalReplicationConnection)',
    ),
]


@pytest.mark.parametrize(("before", "after", "unsafe_after"), REWRITTEN)
@pytest.mark.parametrize("unsafe", [False, True])
def test_rows(before: str, after: str, unsafe_after: str, unsafe: bool, tmp_path: Path) -> None:
    """Nothing is done by halves: what is not rewritten stays as it is, and is told of."""
    file = tmp_path / "module.py"
    found = of_project(tmp_path, {"module.py": f"{HEAD}{before}\n"}, unsafe=unsafe)
    expected = unsafe_after if unsafe else after
    assert found.texts[file][1].endswith(f"cursor = connection.cursor()\n{expected or before}\n")
    if not expected:
        rows = {each.location.row for each in found.manual}
        assert rows & set(range(7, 9 + before.count("\n")))


TOLD = [
    ("connection.tpc_prepare()\nconnection.reset()", 8, "`tpc_prepare()`"),
    ("for column in cursor.description:\n    column.table_oid", 8, "`table_oid`"),
    ("first = cursor.description[0].table_column", 7, "`table_column`"),
    ('def f(cur):\n    cur.execute("", vars=())', 8, "`vars`"),
    ("def f(other):\n    other.readonly = True", 8, "`readonly`"),
    ("def f(cur):\n    cur.mogrify('')\n    return cur.lastrowid", 9, "`lastrowid`"),
    ('name = "x"\ncursor.execute("select %s", name)', 8, "a sequence, and no text"),
    (
        'class P:\n    def __getitem__(self, key): ...\ncursor.execute("select %(a)s", P())',
        9,
        "a sequence or a mapping",
    ),
    (
        'def f(**how):\n    how.setdefault("database", "x")\n    return psycopg2.connect(**how)',
        8,
        "`database`",
    ),
    ("class P(psycopg2.pool.ThreadedConnectionPool): ...", 7, "a pool of psycopg2's"),
]


@pytest.mark.parametrize(("source", "row", "said"), TOLD)
def test_what_a_person_does(source: str, row: int, said: str, tmp_path: Path) -> None:
    found = of_project(tmp_path, {"module.py": f"{HEAD}{source}\n"})
    told = [each for each in found.manual if each.location.row == row and said in each.message]
    assert len(told) == 1
    assert told[0].advice


def test_helpers_do_not_import_twice(tmp_path: Path) -> None:
    """What stands beside the driver on one line is there for the helper too."""
    source = "import psycopg2, contextlib\n\n\ndef f(it: psycopg2.extensions.connection):\n    with it:\n        pass\n"
    found = of_project(tmp_path, {"module.py": source})
    assert found.texts[tmp_path / "module.py"][1].count("import contextlib") == 1


def test_stars_take_what_there_is(tmp_path: Path) -> None:
    """Names that psycopg 3 has stay for those who import all; others are not missed."""
    files = {
        "db.py": """
            from psycopg2.extensions import connection
            from psycopg2.extras import RealDictCursor

            def rows(it: connection):
                return it.cursor(cursor_factory=RealDictCursor)
        """,
        "use.py": "from db import *\n",
    }
    found = of_project(tmp_path, files)
    text = found.texts[tmp_path / "db.py"][1]
    assert "from psycopg import Connection as connection\n" in text
    assert "psycopg2" not in text
    assert not found.manual


def test_a_module_as_a_whole(tmp_path: Path) -> None:
    source = "import psycopg2\n\nDRIVERS = [psycopg2, psycopg2.connect]\n"
    kept = of_project(tmp_path, {"module.py": source}).texts[tmp_path / "module.py"][1]
    assert kept == "import psycopg2\nimport psycopg\n\nDRIVERS = [psycopg2, psycopg.connect]\n"
    found = of_project(tmp_path, {"module.py": source}, unsafe=True)
    new = found.texts[tmp_path / "module.py"][1]
    assert new == "import psycopg\n\nDRIVERS = [psycopg, psycopg.connect]\n"
    assert not found.manual


def test_comments_above_an_import_that_goes(tmp_path: Path) -> None:
    source = "import psycopg2\n# one\n# two\nfrom psycopg2 import extras\n\n{}x = 1\n"
    for about, left in (("", "# one\n# two\n\nx = 1\n"), ("# three\n", "# one\n# two\n\n# three\nx = 1\n")):
        found = of_project(tmp_path, {"module.py": source.format(about)})
        assert found.texts[tmp_path / "module.py"][1] == f"import psycopg\n{left}"
