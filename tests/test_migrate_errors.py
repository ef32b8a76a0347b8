"""Errors of psycopg2's in `asyncdb-lint migrate psycopg2`: each rewrite by itself, as libcst's runner runs it."""

from __future__ import annotations

import textwrap

import libcst as cst
import pytest
from libcst.codemod import CodemodContext

from asyncdb_lint.migrate.command import ITEMS, UNSAFE, Rewrite
from asyncdb_lint.migrate.from_psycopg2.error_classes import ErrorClasses
from asyncdb_lint.migrate.from_psycopg2.error_texts import ErrorTexts
from asyncdb_lint.migrate.from_psycopg2.errors import ErrorAttributes

ROLLBACKS = (
    "psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected, psycopg.errors.TransactionRollback, "
    "psycopg.errors.StatementCompletionUnknown, psycopg.errors.TransactionIntegrityConstraintViolation"
)


def run(command: type[Rewrite], text: str, *, unsafe: bool = False) -> tuple[str, list[str]]:
    """The text after a command, twice over, and what is left to do."""
    context = CodemodContext(scratch={UNSAFE: unsafe})
    once = command(context).transform_module(cst.parse_module(textwrap.dedent(text))).code
    assert command(CodemodContext()).transform_module(cst.parse_module(once)).code == once
    return once, [each.message for each in context.scratch[ITEMS] if each.outcome == "manual"]


def handler(caught: str, body: str, first: str = "import psycopg2") -> str:
    return f"{first}\ntry:\n    pass\nexcept {caught} as e:\n    {body}\n"


def named_errors(body: str) -> str:
    return handler("ERRORS", body, "import psycopg2\nERRORS = (psycopg2.Error, OSError)")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (handler("psycopg2.Error", "e.pgcode"), handler("psycopg2.Error", "e.sqlstate")),
        (
            handler("psycopg2.errors.lookup('23505')", "e.pgcode"),
            handler("psycopg2.errors.lookup('23505')", "e.sqlstate"),
        ),
        (
            handler("(ValueError, psycopg2.errors.UniqueViolation)", "f(e.pgcode)"),
            handler("(ValueError, psycopg2.errors.UniqueViolation)", "f(e.sqlstate)"),
        ),
        (
            handler("psycopg2.Error", 'getattr(e, "pgcode", None)'),
            handler("psycopg2.Error", 'getattr(e, "sqlstate", None)'),
        ),
        (
            named_errors("e.pgcode"),
            named_errors("e.sqlstate"),
        ),
        (
            handler("DBAPIError", "e.orig.pgcode", "from sqlalchemy.exc import DBAPIError"),
            handler("DBAPIError", "e.orig.sqlstate", "from sqlalchemy.exc import DBAPIError"),
        ),
        (
            "from django.db import utils\ntry:\n    pass\nexcept utils.DataError as e:\n    e.__cause__.pgcode\n",
            "from django.db import utils\ntry:\n    pass\nexcept utils.DataError as e:\n    e.__cause__.sqlstate\n",
        ),
        (
            'import sqlalchemy\ndef f(e):\n    o = getattr(e, "orig")\n    return o.pgcode or e.orig.pgcode\n',
            'import sqlalchemy\ndef f(e):\n    o = getattr(e, "orig")\n    return o.sqlstate or e.orig.sqlstate\n',
        ),
        (
            'import psycopg2\nclass Mine(psycopg2.Error):\n    pgcode = "1"\ndef f(e: Mine): return e.pgcode\n',
            'import psycopg2\nclass Mine(psycopg2.Error):\n    sqlstate = "1"\ndef f(e: Mine): return e.sqlstate\n',
        ),
        (
            "import psycopg2\ndef f(e):\n    return isinstance(e, psycopg2.Error) and e.pgcode\n",
            "import psycopg2\ndef f(e):\n    return isinstance(e, psycopg2.Error) and e.sqlstate\n",
        ),
    ],
)
def test_codes(before: str, after: str) -> None:
    assert run(ErrorAttributes, before) == (after, [])


@pytest.mark.parametrize(
    "text",
    [
        handler("ValueError", "e.pgcode"),
        handler("ValueError", 'getattr(e, "code")'),
        "class Mine(Exception):\n    pgcode = None\ndef f(e: Mine): return e.pgcode\n",
        'def f(e):\n    return getattr(e, "sqlstate", None) or getattr(e, "pgcode", None)\n',
        "def f(e):\n    return e.cursor\n",
    ],
)
def test_other_errors_are_left_alone(text: str) -> None:
    assert run(ErrorAttributes, text) == (text, [])


def test_what_only_a_person_knows() -> None:
    text = handler("psycopg2.Error", "e.pgerror, e.cursor")
    assert run(ErrorAttributes, text) == (text, ["an error has no `pgerror`", "an error has no `cursor`"])
    text = "def f(e):\n    return e.pgcode\n"
    assert run(ErrorAttributes, text) == (text, ["if this is psycopg2's error, it has no `pgcode`"])
    text = handler("psycopg2.Error", "e.pgerror")
    assert run(ErrorAttributes, text, unsafe=True) == (handler("psycopg2.Error", "str(e)"), [])


def test_rollbacks() -> None:
    old = "psycopg2.extensions.TransactionRollbackError"
    after, left = run(ErrorClasses, handler(old, "raise"))
    assert f"except ({ROLLBACKS}) as e:" in after
    assert not left
    after, _ = run(ErrorClasses, handler(f"(OSError, {old})", "raise"))
    assert f"except (OSError, {ROLLBACKS}) as e:" in after
    text = f"import psycopg2\nraise {old}\n"
    assert run(ErrorClasses, text)[0] == text


def test_internal_errors() -> None:
    after, left = run(ErrorClasses, handler("psycopg2.InternalError", "raise"))
    assert "except (psycopg2.InternalError, psycopg.errors.RaiseException) as e:" in after
    assert not left
    after, _ = run(
        ErrorClasses, "import psycopg2, pytest\nwith pytest.raises(psycopg2.InternalError):\n    pass\n"
    )
    assert "pytest.raises((psycopg2.InternalError, psycopg.errors.RaiseException))" in after
    covered = handler("(psycopg2.InternalError, psycopg2.ProgrammingError)", "raise")
    assert run(ErrorClasses, covered) == (covered, [])
    before = handler("psycopg2.ProgrammingError", "raise") + "except psycopg2.InternalError:\n    raise\n"
    assert run(ErrorClasses, before) == (
        before, ["`RAISE EXCEPTION` of PL/pgSQL gives a ProgrammingError, not an InternalError"]
    )  # fmt: skip


def test_closed_connections() -> None:
    text = handler("psycopg2.InterfaceError", "raise")
    assert run(ErrorClasses, text) == (
        text, ["the use of a closed connection gives an OperationalError, not an InterfaceError"]
    )  # fmt: skip
    after, left = run(ErrorClasses, text, unsafe=True)
    assert "except (psycopg2.InterfaceError, psycopg.OperationalError) as e:" in after
    assert not left
    both = handler("(psycopg2.InterfaceError, psycopg2.OperationalError)", "raise")
    assert run(ErrorClasses, both) == (both, [])


def test_codes_without_a_class() -> None:
    after, _ = run(ErrorClasses, "from psycopg2 import errorcodes\nf(errorcodes.CLASS_DATA_EXCEPTION)\n")
    assert after == 'from psycopg2 import errorcodes\nf("22")\n'


def looking(text: str) -> str:
    return handler("psycopg2.Error", f"again = {text} in str(e)")


def test_texts_of_errors() -> None:
    before, after = looking("'connection already closed'"), looking("'the connection is closed'")
    assert run(ErrorTexts, before, unsafe=True) == (after, [])
    assert run(ErrorTexts, before) == (before, ["`connection already closed` is what psycopg2 said"])
    gone = looking("'no results to fetch'")
    assert run(ErrorTexts, gone, unsafe=True) == (gone, ["`no results to fetch` is what psycopg2 said"])


@pytest.mark.parametrize(
    "text",
    [
        "log.info('connection already closed')",
        "raise psycopg2.InterfaceError('cursor already closed')",
        "'cursor already closed'",
        "x = 'the door is already closed'",
    ],
)
def test_texts_of_its_own(text: str) -> None:
    """What a project says itself."""
    source = f"import psycopg2\n{text}\n"
    assert run(ErrorTexts, source, unsafe=True) == (source, [])
