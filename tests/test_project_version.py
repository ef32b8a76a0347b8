"""Which SQLAlchemy a project uses, by what its files say; nothing that is malformed may stop the run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from asyncdb_lint.project_version import package_version, pinned_versions, sqlalchemy_version

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    return tmp_path


UV = """
[[package]]
name = "app"
source = {{ virtual = "." }}

[[package]]
name = "SQLAlchemy"
version = "{}"
"""


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("uv.lock", UV.format("2.0.36"), "2.0"),
        ("poetry.lock", UV.format("1.4.54"), "1.4"),
        ("pdm.lock", UV.format("2.1.0b2"), "2.1"),
        ("Pipfile.lock", json.dumps({"default": {"sqlalchemy": {"version": "==2.0.1"}}}), "2.0"),
        ("requirements.txt", "sqlalchemy[asyncio]==2.0.36 \\\n    --hash=sha256:aa  # why\n", "2.0"),
        (
            "requirements-dev.txt",
            "-r base.txt\n# SQLAlchemy==2.0\nSQLAlchemy==1.4.1 ; python_version > '3'\n",
            "1.4",
        ),
        ("requirements.txt", "sqlalchemy>=1.4,<2.1\n", "2.0"),
        ("requirements.txt", "sqlalchemy\n", "2.1"),
        ("requirements.txt", "sqlalchemy<2\n", "1.4"),
        ("requirements.txt", "sqlalchemy~=2.0.5\n", "2.0"),
        ("requirements.txt", "sqlalchemy~=2.0\n", "2.1"),
        ("requirements.txt", "sqlalchemy>=2.0.40,<2.0.41\n", "2.0"),
        ("requirements.txt", "sqlalchemy==2.2.1\n", "2.1"),
        ("requirements.txt", "sqlalchemy==1.3.24\n", "1.4"),
        ("requirements.txt", "sqlalchemy==2.0.*\n", "2.0"),
        (
            "pyproject.toml",
            "[project]\ndependencies = [\"SQLAlchemy[asyncio] >=2,<2.1; python_version>'3'\"]\n",
            "2.0",
        ),
        ("pyproject.toml", '[project.optional-dependencies]\ndb = ["sqlalchemy<2"]\n', "1.4"),
        ("pyproject.toml", '[dependency-groups]\ndb = [{include-group = "x"}, "sqlalchemy<2.1"]\n', "2.0"),
        ("pyproject.toml", '[tool.poetry.dependencies]\npython = "^3.11"\nsqlalchemy = "^1.4"\n', "1.4"),
        (
            "pyproject.toml",
            '[tool.poetry.dependencies]\nsqlalchemy = {version = "~2.0.1", extras = ["asyncio"]}\n',
            "2.0",
        ),
        ("pyproject.toml", '[tool.poetry.group.db.dependencies]\nsqlalchemy = "2.0.*"\n', "2.0"),
        ("pyproject.toml", '[tool.poetry.dependencies]\nsqlalchemy = "*"\n', "2.1"),
        ("pyproject.toml", '[tool.poetry.dependencies]\nsqlalchemy = "2.0.36"\n', "2.0"),
        ("Pipfile", '[packages]\nsqlalchemy = "~=2.0.1"\n', "2.0"),
        ("setup.cfg", "[options]\ninstall_requires =\n    attrs\n    sqlalchemy>=1.4,<2\n", "1.4"),
        ("setup.cfg", "[options.extras_require]\ndb =\n    sqlalchemy<2.1\n", "2.0"),
        ("setup.py", "setup(install_requires=['attrs', \"sqlalchemy[asyncio] >=1.4, <2.0\"])\n", "1.4"),
    ],
)
def test_each_kind_of_file(root: Path, name: str, content: str, line: str) -> None:
    (root / name).write_text(content)

    assert line == sqlalchemy_version(root)


def test_nothing_said_means_the_newest(root: Path) -> None:
    assert sqlalchemy_version(root) == "2.1"


@pytest.mark.parametrize(
    "name",
    [
        "uv.lock",
        "poetry.lock",
        "Pipfile.lock",
        "Pipfile",
        "pyproject.toml",
        "setup.cfg",
        "setup.py",
        "requirements.txt",
    ],
)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\0",
        b"[[[",
        b"[]",
        b"{}",
        b"package = 3",
        b'{"default": 3}',
        b"project = 1",
        b"[project]\ndependencies = 7",
        b"[tool]\npoetry = 2",
        b"[packages]\nsqlalchemy = 2",
        b"[[package]]\nversion = 1",
        b"sqlalchemy===",
        b"=2.0",
        b"[options]\nx",
        b'[tool.poetry.dependencies]\nsqlalchemy = "^"',
        b"'sqlalchemy >='",
    ],
)
def test_malformed_files_say_nothing(root: Path, name: str, content: bytes) -> None:
    (root / name).write_bytes(content)

    assert (sqlalchemy_version(root), pinned_versions(root)) == ("2.1", {})


def test_a_folder_instead_of_a_file_says_nothing(root: Path) -> None:
    (root / "uv.lock").mkdir()

    assert sqlalchemy_version(root) == "2.1"
    assert sqlalchemy_version(root / "gone") == "2.1"


def test_a_lock_file_comes_before_a_range(root: Path) -> None:
    (root / "pyproject.toml").write_text('[project]\ndependencies = ["sqlalchemy>=2"]\n')
    (root / "uv.lock").write_text(UV.format("2.0.36"))

    assert sqlalchemy_version(root) == "2.0"


def test_the_nearest_folder_counts(root: Path) -> None:
    (root / "requirements.txt").write_text("sqlalchemy==1.4.1\nasyncpg==0.29.0\n")
    service = root / "services" / "orders"
    service.mkdir(parents=True)
    (service / "pyproject.toml").write_text('[project]\ndependencies = ["asyncpg>=0.30"]\n')
    assert (sqlalchemy_version(service), package_version(service, "asyncpg")) == ("1.4", None)
    assert package_version(root / "services", "asyncpg") == "0.29.0"

    other = root / "services" / "users"
    other.mkdir()
    (other / "pyproject.toml").write_text('[project]\ndependencies = ["sqlalchemy>=2.0,<2.1"]\n')
    assert sqlalchemy_version(other) == "2.0"


def test_the_lock_of_a_workspace_holds_for_its_members(root: Path) -> None:
    (root / "uv.lock").write_text(UV.format("2.0.36"))
    member = root / "packages" / "a"
    member.mkdir(parents=True)
    (member / "pyproject.toml").write_text('[project]\ndependencies = ["sqlalchemy>=1.4"]\n')

    assert (sqlalchemy_version(member), package_version(member, "sqlalchemy")) == ("2.0", "2.0.36")


def test_files_outside_of_the_repository_do_not_count(root: Path) -> None:
    (root / "requirements.txt").write_text("sqlalchemy==1.4.1\n")
    inner = root / "vendored"
    (inner / ".git").mkdir(parents=True)

    assert sqlalchemy_version(inner) == "2.1"


def test_names_are_normalised(root: Path) -> None:
    (root / "requirements.txt").write_text("Psycopg2_Binary==2.9.9\n")

    assert "2.9.9" == package_version(root, "psycopg2-binary") == package_version(root, "psycopg2.binary")
    assert None is package_version(root, "asyncpg")
    assert pinned_versions(root) == {"psycopg2-binary": "2.9.9"}
