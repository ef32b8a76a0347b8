"""Where new import statements and definitions stand in a module: with their like."""

from __future__ import annotations

import collections
import sys
from collections.abc import Collection, Iterable, Sequence

import libcst as cst

Statement = cst.SimpleStatementLine | cst.BaseCompoundStatement
FUTURE, STANDARD, OTHERS, OWN = range(4)


def with_imports(head: list[Statement], texts: Iterable[str], own: Collection[str]) -> list[Statement]:
    """A module's first lines with more imports, each behind others of its group; `own` are the project's packages."""
    for text in texts:
        statement = cst.ensure_type(cst.parse_statement(text), cst.SimpleStatementLine)
        wanted = group(statement, own)
        groups = {
            number: found for number, each in enumerate(head) if (found := group(each, own)) is not None
        }
        alike = [number for number, found in groups.items() if found == wanted]
        later = [number for number, found in groups.items() if found > (wanted or 0)]
        if alike:
            head.insert(alike[-1] + 1, statement)
        elif later:
            place = later[0]
            head[place : place + 1] = [
                statement.with_changes(leading_lines=head[place].leading_lines),
                head[place].with_changes(leading_lines=[cst.EmptyLine(indent=False)]),
            ]
        else:
            head.append(apart(statement, 1 if head else 0))
    return head


def merged(texts: Iterable[str]) -> list[str]:
    """Import statements in order, plain ones first, those of one module's names in one."""
    plain, names = set[str](), collections.defaultdict[str, set[str]](set)
    for text in texts:
        if text.startswith("from "):
            module, _, imported = text.removeprefix("from ").partition(" import ")
            names[module].update(imported.split(", "))
        else:
            plain.add(text)
    joined = (f"from {module} import {', '.join(sorted(names[module]))}" for module in sorted(names))
    return [*sorted(plain), *joined]


def group(statement: cst.BaseStatement, own: Collection[str]) -> int | None:
    """To which group of imports a line belongs; None for other lines."""
    small = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) and statement.body else None
    match small:
        case cst.ImportFrom(relative=[_, *_]):
            return OWN
        case cst.ImportFrom(module=module) if module is not None:
            root = root_of(module)
        case cst.Import(names=[alias, *_]):
            root = root_of(alias.name)
        case _:
            return None
    if root == "__future__":
        return FUTURE
    if root in sys.stdlib_module_names:
        return STANDARD
    return OWN if root in own else OTHERS


def root_of(name: cst.BaseExpression) -> str:
    """The first word of a dotted name."""
    while isinstance(name, cst.Attribute):
        name = name.value
    return name.value if isinstance(name, cst.Name) else ""


def apart(statement: Statement, lines: int) -> Statement:
    """A statement with some empty lines before it, if it has fewer."""
    before: Sequence[cst.EmptyLine] = getattr(statement, "leading_lines", ())
    missing = lines - sum(each.comment is None for each in before)
    blank = [cst.EmptyLine(indent=False)] * max(missing, 0)
    return statement.with_changes(leading_lines=[*blank, *before]) if blank else statement


def after_imports(body: Sequence[cst.BaseStatement]) -> int:
    """Where in a module's body its first block of imports ends; after its docstring where it has none."""
    place = 0
    for number, statement in enumerate(body):
        small = (
            statement.body[0] if isinstance(statement, cst.SimpleStatementLine) and statement.body else None
        )
        if isinstance(small, (cst.Import, cst.ImportFrom)):
            place = number + 1
        elif isinstance(small, cst.Expr) and isinstance(small.value, cst.SimpleString) and number == 0:
            place = 1
        elif not isinstance(statement, (cst.If, cst.Try, cst.SimpleStatementLine)):
            break
    return place
