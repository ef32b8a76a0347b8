"""`asyncdb-lint migrate psycopg2`: rewrites one by one, whole projects, and what must not happen."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import libcst as cst
import pytest
from click.testing import CliRunner
from libcst.codemod import CodemodContext

from asyncdb_lint.cli import cli
from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.between_drivers import ROUTES
from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.from_psycopg2 import ASYNC_ROUTE, ROUTE
from asyncdb_lint.migrate.from_psycopg2.attributes import ConnectionAttributes
from asyncdb_lint.migrate.from_psycopg2.connect import ConnectArguments
from asyncdb_lint.migrate.from_psycopg2.engines import EngineArguments
from asyncdb_lint.migrate.from_psycopg2.errors import ErrorAttributes
from asyncdb_lint.migrate.from_psycopg2.names import RenameNames
from asyncdb_lint.migrate.from_psycopg2.urls import SqlalchemyUrls
from asyncdb_lint.migrate.project import migrate

CASES: list[tuple[type[Rewrite], str, str]] = [
    (RenameNames, "import psycopg2\npsycopg2.connect()", "import psycopg\npsycopg.connect()"),
    (
        RenameNames,
        "import psycopg2 as pg\npg.connect()\npg.Error",
        "import psycopg as pg\npg.connect()\npg.Error",
    ),
    (
        RenameNames,
        "import psycopg2\nimport psycopg2.extras\nf(psycopg2.extras.Json(1))",
        "import psycopg\nimport psycopg.types.json\nf(psycopg.types.json.Json(1))",
    ),
    (RenameNames, "from psycopg2 import sql\nsql.SQL('x')", "from psycopg import sql\nsql.SQL('x')"),
    (RenameNames, "from psycopg2 import connect, Error", "from psycopg import connect, Error"),
    (
        RenameNames,
        "from psycopg2.extensions import connection as Conn\ndef f(c: Conn): ...",
        "from psycopg import Connection as Conn\ndef f(c: Conn): ...",
    ),
    (
        RenameNames,
        "from psycopg2.extensions import connection\ndef f(c: connection): ...",
        "from psycopg import Connection\ndef f(c: Connection): ...",
    ),
    (
        RenameNames,
        "import os, psycopg2\ntry:\n    pass\nexcept psycopg2.errors.UniqueViolation:\n    pass",
        "import os\nimport psycopg\ntry:\n    pass\nexcept psycopg.errors.UniqueViolation:\n    pass",
    ),
    (
        RenameNames,
        "from psycopg2 import errorcodes\nx = errorcodes.UNIQUE_VIOLATION",
        "from psycopg.errors import UniqueViolation\nx = UniqueViolation.sqlstate",
    ),
    (
        RenameNames,
        "def f():\n    import psycopg2\n    return psycopg2.connect()",
        "def f():\n    import psycopg\n    return psycopg.connect()",
    ),
    (
        RenameNames,
        "from psycopg2 import extras\nextras.execute_values(c, q, r)\nextras.Json(1)",
        "from psycopg2 import extras\nfrom psycopg.types.json import Json\nextras.execute_values(c, q, r)\nJson(1)",
    ),
    (
        RenameNames,
        "import os\n\nfrom psycopg2 import extras\nimport yaml",
        "import os\n\nimport yaml",
    ),
    (
        RenameNames,
        "import os\n\n# ours\nfrom psycopg2 import extras\nfrom psycopg2 import pool  # psycopg2\nimport yaml",
        "import os\n\n# ours\nimport yaml",
    ),
    (
        RenameNames,
        "import psycopg2\nimport psycopg\nprint(psycopg2.Error)",
        "import psycopg\nprint(psycopg.Error)",
    ),
    (
        RenameNames,
        "from psycopg2.errors import UniqueViolation\nfrom psycopg2.errorcodes import UNIQUE_VIOLATION\n"
        "x = UNIQUE_VIOLATION, UniqueViolation",
        "from psycopg.errors import UniqueViolation\nx = UniqueViolation.sqlstate, UniqueViolation",
    ),
    (
        RenameNames,
        "import psycopg2 as pg, os\nc = pg.connect()\nx = pg.extensions.AsIs('1')",
        "import os, psycopg2\nimport psycopg as pg\nc = pg.connect()\nx = psycopg2.extensions.AsIs('1')",
    ),
    (
        RenameNames,
        "import psycopg2 as pg\nx = pg.extensions.AsIs('1')",
        "import psycopg2 as pg\nx = pg.extensions.AsIs('1')",
    ),
    (RenameNames, "psycopg2 = 1\nprint(psycopg2.connect)", "psycopg2 = 1\nprint(psycopg2.connect)"),
    (
        ConnectArguments,
        "import psycopg2\nc = psycopg2.connect(dsn=x, database='d')\nc.cursor().execute('q', vars=(1,))",
        "import psycopg2\nc = psycopg2.connect(conninfo=x, dbname='d')\nc.cursor().execute('q', params=(1,))",
    ),
    (
        ConnectArguments,
        "c.execute(vars=F)\nconnect(dsn=x)",
        "c.execute(vars=F)\nconnect(dsn=x)",
    ),
    (
        ConnectionAttributes,
        "import psycopg2\nc = psycopg2.connect()\nc.readonly = True\nc.get_backend_pid()\nc.get_parameter_status('x')",
        "import psycopg2\nc = psycopg2.connect()\nc.read_only = True\nc.info.backend_pid\nc.info.parameter_status('x')",
    ),
    (
        ConnectionAttributes,
        "c.readonly = True\nc.get_backend_pid()",
        "c.readonly = True\nc.get_backend_pid()",
    ),
    (
        ErrorAttributes,
        "import psycopg2\ntry:\n    pass\nexcept psycopg2.Error as e:\n    e.pgcode",
        "import psycopg2\ntry:\n    pass\nexcept psycopg2.Error as e:\n    e.sqlstate",
    ),
    (
        ErrorAttributes,
        "import psycopg2\ntry:\n    pass\nexcept ValueError as e:\n    e.pgcode",
        "import psycopg2\ntry:\n    pass\nexcept ValueError as e:\n    e.pgcode",
    ),
    (
        SqlalchemyUrls,
        "u = f'postgresql+psycopg2://{h}/x'\nv = 'postgresql+psycopg2cffi://h'",
        "u = f'postgresql+psycopg://{h}/x'\nv = 'postgresql+psycopg2cffi://h'",
    ),
    (
        EngineArguments,
        "from sqlalchemy import create_engine\ncreate_engine(u, executemany_mode='values', echo=True)",
        "from sqlalchemy import create_engine\ncreate_engine(u, echo=True)",
    ),
]


@pytest.mark.parametrize(("command", "before", "after"), CASES)
def test_rewrite(command: type[Rewrite], before: str, after: str) -> None:
    """As libcst's own runner runs it, on a file by itself; what it wrote it leaves alone."""
    once = command(CodemodContext()).transform_module(cst.parse_module(before + "\n")).code
    assert once == after + "\n"
    assert command(CodemodContext()).transform_module(cst.parse_module(once)).code == once


# Whole projects

PROJECT = {
    "pyproject.toml": "[tool.asyncdb-lint]\n",
    "requirements.txt": "psycopg2-binary==2.9.9\n",
    "app/__init__.py": "",
    "app/db.py": """
        import psycopg2


        def connect():
            return psycopg2.connect(dsn="dbname=app")
    """,
    "app/use.py": """
        from app.db import connect


        def pid():
            return connect().get_backend_pid()


        class Thing:
            def get_backend_pid(self): ...


        def of_something_else(thing: Thing):
            return thing.get_backend_pid()
    """,
    "tests/test_use.py": """
        import logging

        logging.getLogger("psycopg2").setLevel(0)
    """,
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in PROJECT.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(textwrap.dedent(text).lstrip("\n"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["migrate", "psycopg2", *arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.stdout


def test_objects_are_followed_through_files(project: Path) -> None:
    status, out = run("--write")
    assert (status, out) == (1, "")  # the name of a logger is a person's
    assert "psycopg.connect(conninfo=" in (project / "app/db.py").read_text()
    use = (project / "app/use.py").read_text()
    assert "connect().info.backend_pid\n" in use
    assert "thing.get_backend_pid()" in use
    assert (project / "requirements.txt").read_text() == "psycopg[binary]>=3.2\n"


def test_diff_changes_nothing(project: Path) -> None:
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    status, out = run()
    assert status == 1
    assert "--- a/app/db.py\n+++ b/app/db.py\n" in out
    assert before == {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}


def test_twice_is_once(project: Path) -> None:
    run("--write")
    assert not migrate([project], Settings(), project, ROUTE).texts


def test_report(project: Path) -> None:
    _, out = run("--report", "json")
    items = json.loads(out)["items"]
    manual = [each for each in items if each["outcome"] == "manual"]
    assert [(each["code"], Path(each["filename"]).name, each["location"]["row"]) for each in manual] == [
        ("ADB903", "test_use.py", 3)
    ]
    assert {each["code"] for each in items} == {"ADB901", "ADB902", "ADB903"}
    _, out = run("--report", "text")
    assert "To do by hand\n  tests/test_use.py:3:" in out


def test_nothing_to_do(project: Path) -> None:
    (project / "tests/test_use.py").unlink()
    run("--write")
    assert run() == (0, "")


def test_lists_without_code(project: Path) -> None:
    (project / "docs").mkdir()
    (project / "docs/requirements.txt").write_text("psycopg2>=2 ; python_version < '3.12'\n")
    assert run("docs/requirements.txt", "--write") == (0, "")
    assert (project / "docs/requirements.txt").read_text() == "psycopg[c]>=3.2 ; python_version < '3.12'\n"
    assert (project / "requirements.txt").read_text() == PROJECT["requirements.txt"]


def test_broken_files_stop_nothing(project: Path) -> None:
    (project / "app/broken.py").write_text("import psycopg2\ndef broken(:\n")
    status, _ = run("--write")
    assert status == 2
    assert (project / "app/broken.py").read_text() == "import psycopg2\ndef broken(:\n"
    assert "psycopg.connect" in (project / "app/db.py").read_text()


def test_unwritable_files_stop_nothing(project: Path) -> None:
    (project / "app/db.py").chmod(0o444)
    assert run("--write")[0] == 2
    assert "psycopg2.connect" in (project / "app/db.py").read_text()
    assert "info.backend_pid" in (project / "app/use.py").read_text()


# libcst's own runner

ALL = dict.fromkeys(rewrite for route in (ROUTE, ASYNC_ROUTE, *ROUTES.values()) for rewrite in route.rewrites)


@pytest.mark.parametrize("command", ALL, ids=lambda command: command.__name__)
def test_each_rewrite_is_a_command(command: type[Rewrite]) -> None:
    """It says what it does, and leaves alone a file that does not concern it."""
    assert command.DESCRIPTION.endswith(".")
    source = "import os\n\n\ndef f(x):\n    with open(x) as file:\n        return file.read()  # all\n"
    assert command(CodemodContext()).transform_module(cst.parse_module(source)).code == source


def test_libcst_runs_them(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text("import psycopg2\npsycopg2.connect()\n")
    name = f"{RenameNames.__module__}.{RenameNames.__name__}"
    command = [sys.executable, "-m", "libcst.tool", "codemod", "-x", "--no-format", name, str(file)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert file.read_text() == "import psycopg\npsycopg.connect()\n"


def test_tests_stay_with_the_code_that_stays(tmp_path: Path) -> None:
    """A file that goes with another driver too is left as it is, and so is what patches it."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "db.py").write_text(
        "try:\n    import psycopg2\nexcept ImportError:\n    import psycopg as psycopg2\n\n\n"
        "def connect():\n    return psycopg2.connect()\n"
    )
    test = tmp_path / "test_db.py"
    test.write_text(
        "from unittest import mock\nimport db\n\n@mock.patch('psycopg2.connect')\ndef test(connect): ...\n"
    )
    assert not migrate([tmp_path], Settings(), tmp_path, ROUTE).texts
    (tmp_path / "own.py").write_text("import psycopg2\npsycopg2.connect()\n")
    assert test in migrate([tmp_path], Settings(), tmp_path, ROUTE).texts


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("psycopg2", "manual"),
        ("psycopg2.extras", "manual"),
        ("import psycopg2", "manual"),
        ("Connection by psycopg2 was lost: %s", "changed behaviour"),
    ],
)
def test_texts_that_name_the_driver(tmp_path: Path, text: str, outcome: str) -> None:
    """What may be looked up is a person's; what is only shown is told of."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "a.py").write_text(f"import psycopg2\nTEXT = '{text}'\n")
    found = migrate([tmp_path], Settings(), tmp_path, ROUTE)
    assert [each.outcome for each in found.items if each.message == "a text names psycopg2"] == [outcome]
