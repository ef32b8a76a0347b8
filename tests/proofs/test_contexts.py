"""Where frameworks run the functions that they are given: each records where it runs, and the linter says the same.

`here()` notes the function that calls it: "loop" where an event loop runs in its thread, "startup" if nothing is
served at that time, else "thread".
"""

import asyncio
import sys
import textwrap
import types
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from tests.test_contexts import contexts

Enter = Callable[[Any], AbstractAsyncContextManager[Any]]


class Places:
    """Where each function has run, in all its calls."""

    def __init__(self) -> None:
        self.serving = False
        self.found: dict[str, str] = {}

    def here(self) -> None:
        try:
            asyncio.get_running_loop()
            place = "loop" if self.serving else "startup"
        except RuntimeError:
            place = "thread"
        name = sys._getframe(1).f_code.co_qualname
        assert self.found.setdefault(name, place) == place, name


@pytest.fixture
def places() -> Iterator[Places]:
    yield Places()
    sys.modules.pop("shop", None)


def load(source: str, places: Places) -> Any:
    """The application of a source text, as a module that frameworks can look into."""
    module = types.ModuleType("shop")
    module.here = places.here  # type: ignore[attr-defined]
    sys.modules["shop"] = module
    exec(compile(textwrap.dedent(source), "shop.py", "exec"), module.__dict__)
    return module


async def request(places: Places, app: Any, *requests: str, **options: Any) -> None:
    """Send requests (`POST /path`) to an ASGI application, one after the other."""
    httpx = pytest.importorskip("httpx")
    places.serving = True
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
        for each in requests:
            verb, path = each.split()
            response = await client.request(verb, path, **options)
            assert response.is_success, (each, response.text)
    places.serving = False


def serve(places: Places, app: Any, lifespan: Enter, *requests: str) -> None:
    """Start an ASGI application, send requests, and stop it."""

    async def main() -> None:
        async with lifespan(app):
            await request(places, app, *requests)

    asyncio.run(main())


def agree(source: str, places: Places, expected: dict[str, str]) -> None:
    """The framework ran the functions where we expect, and the linter knows."""
    said = contexts(source)
    assert places.found == expected
    assert {name: said[name] for name in expected} == expected


FASTAPI = """
    from contextlib import asynccontextmanager
    from typing import Annotated

    from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI
    from fastapi.responses import JSONResponse, StreamingResponse

    class PlainError(Exception): ...
    class AsyncError(Exception): ...

    def sub(): here()
    def plain(x=Depends(sub)): here()
    def generator():
        here()
        yield
        here()
    async def coroutine(): here()
    async def async_generator():
        here()
        yield
    def of_app(): here()
    def of_router(): here()
    def of_inclusion(): here()
    def of_route(): here()
    class Pages:
        def __init__(self): here()
    class Filters:
        def __init__(self): here()
    class Checker:
        def __call__(self): here()
    class AsyncChecker:
        async def __call__(self): here()
    class Repo:
        def get(self): here()

    @asynccontextmanager
    async def lifespan(app):
        here()
        yield
        here()

    app = FastAPI(dependencies=[Depends(of_app)], lifespan=lifespan)
    router = APIRouter(dependencies=[Depends(of_router)])

    def mailed(): here()
    async def mailed_async(): here()

    @app.get("/plain", dependencies=[Depends(of_route)])
    def plain_route(
        tasks: BackgroundTasks,
        filters: Annotated[Filters, Depends()],
        pages: Pages = Depends(),
        a=Depends(plain), b=Depends(generator), c=Depends(coroutine), d=Depends(async_generator),
        e=Depends(Checker()), f=Depends(AsyncChecker()), g=Depends(Repo().get),
    ):
        here()
        tasks.add_task(mailed)
        tasks.add_task(mailed_async)

    @app.get("/async")
    async def async_route():
        here()
        raise PlainError

    @router.post("/router")
    def router_route():
        here()
        raise AsyncError

    @app.api_route("/any")
    def any_route(): here()

    def added(): here()
    app.add_api_route("/added", added)

    def rows():
        here()
        yield b""
    async def async_rows():
        here()
        yield b""

    @app.get("/rows")
    def stream(): return StreamingResponse(rows())
    @app.get("/async-rows")
    def async_stream(): return StreamingResponse(async_rows())

    @app.exception_handler(PlainError)
    def on_plain(request, error):
        here()
        return JSONResponse({})
    @app.exception_handler(AsyncError)
    async def on_async(request, error):
        here()
        return JSONResponse({})

    @app.middleware("http")
    async def middleware(request, call_next):
        here()
        return await call_next(request)

    app.include_router(router, dependencies=[Depends(of_inclusion)])
"""


def test_fastapi(places: Places) -> None:
    pytest.importorskip("fastapi")
    app = load(FASTAPI, places).app
    paths = (
        "GET /plain",
        "GET /async",
        "POST /router",
        "GET /any",
        "GET /added",
        "GET /rows",
        "GET /async-rows",
    )
    serve(places, app, app.router.lifespan_context, *paths)
    in_thread = (
        "sub", "plain", "generator", "of_app", "of_router", "of_inclusion", "of_route", "Pages.__init__",
        "Filters.__init__", "Checker.__call__", "Repo.get", "mailed", "plain_route", "router_route", "any_route",
        "added", "rows", "on_plain",
    )  # fmt: skip
    on_loop = (
        "coroutine", "async_generator", "AsyncChecker.__call__", "mailed_async", "async_route", "async_rows",
        "on_async", "middleware",
    )  # fmt: skip
    expected = {**dict.fromkeys(in_thread, "thread"), **dict.fromkeys(on_loop, "loop"), "lifespan": "startup"}
    agree(FASTAPI, places, expected)


FASTAPI_EVENTS = """
    from fastapi import FastAPI

    def listed(): here()
    app = FastAPI(on_startup=[listed])

    @app.on_event("startup")
    def start(): here()
    @app.on_event("shutdown")
    async def stop(): here()
    def added(): here()
    app.router.add_event_handler("startup", added)
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_fastapi_events(places: Places) -> None:
    """Plain functions too run on the loop here, unlike endpoints."""
    pytest.importorskip("fastapi")
    app = load(FASTAPI_EVENTS, places).app
    serve(places, app, app.router.lifespan_context)
    agree(FASTAPI_EVENTS, places, dict.fromkeys(("listed", "start", "stop", "added"), "startup"))


STARLETTE = """
    from starlette.applications import Starlette
    from starlette.background import BackgroundTask
    from starlette.endpoints import HTTPEndpoint
    from starlette.responses import PlainTextResponse, StreamingResponse
    from starlette.routing import Route

    def mailed(): here()
    async def mailed_async(): here()

    class Page(HTTPEndpoint):
        def get(self, request):
            here()
            return PlainTextResponse("", background=BackgroundTask(mailed))
        async def post(self, request):
            here()
            return PlainTextResponse("", background=BackgroundTask(mailed_async))

    def plain(request):
        here()
        return StreamingResponse(rows())
    def rows():
        here()
        yield b""
    async def coroutine(request):
        here()
        raise ValueError
    def failed(request, error):
        here()
        return PlainTextResponse("")
    def added(request):
        here()
        return PlainTextResponse("")

    app = Starlette(routes=[Route("/page", Page), Route("/plain", plain), Route("/async", coroutine)])
    app.add_exception_handler(ValueError, failed)
    app.add_route("/added", added)
"""


def test_starlette(places: Places) -> None:
    pytest.importorskip("starlette")
    app = load(STARLETTE, places).app
    paths = ("GET /page", "POST /page", "GET /plain", "GET /async", "GET /added")
    serve(places, app, app.router.lifespan_context, *paths)
    in_thread = ("mailed", "Page.get", "plain", "rows", "failed", "added")
    on_loop = ("mailed_async", "Page.post", "coroutine")
    agree(STARLETTE, places, {**dict.fromkeys(in_thread, "thread"), **dict.fromkeys(on_loop, "loop")})


LITESTAR = """
    from contextlib import asynccontextmanager

    from litestar import Controller, Litestar, Request, Response, get
    from litestar.background_tasks import BackgroundTask
    from litestar.di import Provide
    from litestar.events import listener
    from litestar.response import Stream

    def before(request: Request) -> None: here()
    def after(response: Response) -> Response:
        here()
        return response
    def afterwards(request: Request) -> None: here()
    def guard(connection, handler) -> None: here()

    @get("/plain", before_request=before, after_request=after, after_response=afterwards, guards=[guard])
    def plain() -> None: here()
    @get("/threaded", sync_to_thread=True)
    def threaded() -> None: here()
    @get("/kept", sync_to_thread=False)
    def kept() -> None: here()

    def provided() -> int:
        here()
        return 1
    def provided_threaded() -> int:
        here()
        return 1
    async def provided_async() -> int:
        here()
        return 1
    class Service:
        def __init__(self) -> None: here()

    dependencies = {
        "a": Provide(provided), "b": Provide(provided_threaded, sync_to_thread=True), "c": Provide(provided_async),
        "d": Provide(Service),
    }

    @get("/async", dependencies=dependencies)
    async def coroutine(request: Request, a: int, b: int, c: int, d: Service) -> Response[None]:
        here()
        request.app.emit("seen")
        return Response(None, background=BackgroundTask(mailed))

    def mailed() -> None: here()

    class Users(Controller):
        @get("/users")
        def users(self) -> None: here()
        @get("/threaded-users", sync_to_thread=True)
        def threaded_users(self) -> None: here()

    def rows():
        here()
        yield ""
    @get("/rows")
    async def stream() -> Stream: return Stream(rows())

    @listener("seen")
    def listened() -> None: here()

    def start(app: Litestar) -> None: here()
    async def stop(app: Litestar) -> None: here()
    @asynccontextmanager
    async def around(app: Litestar):
        here()
        yield

    app = Litestar(
        [plain, threaded, kept, coroutine, Users, stream], on_startup=[start], on_shutdown=[stop],
        lifespan=[around], listeners=[listened],
    )
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Use of a synchronous callable")
def test_litestar(places: Places) -> None:
    pytest.importorskip("litestar")
    app = load(LITESTAR, places).app
    paths = ("plain", "threaded", "kept", "async", "users", "threaded-users", "rows")
    serve(places, app, lambda app: app.lifespan(), *(f"GET /{path}" for path in paths))
    in_thread = (
        "before", "after", "afterwards", "guard", "threaded", "provided_threaded", "mailed",
        "Users.threaded_users", "rows", "listened",
    )  # fmt: skip
    on_loop = (
        "plain", "kept", "provided", "provided_async", "Service.__init__", "coroutine", "Users.users",
    )  # fmt: skip
    expected = {
        **dict.fromkeys(in_thread, "thread"),
        **dict.fromkeys(on_loop, "loop"),
        **dict.fromkeys(("start", "stop", "around"), "startup"),
    }
    agree(LITESTAR, places, expected)


LITESTAR_GENERATOR = """
    from litestar import Litestar, get
    from litestar.di import Provide

    def after(): here()
    def generated():
        here()
        yield 1
        after()

    @get("/", dependencies={"a": Provide(generated, sync_to_thread=True)})
    async def handler(a: int) -> None: ...
    app = Litestar([handler])
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Use of generator")
def test_litestar_generator(places: Places) -> None:
    """A plain generator starts on the loop whatever it says, and ends in a thread."""
    pytest.importorskip("litestar")
    app = load(LITESTAR_GENERATOR, places).app
    serve(places, app, lambda app: app.lifespan(), "GET /")
    assert places.found == {"generated": "loop", "after": "thread"}
    assert contexts(LITESTAR_GENERATOR)["generated"] == "loop"


AIOHTTP = """
    from aiohttp import web

    routes = web.RouteTableDef()

    @routes.get("/table")
    async def in_table(request):
        here()
        return web.Response()

    async def coroutine(request):
        here()
        return web.Response()
    def plain(request):
        here()
        return web.Response()
    class Page(web.View):
        async def get(self):
            here()
            return web.Response()

    @web.middleware
    async def middleware(request, handler):
        here()
        return await handler(request)

    async def start(app): here()
    async def stop(app): here()
    async def pool(app):
        here()
        yield
        here()

    app = web.Application(middlewares=[middleware])
    app.add_routes(routes)
    app.router.add_get("/async", coroutine)
    app.router.add_view("/page", Page)
    app.on_startup.append(start)
    app.on_cleanup.append(stop)
    app.cleanup_ctx.append(pool)
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_aiohttp(places: Places) -> None:
    pytest.importorskip("aiohttp")
    from aiohttp.test_utils import TestClient, TestServer

    shop = load(AIOHTTP, places)
    shop.app.router.add_get("/plain", shop.plain)  # deprecated, and it works: on the loop

    async def main() -> None:
        async with TestClient(TestServer(shop.app)) as client:
            places.serving = True
            for path in ("/table", "/async", "/plain", "/page"):
                async with client.get(path) as response:
                    assert response.status == 200
            places.serving = False

    asyncio.run(main())
    on_loop = ("in_table", "coroutine", "plain", "Page.get", "middleware")
    expected = {**dict.fromkeys(on_loop, "loop"), **dict.fromkeys(("start", "stop", "pool"), "startup")}
    agree(textwrap.dedent(AIOHTTP) + 'app.router.add_get("/plain", plain)\n', places, expected)


SCHEMA = """
    import strawberry
    from strawberry.permission import BasePermission
    {server}

    class IsOwner(BasePermission):
        def has_permission(self, source, info):
            here()
            return True

    def passed() -> int:
        here()
        return 1

    @strawberry.type
    class Item:
        @strawberry.field
        def number(self) -> int:
            here()
            return 1

    @strawberry.type
    class Query:
        total: int = strawberry.field(resolver=passed)

        @strawberry.field(permission_classes=[IsOwner])
        def plain(self) -> int:
            here()
            return 1

        @strawberry.field
        def items(self) -> list[Item]:
            here()
            return [Item()]

    @strawberry.type
    class Mutation:
        @strawberry.mutation
        def change(self) -> int:
            here()
            return 1

    schema = strawberry.Schema(Query, Mutation)
"""
RESOLVERS = (
    "IsOwner.has_permission",
    "passed",
    "Item.number",
    "Query.plain",
    "Query.items",
    "Mutation.change",
)
DOCUMENTS = ("{ total plain items { number } }", "mutation { change }")


@pytest.mark.parametrize(
    ("server", "app"),
    [
        ("from strawberry.asgi import GraphQL", "GraphQL(schema)"),
        (
            "from fastapi import FastAPI; from strawberry.fastapi import GraphQLRouter",
            "FastAPI(); app.include_router(GraphQLRouter(schema), prefix='/graphql')",
        ),
    ],
    ids=["asgi", "fastapi"],
)
def test_strawberry(places: Places, server: str, app: str) -> None:
    """An asynchronous server runs plain resolvers on the loop."""
    pytest.importorskip("strawberry")
    source = f"{textwrap.dedent(SCHEMA).format(server=server)}\napp = {app}\n"
    served = load(source, places).app

    async def main() -> None:
        for document in DOCUMENTS:
            await request(places, served, "POST /graphql", json={"query": document})

    asyncio.run(main())
    agree(source, places, dict.fromkeys(RESOLVERS, "loop"))


def test_strawberry_without_a_loop(places: Places) -> None:
    """Near miss: a synchronous server, like Flask's, runs them where it runs itself."""
    pytest.importorskip("strawberry")
    source = textwrap.dedent(SCHEMA).format(server="")
    schema = load(source, places).schema
    for document in DOCUMENTS:
        assert schema.execute_sync(document).errors is None
    assert places.found == dict.fromkeys(RESOLVERS, "thread")
    assert contexts(f"{source}\nfrom strawberry.flask.views import GraphQLView\n")["Query.plain"] == ""


DJANGO = """
    from django.http import HttpResponse, StreamingHttpResponse
    from django.urls import path
    from django.utils.deprecation import MiddlewareMixin
    from django.views import View
    from django.views.decorators.csrf import csrf_exempt

    class Timing(MiddlewareMixin):
        def process_request(self, request): here()
        def process_view(self, request, view, args, kwargs): here()
        def process_response(self, request, response):
            here()
            return response

    def plain(request):
        here()
        return StreamingHttpResponse(rows())
    def rows():
        here()
        yield b""
    @csrf_exempt
    def exempt(request):
        here()
        return HttpResponse()
    async def coroutine(request):
        here()
        return HttpResponse()
    class Page(View):
        def get(self, request):
            here()
            return HttpResponse()
    class AsyncPage(View):
        async def get(self, request):
            here()
            return HttpResponse()

    urlpatterns = [
        path("plain", plain), path("exempt", exempt), path("async", coroutine), path("page", Page.as_view()),
        path("async-page", AsyncPage.as_view()),
    ]
"""


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous iterators")
def test_django(places: Places) -> None:
    """Under ASGI; with a synchronous middleware in the way, everything plain shares a thread."""
    pytest.importorskip("django")
    import django
    from django.conf import settings
    from django.core.asgi import get_asgi_application

    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=["*"], ROOT_URLCONF="shop", MIDDLEWARE=["shop.Timing"], SECRET_KEY="x"
        )
    django.setup()
    load(DJANGO, places)
    paths = ("plain", "exempt", "async", "page", "async-page")
    asyncio.run(request(places, get_asgi_application(), *(f"GET /{path}" for path in paths)))
    in_thread = (
        "plain",
        "rows",
        "exempt",
        "Page.get",
        *(f"Timing.process_{each}" for each in ("request", "view", "response")),
    )
    on_loop = ("coroutine", "AsyncPage.get")
    agree(DJANGO, places, {**dict.fromkeys(in_thread, "thread"), **dict.fromkeys(on_loop, "loop")})
