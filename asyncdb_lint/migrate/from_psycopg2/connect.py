"""Arguments of psycopg2's functions and methods that have another name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite, renamed
from asyncdb_lint.migrate.from_psycopg2.lifetimes import CONNECT, CONNECTION
from asyncdb_lint.migrate.import_statements import dotted

if TYPE_CHECKING:
    from collections.abc import Sequence

ADDRESS = {"dsn": "conninfo", "database": "dbname"}
FUNCTIONS = {
    CONNECT: ADDRESS,
    "psycopg2.extensions.make_dsn": ADDRESS,
    "psycopg2.extensions.parse_dsn": {"dsn": "conninfo"},
}
METHODS = {"execute": {"vars": "params"}, "executemany": {"vars_list": "params_seq"}}
HANDING_ON = {"functools.partial", "asyncio.to_thread", "anyio.to_thread.run_sync"}
"""What calls its first argument with the keywords that it is given."""
ASYNCHRONOUS = "`AsyncConnection.connect()` makes asynchronous connections, which are awaited and not polled"


class ConnectArguments(Rewrite):
    """`connect(dsn=…, database=…)`, `execute(vars=…)`, and connections that a class makes."""

    DESCRIPTION = "Rename the arguments of psycopg2's connect() and execute()."

    def examine(self) -> None:
        for call in self.calls():
            func, args = call.func, call.args
            if args and self.full_name(func) in HANDING_ON:
                func, args = args[0].value, args[1:]
            name = self.full_name(func)
            if name == CONNECT and self.is_for_replication(call):
                self.keep(func)  # the pass that renames tells of the class
            elif name in FUNCTIONS:
                gone = self.judge(call, args) if name == CONNECT else []
                self.rename(call, [each for each in args if each not in gone], FUNCTIONS[name])
            elif name == CONNECTION and func is call.func:
                self.rename(call, args, ADDRESS)
                self.tell(call, "rewritten", "a connection is made by `Connection.connect()`")
                self.change(func, lambda updated: cst.Attribute(updated, cst.Name("connect")))
            elif isinstance(func, cst.Attribute) and func.attr.value in METHODS:
                if self.is_object(func.value, "cursor"):
                    self.rename(call, args, METHODS[func.attr.value])
                elif self.is_unknown(func.value):
                    self.guess(args, METHODS[func.attr.value])

    def is_for_replication(self, call: cst.Call) -> bool:
        """Whether a connection speaks the protocol of replication, which psycopg 3 has not: it stays psycopg2's."""
        given = self.file.argument(call, "connection_factory", 1)
        return given is not None and "Replication" in self.full_name(given.value)

    def guess(self, args: Sequence[cst.Arg], names: dict[str, str]) -> None:
        """Only the names of its arguments say that this may be a method of psycopg2's."""
        for arg in args:
            old = arg.keyword.value if arg.keyword is not None else ""
            if old in names:
                said = f"if this is psycopg2's cursor, the argument `{old}` is called `{names[old]}`"
                self.tell(arg, "manual", said, "rename it, or give it without its name")

    def rename(self, call: cst.Call, args: Sequence[cst.Arg], names: dict[str, str]) -> None:
        found = {arg.keyword.value: arg for arg in args if arg.keyword is not None}
        names = {old: new for old, new in names.items() if old in found}
        for old, new in names.items():
            self.tell(found[old], "rewritten", f"the argument `{old}` is called `{new}`")
        if names:
            self.change(call, lambda updated: updated.with_changes(args=renamed(updated.args, names)))

    def judge(self, call: cst.Call, args: Sequence[cst.Arg]) -> list[cst.Arg]:
        """Leave out arguments that say nothing and that psycopg 3 does not take: a mode, and None for an address."""
        gone = []
        for place, arg in enumerate(args):
            keyword = arg.keyword.value if arg.keyword is not None else ""
            if keyword in ("async", "async_"):
                if not is_off(arg.value):
                    self.tell(arg, "manual", f"connect() takes no `{keyword}`", ASYNCHRONOUS)
                    continue
            elif not (dotted(arg.value) == "None" and (keyword == "dsn" or (place == 0 and is_alone(args)))):
                continue
            self.tell(arg, "rewritten", f"`{self.file.source(arg, 40)}` says nothing")
            self.leave_out(call, keyword)
            gone.append(arg)
        return gone

    def leave_out(self, call: cst.Call, keyword: str) -> None:
        self.change(call, lambda updated: updated.with_changes(args=without(updated.args, keyword)))


def is_off(node: cst.BaseExpression) -> bool:
    """Whether a flag is given and not set."""
    return dotted(node) in ("None", "False") or (isinstance(node, cst.Integer) and node.evaluated_value == 0)


def is_alone(args: Sequence[cst.Arg]) -> bool:
    """Whether the first argument is the only one that is known by its place."""
    return args[0].keyword is None and all(each.keyword is not None or each.star == "**" for each in args[1:])


def without(args: Sequence[cst.Arg], keyword: str) -> list[cst.Arg]:
    """The arguments but one, by keyword, or the first; what follows the last stays."""
    gone = next(
        (each for each in args if (each.keyword.value if each.keyword is not None else "") == keyword), None
    )
    left = [each for each in args if each is not gone]
    if gone is not None and left and gone is args[-1]:
        left[-1] = left[-1].with_changes(comma=closing(left[-1].comma, gone.comma))
    return left


def closing(
    comma: cst.Comma | cst.MaybeSentinel, last: cst.Comma | cst.MaybeSentinel
) -> cst.Comma | cst.MaybeSentinel:
    """What follows an argument that comes to be the last: its comment, and then what followed the last."""
    before, after = getattr(comma, "whitespace_after", None), getattr(last, "whitespace_after", None)
    if isinstance(before, cst.ParenthesizedWhitespace) and isinstance(after, cst.ParenthesizedWhitespace):
        space = before.with_changes(indent=after.indent, last_line=after.last_line)
        return cst.ensure_type(comma, cst.Comma).with_changes(whitespace_after=space)
    return last
