"""Import statements as they are written: what they bind, and the text of new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from asyncdb_lint.semantics.model import Model

Statement = cst.Import | cst.ImportFrom
Line = cst.SimpleStatementLine | cst.SimpleStatementSuite
"""Where import statements stand; a suite is that of `try: import psycopg2` on one line."""
LONGEST = 100  # columns of an import statement on one line


class Imported(NamedTuple):
    """What is to be imported: `from module import name as alias`, or `import module` where there is no name."""

    module: str
    name: str = ""
    alias: str = ""


class Bound(NamedTuple):
    """A name that an import of the driver binds: what it is, by full name, and the alias that stands there."""

    name: str
    full: str
    alias: cst.ImportAlias
    statement: Statement
    line: Line


def one_by_one(statement: cst.BaseSmallStatement) -> Iterator[str]:
    """An import of several names as imports of one."""
    if isinstance(statement, cst.ImportFrom) and not isinstance(statement.names, cst.ImportStar):
        module = f"{'.' * len(statement.relative)}{dotted(statement.module)}"
        for alias in statement.names:
            yield from texts_of([Imported(module, alias.evaluated_name, alias.evaluated_alias or "")])
    elif isinstance(statement, cst.Import):
        for alias in statement.names:
            yield from texts_of([Imported(alias.evaluated_name, alias=alias.evaluated_alias or "")])


def joined(statement: cst.BaseSmallStatement, wanted: dict[Imported, None]) -> cst.BaseSmallStatement:
    """A statement on one line that imports also what is wanted of the same module; that is no longer wanted then."""
    if not isinstance(statement, cst.ImportFrom) or isinstance(statement.names, cst.ImportStar):
        return statement
    if statement.lpar or statement.relative:
        return statement
    present = {alias.evaluated_name for alias in statement.names}
    more = [
        each for each in wanted if each.name and not each.alias and each.module == dotted(statement.module)
    ]
    for each in more:
        del wanted[each]
    names = [cst.ImportAlias(cst.Name(each.name)) for each in more if each.name not in present]
    if not names:
        return statement
    kept = [alias.with_changes(comma=cst.MaybeSentinel.DEFAULT) for alias in statement.names]
    return statement.with_changes(names=[*kept, *names])


def parsed(text: str) -> cst.SimpleStatementLine:
    return cst.ensure_type(cst.parse_statement(text), cst.SimpleStatementLine)


def alone(statement: cst.BaseSmallStatement) -> cst.BaseSmallStatement:
    """A statement that has shared its line with others."""
    return statement.with_changes(semicolon=cst.MaybeSentinel.DEFAULT)


def lines_of(model: Model) -> list[Line]:
    """All lines of statements, wherever they stand."""
    found: list[Line] = []
    for kind in (cst.SimpleStatementLine, cst.SimpleStatementSuite):
        found += [each for each in model.nodes.get(kind, ()) if isinstance(each, kind)]
    if found:
        return found

    class Finder(cst.CSTVisitor):
        def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
            found.append(node)

    model.module.visit(Finder())
    return found


def texts_of(wanted: Iterable[Imported]) -> Iterator[str]:
    """Import statements for what is wanted, those of one module together."""
    by_module: dict[str, list[str]] = {}
    for each in wanted:
        alias = f" as {each.alias}" if each.alias and each.alias != (each.name or each.module) else ""
        if not each.name:
            yield f"import {each.module}{alias}"
        else:
            by_module.setdefault(each.module, []).append(f"{each.name}{alias}")
    for module, members in by_module.items():
        names = list(dict.fromkeys(members))
        text = f"from {module} import {', '.join(names)}"
        if len(text) > LONGEST:
            text = f"from {module} import (\n" + "".join(f"    {name},\n" for name in names) + ")"
        yield text


def bound_by(line: Line, statement: Statement, driver: str) -> Iterator[Bound]:
    """What an import statement binds of a driver; "*" for a star."""
    if isinstance(statement, cst.Import):
        for alias in statement.names:
            full = dotted(alias.name)
            if full.partition(".")[0] == driver:
                if alias.asname is not None:
                    yield Bound(name_of(alias), full, alias, statement, line)
                else:
                    yield Bound(driver, driver, alias, statement, line)
        return
    module = dotted(statement.module) if statement.module is not None and not statement.relative else ""
    if module.partition(".")[0] != driver:
        return
    if isinstance(statement.names, cst.ImportStar):
        yield Bound("*", "*", cst.ImportAlias(cst.Name("_")), statement, line)
        return
    for alias in statement.names:
        yield Bound(name_of(alias), f"{module}.{dotted(alias.name)}", alias, statement, line)


def root(node: cst.CSTNode) -> str:
    """The name that a call or a chain of attributes begins with, or ""."""
    while isinstance(node, (cst.Call, cst.Attribute)):
        node = node.func if isinstance(node, cst.Call) else node.value
    return node.value if isinstance(node, cst.Name) else ""


def name_of(alias: cst.ImportAlias) -> str:
    return dotted(alias.asname.name if alias.asname is not None else alias.name)


def dotted_text(*parts: str) -> str:
    return ".".join(part for part in parts if part)


def dotted(node: cst.CSTNode | None) -> str:
    """`a.b.c` as written, "" for anything else."""
    match node:
        case cst.Name(value):
            return value
        case cst.Attribute(value=value, attr=attr):
            return f"{owner}.{attr.value}" if (owner := dotted(value)) else ""
        case _:
            return ""


def moved(statement: Statement, wanted: dict[Imported, None]) -> bool:
    """Whether the same names under the same aliases come from one other module: then the layout can stay."""
    if isinstance(statement, cst.Import) or isinstance(statement.names, cst.ImportStar):
        return False
    before = {
        (alias.evaluated_name, alias.evaluated_alias or alias.evaluated_name) for alias in statement.names
    }
    after = {(each.name, each.alias or each.name) for each in wanted}
    return before == after and len({each.module for each in wanted}) == 1


def of_module(module: str, name: str) -> Imported:
    """A module of a package, under a name."""
    package, _, last = module.rpartition(".")
    return Imported(package, last, name) if package else Imported(module, alias=name)


def no_brackets(statement: Statement) -> dict[str, None]:
    return {"lpar": None, "rpar": None} if isinstance(statement, cst.ImportFrom) else {}
