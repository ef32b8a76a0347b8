"""Notifications: `connection.notifies` is a list that `poll()` fills in psycopg2, and a generator in psycopg 3."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.migrate.from_psycopg2.registering import Registrations

FIELDS = ("pid", "channel", "payload")
"""The arguments of psycopg2's `Notify`."""
SAID = "notifications are asked for: those that come while one is dealt with wait for the next time"


class Notifications(Registrations):
    """`connection.poll()`, then `while connection.notifies: n = connection.notifies.pop(0)`."""

    DESCRIPTION = "Rewrite loops over psycopg2's list of notifications."

    def examine(self) -> None:
        for call in self.calls():
            if self.full_name(call.func) == "psycopg2.extensions.Notify":
                self.name_arguments(call)
        if not self.unsafe:
            return
        emptied: set[str] = set()
        for node in self.file.model.nodes.get(cst.While, ()):
            loop = cst.ensure_type(node, cst.While)
            connection = self.listening(loop.test)
            popped = self.popped(loop, connection) if connection is not None else None
            if connection is not None and popped is not None:
                self.iterate(loop, connection, popped)
                emptied.add(self.code(connection))
        for call in self.calls():
            method = call.func
            if (
                isinstance(method, cst.Attribute)
                and method.attr.value == "poll"
                and self.code(method.value) in emptied
                and self.is_object(method.value, "connection")
                and self.statement(call) is not None
            ):
                self.claim(method)
                self.drop(call, "`notifies()` reads what has come")

    def name_arguments(self, call: cst.Call) -> None:
        """`Notify(pid, channel, payload)`: psycopg 3 has them in another order, and all of them."""
        places = [arg for arg in call.args if arg.keyword is None]
        given = {*FIELDS[: len(places)], *(arg.keyword.value for arg in call.args if arg.keyword is not None)}
        if any(arg.star for arg in call.args):
            self.tell(call, "manual", "`Notify` takes the channel first", "give its arguments by name")
            return
        if not places and "payload" in given:
            return
        self.tell(call, "rewritten", "`Notify` takes the channel first: its arguments are given by name")
        plain = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))

        def named(updated: cst.Call) -> cst.Call:
            args = [
                arg
                if arg.keyword is not None
                else arg.with_changes(keyword=cst.Name(FIELDS[place]), equal=plain)
                for place, arg in enumerate(updated.args)
            ]
            if "payload" not in given:
                args.append(cst.Arg(cst.SimpleString('""'), cst.Name("payload"), equal=plain))
            return updated.with_changes(args=args)

        self.change(call, named)

    def listening(self, test: cst.BaseExpression) -> cst.BaseExpression | None:
        """The connection of `connection.notifies`."""
        if (
            isinstance(test, cst.Attribute)
            and test.attr.value == "notifies"
            and self.is_object(test.value, "connection")
        ):
            return test.value
        return None

    def popped(self, loop: cst.While, connection: cst.BaseExpression) -> cst.Assign | None:
        """The first statement of a loop that takes the oldest notification, if that is all the loop does with them."""
        first = loop.body.body[0]
        assign = (
            first.body[0] if isinstance(first, cst.SimpleStatementLine) and len(first.body) == 1 else None
        )
        if not isinstance(assign, cst.Assign) or len(assign.targets) != 1 or loop.orelse is not None:
            return None
        if self.code(assign.value) != f"{self.code(connection)}.notifies.pop(0)" or self.leaves(loop):
            return None
        return assign

    def leaves(self, loop: cst.While) -> bool:
        """Whether a loop may end before the list is empty; the rest would be lost."""
        for kind in (cst.Break, cst.Return):
            for node in self.file.model.nodes.get(kind, ()):
                holder: cst.CSTNode | None = node
                while holder is not None and holder is not loop:
                    holder = self.parent(holder)
                if holder is loop:
                    return True
        return False

    def iterate(self, loop: cst.While, connection: cst.BaseExpression, popped: cst.Assign) -> None:
        owner, name = self.code(connection), popped.targets[0].target
        for attribute in self.attributes():
            if attribute.attr.value == "notifies" and (
                attribute is loop.test or self.holds(popped, attribute)
            ):
                self.claim(attribute)
        self.tell(loop, "changed behaviour", SAID)
        self.change(
            loop,
            lambda updated: cst.For(
                target=name,
                iter=cst.parse_expression(f"list({owner}.notifies(timeout=0))"),
                body=updated.body.with_changes(
                    body=updated.body.body[1:] or [cst.SimpleStatementLine([cst.Pass()])]
                ),
                leading_lines=updated.leading_lines,
            ),
        )

    def holds(self, outer: cst.CSTNode, node: cst.CSTNode) -> bool:
        """Whether a node stands within another."""
        holder: cst.CSTNode | None = node
        while holder is not None and holder is not outer:
            holder = self.parent(holder)
        return holder is outer
