"""What other modules need to know of a module: plain records without tree nodes."""

from __future__ import annotations

import msgspec

from asyncdb_lint.semantics.expressions import Call, Node


class Parameter(msgspec.Struct, frozen=True, array_like=True):
    """One parameter; `star` is "", "*" or "**"."""

    name: str
    annotation: Node | None = None
    default: Node | None = None
    star: str = ""
    positional: bool = True


class Work(msgspec.Struct, frozen=True, array_like=True):
    """A call that a coroutine function awaits, enters or iterates, and what `async with lock:` holds around it.

    `contained`: a `try` around it takes any error, and swallows it or rolls back. `unless` are parameters that have to
    be None for it to run (`if session is None:`).
    """

    expr: Call
    how: str
    held: tuple[Node, ...] = ()
    contained: bool = False
    unless: tuple[str, ...] = ()


class FunctionSummary(msgspec.Struct, array_like=True):
    """A function, method or nested function. `owner` is the class's qualified name for methods.

    `borrowed` are parameters that it only uses and does not hand on, `closed` those that it closes or enters.
    `reads_after_commit` pairs a session that the function commits with what it reads of that session's objects then.
    `work` is what a coroutine function awaits, `captured` the bindings of functions around it that it reads.
    """

    qualname: str
    is_async: bool = False
    is_generator: bool = False
    owner: str | None = None
    parameters: tuple[Parameter, ...] = ()
    decorators: tuple[Node, ...] = ()
    annotation: Node | None = None
    returns: tuple[Node, ...] = ()
    yields: tuple[Node, ...] = ()
    borrowed: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    reads_after_commit: tuple[tuple[Node, str], ...] = ()
    work: tuple[Work, ...] = ()
    captured: tuple[int, ...] = ()


class ClassSummary(msgspec.Struct, array_like=True):
    """A class: its bases, what its body and its methods bind on it, and which names annotations declare."""

    qualname: str
    bases: tuple[Node, ...] = ()
    attributes: dict[str, tuple[Node, ...]] = {}
    annotations: dict[str, Node] = {}
    decorators: tuple[Node, ...] = ()


class ModuleSummary(msgspec.Struct, array_like=True):
    """One module. `names` holds what each module-level name may be, `stars` the modules imported by `*`.

    `registered` are calls that may hand a function to a framework (`Depends(…)`, `add_api_route(…)`).
    `states` has what is assigned to `x.state.name`, by name: `x.state` and the value. `kept` are bindings of functions
    whose object outlives the call, or is ended in it.
    """

    name: str
    path: str
    names: dict[str, tuple[Node, ...]] = {}
    stars: tuple[str, ...] = ()
    functions: dict[str, FunctionSummary] = {}
    classes: dict[str, ClassSummary] = {}
    bindings: tuple[Node, ...] = ()
    fixtures: dict[str, str] = {}
    imports: tuple[str, ...] = ()
    registered: tuple[Call, ...] = ()
    states: dict[str, tuple[tuple[Node, Node], ...]] = {}
    kept: tuple[int, ...] = ()
