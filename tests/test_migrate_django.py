"""Django's name for its backend with psycopg2."""

from __future__ import annotations

import libcst as cst
import pytest
from libcst.codemod import CodemodContext

from asyncdb_lint.migrate.from_psycopg2.django import DjangoBackend

OLD, NEW = "django.db.backends.postgresql_psycopg2", "django.db.backends.postgresql"


@pytest.mark.parametrize(
    "form",
    [
        "DATABASES = {{'default': {{'ENGINE': '{}', 'NAME': 'd'}}}}",
        "DATABASES['default']['ENGINE'] = \"{}\"",
        "ENGINE = os.environ.get('ENGINE', '{}')",
        "is_postgres = settings.DATABASES[alias]['ENGINE'] in ('{}', '{}.base')",
        "ENGINE = f'{}'",
        "from {}.base import DatabaseWrapper",
        "from {} import base as b, creation",
        "import {}.base",
        "import {}.base as b",
        "import {0}.base\nx = {0}.base.DatabaseWrapper",
    ],
)
def test_renamed(form: str) -> None:
    before, after = form.format(OLD, OLD) + "\n", form.format(NEW, NEW) + "\n"
    assert rewritten(before) == after
    assert rewritten(after) == after


def test_the_package_itself() -> None:
    before = "from django.db.backends import postgresql_psycopg2, utils\npostgresql_psycopg2.base\n"
    after = before.replace("import postgresql_psycopg2", "import postgresql as postgresql_psycopg2")
    assert rewritten(before) == after


@pytest.mark.parametrize(
    "text",
    [
        "'django_db_geventpool.backends.postgresql_psycopg2'",
        "'my.django.db.backends.postgresql_psycopg2'",
        "'django.db.backends.postgresql_psycopg2_pooled'",
        "'django.db.backends.postgresql'",
    ],
)
def test_others(text: str) -> None:
    assert rewritten(f"ENGINE = {text}\n") == f"ENGINE = {text}\n"


def rewritten(source: str) -> str:
    return DjangoBackend(CodemodContext()).transform_module(cst.parse_module(source)).code
