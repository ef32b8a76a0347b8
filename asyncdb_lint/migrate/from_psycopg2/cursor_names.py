"""Whether a cursor has a name: those that have are PostgreSQL's own, and of another class in psycopg 3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import Class, Instance

if TYPE_CHECKING:
    from collections.abc import Iterator

    import libcst as cst

    from asyncdb_lint.file_context import FileContext

NAMED, TEXT, PLAIN, UNKNOWN = "named", "named by a text", "plain", "?"
"""A name that is a variable may be None: such a cursor is not surely named."""
DEPTH = 8


def naming(file: FileContext, node: cst.CSTNode) -> str:
    """Whether the cursor that an expression gives has a name, where all ways to it agree."""
    found = set(namings(file, file.model.name, file.model.exprs.get(node), DEPTH))
    return found.pop() if len(found) == 1 else UNKNOWN


def namings(file: FileContext, module: str, expr: ex.Node | None, depth: int) -> Iterator[str]:
    project = file.project
    match expr:
        case _ if depth == 0:
            yield UNKNOWN
        case ex.Bound(index):
            yield from namings(file, module, project.modules[module].bindings[index], depth - 1)
        case ex.Enter(value):
            yield from namings(file, module, value, depth - 1)
        case ex.Either(options):
            for each in options:
                if each != ex.NONE:
                    yield from namings(file, module, each, depth - 1)
        case ex.Call(ex.Attr(_, "cursor"), args, keywords):
            named = dict(keywords)
            yield of_name(
                args[0] if args else named.get("name", ex.NONE), unpacked={"*", "**"} & named.keys()
            )
        case ex.Attr(value, name):
            owner = project.kind(module, value)
            line = project.mro(owner.name) if isinstance(owner, (Instance, Class)) else ()
            holders = [holder for base in line if (holder := project.class_(base)) is not None]
            held = [(home.name, each) for home, cls in holders for each in cls.attributes.get(name, ())]
            for home, each in held or [(module, ex.OPAQUE)]:
                if each != ex.NONE:
                    yield from namings(file, home, each, depth - 1)
        case _:
            yield UNKNOWN


def of_name(name: ex.Node, *, unpacked: set[str]) -> str:
    """What the argument says that names a cursor."""
    match name:
        case ex.Literal(None | "") if not unpacked:
            return PLAIN
        case ex.Literal(str()) | ex.Prefix() | ex.Joined():
            return TEXT
        case _:
            return UNKNOWN if unpacked else NAMED
