"""Arguments, attributes and methods of psycopg2's connections, cursors and errors."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite, renamed
from asyncdb_lint.migrate.from_psycopg2.names import ROOT, bound_by, dotted, imports

CONNECT = {"psycopg2.connect"}
ROW_CURSORS = {"psycopg2.extras.RealDictCursor", "psycopg2.extras.NamedTupleCursor"}
ATTRIBUTES = {
    "readonly": "read_only", "server_version": "info.server_version", "protocol_version": "pgconn.protocol_version",
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
MANUAL_CURSOR = {
    "copy_expert": "use `with cursor.copy(sql) as copy:` and `copy.write(data)`, or iterate over it",
    "copy_from": 'use `with cursor.copy("COPY … FROM STDIN") as copy:`',
    "copy_to": 'use `with cursor.copy("COPY … TO STDOUT") as copy:`',
    "mogrify": "use `psycopg.ClientCursor(connection).mogrify(…)`, which gives text",
    "callproc": "execute `SELECT * FROM name(%s)`",
    "lastrowid": "use `INSERT … RETURNING`",
    "query": "there is no public equal",
    "itersize": "only server-side cursors have it, and its default is 100 in place of 2000",
}
LEVEL_SETTERS = {
    "ISOLATION_LEVEL_AUTOCOMMIT": "autocommit = True",
    "ISOLATION_LEVEL_DEFAULT": "isolation_level = None",
}


class ConnectArguments(Rewrite):
    """`connect(dsn=…, database=…, cursor_factory=RealDictCursor)` and `cursor(cursor_factory=…)`."""

    DESCRIPTION = "Rename the arguments of psycopg2's connect(), cursor() and execute()."

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        name = getattr(self.file.kind(original_node.func), "name", "")
        if name in CONNECT:
            return self.change(
                original_node, updated_node, {"dsn": "conninfo", "database": "dbname"}, factory=True
            )
        method = original_node.func
        if not isinstance(method, cst.Attribute):
            return updated_node
        if method.attr.value == "cursor" and self.is_object(method.value, "connection"):
            return self.change(original_node, updated_node, {}, factory=True)
        if method.attr.value in ("execute", "executemany") and self.is_object(method.value, "cursor"):
            return self.change(original_node, updated_node, {"vars": "params", "vars_list": "params_seq"})
        return updated_node

    def change(
        self, original: cst.Call, call: cst.Call, names: dict[str, str], *, factory: bool = False
    ) -> cst.Call:
        found = {arg.keyword.value: arg for arg in original.args if arg.keyword is not None}
        names = {old: new for old, new in names.items() if old in found}
        given = found.get("cursor_factory") if factory else None
        if given is not None:
            kind = getattr(self.file.kind(given.value), "name", "")
            if kind in ROW_CURSORS:
                names["cursor_factory"] = "row_factory"
            elif not kind.startswith(f"{ROOT}."):  # of others the name is told of
                self.tell(
                    given,
                    "manual",
                    f"`cursor_factory={self.file.source(given.value, 60)}` is not a row factory of psycopg 3",
                    "DictCursor: `row_factory=dict_row` where rows are read by key only",
                )
        for old, new in names.items():
            self.tell(found[old], "rewritten", f"the argument `{old}` is called `{new}`")
        return call.with_changes(args=renamed(call.args, names)) if names else call


class ConnectionAttributes(Rewrite):
    """Attributes and methods of connections and cursors that have another name."""

    DESCRIPTION = "Rename attributes and methods of psycopg2's connections."

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        name = original_node.attr.value
        if name in ATTRIBUTES and self.is_object(original_node.value, "connection"):
            return self.renamed(original_node, updated_node, ATTRIBUTES[name])
        if name == "get_parameter_status" and self.is_object(original_node.value, "connection"):
            return self.renamed(original_node, updated_node, "info.parameter_status")
        if name in UNSAFE_ATTRIBUTES and self.is_object(original_node.value, "connection"):
            if self.unsafe:
                self.tell(
                    original_node,
                    "changed behaviour",
                    f"`{name}` is `{UNSAFE_ATTRIBUTES[name]}`, in another form",
                )
                return self.renamed(original_node, updated_node, UNSAFE_ATTRIBUTES[name], told=True)
            self.tell(original_node, "manual", f"`{name}` is `{UNSAFE_ATTRIBUTES[name]}`, in another form")
        elif name in MANUAL and self.is_object(original_node.value, "connection"):
            self.tell(
                original_node, "manual", f"a connection has no `{name}` that does the same", MANUAL[name]
            )
        elif name in MANUAL_CURSOR and self.is_object(original_node.value, "cursor"):
            self.tell(
                original_node, "manual", f"a cursor has no `{name}` that does the same", MANUAL_CURSOR[name]
            )
        return updated_node

    def renamed(
        self, original: cst.Attribute, updated: cst.Attribute, path: str, *, told: bool = False
    ) -> cst.Attribute:
        if not told:
            self.tell(original, "rewritten", f"`{original.attr.value}` is `{path}`")
        for name in path.split("."):
            updated = (
                cst.Attribute(updated.value, cst.Name(name))
                if name == path.split(".")[0]
                else cst.Attribute(updated, cst.Name(name))
            )
        return updated

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        func = original_node.func
        if (
            isinstance(func, cst.Attribute)
            and func.attr.value in METHODS
            and self.is_object(func.value, "connection")
        ):
            assert isinstance(updated_node.func, cst.Attribute)
            return self.renamed(func, updated_node.func, METHODS[func.attr.value])
        return updated_node

    def leave_Expr(self, original_node: cst.Expr, updated_node: cst.Expr) -> cst.BaseSmallStatement:
        """`connection.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)` as a statement."""
        call = original_node.value
        if not isinstance(call, cst.Call) or not isinstance(call.func, cst.Attribute) or len(call.args) != 1:
            return updated_node
        if call.func.attr.value != "set_isolation_level" or not self.is_object(call.func.value, "connection"):
            return updated_node
        given = call.args[0].value
        name = dotted(given).rpartition(".")[2]
        is_zero = isinstance(given, cst.Integer) and given.value == "0"
        setter = LEVEL_SETTERS.get("ISOLATION_LEVEL_AUTOCOMMIT" if is_zero else name)
        if setter is None:
            if isinstance(given, cst.Integer):
                self.tell(
                    call,
                    "manual",
                    "numbers mean other levels in psycopg 3",
                    "name the level: `IsolationLevel`",
                )
            return updated_node
        assert isinstance(updated_node.value, cst.Call)
        assert isinstance(updated_node.value.func, cst.Attribute)
        attribute, _, value = setter.partition(" = ")
        self.tell(call, "rewritten", f"the level is set by `{setter}`")
        target = cst.AssignTarget(cst.Attribute(updated_node.value.func.value, cst.Name(attribute)))
        return cst.Assign([target], cst.parse_expression(value))


class ErrorAttributes(Rewrite):
    """`error.pgcode` where the handler names an error of psycopg2's."""

    DESCRIPTION = "Rename attributes of psycopg2's errors."

    def visit_Module(self, node: cst.Module) -> None:
        self.names = {each.name for statement in imports(self.file) for each in bound_by(statement)}
        self.errors: list[set[str]] = []

    def visit_ExceptHandler(self, node: cst.ExceptHandler) -> None:
        types = node.type.elements if isinstance(node.type, cst.Tuple) else [node.type] if node.type else []
        roots = {dotted(getattr(each, "value", each) if isinstance(each, cst.Element) else each).partition(".")[0]
                 for each in types}  # fmt: skip
        name = node.name.name.value if node.name is not None and isinstance(node.name.name, cst.Name) else ""
        self.errors.append({name} if name and roots & (self.names | {ROOT}) else set())

    def leave_ExceptHandler(
        self, original_node: cst.ExceptHandler, updated_node: cst.ExceptHandler
    ) -> cst.ExceptHandler:
        self.errors.pop()
        return updated_node

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        owner, name = original_node.value, original_node.attr.value
        if not isinstance(owner, cst.Name) or not any(owner.value in each for each in self.errors):
            return updated_node
        if name == "pgcode":
            self.tell(original_node, "rewritten", "`pgcode` is `sqlstate`")
            return updated_node.with_changes(attr=cst.Name("sqlstate"))
        if name in ("pgerror", "cursor"):
            self.tell(
                original_node,
                "manual",
                f"an error has no `{name}`",
                "`str(error)` or `error.diag` tells the same",
            )
        return updated_node
