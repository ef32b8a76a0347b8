"""The pipeline on whole projects: facts cross files, and leaving files unparsed changes nothing."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from asyncdb_lint import checking, engine, workers
from asyncdb_lint.cli import cli
from asyncdb_lint.config import Settings
from asyncdb_lint.rules import all_rules
from asyncdb_lint.screen import Screen
from asyncdb_lint.semantics import builder

ROOT = Path(__file__).parents[1]

DB = """\
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

SessionLocal = sessionmaker(create_engine("postgresql+psycopg://localhost/app", pool_pre_ping=True))
"""
ASYNC_DB = """\
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

SessionLocal = async_sessionmaker(
    create_async_engine("postgresql+asyncpg://localhost/app", pool_pre_ping=True), expire_on_commit=False
)
"""
QUERIES = """\
from app.db import SessionLocal


def rows(query):
    with SessionLocal() as session:
        return session.execute(query).all()


def first(query):
    return rows(query)[0]
"""
CALLS = """\
from app.queries import first


async def one(query):
    return first(query)
"""
PLUGIN = """\
import pytest_asyncio
from app.db import SessionLocal


@pytest_asyncio.fixture
async def db():
    async with SessionLocal() as session:
        yield session
"""
ROUTE = """\
from {module} import SessionLocal


async def one(query: object) -> object:
    with SessionLocal() as session:
        return session.execute(query)
"""
ASYNC_ROUTE = ROUTE.replace("    with", "    async with")


def tree(root: Path, **files: str) -> Path:
    """A project of Python files; `__` in a name without slashes stands for one."""
    for name, text in files.items():
        file = root / f"{name if '/' in name else name.replace('__', '/')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def package(*folders: Path) -> None:
    for folder in folders:
        (folder / "__init__.py").touch()


def found(root: Path, *paths: str, **settings: Any) -> list[tuple[str, str, int]]:
    """Code, file and row of every finding."""
    outcome = engine.run([root / path for path in paths or (".",)], Settings(**settings), base=root, jobs=1)
    assert [] == outcome.crashes
    return [
        (each.code, Path(each.filename).relative_to(root).as_posix(), each.location.row)
        for each in outcome.findings
    ]


# Facts across files


def test_a_factory_of_another_module(tmp_path: Path) -> None:
    tree(tmp_path, app__db=DB, app__route=ROUTE.format(module="app.db"))
    package(tmp_path / "app")
    (tmp_path / "pyproject.toml").touch()
    expected = [("ADB102", "app/route.py", 6)]

    assert expected == found(tmp_path)
    assert expected == found(tmp_path, "app/route.py")
    assert expected == found(tmp_path, "app")
    assert expected == found(tmp_path, "app/route.py", "app/db.py")
    assert [] == found(tmp_path, "app/db.py")


def test_what_the_other_module_says_decides(tmp_path: Path) -> None:
    tree(tmp_path, app__db=ASYNC_DB, app__route=ASYNC_ROUTE.format(module="app.db"))
    package(tmp_path / "app")
    (tmp_path / "pyproject.toml").touch()
    assert [] == [each for each in found(tmp_path) if each[0] == "ADB102"]

    (tmp_path / "app" / "db.py").write_text("SessionLocal = print\n")
    assert [] == found(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "from app.db import SessionLocal",
        "from app.db import SessionLocal as SessionLocal",
        "from .db import SessionLocal",
        "from app import SessionLocal",
        "from app import *",
        "from . import db; SessionLocal = db.SessionLocal",
        "import app.db as database; SessionLocal = database.SessionLocal",
        "import app.db; SessionLocal = app.db.SessionLocal",
        "from app.again import Factory as SessionLocal",
        "import os; from app.db import SessionLocal",
        "import os;from app.db import SessionLocal",
        "if True: from app.db import SessionLocal",
        "from app.db import \\\n    SessionLocal",
        "from app.db \\\n    import SessionLocal",
        "from app.db import (  # the factory (sync)\n    SessionLocal,\n)",
        "from app.db import(SessionLocal)",
        "\ufefffrom app.db import SessionLocal",
        "try:\n    from app.db import SessionLocal\nexcept ImportError:\n    pass",
    ],
)
def test_every_form_of_import(tmp_path: Path, line: str) -> None:
    tree(
        tmp_path,
        **{"app/__init__": "from app.db import SessionLocal\n"},
        app__db=DB,
        app__again="from app.db import SessionLocal as Factory\n",
        app__route=ROUTE.replace("from {module} import SessionLocal", line),
    )
    (tmp_path / "pyproject.toml").touch()
    expected = [("ADB102", "app/route.py", 6 + line.count("\n"))]

    assert expected == found(tmp_path)
    assert expected == found(tmp_path, "app/route.py")


@pytest.mark.parametrize(
    "line",
    [
        "from sqlalchemy.orm import Session",
        "\ufefffrom sqlalchemy.orm import Session",
        "import os; from sqlalchemy.orm import Session",
        "if True: from sqlalchemy.orm import Session",
        "from sqlalchemy.orm \\\n    import Session",
        "import os, sqlalchemy.orm; Session = sqlalchemy.orm.Session",
        "import os, \\\n    sqlalchemy.orm as orm; Session = orm.Session",
    ],
)
def test_every_form_of_import_of_a_library(tmp_path: Path, line: str) -> None:
    route = "async def one(session: Session, query: object) -> None:\n    session.execute(query)\n"
    for newline in ("\n", "\r\n", "\r"):
        (tmp_path / "route.py").write_bytes(f"{line}\n\n{route}".replace("\n", newline).encode())

        assert [("ADB102", "route.py", 4 + line.count("\n"))] == found(tmp_path), newline


def test_a_package_without_a_project_file(tmp_path: Path) -> None:
    tree(tmp_path, app__db=DB, app__api__route=ROUTE.format(module="app.db"))
    package(tmp_path / "app", tmp_path / "app" / "api")

    assert [("ADB102", "app/api/route.py", 6)] == found(tmp_path)
    assert [("ADB102", "app/api/route.py", 6)] == found(tmp_path, "app")
    assert [("ADB102", "app/api/route.py", 6)] == found(tmp_path, "app/api")
    assert [("ADB102", "app/api/route.py", 6)] == found(tmp_path, "app/api/route.py")


def test_a_namespace_package(tmp_path: Path) -> None:
    tree(tmp_path, company__data__db=DB, company__web__route=ROUTE.format(module="company.data.db"))
    (tmp_path / "pyproject.toml").touch()

    assert [("ADB102", "company/web/route.py", 6)] == found(tmp_path)
    assert [("ADB102", "company/web/route.py", 6)] == found(tmp_path, "company/web")


def test_a_source_folder(tmp_path: Path) -> None:
    tree(tmp_path, src__app__db=DB, src__app__route=ROUTE.format(module="app.db"))
    tree(tmp_path, tests__helper=ROUTE.format(module="app.db"))
    package(tmp_path / "src" / "app")
    (tmp_path / "pyproject.toml").touch()

    assert [("ADB102", "src/app/route.py", 6)] == found(tmp_path, "src")
    assert [("ADB102", "src/app/route.py", 6)] == found(tmp_path, "src/app/route.py")


def test_two_packages_of_one_name(tmp_path: Path) -> None:
    tree(tmp_path, blue__app__db=DB, blue__app__route=ROUTE.format(module="app.db"))
    tree(tmp_path, green__app__db=ASYNC_DB, green__app__route=ASYNC_ROUTE.format(module="app.db"))
    package(tmp_path / "blue" / "app", tmp_path / "green" / "app")
    (tmp_path / "pyproject.toml").touch()
    expected = [("ADB102", "blue/app/route.py", 6)]

    assert expected == [each for each in found(tmp_path) if each[0] == "ADB102"]
    assert expected == found(tmp_path, "blue/app/route.py")
    assert [] == [each for each in found(tmp_path, "green/app/route.py") if each[0] == "ADB102"]


def test_several_projects_in_one_run(tmp_path: Path) -> None:
    for name, database in (("blue", DB), ("green", "SessionLocal = print\n")):
        tree(tmp_path / name, db=database, route=ROUTE.format(module="db"))
        (tmp_path / name / "pyproject.toml").touch()

    assert [("ADB102", "blue/route.py", 6)] == found(tmp_path, "blue", "green") == found(tmp_path)


def test_fixtures_of_a_conftest_that_only_names_its_plugins(tmp_path: Path) -> None:
    test = "async def test_it(db):\n    await db.expunge_all()\n"
    plugins = 'pytest_plugins = ["tests.databases"]\n'
    tree(
        tmp_path,
        app__db=ASYNC_DB,
        tests__conftest=plugins,
        tests__databases=PLUGIN,
        tests__unit__test_it=test,
    )
    package(tmp_path / "app", tmp_path / "tests", tmp_path / "tests/unit")
    (tmp_path / "pyproject.toml").touch()
    expected = [("ADB202", "tests/unit/test_it.py", 2)]

    assert expected == found(tmp_path)
    assert expected == found(tmp_path, "tests/unit/test_it.py")


def test_excluded_files_hold_no_findings(tmp_path: Path) -> None:
    tree(tmp_path, app__db=DB, app__route=ROUTE.format(module="app.db"))
    package(tmp_path / "app")
    (tmp_path / "pyproject.toml").touch()

    assert [] == found(tmp_path, extend_exclude=("route.py",))
    assert 1 == len(found(tmp_path, "app/route.py", extend_exclude=("route.py",)))


def test_globs_are_relative_to_the_base(tmp_path: Path) -> None:
    tree(tmp_path, app__db=DB, app__route=ROUTE.format(module="app.db"))
    (tmp_path / "pyproject.toml").touch()

    for glob, left in (
        ("app/*.py", 0),
        ("app", 0),
        ("*/route.py", 0),
        ("route.py", 0),
        ("db.py", 1),
        ("ap", 1),
    ):
        assert left == len(found(tmp_path, per_file_ignores={glob: ("ADB102",)})), glob


# One file and the whole project


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(ROOT / "examples" / "shop", tmp_path_factory.mktemp("examples") / "shop"))


def test_a_file_alone_has_the_findings_that_it_has_in_the_whole(shop: Path) -> None:
    whole = found(shop)
    files = sorted(file.relative_to(shop).as_posix() for file in shop.rglob("*.py"))

    assert set(whole) == {each for file in files for each in found(shop, file)}
    assert whole == found(shop, *files)


def test_a_finding_is_given_for_every_file_of_its_chain(tmp_path: Path) -> None:
    tree(tmp_path, app__db=DB, app__queries=QUERIES, app__route=CALLS)
    package(tmp_path / "app")
    (tmp_path / "pyproject.toml").touch()

    for file in ("queries", "route"):
        (finding,) = engine.run([tmp_path / "app" / f"{file}.py"], Settings(select=("ADB104",))).findings
        assert (tmp_path / "app" / "route.py").as_posix() == finding.filename
        assert [(tmp_path / "app" / "queries.py").as_posix()] * 2 == [step.filename for step in finding.chain]
    assert [] == engine.run([tmp_path / "app" / "db.py"], Settings(select=("ADB104",))).findings


# Screening


def take_every_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def everything(_: Screen, __: object, modules: Iterable[str]) -> set[str]:
        return set(modules)

    monkeypatch.setattr(Screen, "names_database", lambda *_: True)
    monkeypatch.setattr(Screen, "who_names", everything)


@pytest.mark.parametrize("what", ["tests/fixtures", "examples/shop", "examples/shop_repaired"])
def test_screening_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    project = tmp_path / "code"
    shutil.copytree(ROOT / what, project)
    (project / "pyproject.toml").touch()
    screened = engine.run([project], Settings(select=("ALL",)), jobs=1)
    take_every_file(monkeypatch)
    everything = engine.run([project], Settings(select=("ALL",)), jobs=1)

    assert everything.findings == screened.findings
    assert everything == screened
    assert ("repaired" in what) == (screened.findings == [])


@pytest.mark.slow
@pytest.mark.parametrize(
    "package", ["aiosqlite", "asyncpg", "fastapi", "pre_commit", "psycopg_pool", "sqlmodel"]
)
def test_screening_changes_nothing_in_real_packages(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    (folder,) = spec.submodule_search_locations or ()
    screened = engine.run([Path(folder)], Settings(select=("ALL",)))
    take_every_file(monkeypatch)

    assert engine.run([Path(folder)], Settings(select=("ALL",))) == screened


def test_files_that_cannot_matter_are_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, app__db=DB, app__route=ROUTE.format(module="app.db"))
    tree(tmp_path, app__other="import json\n\nSessionLocal = json.dumps\n", app__strings="x = 'sqlalchemy'\n")
    package(tmp_path / "app")
    (tmp_path / "pyproject.toml").touch()
    parsed: list[str] = []
    build = builder.build

    def remember(tree: Any, name: str, *arguments: Any, **options: Any) -> Any:
        parsed.append(name)
        return build(tree, name, *arguments, **options)

    monkeypatch.setattr(builder, "build", remember)
    found(tmp_path)

    assert ["app.db", "app.route"] == sorted(parsed)


# Crashes of our own


@pytest.fixture
def crashing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with findings of two rules, one of which stumbles."""
    tree(tmp_path, db=DB, route=ROUTE.format(module="db") + "        session.commit()\n")
    (tmp_path / "pyproject.toml").touch()
    (rule,) = (rule for rule in all_rules() if rule.code == "ADB604")
    (tmp_path / "db.py").write_text(DB.replace(", pool_pre_ping=True", ""))

    def stumble(*_: object) -> None:
        raise KeyError("one\ntwo")

    for name in checking.visits(rule):
        monkeypatch.setattr(rule, f"visit_{name}", stumble)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_crash_of_one_rule_is_one_line(crashing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASYNCDB_LINT_DEBUG", raising=False)
    done = CliRunner().invoke(cli, ["--output-format", "concise"], standalone_mode=False)
    said = done.stderr.splitlines()

    assert (2, None) == (done.return_value, done.exception)
    assert "route.py:6:16: ADB102 " in done.stdout
    assert [f"asyncdb-lint: internal error, please report it: ADB604 on {crashing / 'db.py'}: KeyError"] == [
        line.rpartition(":")[0] for line in said
    ]

    monkeypatch.setenv("ASYNCDB_LINT_DEBUG", "1")
    done = CliRunner().invoke(cli, ["--output-format", "concise"], standalone_mode=False)
    assert "Traceback" in done.stderr


def test_a_crash_in_a_process(crashing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "WORTH_A_PROCESS", 0)
    alone = engine.run([crashing], Settings(), jobs=1)
    outcome = engine.run([crashing], Settings(), jobs=2)

    assert alone.findings == outcome.findings
    assert 1 == len(alone.crashes) == len(outcome.crashes)


def test_a_crash_while_a_file_is_understood(crashing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(crashing)
    build = builder.build

    def stumble(tree: Any, name: str, *arguments: Any, **options: Any) -> Any:
        if name == "odd":
            raise IndexError("no such place")
        return build(tree, name, *arguments, **options)

    (crashing / "odd.py").write_text(DB)
    monkeypatch.setattr(builder, "build", stumble)
    done = CliRunner().invoke(cli, ["--output-format", "concise"], standalone_mode=False)

    assert (2, None) == (done.return_value, done.exception)
    assert "route.py:6:16: ADB102 " in done.stdout
    assert [
        f"asyncdb-lint: internal error, please report it: reading {crashing / 'odd.py'}: IndexError: no such place"
    ] == done.stderr.splitlines()


def test_a_fixture_that_gives_itself_ends(tmp_path: Path) -> None:
    (tmp_path / "test_app.py").write_text(
        "import pytest\nfrom sqlalchemy.orm import Session\n\n\n"
        "@pytest.fixture\nasync def settings():\n    yield settings\n"
    )

    assert [] == engine.run([tmp_path], Settings(), jobs=1).crashes
