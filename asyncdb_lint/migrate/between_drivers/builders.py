"""Options of URLs outside texts: `URL.create(query=…)`, and code that renames them in a text."""

from __future__ import annotations

import dataclasses
from urllib.parse import unquote

import libcst as cst

from asyncdb_lint.migrate.between_drivers.answers import KEPT, Answer, Given, answer, literal
from asyncdb_lint.migrate.between_drivers.arguments import requoted
from asyncdb_lint.migrate.between_drivers.judging import Judging
from asyncdb_lint.migrate.between_drivers.queries import as_query
from asyncdb_lint.semantics.settings import Setting, of_value

CREATORS = {"sqlalchemy.engine.url.URL.create", "sqlalchemy.engine.url.URL"}
UPDATERS = {"update_query_dict", "update_query_pairs", "difference_update_query", "set"}
RENAMED = {"ssl=", "sslmode="}


class Builders(Judging):
    """URLs that are put together from parts."""

    def builders(self) -> None:
        """All calls that set options of a URL."""
        for call in self.calls():
            if self.full_name(call.func) in CREATORS:
                name = self.file.argument(call, "drivername", 0)
                value = literal(self.file, name.value) if name is not None else None
                if isinstance(value, str) and self.DIRECTION.pattern.fullmatch(value):
                    self.query(call, sure=True)
            elif isinstance(call.func, cst.Attribute) and call.func.attr.value in UPDATERS:
                self.query(call, sure=False)
            elif (
                isinstance(call.func, cst.Attribute)
                and call.func.attr.value == "replace"
                and len(call.args) > 1
            ):
                self.renaming(call)

    def query(self, call: cst.Call, *, sure: bool) -> None:
        """The options that a call sets; those of a URL that may be another driver's are reported."""
        given = self.file.argument(call, "query", None if sure or self.method(call) == "set" else 0)
        if given is None:
            return
        for setting in of_value(self.file.model, given.value).entries.values():
            reply = self.reply(setting)
            if not sure and reply.outcome != "manual" and reply.entries != ((setting.name, KEPT),):
                reply = Answer("manual", reply.message, f"do so if the URL is one of {self.DIRECTION.source}")
            new = as_query(
                reply, self.DIRECTION, self.DIRECTION.driver(self.file.sqlalchemy).url_query or frozenset()
            )
            if reply.outcome != "manual" and (
                new is None or len(new) > 1 or not isinstance(setting.place, cst.SimpleString)
            ):
                reply = Answer("manual", reply.message, "a URL cannot say it: put it into `connect_args`")
            if reply.message:
                self.tell(setting.place, reply.outcome, reply.message, reply.advice)
            if reply.outcome != "manual" and new:
                self.rename(setting, *new[0])

    def method(self, call: cst.Call) -> str:
        return call.func.attr.value if isinstance(call.func, cst.Attribute) else ""

    def reply(self, setting: Setting) -> Answer:
        """What becomes of an option that the old driver takes."""
        version = self.file.sqlalchemy
        if setting.name not in (self.DIRECTION.old_driver(version).connect_args or ()):
            return Answer("rewritten", "", entries=((setting.name, KEPT),))
        given = Given(setting.name, literal(self.file, setting.value), self.file)
        reply = answer(given, self.DIRECTION.rules, self.DIRECTION.driver(version))
        return dataclasses.replace(reply, outcome="manual") if reply.unsafe and not self.unsafe else reply

    def rename(self, setting: Setting, name: str, value: str | None) -> None:
        """Another key, and another value where it is not kept."""
        if name == setting.name and value is None:
            return
        place = setting.place
        assert isinstance(place, cst.SimpleString)
        self.change(place, lambda updated: requoted(updated, name))
        if value is not None:
            self.change(setting.value, lambda _: cst.SimpleString(f'"{unquote(value)}"'))

    def renaming(self, call: cst.Call) -> None:
        """`url.replace("sslmode=", "ssl=")` is right for one of the drivers."""
        texts = [str(literal(self.file, arg.value)) for arg in call.args[:2]]
        if all(any(text.lstrip("?&").startswith(name) for name in RENAMED) for text in texts):
            wanted = "ssl" if self.DIRECTION.target == "asyncpg" else "sslmode"
            self.tell(
                call,
                "manual",
                "an option of a URL is renamed here for one driver",
                f"{self.DIRECTION.target} takes `{wanted}`",
            )
