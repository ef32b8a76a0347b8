"""`asyncdb-lint migrate driver`: rewrites one by one, whole projects, and what must not happen."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import libcst as cst
import pytest
from click.testing import CliRunner
from libcst.codemod import CodemodContext

from asyncdb_lint.cli import cli
from asyncdb_lint.config import Settings
from asyncdb_lint.errors import UsageProblem
from asyncdb_lint.migrate.between_drivers import (
    ROUTES,
    asyncpg_to_psycopg,
    psycopg2_to_asyncpg,
    psycopg_to_asyncpg,
)
from asyncdb_lint.migrate.command import ITEMS, UNSAFE, Item, Rewrite
from asyncdb_lint.migrate.project import migrate

TO_PSYCOPG = asyncpg_to_psycopg.Engines
TO_ASYNCPG = psycopg_to_asyncpg.Engines
FROM_PSYCOPG2 = psycopg2_to_asyncpg.Engines
ENGINE = "from sqlalchemy.ext.asyncio import create_async_engine\n"


def rewrite(command: type[Rewrite], source: str, *, unsafe: bool = False) -> tuple[str, list[Item]]:
    """As libcst's own runner does it; what was written is left alone the second time."""
    context = CodemodContext(scratch={UNSAFE: unsafe})
    once = command(context).transform_module(cst.parse_module(source)).code
    again = CodemodContext(scratch={UNSAFE: unsafe})
    assert command(again).transform_module(cst.parse_module(once)).code == once
    return once, context.scratch[ITEMS]


def arguments(command: type[Rewrite], given: str, *, unsafe: bool = False) -> tuple[str, set[str]]:
    """What becomes of `connect_args` of an engine, and the outcomes beside the URL's."""
    url = f"postgresql+{command.DRIVER}://h/d"
    new, items = rewrite(
        command, f'{ENGINE}create_async_engine("{url}", connect_args={given})\n', unsafe=unsafe
    )
    line = new.splitlines()[-1]
    return line.partition("connect_args=")[2].removesuffix(")"), {
        each.outcome for each in items if "the driver" not in each.message
    }


@pytest.mark.parametrize(
    ("given", "expected", "outcome"),
    [
        ("{'ssl': 'require'}", "{'sslmode': 'require'}", "rewritten"),
        ("{'ssl': False}", "{'sslmode': \"disable\"}", "rewritten"),
        ("{'ssl': None}", "{'sslmode': None}", "rewritten"),
        ("{'ssl': True}", "{'sslmode': \"verify-full\", 'sslrootcert': \"system\"}", "changed behaviour"),
        ("{'ssl': some}", "{'ssl': some}", "manual"),
        ("{'timeout': 5}", "{'connect_timeout': 5}", "rewritten"),
        ("{'timeout': 5.0}", "{'connect_timeout': 5.0}", "rewritten"),
        ("{'timeout': 0.5}", "{'connect_timeout': 2}", "changed behaviour"),
        ("{'timeout': seconds}", "{'connect_timeout': seconds}", "changed behaviour"),
        ("{'timeout': None}", "", "changed behaviour"),
        ("{'command_timeout': 30}", "{'options': \"-c statement_timeout=30000\"}", "changed behaviour"),
        ("{'command_timeout': 0.5}", "{'options': \"-c statement_timeout=500\"}", "changed behaviour"),
        ("{'command_timeout': None}", "", "rewritten"),
        ("{'command_timeout': t}", "{'command_timeout': t}", "manual"),
        ("{'server_settings': {'application_name': n}}", "{'application_name': n}", "rewritten"),
        (
            "{'server_settings': {'search_path': 'a, b'}}",
            "{'options': \"-c search_path=a,\\\\ b\"}",
            "changed behaviour",
        ),
        ("{'database': 'd'}", "{'dbname': 'd'}", "rewritten"),
        ("{'database': name}", "{'dbname': name}", "rewritten"),
        ("{'statement_cache_size': 0}", "{'prepare_threshold': None}", "rewritten"),
        ("{'statement_cache_size': 0, 'prepared_statement_cache_size': 0}", "{'prepare_threshold': None}", "rewritten"),
        ("{'prepared_statement_cache_size': 500}", "", "changed behaviour"),
        ("{'statement_cache_size': n}", "{'prepare_threshold': None if n == 0 else 5}", "changed behaviour"),
        ("{'prepared_statement_name_func': f}", "", "changed behaviour"),
        ("{'max_cached_statement_lifetime': 0}", "", "changed behaviour"),
        ("{'direct_tls': True}", "{'sslnegotiation': \"direct\"}", "rewritten"),
        ("{'direct_tls': False}", "", "rewritten"),
        ("{'connection_class': C}", "{'connection_class': C}", "manual"),
        ("{'host': ['a', 'b']}", "{'host': ['a', 'b']}", "manual"),
        ("dict(ssl='prefer', timeout=9)", "dict(sslmode='prefer', connect_timeout=9)", "rewritten"),
    ],
)  # fmt: skip
def test_arguments_of_asyncpg(given: str, expected: str, outcome: str) -> None:
    assert arguments(TO_PSYCOPG, given) == (expected, {outcome})


@pytest.mark.parametrize(
    "given", ["{'host': 'h', 'port': 5, 'passfile': p}", "{'target_session_attrs': 'any'}", "{}"]
)
def test_arguments_that_both_take(given: str) -> None:
    assert arguments(TO_PSYCOPG, given) == (given, set())
    assert arguments(TO_ASYNCPG, given) == (given, set())


@pytest.mark.parametrize(
    ("given", "expected", "outcome"),
    [
        ("{'sslmode': 'require'}", "{'ssl': 'require'}", "rewritten"),
        ("{'sslmode': mode}", "{'ssl': mode}", "rewritten"),
        ("{'sslmode': 'verify-full', 'sslrootcert': 'system'}", "{'ssl': True}", "rewritten"),
        ("{'sslmode': 'verify-ca', 'sslrootcert': ca}", "{'sslmode': 'verify-ca', 'sslrootcert': ca}", "manual"),
        ("{'connect_timeout': 5}", "{'timeout': 5}", "rewritten"),
        ("{'connect_timeout': '5'}", "{'timeout': 5}", "rewritten"),
        ("{'connect_timeout': 0}", "{'timeout': None}", "rewritten"),
        ("{'connect_timeout': t}", "{'connect_timeout': t}", "manual"),
        ("{'application_name': 'x'}", "{'server_settings': {\"application_name\": \"x\"}}", "rewritten"),
        (
            "{'options': '-c jit=off -csearch_path=a,\\\\ b'}",
            "{'server_settings': {\"jit\": \"off\", \"search_path\": \"a, b\"}}",
            "rewritten",
        ),
        ("{'options': '-E'}", "{'options': '-E'}", "manual"),
        ("{'options': o}", "{'options': o}", "manual"),
        ("{'dbname': d}", "{'database': d}", "rewritten"),
        (
            "{'prepare_threshold': None}",
            "{'prepared_statement_cache_size': 0, 'statement_cache_size': 0}",
            "rewritten",
        ),
        ("{'prepare_threshold': 2}", "", "changed behaviour"),
        ("{'keepalives': 1}", "{'keepalives': 1}", "manual"),
        ("{'channel_binding': 'prefer'}", "", "rewritten"),
        ("{'channel_binding': 'require'}", "{'channel_binding': 'require'}", "manual"),
        ("{'client_encoding': 'utf8'}", "", "rewritten"),
        ("{'autocommit': False}", "", "rewritten"),
        ("{'autocommit': True}", "{'autocommit': True}", "manual"),
        ("{'row_factory': dict_row}", "{'row_factory': dict_row}", "manual"),
        ("{'sslnegotiation': 'direct'}", "{'direct_tls': True}", "rewritten"),
        ("{'tcp_user_timeout': None}", "", "rewritten"),
        ("{'hostaddr': '::1'}", "{'hostaddr': '::1'}", "manual"),
    ],
)  # fmt: skip
def test_arguments_of_psycopg(given: str, expected: str, outcome: str) -> None:
    assert arguments(TO_ASYNCPG, given) == (expected, {outcome})


def test_arguments_given_up_for_who_asks() -> None:
    assert arguments(TO_ASYNCPG, "{'keepalives': 1, 'connect_timeout': t}", unsafe=True) == (
        "{'timeout': t}", {"changed behaviour"},
    )  # fmt: skip


URLS = [
    (TO_PSYCOPG, "'postgresql+asyncpg://u@h/d'", "'postgresql+psycopg://u@h/d'"),
    (TO_PSYCOPG, "f'postgresql+asyncpg://{u}@{h}/d?ssl={mode}'", "f'postgresql+psycopg://{u}@{h}/d?sslmode={mode}'"),
    (TO_PSYCOPG, "'postgresql+asyncpg://h/d?ssl=require&host=x'", "'postgresql+psycopg://h/d?sslmode=require&host=x'"),
    (
        TO_PSYCOPG,
        "'postgresql+asyncpg://h/d?command_timeout=5&ssl=prefer'",
        "'postgresql+psycopg://h/d?options=-c%20statement_timeout%3D5000&sslmode=prefer'",
    ),
    (
        TO_PSYCOPG,
        "'postgresql+asyncpg://' + h + '/d' + '?ssl=allow'",
        "'postgresql+psycopg://' + h + '/d' + '?sslmode=allow'",
    ),
    (TO_PSYCOPG, "URL.create('postgresql+asyncpg', host=h)", "URL.create('postgresql+psycopg', host=h)"),
    (TO_PSYCOPG, "url.set(drivername='postgresql+asyncpg')", "url.set(drivername='postgresql+psycopg')"),
    (
        TO_PSYCOPG,
        "url.replace('postgresql://', 'postgresql+asyncpg://', 1)",
        "url.replace('postgresql://', 'postgresql+psycopg://', 1)",
    ),
    (TO_PSYCOPG, "url.replace('+asyncpg', '')", "url.replace('+psycopg', '')"),
    (TO_PSYCOPG, "'+asyncpg' in url", "'+psycopg' in url"),
    (TO_PSYCOPG, "'postgresql://h/d?ssl=require'", "'postgresql://h/d?ssl=require'"),
    (TO_PSYCOPG, "'postgresql+asyncpgx://h'", "'postgresql+asyncpgx://h'"),
    (TO_PSYCOPG, "f('+asyncpg')", "f('+asyncpg')"),
    (TO_PSYCOPG, "asyncpg.connect('postgresql://h/d?sslmode=require')", "asyncpg.connect('postgresql://h/d?sslmode=require')"),
    (TO_ASYNCPG, "'postgresql+psycopg_async://h/d?sslmode=require'", "'postgresql+asyncpg://h/d?ssl=require'"),
    (TO_ASYNCPG, "'postgresql+psycopg://h/d?dbname=d'", "'postgresql+asyncpg://h/d?database=d'"),
    (TO_ASYNCPG, "'postgresql+psycopg2://h/d'", "'postgresql+psycopg2://h/d'"),
    (FROM_PSYCOPG2, "'postgresql+psycopg2://h/d?sslmode=disable'", "'postgresql+asyncpg://h/d?ssl=disable'"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "before", "after"), URLS)
def test_urls(command: type[Rewrite], before: str, after: str) -> None:
    head = f"import asyncpg\nfrom sqlalchemy import URL\n{ENGINE}engine = create_async_engine(address)\n"
    assert rewrite(command, f"{head}x = {before}\n")[0] == f"{head}x = {after}\n"


def engine(command: type[Rewrite], before: str, *, head: str = ENGINE, unsafe: bool = False) -> str:
    return rewrite(command, f"{head}{before}\n", unsafe=unsafe)[0].removeprefix(head).strip()


def test_what_a_url_cannot_say_goes_to_connect_args() -> None:
    before = "create_async_engine('postgresql+asyncpg://h/d?prepared_statement_cache_size=0&ssl=allow')"
    assert engine(TO_PSYCOPG, before) == (
        "create_async_engine('postgresql+psycopg://h/d?sslmode=allow', connect_args={\"prepare_threshold\": None})"
    )
    before = (
        "create_async_engine('postgresql+psycopg://h/d?connect_timeout=5&application_name=x', "
        "connect_args={'options': '-c jit=off'})"
    )
    assert engine(TO_ASYNCPG, before) == (
        "create_async_engine('postgresql+asyncpg://h/d', "
        'connect_args={\'server_settings\': {"jit": "off", "application_name": "x"}, "timeout": 5})'
    )


def test_options_of_built_urls() -> None:
    head = "from sqlalchemy import URL\n"
    before = "URL.create('postgresql+asyncpg', host=h, query={'ssl': 'require', 'command_timeout': '5', 'host': 'x'})"
    after = (
        "URL.create('postgresql+psycopg', host=h, "
        "query={'sslmode': 'require', 'options': \"-c statement_timeout=5000\", 'host': 'x'})"
    )
    assert engine(TO_PSYCOPG, before, head=head) == after
    before = "URL.create('postgresql+asyncpg', query={'prepared_statement_cache_size': '0'})"
    new, items = rewrite(TO_PSYCOPG, f"{head}{before}\n")
    assert new == f"{head}{before.replace('+asyncpg', '+psycopg')}\n"
    assert {each.outcome for each in items} == {"manual", "changed behaviour"}


def test_code_that_renames_options_is_reported() -> None:
    for line in ("url.replace('sslmode=', 'ssl=')", "url.update_query_dict({'ssl': 'require'})"):
        new, items = rewrite(TO_PSYCOPG, f"{line}\n")
        assert new == f"{line}\n"
        assert [each.outcome for each in items] == ["manual"]


def test_arguments_that_a_condition_chooses() -> None:
    given = "{'ssl': 'require'} if x else {'timeout': 5, 'max_cached_statement_lifetime': 0}"
    expected = "{'sslmode': 'require'} if x else {'connect_timeout': 5}"
    assert arguments(TO_PSYCOPG, given) == (expected, {"rewritten", "changed behaviour"})


def test_arguments_in_another_dict() -> None:
    """What a URL cannot say is not added a second time."""
    before = (
        "o = dict(connect_args={'timeout': 5})\n"
        "create_async_engine('postgresql+asyncpg://h/d?prepared_statement_cache_size=0', **o)"
    )
    new, items = rewrite(TO_PSYCOPG, f"{ENGINE}{before}\n")
    assert "connect_args={'connect_timeout': 5}" in new
    assert new.count("connect_args") == 1
    assert "manual" in {each.outcome for each in items}


def test_what_a_url_elsewhere_cannot_say_is_reported() -> None:
    source = "url = 'postgresql+asyncpg://h/d?prepared_statement_cache_size=0'\n"
    new, items = rewrite(TO_PSYCOPG, source)
    assert new == "url = 'postgresql+psycopg://h/d?prepared_statement_cache_size=0'\n"
    assert [each.outcome for each in items] == ["manual", "changed behaviour"]


def test_contexts() -> None:
    head = f"import ssl\n{ENGINE}"
    call = "create_async_engine('postgresql+{}://h/d', connect_args={{{}}})"
    ours = call.format("asyncpg", "'ssl': ssl.create_default_context(cafile=ca)")
    theirs = call.format("psycopg", "'sslmode': \"verify-full\", 'sslrootcert': ca")
    assert engine(TO_PSYCOPG, ours, head=head) == theirs
    back = engine(TO_ASYNCPG, theirs)
    assert call.format("asyncpg", "'ssl': create_default_context(cafile=ca)") in back

    careless = "c = ssl.create_default_context()\nc.check_hostname = False\nc.verify_mode = ssl.CERT_NONE\n"
    before = careless + call.format("asyncpg", "'ssl': c")
    after = careless + call.format("psycopg", "'sslmode': \"require\"")
    assert engine(TO_PSYCOPG, before, head=head) == after


def test_settings_that_are_not_written_out() -> None:
    url = "'postgresql+asyncpg://h/d'"
    new, _ = rewrite(
        TO_PSYCOPG,
        f"{ENGINE}create_async_engine({url}, connect_args={{'server_settings': {{'search_path': p}}}})\n",
    )
    assert "connect_args={'options': server_options({\"search_path\": p})}" in new
    names: dict[str, object] = {"p": "a b\\c\td"}
    exec(new.partition("create_async_engine(")[0].replace(ENGINE, ""), names)
    assert eval('server_options({"search_path": p})', names) == "-c search_path=a\\ b\\\\c\\\td"


def test_a_dict_in_steps() -> None:
    before = """
        o = {'ssl': False}
        o['timeout'] = 5
        if x:
            o['statement_cache_size'] = 0
        o['max_cached_statement_lifetime'] = 1
        create_async_engine('postgresql+asyncpg://h/d', connect_args=o)
    """
    after = """
        o = {'sslmode': "disable"}
        o['connect_timeout'] = 5
        if x:
            o['prepare_threshold'] = None
        create_async_engine('postgresql+psycopg://h/d', connect_args=o)
    """
    assert engine(TO_PSYCOPG, textwrap.dedent(before)) == textwrap.dedent(after).strip()


def test_layout_is_kept() -> None:
    before = """
        engine = create_async_engine(
            "postgresql+asyncpg://h/d",
            connect_args={
                # behind PgBouncer
                "statement_cache_size": 0,
                "prepared_statement_cache_size": 0,  # SQLAlchemy's
                "server_settings": {"jit": "off"},
                "host": "h",
            },
        )
    """
    after = """
        engine = create_async_engine(
            "postgresql+psycopg://h/d",
            connect_args={
                # behind PgBouncer
                "prepare_threshold": None,
                "options": "-c jit=off",
                "host": "h",
            },
        )
    """
    assert engine(TO_PSYCOPG, textwrap.dedent(before)) == textwrap.dedent(after).strip()


def test_other_engines_are_left_alone() -> None:
    for line in (
        "create_async_engine('sqlite+aiosqlite://', connect_args={'timeout': 5})",
        "create_async_engine('postgresql+psycopg://h/d', connect_args={'connect_timeout': 5})",
        "import aiosqlite\ncreate_async_engine(url, connect_args={'timeout': 5})",
        "f(connect_args={'ssl': True})",
    ):
        assert engine(TO_PSYCOPG, line) == line


def test_an_unknown_url_is_known_by_the_arguments() -> None:
    assert engine(TO_PSYCOPG, "create_async_engine(url, connect_args={'command_timeout': 5})") == (
        "create_async_engine(url, connect_args={'options': \"-c statement_timeout=5000\"})"
    )


def test_the_default_driver() -> None:
    """`postgresql://` is psycopg with SQLAlchemy 2.1."""
    assert engine(
        TO_ASYNCPG, "create_async_engine('postgresql://h/d?sslmode=allow', use_native_hstore=False)"
    ) == ("create_async_engine('postgresql+asyncpg://h/d?ssl=allow')")


def test_sync_engines_keep_their_driver() -> None:
    source = "from sqlalchemy import create_engine\nengine = create_engine('postgresql+psycopg://h/d')\n"
    new, items = rewrite(TO_ASYNCPG, source)
    assert new == source
    assert [each.outcome for each in items] == ["manual"]


# Errors

HANDLER = """
    try:
        work()
    except IntegrityError as error:
        {}
"""


def handled(command: type[Rewrite], head: str, line: str) -> tuple[str, list[str]]:
    """What becomes of a line in a handler, and the outcomes."""
    source = f"{head}from sqlalchemy.exc import IntegrityError\n{textwrap.dedent(HANDLER.format(line))}"
    new, items = rewrite(command, source)
    return new.splitlines()[-1].strip(), [each.outcome for each in items]


@pytest.mark.parametrize(
    ("head", "before", "after"),
    [
        ("", "error.orig.pgcode", "error.orig.sqlstate"),
        ("", "getattr(error.orig, 'pgcode', None)", "getattr(error.orig, 'sqlstate', None)"),
        ("", "getattr(error.orig, '__cause__', None)", "error.orig"),
        ("", "error.orig.__cause__.sqlstate", "error.orig.sqlstate"),
        ("", "error.orig.__cause__.constraint_name", "error.orig.diag.constraint_name"),
        ("", "error.orig.__cause__.detail", "error.orig.diag.message_detail"),
        (
            "import asyncpg\n",
            "isinstance(error.orig.__cause__, asyncpg.UniqueViolationError)",
            "isinstance(error.orig, psycopg.errors.UniqueViolation)",
        ),
        (
            "import asyncpg\n",
            "isinstance(error.orig.__cause__, (asyncpg.SerializationError, asyncpg.IntegrityConstraintViolationError))",
            "isinstance(error.orig, (psycopg.errors.SerializationFailure, psycopg.IntegrityError))",
        ),
        ("", "error.pgcode", "error.pgcode"),
    ],
)
def test_errors_to_psycopg(head: str, before: str, after: str) -> None:
    assert handled(asyncpg_to_psycopg.Errors, head, before)[0] == after


@pytest.mark.parametrize(
    ("head", "before", "after"),
    [
        ("", "error.orig.sqlstate", "error.orig.sqlstate"),
        ("", "error.orig.diag.constraint_name", "error.orig.__cause__.constraint_name"),
        ("", "error.orig.diag.source_line", "error.orig.diag.source_line"),
        (
            "from psycopg import errors\n",
            "isinstance(error.orig, errors.UniqueViolation)",
            "isinstance(error.orig.__cause__, UniqueViolationError)",
        ),
    ],
)
def test_errors_to_asyncpg(head: str, before: str, after: str) -> None:
    assert handled(psycopg_to_asyncpg.Errors, head, before)[0] == after


PLAIN = """
import asyncpg


async def work(dsn):
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchrow("select $1", 1)
    except asyncpg.UniqueViolationError:
        await connection.close()
    thing.fetchrow()
"""


def test_plain_code_is_reported() -> None:
    new, items = rewrite(asyncpg_to_psycopg.Plain, PLAIN)
    assert new == PLAIN
    assert [(each.location.row, each.outcome) for each in items] == [
        (6, "manual"), (9, "manual"), (8, "manual"), (10, "manual"),
    ]  # fmt: skip
    assert all(each.advice for each in items)


# Whole projects

PROJECT = {
    "pyproject.toml": "[tool.asyncdb-lint]\n",
    "app/__init__.py": "",
    "app/settings.py": 'DATABASE_URL = "postgresql+asyncpg://app@db/app"\n',
    "app/db.py": """
        from sqlalchemy.ext.asyncio import create_async_engine

        from app.settings import DATABASE_URL

        engine = create_async_engine(DATABASE_URL, connect_args={"ssl": "require", "timeout": 5})
    """,
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in PROJECT.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(textwrap.dedent(text).lstrip("\n"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*options: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["migrate", "driver", *options], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.stdout


THERE, BACK = ("--from", "asyncpg", "--to", "psycopg"), ("--from", "psycopg", "--to", "asyncpg")


def test_there_and_back(project: Path) -> None:
    before = {path: path.read_text() for path in project.rglob("*.py")}
    assert run(*THERE, "--write") == (0, "")
    assert '"postgresql+psycopg://app@db/app"' in (project / "app/settings.py").read_text()
    assert 'connect_args={"sslmode": "require", "connect_timeout": 5}' in (project / "app/db.py").read_text()
    assert run(*THERE) == (0, "")
    assert run(*BACK, "--write") == (0, "")
    assert before == {path: path.read_text() for path in project.rglob("*.py")}


def test_twice_is_once(project: Path) -> None:
    run(*THERE, "--write")
    assert not migrate([project], Settings(), project, ROUTES["asyncpg", "psycopg"]).texts


def test_report(project: Path) -> None:
    status, out = run(*THERE, "--report", "json")
    found = [(Path(each["filename"]).name, each["code"]) for each in json.loads(out)["items"]]
    assert status == 0
    assert found == [("db.py", "ADB901"), ("db.py", "ADB901"), ("settings.py", "ADB902")]


def test_a_url_that_a_sync_engine_takes_from_another_file(project: Path) -> None:
    (project / "app/settings.py").write_text('DATABASE_URL = "postgresql+psycopg://app@db/app"\n')
    (project / "app/db.py").write_text(
        "from sqlalchemy import create_engine\nfrom app.settings import DATABASE_URL\ncreate_engine(DATABASE_URL)\n"
    )
    before = {path: path.read_text() for path in project.rglob("*.py")}
    status, _ = run(*BACK, "--write")
    assert status == 1
    assert before == {path: path.read_text() for path in project.rglob("*.py")}


LISTS = {
    "requirements.txt": (
        "# async\nasyncpg==0.29.0  # pinned\nasyncpg-stubs\n",
        "# async\npsycopg[binary]>=3.2  # pinned\nasyncpg-stubs\n",
    ),
    "pyproject.toml": (
        '[project]\ndependencies = ["asyncpg>=0.29,<1", "flask"]\n',
        '[project]\ndependencies = ["psycopg[binary]>=3.2", "flask"]\n',
    ),
    ".env": (
        "URL=postgresql+asyncpg://h/d?ssl=require\n# postgresql+asyncpg://\n",
        "URL=postgresql+psycopg://h/d?sslmode=require\n# postgresql+asyncpg://\n",
    ),
    "alembic.ini": (
        "[alembic]\nsqlalchemy.url = postgresql+asyncpg://h/d?command_timeout=5\n",
        "[alembic]\nsqlalchemy.url = postgresql+psycopg://h/d?options=-c%%20statement_timeout%%3D5000\n",
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_files_that_are_not_code(project: Path, name: str) -> None:
    before, after = LISTS[name]
    (project / name).write_text(before)
    assert run(*THERE, "--write")[0] == 0
    assert (project / name).read_text() == after
    assert run(*THERE) == (0, "")


def test_what_is_required_beside_plain_code(project: Path) -> None:
    (project / "requirements.txt").write_text("asyncpg\n")
    (project / "app/raw.py").write_text(
        "import asyncpg\n\n\nasync def f(d):\n    return await asyncpg.connect(d)\n"
    )
    assert run(*THERE, "--write")[0] == 1
    assert (project / "requirements.txt").read_text() == "asyncpg\n"


def test_urls_that_sync_engines_may_take(project: Path) -> None:
    (project / "app/db.py").write_text(
        "import os\nfrom sqlalchemy import create_engine\ncreate_engine(os.environ['URL'])\n"
    )
    (project / ".env").write_text("URL=postgresql+psycopg://h/d\n")
    assert run(*BACK, "--write")[0] == 1
    assert (project / ".env").read_text() == "URL=postgresql+psycopg://h/d\n"


@pytest.mark.parametrize("pair", [("psycopg2", "psycopg"), ("asyncpg", "psycopg2"), ("asyncpg", "asyncpg")])
def test_wrong_combinations(pair: tuple[str, str]) -> None:
    with pytest.raises(UsageProblem, match=f"cannot migrate from {pair[0]} to {pair[1]}"):
        run("--from", pair[0], "--to", pair[1])


def test_broken_files_stop_nothing(project: Path) -> None:
    (project / "app/broken.py").write_text('url = "postgresql+asyncpg://h"\ndef broken(:\n')
    assert run(*THERE, "--write")[0] == 2
    assert "postgresql+psycopg" in (project / "app/settings.py").read_text()
