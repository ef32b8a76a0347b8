"""What inference says: `reveal(x)` in a test's source asks for the kind of `x` there."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import libcst as cst
import pytest

from asyncdb_lint.knowledge import load
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.builder import build
from asyncdb_lint.semantics.kinds import (
    UNKNOWN,
    Class,
    Constant,
    Coroutine,
    Function,
    Instance,
    Iterator,
    Kind,
    Manager,
    Startable,
)  # fmt: skip
from asyncdb_lint.semantics.modules import ModuleIndex
from asyncdb_lint.semantics.project import Project
from tests.support import module_name

if TYPE_CHECKING:
    from collections.abc import Mapping

ASYNC_SESSION = "sqlalchemy.ext.asyncio.session.AsyncSession"
SESSION = "sqlalchemy.orm.session.Session"
ASYNC_ENGINE = "sqlalchemy.ext.asyncio.engine.AsyncEngine"
ENGINE = "sqlalchemy.engine.base.Engine"
CONNECTION = "sqlalchemy.ext.asyncio.engine.AsyncConnection"
RESULT = "sqlalchemy.engine.result.Result"

DB = """
    from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

    engine = create_async_engine("postgresql+asyncpg://db/app")
    factory = async_sessionmaker(engine)
"""


def revealed(files: Mapping[str, str] | str, path: str = "main.py") -> list[Kind]:
    """The kinds that the `reveal(…)` calls of `path` ask for, in order."""
    sources = {"main.py": files} if isinstance(files, str) else files
    packages = {module_name(each) for each in sources if each.endswith("__init__.py")}
    models = {
        name: build(
            cst.parse_module(textwrap.dedent(text)),
            module_name(name),
            name,
            is_package=module_name(name) in packages,
        )
        for name, text in sources.items()
    }
    index = ModuleIndex((model.name for model in models.values()), packages)
    project = Project(load("2.1"), index, [model.summary for model in models.values()])
    model = models[path]
    asked = [
        node.args[0].value
        for node in model.nodes[cst.Call]
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value == "reveal"
    ]
    return [project.kind(model.name, model.exprs[node]) for node in asked]


def names(files: Mapping[str, str] | str, path: str = "main.py") -> list[str]:
    """The same by class name; empty where it is no object of a known class."""
    return [kind.name if isinstance(kind, Instance) else "" for kind in revealed(files, path)]


# Imports


@pytest.mark.parametrize(
    "source",
    [
        "from sqlalchemy.ext.asyncio import AsyncSession\nreveal(AsyncSession(e))",
        "from sqlalchemy.ext.asyncio import AsyncSession as S\nreveal(S(e))",
        "from sqlalchemy.ext.asyncio.session import AsyncSession\nreveal(AsyncSession(e))",
        "from sqlalchemy.ext import asyncio\nreveal(asyncio.AsyncSession(e))",
        "from sqlalchemy.ext import asyncio as aio\nreveal(aio.AsyncSession(e))",
        "import sqlalchemy.ext.asyncio\nreveal(sqlalchemy.ext.asyncio.AsyncSession(e))",
        "import sqlalchemy.ext.asyncio as sa\nreveal(sa.AsyncSession(e))",
        "import sqlalchemy.ext.asyncio as sa\nS = sa.AsyncSession\nreveal(S(e))",
        "from sqlalchemy.ext.asyncio import *\nreveal(AsyncSession(e))",
        "try:\n    from sqlalchemy.ext.asyncio import AsyncSession\n"
        "except ImportError:\n    AsyncSession = None\n"
        "reveal(AsyncSession(e))",
        "import sys\nif sys.version_info > (3,):\n    from sqlalchemy.ext.asyncio import AsyncSession\n"
        "reveal(AsyncSession(e))",
        "def f():\n    from sqlalchemy.ext.asyncio import AsyncSession\n    reveal(AsyncSession(e))",
        "def f():\n    reveal(AsyncSession(e))\nfrom sqlalchemy.ext.asyncio import AsyncSession",
    ],
)
def test_every_import_form(source: str) -> None:
    assert names(source) == [ASYNC_SESSION]


def test_names_are_not_resolved_by_spelling() -> None:
    assert names(
        """
        def create_engine(url): ...
        def AsyncSession(bind): ...
        reveal(create_engine("sqlite://"))
        reveal(AsyncSession(None))
        """
    ) == ["", ""]


def test_a_local_name_hides_an_import() -> None:
    assert names(
        """
        from sqlalchemy import create_engine
        def f(create_engine):
            reveal(create_engine("sqlite://"))
        """
    ) == [""]


def test_re_exports_and_stars_of_project_modules() -> None:
    files = {
        "app/__init__.py": "",
        "app/db/__init__.py": "from .session import factory as make\nfrom .session import *\n",
        "app/db/session.py": DB,
        "app/shortcuts.py": "from app.db import *\n",
        "app/routes.py": """
            from app.db import make, engine
            from app.db import session
            from app import db
            from .db.session import factory
            from app.shortcuts import factory as starred
            import app.db.session as module
            import app.db
            reveal(make())
            reveal(engine)
            reveal(session.factory())
            reveal(db.make())
            reveal(factory())
            reveal(starred())
            reveal(module.engine)
            reveal(app.db.session.engine)
        """,
    }

    expected = [ASYNC_SESSION, ASYNC_ENGINE, *[ASYNC_SESSION] * 4, ASYNC_ENGINE, ASYNC_ENGINE]
    assert expected == names(files, "app/routes.py")


def test_relative_imports_climb_packages() -> None:
    files = {
        "app/__init__.py": "",
        "app/db.py": DB,
        "app/api/__init__.py": "",
        "app/api/v1/__init__.py": "",
        "app/api/v1/users.py": "from ...db import factory\nfrom ... import db\n"
        "reveal(factory())\nreveal(db.engine)",
    }

    assert names(files, "app/api/v1/users.py") == [ASYNC_SESSION, ASYNC_ENGINE]


def test_a_source_root_that_is_not_the_project_root() -> None:
    files = {
        "backend/src/app/__init__.py": "",
        "backend/src/app/db.py": DB,
        "backend/src/app/users.py": "from app.db import factory\nreveal(factory())",
    }

    assert names(files, "backend/src/app/users.py") == [ASYNC_SESSION]


def test_a_function_that_has_the_name_of_its_module() -> None:
    files = {
        "app/__init__.py": "from .get_engine import get_engine\nfrom . import settings\n",
        "app/settings.py": DB,
        "app/get_engine.py": "from .settings import engine\ndef get_engine():\n    return engine\n",
        "main.py": "from app import get_engine, settings\nimport app\n"
        "reveal(get_engine())\nreveal(settings.engine)\nreveal(app.get_engine())",
    }

    assert names(files) == [ASYNC_ENGINE] * 3


def test_imports_for_type_checkers_and_text_annotations() -> None:
    source = """
        from __future__ import annotations
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from sqlalchemy.ext.asyncio import AsyncSession
        def f(a: AsyncSession, b: "AsyncSession", c: "AsyncSession | None", d: "list[AsyncSession]"):
            reveal(a)
            reveal(b)
            reveal(c)
            for each in d:
                reveal(each)
    """

    assert names(source) == [ASYNC_SESSION] * 4


# Bindings


def test_every_way_to_bind_a_name() -> None:
    source = textwrap.dedent(DB) + textwrap.dedent(
        """
            async def f(flag):
                a = b = factory()
                reveal(b)
                c, d = factory(), engine
                reveal(c)
                reveal(d)
                (e, [g, *h]) = engine, [factory(), 1, 2]
                reveal(e)
                reveal(g)
                reveal(h)
                async with factory() as s, engine.begin() as conn:
                    reveal(s)
                    reveal(conn)
                async with (
                    factory.begin() as t,
                ):
                    reveal(t)
                if (w := factory()):
                    reveal(w)
                x: object = factory()
                reveal(x)
                y = factory() if flag else None
                reveal(y)
                z = flag or factory()
                reveal(z)
                for i in [factory(), factory()]:
                    reveal(i)
                reveal([k for k in (factory(),)][0])
            """
    )

    s = ASYNC_SESSION
    assert [s, s, ASYNC_ENGINE, ASYNC_ENGINE, s, "", s, CONNECTION, s, s, s, s, "", s, s] == names(source)


def test_branches_join_where_they_agree() -> None:
    source = """
        from sqlalchemy.orm import Session
        from sqlalchemy.ext.asyncio import AsyncSession
        def f(flag, engine):
            if flag:
                a = Session(engine)
                b = Session(engine)
                c = None
            else:
                a = Session(engine)
                b = AsyncSession(engine)
                c = Session(engine)
            reveal(a)
            reveal(b)
            reveal(c)
            if flag:
                d = Session(engine)
            else:
                raise ValueError
            reveal(d)
            try:
                e = Session(engine)
            except ValueError:
                return
            reveal(e)
    """

    assert names(source) == [SESSION, "", SESSION, SESSION, SESSION]


def test_rebinding_ends_what_was_known() -> None:
    source = """
        from sqlalchemy import create_engine
        def f(other):
            e = create_engine("sqlite://")
            reveal(e)
            e = other
            reveal(e)
            for e in other:
                reveal(e)
    """

    assert names(source) == [ENGINE, "", ""]


def test_closures_see_the_enclosing_function() -> None:
    source = """
        from sqlalchemy.ext.asyncio import AsyncSession
        async def outer(session: AsyncSession):
            def inner():
                reveal(session)
                return lambda: reveal(session)
            async def shadowing(session):
                reveal(session)
            def set_it():
                nonlocal session
                session = None
    """

    # Anyone may call `set_it`, which only clears the name.
    assert names(source) == [ASYNC_SESSION, ASYNC_SESSION, ""]


def test_globals_are_bound_in_functions() -> None:
    source = """
        from sqlalchemy.ext.asyncio import create_async_engine
        engine = None
        def start():
            global engine
            engine = create_async_engine("sqlite+aiosqlite://")
        def use():
            reveal(engine)
    """

    assert names(source) == [ASYNC_ENGINE]


def test_isinstance_narrows() -> None:
    source = """
        from typing import Union
        from sqlalchemy.orm import Session
        from sqlalchemy.ext.asyncio import AsyncSession
        def f(session: Union[Session, AsyncSession], other: AsyncSession | Session):
            reveal(session)
            if isinstance(session, AsyncSession):
                reveal(session)
            else:
                reveal(session)
            assert isinstance(other, Session)
            reveal(other)
    """

    assert names(source) == ["", ASYNC_SESSION, "", SESSION]


# Annotations


@pytest.mark.parametrize(
    "annotation",
    [
        "AsyncSession", "'AsyncSession'", "Optional[AsyncSession]", "AsyncSession | None",
        "None | AsyncSession",
        "Union[AsyncSession, None]", "Annotated[AsyncSession, 'x']", "Optional['AsyncSession']", "Alias",
        "Dep",
        "typing.Annotated[AsyncSession, 1]", "Annotated[Optional[AsyncSession], 1]", "Explicit", "'Dep'",
    ],
)  # fmt: skip
def test_annotations(annotation: str) -> None:
    source = f"""
        import typing
        from typing import Annotated, Optional, TypeAlias, Union
        from sqlalchemy.ext.asyncio import AsyncSession
        Alias = AsyncSession
        Explicit: TypeAlias = "AsyncSession"
        Dep = Annotated[AsyncSession, "marker"]
        def f(session: {annotation}):
            reveal(session)
    """

    assert [Instance(ASYNC_SESSION, declared=True)] == revealed(source)


def test_dependencies_and_aliases_in_another_module() -> None:
    files = {
        "app/__init__.py": "",
        "app/deps.py": textwrap.dedent(DB)
        + textwrap.dedent(
            """
            from typing import Annotated
            from fastapi import Depends
            async def get_session():
                async with factory() as session:
                    yield session
            async def get_engine():
                return engine
            SessionDep = Annotated[AsyncSession, Depends(get_session)]
            Untyped = Annotated[object, Depends(get_session)]
            """
        ),
        "app/routes.py": """
            import fastapi
            from fastapi import Depends
            from app import deps
            from app.deps import SessionDep, Untyped, get_engine, get_session
            async def f(a: SessionDep, b: Untyped, c=Depends(get_session),
                        d=fastapi.Depends(deps.get_session), e=Depends(dependency=get_engine),
                        g: deps.SessionDep = None, h=Depends(lambda: deps.factory())):
                reveal(a); reveal(b); reveal(c); reveal(d); reveal(e); reveal(g); reveal(h)
        """,
    }

    s = ASYNC_SESSION
    assert [s, s, s, s, ASYNC_ENGINE, s, s] == names(files, "app/routes.py")


def test_a_session_or_its_registry_is_a_session() -> None:
    source = """
        from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session
        from sqlalchemy.orm import Session, scoped_session
        def f(a: AsyncSession | async_scoped_session[AsyncSession], b: scoped_session[Session] | Session,
              c: AsyncSession | scoped_session[Session]):
            reveal(a); reveal(b); reveal(c)
    """

    assert names(source) == [ASYNC_SESSION, SESSION, ""]


# Attributes


def test_attributes_of_objects_and_classes() -> None:
    files = {
        "repo.py": textwrap.dedent(DB)
        + textwrap.dedent(
            """
            from dataclasses import dataclass
            from functools import cached_property
            class Base:
                engine = engine
                def __init__(self, session: AsyncSession, untyped):
                    self.session = session
                    self.untyped = untyped
                    self.factory = async_sessionmaker(self.engine)
                    self.late: AsyncSession | None = None
                    self.pair, self.other = factory(), 1
                @property
                def conn(self):
                    return self.engine.connect()
                @cached_property
                def maker(self) -> async_sessionmaker[AsyncSession]:
                    return make_it()
                @classmethod
                def make(cls):
                    return cls(factory(), None)
                @staticmethod
                def session_of():
                    return factory()
            class Repo(Base):
                def __init__(self, *args):
                    super().__init__(*args)
                    self.second = engine
            @dataclass
            class Unit:
                session: AsyncSession
                name: str = ""
            """
        ),
        "main.py": """
            from repo import Repo, Unit
            async def f(repo: Repo, unit: Unit):
                reveal(repo.engine); reveal(repo.session); reveal(repo.untyped); reveal(repo.factory())
                reveal(repo.late); reveal(repo.pair); reveal(repo.second); reveal(await repo.conn)
                reveal(repo.maker()); reveal(Repo.make().session); reveal(Repo.session_of())
                reveal(unit.session)
                reveal(Repo(None, 1).engine)
        """,
    }

    s, e = ASYNC_SESSION, ASYNC_ENGINE
    assert [e, s, "", s, s, s, e, CONNECTION, s, s, s, s, e] == names(files)


def test_subclasses_of_library_classes() -> None:
    source = """
        from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
        class Own(AsyncSession):
            def shout(self): ...
        class Further(Own): ...
        factory = async_sessionmaker(class_=Further)
        async def f():
            async with factory() as s:
                reveal(s)
                reveal(s.execute())
                reveal(s.shout)
    """
    kinds = revealed(source)

    assert kinds[0] == Instance("main:Further")
    assert isinstance(kinds[1], Coroutine)
    assert isinstance(kinds[2], Function)
    assert kinds[2].name == "main:Own.shout"


# Calls


def test_what_functions_return_and_yield() -> None:
    source = textwrap.dedent(DB) + textwrap.dedent(
        """
        from contextlib import asynccontextmanager, contextmanager
        from collections.abc import AsyncIterator, AsyncGenerator
        def plain(): return factory()
        async def coroutine(): return factory()
        async def generator():
            async with factory() as s:
                yield s
        @asynccontextmanager
        async def managed():
            async with factory() as s:
                yield s
        @asynccontextmanager
        async def declared() -> AsyncIterator[AsyncSession]:
            async for s in somewhere():
                yield s
        async def through() -> AsyncGenerator[AsyncSession, None]:
            async for s in generator():
                yield s
        def by_annotation() -> AsyncSession:
            return container.get("session")
        def nothing():
            pass
        async def f():
            reveal(plain()); reveal(coroutine()); reveal(generator()); reveal(managed()); reveal(declared())
            reveal(through()); reveal(by_annotation()); reveal(nothing())
            async with managed() as a, declared() as b:
                reveal(a); reveal(b)
            async for c in through():
                reveal(c)
            reveal(await anext(generator()))
            reveal(await coroutine())
        """
    )
    session = Instance(ASYNC_SESSION)
    found = revealed(source)

    assert found[:4] == [session, Coroutine(session), Iterator(session, True), Manager(session, True)]
    assert isinstance(found[4], Manager)
    assert isinstance(found[5], Iterator)
    assert found[6] == Instance(ASYNC_SESSION, declared=True)
    assert found[7] in (UNKNOWN, Constant(None))
    assert [each.name for each in found[8:] if isinstance(each, Instance)] == [ASYNC_SESSION] * 5


def test_library_protocols() -> None:
    source = textwrap.dedent(DB) + textwrap.dedent(
        """
        async def f(session: AsyncSession, q):
            reveal(session.execute(q)); reveal(await session.execute(q))
            reveal((await session.execute(q)).scalars())
            reveal(engine.connect()); reveal(engine.begin()); reveal(session.begin()); reveal(session.add(q))
        """
    )
    kinds = revealed(source)

    assert isinstance(kinds[0], Coroutine)
    assert isinstance(kinds[1], Instance)
    assert "Result" in kinds[1].name
    assert isinstance(kinds[2], Instance)
    assert "Result" in kinds[2].name
    assert isinstance(kinds[3], Startable)
    assert isinstance(kinds[4], Manager)
    assert isinstance(kinds[5], Startable)
    assert not isinstance(kinds[6], (Coroutine, Startable))


def test_decorators() -> None:
    files = {
        "wrap.py": """
            import asyncio, functools
            def logged(f):
                @functools.wraps(f)
                def wrapper(*args, **kwargs):
                    return f(*args, **kwargs)
                return wrapper
            def offloaded(f):
                @functools.wraps(f)
                async def wrapper(*args):
                    return await asyncio.to_thread(f, *args)
                return wrapper
            def to_the_end(f):
                @functools.wraps(f)
                def wrapper(*args):
                    return asyncio.run(f(*args))
                return wrapper
            def mystery(f):
                return registry(f)
        """,
        "main.py": textwrap.dedent(DB)
        + textwrap.dedent(
            """
            from functools import lru_cache
            import elsewhere
            from wrap import logged, mystery, offloaded, to_the_end
            @lru_cache(maxsize=1)
            def cached(): return factory()
            @logged
            async def coroutine(): return factory()
            @offloaded
            def sync(): return factory()
            @to_the_end
            async def run(): return factory()
            @mystery
            def unknown(): return factory()
            @elsewhere.decorated
            def foreign(): return factory()
            reveal(cached()); reveal(coroutine()); reveal(sync()); reveal(run())
            reveal(unknown()); reveal(foreign())
            """
        ),
    }
    session = Instance(ASYNC_SESSION)

    assert [session, Coroutine(session), Coroutine(session), UNKNOWN, UNKNOWN, UNKNOWN] == revealed(files)


def test_standard_helpers_hand_kinds_through() -> None:
    source = textwrap.dedent(DB) + textwrap.dedent(
        """
        import asyncio, contextlib, functools, typing
        async def f(x):
            async with contextlib.AsyncExitStack() as stack:
                reveal(await stack.enter_async_context(factory()))
            async with contextlib.aclosing(factory()) as s:
                reveal(s)
            reveal(functools.partial(factory)())
            reveal(typing.cast(AsyncSession, x))
            reveal(typing.cast("AsyncSession", x))
            reveal((lambda: factory())())
            reveal(await asyncio.wait_for(engine_of(), 5))
            task = asyncio.create_task(engine_of())
            reveal(await task)
        async def engine_of():
            return engine
        """
    )

    assert [*[ASYNC_SESSION] * 6, ASYNC_ENGINE, ASYNC_ENGINE] == names(source)


def test_session_factories_know_what_they_make() -> None:
    source = """
        from sqlalchemy import create_engine
        from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session, async_sessionmaker
        from sqlalchemy.ext.asyncio import create_async_engine
        from sqlalchemy.orm import scoped_session, sessionmaker
        from sqlmodel.ext.asyncio.session import AsyncSession as ModelSession
        reveal(sessionmaker(create_engine("sqlite://"))())
        reveal(sessionmaker(create_async_engine("x"), class_=AsyncSession)())
        reveal(async_sessionmaker(create_async_engine("x"), class_=ModelSession)())
        reveal(async_sessionmaker[AsyncSession](create_async_engine("x"))())
        reveal(scoped_session(sessionmaker())())
        reveal(async_scoped_session(async_sessionmaker(), scopefunc=id)())
        def f(make: async_sessionmaker[ModelSession], plain: sessionmaker, bare: async_sessionmaker):
            reveal(make()); reveal(plain()); reveal(bare())
        reveal(sessionmaker(**options)())
    """

    model = "sqlmodel.ext.asyncio.session.AsyncSession"
    assert [
        SESSION, ASYNC_SESSION, model, ASYNC_SESSION, SESSION, ASYNC_SESSION, "", model, "", ASYNC_SESSION,
    ] == names(source)  # fmt: skip


# Fixtures of tests


def test_pytest_fixtures() -> None:
    files = {
        "tests/__init__.py": "",
        "tests/conftest.py": textwrap.dedent(DB)
        + textwrap.dedent(
            """
            import pytest, pytest_asyncio
            from .more import *
            from tests.named import one
            pytest_plugins = ["tests.plugin"]
            @pytest_asyncio.fixture
            async def session():
                async with factory() as s:
                    yield s
            @pytest.fixture(name="renamed")
            def made():
                return factory()
            """
        ),
        "tests/more.py": "import pytest\nfrom tests.plugin import factory\n"
        "@pytest.fixture\ndef starred(): return factory()\n",
        "tests/named.py": "import pytest\nfrom tests.plugin import factory\n"
        "@pytest.fixture\ndef one(): return factory()\n",
        "tests/plugin.py": textwrap.dedent(DB)
        + "\nimport pytest\n@pytest.fixture\ndef plugged(): return factory()\n",
        "tests/unit/__init__.py": "",
        "tests/unit/test_it.py": """
            async def test_it(session, renamed, starred, one, plugged, unknown):
                reveal(session); reveal(renamed); reveal(starred); reveal(one)
                reveal(plugged); reveal(unknown)
            class TestIt:
                async def test_method(self, session):
                    reveal(session)
            def helper(session):
                reveal(session)
        """,
    }

    assert [*[ASYNC_SESSION] * 5, "", ASYNC_SESSION, ""] == names(files, "tests/unit/test_it.py")


# Cycles and depth


def test_cycles_add_nothing() -> None:
    source = textwrap.dedent(DB) + textwrap.dedent(
        """
        def even(n):
            return odd(n) if n else factory()
        def odd(n):
            return even(n)
        def forever():
            return forever()
        class Node:
            def __init__(self):
                self.session = self.session or factory()
        async def f(q):
            s = factory()
            while q:
                s = s
                reveal(s)
            reveal(even(1)); reveal(forever()); reveal(Node().session)
        """
    )

    assert names(source) == [ASYNC_SESSION, ASYNC_SESSION, "", ASYNC_SESSION]


def test_modules_that_import_each_other() -> None:
    files = {
        "app/__init__.py": "from app.a import *",
        "app/a.py": "from app.b import *\nfrom app.b import engine as again\nfrom app import helper",
        "app/b.py": "from app.a import *\n" + textwrap.dedent(DB),
        "app/helper.py": "from app.a import again",
        "main.py": "from app.a import again, missing\nfrom app.helper import again as far\n"
        "reveal(again)\nreveal(missing)\nreveal(far)\ndef f(x: missing):\n    reveal(x)",
    }

    assert names(files) == [ASYNC_ENGINE, "", ASYNC_ENGINE, ""]


def test_classes_are_not_their_objects() -> None:
    found = revealed("from sqlalchemy.orm import Session\nreveal(Session)\nreveal(type(Session))")

    assert found[0] == Class(SESSION)
    assert not isinstance(found[1], Instance)


def test_insisting_works_out_each_unknown_once() -> None:
    """Thirty functions that each ask the one before twice: asked anew every time, that is a billion answers."""
    chain = "".join(f"def f{n}(): return f{n - 1}() or f{n - 1}(1)\n" for n in range(1, 30))
    tree = cst.parse_module(f"from elsewhere import f0\n{chain}")
    model = build(tree, "app", "app.py")
    project = Project(load(), ModuleIndex(["app", "elsewhere"]), [model.summary])

    assert project.insist("app", ex.Call(ex.Ref("app.f29"))) == UNKNOWN
    assert {"elsewhere"} == project.wanted
