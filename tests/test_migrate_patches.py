"""What tests patch, and files that go with either driver, in `asyncdb-lint migrate psycopg2`."""

from __future__ import annotations

import textwrap
from pathlib import Path

import libcst as cst
import pytest
from libcst.codemod import CodemodContext

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.command import ITEMS
from asyncdb_lint.migrate.from_psycopg2 import ROUTE
from asyncdb_lint.migrate.from_psycopg2.messages import MissingPackage
from asyncdb_lint.migrate.from_psycopg2.names import RenameNames
from asyncdb_lint.migrate.from_psycopg2.patches import PatchTargets
from asyncdb_lint.migrate.project import Migration, migrate

START = "import importlib, sys\nfrom unittest import mock\nfrom unittest.mock import patch\nimport pytest, psycopg2\n"
PROJECT = {
    "pyproject.toml": "",
    "app/__init__.py": "",
    "app/db.py": """
        import psycopg2
        from psycopg2 import sql
        from psycopg2.extensions import parse_dsn


        def get(dsn):
            return psycopg2.connect(**parse_dsn(dsn)), sql.SQL("select 1")
    """,
}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('mock.patch("psycopg2.connect")', 'mock.patch("psycopg.connect")'),
        ("patch('psycopg2.extensions.connection', f)", "patch('psycopg.Connection', f)"),
        (
            'mocker.patch("psycopg2.extensions.parse_dsn")',
            'mocker.patch("psycopg.conninfo.conninfo_to_dict")',
        ),
        ('monkeypatch.setattr("psycopg2.connect", f)', 'monkeypatch.setattr("psycopg.connect", f)'),
        ('importlib.import_module("psycopg2")', 'importlib.import_module("psycopg")'),
        ('x = pytest.importorskip("psycopg2.sql")', 'x = pytest.importorskip("psycopg.sql")'),
        ('patch.object(psycopg2, "connect", f)', 'patch.object(psycopg, "connect", f)'),
        ('monkeypatch.setattr(psycopg2, "connect", f)', 'monkeypatch.setattr(psycopg, "connect", f)'),
        ("""shown = "<class 'psycopg2.extensions.cursor'>\"""", """shown = "<class 'psycopg.Cursor'>\""""),
    ],
)
def test_targets(before: str, after: str) -> None:
    context = CodemodContext()
    once = PatchTargets(context).transform_module(cst.parse_module(f"{START}{before}\n")).code
    assert once.splitlines()[-1] == after
    assert PatchTargets(CodemodContext()).transform_module(cst.parse_module(once)).code == once
    assert {each.outcome for each in context.scratch[ITEMS]} == {"rewritten", "changed behaviour"}


@pytest.mark.parametrize(
    "text",
    [
        'patch("app.connect")',
        'patch("psycopg2_fake.connect")',
        'print("psycopg2.connect")',
        'importlib.import_module("psycopg2_extras")',
        'patch.object(thing, "connect")',
    ],
)
def test_other_texts_are_left_alone(text: str) -> None:
    context = CodemodContext()
    assert (
        PatchTargets(context).transform_module(cst.parse_module(f"{START}{text}\n")).code
        == f"{START}{text}\n"
    )
    assert not context.scratch[ITEMS]


@pytest.mark.parametrize(
    "text",
    [
        'patch("psycopg2.extras.execute_values")',
        'patch.object(psycopg2.extras, "execute_values")',
        'sys.modules["psycopg2"] = f',
        'patch.dict("sys.modules", {"psycopg2": f})',
    ],
)
def test_what_only_a_person_knows(text: str) -> None:
    context = CodemodContext()
    assert (
        PatchTargets(context).transform_module(cst.parse_module(f"{START}{text}\n")).code
        == f"{START}{text}\n"
    )
    assert [each.outcome for each in context.scratch[ITEMS]] == ["manual"]


def of_project(folder: Path, files: dict[str, str]) -> Migration:
    for name, text in {**PROJECT, **files}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text).lstrip("\n"))
    found = migrate([folder], Settings(), folder, ROUTE)
    found.write()
    assert not migrate([folder], Settings(), folder, ROUTE).texts
    return found


def test_targets_in_modules_of_the_project(tmp_path: Path) -> None:
    found = of_project(
        tmp_path,
        {
            "tests/test_db.py": """
                from unittest.mock import patch

                from app import db

                MODULE = "app.db"


                @patch("app.db.psycopg2.connect")
                @patch("app.db.psycopg2")
                @patch("app.db.parse_dsn")
                @patch("app.db.sql.SQL")
                @patch(f"{MODULE}.psycopg2.connect")
                def test(*fakes, monkeypatch):
                    monkeypatch.setattr(db, "psycopg2", None)
                    with patch.object(db.psycopg2, "connect", side_effect=db.psycopg2.OperationalError):
                        db.get("")
            """
        },
    )
    text = (tmp_path / "tests/test_db.py").read_text()
    assert not found.manual
    assert "psycopg2" not in text
    for part in (
        '@patch("app.db.psycopg.connect")\n@patch("app.db.psycopg")\n@patch("app.db.conninfo_to_dict")\n',
        '@patch("app.db.sql.SQL")\n@patch(f"{MODULE}.psycopg.connect")\n',
        'monkeypatch.setattr(db, "psycopg", None)',
        'patch.object(db.psycopg, "connect", side_effect=db.psycopg.OperationalError)',
    ):
        assert part in text


BOTH = [
    "try:\n    import psycopg\nexcept ImportError:\n    import psycopg2 as psycopg\n",
    "try:\n    from psycopg2 import sql\nexcept ImportError:\n    from psycopg import sql\n",
    "try:\n    import psycopg2\nexcept ImportError:\n    psycopg2 = None\n"
    "try:\n    import psycopg\nexcept ImportError:\n    psycopg = None\n",
    "if NEW:\n    import psycopg\nelse:\n    import psycopg2\n",
    "try:\n    import psycopg2\nexcept ImportError:\n    import pg8000 as psycopg2\n",
]


@pytest.mark.parametrize("text", BOTH)
def test_files_that_go_with_either_driver(text: str, tmp_path: Path) -> None:
    assert RenameNames(CodemodContext()).transform_module(cst.parse_module(text)).code == text
    requirements = {
        "requirements.txt": "psycopg2\n",
        "app/both.py": text,
        "app/other.py": '"""On psycopg2."""\n',
    }
    found = of_project(tmp_path, requirements)
    assert [path.name for path in found.texts] == ["db.py"]
    assert [each.message for each in found.manual] == [
        "the file takes another driver where psycopg2 is not installed: it is left as it is"
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import psycopg\nimport psycopg2\nf(psycopg2.connect)\n", "import psycopg\nf(psycopg.connect)\n"),
        (
            "try:\n    import psycopg2\nexcept ImportError:\n    psycopg2 = None\nif psycopg2:\n    psycopg2.connect\n",
            "try:\n    import psycopg\nexcept ImportError:\n    psycopg = None\nif psycopg:\n    psycopg.connect\n",
        ),
        (
            "try:\n    import psycopg2 as pg\nexcept ImportError:\n    pg = None\ndef f(): return pg is None\n",
            "try:\n    import psycopg as pg\nexcept ImportError:\n    pg = None\ndef f(): return pg is None\n",
        ),
        (
            "try:\n    import psycopg2\nexcept ImportError:\n    psycopg2 = None\nf(psycopg2)\ng(psycopg2.connect)\n",
            "try:\n    import psycopg2\n    import psycopg\nexcept ImportError:\n    psycopg2 = psycopg = None\n"
            "f(psycopg2)\ng(psycopg.connect)\n",
        ),
        (
            "try:\n    from psycopg2.extensions import cursor\nexcept ImportError:\n    from t import cursor\n",
            "try:\n    from psycopg import Cursor as cursor\nexcept ImportError:\n    from t import cursor\n",
        ),
        (
            "try:\n    from psycopg2.extensions import cursor\nexcept ImportError:\n    cursor = object\n",
            "try:\n    from psycopg import Cursor as cursor\nexcept ImportError:\n    cursor = object\n",
        ),
    ],
)
def test_names_that_may_be_missing(before: str, after: str) -> None:
    found = RenameNames(CodemodContext()).transform_module(cst.parse_module(before)).code
    assert found.replace("import psycopg\nimport psycopg\n", "import psycopg\n") == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "except ImportError:\n    raise ImportError('`psycopg2` is missing: `pip install psycopg2-binary`')\n",
            "except ImportError:\n    raise ImportError('`psycopg` is missing: `pip install psycopg[binary]`')\n",
        ),
        (
            "except ImportError:\n    print(f'no psycopg2: {x}')\n",
            "except ImportError:\n    print(f'no psycopg: {x}')\n",
        ),
        (
            "except ImportError:\n    print('psycopg2>=2.8')\n",
            "except ImportError:\n    print('psycopg2>=2.8')\n",
        ),
        ("except ValueError:\n    print('psycopg2')\n", "except ValueError:\n    print('psycopg2')\n"),
    ],
)
def test_messages(before: str, after: str) -> None:
    start = "try:\n    pass\n"
    found = MissingPackage(CodemodContext()).transform_module(cst.parse_module(start + before)).code
    assert found == start + after
