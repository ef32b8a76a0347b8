"""The small language in which a module's summary says what its expressions are, before anything is linked.

A libcst expression is lowered once to one of these; `Project.kind` turns it into a `Kind` when all modules are
known. They hold no tree nodes, so summaries travel between processes. `Bound` points into the module's table of
bindings (one per assignment, as in SSA form): shared values stay shared, and nothing grows exponentially.
"""

from __future__ import annotations

import msgspec


class Expr(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Base of all lowered expressions."""


class Opaque(Expr, frozen=True, array_like=True, tag="?"):
    """Nothing can be said."""


class Ref(Expr, frozen=True, array_like=True, tag="r"):
    """An absolute dotted name: a library's or another module's object (`app.db.engine`)."""

    name: str


class Local(Expr, frozen=True, array_like=True, tag="l"):
    """A function or class defined in this module, by its qualified name (`Repo.get`, `f.<locals>.g`)."""

    qualname: str


class Bound(Expr, frozen=True, array_like=True, tag="b"):
    """The value of one binding of this module."""

    index: int


class Literal(Expr, frozen=True, array_like=True, tag="c"):
    """A constant; `value` is None for None itself, bytes are not kept."""

    value: str | int | float | bool | None


class Prefix(Expr, frozen=True, array_like=True, tag="p"):
    """A string of which only the start is known."""

    value: str


class Joined(Expr, frozen=True, array_like=True, tag="j"):
    """Text put together from parts, an f-string or `+`: unknown parts are holes in it."""

    parts: tuple[Node, ...]


class Attr(Expr, frozen=True, array_like=True, tag="a"):
    """Attribute access."""

    value: Node
    name: str


class Call(Expr, frozen=True, array_like=True, tag="f"):
    """A call; a keyword of `**` holds what is unpacked."""

    func: Node
    args: tuple[Node, ...] = ()
    keywords: tuple[tuple[str, Node], ...] = ()


class Await(Expr, frozen=True, array_like=True, tag="w"):
    """`await value`."""

    value: Node


class Enter(Expr, frozen=True, array_like=True, tag="e"):
    """What `with value as x` binds."""

    value: Node
    is_async: bool


class Each(Expr, frozen=True, array_like=True, tag="i"):
    """What `for x in value` binds."""

    value: Node
    is_async: bool


class Sub(Expr, frozen=True, array_like=True, tag="s"):
    """`value[items]`: an index or type arguments."""

    value: Node
    items: tuple[Node, ...]


class Display(Expr, frozen=True, array_like=True, tag="d"):
    """A tuple or list display."""

    items: tuple[Node, ...]


class Either(Expr, frozen=True, array_like=True, tag="|"):
    """One of several, as branches left it; also `X | Y` in annotations."""

    options: tuple[Node, ...]


class First(Expr, frozen=True, array_like=True, tag="1"):
    """The first of several that can be told: a value, else what an annotation says of it."""

    options: tuple[Node, ...]


class Many(Expr, frozen=True, array_like=True, tag="*"):
    """A comprehension or other collection whose items are all alike."""

    item: Node


class Typed(Expr, frozen=True, array_like=True, tag="t"):
    """An object of which an annotation says what it is."""

    annotation: Node


class Param(Expr, frozen=True, array_like=True, tag="m"):
    """A parameter of one of this module's functions."""

    function: str
    name: str


class Lambda(Expr, frozen=True, array_like=True, tag="y"):
    """A lambda, by what it returns."""

    returns: Node


Node = (
    Opaque | Ref | Local | Bound | Literal | Prefix | Joined | Attr | Call | Await | Enter | Each | Sub | Display
    | Either | First | Many | Typed | Param | Lambda
)  # fmt: skip

OPAQUE = Opaque()
NONE = Literal(None)


def either(options: list[Node]) -> Node:
    """The join of several values: one if they agree, opaque when there are too many to be worth following."""
    flat: dict[Node, None] = {}
    for option in options:
        for each in option.options if isinstance(option, Either) else (option,):
            flat[each] = None
    if len(flat) == 1:
        return next(iter(flat))
    return Either(tuple(flat)) if 0 < len(flat) <= 8 else OPAQUE


def dotted_name(expr: Node) -> str | None:
    """`a.b.c` of a reference with attributes."""
    if isinstance(expr, Ref):
        return expr.name
    if isinstance(expr, Attr):
        base = dotted_name(expr.value)
        return f"{base}.{expr.name}" if base else None
    return None
