"""Imports of psycopg2 and all uses of what they bind."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.from_psycopg2.table import WITHOUT_IMPORT, Target, advice, target
from asyncdb_lint.semantics import expressions as ex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.file_context import FileContext

ROOT = "psycopg2"
CONTAINERS = {"psycopg2.extras", "psycopg2.extensions", "psycopg2.errorcodes"}
"""Modules of which nothing is left when all that is used of them is gone."""
SUPERFLUOUS = {f"psycopg2.extensions.ISOLATION_LEVEL_{name}" for name in ("AUTOCOMMIT", "DEFAULT")}
"""Names that other rewrites leave without a use."""
Statement = cst.Import | cst.ImportFrom


class Bound(NamedTuple):
    """A name that an import of psycopg2 binds: what it is, by full name, and the alias that stands there."""

    name: str
    full: str
    alias: cst.ImportAlias
    statement: Statement


class RenameNames(Rewrite):
    """Renames imports and their uses, where psycopg 3 has the same; what it has not is left, import and all."""

    DESCRIPTION = "Rename imports of psycopg2 and their uses to psycopg 3."

    def transform_module_impl(self, tree: cst.Module) -> cst.Module:
        self.bound: dict[str, Bound] = {}
        self.new: dict[cst.CSTNode, cst.BaseExpression] = {}
        self.wanted: dict[str, dict[tuple[str, str], None]] = {}
        """What each bound name is replaced by, as (module, name); the name is empty for the module itself."""
        self.kept: set[str] = set()
        self.emitted: set[tuple[cst.CSTNode | None, str]] = set()
        return super().transform_module_impl(tree)

    def visit_Module(self, node: cst.Module) -> None:
        for statement in imports(self.file):
            for each in bound_by(statement):
                self.bound[each.name] = each
                self.wanted.setdefault(each.name, {})
        for each in self.bound.values():
            if each.full == "*":
                self.kept.add(each.name)
                self.tell(
                    each.statement, "manual", "Everything of psycopg2 is imported", "import by name first"
                )
        for use in self.file.model.nodes.get(cst.Name, ()):
            if isinstance(use, cst.Name) and use.value in self.bound and self.is_import(use):
                self.judge(use)
        for name, each in self.bound.items():
            if each.full != "*" and not self.wanted[name] and name not in self.kept:
                self.judge_unused(each)

    def is_import(self, name: cst.Name) -> bool:
        """Whether a name is what an import binds, and not a variable of that name."""
        expr = self.file.model.exprs.get(name)
        full = expr.name if isinstance(expr, ex.Ref) else ""
        own = f"{self.file.model.name}.{name.value}"
        return full in (own, self.bound[name.value].full) or full.startswith(f"{ROOT}.") or full == ROOT

    # One use

    def judge(self, name: cst.Name) -> None:
        """The longest chain of attributes from a name for which the table has an answer."""
        bound = self.bound[name.value]
        node: cst.BaseExpression = name
        full, best = bound.full, None
        if found := target(full):
            best = node, found, full
        while isinstance(parent := self.file.model.parents.get(node), cst.Attribute) and parent.value is node:
            node, full = parent, f"{full}.{parent.attr.value}"
            if found := target(full):
                best = node, found, full
        if best is None or (not best[1].name and best[0] is not node):
            self.leave(name, full, bound)
            return
        self.put(best[0], best[1], best[2], bound)

    def leave(self, name: cst.Name, full: str, bound: Bound) -> None:
        """A use of something that psycopg 3 has not."""
        if full in (ROOT, f"{ROOT}.extras", f"{ROOT}.extensions"):
            self.tell(name, "manual", f"`{full}` is handed on as a whole", "name what is used of it")
        else:
            self.tell(name, "manual", f"`{full}` has no equal that can be put in its place", advice(full))
        self.kept.add(bound.name)

    def put(self, node: cst.BaseExpression, found: Target, full: str, bound: Bound) -> None:
        whole = bound.full == ROOT  # `psycopg2.extras.Json`: the module's own name stays in front
        inner = found.module.removeprefix("psycopg").removeprefix(".")
        if whole:
            parts = [
                self.module_name(bound),
                *([inner] if inner else []),
                *([found.name] if found.name else []),
            ]
            wanted = ("psycopg", "") if not inner or found.module in WITHOUT_IMPORT else (found.module, "")
            self.wanted[bound.name][("psycopg", "")] = None
            self.wanted[bound.name][wanted] = None
        elif (own := target(bound.full)) is not None and not own.name:  # `sql.SQL`
            parts = [bound.name, *([found.name] if found.name else [])]
            self.wanted[bound.name][(own.module, "")] = None
        elif not found.name:  # a module
            parts = [bound.name]
            self.wanted[bound.name][(found.module, "")] = None
        else:
            keeps_alias = bound.alias.asname is not None and target(bound.full) is not None
            parts = [bound.name if keeps_alias else found.name]
            self.wanted[bound.name][(found.module, found.name)] = None
        self.new[node] = cst.parse_expression(".".join(parts) + found.rest)
        self.tell(
            node, "rewritten", f"`{full}` is `{found.module}{'.' * bool(found.name)}{found.name}{found.rest}`"
        )

    @staticmethod
    def module_name(bound: Bound) -> str:
        return bound.name if bound.alias.asname is not None else "psycopg"

    def judge_unused(self, bound: Bound) -> None:
        """A name that is only imported: for others, or for nothing."""
        found = target(bound.full)
        if found is not None:
            self.wanted[bound.name][(found.module, found.name)] = None
        elif bound.full == ROOT:
            self.wanted[bound.name][("psycopg", "")] = None
        elif bound.full not in CONTAINERS | SUPERFLUOUS:
            self.kept.add(bound.name)
            self.tell(
                bound.statement, "manual", f"`{bound.full}` is imported and has no equal", advice(bound.full)
            )

    # The new tree

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        return self.new.get(original_node, updated_node)

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        return self.new.get(original_node, updated_node)

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.FlattenSentinel[cst.SimpleStatementLine] | cst.RemovalSentinel:
        statement = original_node.body[0]
        if len(original_node.body) != 1 or not isinstance(statement, (cst.Import, cst.ImportFrom)):
            return updated_node
        if not any(True for _ in bound_by(statement)):
            return updated_node
        block = self.file.model.parents.get(original_node)
        texts = [text for text in self.replaced(statement) if (block, text) not in self.emitted]
        self.emitted.update((block, text) for text in texts)
        lines = [cst.parse_statement(text) for text in texts]
        if not lines:
            return self.nothing(original_node, updated_node)
        lines[0] = lines[0].with_changes(
            leading_lines=updated_node.leading_lines, trailing_whitespace=updated_node.trailing_whitespace
        )
        return cst.FlattenSentinel(lines)  # type: ignore[arg-type]

    def nothing(
        self, original: cst.SimpleStatementLine, updated: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.RemovalSentinel:
        """No statement, or `pass` where a block would be empty."""
        block = self.file.model.parents[original]
        if isinstance(block, cst.IndentedBlock) and len(block.body) == 1:
            return updated.with_changes(body=[cst.Pass()])
        return cst.RemoveFromParent()

    def replaced(self, statement: Statement) -> Iterator[str]:
        """The statements that stand for an import: of what is left, and of what is new."""
        own = list(bound_by(statement))
        names = () if isinstance(statement.names, cst.ImportStar) else statement.names
        others = [alias for alias in names if not any(each.alias is alias for each in own)]
        left = [each.alias for each in own if each.name in self.kept]
        if left or others:
            again = [alias.with_changes(comma=cst.MaybeSentinel.DEFAULT) for alias in (*others, *left)]
            shorter = statement.with_changes(names=again, **no_brackets(statement))
            yield cst.Module([cst.SimpleStatementLine([shorter])]).code.strip()
        seen: dict[str, None] = {}
        by_module: dict[str, dict[str, None]] = {}
        for each in own:
            asname = each.alias.asname
            for module, name in self.wanted[each.name]:
                if not name:
                    seen[self.of_module(module, each, asname is not None)] = None
                else:
                    keeps = asname is not None and target(each.full) is not None
                    by_module.setdefault(module, {})[f"{name} as {each.name}" if keeps else name] = None
        yield from seen
        for module, members in by_module.items():
            yield f"from {module} import {', '.join(members)}"

    @staticmethod
    def of_module(module: str, bound: Bound, has_alias: bool) -> str:
        if bound.full == ROOT:
            return (
                f"import {module} as {bound.name}"
                if has_alias and module == "psycopg"
                else f"import {module}"
            )
        package, _, name = module.rpartition(".")
        alias = f" as {bound.name}" if bound.name != name else ""
        return f"from {package} import {name}{alias}"


def no_brackets(statement: Statement) -> dict[str, None]:
    return {"lpar": None, "rpar": None} if isinstance(statement, cst.ImportFrom) else {}


def imports(file: FileContext) -> Iterator[Statement]:
    """All import statements of a file, wherever they stand."""
    found: list[Statement] = []

    class Finder(cst.CSTVisitor):
        def visit_Import(self, node: cst.Import) -> None:
            found.append(node)

        def visit_ImportFrom(self, node: cst.ImportFrom) -> None:
            found.append(node)

    file.model.module.visit(Finder())
    yield from found


def bound_by(statement: Statement) -> Iterator[Bound]:
    """What an import statement binds of psycopg2."""
    if isinstance(statement, cst.Import):
        for alias in statement.names:
            full = dotted(alias.name)
            if full.partition(".")[0] == ROOT:
                if alias.asname is not None:
                    yield Bound(name_of(alias), full, alias, statement)
                else:
                    yield Bound(ROOT, ROOT, alias, statement)
        return
    module = dotted(statement.module) if statement.module is not None and not statement.relative else ""
    if module.partition(".")[0] != ROOT:
        return
    if isinstance(statement.names, cst.ImportStar):
        yield Bound("*", "*", cst.ImportAlias(cst.Name("_")), statement)
        return
    for alias in statement.names:
        yield Bound(name_of(alias), f"{module}.{dotted(alias.name)}", alias, statement)


def name_of(alias: cst.ImportAlias) -> str:
    target_ = alias.asname.name if alias.asname is not None else alias.name
    return dotted(target_)


def dotted(node: cst.CSTNode | None) -> str:
    """`a.b.c` as written."""
    match node:
        case cst.Name(value):
            return value
        case cst.Attribute(value=value, attr=attr):
            return f"{dotted(value)}.{attr.value}"
        case _:
            return ""
