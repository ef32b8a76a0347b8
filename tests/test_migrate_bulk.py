"""`asyncdb-lint migrate psycopg2`: execute_values(), execute_batch(), COPY, mogrify() and callproc()."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import libcst as cst
import pytest
from libcst.codemod import CodemodContext

from asyncdb_lint.config import Settings
from asyncdb_lint.migrate.command import ITEMS, UNSAFE, Rewrite
from asyncdb_lint.migrate.from_psycopg2 import ROUTE
from asyncdb_lint.migrate.from_psycopg2.bulk import BATCH, VALUES, BulkStatements
from asyncdb_lint.migrate.from_psycopg2.callproc import CALLPROC, CallprocMethods
from asyncdb_lint.migrate.from_psycopg2.copy_helpers import COPY_EXPERT, COPY_FROM, COPY_TO
from asyncdb_lint.migrate.from_psycopg2.copying import CopyMethods
from asyncdb_lint.migrate.from_psycopg2.mogrify import MOGRIFY, MogrifyMethods
from asyncdb_lint.migrate.helpers import Helper
from asyncdb_lint.migrate.layout import merged
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
    """A file with a helper after its imports, and what that needs among them."""
    lines = source.splitlines()
    last = max(number for number, line in enumerate(lines) if line.startswith(("import ", "from ")))
    imports = [each for each in merged(helper.imports) if each not in lines]
    standard = [each for each in imports if each.split()[1].partition(".")[0] in sys.stdlib_module_names]
    others = [each for each in imports if each not in standard]
    text = [
        *standard,
        *([""] if standard else []),
        *lines[: last + 1],
        *others,
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
    "use",
    [
        "execute_batch(cur, 'a %s; b', rows)",
        "execute_batch(cur, 'update t set a = interval %s', rows)",
        "execute_batch(*given)",
        "run(execute_batch)",
    ],
)
def test_batches_that_executemany_cannot_do(use: str) -> None:
    source = f"import psycopg2\nfrom psycopg2.extras import execute_batch\n{use}\n"
    assert rewritten(BulkStatements, source)[0] == with_helper(source, BATCH)


def test_counts_of_batches_are_told_of() -> None:
    source = HEAD + "psycopg2.extras.execute_batch(cur, q, rows)\nprint(cur.rowcount)\n"
    assert rewritten(BulkStatements, source)[1] == [
        ("changed behaviour", "`execute_batch` is `executemany`, whose `rowcount` is that of all rows")
    ]


def test_batches_with_tuples_are_reported() -> None:
    source = HEAD + "psycopg2.extras.execute_batch(cur, 'update t set a = 1 where b in %s', rows)\n"
    code, told = rewritten(BulkStatements, source)
    assert "cur.executemany(" in code
    assert [outcome for outcome, _ in told] == ["manual", "rewritten"]


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
    assert "from app.psycopg_helpers import execute_values\n" in texts["app/db/__init__.py"]
    assert texts["app/load.py"] == textwrap.dedent(FILES["app/load.py"]).lstrip("\n")
    assert texts["app/unused.py"] == "import psycopg\n"
    assert "ev(cur," in texts["app/more.py"]
    assert "psycopg2" not in "".join(texts.values())


# COPY

READ = "    while data := f.read(8192):\n        copy.write(data)"
BYTES = "    for data in copy:\n        f.write(data)"
TEXT = "    for data in copy:\n        f.write(bytes(data).decode(cur.connection.info.encoding))"
OPTIONS = "WITH DELIMITER AS ',' NULL AS ''"


@pytest.mark.parametrize(
    ("setup", "before", "after", "loop"),
    [
        ("", "cur.copy_expert('COPY t FROM STDIN', f)", "with cur.copy('COPY t FROM STDIN') as copy:", READ),
        (
            "",
            "cur.copy_expert(sql=f'copy {t} from stdin', file=f, size=SIZE)  # why",
            "with cur.copy(f'copy {t} from stdin') as copy:  # why",
            READ.replace("8192", "SIZE"),
        ),
        (
            "q = sql.SQL('COPY {} TO STDOUT').format(t)\nf = open(path, 'wb')\n",
            "cur.copy_expert(q, f)",
            "with cur.copy(q) as copy:",
            BYTES,
        ),
        (
            "f = open(path, 'w')\n",
            "cur.copy_expert('COPY t TO STDOUT', f)",
            "with cur.copy('COPY t TO STDOUT') as copy:",
            TEXT,
        ),
        ("", "cur.copy_from(f, 't')", "with cur.copy('COPY \"t\" FROM STDIN') as copy:", READ),
        (
            "",
            "cur.copy_from(f, 't', sep=',', null='', columns=('a', 'b'))",
            f'with cur.copy("""COPY "t" ("a", "b") FROM STDIN {OPTIONS}""") as copy:',
            READ,
        ),
        (
            "",
            r"cur.copy_from(f, 't', '\t', '\\N', 9)",
            "with cur.copy('COPY \"t\" FROM STDIN') as copy:",
            READ.replace("8192", "9"),
        ),
        (
            "import io\nf = io.BytesIO()\n",
            "cur.copy_to(f, 't', ',', '')",
            f'with cur.copy("""COPY "t" TO STDOUT {OPTIONS}""") as copy:',
            BYTES,
        ),
    ],
)
def test_copies(setup: str, before: str, after: str, loop: str) -> None:
    assert rewritten(CopyMethods, f"{HEAD}{setup}{before}\n")[0] == f"{HEAD}{setup}{after}\n{loop}\n"


def test_descriptions_after_copies_are_reported() -> None:
    source = f"""{HEAD}def f(q, file):
    print(cur.description)
    cur.copy_expert(q, file)
    print(cur.description)
    cur.execute(q)
    print(cur.description)
"""
    context = CodemodContext()
    CopyMethods(context).transform_module(cst.parse_module(source))
    manual = [each.location.row for each in context.scratch[ITEMS] if each.outcome == "manual"]
    assert manual == [7]
    read = source.replace("copy_expert(q,", "copy_expert('COPY t FROM STDIN',")
    assert [outcome for outcome, _ in rewritten(CopyMethods, read)[1]] == ["rewritten"]


def test_copies_in_one_line_and_with_names_that_mean_something() -> None:
    source = HEAD + "import copy\ndef g(data):\n    if data: cur.copy_expert('COPY t FROM STDIN', f)\n"
    assert rewritten(CopyMethods, source)[0] == HEAD + textwrap.dedent("""\
        import copy
        def g(data):
            if data:
                with cur.copy('COPY t FROM STDIN') as copying:
                    while chunk := f.read(8192):
                        copying.write(chunk)
    """)


@pytest.mark.parametrize(
    ("before", "after", "helper"),
    [
        ("cur.copy_expert(q, f)", "copy_expert(cur, q, f)", COPY_EXPERT),
        ("cur.copy_expert('COPY t TO STDOUT', f)", "copy_expert(cur, 'COPY t TO STDOUT', f)", COPY_EXPERT),
        (
            "cur.copy_expert('COPY t FROM STDIN', open(p))",
            "copy_expert(cur, 'COPY t FROM STDIN', open(p))",
            COPY_EXPERT,
        ),
        (
            "f = lambda: cur.copy_expert(*given)",
            "f = lambda: copy_expert(cur, *given)",
            COPY_EXPERT,
        ),
        (
            "if x:\n    q = 'COPY t FROM STDIN'\nelse:\n    q = other()\ncur.copy_expert(q, f)",
            "if x:\n    q = 'COPY t FROM STDIN'\nelse:\n    q = other()\ncopy_expert(cur, q, f)",
            COPY_EXPERT,
        ),
        (
            "for q, f in (('COPY t FROM STDIN', a), (other(), b)):\n    cur.copy_expert(q, f)",
            "for q, f in (('COPY t FROM STDIN', a), (other(), b)):\n    copy_expert(cur, q, f)",
            COPY_EXPERT,
        ),
        (
            "def f(q='COPY t FROM STDIN'):\n    cur.copy_expert(q, g)",
            "def f(q='COPY t FROM STDIN'):\n    copy_expert(cur, q, g)",
            COPY_EXPERT,
        ),
        (
            "cur.copy_expert(\n    'COPY t FROM STDIN',  # t\n    f,\n)",
            "copy_expert(\n    cur, 'COPY t FROM STDIN',  # t\n    f,\n)",
            COPY_EXPERT,
        ),
        ("cur.copy_from(f, t, columns=names)", "copy_from(cur, f, t, columns=names)", COPY_FROM),
        ("cur.copy_to(f, 't')", "copy_to(cur, f, 't')", COPY_TO),
    ],
)  # fmt: skip
def test_copies_that_only_the_run_knows(before: str, after: str, helper: Helper) -> None:
    source = f"import psycopg2\ncur = psycopg2.connect().cursor()\n{before}\n"
    assert rewritten(CopyMethods, source)[0] == with_helper(source.replace(before, after), helper)


def test_tables_with_a_dot() -> None:
    """psycopg2 puts quotes around the whole name since 2.9, and before it did not."""
    source = HEAD + "cur.copy_from(f, 'app.t')\n"
    code, told = rewritten(CopyMethods, source)
    assert code == source
    assert [outcome for outcome, _ in told] == ["manual"]
    code, told = rewritten(CopyMethods, source, unsafe=True)
    assert """cur.copy('COPY "app"."t" FROM STDIN')""" in code
    assert [outcome for outcome, _ in told] == ["changed behaviour"]
    source = HEAD + "cur.copy_from(f, 'app.t', columns=names)\n"
    assert rewritten(CopyMethods, source, unsafe=True)[1] == rewritten(CopyMethods, source)[1] != []


@pytest.mark.parametrize(
    ("use", "outcomes"),
    [
        ("def f(x): x.copy_expert(q, f)", ["manual"]),
        ("def f(cursor): cursor.copy_from(f, 't')", ["manual"]),
        ("def f(conn): conn.cursor.return_value.copy_to.assert_called()", ["manual"]),
        ("from unittest.mock import Mock\ncursor = Mock()\ncursor.copy_expert.assert_called()", ["manual"]),
        ("def f(x): x.copy_from(f, 't')", []),
        ("def f(current): current.copy_from(f)", []),
        ("import io\nio.StringIO().copy_expert(q, f)", []),
        ("run(cur.copy_expert)", ["manual"]),
        ("class C:\n    def copy_expert(self): ...\n    def f(self): self.copy_expert()", []),
    ],
)
def test_copies_of_others(use: str, outcomes: list[str]) -> None:
    code, told = rewritten(CopyMethods, f"{HEAD}{use}\n")
    assert code == f"{HEAD}{use}\n"
    assert [outcome for outcome, _ in told] == outcomes


# mogrify

CLIENT = "psycopg.ClientCursor(cur.connection).mogrify"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("return cur.mogrify('q', r).decode('utf-8')", f"return {CLIENT}('q', r)"),
        ("return str(cur.mogrify('q', vars=r), 'utf-8')", f"return {CLIENT}('q', params=r)"),
        ("cur.execute(cur.mogrify('q', r))", f"cur.execute({CLIENT}('q', r))"),
        ("q = cur.mogrify('q', r)\n    cur.execute(q)", f"q = {CLIENT}('q', r)\n    cur.execute(q)"),
        (
            "a = b','.join(cur.mogrify('(%s)', r) for r in rows)\n    cur.execute(b'values ' + a + b' limit 1')",
            f"a = ','.join({CLIENT}('(%s)', r) for r in rows)\n    cur.execute('values ' + a + ' limit 1')",
        ),
        (
            "if r:\n        q = cur.mogrify('q')\n    else:\n        q = cur.mogrify('r')\n    print(q.decode())",
            f"if r:\n        q = {CLIENT}('q')\n    else:\n        q = {CLIENT}('r')\n    print(q)",
        ),
        (
            "a = [cur.mogrify('(%s)', r) for r in rows]\n    print(rb','.join(a).decode())",
            f"a = [{CLIENT}('(%s)', r) for r in rows]\n    print(r','.join(a))",
        ),
        (
            "a = ','.join(cur.mogrify('(%s)', r).decode() for r in rows)\n    cur.execute('values ' + a)",
            f"a = ','.join({CLIENT}('(%s)', r) for r in rows)\n    cur.execute('values ' + a)",
        ),
    ],
)
def test_mogrify_gives_text(before: str, after: str) -> None:
    body = "def f(r, rows):\n    "
    head = HEAD.replace("psycopg2\n", "psycopg2\nimport psycopg\n", 1)
    assert rewritten(MogrifyMethods, f"{HEAD}{body}{before}\n")[0] == f"{head}{body}{after}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("return cur.mogrify('q', r)", "return mogrify(cur, 'q', r)"),
        ("q = cur.mogrify('q', r)\n    log(q)\n    cur.execute(q)",) * 2,
        ("q = cur.mogrify('q')\n    q += b';'\n    cur.execute(q)",) * 2,
        ("rows.append(cur.mogrify('q', r))", "rows.append(mogrify(cur, 'q', r))"),
        (
            "if r:\n        q = cur.mogrify('q')\n        log(q)\n    else:\n        q = cur.mogrify('r')\n"
            "    cur.execute(q)",
        )
        * 2,
        ("q = b'x'\n    if r:\n        q = cur.mogrify('q')\n    cur.execute(q)",) * 2,
        ("cur.execute(b'\\xc3' + cur.mogrify('q', r))",) * 2,
        ("cur.execute(cur.mogrify('x in %s', r))",) * 2,
        ("return cur.mogrify('x %s', (tuple(r),)).decode()",) * 2,
    ],
)
def test_mogrify_gives_bytes_where_they_may_be_needed(before: str, after: str) -> None:
    source = f"import psycopg2\ncur = psycopg2.connect().cursor()\ndef f(r, rows):\n    {before}\n"
    expected = with_helper(source.replace(before, after), MOGRIFY).replace("cur.mogrify(", "mogrify(cur, ")
    assert rewritten(MogrifyMethods, source)[0] == expected


@pytest.mark.parametrize(
    ("use", "outcomes"),
    [
        ("def f(x): x.mogrify(q)", ["manual"]),
        ("map(cur.mogrify, rows)", ["manual"]),
        ("class C:\n    def mogrify(self): ...\n    def f(self): self.mogrify()", []),
    ],
)
def test_mogrify_of_others(use: str, outcomes: list[str]) -> None:
    code, told = rewritten(MogrifyMethods, f"{HEAD}{use}\n")
    assert code == f"{HEAD}{use}\n"
    assert [outcome for outcome, _ in told] == outcomes


# callproc


@pytest.mark.parametrize(
    ("before", "safe", "unsafe"),
    [
        ("cur.callproc('f')", "callproc(cur, 'f')", 'cur.execute("SELECT * FROM f()")'),
        ("cur.callproc('f', [a])", "callproc(cur, 'f', [a])", 'cur.execute("SELECT * FROM f(%s)", [a])'),
        (
            "cur.callproc('s.f', {'a': b})",
            "callproc(cur, 's.f', {'a': b})",
            "cur.execute('SELECT * FROM s.f(\"a\" => %(a)s)', {'a': b})",
        ),
        ("cur.callproc(f, a)", "callproc(cur, f, a)", ""),
        ("p = cur.callproc('f', [a])", "p = callproc(cur, 'f', [a])", ""),
        ("cur.callproc('f', [*a])", "callproc(cur, 'f', [*a])", ""),
    ],
)  # fmt: skip
def test_procedures(before: str, safe: str, unsafe: str) -> None:
    source = f"import psycopg2\ncur = psycopg2.connect().cursor()\n{before}\n"
    called = with_helper(source.replace(before, safe), CALLPROC)
    assert rewritten(CallprocMethods, source)[0] == called
    assert rewritten(CallprocMethods, source, unsafe=True)[0] == (
        source.replace(before, unsafe) if unsafe else called
    )


def test_procedures_of_others() -> None:
    source = "def f(cursor, x):\n    cursor.callproc('f')\n    x.callproc('f')\n"
    assert rewritten(CallprocMethods, source) == (source, [])
    source = "import psycopg2\n" + source
    assert rewritten(CallprocMethods, source) == (
        source,
        [("manual", "psycopg 3's cursors have no `callproc`")],
    )


def test_files_that_can_be_imported_without_the_driver(tmp_path: Path) -> None:
    lines = "    from psycopg2.extras import execute_values\n    execute_values(cur, 'q', rows)\n"
    text = migrated(tmp_path, {"pyproject.toml": "", "load.py": f"def load(cur, rows):\n{lines}"})["load.py"]
    assert "\nimport psycopg" not in text
    assert "    import psycopg\n\n    quoting = " in text
    assert text.endswith("def load(cur, rows):\n    execute_values(cur, 'q', rows)\n")


def test_what_is_logged_is_text_where_the_user_agrees() -> None:
    source = HEAD + "def f(r):\n    q = cur.mogrify('q', r)\n    log.debug('run %s', q)\n    cur.execute(q)\n"
    assert "    q = mogrify(cur, 'q', r)\n" in rewritten(MogrifyMethods, source)[0]
    code, told = rewritten(MogrifyMethods, source, unsafe=True)
    assert f"    q = {CLIENT}('q', r)\n" in code
    assert [outcome for outcome, _ in told] == ["changed behaviour"]
