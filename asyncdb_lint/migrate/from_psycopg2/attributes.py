"""Attributes and methods of psycopg2's connections."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.imports import dotted

ATTRIBUTES = {
    "readonly": "read_only", "server_version": "info.server_version", "protocol_version": "pgconn.protocol_version",
    "get_parameter_status": "info.parameter_status",
}  # fmt: skip
METHODS = {
    "get_backend_pid": "info.backend_pid", "get_transaction_status": "info.transaction_status",
}  # fmt: skip
"""Methods without arguments that are attributes now."""
UNSAFE_ATTRIBUTES = {"dsn": "info.dsn", "encoding": "info.encoding"}
MANUAL = {
    "notices": "`connection.add_notice_handler(function)` gets a `Diagnostic` for each",
    "notifies": "iterate over `connection.notifies(timeout=…)`",
    "poll": "use `AsyncConnection`",
    "lobject": "use the SQL functions `lo_*`",
    "set_client_encoding": "give `client_encoding=` to `connect()`, or leave it out for UTF8",
    "get_dsn_parameters": "`connection.info.get_parameters()` has only what is not the default",
    "xid": "",
}
LEVEL_SETTERS = {
    "psycopg2.extensions.ISOLATION_LEVEL_AUTOCOMMIT": "autocommit = True",
    "psycopg2.extensions.ISOLATION_LEVEL_DEFAULT": "isolation_level = None",
}


class ConnectionAttributes(Rewrite):
    """Attributes and methods of connections that have another name."""

    DESCRIPTION = "Rename attributes and methods of psycopg2's connections."

    def examine(self) -> None:
        for attribute in self.attributes():
            if self.is_object(attribute.value, "connection"):
                self.judge(attribute)

    def judge(self, attribute: cst.Attribute) -> None:
        name = attribute.attr.value
        call = self.parent(attribute)
        is_called = isinstance(call, cst.Call) and call.func is attribute
        if name in ATTRIBUTES:
            self.rename(attribute, ATTRIBUTES[name])
        elif name in METHODS and isinstance(call, cst.Call) and is_called:
            self.rename(attribute, METHODS[name])
            self.change(call, lambda updated: updated.func)
        elif name in UNSAFE_ATTRIBUTES:
            new = UNSAFE_ATTRIBUTES[name]
            if self.unsafe:
                self.tell(attribute, "changed behaviour", f"`{name}` is `{new}`, in another form")
                self.change(attribute, lambda updated: through(updated, new))
            else:
                self.tell(attribute, "manual", f"`{name}` is `{new}`, in another form")
        elif name == "set_isolation_level" and isinstance(call, cst.Call) and is_called:
            self.set_level(call)
        elif name in MANUAL:
            self.tell(attribute, "manual", f"a connection has no `{name}` that does the same", MANUAL[name])

    def rename(self, attribute: cst.Attribute, path: str) -> None:
        self.tell(attribute, "rewritten", f"`{attribute.attr.value}` is `{path}`")
        self.change(attribute, lambda updated: through(updated, path))

    def set_level(self, call: cst.Call) -> None:
        """`connection.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)` as a statement."""
        statement = self.parent(call)
        if not isinstance(statement, cst.Expr) or len(call.args) != 1:
            return
        given = call.args[0].value
        is_zero = isinstance(given, cst.Integer) and given.value == "0"
        name = "psycopg2.extensions.ISOLATION_LEVEL_AUTOCOMMIT" if is_zero else self.full_name(given)
        setter = LEVEL_SETTERS.get(name)
        if setter is None:
            if isinstance(given, cst.Integer):
                self.tell(
                    call,
                    "manual",
                    "numbers mean other levels in psycopg 3",
                    "name the level: `IsolationLevel`",
                )
            return
        if dotted(given):
            self.claim(given)
        attribute, _, value = setter.partition(" = ")
        self.tell(call, "rewritten", f"the level is set by `{setter}`")

        def assign(updated: cst.Expr) -> cst.Assign:
            owner = cst.ensure_type(cst.ensure_type(updated.value, cst.Call).func, cst.Attribute).value
            target = cst.AssignTarget(cst.Attribute(owner, cst.Name(attribute)))
            return cst.Assign([target], cst.parse_expression(value))

        self.change(statement, assign)


def through(attribute: cst.Attribute, path: str) -> cst.Attribute:
    """The same object's attribute under another name, or that of an attribute of it (`info.backend_pid`)."""
    first, *rest = path.split(".")
    found = attribute.with_changes(attr=cst.Name(first))
    for name in rest:
        found = cst.Attribute(found, cst.Name(name))
    return found
