"""Columns that give other objects: nothing fails where they are fetched, and only their use tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite

if TYPE_CHECKING:
    from asyncdb_lint.migrate.command import Work

NOTE = (
    "columns give other objects: uuid `UUID`, inet and cidr `ipaddress` objects, bytea `bytes`, ranges `Range`; "
    "infinite dates raise"
)


class ColumnTypes(Rewrite):
    """Says once in a project what columns give, and where code asks for what psycopg2 gave."""

    DESCRIPTION = "Report code that expects the types that psycopg2 gives for uuid and bytea columns."

    def examine(self) -> None:
        if self.is_of_project and NOTE not in self.shared and (first := connecting(self.work)) is not None:
            self.shared[NOTE] = first
            self.tell(first, "changed behaviour", NOTE, "the guide on migrating lists what else differs")
        if not self.handles_cursors():
            return
        for call in self.calls():
            name = self.full_name(call.func)
            if name == "uuid.UUID" and len(call.args) == 1 and self.may_be_column(call.args[0]):
                text = self.file.source(call.args[0].value, 40)
                self.tell(
                    call, "manual", f"`{text}` is a `UUID` already if it comes from a uuid column",
                    f"write `UUID(str({text}))`",
                )  # fmt: skip
            elif (
                name == "builtins.isinstance"
                and len(call.args) == 2
                and self.is_memoryview(call.args[1].value)
            ):
                self.tell(call, "manual", "bytea columns give `bytes`, not `memoryview`", "ask for `bytes`")

    def handles_cursors(self) -> bool:
        """Whether the file fetches rows, as far as is known."""
        return any(
            attribute.attr.value in ("fetchone", "fetchall", "fetchmany", "execute")
            and (self.is_object(attribute.value, "cursor") or self.is_suspected(attribute.value, "cursor"))
            for attribute in self.attributes()
        )

    def may_be_column(self, given: cst.Arg) -> bool:
        """Whether an argument may be what a row holds: nobody knows what it is, and it is not made here."""
        value = given.value
        if given.star or (given.keyword is not None and given.keyword.value != "hex"):
            return False
        return isinstance(value, (cst.Name, cst.Subscript, cst.Attribute)) and self.is_unknown(value)

    @staticmethod
    def is_memoryview(node: cst.BaseExpression) -> bool:
        options = [each.value for each in node.elements] if isinstance(node, cst.Tuple) else [node]
        return any(isinstance(each, cst.Name) and each.value == "memoryview" for each in options) and not any(
            isinstance(each, cst.Name) and each.value == "bytes" for each in options
        )


def connecting(work: Work) -> cst.Call | None:
    """The first call of `connect()` in a file."""
    for call in work.file.model.nodes.get(cst.Call, ()) if work.imports.bound else ():
        if (
            isinstance(call, cst.Call)
            and getattr(work.file.kind(call.func), "name", "") == "psycopg2.connect"
        ):
            return call
    return None
