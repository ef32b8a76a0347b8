"""What a module's functions do that matters for who waits: blocking operations, and calls of project functions.

Written by `tracing.py` where the tree is, joined by `callgraph.py` where all modules are known. Nodes of trees are
named by class and number, since a position costs a rendering of the whole file and few are ever shown.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from asyncdb_lint.semantics.expressions import Node

NodeRef = tuple[str, int]
"""A node of a module's tree: its class, and its number among those of that class."""


class Wait(msgspec.Struct, frozen=True, array_like=True):
    """A blocking operation. `parameter` names the function's own parameter that it is done on, where it is one.

    `form` says it with a hole for its text ("Iterating over `{}`"), `why` what makes it wait. `engine` is the
    key of the engine that it goes through, where that can be told.
    """

    node: NodeRef
    parameter: str
    form: str
    why: str
    engine: str = ""
    library: str = ""


class EngineMade(msgspec.Struct, frozen=True, array_like=True):
    """A call that makes a SQLAlchemy engine: its key for the whole project, its name, its URL as written.

    `driver` is the name of its driver ("asyncpg"), `pool` the class of its pool; empty where nobody knows. `lasting`
    tells what keeps it as long as the process lives: "module" or "cached" for a name or a cached function that is
    this engine and never another, the class (`module:Class`) for an attribute of its objects, else empty.
    """

    node: NodeRef
    key: str
    is_async: bool
    name: str
    url: Node
    driver: str = ""
    pool: str = ""
    lasting: str = ""


class Asset(msgspec.Struct, frozen=True, array_like=True):
    """An engine, pool or session factory that a project makes, for the inventory; a number is None where nobody knows.

    `key` names it for the whole project, `on` the engine that a session factory is bound to. `least` and `most` are the
    connections that it keeps and that it may have open at once (`math.inf` for no limit), `options` other arguments
    as they are written. `lasts`: it outlives the call of the function that makes it.
    """

    node: NodeRef
    what: Literal["engine", "pool", "session factory"]
    key: str
    name: str
    maker: str
    is_async: bool
    database: str = ""
    driver: str = ""
    pool: str = ""
    least: float | None = None
    most: float | None = None
    options: dict[str, str] = {}
    on: str = ""
    lasts: bool = True


class Given(msgspec.Struct, frozen=True, array_like=True):
    """What a call puts into a parameter: an object's mode ("sync", "async", "" for unknown or no database object), the
    key of its engine where that can be told, and the caller's own parameter that it is, if it is one.
    """

    mode: str = ""
    engine: str = ""
    own: str = ""


NOTHING_GIVEN = Given()


class Site(msgspec.Struct, frozen=True, array_like=True):
    """A place where a function calls, reads, enters or iterates something that runs `callee` there and then.

    `given` tells of the callee's parameters what is put in, `functions` are the project
    functions that are passed, by parameter. `awaits` is how the result of a coroutine function is used:
    "await", "run" (`asyncio.run`) or "other"; empty for others.

    `classes` are those that the object of a method may be of. `on` is "self" where the method is looked up on the
    caller's own `self`, "super" where it is a base class's: then the object's class is the caller's object's. It is
    "declared" where the settings say that the callee waits for a database.
    """

    node: NodeRef
    callee: str
    given: dict[str, Given] = {}
    functions: dict[str, tuple[str, ...]] = {}
    awaits: str = ""
    classes: tuple[str, ...] = ()
    on: str = ""


class Target(NamedTuple):
    """A project function that a call may run; for methods, the classes that its object may be of (as in `Site`)."""

    name: str
    classes: tuple[str, ...] = ()
    on: str = ""


class LoopMade(msgspec.Struct, frozen=True, array_like=True):
    """A call that makes an event loop for a coroutine (`asyncio.run`), and the function's parameter that this is, if it
    is one. `careful`: in a thread, or after a look at whether a loop is running.
    """

    node: NodeRef
    parameter: str = ""
    careful: bool = False


class FunctionTrace(msgspec.Struct, array_like=True):
    """One function, nested function or lambda, by its qualified name in the module.

    `calls_given` are places where it calls what it, or a function around it, was given: (function, parameter).
    `offloads` are those that it hands to a thread, `hands_over` the project functions that it does. `concurrent` tells
    that it starts tasks beside itself. `makes` are calls that make an engine or a pool, `runs` those that make an event
    loop for a coroutine.
    """

    is_async: bool
    waits: list[Wait] = []
    sites: list[Site] = []
    calls_given: list[tuple[NodeRef, str, str]] = []
    offloads: list[tuple[str, str]] = []
    hands_over: list[str] = []
    concurrent: bool = False
    makes: list[NodeRef] = []
    runs: list[LoopMade] = []


class ModuleTrace(msgspec.Struct, array_like=True):
    """The functions of a module. `wanted` are modules that are worth parsing for a better answer.

    `missing` are modules that were not parsed and would have been asked, `dispatched` the classes on whose objects
    methods are called that subclasses may replace: when one of those turns up, the trace has to be made again.

    `assets` are the engines, pools and session factories that it makes, `disposals` the places where an engine or a
    pool is closed, with its key.

    `put` says what calls put into parameters that have no annotation (by `slot`), `put_unseen` what they put into
    functions that nobody has parsed: the function and the object, of a project class.
    """

    module: str
    functions: dict[str, FunctionTrace] = {}
    wanted: list[str] = []
    missing: list[str] = []
    dispatched: list[str] = []
    engines: list[EngineMade] = []
    assets: list[Asset] = []
    disposals: list[tuple[NodeRef, str]] = []
    put: dict[str, list[Node]] = {}
    put_unseen: list[tuple[Node, Node]] = []


def slot(function: str, parameter: str) -> str:
    """A parameter by the absolute name of its function; never a module's name, beside which it may stand."""
    return f"{function}({parameter})"


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a node stands and what is written there, for the steps of a chain."""

    path: str
    row: int
    column: int
    text: str
