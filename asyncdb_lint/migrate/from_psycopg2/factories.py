"""Cursor classes given to psycopg2 become row factories, and the argument that takes them is called so."""

from __future__ import annotations

from typing import cast

import libcst as cst

from asyncdb_lint.migrate import evidence
from asyncdb_lint.migrate.from_psycopg2 import cursor_classes as classes
from asyncdb_lint.migrate.from_psycopg2.factory_values import NOTHING, PARAMETER, UNKNOWN, values
from asyncdb_lint.migrate.from_psycopg2.row_rewrite import RowRewrite, alternatives_in, is_none
from asyncdb_lint.migrate.from_psycopg2.takers import DRIVER, EXPECTATIONS, KEPT, OPEN, Takers, has
from asyncdb_lint.semantics import expressions as ex

OLD, NEW = "cursor_factory", "row_factory"
READING = {"get", "pop", "setdefault"}
"""Methods of a dict whose first argument is a key."""


class RowFactories(RowRewrite):
    """`cursor(cursor_factory=RealDictCursor)` is `cursor(row_factory=dict_row)`, wherever the class comes from."""

    DESCRIPTION = "Rewrite psycopg2's cursor and connection classes to psycopg 3's row factories."

    def examine(self) -> None:
        self.takers = Takers(self)
        for call in self.calls():
            self.judge_call(call)
        for attribute in self.attributes():
            if attribute.attr.value == OLD:
                self.judge_attribute(attribute)
        for text in cast("list[cst.SimpleString]", self.file.model.nodes.get(cst.SimpleString, [])):
            if text.evaluated_value == OLD:
                self.judge_key(text)
        for parameter in cast("list[cst.Param]", self.file.model.nodes.get(cst.Param, [])):
            if parameter.name.value == OLD and self.renames_parameters:
                self.rename_parameter(parameter)

    # What is given

    def refusal(self, node: cst.BaseExpression, found: set[str]) -> tuple[str, str] | None:
        """Why something cannot be a row factory, and what to do; None if it can, or becomes one."""
        text = self.file.source(node, 60)
        for name in sorted(found - classes.FACTORIES - {NOTHING, PARAMETER, UNKNOWN}):
            if "Logging" in name and name.startswith("psycopg2."):
                return f"`{text}` is a cursor class that psycopg 3 has not", classes.LOGGING
            return f"`{text}` is a cursor class, not a row factory", classes.OWN_CURSOR
        plain = (cst.Name, cst.Attribute, cst.Call)
        if UNKNOWN in found or not all(isinstance(each, plain) for each in alternatives_in(node)):
            advice = "if it is one of psycopg2's classes of rows: `row_factory=`, and `dict_row` in its place"
            return f"nobody knows what `{text}` is", advice
        return None

    # Where it is given

    def judge_call(self, call: cst.Call) -> None:
        """`cursor_factory=` of a call, by keyword or, for psycopg2's own, by place."""
        if self.full_name(call.func).startswith("psycopg2.pool."):
            return  # what a pool hands on is the pool's
        taker = self.takers.of(call, OLD)
        if taker == DRIVER and isinstance(call.func, cst.Attribute) and call.func.attr.value == "cursor":
            self.positional(call)
        given = self.file.argument(call, OLD, 2 if self.full_name(call.func) == "psycopg2.connect" else None)
        if given is None or (given.keyword is None and taker != DRIVER):
            pass
        elif taker == KEPT:
            self.turn(given.value)
            if self.renames_parameters and given.keyword and NEW not in self.takers.parameters(call):
                self.renamed(given)
        elif taker == DRIVER or (
            taker == OPEN and not self.is_shared and not self.expects_class(call, given)
        ):
            self.judge_argument(call, given, surely=taker == DRIVER)
        elif self.values(given.value) & classes.EVIDENCE:
            self.leave(
                given.value,
                f"`{self.file.source(call.func, 40)}` takes a cursor class of psycopg2's",
                "if it hands the class on to psycopg2, it has to take a row factory",
            )
        if taker == DRIVER:
            self.connection_factory(call, given)

    def expects_class(self, call: cst.Call, given: cst.Arg) -> bool:
        """Whether a test expects DictCursor: the class that stands for its rows may be another file's."""
        is_expected = isinstance(call.func, cst.Attribute) and call.func.attr.value in EXPECTATIONS
        return is_expected and classes.DICT_CURSOR in self.values(given.value)

    def judge_argument(self, call: cst.Call, given: cst.Arg, *, surely: bool) -> None:
        found = self.values(given.value)
        if not surely and not found & classes.EVIDENCE and not self.is_of_cursor(call):
            return
        refusal = self.refusal(given.value, found)
        if refusal is not None:
            self.leave(given.value, *refusal)
            return
        self.turn(given.value)
        self.renamed(given)
        self.note(given, found)

    def is_of_cursor(self, call: cst.Call) -> bool:
        """Whether a method `cursor()` gets a `cursor_factory`, which no other driver's takes."""
        method = call.func.attr.value if isinstance(call.func, cst.Attribute) else ""
        return method == "cursor" and not self.is_shared

    def note(self, node: cst.CSTNode, found: set[str]) -> None:
        """Tell of a renamed argument; of what only callers know, they are told."""
        if PARAMETER in found and not found & classes.FACTORIES:
            self.tell(
                node,
                "changed behaviour",
                f"`{OLD}` is `{NEW}`: callers give a row factory, not a cursor class",
            )
        else:
            self.tell(node, "rewritten", f"`{OLD}` is `{NEW}`")

    def renamed(self, given: cst.Arg, keyword: str = NEW) -> None:
        """Give an argument by another keyword, in the layout in which it is written."""
        plain = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
        self.change(
            given,
            lambda updated: updated.with_changes(
                keyword=cst.Name(keyword), equal=updated.equal if given.keyword is not None else plain
            ),
        )

    def positional(self, call: cst.Call) -> None:
        """`cursor(name, factory, withhold, scrollable)`: psycopg 3 takes all but the name by keyword."""
        places = [arg for arg in call.args if arg.keyword is None and not arg.star]
        if len(places) != len([arg for arg in call.args[: len(places)] if not arg.star]):
            return
        for arg, keyword in zip(places[1:], (OLD, "withhold", "scrollable"), strict=False):
            if keyword == OLD:
                self.judge_argument(call, arg, surely=True)
            else:
                self.renamed(arg, keyword)
        if len(call.args) > 1 and is_none(call.args[0].value) and places:
            self.change(call.args[0], lambda _: cst.RemoveFromParent())

    def connection_factory(self, call: cst.Call, cursor: cst.Arg | None) -> None:
        """`connection_factory=RealDictConnection` says of what class the connection's cursors are."""
        given = self.file.argument(
            call, "connection_factory", 1 if self.full_name(call.func) == "psycopg2.connect" else None
        )
        if given is None or is_none(given.value) or self.is_claimed(given.value):
            return
        found = self.values(given.value)
        if found <= {*classes.CONNECTIONS, NOTHING} and found & classes.CONNECTIONS.keys():
            if cursor is not None:  # the cursor's class counts more
                self.claim_all(given.value)
                self.change(given, lambda _: cst.RemoveFromParent())
            else:
                self.turn(given.value)
                self.renamed(given)
            self.tell(given, "rewritten", f"`connection_factory` is `{NEW}`")
        elif any("Logging" in name and name.startswith("psycopg2.") for name in found):
            self.leave(given.value, "psycopg 3 has no connection that logs", classes.LOGGING)
        elif not any("Replication" in name for name in found):
            self.leave(given.value, "`connect()` takes no class of connections", classes.OWN_CONNECTION)

    @property
    def renames_parameters(self) -> bool:
        """Whether parameters of the project's own are called otherwise: not where one takes a class of its own."""
        if not self.unsafe:
            return False
        project = self.file.project
        return cast(
            "bool",
            self.shared.setdefault(
                OLD,
                all(
                    ":" not in name
                    for summary in project.modules.values()
                    for qualname, function in summary.functions.items()
                    if has(function, OLD) and summary.name != evidence.MODULE
                    for name in values(project, summary.name, ex.Param(qualname, OLD))
                ),
            ),
        )

    def rename_parameter(self, parameter: cst.Param) -> None:
        """A parameter of the project's own is called otherwise in all functions that have it, and in their calls."""
        scope = self.file.model.opened.get(cast("cst.CSTNode", self.parent(parameter)))
        if scope is None or scope.what != "function" or NEW in scope.bindings:
            return
        self.tell(parameter, "changed behaviour", f"the parameter `{OLD}` is `{NEW}`")
        names: list[cst.CSTNode] = [parameter.name]
        for binding in scope.bindings.get(OLD, ()):
            names += [*binding.uses, *([binding.target] if isinstance(binding.target, cst.Name) else [])]
        for name in dict.fromkeys(names):
            self.change(name, lambda updated: updated.with_changes(value=NEW))

    def judge_attribute(self, attribute: cst.Attribute) -> None:
        """`connection.cursor_factory`, set or read."""
        statement = self.parent(attribute)
        value = None
        if isinstance(statement, cst.AssignTarget):
            assign = self.parent(statement)
            value = assign.value if isinstance(assign, cst.Assign) else None
        elif isinstance(statement, cst.AnnAssign):
            value = statement.value
        owned = self.is_object(attribute.value, "connection")
        found = self.values(value) if value is not None else set()
        if not owned and not (value is not None and self.takers.is_open(attribute.value)):
            if value is not None and found & classes.EVIDENCE:
                self.turn(
                    value
                )  # an attribute of the project's own, from which it is taken where it is needed
            return
        if value is None:
            if owned:
                self.rename_attribute(attribute)
                self.tell(attribute, "rewritten", f"`{OLD}` is `{NEW}`")
            return
        if not owned and not found & classes.EVIDENCE:
            return
        refusal = self.refusal(value, found - {UNKNOWN} if self.is_saved(value) else found)
        if refusal is not None:
            self.leave(value, *refusal)
            return
        self.turn(value)
        if is_none(value):
            plain = self.name(value, "psycopg.rows", "tuple_row")
            self.change(value, lambda _: cst.parse_expression(plain))
        self.rename_attribute(attribute)
        self.note(attribute, found)

    def is_saved(self, value: cst.BaseExpression) -> bool:
        """Whether a value was read off a connection's own attribute before."""
        bindings = self.file.model.bindings_of(value)
        return bool(bindings) and all(
            isinstance(each.value, cst.Attribute) and each.value.attr.value == OLD for each in bindings
        )

    def rename_attribute(self, attribute: cst.Attribute) -> None:
        self.change(attribute, lambda updated: updated.with_changes(attr=cst.Name(NEW)))

    # Keys of dicts that are unpacked into such calls

    def judge_key(self, text: cst.SimpleString) -> None:
        """`{"cursor_factory": RealDictCursor}` and what reads or sets such a key."""
        holder = self.parent(text)
        value: cst.BaseExpression | None = None
        match holder:
            case cst.DictElement(key=key, value=given) if key is text:
                value = given
            case cst.Arg() if self.is_key_of_method(text, holder):
                call = cst.ensure_type(self.parent(holder), cst.Call)
                value = call.args[1].value if len(call.args) > 1 else None
            case cst.SubscriptElement():
                assign = self.parent(self.parent(self.parent(holder) or holder) or holder)
                value = assign.value if isinstance(assign, cst.Assign) else None
            case cst.Comparison(left=left) if left is text:
                pass
            case _:
                return
        found = self.values(value) if value is not None else set()
        is_psycopg2s = bool(self.work.imports.bound) and not self.is_shared
        refusal = self.refusal(value, found) if value is not None else None
        if not (found & classes.EVIDENCE or (is_psycopg2s and found <= {NOTHING, PARAMETER})):
            if value is not None and refusal is not None and is_psycopg2s and found - {UNKNOWN}:
                self.leave(value, *refusal)
            return
        if self.is_shared:
            refusal = f"`{OLD}` may be given to another driver", f"for psycopg 3 it is `{NEW}`"
        if refusal is not None or (self.takers.unpacks_into_kept and not self.unsafe):
            told = refusal or (f"`{OLD}` is unpacked into a function of the project that has it", "")
            self.leave(value if value is not None else text, *told)
            return
        if value is not None:
            self.turn(value)
        self.tell(text, "rewritten", f"the key `{OLD}` is `{NEW}`")
        self.change(text, lambda updated: updated.with_changes(value=updated.value.replace(OLD, NEW)))

    def is_key_of_method(self, text: cst.SimpleString, holder: cst.Arg) -> bool:
        call = self.parent(holder)
        return (
            isinstance(call, cst.Call)
            and call.args[0] is holder
            and isinstance(call.func, cst.Attribute)
            and call.func.attr.value in READING
            and holder.value is text
        )
