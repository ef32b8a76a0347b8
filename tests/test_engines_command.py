"""`asyncdb-lint engines`, as users run it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from asyncdb_lint.cli import cli
from asyncdb_lint.errors import UsageProblem

PROJECT = {
    "app/__init__.py": "",
    "app/database.py": """\
import os

from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

engine = create_async_engine(
    "postgresql+asyncpg://app@db/app",
    pool_size=8,
    max_overflow=int(os.getenv("OVERFLOW", "4")),
    pool_pre_ping=True,
    pool_recycle=300,
    connect_args={"statement_cache_size": 0},
)
Session = async_sessionmaker(engine)
reports = create_engine("postgresql+psycopg://app@db/reports")
unknown = create_engine(os.environ["OTHER_URL"])
local = create_engine("sqlite:///local.db")
""",
    "app/main.py": """\
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI

from .database import engine


@asynccontextmanager
async def lifespan(app):
    app.state.pool = await asyncpg.create_pool("postgresql://app@db/app", max_size=7)
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)
""",
    "tests/test_app.py": """\
from sqlalchemy import create_engine

engine = create_engine("postgresql+psycopg://app@db/test", pool_size=50)
""",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").write_text("[tool.asyncdb-lint]\nmax-connections = 60\nprocesses = 2\n")
    for name, text in PROJECT.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, command: str = "engines") -> str:
    result = CliRunner().invoke(cli, [command, *arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.output


def test_json(project: Path) -> None:
    answer = json.loads(run("--output-format", "json"))
    found = {each["name"]: each for each in answer["engines"]}

    engine = found["engine"]
    assert engine["location"] == {
        "filename": (project / "app/database.py").as_posix(), "row": 6, "column": 10,
    }  # fmt: skip
    assert (engine["kind"], engine["mode"], engine["driver"], engine["database"]) == (
        "engine", "async", "asyncpg", "postgresql",
    )  # fmt: skip
    assert (engine["pool"], engine["least"], engine["most"]) == ("AsyncAdaptedQueuePool", 8, 12)
    assert engine["options"] == {"pool_pre_ping": "True", "pool_recycle": "300", "statement_cache_size": "0"}
    assert [place["row"] for place in engine["closed"]] == [13]

    assert (found["reports"]["most"], found["reports"]["closed"]) == (15, [])
    assert (found["unknown"]["pool"], found["unknown"]["most"], found["unknown"]["driver"]) == (
        None,
        None,
        None,
    )
    assert (found["Session"]["kind"], found["Session"]["engine"]) == ("session factory", "engine")
    assert (found["app.state.pool"]["kind"], found["app.state.pool"]["most"]) == ("pool", 7)
    assert not found["local"]["counts"]
    assert answer["connections"] == {
        "per_process": 12 + 15 + 7, "processes": 2, "total": 68, "max_connections": 60, "pools_of_unknown_size": 1,
    }  # fmt: skip


def test_table(project: Path) -> None:
    text = run()
    assert "8 + 4" in text
    assert "app/database.py:6" in text
    assert "app/main.py:13" in text
    assert "68 in 2 processes; the server takes 60: 8 too many" in text
    assert "1 of unknown size" in text


def test_part_of_a_project(project: Path) -> None:
    """Facts come from the whole project, what is listed from the given paths."""
    answer = json.loads(run("app/main.py", "--output-format", "json"))
    assert [each["name"] for each in answer["engines"]] == ["app.state.pool"]


def test_same_sum_as_the_rule(project: Path) -> None:
    said = run("--select", "ADB602", "--output-format", "concise", command="check")
    assert "may open 68 connections, and the server takes 60" in said


def test_nothing_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.py").write_text("print('no database')\n")
    assert run() == "No engine, pool or session factory found.\n"
    assert json.loads(run("--output-format", "json"))["engines"] == []


def test_wrong_use(project: Path) -> None:
    with pytest.raises(UsageProblem, match="missing does not exist"):
        run("missing")
    (project / "pyproject.toml").write_text("[tool.asyncdb-lint]\nprocesses = 0\n")
    with pytest.raises(UsageProblem, match=r"pyproject.toml:2.*processes"):
        run()


def test_syntax_error_elsewhere(project: Path) -> None:
    (project / "app/broken.py").write_text("def broken(:\n")
    assert len(json.loads(run("--output-format", "json"))["engines"]) == 6
