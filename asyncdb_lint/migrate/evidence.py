"""Objects of which nobody says what they are, and whose use gives them away.

Only psycopg2's cursors have `mogrify()` in a project that uses no other driver with a method of that name. What is
known by such evidence alone is rewritten where the user agrees (`--unsafe-fixes`), and reported otherwise. What takes
one of psycopg2's own classes for its cursors is surely psycopg2's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.builder import build
from asyncdb_lint.semantics.kinds import Class, Instance, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.semantics.kinds import Kind
    from asyncdb_lint.semantics.summary import ModuleSummary

MODULE = "_suspected"
CLASSES = """
import psycopg2.extensions

class cursor(psycopg2.extensions.cursor):
    connection: "connection"

class connection(psycopg2.extensions.connection):
    def cursor(self, name=None, cursor_factory=None) -> "cursor": ...
"""
MARKS = {
    "cursor": {"mogrify", "copy_expert"},
    "connection": {
        "get_backend_pid", "set_session", "set_isolation_level", "get_dsn_parameters", "get_transaction_status",
        "get_parameter_status", "set_client_encoding", "isexecuting",
    },
}  # fmt: skip
"""Methods that no other object of a project has which uses no other driver with them."""
OF_BOTH = {"server_version", "get_backend_pid", "encoding", "dsn", "notices"}
"""What is read off `cursor.connection`."""
SHARING = {
    "psycopg",
    "aiopg",
    "pymysql",
    "MySQLdb",
    "mysql",
    "pg8000",
    "redshift_connector",
    "cymysql",
    "aiomysql",
}
"""Drivers with methods of the same names."""
SUSPECTS = {role: ex.Typed(ex.Ref(f"{MODULE}.{role}")) for role in MARKS}
CONNECTION = ex.Typed(ex.Ref("psycopg2.extensions.connection"))
CURSOR = ex.Typed(ex.Ref("psycopg2.extensions.cursor"))
ROUNDS = 6  # a suspected object is handed on through so many calls


def is_suspected(kind: Kind) -> bool:
    """Whether an object is known by evidence alone."""
    return isinstance(kind, Instance) and kind.name.startswith(f"{MODULE}:")


def suspected_classes() -> ModuleSummary:
    """The module whose classes suspected objects are of."""
    return build(cst.parse_module(CLASSES), MODULE, f"{MODULE}.py", is_package=False).summary


def is_decisive(imports: Iterable[str]) -> bool:
    """Whether evidence counts in a project that imports some modules."""
    return SHARING.isdisjoint(name.partition(".")[0] for name in imports)


def uses_psycopg(imports: Iterable[str]) -> bool:
    """Whether some of the imported modules are psycopg 3's."""
    return any(name.partition(".")[0] in ("psycopg", "psycopg_pool") for name in imports)


def gather(file: FileContext) -> bool:
    """Enter what a file's uses give away into its summary; true if there is any."""
    found = False
    for node in file.model.nodes.get(cst.Attribute, ()):
        assert isinstance(node, cst.Attribute)
        for role, names in MARKS.items():
            if node.attr.value in names and is_called(file, node):
                found |= enter(file, node.value, SUSPECTS[role])
        inner = node.value
        if (
            node.attr.value in OF_BOTH
            and isinstance(inner, cst.Attribute)
            and inner.attr.value == "connection"
        ):
            found |= enter(file, inner.value, SUSPECTS["cursor"])
    for call in file.model.nodes.get(cst.Call, ()):
        if isinstance(call, cst.Call) and isinstance(call.func, cst.Attribute) and takes_class(file, call):
            found |= enter(file, call.func.value, CONNECTION)
            held = [each.index for each in file.model.bindings if each.value is call]
            found |= isinstance(file.kind(call), Unknown) and let(file, held, CURSOR)
    return found


def takes_class(file: FileContext, call: cst.Call) -> bool:
    """`x.cursor(cursor_factory=RealDictCursor)`, of which nothing is awaited."""
    given = file.argument(call, "cursor_factory", 1)
    holder = file.model.parents.get(call)
    outer = file.model.parents.get(holder) if isinstance(holder, cst.WithItem) else None
    if given is None or not isinstance(call.func, cst.Attribute) or call.func.attr.value != "cursor":
        return False
    if isinstance(holder, cst.Await) or (isinstance(outer, cst.With) and outer.asynchronous is not None):
        return False
    kind = file.kind(given.value)
    return isinstance(kind, Class) and kind.name.startswith("psycopg2.extras.")


def is_called(file: FileContext, node: cst.Attribute) -> bool:
    parent = file.model.parents.get(node)
    return isinstance(parent, cst.Call) and parent.func is node


def enter(file: FileContext, receiver: cst.BaseExpression, said: ex.Node) -> bool:
    """Let what a receiver is bound to be what its use gives away, where nobody knows what it is."""
    if not isinstance(file.kind(receiver), Unknown):
        return False
    summary = file.model.summary
    expr = file.model.exprs.get(receiver)
    changed = let(file, bound(expr), said)
    if isinstance(expr, ex.Attr):
        owner = file.kind_of(expr.value)
        mine = summary.classes.get(owner.name.partition(":")[2]) if isinstance(owner, Instance) else None
        options = mine.attributes.get(expr.name) if mine is not None else None
        if mine is not None and options:
            mine.attributes[expr.name] = tuple(
                said if isinstance(file.kind_of(each), Unknown) else each for each in options
            )
            changed = True
    return changed


def let(file: FileContext, indices: Iterable[int], said: ex.Node) -> bool:
    """Let bindings hold what is said; true if they did not."""
    summary = file.model.summary
    bindings = list(summary.bindings)
    for index in indices:
        bindings[index] = said
    changed = tuple(bindings) != summary.bindings
    summary.bindings = tuple(bindings)
    return changed


def bound(expr: ex.Node | None) -> Iterator[int]:
    """The bindings that a name may be of."""
    match expr:
        case ex.Bound(index):
            yield index
        case ex.Either(options):
            for each in options:
                yield from bound(each)
