"""psycopg2's classes of cursors and rows where they are named otherwise: as types, as defaults, in variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import libcst as cst

from asyncdb_lint.migrate.from_psycopg2 import cursor_classes as classes
from asyncdb_lint.migrate.from_psycopg2.row_rewrite import RowRewrite, any_type, row_type
from asyncdb_lint.migrate.from_psycopg2.takers import Takers

if TYPE_CHECKING:
    from collections.abc import Iterator

TYPES = {"Type", "type"}
BASES = {
    **dict.fromkeys(classes.PLAIN, classes.OWN_CURSOR),
    **dict.fromkeys({*classes.PLAIN_CONNECTIONS, *classes.CONNECTIONS}, classes.OWN_CONNECTION),
}
"""What to do about classes that derive from psycopg2's."""


class RowClasses(RowRewrite):
    """`def select(sql, factory=RealDictCursor) -> list[RealDictRow]`."""

    DESCRIPTION = "Rewrite psycopg2's classes of cursors and rows in annotations, defaults and variables."

    def examine(self) -> None:
        self.takers = Takers(self)
        for node, full in self.uses():
            if self.is_claimed(node) or node in self.work.left:
                continue
            if full in (classes.REAL_DICT_ROW, classes.DICT_ROW):
                is_value = full == classes.REAL_DICT_ROW and not self.is_type(node)
                self.replace(node, full, "dict" if is_value else row_type(self, node, full))
            elif full in classes.EVIDENCE or (full in classes.PLAIN and self.is_factory(node)):
                self.cursor(node, full)
            elif full in BASES and self.is_base(node):
                tell = self.leave if full in classes.CONNECTIONS else self.left_to_do
                tell(node, f"a class derives from `{full}`", BASES[full])
        self.drop_unused()

    def left_to_do(self, node: cst.BaseExpression, message: str, advice: str) -> None:
        """Tell what a person must do at a name that is renamed all the same."""
        self.tell(node, "manual", message, advice)

    def drop_unused(self) -> None:
        """Imports that nothing uses: there is nothing to import in their place."""
        used = {name.value for name in self.file.model.nodes.get(cst.Name, []) if isinstance(name, cst.Name)}
        for bound in self.work.imports.bound:
            if (
                bound.full not in {*classes.EVIDENCE, classes.REAL_DICT_ROW, classes.DICT_ROW}
                or bound.name in used
            ):
                continue
            whole = f"{self.file.model.name}.{bound.name}"
            if any(whole in each.imports for each in self.file.project.modules.values()):
                continue
            self.claim(bound.alias)
            self.tell(bound.statement, "rewritten", f"nothing uses `{bound.full}`")

    def uses(self) -> Iterator[tuple[cst.BaseExpression, str]]:
        """What expressions name of psycopg2, by full name."""
        for name in cast("list[cst.Name]", self.file.model.nodes.get(cst.Name, [])):
            if name not in self.file.model.exprs:
                continue
            node: cst.BaseExpression = name
            while isinstance(parent := self.parent(node), cst.Attribute) and parent.value is node:
                node = parent
            full = self.full_name(node)
            if full.startswith("psycopg2.") and self.is_named(node) and name in self.file.positions:
                yield node, full

    def cursor(self, node: cst.BaseExpression, full: str) -> None:
        """A cursor class: a type, or a value that comes to be a factory."""
        outer = self.type_of_type(node)
        if outer is not None:
            self.claim(node)
            new = f"{self.name(node, 'psycopg.rows', 'RowFactory')}[{any_type(self)}]"
            self.tell(outer, "rewritten", f"`{self.file.source(outer, 60)}` is `{new}`")
            self.put(outer, new)
        elif self.is_type(node):
            self.replace(node, full, row_type(self, node, full))
        elif self.is_base(node):
            self.leave(node, f"a class derives from `{full}`", classes.OWN_CURSOR)
        elif self.is_shared:
            self.leave(node, f"`{full}` may be given to another driver", "for psycopg 3 it is a row factory")
        elif self.is_value(node) or (full != classes.DICT_CURSOR and self.is_compared(node)):
            self.turn(node)

    def replace(self, node: cst.BaseExpression, full: str, new: str) -> None:
        self.claim(node)
        self.tell(node, "rewritten", f"`{full}` is `{new}`")
        self.put(node, new)

    # Where a class is named

    def is_type(self, node: cst.CSTNode) -> bool:
        """Whether a name stands where a type is said: an annotation, the argument of a generic class or of `cast`."""
        holder = self.parent(node)
        while isinstance(holder, (cst.Tuple, cst.List, cst.Element, cst.BinaryOperation, cst.Subscript)):
            node, holder = holder, self.parent(holder)
        if isinstance(holder, cst.SubscriptElement):
            return True
        if isinstance(holder, cst.Arg) and isinstance(call := self.parent(holder), cst.Call):
            return call.args[0] is holder and self.full_name(call.func).endswith("typing.cast")
        return isinstance(holder, cst.Annotation)

    def type_of_type(self, node: cst.CSTNode) -> cst.Subscript | None:
        """`Type[RealDictCursor]` around a class."""
        element = self.parent(node)
        outer = self.parent(element) if isinstance(element, cst.SubscriptElement) else None
        if not isinstance(outer, cst.Subscript):
            return None
        last = outer.value.attr if isinstance(outer.value, cst.Attribute) else outer.value
        return outer if isinstance(last, cst.Name) and last.value in TYPES else None

    def is_factory(self, node: cst.CSTNode) -> bool:
        """Whether `Type[cursor]` is the type of something that is called a factory."""
        holder: cst.CSTNode | None = self.type_of_type(node)
        while isinstance(holder, (cst.BaseExpression, cst.SubscriptElement, cst.Annotation)):
            holder = self.parent(holder)
        named = holder.name if isinstance(holder, cst.Param) else getattr(holder, "target", None)
        named = named.attr if isinstance(named, cst.Attribute) else named
        return isinstance(named, cst.Name) and "factory" in named.value

    def is_base(self, node: cst.CSTNode) -> bool:
        holder = self.parent(node)
        return isinstance(holder, cst.Arg) and isinstance(self.parent(holder), cst.ClassDef)

    def is_value(self, node: cst.CSTNode) -> bool:
        """Whether a class goes on as a value: into a variable, a default, a table, or a function of the project."""
        holder = self.parent(node)
        while isinstance(holder, (cst.BooleanOperation, cst.Element, cst.Tuple, cst.List)) or (
            isinstance(holder, cst.IfExp) and holder.test is not node
        ):
            node, holder = holder, self.parent(holder)
        match holder:
            case cst.Param() | cst.Assign() | cst.AnnAssign() | cst.DictElement() | cst.Return() | cst.For():
                return True
            case cst.Arg():
                call = self.parent(holder)
                return isinstance(call, cst.Call) and self.is_handed_on(call, holder)
            case _:
                return False

    def is_compared(self, node: cst.CSTNode) -> bool:
        """Whether a test or condition compares a class with what was given as a factory."""
        holder = self.parent(node)
        if isinstance(holder, cst.Arg) and isinstance(call := self.parent(holder), cst.Call):
            return isinstance(call.func, cst.Attribute) and call.func.attr.value in (
                "assertIs",
                "assertEqual",
            )
        return isinstance(holder, (cst.Comparison, cst.ComparisonTarget))

    def is_handed_on(self, call: cst.Call, given: cst.Arg) -> bool:
        """Whether a function of the project has a parameter for an argument."""
        function = self.takers.function(call.func)
        if function is None:
            return False
        if given.keyword is not None:
            return any(each.name == given.keyword.value for each in function.parameters)
        return given.star == ""
