"""What a team declares of its own wrappers: what the names mean, what follows, and which names do not exist."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import libcst as cst
import pytest
from click.testing import CliRunner

from asyncdb_lint.cli import cli
from asyncdb_lint.config import SessionDecorator, Settings
from asyncdb_lint.errors import UsageProblem
from asyncdb_lint.knowledge import load
from asyncdb_lint.semantics.builder import build
from asyncdb_lint.semantics.declared import declarations
from asyncdb_lint.semantics.kinds import Coroutine, Instance, Iterator, Kind, Manager
from asyncdb_lint.semantics.modules import ModuleIndex
from asyncdb_lint.semantics.project import Project
from tests.support import lint, module_name

SESSION = "sqlalchemy.orm.session.Session"
ASYNC_SESSION = "sqlalchemy.ext.asyncio.session.AsyncSession"
MODES = {"sync": SESSION, "async": ASYNC_SESSION}


def link(files: Mapping[str, str], **settings: Any) -> tuple[Project, dict[str, list[Kind]]]:
    """The linked project, and the kinds that the `reveal(…)` calls of each file ask for."""
    packages = {module_name(each) for each in files if each.endswith("__init__.py")}
    models = [
        build(
            cst.parse_module(textwrap.dedent(text)),
            module_name(path),
            path,
            is_package=module_name(path) in packages,
        )
        for path, text in files.items()
    ]
    index = ModuleIndex((model.name for model in models), packages)
    declared = declarations(Settings(**settings))
    project = Project(load("2.1"), index, [model.summary for model in models], declared)
    asked = {
        model.path: [
            project.kind(model.name, model.exprs[node.args[0].value])
            for node in model.nodes.get(cst.Call, ())
            if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value == "reveal"
        ]
        for model in models
    }
    return project, asked


def names(files: Mapping[str, str] | str, path: str = "main.py", **settings: Any) -> list[str]:
    """The classes of what `reveal(…)` asks for; empty where it is no object of a known class."""
    _, asked = link({"main.py": files} if isinstance(files, str) else files, **settings)
    return [kind.name if isinstance(kind, Instance) else "" for kind in asked[path]]


def blocking(files: Mapping[str, str], *declared: str, path: str = "main.py") -> list[bool]:
    """Whether calling what `reveal(…)` asks for is declared to wait."""
    project, asked = link(files, blocking_calls=declared)
    return [project.declared.is_blocking(kind) for kind in asked[path]]


# Blocking calls

LEGACY = """
    def run_query(text): ...
    def other(text): ...

    class Client:
        def fetch(self, text): ...
        @classmethod
        def make(cls): ...
        @staticmethod
        def ping(): ...
        def close(self): ...
"""


def test_a_function_by_every_way_to_import_it() -> None:
    files = {
        "app/__init__.py": "from .legacy import run_query as query\nfrom . import legacy as old\n",
        "app/legacy.py": LEGACY,
        "app/star.py": "from app.legacy import *\n",
        "main.py": """
            import app
            import app.legacy
            from app import legacy, query
            from app.legacy import run_query, other
            from app.star import run_query as starred
            alias = run_query
            reveal(run_query), reveal(legacy.run_query), reveal(app.legacy.run_query), reveal(query)
            reveal(app.query), reveal(starred), reveal(alias), reveal(app.old.run_query)
            reveal(other), reveal(legacy.other)
        """,
    }
    for name in ("app.legacy.run_query", "app.query", "app.star.run_query", "app.old.run_query"):
        assert [True] * 8 + [False] * 2 == blocking(files, name), name


def test_a_method_by_objects_classes_and_subclasses() -> None:
    files = {
        "app/__init__.py": "from app.legacy import Client\n",
        "app/legacy.py": LEGACY,
        "main.py": """
            from app.legacy import Client

            class Inherits(Client): ...
            class Overrides(Client):
                def fetch(self, text): return []
            class Awaits(Client):
                async def fetch(self, text): return []
            class Namesake:
                def fetch(self, text): ...

            def handler(client: Client, namesake: Namesake):
                reveal(client.fetch), reveal(Client.fetch), reveal(Client().fetch)
                reveal(Inherits().fetch), reveal(Overrides().fetch)
                reveal(Awaits().fetch), reveal(namesake.fetch), reveal(client.close)
        """,
    }
    for name in ("app.legacy.Client.fetch", "app.Client.fetch"):
        assert [True] * 5 + [False] * 3 == blocking(files, name), name
    assert [True, True, True] == blocking(
        {
            **files,
            "main.py": "from app import Client\nreveal(Client.make), reveal(Client.ping), reveal(Client().make)\n",
        },
        "app.Client.make",
        "app.Client.ping",
    )


def test_a_method_is_declared_for_the_class_that_inherits_it_too() -> None:
    files = {
        "app/base.py": "class Base:\n    def fetch(self): ...\n",
        "app/client.py": "from app.base import Base\nclass Client(Base): ...\n",
        "main.py": "from app.client import Client\nreveal(Client().fetch)\n",
    }

    assert [True] == blocking(files, "app.client.Client.fetch")


def test_a_class_that_waits_while_it_is_made() -> None:
    files = {
        "app/db.py": "class Connection: ...\nclass Other: ...\n",
        "main.py": """
            from app.db import Connection, Other
            class Pooled(Connection): ...
            reveal(Connection), reveal(Pooled), reveal(Other)
        """,
    }

    assert [True, True, False] == blocking(files, "app.db.Connection")


def test_the_method_of_an_object_of_a_module() -> None:
    files = {
        "app/db.py": """
            from app.dynamic import make
            class Database:
                def query(self): ...
            database = Database()
            unknown = make()
        """,
        "app/__init__.py": "from app.db import unknown\n",
        "main.py": """
            from app.db import database, unknown
            reveal(database.query), reveal(unknown.query), reveal(unknown.other)
        """,
    }

    assert [True, True, False] == blocking(files, "app.db.database.query", "app.db.unknown.query")
    assert [False, True, False] == blocking(files, "app.unknown.query")


@pytest.mark.parametrize(
    "value",
    [
        "make_query()",
        "partial(execute, 1)",
        "QUERIES['run']",
        "Query()",
        "lambda text: text",
        "getattr(x, 'y')",
    ],
)
def test_a_name_whose_value_cannot_be_told_stands_for_itself(value: str) -> None:
    files = {
        "app/__init__.py": "",
        "app/legacy.py": f"""
            from functools import partial
            from somewhere import *
            class Query:
                def __call__(self, text): ...
            run_query = {value}
        """,
        "app/again.py": "from app.legacy import run_query\n",
        "main.py": """
            from app.legacy import run_query
            from app.again import run_query as again
            reveal(run_query), reveal(again)
        """,
    }

    for name in ("app.legacy.run_query", "app.again.run_query"):
        assert [True, True] == blocking(files, name)
    assert [False, False] == blocking(files, "app.legacy.other")


def test_an_attribute_whose_value_cannot_be_told() -> None:
    files = {
        "app/__init__.py": "from app.db import Database\n",
        "app/db.py": """
            from somewhere import make
            class Database:
                def __init__(self):
                    self.query = make()
                    self.other = make()
        """,
        "main.py": """
            from app.db import Database
            class Own(Database): ...
            def f(database: Database, own: Own):
                reveal(database.query), reveal(own.query), reveal(database.other)
        """,
    }

    for name in ("app.db.Database.query", "app.Database.query"):
        assert [True, True, False] == blocking(files, name)


def test_library_names() -> None:
    files = {
        "main.py": """
            import vendor_db
            import vendor_db as v
            from vendor_db import query, Client
            from vendor_db.pool import query as pooled
            from other_db import query as other

            class Own(Client): ...

            def f(client: Client, own: Own):
                reveal(query), reveal(vendor_db.query), reveal(v.query)
                reveal(client.fetch), reveal(Client("x").fetch), reveal(vendor_db.Client.fetch), reveal(own.fetch)
                reveal(pooled), reveal(other), reveal(client.close), reveal(vendor_db.close)
        """,
    }

    assert [True] * 7 + [False] * 4 == blocking(files, "vendor_db.query", "vendor_db.Client.fetch")


def test_known_libraries_by_public_name() -> None:
    files = {
        "main.py": """
            from sqlalchemy.orm import Session, configure_mappers
            def f(session: Session):
                reveal(session.expunge), reveal(configure_mappers), reveal(session.expunge_all)
        """,
    }

    declared = ("sqlalchemy.orm.Session.expunge", "sqlalchemy.orm.configure_mappers")
    assert [True, True, False] == blocking(files, *declared)


def test_namesakes_are_others() -> None:
    files = {
        "app/legacy.py": LEGACY,
        "other/legacy.py": LEGACY,
        "legacy.py": LEGACY,
        "main.py": """
            from app.legacy import run_query as right
            from other.legacy import run_query as wrong
            from legacy import run_query as wrong_too
            def run_query(text): ...
            reveal(right), reveal(wrong), reveal(wrong_too), reveal(run_query)
        """,
    }

    assert [True, False, False, False] == blocking(files, "app.legacy.run_query")


@pytest.mark.parametrize("name", ["app.legacy.run_query", "src.app.legacy.run_query"])
def test_source_roots_count(name: str) -> None:
    files = {
        "src/app/__init__.py": "",
        "src/app/legacy.py": LEGACY,
        "src/app/main.py": (
            "from .legacy import run_query as a\nfrom app.legacy import run_query as b\nreveal(a), reveal(b)\n"
        ),
    }

    assert [True, True] == blocking(files, name, path="src/app/main.py")


def test_packages_of_one_name_in_several_roots_are_all_meant() -> None:
    files = {
        f"{root}/app/{name}.py": text
        for root in ("one", "two")
        for name, text in (
            ("__init__", ""),
            ("db", "def query(): ..."),
            ("main", "from app.db import query\nreveal(query)\n"),
        )
    }

    for root in ("one", "two"):
        assert [True] == blocking(files, "app.db.query", path=f"{root}/app/main.py")
    assert [False] == blocking(files, "one.app.db.query", path="two/app/main.py")


def test_a_declared_call_at_the_end_of_a_chain_blocks_the_loop() -> None:
    files = {
        "app/legacy.py": "def run_query(text): ...\ndef harmless(text): ...\n",
        "app/service.py": (
            "from app.legacy import harmless, run_query\n"
            "def load(): return run_query('x')\n"
            "def skip(): return harmless('x')\n"
        ),
        "app/routes.py": (
            "from app.service import load, skip\n"
            "async def one(): return load()\n"
            "async def two(): return skip()\n"
        ),
    }
    found = lint(files, ["ADB104"], blocking_calls=("app.legacy.run_query",))

    assert [("app/routes.py", 2)] == [(each.filename, each.location.row) for each in found]
    assert [] == lint(files, ["ADB104"])


# Session factories

USES = """
    from {module} import get_session
    from fastapi import Depends
    from typing import Annotated

    async def called():
        session = get_session()
        reveal(session)

    async def awaited():
        reveal(await get_session())

    async def entered():
        async with get_session() as session:
            reveal(session)

    def entered_plainly():
        with get_session() as session:
            reveal(session)

    async def iterated():
        async for session in get_session():
            reveal(session)

    def iterated_plainly():
        for session in get_session():
            reveal(session)

    async def stepped():
        reveal(next(get_session()))
        reveal(await anext(get_session()))

    def injected(session=Depends(get_session)):
        reveal(session)

    def annotated(session: Annotated[object, Depends(get_session)]):
        reveal(session)
"""


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize(
    "code",
    [
        "get_session = build(x)",
        "get_session = Provider()",
        "@unknown\ndef get_session(): ...",
        "@unknown\nasync def get_session(): yield x",
        "def get_session(): return registry[current()]()",
        "class get_session: ...",
    ],
)
def test_what_cannot_be_seen_through_gives_a_session_in_every_way(mode: str, code: str) -> None:
    code = f"from somewhere import *\nclass Provider:\n    async def __call__(self): yield x\n{code}\n"
    files = {"app/__init__.py": "", "app/db.py": code, "main.py": USES.format(module="app.db")}

    assert [MODES[mode]] * 10 == names(files, session_factories={"app.db.get_session": mode})
    assert [""] * 10 == [
        each if each in MODES.values() else ""
        for each in names(files, session_factories={"app.db.other": mode})
    ]


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_librarys_factory(mode: str) -> None:
    declared = {"vendor.db.get_session": mode}

    assert [MODES[mode]] * 10 == names(USES.format(module="vendor.db"), session_factories=declared)
    assert not {*MODES.values()} & {*names(USES.format(module="vendor.other"), session_factories=declared)}


def test_what_the_code_shows_of_a_factory_still_holds() -> None:
    files = {
        "app/db.py": """
            from contextlib import asynccontextmanager, contextmanager
            from somewhere import registry
            async def coroutine(): return registry()
            async def generator(): yield registry()
            def plain_generator(): yield registry()
            @asynccontextmanager
            async def manager(): yield registry()
            async def nested(): return manager()
        """,
        "main.py": """
            from contextlib import asynccontextmanager
            from app.db import coroutine, generator, plain_generator, manager, nested
            reveal(coroutine()), reveal(generator()), reveal(plain_generator()), reveal(manager()), reveal(nested())
            async def f():
                reveal(await coroutine())
                async for session in generator(): reveal(session)
                async with manager() as session: reveal(session)
                async with await nested() as session: reveal(session)
                async with asynccontextmanager(generator)() as session: reveal(session)
        """,
    }
    declared = {
        f"app.db.{name}": "async"
        for name in ("coroutine", "generator", "plain_generator", "manager", "nested")
    }
    project, asked = link(files, session_factories=declared)
    made, used = asked["main.py"][:5], asked["main.py"][5:]

    assert [Coroutine, Iterator, Iterator, Manager, Coroutine] == [type(kind) for kind in made]
    assert [("session", "async")] * 5 == [project.role(kind) for kind in used]


def test_a_library_factory_made_a_context_manager_by_hand() -> None:
    source = """
        from contextlib import asynccontextmanager
        from vendor.db import get_session
        open_session = asynccontextmanager(get_session)
        async def f():
            async with open_session() as session: reveal(session)
    """

    assert [ASYNC_SESSION] == names(source, session_factories={"vendor.db.get_session": "async"})


def test_a_session_class_of_the_project_is_kept() -> None:
    files = {
        "app/db.py": """
            from sqlalchemy.ext.asyncio import AsyncSession
            class Own(AsyncSession): ...
            async def get_session() -> Own: ...
        """,
        "main.py": "from app.db import get_session\nasync def f():\n    reveal(await get_session())\n",
    }

    assert ["app.db:Own"] == names(files, session_factories={"app.db.get_session": "async"})
    assert [SESSION] == names(files, session_factories={"app.db.get_session": "sync"})


def test_factories_that_are_methods_and_properties() -> None:
    files = {
        "app/db.py": """
            from somewhere import make
            class Database:
                def __init__(self): self.maker = make()
                def session(self): return self.maker()
                @property
                def current(self): return self.maker()
                def other(self): return self.maker()
            database = Database()
        """,
        "main.py": """
            from app.db import Database, database
            class Own(Database): ...
            def f(own: Own):
                reveal(database.session()), reveal(own.session()), reveal(database.current), reveal(own.maker())
                reveal(database.other())
        """,
    }
    both = {
        "app.db.Database.current": "async",
        "app.db.Database.maker": "async",
        "app.db.Database.session": "async",
    }

    assert [ASYNC_SESSION] * 5 == names(files, session_factories=both)
    del both["app.db.Database.maker"]
    assert [ASYNC_SESSION] * 3 + [""] * 2 == names(files, session_factories=both)


def test_a_sessionmaker_of_an_unknown_class() -> None:
    files = {
        "app/db.py": """
            from sqlalchemy.orm import sessionmaker
            from somewhere import cls
            SessionLocal = sessionmaker(class_=cls)
        """,
        "main.py": "from app.db import SessionLocal\nasync def f():\n    async with SessionLocal() as s: reveal(s)\n",
    }

    assert [ASYNC_SESSION] == names(files, session_factories={"app.db.SessionLocal": "async"})


def test_a_fixture_that_is_a_declared_factory() -> None:
    files = {
        "conftest.py": "import pytest\nfrom somewhere import make\n@pytest.fixture\ndef db(): return make()\n",
        "test_it.py": "def test_it(db): reveal(db)\n",
    }

    assert [SESSION] == names(files, "test_it.py", session_factories={"conftest.db": "sync"})


FACTORY = {
    "app/__init__.py": "",
    "app/db.py": "from somewhere import build\nget_session = build()\n",
    "app/routes.py": (
        "from app.db import get_session\n"
        "async def one(query):\n"
        "    with get_session() as session:\n"
        "        return session.execute(query).scalars().all()\n"
    ),
}


def test_rules_see_declared_sessions() -> None:
    found = lint(FACTORY, ["ADB102"], session_factories={"app.db.get_session": "sync"})

    assert [("app/routes.py", 4)] == [(each.filename, each.location.row) for each in found]
    assert [] == lint(FACTORY, ["ADB102"])


def test_a_missing_await_on_a_declared_async_session() -> None:
    source = """
from fastapi import Depends
from vendor.db import get_session
async def one(session=Depends(get_session)):
    session.execute("x")
    await session.commit()
"""
    found = lint({"main.py": source}, ["ADB201"], session_factories={"vendor.db.get_session": "async"})

    assert [5] == [each.location.row for each in found]


def test_no_rule_minds_how_a_declared_factory_is_used() -> None:
    for mode in MODES:
        declared = {"vendor.db.get_session": mode}
        source = textwrap.dedent(USES.format(module="vendor.db")).replace("reveal", "print")
        assert [] == lint({"main.py": source}, session_factories=declared), mode


# Session decorators

TRANSACTIONAL = {
    "app/__init__.py": "from app.db import transactional as managed\n",
    "app/db.py": """
        import functools
        from somewhere import registry
        def transactional(function): return registry.wrap(function)
        class Unit:
            def wrap(self, **options): return registry.wrap
        unit = Unit()
    """,
    "main.py": """
        import vendor
        from app import managed
        from app.db import transactional, unit
        from other import transactional as namesake

        @transactional
        async def one(user, session): reveal(session), reveal(user)

        @managed(isolation="x")
        async def two(session=None): reveal(session)

        @unit.wrap(read_only=True)
        def three(*, session): reveal(session)

        @vendor.transactional
        def four(session): reveal(session)

        class Repo:
            @transactional
            async def five(self, session): reveal(session)

        @namesake
        async def six(session): reveal(session)

        async def seven(session): reveal(session)
    """,
}


def decorators(*declared: str, parameter: str = "session", mode: str = "async") -> dict[str, Any]:
    each = SessionDecorator(parameter, mode)  # type: ignore[arg-type]
    return {"session_decorators": dict.fromkeys(declared, each)}


@pytest.mark.parametrize("name", ["app.db.transactional", "app.managed"])
def test_a_decorator_puts_a_session_into_a_parameter(name: str) -> None:
    found = names(TRANSACTIONAL, **decorators(name, "app.db.Unit.wrap", "vendor.transactional"))

    assert [ASYNC_SESSION, "", *[ASYNC_SESSION] * 4, "", ""] == found
    assert SESSION in names(TRANSACTIONAL, **decorators(name, mode="sync"))
    assert [""] * 8 == names(TRANSACTIONAL, **decorators(name, parameter="db"))


def test_a_declared_decorator_keeps_what_a_function_gives() -> None:
    files = {
        **TRANSACTIONAL,
        "main.py": """
            from sqlalchemy.orm import Session
            from app.db import transactional
            @transactional
            async def one(session) -> Session: ...
            reveal(one()), reveal(await one())
        """,
    }
    _, asked = link(files, **decorators("app.db.transactional"))

    assert Coroutine(Instance(SESSION, declared=True)) == asked["main.py"][0]
    assert Instance(SESSION) == asked["main.py"][1]


def test_rules_see_injected_sessions() -> None:
    source = """
from app.db import transactional
@transactional
async def one(query, session):
    return session.execute(query)
"""
    files = {"app/db.py": "from somewhere import transactional\n", "main.py": source}

    assert [5] == [
        each.location.row
        for each in lint(files, ["ADB102"], **decorators("app.db.transactional", mode="sync"))
    ]
    assert [] == lint(files, ["ADB102"])


# Offloaders

OFFLOADED = {
    "app/__init__.py": "",
    "app/util.py": """
from somewhere import pool

def in_thread(function, *args): return pool.go(function, args)
def submit(queue, function, *args): return pool.go(function, args)
dynamic = pool.make()

class Runner:
    def run(self, function, *args): return pool.go(function, args)
""",
    "main.py": """
import vendor
from sqlalchemy.ext.asyncio import AsyncSession
from app.util import Runner, dynamic, in_thread, submit

def save(session): session.commit()

async def handler(session: AsyncSession, runner: Runner):
    await in_thread(save, session)  # to_thread
    await submit("queue", save, session)
    await dynamic(save, session)
    await runner.run(save, session)
    await vendor.run(save, session)
    await vendor.other(save, session)
""",
}


def offloaded(*declared: str) -> list[int]:
    """The rows of sessions that cross into a thread."""
    return sorted({each.location.row for each in lint(OFFLOADED, ["ADB107"], offloaders=declared)})


def test_offloaders() -> None:
    assert [] == offloaded()
    assert [9] == offloaded("app.util.in_thread")
    assert [9] == offloaded("app.util.in_thread:0")
    assert [10] == offloaded("app.util.submit:1")
    assert [] == offloaded("app.util.in_thread:2", "app.util.other")
    assert [11, 12, 13] == offloaded("app.util.dynamic", "app.util.Runner.run", "vendor.run")


def test_a_helper_around_a_declared_offloader() -> None:
    helper = (
        "from vendor import run\nasync def helper(name, function, *args): return await run(function, *args)\n"
    )
    main = OFFLOADED["main.py"].replace("import vendor\n", "import vendor\nfrom app.helper import helper\n")
    files = {**OFFLOADED, "app/helper.py": helper, "main.py": f"{main}    await helper('x', save, session)\n"}
    found = lint(files, ["ADB107"], offloaders=("vendor.run",))

    assert [14, 16] == sorted({each.location.row for each in found})


# Whole runs


def write(root: Path, files: Mapping[str, str], settings: str | None = "") -> Path:
    """A project on disk; `settings` are our table."""
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
    if settings is not None:
        (root / "pyproject.toml").write_text(f"[tool.asyncdb-lint]\n{settings}\n")
    return root


def run(root: Path, *arguments: str) -> tuple[int, str]:
    """Exit status and output of a run in this process."""
    options = ("--output-format", "concise", "-q", "-j", "1", *arguments)
    done = CliRunner().invoke(cli, [str(root), *options], standalone_mode=False)
    if isinstance(done.exception, UsageProblem):
        return 2, str(done.exception)
    assert done.exception is None
    return done.return_value or 0, done.stdout


def problem(root: Path, *arguments: str) -> str:
    status, said = run(root, *arguments)
    assert 2 == status, said
    return said


def flags(root: Path, place: str, *arguments: str) -> bool:
    """Whether a run reports something at `file:row:`."""
    return any(
        line.startswith(place) or f"/{place}" in line for line in run(root, *arguments)[1].splitlines()
    )


def test_modules_that_name_no_database_are_read_for_declared_names(tmp_path: Path) -> None:
    root = write(tmp_path, FACTORY, 'session-factories = { "app.db.get_session" = "sync" }')
    status, output = run(root)

    assert 1 == status
    assert "app/routes.py:4:" in output
    assert "ADB102" in output
    assert 0 == run(write(tmp_path, {}, ""))[0]


def test_modules_that_import_a_declared_library_name_are_read(tmp_path: Path) -> None:
    routes = FACTORY["app/routes.py"].replace("app.db", "vendor.db")
    root = write(
        tmp_path, {"app/routes.py": routes}, 'session-factories = { "vendor.db.get_session" = "sync" }'
    )

    assert flags(root, "app/routes.py:4:")


def test_declared_names_carry_through_modules_without_databases(tmp_path: Path) -> None:
    files = {
        "app/__init__.py": "",
        "app/legacy.py": "class Client:\n    def fetch(self, text): ...\nclient = Client()\n",
        "app/clients.py": "from app.legacy import client\ndef load(): return client.fetch('x')\n",
        "app/again.py": "from app.clients import load\ndef again(): return load()\n",
        "app/routes.py": "from app.again import again\nasync def one(): return again()\n",
    }
    root = write(tmp_path, files, 'blocking-calls = ["app.legacy.Client.fetch"]')

    assert flags(root, "app/routes.py:2:")
    assert 0 == run(write(tmp_path, files, ""))[0]


def test_injected_sessions_are_seen_through_a_re_export(tmp_path: Path) -> None:
    files = {
        "src/app/__init__.py": "from .core import transactional\n",
        "src/app/core.py": "from app.deep import transactional\n",
        "src/app/deep.py": "def transactional(f): return magic(f)\n",
        "src/app/jobs.py": (
            "from app import transactional\n@transactional\nasync def job(session):\n    session.commit()\n"
        ),
    }
    declared = 'session-decorators = { "app.transactional" = { parameter = "session", mode = "sync" } }'
    root = write(tmp_path, files, declared)

    assert flags(root, "src/app/jobs.py:4:")


def test_several_processes_know_the_declarations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncdb_lint.workers.WORTH_A_PROCESS", 0)
    root = write(tmp_path, FACTORY, 'session-factories = { "app.db.get_session" = "sync" }')

    assert flags(root, "app/routes.py:4:", "-j", "2")


def test_show_settings(tmp_path: Path) -> None:
    declared = (
        'blocking-calls = ["app.a"]\noffloaders = ["app.b:1"]\nsession-factories = { "app.c" = "sync" }\n'
        'session-decorators = { "app.d" = { parameter = "s", mode = "async" } }'
    )
    output = run(write(tmp_path, {}, declared), "--show-settings")[1]

    for line in (
        'blocking-calls = ["app.a"]',
        'offloaders = ["app.b:1"]',
        'session-factories = {"app.c": "sync"}',
        'session-decorators = {"app.d": {"parameter": "s", "mode": "async"}}',
    ):
        assert line in output.splitlines()


# Names that do not exist

APP = {
    "app/__init__.py": "from app.legacy import Client as Exported\nfrom somewhere import anything\n",
    "app/legacy.py": (
        "from abc import ABC\nfrom outside import Base\n"
        "def run_query(): ...\n"
        "class Client(ABC):\n    def fetch(self): ...\n"
        "class Derived(Base): ...\n"
        "class Magic:\n    def __getattr__(self, name): ...\n"
        "made = anything()\n"
    ),
    "app/star.py": "from app.legacy import *\n",
    "app/outer.py": "from outside import *\n",
    "app/lazy.py": "def __getattr__(name): ...\n",
    "app/broken.py": "def (:\n",
    "app/user.py": "import vendor.db\nfrom app.generated import thing\nfrom app.legacy import set_at_run_time\n",
    "space/sub/tools.py": "def helper(): ...\n",
}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("app.legacy.run_qery", "`app.legacy` has no `run_qery` (did you mean `app.legacy.run_query`?)"),
        ("app.legcy.run_query", "`app` has no `legcy` (did you mean `app.legacy.run_query`?)"),
        ("app.legcy.Client.fetch", "`app` has no `legcy` (did you mean `app.legacy.Client.fetch`?)"),
        (
            "ap.legacy.run_query",
            "the project neither has nor imports `ap` (did you mean `app.legacy.run_query`?)",
        ),
        (
            "app.legacy.Client.fetsh",
            "`app.legacy.Client` has no `fetsh` (did you mean `app.legacy.Client.fetch`?)",
        ),
        ("app.Exported.fetsh", "`app.Exported` has no `fetsh` (did you mean `app.Exported.fetch`?)"),
        ("app.star.run_qery", "`app.star` has no `run_qery`"),
        ("app.legacy.Cleint", "`app.legacy` has no `Cleint` (did you mean `app.legacy.Client`?)"),
        ("app.legacy.run_query.now", "`app.legacy.run_query` has no `now`"),
        ("app.legacy", "`app.legacy` is a module: name what is in it"),
        ("legacy.run_query", "the project neither has nor imports `legacy`"),
        ("unheard.query", "the project neither has nor imports `unheard`"),
        ("space.sb.tools.helper", "`space` has no `sb` (did you mean `space.sub.tools.helper`?)"),
        ("space.sub.tool.helper", "`space.sub` has no `tool` (did you mean `space.sub.tools.helper`?)"),
        ("space.sub.tools.help", "`space.sub.tools` has no `help` (did you mean `space.sub.tools.helper`?)"),
    ],
)
def test_a_name_that_does_not_exist(tmp_path: Path, name: str, said: str) -> None:
    root = write(tmp_path, APP, f'fix = false\nblocking-calls = ["app.legacy.run_query",\n  "{name}"]')
    said = said if said.startswith(f"`{name}` ") else f"`{name}`: {said}"

    assert f"{root / 'pyproject.toml'}:4:4: `blocking-calls`: {said}" == problem(root)


@pytest.mark.parametrize(
    "name",
    [
        "app.legacy.run_query", "app.legacy.Client.fetch", "app.Exported.fetch", "app.star.run_query",
        "app.star.Client.fetch", "app.legacy.Derived.whatever", "app.legacy.Magic.whatever", "app.legacy.made",
        "app.legacy.made.whatever", "app.outer.whatever", "app.lazy.whatever", "app.broken.whatever", "app.anything",
        "app.generated.thing", "app.generated.other.deep", "app.legacy.set_at_run_time", "vendor.db.query",
        "vendor.other.query", "outside.Base.fetch", "space.sub.tools.helper", "sub.tools.helper", "tools.helper",
    ],
)  # fmt: skip
def test_a_name_that_exists_or_may(tmp_path: Path, name: str) -> None:
    root = write(tmp_path, APP, f'blocking-calls = ["{name}"]')

    assert 2 != run(root)[0]


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ('offloaders = ["app.legacy.run_query", "app.nothing:1"]', ":2:40: `offloaders`: `app.nothing`: "),
        ('session-factories = { "app.nothing" = "sync" }', ":2:24: `session-factories`: `app.nothing`: "),
        (
            "[tool.asyncdb-lint.session-decorators]\n'app.nothing' = { parameter = 's', mode = 'sync' }",
            ":3:2: `session-decorators`: `app.nothing`: ",
        ),
    ],
)
def test_every_setting_has_its_place(tmp_path: Path, settings: str, place: str) -> None:
    root = write(tmp_path, APP, settings)

    assert problem(root).startswith(f"{root / 'pyproject.toml'}{place}")


def test_names_of_our_own_file_and_of_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(tmp_path / "project", APP)
    own, other = root / "asyncdb-lint.toml", root / "strict.toml"
    own.write_text('blocking-calls = ["app.nothing"]\n')
    assert problem(root).startswith(f"{own}:1:20: ")

    other.write_text('# a comment\nblocking-calls = ["app.none"]\n')
    assert problem(root, "--config", str(other)).startswith(f"{other}:2:20: ")

    own.unlink()
    monkeypatch.chdir(root)
    said = problem(Path("."), "--config", 'offloaders = ["app.nobody"]')
    assert said.startswith("`offloaders`: `app.nobody`: `app` has no `nobody`")


def test_nothing_is_repaired_before_names_are_right(tmp_path: Path) -> None:
    source = (
        "from sqlalchemy.ext.asyncio import AsyncSession\nasync def f(s: AsyncSession):\n    await s.add(1)\n"
    )
    root = write(tmp_path, {"app/a.py": source}, 'blocking-calls = ["app.a.g"]')

    assert "`app.a` has no `g`" in problem(root, "--fix")
    assert source == (root / "app/a.py").read_text()


def test_settings_above_several_projects_may_name_what_is_in_one_of_them(tmp_path: Path) -> None:
    write(tmp_path, {}, 'blocking-calls = ["one.legacy.run_query", "nowhere.at_all"]')
    for name in ("first", "second"):
        write(tmp_path / name, {"pyproject.toml": "", "one/__init__.py": "", "one/legacy.py": ""}, None)

    assert 0 == run(tmp_path)[0]
    assert 0 == run(tmp_path / "first")[0]


def test_part_of_a_project_knows_the_names_of_the_whole(tmp_path: Path) -> None:
    root = write(tmp_path, FACTORY, 'session-factories = { "app.db.get_session" = "sync" }')

    assert flags(root / "app" / "routes.py", "app/routes.py:4:")
    assert 0 == run(root / "app" / "db.py")[0]


def test_an_excluded_module_that_is_imported_is_a_library(tmp_path: Path) -> None:
    files = {
        **FACTORY,
        "app/routes.py": FACTORY["app/routes.py"].replace("app.db", "app.gen.db"),
        "app/gen/db.py": "",
    }
    root = write(
        tmp_path, files, 'extend-exclude = ["gen"]\nsession-factories = { "app.gen.db.get_session" = "sync" }'
    )

    assert flags(root, "app/routes.py:4:")
