"""What psycopg 3's asynchronous objects offer for what psycopg2's do: what is awaited, what is not, what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from asyncdb_lint.migrate.evidence import is_suspected
from asyncdb_lint.semantics.kinds import Instance

if TYPE_CHECKING:
    from asyncdb_lint.knowledge import Knowledge
    from asyncdb_lint.semantics.kinds import Kind
    from asyncdb_lint.semantics.project import Project

Form = Literal["awaited", "plain", "set", "missing"]

CLASSES = {
    "connection": "psycopg.AsyncConnection", "cursor": "psycopg.AsyncCursor",
    "pool": "psycopg_pool.pool_async.AsyncConnectionPool",
}  # fmt: skip
"""By role, the class whose members say what has to be awaited."""
RENAMED = {"readonly": "read_only"}
# What other rewrites put into other words; none of it waits.
PLAIN = {
    "connection": {
        "readonly", "server_version", "protocol_version", "get_backend_pid", "get_transaction_status",
        "get_parameter_status", "dsn", "encoding", "status", "isolation_level", "autocommit", "deferrable",
        "get_dsn_parameters", "isexecuting", "pgconn_ptr",
    },
    "cursor": {"connection", "description", "name", "itersize", "scrollable", "withhold", "mogrify"},
    "pool": {"closed", "minconn", "maxconn"},
}  # fmt: skip
ASSIGNED = {"connection": {"cursor_factory"}, "cursor": {"arraysize", "itersize", "scrollable", "withhold"}}
"""Attributes that may be set as before, or whose rewrite sees to it."""
STATEMENTS = {
    "connection": {"set_session", "set_isolation_level", "set_client_encoding", "reset"},
    "cursor": {"copy_expert", "copy_from", "copy_to", "callproc"},
    "pool": {"putconn"},
}
"""Methods whose rewrites put one or more statements in the place of a call, or a helper that waits."""
SETTERS = {name: f"set_{name}" for name in ("autocommit", "isolation_level", "read_only", "deferrable")}
CURSOR_CLASSES = {
    f"psycopg2.extras.{name}"
    for name in ("RealDictCursor", "NamedTupleCursor", "DictCursor", "DictCursorBase")
}
POOL_CLASSES = {f"psycopg2.pool.{name}" for name in ("SimpleConnectionPool", "ThreadedConnectionPool")}
OWN_CLASSES = {"psycopg2.extensions.connection", "psycopg2.extensions.cursor", *CURSOR_CLASSES, *POOL_CLASSES}
"""The classes whose objects have an asynchronous equal."""
TAKING = {
    "psycopg2.extras.execute_batch": "awaited", "psycopg2.extras.execute_values": "awaited",
    "psycopg2.extensions.quote_ident": "plain",
}  # fmt: skip
"""Functions that are given a connection or cursor, and that become a method of it."""
HARMLESS = {
    f"builtins.{name}" for name in ("print", "isinstance", "type", "id", "repr", "str", "bool", "hash", "hasattr")
}  # fmt: skip
CONSUMERS = {
    f"builtins.{name}"
    for name in (
        "list",
        "tuple",
        "set",
        "frozenset",
        "dict",
        "sorted",
        "sum",
        "min",
        "max",
        "enumerate",
    )
}
"""Functions that read all that they are given to its end."""


def role_of(project: Project, kind: Kind) -> str:
    """What an object of psycopg2's is: "connection", "cursor" or "pool"; "" for anything else."""
    role = project.role(kind)[0] if isinstance(kind, Instance) else ""
    if role not in ("connection", "cursor", "pool"):
        return ""
    assert isinstance(kind, Instance)
    return role if any(name.startswith("psycopg2.") for name in project.mro(kind.name)) else ""


def has_equal(kind: Kind) -> bool:
    """Whether an object's class has an asynchronous equal."""
    return isinstance(kind, Instance) and kind.name in OWN_CLASSES and not is_suspected(kind)


def form(knowledge: Knowledge, role: str, name: str, *, called: bool, assigned: bool) -> Form:
    """How a member of a connection or cursor is used on its asynchronous equal."""
    if assigned:
        if name in ASSIGNED.get(role, ()):
            return "plain"
        return "set" if RENAMED.get(name, name) in SETTERS and role == "connection" else "missing"
    if role == "pool" and called and name in ("getconn", "closeall"):
        return "awaited"
    if name in PLAIN.get(role, ()):
        return "plain"
    if name in STATEMENTS.get(role, ()):
        return "awaited" if called else "missing"
    before = knowledge.member(f"psycopg2.extensions.{role}", name)
    after = knowledge.member(CLASSES[role], name)
    if before is None or after is None or (before.protocol == "property") != (after.protocol == "property"):
        return "missing"
    if after.protocol == "coroutine":
        return "awaited" if called else "missing"
    return "plain" if after.protocol in ("plain", "property") else "missing"
