"""Arguments of SQLAlchemy's engines that only psycopg2, or its dialect, takes."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.import_statements import dotted
from asyncdb_lint.migrate.literals import assignments

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ENGINES = {
    "sqlalchemy.engine.create.create_engine", "sqlalchemy.engine.create.engine_from_config",
    "sqlmodel.create_engine",
}  # fmt: skip
DROPPED = {
    "executemany_mode", "executemany_values_page_size", "executemany_batch_page_size", "use_batch_mode",
    "use_native_unicode", "use_native_uuid",
}  # fmt: skip
PREFIX = "sqlalchemy."
"""What keys of `engine_from_config()` begin with."""
OPTIONS = ("ENGINE_OPTIONS", "ENGINE_KWARGS", "ENGINE_ARGS")
"""How variables and settings end that hold arguments of an engine: `SQLALCHEMY_ENGINE_OPTIONS`, `engine_kwargs`."""
REFUSED = {
    "dsn": "give the URL to the engine",
    "database": "psycopg calls it `dbname`; it belongs in the URL",
    "async_": "use `create_async_engine()`",
    "connection_factory": "there is none: see `creator`",
}
"""Keys of `connect_args` that psycopg's `connect()` does not take."""


class EngineArguments(Rewrite):
    """`create_engine(url, executemany_mode=…, connect_args={…})`, and dicts that hold such arguments."""

    DESCRIPTION = "Leave out arguments of SQLAlchemy's engines that only psycopg2's dialect takes."

    def examine(self) -> None:
        seen: set[cst.CSTNode] = set()
        for call in self.calls():
            if self.full_name(call.func) in ENGINES:
                self.drop(call)
                self.check_arguments(call)
                seen.add(call)
                for arg in call.args:
                    seen |= {self.drop(each) for each in self.shown(arg.value)}
        for holder in (*self.calls(), *self.file.model.nodes.get(cst.Dict, ())):
            if holder not in seen and isinstance(holder, (cst.Call, cst.Dict)) and self.is_sqlalchemy:
                self.judge_other(holder)

    @functools.cached_property
    def is_sqlalchemy(self) -> bool:
        """Whether the file has to do with SQLAlchemy, or is one of settings."""
        text = self.file.text.lower()
        return "sqlalchemy" in text or "sqlmodel" in text

    def shown(self, node: cst.BaseExpression) -> Iterator[cst.Call | cst.Dict]:
        """The dict that is written down as an argument, or assigned to the name that is given."""
        values: Sequence[cst.CSTNode | None] = [node]
        if isinstance(node, cst.Name):
            values = [each.value for each in assignments(self.file, node)]
        for value in values:
            if isinstance(value, cst.Dict) or (isinstance(value, cst.Call) and dotted(value.func) == "dict"):
                yield value

    def drop(self, holder: cst.Call | cst.Dict) -> cst.CSTNode:
        """Leave out what psycopg's dialect does not take."""
        names = list(dropped(holder))
        for name in sorted(names):
            self.tell(holder, "rewritten", f"psycopg's dialect takes no `{name}`")

        def without(updated: cst.Call | cst.Dict) -> cst.Call | cst.Dict:
            return left_of(updated, [each for each in items(updated) if name_of(each) not in names])

        if names:
            self.change(holder, without)
        return holder

    def judge_other(self, holder: cst.Call | cst.Dict) -> None:
        """Arguments of an engine that is made elsewhere, by a framework or another module."""
        names = list(dropped(holder))
        if not names:
            return
        if self.called(holder).upper().endswith(OPTIONS):
            self.drop(holder)
            return
        for name in sorted(names):
            self.tell(
                holder, "manual", f"psycopg's dialect takes no `{name}`", "leave it out if an engine gets it"
            )

    def called(self, holder: cst.CSTNode) -> str:
        """What a dict is assigned to, or the argument or key that it is given as."""
        parent = self.parent(holder)
        match parent:
            case cst.Arg(keyword=cst.Name(value)):
                return value
            case cst.DictElement(key=cst.SimpleString() as key):
                return key.raw_value
            case cst.Assign(targets=[cst.AssignTarget(target)]) | cst.AnnAssign(target=target):
                return key_of(target) if isinstance(target, cst.Subscript) else dotted(target)
        return ""

    def check_arguments(self, call: cst.Call) -> None:
        """Report what `connect_args` holds and psycopg refuses."""
        given = self.file.argument(call, "connect_args")
        for holder in self.shown(given.value) if given is not None else ():
            for each in items(holder):
                if (name := name_of(each)) in REFUSED:
                    self.tell(each, "manual", f"psycopg's connect() takes no `{name}`", REFUSED[name])


def left_of(holder: cst.Call | cst.Dict, kept: list[Any]) -> cst.Call | cst.Dict:
    """A call or dict with fewer items; what is last now ends as the last one did, with its own comment."""
    last = items(holder)[-1]
    if not kept or kept[-1] is last:
        return holder.with_changes(**{"args" if isinstance(holder, cst.Call) else "elements": kept})
    comment = getattr(getattr(kept[-1].comma, "whitespace_after", None), "first_line", None)
    after = getattr(last.comma, "whitespace_after", None)
    comma = last.comma
    if (
        comment is not None
        and isinstance(after, cst.ParenthesizedWhitespace)
        and isinstance(comma, cst.Comma)
    ):
        comma = comma.with_changes(whitespace_after=after.with_changes(first_line=comment))
    kept[-1] = kept[-1].with_changes(comma=comma)
    if isinstance(holder, cst.Call):
        return holder.with_changes(args=kept)
    before = holder.rbrace.whitespace_before
    if comment is not None and isinstance(before, cst.ParenthesizedWhitespace):
        before = before.with_changes(first_line=comment)
    return holder.with_changes(elements=kept, rbrace=holder.rbrace.with_changes(whitespace_before=before))


def key_of(target: cst.Subscript) -> str:
    """The text between the brackets of `config["…"]`."""
    match target.slice:
        case [cst.SubscriptElement(cst.Index(cst.SimpleString() as key))]:
            return key.raw_value
    return ""


def items(holder: cst.Call | cst.Dict) -> Sequence[cst.Arg | cst.BaseDictElement]:
    """The arguments of a call, the elements of a dict."""
    return holder.args if isinstance(holder, cst.Call) else holder.elements


def name_of(item: cst.Arg | cst.BaseDictElement) -> str:
    """What an argument or element is called."""
    if isinstance(item, cst.Arg):
        return item.keyword.value if item.keyword is not None else ""
    key = item.key if isinstance(item, cst.DictElement) else None
    return key.raw_value if isinstance(key, cst.SimpleString) else ""


def dropped(holder: cst.Call | cst.Dict) -> Iterator[str]:
    """The names of what is to be left out."""
    for each in items(holder):
        if name_of(each).removeprefix(PREFIX) in DROPPED:
            yield name_of(each)
