"""ADB410 type-without-cache-key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.semantics.kinds import Class, Function

if TYPE_CHECKING:
    from asyncdb_lint.semantics.summary import ClassSummary

TYPES = ("TypeDecorator", "UserDefinedType")
WORKING = {"TypeDecorator": "impl", "UserDefinedType": "get_col_spec"}
"""What a type of its own has to have; a class without it is a base for others."""


class TypeWithoutCacheKey(Rule):
    """A column type or dialect of the project's that keeps SQLAlchemy from caching compiled statements.

    ## What it flags

    A subclass of `TypeDecorator` or `UserDefinedType` without `cache_ok` in its own body, and a subclass of a
    dialect without `supports_statement_cache` there: SQLAlchemy does not look at what is inherited. A base class
    without `impl` is left alone, and so is one with a parent that cannot be seen.

    ## Why it is bad

    Every statement with that type is compiled anew each time, twice as slow and on the event loop, and SQLAlchemy
    warns: `will not produce a cache key because the cache_ok attribute is not set to True`. For a dialect it is every
    statement.

    ## Good

    ```python
    from sqlalchemy import String, TypeDecorator

    class Lower(TypeDecorator):
        impl = String
        cache_ok = True
    ```

    ## Bad

    ```python
    from sqlalchemy import String, TypeDecorator

    class Lower(TypeDecorator):
        impl = String
    ```

    ## When to ignore

    When statements with it must not be cached; `cache_ok = False` says so.

    ## Source

    SQLAlchemy, "TypeDecorator.cache_ok"; "SQL Compilation Caching: Caching for Third Party Dialects".
    """

    code = "ADB410"
    name = "type-without-cache-key"
    severity = Severity.WARNING
    fix = Applicability.UNSAFE
    holds_for = {"sqlalchemy": ">=1.4.28"}
    triggers = seeds = (b"TypeDecorator", b"UserDefinedType", b"Dialect")

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        scope = self.file.model.opened.get(node)
        summary = self.file.model.summary.classes.get(scope.qualname) if scope is not None else None
        if summary is None or self.file.is_test:
            return
        library = self.library_bases(self.file.model.name, summary)
        if library is None:
            return
        last = {name.rpartition(".")[2] for name in library}
        for base in TYPES:
            if base in last and self.has(summary, WORKING[base]) and "cache_ok" not in summary.attributes:
                self.tell(node, "cache_ok", f"statements with the type `{node.name.value}` are not cached")
                return
        if any("dialect" in name.lower() for name in library) and (
            "supports_statement_cache" not in summary.attributes
        ):
            self.tell(
                node, "supports_statement_cache", f"no statement of the dialect `{node.name.value}` is cached"
            )

    def library_bases(self, module: str, summary: ClassSummary, depth: int = 8) -> set[str] | None:
        """SQLAlchemy's classes among its bases, at any distance; None where some base is not known."""
        found: set[str] = set()
        for base in summary.bases:
            value = getattr(base, "value", None)
            kind = self.file.project.kind(module, base)
            if not isinstance(kind, (Class, Function)) and value is not None and not isinstance(value, str):
                kind = self.file.project.kind(module, value)  # `TypeDecorator[str]`
            if not isinstance(kind, (Class, Function)):
                return None
            if ":" not in kind.name:
                if kind.name.startswith("sqlalchemy."):
                    found.add(kind.name)
                elif not kind.name.startswith(("builtins.", "typing.", "abc.", "enum.")):
                    return None
                continue
            parent = self.file.project.class_(kind.name)
            above = (
                self.library_bases(parent[0].name, parent[1], depth - 1)
                if parent is not None and depth
                else None
            )
            if above is None:
                return None
            found |= above
        return found

    def has(self, summary: ClassSummary, name: str) -> bool:
        """Whether the class or a project class above it has an attribute or method."""
        for each in self.file.project.mro(f"{self.file.model.name}:{summary.qualname}"):
            found = self.file.project.class_(each)
            if found is None:
                continue
            own = found[1]
            if name in own.attributes or name in own.annotations:
                return True
            if f"{own.qualname}.{name}" in found[0].functions:
                return True
        return False

    def tell(self, node: cst.ClassDef, name: str, what: str) -> None:
        self.report(
            node.name,
            what,
            why="Each of them is compiled anew every time, on the event loop, and SQLAlchemy warns",
            help=f"set `{name} = True` in the class, if equal arguments always make equal SQL",
            repair=self.repair(node, name),
        )

    def repair(self, node: cst.ClassDef, name: str) -> Repair | None:
        if not isinstance(node.body, cst.IndentedBlock):
            return None
        line = cst.parse_statement(f"{name} = True")
        body = list(node.body.body)
        at = next((i for i, each in enumerate(body) if is_assignment(each)), None)
        if at is None:
            at = 0 if is_docstring(body[0]) else -1
        mended = node.with_changes(body=node.body.with_changes(body=[*body[: at + 1], line, *body[at + 1 :]]))
        return Repair(Applicability.UNSAFE, f"Set `{name}`", ((node, mended),))


def is_assignment(statement: cst.BaseStatement) -> bool:
    return isinstance(statement, cst.SimpleStatementLine) and isinstance(
        statement.body[0], (cst.Assign, cst.AnnAssign)
    )


def is_docstring(statement: cst.BaseStatement) -> bool:
    return (
        isinstance(statement, cst.SimpleStatementLine)
        and isinstance(statement.body[0], cst.Expr)
        and isinstance(statement.body[0].value, (cst.SimpleString, cst.ConcatenatedString))
    )
