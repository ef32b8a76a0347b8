"""What the rewrites of cursor classes have in common: which class an expression names, and what stands for it."""

from __future__ import annotations

import abc
import functools
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.from_psycopg2 import cursor_classes as classes
from asyncdb_lint.migrate.from_psycopg2.factory_values import values
from asyncdb_lint.migrate.from_psycopg2.rows import by_key
from asyncdb_lint.migrate.import_statements import Imported
from asyncdb_lint.semantics import expressions as ex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.migrate.import_statements import Bound


class RowRewrite(Rewrite, abc.ABC):
    """A rewrite that puts row factories in the place of cursor classes."""

    def values(self, node: cst.BaseExpression) -> set[str]:
        """What a factory may be: names of classes, and the words of `factory_values`."""
        return set(values(self.file.project, self.file.model.name, self.file.model.exprs.get(node)))

    @functools.cached_property
    def is_shared(self) -> bool:
        """Whether the project uses a driver that takes psycopg2's classes too, or that may be what nobody knows."""
        if self.work.is_mixed:
            return True
        imported = (name for each in self.file.project.modules.values() for name in each.imports)
        return any(name.partition(".")[0] in classes.SHARING for name in imported)

    def turn(self, node: cst.BaseExpression) -> None:
        """Put row factories in the place of the classes that an expression names."""
        for part in alternatives_in(node):
            full = self.full_name(part)
            full = classes.CONNECTIONS.get(full, full)
            if full not in classes.FACTORIES or not self.is_named(part) or self.is_claimed(part):
                continue
            self.claim(part)
            if full == classes.DICT_CURSOR and self.unsafe and self.is_read_by_key(part):
                new = self.factory(part, classes.REAL_DICT_CURSOR)
                self.tell(part, "changed behaviour", f"rows are read by key only: `{full}` is `{new}`")
            else:
                new = self.factory(part, full)
                self.tell(part, "rewritten", f"`{full}` is `{new}`")
            if self.is_of_class(part) and full != classes.DICT_CURSOR:
                new = f"staticmethod({new})"  # a function on a class would be a method of its objects
            self.put(part, new)

    def put(self, node: cst.BaseExpression, new: str) -> None:
        """Put another expression in the place of one."""
        self.change(node, lambda _: cst.parse_expression(new))

    def factory(self, node: cst.CSTNode, full: str) -> str:
        """How the new text names the row factory that stands for a cursor class."""
        if full == classes.DICT_CURSOR:
            return f"{self.helper(classes.HELPER)}.factory"
        new = classes.ROW_CURSORS[full]
        imports = self.work.imports
        imported = [each for each in imports.bound if isinstance(node, cst.Name) and each.name == node.value]
        if len(imported) == 1 and self.has_fallback(imported[0]):
            imports.beside.setdefault(imported[0].line, {})[
                Imported("psycopg.rows", new, imported[0].name)
            ] = None
            return imported[0].name
        if len(imported) == 1 and not imports.is_taken(new):  # as the class was imported, by its own name
            imports.beside.setdefault(imported[0].line, {})[Imported("psycopg.rows", new)] = None
            return new
        return self.name(node, "psycopg.rows", new)

    def has_fallback(self, bound: Bound) -> bool:
        """Whether a name is bound otherwise where the import fails: it stays then."""
        options = self.file.model.summary.names.get(bound.name, ())
        return any(each != ex.Ref(bound.full) for each in options)

    def is_read_by_key(self, node: cst.CSTNode) -> bool:
        """Whether the rows are plainly dicts, of the cursor that is made with a class."""
        given = self.parent(node)
        call = self.parent(given) if isinstance(given, cst.Arg) else None
        return isinstance(call, cst.Call) and by_key(self.file.model, call)

    def is_of_class(self, node: cst.CSTNode) -> bool:
        """Whether a value becomes an attribute of a class, other than the default of a dataclass's field."""
        scope = self.file.model.scope_of(node)
        holder = self.parent(node)
        while isinstance(holder, (cst.IfExp, cst.BooleanOperation)):
            holder = self.parent(holder)
        is_field = isinstance(scope.node, cst.ClassDef) and bool(scope.node.decorators or scope.node.bases)
        return scope.what == "class" and (
            isinstance(holder, cst.Assign) or (isinstance(holder, cst.AnnAssign) and not is_field)
        )

    def is_named(self, node: cst.BaseExpression) -> bool:
        """Whether an expression names a class of psycopg2's, and no variable that holds it."""
        root: cst.BaseExpression = node
        while isinstance(root, cst.Attribute):
            root = root.value
        if not isinstance(root, cst.Name) or self.file.model.bindings_of(root):
            return False
        last = node.attr.value if isinstance(node, cst.Attribute) else root.value
        return (
            any(each.name == root.value for each in self.work.imports.bound)
            or self.full_name(node).rpartition(".")[2]
            == last  # a module of the project imports it for others
        )

    def claim_all(self, node: cst.BaseExpression) -> None:
        for part in alternatives_in(node):
            self.claim(part)

    def leave(self, node: cst.BaseExpression, message: str, advice: str) -> None:
        """Tell what a person must do; the names in it stay as they are, with their imports."""
        self.tell(node, "manual", message, advice)
        for part in alternatives_in(node):
            self.keep(part)


def row_type(rewrite: Rewrite, node: cst.CSTNode, full: str) -> str:
    """How an annotation says what psycopg2's class of rows or cursors is now; "" for other names."""
    if full == classes.DICT_ROW:
        return rewrite.helper(classes.HELPER)
    if full not in {classes.REAL_DICT_ROW, *classes.EVIDENCE}:
        return ""
    row = any_type(rewrite)
    if full in (classes.REAL_DICT_ROW, classes.REAL_DICT_CURSOR):
        row = f"dict[str, {row}]"
    return row if full == classes.REAL_DICT_ROW else f"{rewrite.name(node, 'psycopg', 'Cursor')}[{row}]"


def any_type(rewrite: Rewrite) -> str:
    """How the file says `typing.Any`."""
    if ex.Ref("typing.Any") in rewrite.file.model.summary.names.get("Any", ()):
        return "Any"
    return rewrite.name(rewrite.file.model.module, "typing", "Any")


def is_none(node: cst.BaseExpression) -> bool:
    """Whether an expression is `None`."""
    return isinstance(node, cst.Name) and node.value == "None"


def alternatives_in(node: cst.BaseExpression) -> Iterator[cst.BaseExpression]:
    """The expressions of which one is a value: the branches of conditions, the operands of `or`."""
    match node:
        case cst.IfExp(body=body, orelse=orelse):
            yield from alternatives_in(body)
            yield from alternatives_in(orelse)
        case cst.BooleanOperation(left=left, right=right):
            yield from alternatives_in(left)
            yield from alternatives_in(right)
        case _:
            yield node
