"""`execute_values()` and `execute_batch()`: one statement for many rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.from_psycopg2.cases import MEMBERS
from asyncdb_lint.migrate.from_psycopg2.server_binding import findings
from asyncdb_lint.migrate.helpers import Helper
from asyncdb_lint.semantics import expressions as ex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.migrate.import_statements import Bound

VALUES = Helper(
    "execute_values",
    ("import itertools", "from collections.abc import Mapping", "import psycopg"),
    '''
def execute_values(cur, sql, argslist, template=None, page_size=100, fetch=False):
    """Execute a statement whose `VALUES %s` stands for many rows, `page_size` of them at a time."""
    quoting = psycopg.ClientCursor(cur.connection)
    if isinstance(sql, bytes):
        sql = sql.decode(cur.connection.info.encoding)
    elif not isinstance(sql, str):
        sql = sql.as_string(cur.connection)
    around = [part.replace("\\0", "%") for part in sql.replace("%%", "\\0").split("%s")]
    if len(around) != 2:
        raise ValueError("the statement must have one placeholder %s")
    rows, found = iter(argslist), []
    while page := list(itertools.islice(rows, page_size)):
        if template is None:
            template = f"({','.join(['%s'] * len(page[0]))})"
        values = [quoting.mogrify(template, row if isinstance(row, Mapping) else tuple(row)) for row in page]
        cur.execute(",".join(values).join(around))
        if fetch:
            found += cur.fetchall()
    return found if fetch else None
''',
)
"""Executes the very statements that psycopg2 did, so that errors, conflicts and counts come page by page as before."""

BATCH = Helper(
    "execute_batch",
    ("import itertools", "import psycopg"),
    '''
def execute_batch(cur, sql, argslist, page_size=100):
    """Execute a statement with many rows of arguments, `page_size` of them in one message to the server."""
    quoting, rows = psycopg.ClientCursor(cur.connection), iter(argslist)
    while page := list(itertools.islice(rows, page_size)):
        cur.execute(";".join(quoting.mogrify(sql, row) for row in page))
''',
)
"""For what `executemany()` cannot do: statements that the server does not bind, and being handed on as a function."""

HELPERS = {"psycopg2.extras.execute_values": VALUES, "psycopg2.extras.execute_batch": BATCH}
PARAMETERS = ("cur", "sql", "argslist", "page_size")
SIMPLE = (cst.Name, cst.Attribute, cst.Call, cst.Subscript)


class BulkStatements(Rewrite):
    """`execute_batch()` becomes `executemany()`; `execute_values()` is kept, as a function of the project's own."""

    DESCRIPTION = "Rewrite execute_batch() to executemany() and define execute_values() by psycopg 3."

    def examine(self) -> None:
        self.bound = {each.name: each for each in self.work.imports.bound}
        used: set[str] = set()
        for name in self.file.model.nodes.get(cst.Name, ()):
            if isinstance(name, cst.Name) and name.value in self.bound:
                used |= self.judge(name)
        for each in self.bound.values():
            if each.full in HELPERS and each.name not in used:
                self.judge_unused(each)

    def judge(self, name: cst.Name) -> set[str]:
        """One use of a name that an import of psycopg2 binds: of the functions themselves, or of their module."""
        node: cst.BaseExpression = name
        while self.full_name(node) not in HELPERS:
            parent = self.parent(node)
            if not isinstance(parent, cst.Attribute) or parent.value is not node:
                return set()
            node = parent
        full, call = self.full_name(node), self.parent(node)
        self.claim(node)
        is_call = isinstance(call, cst.Call) and call.func is node
        if full.endswith("_batch") and is_call and isinstance(call, cst.Call) and self.to_executemany(call):
            return {name.value}
        new = self.defined(full, node)
        self.tell(node, "rewritten", f"`{full}` is `{new}`, a function of the project's own")
        if not isinstance(node, cst.Name) or node.value != new:
            self.change(node, lambda _: cst.Name(new))
        return {name.value}

    def judge_unused(self, bound: Bound) -> None:
        """An import that others know by this module is defined here; one that nobody needs goes."""
        self.claim(bound.alias)
        self.tell(bound.statement, "rewritten", f"`{bound.full}` is no longer imported")
        own = ex.Ref(f"{self.file.model.name}.{bound.name}")
        known = (values for each in self.file.project.modules.values() for values in each.names.values())
        if Path(self.file.model.path).stem == "__init__" or any(own in values for values in known):
            self.defined(bound.full)

    def defined(self, full: str, use: cst.CSTNode | None = None) -> str:
        """The name of a helper in this file: the one that it is imported by, as others may know it by that."""
        names = [each.name for each in self.bound.values() if each.full == full]
        for each in self.bound.values():
            if each.full == full:
                self.claim(each.alias)
        return self.helper(HELPERS[full], names[0] if names else "", at=use)

    # execute_batch

    def to_executemany(self, call: cst.Call) -> bool:
        """Turn a call of `execute_batch()` into one of the cursor's own method, where it can do the same."""
        given = dict(self.arguments(call))
        if not {"cur", "sql", "argslist"} <= given.keys() or None in given:
            return False
        cursor, sql = given["cur"], given["sql"]
        text = getattr(self.file.kind(sql.value), "value", None)
        places = findings(text, "percent") if isinstance(text, str) else []
        for place in places:
            if place.rule in MEMBERS:
                self.tell(sql, "manual", place.message, place.advice)
        if any(place.rule not in MEMBERS for place in places):
            return False
        counted = self.rowcount_of(cursor.value)
        self.tell(
            call,
            "changed behaviour" if counted else "rewritten",
            "`execute_batch` is `executemany`" + ", whose `rowcount` is that of all rows" * counted,
        )

        def method(updated: cst.Call) -> cst.Call:
            args = dict(zip((name for name, _ in self.arguments(call)), updated.args, strict=True))
            owner = args["cur"].value
            if not isinstance(owner, SIMPLE):
                owner = owner.with_changes(
                    lpar=[*owner.lpar, cst.LeftParen()], rpar=[*owner.rpar, cst.RightParen()]
                )
            kept = [args["sql"], args["argslist"]]
            kept = [arg.with_changes(keyword=None, equal=cst.MaybeSentinel.DEFAULT) for arg in kept]
            last = updated.args[-1]
            kept[0] = kept[0].with_changes(comma=comma_after(args["sql"], last))
            kept[1] = kept[1].with_changes(comma=last.comma, whitespace_after_arg=last.whitespace_after_arg)
            return updated.with_changes(func=cst.Attribute(owner, cst.Name("executemany")), args=kept)

        self.change(call, method)
        return True

    def arguments(self, call: cst.Call) -> Iterator[tuple[str | None, cst.Arg]]:
        """A call's arguments by the names of the parameters; None for what is unpacked."""
        for position, arg in enumerate(call.args):
            if arg.star or position >= len(PARAMETERS):
                yield None, arg
            else:
                yield (arg.keyword.value if arg.keyword is not None else PARAMETERS[position]), arg

    def rowcount_of(self, cursor: cst.BaseExpression) -> bool:
        """Whether the function around reads how many rows a cursor has changed."""
        scope = self.file.model.scope_of(cursor)
        return any(
            read.attr.value == "rowcount"
            and read.value.deep_equals(cursor)
            and self.file.model.scope_of(read).function is scope.function
            for read in self.attributes()
        )


def comma_after(sql: cst.Arg, last: cst.Arg) -> cst.Comma:
    """The comma between the two arguments that are left: the user's own where there is one."""
    if isinstance(sql.comma, cst.Comma) and sql is not last:
        return sql.comma
    return cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
