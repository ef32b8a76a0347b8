"""COPY: `copy_expert()`, `copy_from()` and `copy_to()` become blocks of `cursor.copy()`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst
import libcst.matchers as m

from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.from_psycopg2.copy_helpers import COPY_EXPERT, COPY_FROM, COPY_TO
from asyncdb_lint.migrate.from_psycopg2.copy_sides import contents, direction
from asyncdb_lint.migrate.import_statements import dotted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from asyncdb_lint.migrate.from_psycopg2.copy_sides import Direction

HELPERS = {"copy_expert": COPY_EXPERT, "copy_from": COPY_FROM, "copy_to": COPY_TO}
PARAMETERS = {
    "copy_expert": ("sql", "file", "size"),
    "copy_from": ("file", "table", "sep", "null", "size", "columns"),
    "copy_to": ("file", "table", "sep", "null", "columns"),
}
DEFAULTS = {"sep": "\t", "null": "\\N"}
EXECUTING = {"execute", "executemany", "callproc"}
CURSOR = re.compile(r"(?:^|[._])(?:[a-z]*cursor|curs?|cr)(?![a-z])")
ADVICE = "use `with cursor.copy(sql) as copy:` and `copy.write(data)`, or iterate over it"


class Copy(NamedTuple):
    """A COPY whose every part is seen: its statement, its way, and how its file is read or written."""

    sql: cst.BaseExpression | None
    """None where it is the call's own argument."""
    direction: Direction
    file: str
    size: str
    data: str
    """What is written to the file, `{}` standing for the name of a piece of data."""


class CopyMethods(Rewrite):
    """A block where statement and file are plain to see; else a function that finds out when it runs."""

    DESCRIPTION = "Rewrite copy_expert(), copy_from() and copy_to() to cursor.copy()."

    def examine(self) -> None:
        self.told: set[cst.Attribute] = set()
        for method in self.attributes():
            name = method.attr.value
            if name not in HELPERS or ":" in self.full_name(method):  # a method of the project's own
                continue
            call = self.parent(method)
            if not self.is_object(method.value, "cursor"):
                if self.is_unknown(method.value) and (name == "copy_expert" or is_called_cursor(method)):
                    self.tell(method, "manual", f"psycopg 3's cursors have no `{name}`", ADVICE)
            elif isinstance(call, cst.Call) and call.func is method:
                self.judge(call, name)
            else:
                self.tell(method, "manual", f"psycopg 3's cursors have no `{name}` to be handed on", ADVICE)

    def judge(self, call: cst.Call, name: str) -> None:
        given = dict(arguments(call, PARAMETERS[name]))
        copy = self.seen(call, name, given)
        table = literal(given.get("table")) if name != "copy_expert" else None
        if table is not None and "." in table and (copy is None or not self.unsafe):
            self.tell(
                call,
                "manual",
                f'psycopg2 copies the table that is called `"{table}"`, dot and all, since 2.9',
                "write the statement with `cursor.copy()`, schema and table quoted by themselves",
            )
        elif copy is None or not self.to_block(call, copy):
            self.to_helper(call, name)
        elif table is not None and "." in table:
            self.tell(
                call, "changed behaviour", f"`{table}` is a table in a schema, no longer one name with a dot"
            )
        else:
            way = "written" if copy.direction == "from" else "read"
            self.tell(call, "rewritten", f"`{name}` is a block of `copy()`, {way} piece by piece")

        if name != "copy_from" and (copy is None or copy.direction == "to"):
            self.follow(call)

    def follow(self, call: cst.Call) -> None:
        """After a COPY to a file a cursor has the description of rows that cannot be fetched, and had none before."""
        cursor = cst.ensure_type(call.func, cst.Attribute).value
        start, scope = self.file.span(call)[1], self.file.model.scope_of(call).function
        later = [
            (self.file.span(each)[1], each)
            for each in self.attributes()
            if each.attr.value in EXECUTING | {"description"} and each.value.deep_equals(cursor)
            if self.file.model.scope_of(each).function is scope
        ]
        for place, read in sorted(later, key=lambda each: each[0]):
            if place <= start or read in self.told:
                continue
            if read.attr.value != "description":
                break
            self.told.add(read)
            self.tell(
                read,
                "manual",
                "after a COPY to a file the cursor has a `description`, and no rows to fetch",
                "remember what was executed, and ask that",
            )

    # What is seen

    def seen(self, call: cst.Call, name: str, given: dict[str | None, cst.Arg]) -> Copy | None:
        """The parts of a call; None where one of them is only known when the program runs."""
        file = dotted(given["file"].value) if "file" in given else ""
        size = given["size"].value if "size" in given else cst.Integer("8192")
        if None in given or not file or not (dotted(size) or isinstance(size, cst.Integer)):
            return None
        if m.findall(call, m.Comment()):
            return None  # the helper's call keeps them
        sql: cst.BaseExpression | None = None
        way: Direction = "from" if name == "copy_from" else "to"
        if name == "copy_expert":
            way = direction(self.file, given["sql"].value) if "sql" in given else ""
        elif (text := statement(given, way)) is not None:
            sql = cst.parse_expression(written(text))
        else:
            return None
        what = contents(self.file, given["file"].value)
        cursor = dotted(cst.ensure_type(call.func, cst.Attribute).value)
        data = "{}" if what == "bytes" else f"bytes({{}}).decode({cursor}.connection.info.encoding)"
        if not way or (way == "to" and (not what or (what == "text" and not cursor))):
            return None
        return Copy(sql, way, file, cst.Module([]).code_for_node(size), data)

    # What is put in its place

    def to_block(self, call: cst.Call, copy: Copy) -> bool:
        """Turn the statement that a call is into a block."""
        expression = self.parent(call)
        line = self.parent(expression) if isinstance(expression, cst.Expr) else None
        if not isinstance(line, (cst.SimpleStatementLine, cst.SimpleStatementSuite)) or len(line.body) > 1:
            return False
        name, data = self.free(call, "copy", "copying"), self.free(call, "data", "chunk")
        if not name or not data:
            return False
        if copy.direction == "from":
            loop = f"while {data} := {copy.file}.read({copy.size}):\n    {name}.write({data})\n"
        else:
            loop = f"for {data} in {name}:\n    {copy.file}.write({copy.data.format(data)})\n"

        def block(updated: cst.SimpleStatementLine | cst.SimpleStatementSuite) -> cst.CSTNode:
            old = cst.ensure_type(cst.ensure_type(updated.body[0], cst.Expr).value, cst.Call)
            sql = copy.sql or dict(arguments(old, PARAMETERS["copy_expert"]))["sql"].value
            method = cst.ensure_type(old.func, cst.Attribute).with_changes(attr=cst.Name("copy"))
            item = cst.WithItem(cst.Call(method, [cst.Arg(sql)]), cst.AsName(cst.Name(name)))
            body = cst.IndentedBlock([cst.parse_statement(loop)], header=updated.trailing_whitespace)
            if isinstance(updated, cst.SimpleStatementLine):
                return cst.With([item], body, leading_lines=updated.leading_lines)
            return cst.IndentedBlock(
                [cst.With([item], body.with_changes(header=cst.TrailingWhitespace()))],
                header=updated.trailing_whitespace,
            )

        self.change(line, block)
        return True

    def to_helper(self, call: cst.Call, name: str) -> None:
        """Call a function with the cursor in front; all else stays as it is written."""
        new = self.helper(HELPERS[name], at=call)
        self.tell(call, "rewritten", f"`{name}` is `{new}`, a function of the project's own")

        def function(updated: cst.Call) -> cst.Call:
            cursor = cst.ensure_type(updated.func, cst.Attribute).value
            comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
            first = cst.Arg(cursor, comma=comma if updated.args else cst.MaybeSentinel.DEFAULT)
            return updated.with_changes(func=cst.Name(new), args=[first, *updated.args])

        self.change(call, function)

    def free(self, node: cst.CSTNode, *names: str) -> str:
        """The first of some names that means nothing else in the function around, or in the module."""
        function = self.file.model.scope_of(node).function
        around = function.node if function is not None else self.file.model.module
        used = {each.value for each in m.findall(around, m.Name()) if isinstance(each, cst.Name)}
        used |= self.file.model.summary.names.keys()
        return next((name for name in names if name not in used), "")


def is_called_cursor(method: cst.Attribute) -> bool:
    """Whether an object of unknown kind has the name of a cursor."""
    return CURSOR.search(dotted(method.value).lower()) is not None


def arguments(call: cst.Call, parameters: Iterable[str]) -> Iterator[tuple[str | None, cst.Arg]]:
    """A call's arguments by the names of the parameters; None for what is unpacked or too many."""
    names = iter(parameters)
    for arg in call.args:
        if arg.star:
            yield None, arg
        elif arg.keyword is not None:
            yield arg.keyword.value, arg
        else:
            yield next(names, None), arg


def statement(given: dict[str | None, cst.Arg], way: Direction) -> str | None:
    """The COPY of `copy_from()` or `copy_to()`, where all that goes into it is written there."""
    table, columns = literal(given.get("table")), list[str | None]()
    options = {name: literal(given[name]) if name in given else text for name, text in DEFAULTS.items()}
    if table is None or None in options.values():
        return None
    listed = given["columns"].value if "columns" in given else cst.Name("None")
    if isinstance(listed, (cst.Tuple, cst.List)):
        columns = [literal(each) for each in listed.elements]
        if None in columns or not columns:
            return None
    elif not m.matches(listed, m.Name("None")):
        return None
    found = f"COPY {'.'.join(map(quoted, table.split('.')))}"
    if columns:
        found += f" ({', '.join(quoted(name) for name in columns if name is not None)})"
    found += " FROM STDIN" if way == "from" else " TO STDOUT"
    words = {"sep": "DELIMITER", "null": "NULL"}
    chosen = {name: text for name, text in options.items() if text is not None and text != DEFAULTS[name]}
    if chosen:
        doubled = {name: text.replace("'", "''") for name, text in chosen.items()}
        found += " WITH " + " ".join(f"{words[name]} AS '{text}'" for name, text in doubled.items())
    return found


def literal(holder: cst.Arg | cst.BaseElement | None) -> str | None:
    """The text that is written as an argument or an item."""
    value = holder.value if holder is not None else None
    found = value.evaluated_value if isinstance(value, (cst.SimpleString, cst.ConcatenatedString)) else None
    return found if isinstance(found, str) else None


def quoted(name: str) -> str:
    """An identifier of PostgreSQL's."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def written(text: str) -> str:
    """A literal of Python's with as few backslashes as can be."""
    if text.isprintable() and "\\" not in text:
        for quote in ('"', "'", '"""'):
            if quote not in text and not text.endswith(quote[0]):
                return f"{quote}{text}{quote}"
    return repr(text)
