"""Where a file hands SQL to psycopg2: cursors, pandas, SQLAlchemy's `text()`, and helpers that pass it on."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.fragments import fragments, inner
from asyncdb_lint.migrate.from_psycopg2.arguments import Parameters
from asyncdb_lint.migrate.from_psycopg2.forwarding import forwarders, handed_on
from asyncdb_lint.migrate.from_psycopg2.placeholders import parameters
from asyncdb_lint.migrate.literals import alternatives
from asyncdb_lint.semantics.sql_text import TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.finding import Position
    from asyncdb_lint.migrate.command import Rewrite
    from asyncdb_lint.migrate.from_psycopg2.placeholders import Style
    from asyncdb_lint.migrate.literals import Literal
    from asyncdb_lint.semantics.model import Scope

EXECUTING = {"execute", "executemany", "mogrify"}
READING = {"read_sql", "read_sql_query"}
PARAMETERS = ("vars", "vars_list", "params", "params_seq", "parameters", "args", "argslist")
RESULTS = {
    "fetchone", "fetchall", "fetchmany", "rowcount", "statusmessage", "description", "rownumber", "scroll",
}  # fmt: skip
"""What reads the result of a statement."""
SHOWING = {
    "debug",
    "info",
    "warning",
    "error",
    "exception",
    "critical",
    "log",
    "print",
    "format",
    "replace",
    "sub",
}
"""What shows a text to people, or makes another of it."""
STATEMENT = re.compile(r"\s*(?:select|insert|update|delete|with|values|merge)\b", re.IGNORECASE)
MOVING = {"callproc", "nextset", "set_result", "results"}
"""What goes on to another result."""


@dataclasses.dataclass(frozen=True, eq=False)
class Execution:
    """A statement that is handed over: the call, the expression of its SQL and what that says.

    `known` is false where nobody knows what executes it: then nothing is rewritten. `partial` says that the texts are
    parts of one statement, which branches put together.
    """

    call: cst.Call
    sql: cst.BaseExpression
    texts: tuple[Literal, ...]
    style: Style
    parameters: Parameters
    receiver: cst.BaseExpression | None
    known: bool
    partial: bool = False

    @property
    def method(self) -> str:
        """The name of what is called."""
        func = self.call.func
        return func.attr.value if isinstance(func, cst.Attribute) else getattr(func, "value", "")


def executions(rewrite: Rewrite) -> Iterator[Execution]:
    """All of a file, in the order of the text."""
    concerns, known_ones = is_concerned(rewrite), forwarders(rewrite)
    for call in rewrite.calls():
        func = call.func
        if not call.args or call.args[0].star:
            continue
        if rewrite.full_name(func) in TEXT:
            yield of_text(rewrite, call)
        elif (handed := handed_on(rewrite, call, known_ones)) is not None:
            yield of_helper(rewrite, call, *handed)
        elif isinstance(func, cst.Attribute) and func.attr.value in EXECUTING:
            known = rewrite.is_object(func.value, "cursor")
            if known or (concerns and rewrite.is_unknown(func.value) and len(call.args) > 1):
                yield of_cursor(rewrite, call, func.value, known=known)
        elif isinstance(func, cst.Attribute) and func.attr.value in READING:
            connection = rewrite.file.argument(call, "con", 1)
            if connection is not None and rewrite.is_object(connection.value, "connection"):
                yield of_cursor(rewrite, call, None, known=True)
        elif concerns and len(call.args) > 1 and (rewrite.is_unknown(func) or ":" in rewrite.full_name(func)):
            passed = of_cursor(rewrite, call, func, known=False)
            if passed.method not in SHOWING and any(is_statement(each.text) for each in passed.texts):
                yield passed


def is_concerned(rewrite: Rewrite) -> bool:
    """Whether the file imports the driver, or its project uses no other that writes parameters in the same way."""
    imports = rewrite.file.model.summary.imports
    return rewrite.work.is_only_driver or any(name.partition(".")[0] == rewrite.DRIVER for name in imports)


def is_statement(text: str) -> bool:
    """Whether a text is a whole statement with parameters."""
    return STATEMENT.match(text) is not None and bool(parameters(text, "percent"))


def of_cursor(
    rewrite: Rewrite, call: cst.Call, receiver: cst.BaseExpression | None, *, known: bool
) -> Execution:
    """`cursor.execute(sql, parameters)`, or `read_sql(sql, connection, params=…)`."""
    file = rewrite.file
    query = file.argument(call, "query", 0) or file.argument(call, "sql", 0) or call.args[0]
    position = 1 if receiver is not None else 4
    given = next((found for name in PARAMETERS if (found := file.argument(call, name, position))), None)
    values = given.value if given is not None else None
    is_none = isinstance(values, cst.Name) and values.value == "None"
    many = isinstance(call.func, cst.Attribute) and call.func.attr.value == "executemany"
    style: Style = "plain" if values is None or is_none else "percent"
    if any(arg.star for arg in call.args):
        style = "percent"
    texts, parts = said(rewrite, query.value)
    if (
        not known
        and isinstance(values, cst.Dict)
        and not any(parameters(each.text, "percent") for each in texts)
    ):
        style = "colon"  # a text for SQLAlchemy, which its older versions took as it is
    given_ones = Parameters(file, values, many=many)
    return Execution(
        call, query.value, (*texts, *parts), style, given_ones, receiver, known, partial=bool(parts)
    )


def said(
    rewrite: Rewrite, sql: cst.BaseExpression, style: Style = "percent"
) -> tuple[tuple[Literal, ...], ...]:
    """What a statement may say as a whole, and the parts with placeholders that are put together for it."""
    texts = tuple(alternatives(rewrite.file, sql))
    if not texts:
        return (), tuple(fragments(rewrite.file, sql))
    found = [part for each in texts for part in inner(rewrite.file, each) if parameters(part.text, style)]
    return texts, tuple(found)


def of_helper(
    rewrite: Rewrite, call: cst.Call, query: cst.BaseExpression, values: cst.BaseExpression, many: bool
) -> Execution:
    """A call of a function of the project's that executes what it is given."""
    texts, parts = said(rewrite, query)
    given = Parameters(rewrite.file, values, many=many)
    return Execution(call, query, (*texts, *parts), "percent", given, None, known=True, partial=bool(parts))


def of_text(rewrite: Rewrite, call: cst.Call) -> Execution:
    """`text("… :name")`, with the parameters of the `execute()` around it."""
    file = rewrite.file
    outer = file.model.parents.get(file.model.parents.get(call, call))
    values = None
    if isinstance(outer, cst.Call) and len(outer.args) > 1 and outer.args[0].value is call:
        values = outer.args[1].value
    texts, parts = said(rewrite, call.args[0].value, "colon")
    given = Parameters(file, values, many=False)
    return Execution(
        call, call.args[0].value, (*texts, *parts), "colon", given, None, known=True, partial=bool(parts)
    )


def result_is_read(rewrite: Rewrite, execution: Execution) -> bool:
    """Whether the function reads what an execution gave, before the cursor executes something else."""
    file, receiver = rewrite.file, execution.receiver
    if receiver is None:
        return True
    name = file.source(receiver, 200)
    scope = file.model.scope_of(execution.call).function
    events: list[tuple[Position, bool]] = []
    for node in rewrite.attributes():
        method = node.attr.value
        is_execution = method in EXECUTING or method in MOVING
        if (is_execution or method in RESULTS) and is_same(rewrite, node.value, name, scope):
            events.append((file.span(node)[0], not is_execution))
    for kind in (cst.For, cst.CompFor, cst.Return, cst.Arg):
        for each in file.model.nodes.get(kind, ()):
            value = getattr(each, "iter", None) or getattr(each, "value", None)
            if isinstance(value, cst.BaseExpression) and is_same(rewrite, value, name, scope):
                events.append((file.span(value)[0], True))
    here = file.span(execution.call)[1]
    following = sorted(each for each in events if each[0] >= here)
    return bool(following) and following[0][1]


def is_same(rewrite: Rewrite, node: cst.BaseExpression, name: str, scope: Scope | None) -> bool:
    """Whether an expression says the same name in the same function."""
    return rewrite.file.source(node, 200) == name and rewrite.file.model.scope_of(node).function is scope
