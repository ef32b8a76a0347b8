"""Where frameworks run functions, as the linter sees it; tests/proofs/test_contexts.py asks the frameworks."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import libcst as cst
import msgspec
import pytest

from asyncdb_lint.knowledge import load
from asyncdb_lint.semantics.builder import build
from asyncdb_lint.semantics.contexts import context
from asyncdb_lint.semantics.modules import ModuleIndex
from asyncdb_lint.semantics.project import Project
from asyncdb_lint.semantics.summary import ModuleSummary
from tests.support import module_name

if TYPE_CHECKING:
    from collections.abc import Mapping


def summary(path: str, source: str) -> ModuleSummary:
    """A file's summary as it comes from another process."""
    package = path.endswith("__init__.py")
    model = build(cst.parse_module(textwrap.dedent(source)), module_name(path), path, is_package=package)
    return msgspec.msgpack.decode(msgspec.msgpack.encode(model.summary), type=ModuleSummary)


def linked(files: Mapping[str, str]) -> Project:
    packages = {module_name(path) for path in files if path.endswith("__init__.py")}
    index = ModuleIndex((module_name(path) for path in files), packages)
    return Project(load("2.1"), index, [summary(path, text) for path, text in files.items()])


def contexts(files: Mapping[str, str] | str, path: str = "main.py") -> dict[str, str]:
    """By function of `path`: where it runs, or "" where nothing says."""
    sources = {"main.py": files} if isinstance(files, str) else files
    project = linked(sources)
    module = project.modules[module_name(path)]
    return {each.qualname: context(project, module, each) or "" for each in module.functions.values()}


def test_ordinary_functions() -> None:
    assert contexts(
        """
        import contextlib

        def plain(): ...
        async def coroutine(): ...
        async def numbers(): yield 1

        class Repo:
            def get(self): ...
            async def fetch(self): ...

        @contextlib.asynccontextmanager
        async def transaction(engine): yield
        """
    ) == {
        "plain": "", "coroutine": "loop", "numbers": "loop", "Repo.get": "", "Repo.fetch": "loop",
        "transaction": "loop",
    }  # fmt: skip


# FastAPI and Starlette


@pytest.mark.parametrize(
    "imports",
    [
        "from fastapi import FastAPI",
        "from fastapi.applications import FastAPI",
        "from fastapi import FastAPI as FastAPI",
        "import fastapi\nFastAPI = fastapi.FastAPI",
        "import fastapi.applications\nFastAPI = fastapi.applications.FastAPI",
        "from fastapi import APIRouter as FastAPI",
        "import fastapi\nclass FastAPI(fastapi.FastAPI): ...",
    ],
)
def test_fastapi_routes(imports: str) -> None:
    body = textwrap.dedent(
        """
        app = FastAPI()

        @app.get("/a")
        def plain(): ...

        @app.post("/b")
        async def coroutine(): ...

        @app.api_route("/c", methods=["GET"])
        def any_method(): ...

        @app.exception_handler(ValueError)
        def on_error(request, error): ...

        @app.middleware("http")
        async def middleware(request, call_next): ...

        def added(): ...
        app.add_api_route("/d", added)

        def added_by_name(): ...
        app.add_api_route(path="/e", endpoint=added_by_name)

        @app.on_event("startup")
        def start(): ...

        @app.on_event("shutdown")
        async def stop(): ...

        def old_start(): ...
        app.router.add_event_handler("startup", old_start)
        """
    )
    assert contexts(f"{imports}\n{body}") == {
        "plain": "thread", "coroutine": "loop", "any_method": "thread", "on_error": "thread",
        "middleware": "loop", "added": "thread", "added_by_name": "thread", "start": "startup",
        "stop": "startup", "old_start": "startup",
    }  # fmt: skip


def test_router_of_another_module() -> None:
    files = {
        "app/__init__.py": "",
        "app/routers.py": "from fastapi import APIRouter\nusers = APIRouter()\n",
        "app/factory.py": "from fastapi import FastAPI\ndef create():\n    app = FastAPI()\n    return app\n",
        "app/views.py": """
            from app import routers
            from app.factory import create
            from app.routers import users

            app = create()

            @users.get("/a")
            def imported(): ...

            @routers.users.get("/b")
            def by_module(): ...

            @app.get("/c")
            def made(): ...
        """,
    }
    assert set(contexts(files, "app/views.py").values()) == {"thread"}


def test_routes_in_functions_and_classes() -> None:
    assert contexts(
        """
        from fastapi import APIRouter, FastAPI
        router = APIRouter()

        def register(app: FastAPI):
            @app.get("/a")
            def inner(): ...

        def create():
            app = FastAPI()
            @app.get("/b")
            def nested(): ...
            return app

        class Views:
            @router.get("/c")
            def method(self): ...
        """
    ) == {
        "register": "", "register.<locals>.inner": "thread", "create": "",
        "create.<locals>.nested": "thread", "Views.method": "thread",
    }  # fmt: skip


def test_fastapi_dependencies() -> None:
    assert contexts(
        """
        from functools import lru_cache, partial
        from typing import Annotated
        from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, Security
        from fastapi.responses import StreamingResponse

        def plain(): ...
        def sub(): ...
        def generator(x=Depends(sub)): yield
        async def coroutine(): ...
        async def async_generator(): yield
        def secured(): ...
        def of_app(): ...
        def of_router(): ...
        def of_route(): ...
        def of_alias(): ...
        def parted(x): ...
        def mailed(): ...
        async def mailed_async(): ...
        @lru_cache
        def settings(): ...

        class Pages:
            def __init__(self): ...
            def other(self): ...
        class Filters:
            def __init__(self): ...
        class Named:
            def __init__(self): ...
        class Checker:
            def __init__(self): ...
            def __call__(self): ...
        class AsyncChecker:
            async def __call__(self): ...
        class Repo:
            def get(self): ...

        Alias = Annotated[int, Depends(of_alias)]
        app = FastAPI(dependencies=[Depends(of_app)])
        router = APIRouter(dependencies=[Depends(of_router)])

        def rows(): yield b""
        def body(): ...
        async def async_rows(): yield b""

        @app.get("/", dependencies=[Depends(of_route)])
        def route(
            tasks: BackgroundTasks,
            x: Alias,
            a=Depends(plain), b=Depends(generator), c=Depends(coroutine), d=Depends(async_generator),
            e=Security(secured), f=Depends(Pages), g: Filters = Depends(), i=Depends(Checker()),
            h: Annotated[Named, Depends()] = None, j=Depends(AsyncChecker()), k=Depends(Repo().get),
            l=Depends(partial(parted, 1)), m=Depends(dependency=settings),
        ):
            tasks.add_task(mailed, 1)
            tasks.add_task(mailed_async)
            return StreamingResponse(rows())

        @app.get("/more")
        async def more():
            content = async_rows()
            return StreamingResponse(content), StreamingResponse(body())
        """
    ) == {
        "plain": "thread", "sub": "thread", "generator": "thread", "coroutine": "loop",
        "async_generator": "loop", "secured": "thread", "of_app": "thread", "of_router": "thread",
        "of_route": "thread", "of_alias": "thread", "parted": "thread", "mailed": "thread",
        "mailed_async": "loop", "settings": "thread", "Pages.__init__": "thread", "Pages.other": "",
        "Filters.__init__": "thread", "Named.__init__": "thread", "Checker.__init__": "",
        "Checker.__call__": "thread", "AsyncChecker.__call__": "loop", "Repo.get": "thread",
        "rows": "thread", "body": "", "async_rows": "loop", "route": "thread", "more": "loop",
    }  # fmt: skip


def test_dependency_of_another_module() -> None:
    files = {
        "app/__init__.py": "",
        "app/deps.py": "def get_session(): yield 1\ndef unused(): yield 1\n",
        "app/views.py": "from fastapi import Depends\nfrom app.deps import get_session\nx = Depends(get_session)\n",
    }
    assert contexts(files, "app/deps.py") == {"get_session": "thread", "unused": ""}


@pytest.mark.parametrize(
    "lifespan",
    [
        "@asynccontextmanager\nasync def start(whatever): yield\napp = FastAPI(lifespan=start)",
        "async def start(whatever): yield\napp = FastAPI(lifespan=start)",
        "@asynccontextmanager\nasync def start(x, y): yield\napp = FastAPI(lifespan=partial(start, y=1))",
        "async def start(): ...\ndef create(): return FastAPI(on_startup=[start])",
        "def start(): ...\nhooks = [start]\nrouter = APIRouter(on_shutdown=hooks)",
        "@asynccontextmanager\nasync def start(x: FastAPI): yield",
        "@asynccontextmanager\nasync def start(app): yield",
        "@asynccontextmanager\nasync def start(_app: 'FastAPI'): yield",
    ],
)
def test_lifespans(lifespan: str) -> None:
    head = "from contextlib import asynccontextmanager\nfrom functools import partial\n"
    found = contexts(f"{head}from fastapi import APIRouter, FastAPI\n{lifespan}\n")
    assert found["start"] == "startup"


@pytest.mark.parametrize(
    "function",
    [
        "@asynccontextmanager\nasync def start(mapper): yield",
        "@asynccontextmanager\nasync def start(app: Mapper): yield",
        "async def start(app: FastAPI): yield",
    ],
)
def test_no_lifespans(function: str) -> None:
    head = "from contextlib import asynccontextmanager\nfrom fastapi import FastAPI\nclass Mapper: ...\n"
    assert contexts(f"{head}{function}\n")["start"] == "loop"


def test_starlette() -> None:
    assert contexts(
        """
        from starlette.applications import Starlette
        from starlette.background import BackgroundTask
        from starlette.endpoints import HTTPEndpoint
        from starlette.responses import PlainTextResponse
        from starlette.routing import Mount, Route

        def plain(request): return PlainTextResponse("", background=BackgroundTask(mailed, 1))
        async def coroutine(request): ...
        def mailed(x): ...

        class Base(HTTPEndpoint): ...
        class Page(Base):
            def __init__(self): ...
            def get(self, request): ...
            async def post(self, request): ...
            def helper(self): ...

        def added(request): ...
        def failed(request, error): ...
        def start(): ...

        app = Starlette(
            routes=[Mount("/x", routes=[Route("/", plain), Route("/a", endpoint=coroutine), Route("/p", Page)])],
            on_startup=[start],
        )
        app.add_route("/b", added)
        app.add_exception_handler(ValueError, failed)
        """
    ) == {
        "plain": "thread", "coroutine": "loop", "mailed": "thread", "Page.__init__": "", "Page.get": "thread",
        "Page.post": "loop", "Page.helper": "", "added": "thread", "failed": "thread", "start": "startup",
    }  # fmt: skip


# Litestar


def test_litestar() -> None:
    assert contexts(
        """
        from contextlib import asynccontextmanager
        from litestar import Controller, Litestar, Router, get, post, websocket_listener
        from litestar.background_tasks import BackgroundTask
        from litestar.di import Provide
        from litestar.events import listener
        from litestar.handlers import get as read

        @get("/a")
        def plain() -> None: ...
        @get("/b", sync_to_thread=True)
        def threaded() -> None: ...
        @post("/c", sync_to_thread=False)
        def kept() -> None: ...
        @get("/d", sync_to_thread=flag())
        def unsure() -> None: ...
        @get("/e", **options)
        def unpacked() -> None: ...
        @read("/f")
        def renamed() -> None: ...
        def before(request): ...
        def guard(connection, handler): ...
        @get("/g", before_request=before, guards=[guard])
        async def coroutine() -> None: ...

        def provided(): ...
        def provided_threaded(): ...
        def generated(): yield
        def generated_threaded(): yield
        async def provided_async(): ...
        class Service:
            def __init__(self): ...
        class ThreadedService:
            def __init__(self): ...
        class Pages:
            def __call__(self): ...

        dependencies = {
            "a": Provide(provided), "b": Provide(provided_threaded, sync_to_thread=True),
            "c": Provide(generated), "d": Provide(generated_threaded, sync_to_thread=True),
            "e": Provide(provided_async), "f": Provide(Service), "g": Provide(Pages()),
            "h": Provide(ThreadedService, sync_to_thread=True),
        }

        def authorized(connection, handler): ...
        class Users(Controller):
            guards = [authorized]
            dependencies = {"x": Provide(provided)}
            @get("/u")
            def users(self) -> None: ...
            @get("/v", sync_to_thread=True)
            def threaded_users(self) -> None: ...
            def helper(self): ...

        @listener("sent")
        def listened(x): ...
        @websocket_listener("/w")
        def websocket(data: str) -> str: ...
        def mailed(): ...
        task = BackgroundTask(mailed)

        def start(app): ...
        async def stop(app): ...
        @asynccontextmanager
        async def around(x): yield
        def sent(message, scope): ...
        app = Litestar(
            [plain], dependencies=dependencies, on_startup=[start], on_shutdown=[stop], lifespan=[around],
            before_send=[sent],
        )
        """
    ) == {
        "plain": "loop", "threaded": "thread", "kept": "loop", "unsure": "", "unpacked": "", "renamed": "loop",
        "coroutine": "loop", "before": "thread", "guard": "thread", "provided": "loop",
        "provided_threaded": "thread", "generated": "loop", "generated_threaded": "loop",
        "provided_async": "loop", "Service.__init__": "loop", "ThreadedService.__init__": "thread",
        "Pages.__call__": "loop", "authorized": "thread", "Users.users": "loop",
        "Users.threaded_users": "thread", "Users.helper": "", "listened": "thread", "websocket": "thread",
        "mailed": "thread", "start": "startup", "stop": "startup", "around": "startup", "sent": "thread",
    }  # fmt: skip


# aiohttp, Sanic, Quart


def test_aiohttp() -> None:
    assert contexts(
        """
        from aiohttp import web

        routes = web.RouteTableDef()

        @routes.get("/")
        async def handler(request): ...
        def plain(request): ...
        async def routed(request): ...
        async def start(app): ...
        async def stop(app): ...
        async def pool(app): yield
        async def other(app): yield
        async def never(app): yield

        def create():
            app = web.Application()
            app.router.add_get("/p", plain)
            app.router.add_route("*", "/r", routed)
            app.on_startup.append(start)
            app.on_cleanup.append(stop)
            app.cleanup_ctx.extend([pool, other])
            plugins = []
            plugins.append(never)
            return app
        """
    ) == {
        "handler": "loop", "plain": "loop", "routed": "loop", "start": "startup", "stop": "startup",
        "pool": "startup", "other": "startup", "never": "loop", "create": "",
    }  # fmt: skip


def test_sanic() -> None:
    assert contexts(
        """
        from sanic import Blueprint, Sanic
        from sanic.views import HTTPMethodView

        app = Sanic("shop")
        blueprint = Blueprint("users")

        @app.get("/")
        def plain(request): ...
        @blueprint.post("/b")
        def printed(request): ...
        @app.on_request
        def requested(request): ...
        @app.middleware("response")
        async def responded(request, response): ...
        @app.before_server_start
        def start(app, loop): ...
        @app.listener("after_server_stop")
        async def stop(app, loop): ...
        def listened(app, loop): ...
        app.register_listener(listened, "before_server_stop")
        def added(request): ...
        app.add_route(added, "/c")
        class View(HTTPMethodView):
            def get(self, request): ...
            def helper(self): ...
        """
    ) == {
        "plain": "loop", "printed": "loop", "requested": "loop", "responded": "loop", "start": "startup",
        "stop": "startup", "listened": "startup", "added": "loop", "View.get": "loop", "View.helper": "",
    }  # fmt: skip


def test_quart() -> None:
    assert contexts(
        """
        from quart import Blueprint, Quart

        app = Quart(__name__)
        blueprint = Blueprint("users", __name__)

        @app.route("/")
        def plain(): ...
        @blueprint.get("/b")
        def printed(): ...
        @app.get("/c")
        async def coroutine(): ...
        @app.before_request
        def before(): ...
        @app.before_serving
        async def start(): ...
        @app.before_serving
        def plain_start(): ...
        @app.while_serving
        async def around(): yield
        def mailed(): ...
        async def mail():
            app.add_background_task(mailed)
        """
    ) == {
        "plain": "thread", "printed": "thread", "coroutine": "loop", "before": "thread", "start": "startup",
        "plain_start": "thread", "around": "startup", "mailed": "thread", "mail": "loop",
    }  # fmt: skip


# GraphQL

SCHEMA = """
    import strawberry
    from strawberry.permission import BasePermission

    class IsOwner(BasePermission):
        def has_permission(self, source, info): ...

    def passed() -> int: ...

    @strawberry.type
    class Query:
        total: int = strawberry.field(resolver=passed)

        @strawberry.field
        def plain(self) -> int: ...

        @strawberry.field(permission_classes=[IsOwner])
        def guarded(self) -> int: ...

        @strawberry.field(extensions=[InThread()])
        def extended(self) -> int: ...

        @strawberry.field
        async def coroutine(self) -> int: ...

        def helper(self): ...

    @strawberry.type
    class Mutation:
        @strawberry.mutation
        def change(self) -> int: ...
"""
RESOLVERS = ("IsOwner.has_permission", "passed", "Query.plain", "Query.guarded", "Mutation.change")


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("from strawberry.fastapi import GraphQLRouter", "loop"),
        ("import strawberry.asgi", "loop"),
        ("from strawberry.asgi import GraphQL", "loop"),
        ("from strawberry.litestar import make_graphql_controller", "loop"),
        ("from strawberry.aiohttp.views import GraphQLView", "loop"),
        ("from strawberry.quart.views import GraphQLView", "loop"),
        ("from strawberry.django.views import AsyncGraphQLView", "loop"),
        ("from strawberry.django.views import GraphQLView", "thread"),
        ("from strawberry.flask.views import GraphQLView", ""),
        ("from strawberry.django.views import AsyncGraphQLView, GraphQLView", ""),
        ("from strawberry.flask.views import GraphQLView\nfrom strawberry.asgi import GraphQL", ""),
        ("", ""),
    ],
)
def test_strawberry(server: str, expected: str) -> None:
    found = contexts({"main.py": SCHEMA, "server.py": server})
    assert {name: found[name] for name in RESOLVERS} == dict.fromkeys(RESOLVERS, expected)
    assert [found[f"Query.{name}"] for name in ("extended", "coroutine", "helper")] == ["", "loop", ""]


def test_strawberry_served_by_tests_only() -> None:
    files = {"main.py": SCHEMA, "tests/test_schema.py": "from strawberry.asgi import GraphQL"}
    assert contexts(files)["Query.plain"] == ""


def test_strawberry_context_getter() -> None:
    assert contexts(
        """
        from strawberry.fastapi import GraphQLRouter
        def values(): ...
        router = GraphQLRouter(schema, context_getter=values)
        """
    ) == {"values": "thread"}


# Django


def test_django() -> None:
    assert contexts(
        """
        from django.contrib.auth.decorators import login_required
        from django.db.models.signals import post_save
        from django.dispatch import receiver
        from django.http import StreamingHttpResponse
        from django.urls import path
        from django.utils.deprecation import MiddlewareMixin
        from django.views import View
        from django.views.generic import ListView

        def plain(request): return StreamingHttpResponse(rows())
        def rows(): yield b""
        async def coroutine(request): ...
        @login_required
        def private(request): ...
        def unused(request): ...

        class Users(ListView):
            def get(self, request): ...
            def helper(self): ...
        class Orders(View):
            async def get(self, request): ...

        class Timing(MiddlewareMixin):
            def process_request(self, request): ...

        @receiver(post_save)
        def saved(sender, **kwargs): ...

        urlpatterns = [
            path("a", plain), path("b", view=coroutine), path("c", private), path("d", Users.as_view()),
            path("e", Orders.as_view()), path("f", include("other")), path("g", plain), path("h", plain),
            path("i", plain),
        ]
        """
    ) == {
        "plain": "thread", "rows": "thread", "coroutine": "loop", "private": "thread", "unused": "",
        "Users.get": "thread", "Users.helper": "", "Orders.get": "loop", "Timing.process_request": "thread",
        "saved": "",
    }  # fmt: skip


# Task queues and schedulers


def test_task_queues() -> None:
    files = {
        "app/__init__.py": "",
        "app/queue.py": """
            import dramatiq
            from apscheduler.schedulers.asyncio import AsyncIOScheduler
            from celery import Celery
            from rq import Queue
            from taskiq_redis import ListQueueBroker

            celery = Celery("shop")
            queue = Queue()
            scheduler = AsyncIOScheduler()
            broker = ListQueueBroker("redis://queue")
        """,
        "app/jobs.py": """
            import dramatiq
            from celery import Task, shared_task
            from rq.decorators import job
            from app.queue import broker, celery, queue, scheduler

            @celery.task
            def celery_plain(): ...
            @celery.task(bind=True)
            async def celery_async(self): ...
            @shared_task
            def celery_shared(): ...
            class Report(Task):
                def run(self): ...

            @dramatiq.actor
            def dramatiq_plain(): ...
            @dramatiq.actor(max_retries=1)
            async def dramatiq_async(): ...

            def rq_plain(): ...
            async def rq_async(): ...
            @job("low")
            def rq_decorated(): ...
            queue.enqueue(rq_plain, 1)
            queue.enqueue(rq_async)

            @broker.task
            def taskiq_plain(): ...
            @broker.task(task_name="x")
            async def taskiq_async(): ...
            @broker.on_event("startup")
            async def taskiq_start(state): ...

            @scheduler.scheduled_job("interval")
            def scheduled(): ...
            def added(): ...
            async def added_async(): ...
            scheduler.add_job(added, "interval")
            scheduler.add_job(added_async, "interval")
        """,
    }
    assert contexts(files, "app/jobs.py") == {
        "celery_plain": "worker", "celery_async": "worker", "celery_shared": "worker", "Report.run": "worker",
        "dramatiq_plain": "worker", "dramatiq_async": "loop", "rq_plain": "worker", "rq_async": "worker",
        "rq_decorated": "worker", "taskiq_plain": "thread", "taskiq_async": "loop", "taskiq_start": "startup",
        "scheduled": "thread", "added": "thread", "added_async": "loop",
    }  # fmt: skip


def test_arq() -> None:
    source = """
        from arq.connections import RedisSettings
        from elsewhere import settings

        async def job(ctx): ...
        async def start(ctx): ...
        async def other_start(ctx): ...

        class WorkerSettings:
            functions = [job]
            on_startup = start
            redis_settings = RedisSettings.from_dsn("redis://queue")

        class Other:
            on_startup = other_start
            redis_settings = settings.redis
    """
    assert contexts(source) == {"job": "loop", "start": "startup", "other_start": "loop"}


def test_command_lines_are_ordinary() -> None:
    assert contexts(
        """
        import click, typer
        app = typer.Typer()
        @app.command()
        def one(): ...
        @click.command()
        def two(): ...
        @click.group()
        def three(): ...
        @three.command()
        def four(): ...
        """
    ) == dict.fromkeys(("one", "two", "three", "four"), "")


# Near misses


@pytest.mark.parametrize(
    "source",
    [
        "class FastAPI:\n    def get(self, path): ...\napp = FastAPI()\n@app.get('/')\ndef it(): ...",
        "import fastapi\nclass App(fastapi.FastAPI):\n    def get(self, path): ...\n"
        "app = App()\n@app.get('/')\ndef it(): ...",
        "def get(path): ...\n@get('/')\ndef it(): ...",
        "from app.web import get\n@get('/')\ndef it(): ...",
        "from fastapi import FastAPI\napp = unknown()\n@app.get('/')\ndef it(): ...",
        "from httpx import Client\nclient = Client()\n@client.get('/')\ndef it(): ...",
        "def Depends(x): ...\ndef it(): ...\ndef use(x=Depends(it)): ...",
        "def Provide(x): ...\ndef it(): ...\nx = Provide(it)",
        "from fast import Depends\ndef it(): ...\ndef use(x=Depends(it)): ...",
        "from fastapi import Depends\ndef it(): ...\ndef use(x=Depends(it())): ...",
        "from dataclasses import field\ndef it(): ...\nx = field(resolver=it)",
        "from os import path\ndef it(): ...\npath('a', it)",
        "from fastapi import FastAPI\napp = FastAPI()\n@app.unknown('/')\ndef it(): ...",
        "class Controller:\n    def it(self): ...\nclass HTTPEndpoint:\n    def get(self): ...\ndef it(): ...",
    ],
)
def test_near_misses(source: str) -> None:
    assert contexts(f"{source}\n")["it"] == ""


@pytest.mark.parametrize(
    ("decorator", "expected"),
    [
        ("@plain_wrapper", "thread"),
        ("@async_wrapper", ""),
        ("@somewhere.unknown", ""),
        ("@contextlib.contextmanager", ""),
        ("@functools.lru_cache", "thread"),
        ("@app.get('/other')", "thread"),
    ],
)
def test_decorators_below_a_route(decorator: str, expected: str) -> None:
    """A decorator may make a coroutine function of a plain one: then the framework runs it on the loop."""
    head = textwrap.dedent(
        """
        import contextlib, functools, somewhere
        from fastapi import Depends, FastAPI
        app = FastAPI()

        def plain_wrapper(function):
            @functools.wraps(function)
            def wrapper(*args, **kwargs): return function(*args, **kwargs)
            return wrapper

        def async_wrapper(function):
            @functools.wraps(function)
            async def wrapper(*args, **kwargs): return function(*args, **kwargs)
            return wrapper
        """
    )
    source = f"{head}\n@app.get('/')\n{decorator}\ndef it(): ...\n{decorator}\ndef given(): ...\nx = Depends(given)\n"
    found = contexts(source)
    assert (found["it"], found["given"]) == (expected, expected)


def test_the_gravest_place_is_told() -> None:
    assert contexts(
        """
        from fastapi import Depends, FastAPI
        from litestar import Litestar
        from litestar.di import Provide

        def both(): ...
        def settings(): ...
        x = Depends(both), Provide(both), Depends(settings)
        app = FastAPI(on_startup=[settings])
        """
    ) == {"both": "loop", "settings": "startup"}


def test_modules_linked_later_count() -> None:
    files = {
        "deps.py": "def get(): ...\n",
        "views.py": "from fastapi import Depends\nimport deps\nDepends(deps.get)\n",
    }
    project = linked({"deps.py": files["deps.py"], "views.py": ""})
    module = project.modules["deps"]
    assert context(project, module, module.functions["get"]) is None
    project.add([summary("views.py", files["views.py"])])
    assert context(project, module, module.functions["get"]) == "thread"
    assert not project.missing
