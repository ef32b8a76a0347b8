"""What a rewrite is: a libcst codemod command that knows the kinds of objects, and tells what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import libcst as cst
from libcst.codemod import VisitorBasedCodemodCommand

from asyncdb_lint.config import Settings
from asyncdb_lint.file_context import FileContext
from asyncdb_lint.finding import Position
from asyncdb_lint.knowledge import load
from asyncdb_lint.semantics.builder import build
from asyncdb_lint.semantics.modules import ModuleIndex
from asyncdb_lint.semantics.project import Project

if TYPE_CHECKING:
    from collections.abc import Sequence

FILE = "asyncdb-lint file"
ITEMS = "asyncdb-lint items"
UNSAFE = "asyncdb-lint unsafe"
"""Keys of `CodemodContext.scratch`: the file with its project, what was done, and whether behaviour may change."""

Outcome = Literal["rewritten", "changed behaviour", "manual"]


class Item(NamedTuple):
    """Something that a rewrite did, or that a person must do: where, what, and why or how."""

    filename: str
    location: Position
    outcome: Outcome
    code: str
    message: str
    advice: str = ""


CODES: dict[Outcome, str] = {"rewritten": "ADB901", "changed behaviour": "ADB902", "manual": "ADB903"}


class Rewrite(VisitorBasedCodemodCommand):
    """One rewrite. It may be run by libcst's own runner too; then it knows no more than the one file."""

    def transform_module_impl(self, tree: cst.Module) -> cst.Module:
        file = self.context.scratch.get(FILE)
        self.file: FileContext = file if file is not None and file.model.module is tree else alone(tree)
        self.items: list[Item] = self.context.scratch.setdefault(ITEMS, [])
        return super().transform_module_impl(tree)

    @property
    def unsafe(self) -> bool:
        """Whether rewrites that may change behaviour are wanted."""
        return bool(self.context.scratch.get(UNSAFE))

    def tell(self, node: cst.CSTNode, outcome: Outcome, message: str, advice: str = "") -> None:
        """Enter what was done at a node of the original tree."""
        start = self.file.span(node)[0]
        self.items.append(Item(self.file.model.path, start, outcome, CODES[outcome], message, advice))

    def is_object(self, node: cst.BaseExpression, *roles: str) -> bool:
        """Whether an expression is surely an object of psycopg2's with one of some roles."""
        name = getattr(self.file.kind(node), "name", "")
        return name.startswith("psycopg2.") and self.file.role(node)[0] in roles


def alone(tree: cst.Module) -> FileContext:
    """A file that is a project of its own."""
    model = build(tree, "module", "module.py", is_package=False)
    project = Project(load("2.1"), ModuleIndex(["module"], ()), [model.summary])
    return FileContext(model, project, Settings(), {})


def renamed(args: Sequence[cst.Arg], names: dict[str, str]) -> list[cst.Arg]:
    """The arguments with some keywords called otherwise."""
    return [
        arg.with_changes(keyword=arg.keyword.with_changes(value=names[arg.keyword.value]))
        if arg.keyword is not None and arg.keyword.value in names
        else arg
        for arg in args
    ]
