"""URLs for SQLAlchemy, with psycopg2 named in them or taken for want of a name."""

from __future__ import annotations

from pathlib import Path

import libcst as cst
import pytest
from libcst.codemod import CodemodContext

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.command import ITEMS, UNSAFE
from asyncdb_lint.migrate.from_psycopg2 import ROUTE
from asyncdb_lint.migrate.from_psycopg2.engines import EngineArguments
from asyncdb_lint.migrate.from_psycopg2.implicit_urls import ImplicitUrls
from asyncdb_lint.migrate.from_psycopg2.urls import DialectImports
from asyncdb_lint.migrate.project import migrate

ENGINE = "import os\nfrom sqlalchemy import create_engine\n"
FOR_SQLALCHEMY = [
    "create_engine('{}://h/d')",
    "create_engine(f'{}://{{host}}/d')",
    "url = '{}://h/d'\ncreate_engine(url)",
    "url = os.environ.get('DB', '{}://h/d')\nengine = create_engine(url, echo=True)",
    "url = ('{}://h' '/d')\ncreate_engine(url)",
    "url = '{}://%s/d' % host\ncreate_engine(url)",
    "url = '{}://{{}}/d'.format(host)\ncreate_engine(url)",
    "SQLALCHEMY_DATABASE_URI = '{}://h/d'",
    "app.config['SQLALCHEMY_DATABASE_URI'] = '{}://h/d'",
    "settings = {{'SQLALCHEMY_DATABASE_URI': '{}://h/d'}}",
    "configure(sqlalchemy_url='{}://h/d')",
    "def make(url='{}://h/d'):\n    return create_engine(url)",
]
FOR_OTHERS = [
    "import psycopg2\npsycopg2.connect('postgresql://h/d')",
    "import asyncpg\nurl = 'postgresql://h/d'\nasyncpg.connect(url)",
    "if url.startswith('postgresql://'):\n    pass",
    "'postgresql://h/d'",
    "print('see postgresql://h/d')",
]


def rewritten(source: str, *, unsafe: bool) -> tuple[str, list[str]]:
    context = CodemodContext(scratch={UNSAFE: unsafe})
    new = ImplicitUrls(context).transform_module(cst.parse_module(source)).code
    return new, [each.outcome for each in context.scratch[ITEMS]]


@pytest.mark.parametrize("form", FOR_SQLALCHEMY)
def test_for_sqlalchemy(form: str) -> None:
    source = ENGINE + form.format("postgresql") + "\n"
    explicit = ENGINE + form.format("postgresql+psycopg") + "\n"
    assert rewritten(source, unsafe=True) == (explicit, ["rewritten"])
    assert rewritten(source, unsafe=False) == (source, ["manual"])
    assert rewritten(explicit, unsafe=True) == (explicit, [])
    # SQLAlchemy refuses this scheme, so that nothing can be lost
    assert rewritten(source.replace("postgresql", "postgres"), unsafe=False) == (explicit, ["rewritten"])


@pytest.mark.parametrize("form", ["URL.create('{}', host='h')", "url.set(drivername='{}')"])
def test_built_from_parts(form: str) -> None:
    source = "from sqlalchemy import URL\n" + form
    assert rewritten(source.format("postgresql"), unsafe=True)[0] == source.format("postgresql+psycopg")
    assert rewritten(source.format("postgresql"), unsafe=False)[1] == ["manual"]
    assert rewritten(source.format("mysql"), unsafe=True) == (source.format("mysql"), [])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2, dialect\nPGDialect_psycopg2()",
            "from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg, dialect\nPGDialect_psycopg()",
        ),
        (
            "from sqlalchemy.dialects.postgresql import psycopg2, JSONB\nx = psycopg2.dialect()",
            "from sqlalchemy.dialects.postgresql import psycopg, JSONB\nx = psycopg.dialect()",
        ),
        (
            "from sqlalchemy.dialects.postgresql import psycopg2 as pg\nx = pg.dialect()",
            "from sqlalchemy.dialects.postgresql import psycopg as pg\nx = pg.dialect()",
        ),
        (
            "from sqlalchemy.dialects.postgresql import psycopg2\nclass D(psycopg2.PGDialect_psycopg2): ...",
            "from sqlalchemy.dialects.postgresql import psycopg\nclass D(psycopg.PGDialect_psycopg): ...",
        ),
        (
            "import sqlalchemy.dialects.postgresql.psycopg2\nsqlalchemy.dialects.postgresql.psycopg2.dialect()",
            "import sqlalchemy.dialects.postgresql.psycopg\nsqlalchemy.dialects.postgresql.psycopg.dialect()",
        ),
        (
            "import sqlalchemy.dialects.postgresql.psycopg2 as pg\npg.dialect()",
            "import sqlalchemy.dialects.postgresql.psycopg as pg\npg.dialect()",
        ),
        ("from sqlalchemy.dialects import postgresql", "from sqlalchemy.dialects import postgresql"),
    ],
)
def test_dialects(before: str, after: str) -> None:
    assert DialectImports(CodemodContext()).transform_module(cst.parse_module(before)).code == after


@pytest.mark.parametrize(
    "form", ["create_engine(u, connect_args={})", "options = {}\ncreate_engine(u, connect_args=options)"]
)
def test_connect_args(form: str) -> None:
    context = CodemodContext()
    source = ENGINE + form.replace("{}", "{'sslmode': 'require', 'database': 'd'}")
    EngineArguments(context).transform_module(cst.parse_module(source))
    assert [each.message for each in context.scratch[ITEMS]] == ["psycopg's connect() takes no `database`"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("create_engine(u, **{'executemany_mode': 'values', 'echo': 1})", "create_engine(u, **{'echo': 1})"),
        (
            "o = {\n    'echo': 1,  # all\n    'use_batch_mode': True,\n}\ncreate_engine(u, **o)",
            "o = {\n    'echo': 1,  # all\n}\ncreate_engine(u, **o)",
        ),
        (
            "o = dict(executemany_mode='values', echo=1)\ncreate_engine(u, **o)",
            "o = dict(echo=1)\ncreate_engine(u, **o)",
        ),
        (
            "sqlalchemy.engine_from_config({'sqlalchemy.url': u, 'sqlalchemy.executemany_mode': 'values'})",
            "sqlalchemy.engine_from_config({'sqlalchemy.url': u})",
        ),
        (
            "SQLALCHEMY_ENGINE_OPTIONS = {'executemany_mode': 'values', 'pool_size': 5}",
            "SQLALCHEMY_ENGINE_OPTIONS = {'pool_size': 5}",
        ),
        (
            "c['SQLALCHEMY_ENGINE_OPTIONS'] = dict(use_native_uuid=True)",
            "c['SQLALCHEMY_ENGINE_OPTIONS'] = dict()",
        ),
        ("SQLAlchemy(engine_options={'executemany_mode': 'values'})", "SQLAlchemy(engine_options={})"),
    ],
)
def test_arguments_in_dicts(before: str, after: str) -> None:
    head = f"import sqlalchemy\n{ENGINE}"
    assert (
        EngineArguments(CodemodContext()).transform_module(cst.parse_module(head + before)).code
        == head + after
    )


def test_arguments_for_somebody() -> None:
    context = CodemodContext()
    source = ENGINE + "make(executemany_mode='values')\nx = {'use_batch_mode': True, 'echo': True}"
    assert EngineArguments(context).transform_module(cst.parse_module(source)).code == source
    assert [each.outcome for each in context.scratch[ITEMS]] == ["manual", "manual"]


@pytest.mark.parametrize("form", FOR_OTHERS)
def test_for_others(form: str) -> None:
    assert rewritten(ENGINE + form, unsafe=True) == (ENGINE + form, [])


@pytest.mark.parametrize(
    "form",
    [
        "URL = 'postgresql://h/d'",
        "url = 'postgresql://h/d'\ncreate_engine(url)\nimport psycopg2\npsycopg2.connect(url)",
        "connect_to_it('postgresql://h/d')",
        "url = url.replace('postgres://', 'postgresql://')",
    ],
)
def test_nobody_knows(form: str) -> None:
    """A person has to say who gets the URL."""
    assert rewritten(ENGINE + form, unsafe=True) == (ENGINE + form, ["manual"])


@pytest.mark.parametrize(
    ("requirement", "manual"),
    [
        ("sqlalchemy==2.0.40", 1),
        ("sqlalchemy>=2", 1),
        ("sqlalchemy", 1),
        ("sqlalchemy>=2.1", 0),
        ("flask", 1),
    ],
)
def test_versions(tmp_path: Path, requirement: str, manual: int) -> None:
    """From 2.1 on SQLAlchemy takes psycopg."""
    (tmp_path / "requirements.txt").write_text(f"{requirement}\n")
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "app.py").write_text(f"{ENGINE}create_engine('postgresql://h/d')\n")
    found = migrate([tmp_path], Settings(), tmp_path, ROUTE)
    assert len(found.manual) == manual


def test_projects_without_sqlalchemy(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "app.py").write_text("import psycopg2\nURL = 'postgresql://h/d'\npsycopg2.connect(URL)\n")
    assert not migrate([tmp_path], Settings(), tmp_path, ROUTE).manual
