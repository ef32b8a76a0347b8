"""Imports of psycopg2 and all uses of what they bind."""

from __future__ import annotations

import re

import libcst as cst
from libcst import matchers

from asyncdb_lint.migrate.alternatives import aliases
from asyncdb_lint.migrate.command import TWINS, Rewrite
from asyncdb_lint.migrate.from_psycopg2.docstrings import TYPE_COMMENT
from asyncdb_lint.migrate.from_psycopg2.row_rewrite import row_type
from asyncdb_lint.migrate.from_psycopg2.table import POOLS, Target, advice, target
from asyncdb_lint.migrate.import_statements import (
    Bound,
    Imported,
    Line,
    bound_by,
    dotted,
    moved,
    no_brackets,
    of_module,
    parsed,
)
from asyncdb_lint.migrate.imports import WITHOUT_IMPORT, Imports
from asyncdb_lint.semantics import expressions as ex

ROOT = "psycopg2"
CONTAINERS = {
    "psycopg2.extras", "psycopg2.extensions", "psycopg2.errorcodes", "psycopg2.pool", "psycopg2.tz",
    "psycopg2._psycopg",
}  # fmt: skip
"""Modules of which nothing is left when all that is used of them is gone."""
SUPERFLUOUS = {f"psycopg2.extensions.ISOLATION_LEVEL_{name}" for name in ("AUTOCOMMIT", "DEFAULT")}
"""Names that other rewrites leave without a use."""
DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
WHOLE = "who gets it has to name what psycopg 3 has"


class RenameNames(Rewrite):
    """Renames imports and their uses, where psycopg 3 has the same; what it has not is left, import and all."""

    DESCRIPTION = "Rename imports of psycopg2 and their uses to psycopg 3."

    def examine(self) -> None:
        self.imports: Imports = self.work.imports
        self.bound: dict[str, Bound] = {}
        self.wanted: dict[str, dict[Imported, None]] = {}
        """What is imported in the place of each bound name."""
        self.constants: dict[str, str] = {}
        """What names of constants are that other modules know."""
        self.kept: set[str] = set()
        self.used: set[str] = set()
        self.left: list[cst.Name] = []
        """The uses that stay."""
        self.parted: set[cst.ImportAlias] = set()
        """Aliases of the driver that go over to psycopg."""
        for each in self.imports.bound:
            self.bound[each.name] = each
            self.wanted.setdefault(each.name, {})
            if each.full == "*":
                self.kept.add(each.name)
                self.tell(
                    each.statement, "manual", "Everything of psycopg2 is imported", "import by name first"
                )
        if not self.bound:
            return
        for use in self.file.model.nodes.get(cst.Name, ()):
            if isinstance(use, cst.Name) and use.value in self.bound and self.is_import(use):
                if use not in self.file.positions:
                    continue  # of an annotation in quotes, which is judged as text
                self.used.add(use.value)
                if use in self.work.left:
                    self.kept.add(use.value)
                    self.left.append(use)
                elif not self.is_claimed(use):
                    self.judge(use)
        for text in self.file.model.nodes.get(cst.SimpleString, ()):
            if isinstance(text, cst.SimpleString) and self.is_annotation(text):
                self.judge_text(text)
        if TYPE_COMMENT.search(self.file.text) is not None:
            for comment in matchers.findall(self.file.model.module, matchers.Comment()):
                if isinstance(comment, cst.Comment) and TYPE_COMMENT.match(comment.value):
                    self.judge_comment(comment)
        self.rename_stand_ins()
        for name, each in self.bound.items():
            if each.full == "*" or name in self.kept or self.is_claimed(each.alias):
                continue
            if name not in self.used or self.is_needed(each):
                self.judge_unused(each)
        self.part_aliases()
        for line in dict.fromkeys(each.line for each in self.imports.bound):
            self.settle(line)

    def part_aliases(self) -> None:
        """`import psycopg2 as pg`, of which something is left: `pg` is psycopg, and the driver has its own name."""
        for each in self.imports.bound:
            wanted = {**self.wanted[each.name], **self.imports.beside.get(each.line, {})}
            is_alias = each.full == ROOT and each.alias.asname is not None and each.name in self.kept
            if not is_alias or Imported("psycopg", alias=each.name) not in wanted:
                continue
            self.parted.add(each.alias)
            for use in self.left:
                if use.value == each.name:
                    self.change(use, lambda updated: updated.with_changes(value=ROOT))

    def is_needed(self, bound: Bound) -> bool:
        """Whether other modules need a name that this one has other names for; a star takes what there is."""
        is_there = self.target(bound.full) is not None or bound.name in self.imports.public
        return is_there and self.imports.is_public(bound) and bound.name not in self.work.helpers

    def is_import(self, name: cst.Name) -> bool:
        """Whether a name is what an import binds, and not a variable of that name."""
        expr = self.file.model.exprs.get(name)
        options = expr.options if isinstance(expr, ex.Either) else (expr,)
        own = f"{self.file.model.name}.{name.value}"
        return any(
            each.name in (own, self.bound[name.value].full, ROOT) or each.name.startswith(f"{ROOT}.")
            for each in options
            if isinstance(each, ex.Ref)
        )

    def target(self, full: str) -> Target | None:
        """Where psycopg 3 has a name, or psycopg_pool where the user agrees."""
        return target(full) or (POOLS.get(full) if self.unsafe else None)

    # One use

    def judge(self, name: cst.Name) -> None:
        """The longest chain of attributes from a name for which the table has an answer."""
        bound = self.bound[name.value]
        node: cst.BaseExpression = name
        full, best = bound.full, None
        if found := self.target(full):
            best = node, found, full
        while isinstance(parent := self.parent(node), cst.Attribute) and parent.value is node:
            node, full = parent, f"{full}.{parent.attr.value}"
            if found := self.target(full):
                best = node, found, full
        if full == ROOT and self.is_test(name):
            alias = bound.name if bound.alias.asname is not None else ""
            self.wanted[bound.name][Imported("psycopg", alias=alias)] = None
            if not alias:
                self.tell(name, "rewritten", "`psycopg2` is `psycopg`")
                self.change(name, lambda updated: updated.with_changes(value="psycopg"))
            return
        if best is None or (not best[1].name and best[0] is not node):
            self.leave(name, full, bound)
            return
        place, found, full = best
        new = self.written(found, bound)
        self.tell(place, "rewritten", f"`{full}` is `{shown(found)}`")
        if new != cst.Module([]).code_for_node(place):
            self.change(place, lambda _: cst.parse_expression(new))

    def is_test(self, name: cst.Name) -> bool:
        """Whether a module's name is only asked whether the module is there: `if psycopg2 is None`."""
        parent = self.parent(name)
        if isinstance(parent, cst.ComparisonTarget):
            parent = self.parent(parent)
        if isinstance(parent, cst.Comparison):
            sides = [parent.left, *(each.comparator for each in parent.comparisons)]
            return any(dotted(side) == "None" for side in sides)
        if isinstance(parent, (cst.If, cst.IfExp, cst.Assert, cst.While)):
            return parent.test is name
        return isinstance(parent, cst.BooleanOperation) or (
            isinstance(parent, cst.UnaryOperation) and isinstance(parent.operator, cst.Not)
        )

    def rename_stand_ins(self) -> None:
        """`psycopg2 = None` where the import has failed: it stands for what is imported now."""
        scopes = {
            self.imports.scope(each)
            for each in self.imports.bound
            if each.full == ROOT and each.alias.asname is None
        }
        for binding in self.file.model.bindings:
            target = self.parent(binding.target)
            if (
                binding.name != ROOT
                or binding.scope not in scopes
                or not isinstance(target, cst.AssignTarget)
            ):
                continue
            if binding.name in self.kept:
                self.change(target, with_new_name)
            else:
                self.change(binding.target, lambda updated: updated.with_changes(value="psycopg"))

    def leave(self, name: cst.Name, full: str, bound: Bound) -> None:
        """A use of something that psycopg 3 has not."""
        if full == bound.full == ROOT and self.unsafe:
            alias = bound.name if bound.alias.asname is not None else ""
            self.wanted[bound.name][Imported("psycopg", alias=alias)] = None
            self.tell(name, "changed behaviour", "`psycopg` is handed on as a whole", WHOLE)
            if not alias:
                self.change(name, lambda updated: updated.with_changes(value="psycopg"))
            return
        if full in (ROOT, f"{ROOT}.extras", f"{ROOT}.extensions"):
            self.tell(name, "manual", f"`{full}` is handed on as a whole", "name what is used of it")
        else:
            self.tell(name, "manual", f"`{full}` has no equal that can be put in its place", advice(full))
        self.kept.add(bound.name)
        self.left.append(name)

    def written(self, found: Target, bound: Bound) -> str:
        """How the new name is said in the place of a use of a bound name; what it needs is imported."""
        wanted = self.wanted[bound.name]
        if bound.full == ROOT:  # `psycopg2.extras.Json`: the module's own name stays in front
            alias = bound.name if bound.alias.asname is not None else ""
            if found.module.partition(".")[0] != "psycopg":
                wanted[Imported(found.module)] = None
                return f"{found.module}.{found.name}"
            wanted[Imported("psycopg", alias=alias)] = None
            if found.module not in WITHOUT_IMPORT:
                wanted[Imported(found.module)] = None
            inner = found.module.removeprefix("psycopg").removeprefix(".")
            parts = [alias or "psycopg", inner, found.name]
        elif (own := self.target(bound.full)) is not None and not own.name:  # `sql.SQL`
            wanted[of_module(own.module, bound.name)] = None
            parts = [bound.name, found.name]
        elif not found.name:  # a module
            wanted[of_module(found.module, bound.name)] = None
            parts = [bound.name]
        elif found.rest and self.has_stand_in(bound) and self.target(bound.full) == found:
            self.keep_constant(found, bound)
            return bound.name
        else:
            parts = [self.local(found, bound)]
            wanted[Imported(found.module, found.name, parts[0])] = None
        return ".".join(part for part in parts if part) + found.rest

    def local(self, found: Target, bound: Bound) -> str:
        """What the new name is called in the file: an alias stays, and so does a name that would clash else."""
        if found.rest:
            stays = self.imports.is_taken(found.name)
        else:
            stays = self.keeps_name(bound) or self.imports.is_taken(found.name)
        return bound.name if stays and self.target(bound.full) is not None else found.name

    def keeps_name(self, bound: Bound) -> bool:
        """Whether a name stays, whatever it is the name of then."""
        return bound.alias.asname is not None or self.has_stand_in(bound) or self.imports.is_public(bound)

    def has_stand_in(self, bound: Bound) -> bool:
        """Whether a name is bound otherwise where its import fails."""
        scope = self.imports.scope(bound)
        if any(each.name == bound.name and each.scope is scope for each in self.file.model.bindings):
            return True
        return any(
            bound.name in aliases(statement) and not list(bound_by(line, statement, ROOT))
            for line, statement in self.imports.statements
        )

    def keep_constant(self, found: Target, bound: Bound) -> None:
        """`IDLE = TransactionStatus.IDLE` after the import, where the name itself has to stay."""
        name = self.local(found, bound)
        self.wanted[bound.name][Imported(found.module, found.name, name)] = None
        self.constants[bound.name] = name + found.rest

    def judge_unused(self, bound: Bound) -> None:
        """A name that is only imported, or that other modules take from this one: for others, or for nothing."""
        found, wanted = self.target(bound.full), self.wanted[bound.name]
        if found is not None and found.rest and self.imports.is_public(bound):
            self.keep_constant(found, bound)
        elif found is not None:
            alias = bound.name if self.keeps_name(bound) else ""
            wanted[
                Imported(found.module, found.name, alias)
                if found.name
                else of_module(found.module, bound.name)
            ] = None
        elif bound.full == ROOT:
            wanted[Imported("psycopg", alias=bound.name if bound.alias.asname is not None else "")] = None
        elif self.imports.is_public(bound) or bound.full not in CONTAINERS | SUPERFLUOUS:
            self.kept.add(bound.name)
            said = "other modules take it from here" if self.imports.is_public(bound) else "is imported"
            self.tell(
                bound.statement, "manual", f"`{bound.full}` {said} and has no equal", advice(bound.full)
            )

    # Annotations in quotes

    def is_annotation(self, text: cst.SimpleString) -> bool:
        """Whether a text stands in an annotation, where it is code."""
        node: cst.CSTNode | None = text
        while node is not None and isinstance(
            node, (cst.BaseExpression, cst.SubscriptElement, cst.Annotation)
        ):
            if isinstance(node, cst.Annotation):
                return True
            node = self.parent(node)
        return isinstance(node, (cst.Param, cst.FunctionDef, cst.AnnAssign))

    def judge_text(self, text: cst.SimpleString) -> None:
        """Rename what an annotation in quotes names."""

        def renamed(match: re.Match[str]) -> str:
            root, _, rest = match[0].partition(".")
            bound = self.bound.get(root)
            if bound is None:
                return match[0]
            self.used.add(root)
            full = f"{bound.full}.{rest}" if rest else bound.full
            found = self.target(full)
            if row := row_type(self, text, full):
                self.tell(text, "rewritten", f"`{full}` is `{row}`")
                return row
            if found is None or not found.name:
                self.tell(text, "manual", f"`{full}` has no equal that can be put in its place", advice(full))
                self.kept.add(bound.name)
                return match[0]
            if found.name in TWINS.get(found.module, ()) and self.is_asynchronous(text):
                found = found._replace(name=f"Async{found.name}")
            self.tell(text, "rewritten", f"`{full}` is `{shown(found)}`")
            return self.written(found, bound)

        new = DOTTED.sub(renamed, text.value)
        if new != text.value:
            self.change(text, lambda updated: updated.with_changes(value=new))

    def judge_comment(self, comment: cst.Comment) -> None:
        """Rename what a comment says of types."""

        def renamed(match: re.Match[str]) -> str:
            root, _, rest = match[0].partition(".")
            bound = self.bound.get(root)
            found = self.target(f"{bound.full}.{rest}" if rest else bound.full) if bound is not None else None
            if bound is None or found is None or not found.name or found.rest:
                return match[0]
            self.used.add(root)
            return self.written(found, bound)

        new = DOTTED.sub(renamed, comment.value)
        if new != comment.value:
            self.change(
                comment, lambda updated: updated.with_changes(value=DOTTED.sub(renamed, updated.value))
            )

    # The statements

    def settle(self, line: Line) -> None:
        """What stands for a line of imports: what is left of it, and what is new."""
        left: list[cst.BaseSmallStatement] = []
        after: list[cst.BaseSmallStatement] = []
        new: dict[Imported, None] = {}
        for statement in line.body:
            if not isinstance(statement, (cst.Import, cst.ImportFrom)):
                continue  # `import psycopg2; connection = …`
            own = list(bound_by(line, statement, ROOT))
            names = () if isinstance(statement.names, cst.ImportStar) else statement.names
            others = [alias for alias in names if not any(each.alias is alias for each in own)]
            kept = [
                each.alias.with_changes(asname=None) if each.alias in self.parted else each.alias
                for each in own
                if each.name in self.kept and each.full != "*"
            ]
            still = [f"`{each.name}`" for each in own if each.name in self.kept & self.used]
            if still:
                said = f"psycopg2 is still imported, for {', '.join(dict.fromkeys(still))}"
                self.tell(statement, "manual", said, "drop it when what is reported of its uses is done")
            is_whole = (others or kept) and len(others) + len(kept) == len(names)
            is_parted = any(each.alias in self.parted for each in own)
            if any(each.full == "*" for each in own) or (is_whole and not is_parted):
                left.append(statement)
            elif others or kept:
                again = [alias.with_changes(comma=cst.MaybeSentinel.DEFAULT) for alias in (*others, *kept)]
                left.append(statement.with_changes(names=again, **no_brackets(statement)))
            wanted = {need: None for each in own for need in self.wanted[each.name]}
            for each in own:
                if each.name in self.constants:
                    after += parsed(f"{each.name} = {self.constants[each.name]}").body
            if not others and not kept and moved(statement, wanted):
                module = next(iter(wanted)).module
                left.append(statement.with_changes(module=cst.parse_expression(module)))
            else:
                new.update(wanted)
        self.imports.replace(line, left, new, after)


def with_new_name(target: cst.AssignTarget) -> cst.FlattenSentinel[cst.AssignTarget]:
    """`psycopg2 = psycopg = …`."""
    return cst.FlattenSentinel([target, cst.AssignTarget(cst.Name("psycopg"))])


def shown(found: Target) -> str:
    return f"{found.module}{'.' * bool(found.name)}{found.name}{found.rest}"
