"""Attributes and methods of psycopg2's connections."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.evidence import MARKS
from asyncdb_lint.migrate.from_psycopg2.levels import Levels
from asyncdb_lint.migrate.import_statements import dotted
from asyncdb_lint.semantics.kinds import Function, Instance

ATTRIBUTES = {
    "readonly": "read_only", "server_version": "info.server_version", "protocol_version": "pgconn.protocol_version",
    "get_parameter_status": "info.parameter_status", "pgconn_ptr": "pgconn.pgconn_ptr",
}  # fmt: skip
METHODS = {
    "get_backend_pid": "info.backend_pid", "get_transaction_status": "info.transaction_status",
}  # fmt: skip
"""Methods without arguments that are attributes now."""
UNSAFE_ATTRIBUTES = {
    "dsn": ("info.dsn", "is put together anew, without the password"),
    "get_dsn_parameters": ("info.get_parameters", "has only what is not the default"),
    "encoding": ('info.parameter_status("client_encoding")', "keeps the marks in names such as `EUC_JP`"),
}
"""What says nearly the same, and how it differs."""
OF_INFO = {"socket", "ssl_in_use", "needs_password", "used_password", "protocol_version"}
"""What `connection.info` has no more: `connection.pgconn` has it."""
PARAMETERS = {"dbname": "info.dbname", "user": "info.user", "host": "info.host"}
"""What `get_dsn_parameters()["dbname"]` is."""
ENCODINGS = "psycopg2.extensions.encodings"
MANUAL = {
    "notices": "`connection.add_notice_handler(function)` gets a `Diagnostic` for each",
    "notifies": "iterate over `connection.notifies(timeout=…)`",
    "poll": "use `AsyncConnection`",
    "__exit__": "it closes the connection in psycopg 3: commit or roll back",
    "async": "use `AsyncConnection`",
    "async_": "use `AsyncConnection`",
    "lobject": "use the SQL functions `lo_*`",
    "get_native_connection": "`connection.pgconn` wraps libpq's connection",
    "binary_types": "use `connection.adapters`",
    "string_types": "use `connection.adapters`",
}
HANDLED = {"set_session", "set_isolation_level", "set_client_encoding", "reset", "isexecuting"}
"""Methods that other rewrites look at where they are called."""
RARE = {*ATTRIBUTES, *UNSAFE_ATTRIBUTES, *MANUAL}
"""What is told of objects that only look like connections."""
ADVICE = {
    "dsn_parameters": "use `info.get_parameters()`, which has only what is not the default",
    "set_session": "set `isolation_level`, `read_only`, `deferrable` and `autocommit`",
    "set_isolation_level": "`autocommit = True` for 0, else an `IsolationLevel`",
    "set_client_encoding": "`connect(client_encoding=…)`",
    "reset": "roll back, and execute `RESET ALL`",
    "isexecuting": "`connection.info.transaction_status == TransactionStatus.ACTIVE`",
}


class ConnectionAttributes(Rewrite):
    """Attributes and methods of connections that have another name."""

    DESCRIPTION = "Rename attributes and methods of psycopg2's connections."

    def examine(self) -> None:
        self.levels = Levels(self)
        for attribute in self.attributes():
            name, owner = attribute.attr.value, attribute.value
            if self.is_claimed(attribute):
                continue
            if self.is_object(owner, "connection"):
                self.judge(attribute)
            elif isinstance(owner, cst.Attribute) and owner.attr.value == "info":
                self.judge_info(attribute, owner)
            elif name == "dsn_parameters" and self.work.is_only_driver and self.is_unknown(owner):
                self.report(attribute, "if this is of a connection, it has no `{}` in psycopg 3")
            elif name == "readonly" and self.is_assigned(attribute) and self.is_unknown(owner):
                if self.work.imports.bound:  # psycopg 3 lets it be set, and takes no notice
                    self.report(attribute, "if this is a connection, it has no `{}` in psycopg 3")
            elif (
                (name in MARKS["connection"] and self.may_be_one(owner))
                or (name in RARE and self.is_suspected(owner, "connection"))
                or (name == "server_version" and self.is_called_so(owner))
            ):
                self.report(attribute, "if this is a connection, it has no `{}` in psycopg 3")
        for call in self.calls():
            self.judge_access(call)

    def is_called_so(self, node: cst.BaseExpression) -> bool:
        """Whether a file of psycopg2's calls something a connection, or a mock of one, and nobody knows better."""
        while isinstance(node, cst.Attribute) and node.attr.value == "return_value":
            node = node.value
        name = dotted(node).rpartition(".")[2].lower()
        return bool(self.work.imports.bound) and "conn" in name and self.is_unknown(node)

    def is_assigned(self, attribute: cst.Attribute) -> bool:
        target = self.parent(attribute)
        return isinstance(target, (cst.AssignTarget, cst.AnnAssign)) and target.target is attribute

    def judge(self, attribute: cst.Attribute) -> None:
        """An attribute of something that surely is a connection."""
        name = attribute.attr.value
        parent = self.parent(attribute)
        call = parent if isinstance(parent, cst.Call) and parent.func is attribute else None
        if name == "readonly" and self.is_ignored(attribute):
            return
        if name in ATTRIBUTES:
            self.rename(attribute, ATTRIBUTES[name])
        elif name in METHODS and call is not None:
            self.rename(attribute, METHODS[name])
            self.change(call, lambda updated: updated.func)
        elif name == "get_dsn_parameters" and call is not None and self.take_parameter(call):
            return
        elif name == "encoding" and (looked_up := self.codec(attribute)) is not None:
            self.claim(looked_up.value)
            self.tell(looked_up, "rewritten", "`info.encoding` is Python's name of the encoding")
            self.change(looked_up, lambda _: through(attribute, "info.encoding"))
        elif name in UNSAFE_ATTRIBUTES and (call is not None or name != "get_dsn_parameters"):
            self.replace(attribute, *UNSAFE_ATTRIBUTES[name])
        elif name in MANUAL or (name in (*HANDLED, *METHODS, *UNSAFE_ATTRIBUTES) and call is None):
            self.report(attribute, "a connection has no `{}` that does the same")

    def may_be_one(self, node: cst.BaseExpression) -> bool:
        """Whether nobody knows what an expression is, or only which library has it: Django's connection, a mock."""
        kind = self.file.kind(node)
        if self.is_unknown(node):
            return True
        known = self.file.project.knowledge.classes
        return isinstance(kind, (Function, Instance)) and ":" not in kind.name and kind.name not in known

    def report(self, attribute: cst.Attribute, message: str) -> None:
        """Leave an attribute to a person."""
        name = attribute.attr.value
        self.tell(attribute, "manual", message.format(name), advice(name))

    def rename(self, attribute: cst.Attribute, path: str) -> None:
        self.tell(attribute, "rewritten", f"`{attribute.attr.value}` is `{path}`")
        self.change(attribute, lambda updated: through(updated, path))

    def replace(self, attribute: cst.Attribute, path: str, difference: str) -> None:
        """Put what says nearly the same, if the user agrees."""
        message = f"`{attribute.attr.value}` is `{path}`, which {difference}"
        self.tell(attribute, "changed behaviour" if self.unsafe else "manual", message)
        if self.unsafe:
            self.change(attribute, lambda updated: through(updated, path))

    def is_ignored(self, attribute: cst.Attribute) -> bool:
        """Whether an assignment is without effect in autocommit mode: the settings' rewrite tells of it."""
        target = self.parent(attribute)
        return isinstance(target, (cst.AssignTarget, cst.Assign)) and self.levels.in_autocommit(
            attribute, attribute.value
        )

    def take_parameter(self, call: cst.Call) -> bool:
        """`get_dsn_parameters()["dbname"]`, or `.get("dbname")`, of what `info` has as an attribute."""
        item: cst.CSTNode | None = self.parent(call)
        if isinstance(item, cst.Attribute) and item.attr.value == "get":
            item = self.parent(item)
            key = item.args[0].value if isinstance(item, cst.Call) and len(item.args) == 1 else None
        elif isinstance(item, cst.Subscript) and len(item.slice) == 1:
            index = item.slice[0].slice
            key = index.value if isinstance(index, cst.Index) else None
        else:
            return False
        path = PARAMETERS.get(str(key.evaluated_value)) if isinstance(key, cst.SimpleString) else None
        if path is None or item is None:
            return False
        owner = cst.ensure_type(call.func, cst.Attribute)
        self.tell(call, "rewritten", f"`{self.file.source(item, 60)}` is `{path}`")
        self.change(item, lambda _: through(owner, path))
        return True

    def codec(self, attribute: cst.Attribute) -> cst.Subscript | None:
        """`encodings[connection.encoding]`, from psycopg2's table of Python's names."""
        node: cst.CSTNode | None = self.parent(attribute)
        while isinstance(node, (cst.Index, cst.SubscriptElement)):
            node = self.parent(node)
        is_table = isinstance(node, cst.Subscript) and self.full_name(node.value) == ENCODINGS
        return node if isinstance(node, cst.Subscript) and is_table else None

    def judge_info(self, attribute: cst.Attribute, info: cst.Attribute) -> None:
        """`connection.info.…`."""
        name = attribute.attr.value
        if not self.is_object(info.value, "connection"):
            return
        if name in OF_INFO:
            message = f"`info.{name}` is `pgconn.{name}`"
            self.tell(attribute, "changed behaviour" if self.unsafe else "manual", message)
            if self.unsafe:
                self.change(info, lambda updated: updated.with_changes(attr=cst.Name("pgconn")))
        elif name == "dsn_parameters":
            self.replace(attribute, "get_parameters()", "has only what is not the default")
        elif name in ("ssl_attribute", "ssl_attribute_names"):
            self.tell(
                attribute, "manual", f"`info` has no `{name}`", "ask the server: `SELECT * FROM pg_stat_ssl`"
            )

    def judge_access(self, call: cst.Call) -> None:
        """`getattr(connection, "readonly", False)` and its like."""
        match call:
            case cst.Call(
                func=cst.Name("getattr" | "setattr" | "hasattr" | "delattr"),
                args=[cst.Arg(owner), cst.Arg(cst.SimpleString() as text), *_],
            ) if self.is_object(owner, "connection"):
                name = str(text.evaluated_value)
            case _:
                return
        if name == "readonly":
            self.tell(call, "rewritten", "`readonly` is `read_only`")
            self.change(text, lambda _: cst.SimpleString(f"{text.prefix}{text.quote}read_only{text.quote}"))
        elif name in (*ATTRIBUTES, *METHODS, *UNSAFE_ATTRIBUTES, *MANUAL, *HANDLED):
            said = f"a connection has no `{name}` that does the same"
            self.tell(call, "manual", said, advice(name))


def advice(name: str) -> str:
    """What a person does about an attribute."""
    new = {**ATTRIBUTES, **METHODS, **{old: new for old, (new, _) in UNSAFE_ATTRIBUTES.items()}}.get(name)
    return f"use `{new}`" if new is not None else {**MANUAL, **ADVICE}[name]


def through(attribute: cst.Attribute, path: str) -> cst.BaseExpression:
    """The same object's attribute under another name, or that of an attribute of it (`info.backend_pid`)."""
    new = cst.parse_expression(f"_.{path}")
    first: cst.BaseExpression = new
    while not isinstance(first, cst.Attribute) or isinstance(first.value, (cst.Attribute, cst.Call)):
        first = first.func if isinstance(first, cst.Call) else cst.ensure_type(first, cst.Attribute).value
    found = new.deep_replace(first, attribute.with_changes(attr=first.attr, lpar=[], rpar=[]))
    assert isinstance(found, cst.BaseExpression)
    return found.with_changes(lpar=attribute.lpar, rpar=attribute.rpar)
