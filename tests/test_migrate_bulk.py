"""`asyncdb-lint migrate psycopg2`: execute_values(), execute_batch(), COPY, mogrify() and callproc()."""

from __future__ import annotations

import textwrap
from pathlib import Path

import libcst as cst
import pytest
from libcst.codemod import CodemodContext

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.command import ITEMS, UNSAFE, Rewrite
from asyncdb_lint.migrate.from_psycopg2 import ROUTE
from asyncdb_lint.migrate.from_psycopg2.bulk import BATCH, VALUES, BulkStatements
from asyncdb_lint.migrate.helpers import Helper
from asyncdb_lint.migrate.project import migrate

HEAD = "import psycopg2\nconn = psycopg2.connect()\ncur = conn.cursor()\n"


def rewritten(
    command: type[Rewrite], source: str, *, unsafe: bool = False
) -> tuple[str, list[tuple[str, str]]]:
    """The text as a command leaves it, run alone as by libcst's runner, and what it says of that."""
    context = CodemodContext(scratch={UNSAFE: unsafe})
    code = command(context).transform_module(cst.parse_module(source)).code
    return code, [(each.outcome, each.message) for each in context.scratch[ITEMS]]


def with_helper(source: str, helper: Helper) -> str:
    """A file with a helper after its imports."""
    lines = source.splitlines()
    last = max(number for number, line in enumerate(lines) if line.startswith(("import ", "from ")))
    imports = [each for each in helper.imports if each not in lines]
    text = [
        *lines[: last + 1],
        *imports,
        "",
        "",
        *helper.text.strip().splitlines(),
        "",
        "",
        *lines[last + 1 :],
    ]
    return "\n".join(text) + "\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("execute_batch(cur, q, rows)", "cur.executemany(q, rows)"),
        ("execute_batch(cur, q, rows, 500)", "cur.executemany(q, rows)"),
        ("execute_batch(cur, q, rows, page_size=500)  # why", "cur.executemany(q, rows)  # why"),
        ("execute_batch(argslist=rows, page_size=9, cur=self.cur, sql=q)", "self.cur.executemany(q, rows)"),
        ("execute_batch(a or b, q, rows)", "(a or b).executemany(q, rows)"),
        (
            "execute_batch(\n    cur,\n    q,  # q\n    rows,\n)",
            "cur.executemany(\n    q,  # q\n    rows,\n)",
        ),
    ],
)
def test_batches(before: str, after: str) -> None:
    head = HEAD + "from psycopg2.extras import execute_batch\n"
    assert rewritten(BulkStatements, f"{head}{before}\n")[0] == f"{head}{after}\n"
    qualified = before.replace("execute_batch", "psycopg2.extras.execute_batch")
    assert rewritten(BulkStatements, f"{HEAD}{qualified}\n")[0] == f"{HEAD}{after}\n"


@pytest.mark.parametrize(
    "use", ["execute_batch(cur, 'a %s; b', rows)", "execute_batch(*given)", "run(execute_batch)"]
)
def test_batches_that_executemany_cannot_do(use: str) -> None:
    source = f"import psycopg2\nfrom psycopg2.extras import execute_batch\n{use}\n"
    assert rewritten(BulkStatements, source)[0] == with_helper(source, BATCH)


def test_counts_of_batches_are_told_of() -> None:
    source = HEAD + "psycopg2.extras.execute_batch(cur, q, rows)\nprint(cur.rowcount)\n"
    assert rewritten(BulkStatements, source)[1] == [
        ("changed behaviour", "`execute_batch` is `executemany`, whose `rowcount` is that of all rows")
    ]


def test_functions_of_other_libraries_are_left_alone() -> None:
    source = (
        "from ours import execute_batch, execute_values\nexecute_batch(c, q, r)\nexecute_values(c, q, r)\n"
    )
    assert rewritten(BulkStatements, source) == (source, [])


@pytest.mark.parametrize(
    ("imported", "use", "name", "after"),
    [
        ("from psycopg2.extras import execute_values", "execute_values(cur, q, rows)", "execute_values", ""),
        ("from psycopg2.extras import execute_values as ev", "run(partial(ev, cur))", "ev", ""),
        (
            "from psycopg2 import extras",
            "extras.execute_values(c, q, r)",
            "execute_values",
            "execute_values(c, q, r)",
        ),
        ("import psycopg2.extras as e", "run(e.execute_values)", "execute_values", "run(execute_values)"),
    ],
)
def test_values(imported: str, use: str, name: str, after: str) -> None:
    source = f"{imported}\n{use}\n"
    expected = with_helper(source.replace(use, after or use), VALUES.called(name))
    assert rewritten(BulkStatements, source)[0] == expected


# Projects

FILES = {
    "pyproject.toml": "",
    "app/__init__.py": "",
    "app/db/__init__.py": "import psycopg2\nfrom psycopg2.extras import execute_values\n",
    "app/unused.py": "import psycopg2\nfrom psycopg2.extras import execute_values\n",
    "app/load.py": """
        from app.db import execute_values

        def load(cur, rows):
            execute_values(cur, "insert into t values %s", rows)
    """,
    "app/more.py": """
        import app.db
        from psycopg2.extras import execute_values as ev, execute_batch

        def load(cur, rows):
            ev(cur, "insert into t values %s", rows)
    """,
}


def migrated(folder: Path, files: dict[str, str], *, unsafe: bool = False) -> dict[str, str]:
    """The texts of a project after the migration, which is shown to be done by one run."""
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(textwrap.dedent(text).lstrip("\n"))
    migrate([folder], Settings(), folder, ROUTE, unsafe=unsafe).write()
    assert not migrate([folder], Settings(), folder, ROUTE, unsafe=unsafe).texts
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.py")}


def test_a_name_that_others_import_stays(tmp_path: Path) -> None:
    texts = migrated(tmp_path, FILES)
    assert "def execute_values(" in texts["app/db/__init__.py"]
    assert texts["app/load.py"] == textwrap.dedent(FILES["app/load.py"]).lstrip("\n")
    assert texts["app/unused.py"] == "import psycopg\n"
    assert "ev(cur," in texts["app/more.py"]
    assert "psycopg2" not in "".join(texts.values())
