"""Pools: psycopg_pool's opens connections in the background, and waits where psycopg2's is exhausted."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.migrate.from_psycopg2 import cursor_classes as classes
from asyncdb_lint.migrate.from_psycopg2.handlers import in_a_row
from asyncdb_lint.migrate.from_psycopg2.registering import Registrations
from asyncdb_lint.migrate.from_psycopg2.table import POOLS
from asyncdb_lint.semantics.kinds import Instance

MODULE = "psycopg2.pool"
ATTRIBUTES = {"closeall": "close", "minconn": "min_size", "maxconn": "max_size"}
DIFFERS = (
    "`psycopg_pool.ConnectionPool` connects in the background, and waits up to 30 s where it is exhausted"
)
ADVICE = "`ConnectionPool(dsn, min_size=…, max_size=…, kwargs={…}, open=True)`"
REWRITES = f"{ADVICE}: `--unsafe-fixes` rewrites it"
OWN_POOL = (
    "derive it from `psycopg_pool.ConnectionPool`, which gets its connections in other methods, or drop it"
)
COMPARING = {"builtins.isinstance", "builtins.issubclass"}
NO_ERROR = "a pool that cannot connect is no error where it is made"
CAUGHT = {
    "psycopg2.OperationalError", "psycopg2.DatabaseError", "psycopg2.Error", "builtins.Exception",
    "builtins.BaseException",
}  # fmt: skip
"""What catches that a connection fails."""
PUBLIC = "use `with pool.connection() as connection:`, or `getconn()` and `putconn()`"
NO_KEYS = "psycopg_pool hands out connections without keys"


class Pools(Registrations):
    """`SimpleConnectionPool` and its kin, where the user agrees that a pool may wait."""

    DESCRIPTION = "Rewrite psycopg2's pools to psycopg_pool."

    def examine(self) -> None:
        made = [call for call in self.calls() if self.full_name(call.func) in POOLS]
        rewritten = {call.func for call in made if self.unsafe and self.make(call)}
        for call in made:
            if call.func not in rewritten:
                self.leave_all(call, DIFFERS, ADVICE if self.unsafe else REWRITES)
        for node in self.uses_of({name.rpartition(".")[2] for name in POOLS}):
            holder = self.parent(node)
            if isinstance(holder, cst.Arg) and isinstance(self.parent(holder), cst.ClassDef):
                self.hand_over(node, node, "a class derives from a pool of psycopg2's", OWN_POOL)
        for attribute in self.attributes():
            name = attribute.attr.value
            if name.startswith("_") and not name.startswith("__") and self.is_object(attribute.value, "pool"):
                self.tell(attribute, "manual", f"pools of psycopg_pool have no `{name}`", PUBLIC)
        if not self.unsafe:
            return
        for node in self.uses_of({"PoolError", *(name.rpartition(".")[2] for name in POOLS)}):
            if node not in rewritten and node not in self.work.left:
                self.judge_name(node)
        for attribute in self.attributes():
            kind = self.file.kind(attribute.value)
            if isinstance(kind, Instance) and kind.name in POOLS:
                self.judge(attribute)

    # Construction

    def make(self, call: cst.Call) -> bool:
        """`SimpleConnectionPool(1, 5, dsn, host=…)`; false where the arguments cannot all be told."""
        sizes = self.file.argument(call, "minconn", 0), self.file.argument(call, "maxconn", 1)
        low, high = sizes
        if low is None or high is None:
            return False
        parts, conninfo = self.kwargs(call, [arg for arg in call.args if arg is not low and arg is not high])
        if parts is None:
            return False
        arguments = [conninfo] if conninfo else []
        arguments += [f"min_size={self.code(low.value)}", f"max_size={self.code(high.value)}"]
        if parts:
            alone = len(parts) == 1 and parts[0].startswith("**")
            arguments.append(f"kwargs={parts[0][2:]}" if alone else f"kwargs={{{', '.join(parts)}}}")
        for arg in call.args:
            self.claim_factory(arg)
        self.tell(call, "changed behaviour", DIFFERS)
        if self.may_fail(call):
            self.wait_for(call)
        text = ", ".join([*arguments, "open=True"])
        self.change(call, lambda updated: cst.parse_expression(f"x({text})").with_changes(func=updated.func))
        return True

    def may_fail(self, call: cst.Call) -> bool:
        """Whether a pool is made where it is caught that its first connections fail."""
        node: cst.CSTNode = call
        while (parent := self.parent(node)) is not None and not isinstance(parent, cst.FunctionDef):
            if isinstance(parent, cst.Try) and parent.body is node:
                caught = [each.type for each in parent.handlers]
                classes = [
                    element.value if isinstance(element, cst.Element) else element
                    for each in caught
                    for element in (each.elements if isinstance(each, cst.Tuple) else [each])
                ]
                return any(each is None or self.full_name(each) in CAUGHT for each in classes)
            node = parent
        return False

    def wait_for(self, call: cst.Call) -> None:
        """`pool.wait()` after the pool is made: it raises a PoolTimeout, which is an OperationalError."""
        assign = self.parent(call)
        line = self.parent(assign) if isinstance(assign, cst.Assign) and len(assign.targets) == 1 else None
        if self.is_asynchronous(call):
            return
        if not isinstance(assign, cst.Assign) or not isinstance(line, cst.SimpleStatementLine):
            self.tell(call, "manual", NO_ERROR, "call `pool.wait()` where errors are caught")
            return
        waiting = cst.parse_statement(f"{self.code(assign.targets[0].target)}.wait()")
        self.tell(call, "changed behaviour", NO_ERROR, "`wait()` raises a PoolTimeout after 30 s")
        self.change(line, lambda updated: cst.FlattenSentinel([updated, waiting]))

    def kwargs(self, call: cst.Call, given: list[cst.Arg]) -> tuple[list[str] | None, str]:
        """What goes on to `connect()`, as parts of a dict, and the address; None where a part has no equal."""
        parts: list[str] = []
        conninfo = ""
        for arg in given:
            text = self.code(arg.value)
            name = arg.keyword.value if arg.keyword is not None else ""
            if arg.star == "*" or (not name and not arg.star and conninfo):
                return None, ""
            if arg.star:
                parts.append(f"**{text}")
            elif name in ("", "dsn"):
                conninfo = text
            elif name == "cursor_factory":
                factory = self.factory(arg.value)
                if factory is None:
                    return None, ""
                parts.append(f'"row_factory": {factory}')
            elif name in ("connection_factory", "async", "async_"):
                return None, ""
            else:
                parts.append(f'"{"dbname" if name == "database" else name}": {text}')
        return parts, conninfo

    def factory(self, given: cst.BaseExpression) -> str | None:
        """The row factory for a class of cursors."""
        full = self.full_name(given)
        if full == classes.DICT_CURSOR:
            return f"{self.helper(classes.HELPER)}.factory"
        name = classes.ROW_CURSORS.get(full)
        return self.name(given, "psycopg.rows", name) if name is not None else None

    def claim_factory(self, arg: cst.Arg) -> None:
        if arg.keyword is not None and arg.keyword.value == "cursor_factory":
            self.claim_all(arg)

    # Names

    def judge_name(self, node: cst.Attribute | cst.Name) -> None:
        """Pools that are neither made nor named in annotations, and the errors of pools where they are caught."""
        full, parent = self.full_name(node), self.parent(node)
        if full in POOLS and not self.says_type(node):
            self.hand_over(node, node, DIFFERS, ADVICE)
        elif full == f"{MODULE}.PoolError" and isinstance(parent, (cst.ExceptHandler, cst.Element)):
            texts = [self.name(node, "psycopg_pool", each) for each in ("PoolTimeout", "PoolClosed")]
            names = [cst.parse_expression(each) for each in texts]
            if isinstance(parent, cst.ExceptHandler):
                self.change(node, lambda _: cst.Tuple([cst.Element(each) for each in names]))
            else:
                self.change(parent, lambda updated: in_a_row(updated, names))
            self.claim(node)
            self.tell(node, "changed behaviour", "`PoolError` is `PoolTimeout` or `PoolClosed`")

    def says_type(self, node: cst.CSTNode) -> bool:
        """Whether a class stands where it says or asks what something is."""
        holder: cst.CSTNode | None = node
        while isinstance(holder, (cst.BaseExpression, cst.SubscriptElement, cst.Index, cst.Element)):
            holder = self.parent(holder)
        call = self.parent(holder) if isinstance(holder, cst.Arg) else None
        asked = isinstance(call, cst.Call) and self.full_name(call.func) in COMPARING
        return isinstance(holder, cst.Annotation) or asked

    # Use

    def judge(self, attribute: cst.Attribute) -> None:
        """An attribute or method of a pool."""
        name, call = attribute.attr.value, self.parent(attribute)
        if name in ATTRIBUTES:
            self.tell(attribute, "rewritten", f"`{name}` is `{ATTRIBUTES[name]}`")
            self.change(attribute, lambda updated: updated.with_changes(attr=cst.Name(ATTRIBUTES[name])))
        elif isinstance(call, cst.Call) and call.func is attribute and name == "getconn" and call.args:
            self.tell(
                call, "manual", NO_KEYS, "its argument is a timeout: keep the connection of a key yourself"
            )
        elif isinstance(call, cst.Call) and call.func is attribute and name == "putconn":
            self.put_back(call)

    def put_back(self, call: cst.Call) -> None:
        """`putconn(connection, close=True)`."""
        connection, closes = self.file.argument(call, "conn", 0), self.file.argument(call, "close", 2)
        if self.file.argument(call, "key", 1) is not None:
            self.tell(call, "manual", NO_KEYS, "give the connection only")
        elif closes is not None and connection is not None:
            line = self.parent(self.statement(call) or call)
            value = self.constant(closes.value)
            if (
                not isinstance(line, cst.SimpleStatementLine)
                or len(line.body) > 1
                or not isinstance(value, bool)
            ):
                self.tell(
                    call, "manual", "`putconn()` closes no connection", "close it before it is given back"
                )
                return
            self.tell(call, "rewritten", "a connection is closed before it is given back")
            closing = cst.parse_statement(f"{self.code(connection.value)}.close()")
            self.change(call, lambda updated: updated.with_changes(args=[cst.Arg(connection.value)]))
            if value:
                self.change(line, lambda updated: before(updated, closing))


def before(
    line: cst.SimpleStatementLine, first: cst.SimpleStatementLine | cst.BaseCompoundStatement
) -> cst.FlattenSentinel[cst.BaseStatement]:
    """A statement with another in front of it."""
    return cst.FlattenSentinel(
        [first.with_changes(leading_lines=line.leading_lines), line.with_changes(leading_lines=[])]
    )
