"""Docstrings and comments that name psycopg2 (`asyncdb_lint/migrate/from_psycopg2/docstrings.py`)."""

from __future__ import annotations

import libcst as cst
import pytest
from libcst.codemod import CodemodContext

from asyncdb_lint.migrate.from_psycopg2.docstrings import Docstrings

FORMS = (
    '"""{}"""\n',
    "def f():\n    '{}'\n",
    "class C:\n    async def f(self):\n        r'''{}'''\n",
    "# {}\nx = 1\n",
    "def f():\n    return 1  # {}\n",
    "if x:\n    pass\n    # {}\n",
)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a psycopg2 connection", "a psycopg connection"),
        ("c (psycopg2.extensions.connection): it", "c (psycopg.Connection): it"),
        ("see psycopg2.connect().", "see psycopg.connect()."),
        ("a psycopg2.transaction", "a psycopg.transaction"),
        ("needs psycopg2-binary (for vectors)", "needs psycopg[binary] (for vectors)"),
        *(
            (text, text)
            for text in (
                "https://example.org/psycopg2/",
                "since psycopg2 2.9",
                "psycopg2.8 does",
                "psycopg2>=2.8",
                "psycopg2-binary==2.9.9",
                "psycopg2-pool",
                "see psycopg2.extras.execute_values",
                "postgresql+psycopg2://host/name",
                "types-psycopg2",
                "needs `psycopg2`_ version 2.8",
                ":class:`psycopg2:connection`",
                "from psycopg2.extras import LoggingCursor",
            )
        ),
    ],
)
def test_docstrings(form: str, before: str, after: str) -> None:
    tree = cst.parse_module(form.format(before))
    assert Docstrings(CodemodContext()).transform_module(tree).code == form.format(after)


@pytest.mark.parametrize(
    "source",
    [
        '"""Works with psycopg2, too."""\nimport psycopg\n',
        "x = 'psycopg2'\n# coding\n'# psycopg2'\n",
    ],
)
def test_left_alone(source: str) -> None:
    """Files that know both drivers, and other texts."""
    assert Docstrings(CodemodContext()).transform_module(cst.parse_module(source)).code == source
