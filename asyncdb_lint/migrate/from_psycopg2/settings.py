"""How transactions of a connection are: isolation, read-only, deferrable, autocommit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate import evidence
from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.from_psycopg2.levels import AUTOCOMMIT, Level, Levels
from asyncdb_lint.migrate.from_psycopg2.lifetimes import idle_since, nodes_within
from asyncdb_lint.migrate.import_statements import dotted

if TYPE_CHECKING:
    from collections.abc import Callable

    Written = Callable[[cst.Call], list[str]]

SESSION = ("isolation_level", "readonly", "deferrable", "autocommit")
NEW_NAMES = {"readonly": "read_only"}
SETTING = re.compile(r"^(\w+) = (.*)$", re.DOTALL)
BY_METHOD = r"set_\1(\2)"
"""An assignment by the connection's method: an expression may hold it, and a proxy of a connection hands it on."""
MODES = {
    ("readonly", "True"): "READ ONLY",
    ("readonly", "False"): "READ WRITE",
    ("deferrable", "True"): "DEFERRABLE",
    ("deferrable", "False"): "NOT DEFERRABLE",
}
IGNORED = "in autocommit mode psycopg 3 takes no notice of `{}`"
NUMBERED = "the level is an `IsolationLevel` in psycopg 3, whose numbers mean other levels"
BY_STATEMENT = "execute `SET SESSION CHARACTERISTICS AS TRANSACTION …` when autocommit is on"


class ConnectionSettings(Rewrite):
    """`set_session()`, `set_isolation_level()`, `isolation_level = …` and their like."""

    DESCRIPTION = "Rewrite how psycopg2's connections are told about transactions."

    def examine(self) -> None:
        self.levels = Levels(self)
        for call in self.calls():
            method = call.func
            if not isinstance(method, cst.Attribute) or not self.is_object(method.value, "connection"):
                continue
            match method.attr.value:
                case "set_session":
                    self.set_session(call, method.value)
                case "set_isolation_level":
                    self.set_level(call, method.value)
        for node in self.file.model.nodes.get(cst.Assign, ()):
            if isinstance(node, cst.Assign):
                self.assigned(node)
        for node in self.file.model.nodes.get(cst.Comparison, ()):
            if isinstance(node, cst.Comparison):
                self.compared(node)
        self.levels.replace_defaults()

    # Statements

    def write(self, call: cst.Call, owner: cst.BaseExpression, statements: Written, done: str) -> None:
        """Put statements in the place of a call that stands as one; `statements` are said of the connection."""
        statement, count = self.parent(call), len(statements(call))
        by_methods = evidence.is_suspected(self.file.kind(owner)) or not isinstance(statement, cst.Expr)
        if count > 1 and not (isinstance(statement, cst.Expr) and dotted(owner)):
            self.tell(call, "manual", f"`{self.file.source(call, 60)}` is several statements", done)
            return
        self.tell(call, "rewritten", done)

        def texts(updated: cst.Call) -> list[str]:
            code = cst.Module([]).code_for_node(cst.ensure_type(updated.func, cst.Attribute).value)
            found = statements(updated)
            return [f"{code}.{SETTING.sub(BY_METHOD, each) if by_methods else each}" for each in found]

        def small(updated: cst.Expr) -> list[cst.BaseSmallStatement]:
            lines = [cst.parse_statement(each) for each in texts(cst.ensure_type(updated.value, cst.Call))]
            return [each for one in lines for each in cst.ensure_type(one, cst.SimpleStatementLine).body]

        def lines(updated: cst.SimpleStatementLine) -> cst.FlattenSentinel[cst.SimpleStatementLine]:
            first, *others = small(cst.ensure_type(updated.body[0], cst.Expr))
            return cst.FlattenSentinel(
                [updated.with_changes(body=[first]), *(cst.SimpleStatementLine([each]) for each in others)]
            )

        line = self.file.model.parents[statement] if isinstance(statement, cst.Expr) else None
        if statement is None or line is None:
            self.change(call, lambda updated: cst.parse_expression(texts(updated)[0]))
        elif isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1:
            self.change(line, lines)
        else:
            self.change(statement, lambda updated: cst.FlattenSentinel(small(updated)))

    # Isolation

    def set_level(self, call: cst.Call, owner: cst.BaseExpression) -> None:
        """psycopg2 rolls back first, and every level but 0 ends autocommit mode."""
        given = self.file.argument(call, "level", 0)
        level = self.levels.level(given.value) if given is not None and len(call.args) == 1 else None
        if given is None or level is None:
            self.tell(
                call,
                "manual",
                NUMBERED,
                "name the level; for 0 set `autocommit = True`, after a rollback",
            )
            return
        since = idle_since(self, owner, call)
        before = [] if since is not None else ["rollback()"]
        if level is AUTOCOMMIT:
            self.levels.drop(given.value)
            self.write(
                call, owner, lambda _: [*before, "autocommit = True"], "the level 0 is `autocommit = True`"
            )
            return
        may_be_on = since in (None, True) or self.levels.in_autocommit(call, owner)
        if self.levels.sets_autocommit and may_be_on and not self.levels.just_ended(call, owner):
            before.append("autocommit = False")
        if not before and not level.text:
            return  # as it is
        new = self.levels.written(given.value, level)

        def statements(updated: cst.Call) -> list[str]:
            value = new or cst.Module([]).code_for_node(updated.args[0].value)
            return [*before, f"set_isolation_level({value})"]

        self.write(call, owner, statements, f"the level is set by `set_isolation_level({new or '…'})`")

    def set_session(self, call: cst.Call, owner: cst.BaseExpression) -> None:
        """Each argument is an attribute; None leaves what is."""
        found = {name: self.file.argument(call, name, place) for place, name in enumerate(SESSION)}
        given = {name: arg.value for name, arg in found.items() if arg is not None}
        if len(given) != len(call.args):
            self.tell(call, "manual", "`set_session()` is several attributes", "set them one by one")
            return
        given = {name: value for name, value in given.items() if dotted(value) != "None"}
        autocommit = dotted(given["autocommit"]) if "autocommit" in given else "False"
        modes = {name: value for name, value in given.items() if name != "autocommit"}
        level = self.levels.level(given["isolation_level"]) if "isolation_level" in given else None
        if "isolation_level" in given and (level is None or level is AUTOCOMMIT):
            self.tell(
                call,
                "manual",
                "the level is an `IsolationLevel` in psycopg 3",
                "name the level: `IsolationLevel`",
            )
            return
        if modes and (autocommit != "False" or self.levels.in_autocommit(call, owner)):
            self.set_modes(call, owner, modes, on=autocommit)
            return
        new = {name: self.value(name, value, level) for name, value in given.items()}

        def statements(updated: cst.Call) -> list[str]:
            lines = []
            for arg, old in zip(updated.args, call.args, strict=True):
                name = next(each for each, one in found.items() if one is old)
                if name in given:
                    value = new[name] or cst.Module([]).code_for_node(arg.value)
                    lines.append(f"{NEW_NAMES.get(name, name)} = {value}")
            return lines

        if given:
            self.write(call, owner, statements, "each argument of `set_session()` is an attribute")
        else:
            self.tell(call, "manual", "`set_session()` without a setting does nothing", "remove it")

    def value(self, name: str, node: cst.BaseExpression, level: Level | None) -> str:
        """The new text of a setting; "" where it stays."""
        if name == "isolation_level" and level is not None:
            return self.levels.written(node, level)
        is_default = isinstance(node, cst.SimpleString) and str(node.evaluated_value).upper() == "DEFAULT"
        return "None" if is_default else ""

    def set_modes(
        self, call: cst.Call, owner: cst.BaseExpression, modes: dict[str, cst.BaseExpression], *, on: str
    ) -> None:
        """Settings of a session in autocommit mode: psycopg2 makes them its defaults, psycopg 3 ignores them."""
        names = [NEW_NAMES.get(name, name) for name in modes]
        words = [self.mode(name, value) for name, value in modes.items()]
        if not self.unsafe or "" in words or on not in ("True", "False"):
            self.tell(call, "manual", IGNORED.format("`, `".join(names)), BY_STATEMENT)
            return
        if "isolation_level" in modes:
            self.levels.drop(modes["isolation_level"])
        text = f'execute("SET SESSION CHARACTERISTICS AS TRANSACTION {", ".join(words)}")'
        self.write(
            call,
            owner,
            lambda _: ["autocommit = True", text] if on == "True" else [text],
            "in autocommit mode, transactions are told their mode by a statement",
        )

    def mode(self, name: str, value: cst.BaseExpression) -> str:
        """How SQL says a setting; "" where it cannot be told."""
        if name == "isolation_level":
            level = self.levels.level(value)
            return (
                f"ISOLATION LEVEL {level.name.replace('_', ' ')}" if level is not None and level.name else ""
            )
        return MODES.get((name, dotted(value)), "")

    def assigned(self, node: cst.Assign) -> None:
        """`connection.isolation_level = …`, `readonly = …`, `deferrable = …`."""
        for each in node.targets:
            target = each.target
            if isinstance(target, cst.Attribute) and self.is_object(target.value, "connection"):
                self.assigned_to(node, target)

    def assigned_to(self, node: cst.Assign, target: cst.Attribute) -> None:
        name = target.attr.value
        if name in SESSION[:3] and self.levels.in_autocommit(node, target.value):
            self.set_mode(node, target, name)
        elif name == "isolation_level":
            level = self.levels.level(node.value)
            if level is None or level is AUTOCOMMIT or (level.text and len(node.targets) > 1):
                self.tell(node, "manual", NUMBERED, "name the level")
            elif level.text:
                new = self.levels.written(node.value, level)
                self.tell(node, "rewritten", f"the level is `{new}`")
                self.change(node.value, lambda _: cst.parse_expression(new))

    def compared(self, node: cst.Comparison) -> None:
        """`connection.isolation_level == 3`: the numbers mean other levels in psycopg 3."""
        match node:
            case cst.Comparison(
                left=cst.Attribute(value=owner, attr=cst.Name("isolation_level")),
                comparisons=[cst.ComparisonTarget(comparator=number)],
            ) if self.is_object(owner, "connection"):
                level = self.levels.level(number) if isinstance(number, cst.Integer) else None
            case _:
                return
        if level is not None and level.text:
            new = self.levels.written(number, level)
            self.tell(number, "rewritten", f"the level is `{new}`")
            self.change(number, lambda _: cst.parse_expression(new))
        elif any(isinstance(each, cst.Integer) for each in nodes_within(number)):
            self.tell(node, "manual", NUMBERED, "name the level")

    def set_mode(self, node: cst.Assign, target: cst.Attribute, name: str) -> None:
        """One such setting in autocommit mode."""
        word = self.mode(name, node.value)
        if not self.unsafe or not word or len(node.targets) > 1:
            self.tell(node, "manual", IGNORED.format(NEW_NAMES.get(name, name)), BY_STATEMENT)
            return
        if name == "isolation_level":
            self.levels.drop(node.value)
        self.tell(
            node, "changed behaviour", "in autocommit mode, transactions are told their mode by a statement"
        )
        text = f'_.execute("SET SESSION CHARACTERISTICS AS TRANSACTION {word}")'
        call = cst.ensure_type(cst.parse_expression(text), cst.Call)

        def execute(updated: cst.Assign) -> cst.Expr:
            owner = cst.ensure_type(updated.targets[0].target, cst.Attribute).value
            return cst.Expr(call.with_changes(func=cst.Attribute(owner, cst.Name("execute"))))

        self.change(node, execute)
