"""The hooks of `.pre-commit-hooks.yaml`, run by pre-commit itself when something is committed."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
NEEDED = ["asyncdb_lint", "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml"]

DB = """\
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

SessionLocal = sessionmaker(create_engine("postgresql+psycopg://localhost/app", pool_pre_ping=True))
"""

# Only together with `app/db.py` can anybody see what is wrong here.
BLOCKS = """\
from sqlalchemy import select

from app.db import SessionLocal


async def one() -> int | None:
    with SessionLocal() as session:
        return session.scalar(select(1))
"""

CLEAN = BLOCKS.replace("async def", "def")

FORGETS = """\
from sqlalchemy.ext.asyncio import AsyncSession


async def save(session: AsyncSession, user: object) -> None:
    session.add(user)
    session.commit()
"""


@dataclass
class Repository:
    """A git repository of this test; what comes back from commands is status and output."""

    folder: Path
    environment: dict[str, str]

    def run(self, *command: str) -> tuple[int, str]:
        result = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return result.returncode, result.stdout

    def must(self, *command: str) -> str:
        status, output = self.run(*command)
        assert status == 0, output
        return output.strip()

    def write(self, **files: str) -> None:
        """Files of the package `app`, by module name."""
        for name, text in files.items():
            path = self.folder / "app" / f"{name}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)

    def commit(self, *options: str) -> tuple[int, str]:
        self.must("git", "add", "--all")
        return self.run("git", "commit", "--message", "change", *options)

    def commits(self) -> int:
        return int(self.must("git", "rev-list", "--count", "HEAD"))


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """No git settings but these, and a pre-commit without a past."""
    inherited = {
        key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "PRE_COMMIT"))
    }
    return inherited | {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.org",
        "PRE_COMMIT_HOME": str(tmp_path_factory.mktemp("pre-commit")),
        "PRE_COMMIT_COLOR": "never",
    }


@pytest.fixture(scope="module")
def linter(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Repository:
    """The working tree as a repository of its own, for pre-commit to clone and install."""
    repository = Repository(tmp_path_factory.mktemp("linter"), environment)
    for name in NEEDED:
        source, target = ROOT / name, repository.folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    repository.must("git", "init", "--quiet")
    assert repository.commit("--quiet") == (0, "")
    return repository


@pytest.fixture
def project(tmp_path: Path, linter: Repository, request: pytest.FixtureRequest) -> Repository:
    """A project with one good commit and one hook of ours, named by the test's parameter."""
    repository = Repository(tmp_path, linter.environment)
    (tmp_path / "pyproject.toml").write_text("[tool.asyncdb-lint]\nexclude = ['app/old.py']\n")
    (tmp_path / ".pre-commit-config.yaml").write_text(f"""\
repos:
  - repo: {linter.folder}
    rev: {linter.must("git", "rev-parse", "HEAD")}
    hooks:
      - id: {request.param}
""")
    repository.must("git", "init", "--quiet")
    repository.write(__init__="", db=DB)
    assert repository.commit("--quiet") == (0, "")
    repository.must(sys.executable, "-m", "pre_commit", "install")
    return repository


def hook(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("project", [name], indirect=True)


@hook("asyncdb-lint")
def test_a_clean_commit_passes(project: Repository) -> None:
    project.write(route=CLEAN)
    status, output = project.commit()

    assert (status, project.commits()) == (0, 2), output


@hook("asyncdb-lint")
def test_a_bad_commit_is_stopped_by_what_another_file_says(project: Repository) -> None:
    project.write(route=BLOCKS)
    status, output = project.commit()

    assert (status, project.commits()) == (1, 1), output
    assert "ADB102" in output
    assert "app/route.py" in output


@hook("asyncdb-lint")
def test_an_excluded_file_passes_although_it_is_named(project: Repository) -> None:
    project.write(old=BLOCKS)
    status, output = project.commit()

    assert (status, project.commits()) == (0, 2), output


@hook("asyncdb-lint-fix")
def test_a_fixable_commit_is_fixed_and_then_passes(project: Repository) -> None:
    project.write(users=FORGETS)
    status, output = project.commit()

    assert (status, project.commits()) == (1, 1), output
    fixed = (project.folder / "app/users.py").read_text()
    assert fixed == FORGETS.replace("    session.commit()", "    await session.commit()")

    status, output = project.commit()
    assert (status, project.commits()) == (0, 2), output


@hook("asyncdb-lint-fix")
def test_what_cannot_be_fixed_is_still_stopped(project: Repository) -> None:
    project.write(route=BLOCKS)
    status, output = project.commit()

    assert (status, project.commits()) == (1, 1), output
    assert (project.folder / "app/route.py").read_text() == BLOCKS


@hook("asyncdb-lint-project")
def test_the_project_hook_also_sees_files_that_did_not_change(project: Repository) -> None:
    project.write(route=BLOCKS)
    assert project.commit("--no-verify")[0] == 0
    project.write(other="ANSWER = 42\n")
    status, output = project.commit()

    assert (status, project.commits()) == (1, 2), output
    assert "app/route.py" in output


@hook("asyncdb-lint-project")
def test_the_project_hook_passes_a_clean_project(project: Repository) -> None:
    project.write(route=CLEAN)
    status, output = project.commit()

    assert (status, project.commits()) == (0, 2), output
