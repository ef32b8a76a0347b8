"""Names of psycopg2's in texts that are looked up: targets of patches, modules that are imported by name."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

import libcst as cst

from asyncdb_lint.migrate.alternatives import packages
from asyncdb_lint.migrate.from_psycopg2.registering import Registrations
from asyncdb_lint.migrate.from_psycopg2.table import advice, target
from asyncdb_lint.migrate.import_statements import dotted, dotted_text
from asyncdb_lint.migrate.imports import WITHOUT_IMPORT
from asyncdb_lint.migrate.taken import absolute
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import Module

ROOT, NEW = "psycopg2", "psycopg"
SHOWN = re.compile(r"<class '(psycopg2\.[\w.]+)'>")
PATCHES = {"unittest.mock.patch", "mock.patch", "unittest.mock.patch.multiple", "mock.patch.multiple"}
ON_OBJECTS = {"unittest.mock.patch.object", "mock.patch.object"}
IMPORTS = {
    "importlib.import_module", "importlib.util.find_spec", "builtins.__import__", "pytest.importorskip",
    "pkgutil.find_loader",
}  # fmt: skip
FIXTURES = {"mocker", "class_mocker", "module_mocker", "package_mocker", "session_mocker", "self.mocker"}
SETTERS = {"setattr", "delattr"}
COMPANIONS = {
    "psycopg2cffi": "psycopg 3 runs on PyPy by itself: drop it",
    "psycogreen": "psycopg 3 yields to gevent where sockets are patched: drop it; eventlet is not supported",
    "aiopg": "use `psycopg.AsyncConnection` and `psycopg_pool.AsyncConnectionPool`",
}
"""Packages that go with psycopg2 only."""
STAND_IN = (
    "what stands in for psycopg2 has to answer as psycopg 3 does: its arguments, attributes and results"
)
ELSEWHERE = {"psycopg2.extras.execute_values": "patch the function of that name in the module that calls it"}


class Renamed(NamedTuple):
    """A dotted path of psycopg2's as it is now: None where psycopg 3 has no such name."""

    path: str | None
    full: str


class PatchTargets(Registrations):
    """`mock.patch("psycopg2.connect")`, `import_module("psycopg2")`, `patch.object(psycopg2, "connect")`."""

    DESCRIPTION = "Rename psycopg2 in targets of patches and in names of modules to import."

    def examine(self) -> None:
        self.noted = False
        for call in self.calls():
            if not call.args:
                continue
            first = call.args[0].value
            if self.looks_up(call) and not self.is_object_form(call):
                self.judge_text(first)
            elif self.is_object_form(call):
                self.judge_object(call, first)
        for text in self.file.model.nodes.get(cst.SimpleString, ()):
            self.judge_modules(cst.ensure_type(text, cst.SimpleString))
            self.judge_shown(cst.ensure_type(text, cst.SimpleString))
        for attribute in self.attributes():
            if (
                attribute.attr.value == ROOT
                and attribute in self.file.positions
                and self.is_borrowed(attribute)
            ):
                self.judge_borrowed(attribute, dotted_text(dotted(attribute.value), NEW))
        for name in self.file.model.nodes.get(cst.Name, ()):
            self.judge_name_of_others(cst.ensure_type(name, cst.Name))
        for _, statement in self.work.imports.statements:
            self.judge_imports(statement)
            for package in sorted(packages(statement) & COMPANIONS.keys()):
                self.tell(statement, "manual", f"`{package}` is for psycopg2", COMPANIONS[package])

    def looks_up(self, call: cst.Call) -> bool:
        """Whether a call looks up the dotted path that is its first argument."""
        full, func = self.full_name(call.func), call.func
        if full in PATCHES or full in IMPORTS:
            return True
        if not isinstance(func, cst.Attribute):
            return False
        owner = dotted(func.value)
        return (owner in FIXTURES and func.attr.value == "patch") or (
            owner == "monkeypatch" and func.attr.value in SETTERS
        )

    def is_object_form(self, call: cst.Call) -> bool:
        """Whether a call takes a module or class and the name of one of its attributes."""
        func = call.func
        owner = dotted(func.value) if isinstance(func, cst.Attribute) else ""
        return len(call.args) > 1 and (
            self.full_name(func) in ON_OBJECTS
            or (
                owner.rpartition(".")[0] in FIXTURES
                and owner.endswith(".patch")
                and call_of(call) == "object"
            )
            or (
                owner == "monkeypatch"
                and call_of(call) in SETTERS
                and self.full_name(call.args[0].value) != ""
            )
        )

    # Texts

    def judge_text(self, node: cst.BaseExpression) -> None:
        text = self.constant(node)
        if not isinstance(text, str):
            return
        renamed = self.renamed(text)
        if renamed is None or renamed.path == text:
            return
        if renamed.path is None:
            self.tell(node, "manual", f"`{renamed.full}` has no equal that can be looked up in its place",
                      ELSEWHERE.get(renamed.full) or advice(renamed.full))  # fmt: skip
            return
        self.rewrite(node, text, renamed.path)

    def rewrite(self, node: cst.BaseExpression, old: str, new: str) -> None:
        """Write another path in a text, in the quotes in which it stands."""
        kept = len(common(old, new))
        tail, instead = old[kept:], new[kept:]
        parts = [node] if isinstance(node, cst.SimpleString) else list(getattr(node, "parts", ()))
        for part in reversed(parts):
            if isinstance(part, (cst.SimpleString, cst.FormattedStringText)) and tail in part.value:
                self.tell(node, "rewritten", f"`{old}` is `{new}`")
                self.change(
                    part, lambda updated: updated.with_changes(value=replaced(updated.value, tail, instead))
                )
                self.note(node)
                return
        self.tell(node, "manual", f"`{old}` is `{new}`", "write it so")

    def note(self, node: cst.CSTNode) -> None:
        """Tell once a file of what patches cannot do by themselves."""
        if not self.noted:
            self.noted = True
            self.tell(node, "changed behaviour", STAND_IN)

    def renamed(self, path: str) -> Renamed | None:
        """What a dotted path is now; None if it does not lead through psycopg2."""
        if path == ROOT or path.startswith(f"{ROOT}."):
            return Renamed(self.of_driver("", path), path)
        parts = path.split(".")
        for length in range(len(parts) - 1, 0, -1):
            summary = self.file.project.modules.get(".".join(parts[:length]))
            if summary is None:
                continue
            options = summary.names.get(parts[length], ())
            names = {each.name for each in options if isinstance(each, ex.Ref)}
            name = names.pop() if len(names) == 1 else ""
            if name != ROOT and not name.startswith(f"{ROOT}."):
                return None
            prefix, rest = ".".join(parts[: length + 1]), parts[length + 1 :]
            full = ".".join([name, *rest])
            return Renamed(self.through(prefix, name, rest), full)
        return None

    def through(self, prefix: str, name: str, rest: list[str]) -> str | None:
        """A path through a module of the project, whose last part is what it calls `name`."""
        owner, _, local = prefix.rpartition(".")
        if name == ROOT:
            base = f"{owner}.{NEW}" if local == ROOT else prefix
            return base if not rest else self.of_driver(base, ".".join([ROOT, *rest]))
        found = target(".".join([name, *rest]))
        if found is None:
            return prefix if name in ELSEWHERE and not rest else None
        if rest:
            whole = target(name)
            if whole is None or whole.name or whole.module != found.module:
                return None
            return f"{prefix}.{found.name}{found.rest}"
        is_known = any(work.file.model.name == owner and local in work.imports.public for work in self.works)
        if not found.name or local != name.rpartition(".")[2] or is_known:
            return prefix  # a module, or a name that stays: it is called as before
        return f"{owner}.{found.name}{found.rest}"

    @staticmethod
    def of_driver(base: str, full: str) -> str | None:
        """psycopg 3's path for one of psycopg2's, from its package or from what a module calls that."""
        if full == ROOT:
            return base or NEW
        found = target(full)
        if found is None or "(" in found.rest:
            return None
        inner = found.module.removeprefix(NEW).removeprefix(".")
        return dotted_text(base or NEW, inner, found.name) + found.rest

    # Objects

    def judge_object(self, call: cst.Call, first: cst.BaseExpression) -> None:
        """`patch.object(psycopg2, "connect")`."""
        owner, given = self.full_name(first), call.args[1].value
        name = self.constant(given)
        if owner in self.file.project.modules and isinstance(name, str):
            self.judge_name(f"{owner}.{name}", given)
        if (owner != ROOT and not owner.startswith(f"{ROOT}.")) or not isinstance(name, str):
            return
        full = f"{owner}.{name}"
        found = target(full)
        if found is None or not found.name or found.rest or not isinstance(given, cst.SimpleString):
            if target(owner) is None or not target(owner).name:  # type: ignore[union-attr]
                self.hand_over(first, first, f"`{full}` has no equal that can be looked up in its place",
                               ELSEWHERE.get(full) or advice(full))  # fmt: skip
            return
        if not self.is_borrowed(first):
            module = self.name(first, found.module, "")
            self.claim(first)
            self.change(first, lambda _: cst.parse_expression(module))
        self.tell(first, "rewritten", f"`{full}` is `{found.module}.{found.name}`")
        if found.name != name:
            self.change(
                given, lambda updated: updated.with_changes(value=replaced(updated.value, name, found.name))
            )
        self.note(first)

    def judge_name(self, path: str, given: cst.BaseExpression) -> None:
        """`patch.object(db, "psycopg2")`, where `db` is a module of the project."""
        renamed = self.renamed(path)
        if renamed is not None and renamed.path is None:
            self.tell(given, "manual", f"`{renamed.full}` has no equal that can be put in its place",
                      advice(renamed.full))  # fmt: skip
        elif renamed is not None and renamed.path is not None and renamed.path != path:
            self.rewrite(given, path.rpartition(".")[2], renamed.path.rpartition(".")[2])

    def judge_shown(self, text: cst.SimpleString) -> None:
        """`"<class 'psycopg2.extensions.connection'>"`: what `str()` makes of a class."""
        name = self.constant(text)
        shown = SHOWN.fullmatch(name) if isinstance(name, str) else None
        path = self.of_driver("", shown[1]) if shown is not None else None
        if shown is not None and path is not None:
            self.rewrite(text, shown[1], path)

    def judge_modules(self, text: cst.SimpleString) -> None:
        """`sys.modules["psycopg2"]`, `patch.dict("sys.modules", {"psycopg2": fake})`."""
        name = self.constant(text)
        if not isinstance(name, str) or name.partition(".")[0] != ROOT:
            return
        holder: cst.CSTNode | None = text
        while isinstance(
            holder, (cst.BaseExpression, cst.Arg, cst.DictElement, cst.SubscriptElement, cst.Index)
        ):
            if isinstance(holder, cst.Subscript) and self.full_name(holder.value) == "sys.modules":
                break
            if isinstance(holder, cst.Call) and holder.args and self.is_sys_modules(holder.args[0].value):
                break
            holder = self.parent(holder)
        else:
            return
        self.tell(text, "manual", f"`{name}` is not imported any more",
                  f"put `{NEW}` in its place, and each of its modules that the code imports")  # fmt: skip

    def is_sys_modules(self, node: cst.BaseExpression) -> bool:
        return self.full_name(node) == "sys.modules" or self.constant(node) == "sys.modules"

    # psycopg2 by way of another module

    def judge_imports(self, statement: cst.Import | cst.ImportFrom) -> None:
        """`from db import psycopg2`, where `db` is a module of the project that imports psycopg2."""
        if isinstance(statement, cst.Import) or isinstance(statement.names, cst.ImportStar):
            return
        is_package = self.file.model.path.endswith("__init__.py")
        source = absolute(
            self.file.model.name, len(statement.relative), dotted(statement.module), is_package=is_package
        )
        for alias in statement.names:
            if dotted(alias.name) != ROOT or source not in self.file.project.modules:
                continue
            kind = self.file.kind_of(ex.Ref(f"{source}.{ROOT}"))
            if isinstance(kind, Module) and kind.name == ROOT:
                self.tell(alias, "rewritten", f"`{source}` imports `{NEW}`")
                name = alias.asname or cst.AsName(cst.Name(ROOT))
                new = alias.with_changes(name=cst.Name(NEW), asname=name)
                self.change(alias, functools.partial(in_its_place, new))

    def judge_name_of_others(self, name: cst.Name) -> None:
        """`psycopg2` where it is imported from another module."""
        is_own = any(each.name == name.value for each in self.work.imports.bound)
        if not is_own and name in self.file.positions and self.full_name(name) == ROOT:
            self.judge_borrowed(name, name.value)

    def judge_borrowed(self, start: cst.BaseExpression, base: str) -> None:
        """`db.psycopg2.connect`, where `db` is a module of the project; `base` is what psycopg is called there."""
        node, full, best = start, ROOT, (start, base)
        while isinstance(parent := self.parent(node), cst.Attribute) and parent.value is node:
            node, full = parent, f"{full}.{parent.attr.value}"
            found = target(full)
            if found is not None and found.name and found.module in WITHOUT_IMPORT:
                best = (parent, self.of_driver(base, full) or "")
        if self.is_claimed(node):
            return
        if node is not start and best[0] is start:
            self.tell(node, "manual", f"`{full}` has no equal that can be put in its place", advice(full))
            return
        place, path = best
        if self.code(place) != path:
            self.tell(place, "rewritten", f"`{self.code(place)}` is `{path}`")
            self.change(place, functools.partial(in_its_place, cst.parse_expression(path)))

    def is_borrowed(self, node: cst.BaseExpression) -> bool:
        """Whether psycopg2 is named through a module that is not its own."""
        root: cst.BaseExpression = node
        while isinstance(root, cst.Attribute):
            root = root.value
        own = self.full_name(root)
        return (
            isinstance(node, cst.Attribute)
            and bool(dotted(node))
            and self.full_name(node).partition(".")[0] == ROOT
            and own.partition(".")[0] != ROOT
        )


def in_its_place(new: cst.CSTNode, _: cst.CSTNode) -> cst.CSTNode:
    """What stands for a node, whatever has become of that."""
    return new


def call_of(call: cst.Call) -> str:
    """The name of a method that is called."""
    return call.func.attr.value if isinstance(call.func, cst.Attribute) else ""


def common(one: str, other: str) -> str:
    """The parts that two dotted paths begin with, each with its dot."""
    found = ""
    for left, right in zip(one.split("."), other.split("."), strict=False):
        if left != right:
            break
        found += f"{left}."
    return found


def replaced(text: str, old: str, new: str) -> str:
    """A text with the last occurrence of another in it replaced."""
    head, _, tail = text.rpartition(old)
    return f"{head}{new}{tail}"
