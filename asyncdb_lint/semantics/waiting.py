"""What takes its time besides the database: sleeping, HTTP requests, language models, other tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import Class, Constant, Function, Instance

if TYPE_CHECKING:
    from asyncdb_lint.semantics.project import Project

SHORT = 0.1
"""Seconds: a sleep of less lets other tasks run, and no more."""
SLEEPING = {"asyncio.sleep", "anyio.sleep", "asyncio.tasks.sleep"}
TASKS = {
    "asyncio.Queue.get",
    "asyncio.Queue.join",
    "asyncio.Event.wait",
    "asyncio.Condition.wait",
    "asyncio.Barrier.wait",
}
FUNCTIONS = {
    "litellm.acompletion", "litellm.aembedding", "litellm.aresponses", "httpx.AsyncClient", "aiohttp.request",
    "openai.resources.chat.completions.AsyncCompletions.create",
}  # fmt: skip
CLIENTS = {
    "httpx.AsyncClient", "aiohttp.ClientSession", "aiohttp.client.ClientSession", "openai.AsyncOpenAI",
    "openai.AsyncAzureOpenAI", "anthropic.AsyncAnthropic", "anthropic.AsyncAnthropicBedrock", "mistralai.Mistral",
    "groq.AsyncGroq", "cohere.AsyncClient", "cohere.AsyncClientV2", "niquests.AsyncSession",
}  # fmt: skip
"""Classes whose objects send requests, by their methods or what hangs on them (`client.messages.create`)."""
SENDING = {
    "get", "post", "put", "patch", "delete", "head", "options", "request", "send", "stream", "create", "parse",
    "ws_connect", "generate", "chat", "complete", "complete_async", "embed", "upload", "retrieve", "transcribe",
}  # fmt: skip
BLOCKING = {
    "time.sleep", "urllib.request.urlopen", "urllib.request.urlretrieve", "socket.create_connection",
    "socket.getaddrinfo", "socket.gethostbyname", "smtplib.SMTP", "smtplib.SMTP_SSL", "requests.request",
    "httpx.request", "subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output",
    "os.system", "os.popen",
    *(f"{library}.{method}" for library in ("requests", "httpx", "requests.Session", "requests.session", "httpx.Client")
      for method in ("get", "post", "put", "patch", "delete", "head", "options", "request", "send")),
}  # fmt: skip
"""Plain functions that wait for something else and stop their thread meanwhile."""
STEPS = 8


def lasts(waits: str) -> bool:
    """Whether a wait counts for callers too: deep down, a sleep is mostly a pause before another try."""
    return waits.rpartition(".")[0] in CLIENTS or waits in FUNCTIONS


def waits_for(project: Project, module: str, call: ex.Call) -> str:
    """What a call waits for that is no database (`httpx.AsyncClient.post`); empty where it is not known to."""
    name = getattr(project.kind(module, call.func), "name", "")
    if name in SLEEPING:
        return "" if is_short(project, module, call) else "asyncio.sleep"
    if name in TASKS | FUNCTIONS - CLIENTS:
        return name
    if not isinstance(call.func, ex.Attr) or call.func.name not in SENDING:
        return ""
    owner = call.func.value
    for _ in range(STEPS):
        client = client_of(project, module, owner)
        if client:
            return f"{client}.{call.func.name}"
        if not isinstance(owner, ex.Attr):
            return ""
        owner = owner.value
    return ""


def client_of(project: Project, module: str, expr: ex.Node) -> str:
    """The client class that an expression is an object of."""
    for _ in range(STEPS):
        kind = project.kind(module, expr)
        if isinstance(kind, Instance):
            return kind.name if kind.name in CLIENTS else ""
        match expr:
            case ex.Bound(index):
                expr = project.modules[module].bindings[index]
            case ex.Enter(value) | ex.Await(value):
                expr = value
            case ex.First(options) | ex.Either(options):
                expr = next((each for each in options if each != ex.NONE), ex.NONE)
            case ex.Call(func):
                made = project.kind(module, func)
                if isinstance(made, Function) and ":" in made.name:
                    return returned_client(project, made.name)
                name = made.name if isinstance(made, (Function, Class)) else ""
                return name if name in CLIENTS else ""
            case ex.Attr(value, attr):
                found = attribute(project, module, value, attr)
                if found is None:
                    return ""
                module, expr = found
            case _:
                return ""
    return ""


def returned_client(project: Project, function: str) -> str:
    """The client class whose object a project function returns, where it makes it on the spot."""
    found = project.function(function)
    returns = found[1].returns if found is not None else ()
    for each in returns:
        if found is not None and isinstance(each, ex.Call):
            name = getattr(project.kind(found[0].name, each.func), "name", "")
            if name in CLIENTS:
                return name
    return ""


def attribute(project: Project, module: str, value: ex.Node, name: str) -> tuple[str, ex.Node] | None:
    """What a project class puts into an attribute, with its module."""
    owner = project.kind(module, value)
    for base in project.mro(owner.name) if isinstance(owner, (Instance, Class)) else ():
        found = project.class_(base)
        options = (
            [each for each in found[1].attributes.get(name, ()) if each != ex.NONE]
            if found is not None
            else []
        )
        if found is not None and options:
            return found[0].name, options[0]
    return None


def blocks(project: Project, module: str, call: ex.Call) -> str:
    """The plain function that stops its thread until something else is done; empty for any other."""
    name = getattr(project.kind(module, call.func), "name", "")
    is_nap = name == "time.sleep" and is_short(project, module, call)
    return name if name in BLOCKING and not is_nap else ""


def is_short(project: Project, module: str, call: ex.Call) -> bool:
    """Whether a sleep is said to be a short one."""
    seconds = project.kind(module, call.args[0]) if call.args else None
    return isinstance(seconds, Constant) and isinstance(seconds.value, (int, float)) and seconds.value < SHORT
