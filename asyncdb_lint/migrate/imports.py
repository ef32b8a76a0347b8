"""The import statements of one file: what they bind of a driver, and what is imported in their place or beside them."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate import layout
from asyncdb_lint.migrate.import_statements import (
    Bound,
    Imported,
    Line,
    Statement,
    alone,
    bound_by,
    dotted,
    dotted_text,
    joined,
    lines_of,
    one_by_one,
    parsed,
    root,
    texts_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from asyncdb_lint.migrate.changes import Changes, Result
    from asyncdb_lint.migrate.helpers import Helper
    from asyncdb_lint.semantics.model import Model, Scope

WITHOUT_IMPORT = {
    "psycopg", "psycopg.errors", "psycopg.sql", "psycopg.rows", "psycopg.pq", "psycopg.conninfo", "psycopg.adapt",
    "psycopg.adapters", "psycopg.types",
}  # fmt: skip
"""What `import psycopg` alone brings along."""


class Imports:
    """What a file imports of a driver, and what it will import instead."""

    def __init__(self, model: Model, changes: Changes, driver: str) -> None:
        self.model, self.changes, self.driver = model, changes, driver
        self.statements: list[tuple[Line, Statement]] = []
        for line in lines_of(model):
            for statement in line.body:
                if isinstance(statement, (cst.Import, cst.ImportFrom)):
                    self.statements.append((line, statement))
        self.bound = [
            each for line, statement in self.statements for each in bound_by(line, statement, driver)
        ]
        self.beside: dict[Line | None, dict[Imported, None]] = {}
        """What is imported beside a statement; None for the file's first imports."""
        self.instead: dict[
            Line,
            tuple[Sequence[cst.BaseSmallStatement], dict[Imported, None], Sequence[cst.BaseSmallStatement]],
        ] = {}
        self.brought: dict[Imported, None] = {}
        """What is imported from other files of the project."""
        self.handed: dict[cst.CSTNode, Sequence[cst.EmptyLine]] = {}
        """The empty lines that statements take over from those before them, which go."""
        self.definitions: list[Helper] = []
        self.public: set[str] = set()
        """What other modules take from this one by name: such names stay."""

    # Names of the new text

    def name(self, node: cst.CSTNode, module: str, name: str) -> str:
        """How to say `module.name` at a node."""
        scopes = list(outwards(self.model.scope_of(node)))
        visible = [
            each for each in self.bound if self.scope(each) in scopes and not self.only_for_types(each.line)
        ]
        visible.sort(key=lambda each: scopes.index(self.scope(each)))
        whole = next((each for each in visible if each.full == self.driver), None)
        package = module.partition(".")[0]
        if whole is not None and package == "psycopg":
            alias = whole.name if whole.alias.asname is not None else ""
            self.beside.setdefault(whole.line, {})[Imported("psycopg", alias=alias)] = None
            if module not in WITHOUT_IMPORT:
                self.beside[whole.line][Imported(module)] = None
            return dotted_text(alias or "psycopg", module.removeprefix("psycopg").removeprefix("."), name)
        named = root(node)  # its import may succeed where that of another name fails
        anchor = next(
            (each.line for each in visible if each.name == named), visible[0].line if visible else None
        )
        beside = self.beside.setdefault(anchor, {})
        if not name or self.is_taken(name):
            beside[Imported(package)] = None
            if module != package and module not in WITHOUT_IMPORT:
                beside[Imported(module)] = None
            return dotted_text(module, name)
        beside[Imported(module, name)] = None
        return name

    def is_taken(self, name: str) -> bool:
        """Whether the file binds a name already, anywhere, to something else than the old driver's."""
        if any(each.name == name for each in self.bound):
            return False
        if name in self.model.summary.names or any(each.name == name for each in self.model.bindings):
            return True
        return any(name in scope.bindings for scope in self.model.opened.values())

    def bring(self, module: str, name: str, alias: str) -> None:
        """Import a name at the top of the file."""
        self.brought[Imported(module, name, alias)] = None

    def absolute(self) -> Iterator[str]:
        """The modules that the file imports, or imports from, by their full names."""
        for _, statement in self.statements:
            if isinstance(statement, cst.Import):
                yield from (dotted(alias.name) for alias in statement.names)
            elif not statement.relative:
                yield dotted(statement.module)

    def has_relative(self) -> bool:
        """Whether the file imports relative to its package."""
        return any(isinstance(each, cst.ImportFrom) and each.relative for _, each in self.statements)

    def is_public(self, bound: Bound) -> bool:
        """Whether other modules know what is imported by the name that it has in this one.

        What they reach through the driver's own module is renamed there too.
        """
        is_known = bound.name in self.public or ("*" in self.public and not bound.name.startswith("_"))
        return is_known and bound.full != self.driver and self.scope(bound).parent is None

    def scope(self, bound: Bound) -> Scope:
        """Where an import statement stands."""
        return self.model.scope_of(bound.line)

    def only_for_types(self, line: cst.CSTNode) -> bool:
        """Whether a statement stands under `if TYPE_CHECKING:`."""
        node: cst.CSTNode | None = line
        while node is not None:
            if isinstance(node, cst.If) and dotted(node.test).endswith("TYPE_CHECKING"):
                return True
            node = self.model.parents.get(node)
        return False

    def are_optional(self) -> bool:
        """Whether the file imports the driver only inside functions, or where it may be missing."""
        return bool(self.bound) and all(
            self.model.parents.get(each.line) is not self.model.module for each in self.bound
        )

    # What becomes of the statements

    def replace(
        self,
        line: Line,
        left: Sequence[cst.BaseSmallStatement],
        new: Iterable[Imported],
        after: Sequence[cst.BaseSmallStatement] = (),
    ) -> None:
        """Put statements that are left, names that are imported now, and what follows them in the place of a line."""
        self.instead[line] = (left, dict.fromkeys(new), after)

    def define(self, helper: Helper) -> None:
        """Put the text of a helper after the file's imports."""
        if helper not in self.definitions:
            self.definitions.append(helper)

    def defines(self, helper: Helper) -> bool:
        """Whether the file holds the helper already, as a former run has written it."""
        return helper.text.strip() in self.model.module.code

    def settle(self) -> None:
        """Turn all that is wanted into changes of the tree."""
        if not (self.instead or self.beside or self.brought or self.definitions):
            return
        emitted: dict[cst.CSTNode | None, set[str]] = collections.defaultdict(set)
        for line, statement in self.statements:
            if line not in self.instead:
                text = self.model.module.code_for_node(statement)
                emitted[self.model.parents.get(line)].add(text)
        for line in dict.fromkeys(line for line, _ in self.statements):
            if line in self.instead or line in self.beside:
                self.settle_line(line, emitted[self.model.parents.get(line)])
        self.settle_top(emitted[self.model.module])

    def settle_line(self, line: Line, emitted: set[str]) -> None:
        left, new, after = self.instead.get(line, (None, {}, ()))
        wanted = {**new, **self.beside.get(line, {})}
        if left is not None:
            left = [joined(each, wanted) for each in left]
        wanted = {each: None for each in wanted if next(texts_of([each])) not in emitted}
        texts = [text for text in texts_of(wanted) if text not in emitted]
        emitted.update(texts, (next(texts_of([each])) for each in wanted), *map(one_by_one, left or ()))
        if left is None and not texts:
            return
        new_lines = [*map(parsed, texts), *(cst.SimpleStatementLine([each]) for each in after)]
        is_alone = isinstance(line, cst.SimpleStatementLine) and all(
            isinstance(each, (cst.Import, cst.ImportFrom)) for each in line.body
        )
        if not left and not new_lines and is_alone:
            self.hand_down(line)

        def put(updated: Line) -> Result:
            others = [each for each in updated.body if not isinstance(each, (cst.Import, cst.ImportFrom))]
            if isinstance(updated, cst.SimpleStatementSuite):
                found = [*(updated.body if left is None else left), *(each.body[0] for each in new_lines)]
                found += others if left is not None else []
                return updated.with_changes(body=[alone(each) for each in found] or [cst.Pass()])
            kept = [updated] if left is None else []
            kept += [cst.SimpleStatementLine([each]) for each in left or ()]
            lines = [*kept, *new_lines]
            if left is not None:
                lines += [cst.SimpleStatementLine([alone(each)]) for each in others]
            if not lines:
                return cst.RemoveFromParent()
            last = len(kept) - 1 if kept else len(lines) - 1  # a comment stays with what it was written for
            lines[last] = lines[last].with_changes(trailing_whitespace=updated.trailing_whitespace)
            lines[0] = lines[0].with_changes(leading_lines=updated.leading_lines)
            return cst.FlattenSentinel(lines)

        self.changes.note(line, put)

    def hand_down(self, line: Line) -> None:
        """Keep what stands before a statement that goes: empty lines set off what follows, comments may be about it."""
        body = getattr(self.model.parents.get(line), "body", ())
        place = body.index(line) if isinstance(body, (list, tuple)) and line in body else len(body)
        following = body[place + 1] if place + 1 < len(body) else None
        before = list(self.handed.get(line, getattr(line, "leading_lines", ())))
        comments = [each.comment.value for each in before if each.comment is not None]
        if any(self.driver in each for each in comments):
            before, comments = [each for each in before if each.comment is None], []
        if not before or not isinstance(following, cst.SimpleStatementLine):
            return
        if following.leading_lines and not comments:
            return
        before += following.leading_lines
        self.handed[following] = before
        self.changes.note(following, lambda updated: updated.with_changes(leading_lines=before))

    def settle_top(self, emitted: set[str]) -> None:
        """Imports that no statement of the driver's calls for, and definitions of helpers."""
        wanted = {**self.beside.get(None, {}), **self.brought}
        helpers = [each for each in self.definitions if not self.defines(each)]
        if not wanted and not helpers:
            return
        present = self.model.module.code.splitlines()
        texts = [text for text in texts_of(wanted) if text not in emitted]
        texts += layout.merged(text for helper in helpers for text in helper.imports)
        texts = [text for text in dict.fromkeys(texts) if text not in present and text not in emitted]
        if not texts and not helpers:
            return

        own = {*self.model.name.split("."), *(each.module.partition(".")[0] for each in self.brought)}

        def insert(updated: cst.Module) -> cst.Module:
            body = list(updated.body)
            place = layout.after_imports(body)
            head, rest = body[:place], body[place:]
            head = layout.with_imports(head, texts, own)
            definitions = [
                layout.apart(cst.parse_statement(each.text.strip()), 2 if head else 0) for each in helpers
            ]
            if rest:
                rest[0] = layout.apart(rest[0], 2 if definitions else 1 if texts and not place else 0)
            return updated.with_changes(body=[*head, *definitions, *rest])

        self.changes.note(self.model.module, insert)


def outwards(scope: Scope | None) -> Iterator[Scope]:
    """A scope and those around it."""
    while scope is not None:
        yield scope
        scope = scope.parent
