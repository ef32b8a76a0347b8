"""Imports that a repair adds or no longer needs, as changes of the module's own import statements."""

from __future__ import annotations

import itertools
import re
import sys
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst
from libcst.helpers import get_full_name_for_node

from asyncdb_lint.fixing import Change, rewritten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from asyncdb_lint.node_edit import NodeEditor

_FUTURE, _STANDARD, _ABSOLUTE, _RELATIVE = range(4)


class Bound(NamedTuple):
    """What an import binds: `from module import name as local`, or `import module` (name "")."""

    statement: cst.Import | cst.ImportFrom
    module: str
    name: str
    local: str
    alias: cst.ImportAlias | None


def import_changes(
    editor: NodeEditor,
    add: Sequence[tuple[str, str | None, str | None]],
    remove: Sequence[tuple[str, str]],
    changes: Sequence[Change],
) -> list[Change]:
    """The changes that import what `add` asks for and drop from `remove` what nothing names after `changes`.

    Only imports at module level count and are touched: those of functions and `if TYPE_CHECKING:` do not bind
    the name for other code.
    """
    top = list(_bound_in(editor.module.body))
    wanted = list(dict.fromkeys(item for item in add if not _is_bound(item, top, editor.module)))
    going = [bound for bound in top if (bound.module, bound.name) in remove and bound.alias is not None]
    going = _unused(editor, going, top, changes) if going else []
    added = defaultdict[int, list[str]](list)
    new_lines = defaultdict[str, list[str]](list)
    statements = {id(bound.statement): bound.statement for bound in top}
    for module, name, alias in wanted:
        if name is None:
            new_lines[f"import {module}" + (f" as {alias}" if alias else "")] = []
            continue
        text = f"{name} as {alias}" if alias else name
        home = next((b for b in top if b.module == module and b.name and b.alias is not None), None)
        if home is not None:
            added[id(home.statement)].append(text)
        else:
            new_lines[f"from {module} import "].append(text)
    result: list[Change] = []
    for key, statement in statements.items():
        gone = [bound.alias for bound in going if bound.statement is statement and bound.alias is not None]
        if gone or key in added:
            result += _edited(editor, statement, added[key], gone)
    placed = defaultdict[int, list[str]](list)
    for start in sorted(new_lines, key=_order_of_line):
        at, content = _new_line(editor, start + ", ".join(sorted(new_lines[start])))
        placed[at].append(content)
    result += [Change(at, at, "".join(contents)) for at, contents in placed.items()]
    return result


def _bound_in(body: Iterable[cst.BaseStatement | cst.BaseSmallStatement]) -> Iterator[Bound]:
    """What the import statements directly in `body` bind."""
    for line in body:
        for statement in line.body if isinstance(line, cst.SimpleStatementLine) else ():
            if isinstance(statement, cst.Import):
                for alias in statement.names:
                    module = get_full_name_for_node(alias.name) or ""
                    yield Bound(statement, module, "", _asname(alias) or module.partition(".")[0], alias)
            elif isinstance(statement, cst.ImportFrom):
                module = "." * len(statement.relative)
                module += (get_full_name_for_node(statement.module) or "") if statement.module else ""
                if isinstance(statement.names, cst.ImportStar):
                    yield Bound(statement, module, "*", "*", None)
                    continue
                for alias in statement.names:
                    name = get_full_name_for_node(alias.name) or ""
                    yield Bound(statement, module, name, _asname(alias) or name, alias)


def _asname(alias: cst.ImportAlias) -> str | None:
    return get_full_name_for_node(alias.asname.name) if alias.asname is not None else None


def _is_bound(item: tuple[str, str | None, str | None], top: list[Bound], module: cst.Module) -> bool:
    """Whether module-level code, the bodies of `try` included, binds what is asked for by the same name."""
    origin, name, alias = item
    tries = (line.body.body for line in module.body if isinstance(line, cst.Try))
    for bound in itertools.chain(top, *map(_bound_in, tries)):
        if name is None and alias is None and not bound.name and bound.local == origin.partition(".")[0]:
            if bound.module == origin or bound.module.startswith(f"{origin}."):
                return True
        elif (bound.module, bound.name, bound.local) == (origin, name or "", alias or name):
            return True
    return False


def _unused(
    editor: NodeEditor, going: list[Bound], top: list[Bound], changes: Sequence[Change]
) -> list[Bound]:
    """Those of `going` whose name stands nowhere else in the changed text, strings and comments included."""
    spans = {editor.offsets(bound.statement) for bound in top}
    blanked = sorted([*changes, *(Change(start, end, "") for start, end in spans)])
    code = rewritten(editor.text, blanked)
    return [bound for bound in going if not re.search(rf"\b{re.escape(bound.local)}\b", code)]


def _edited(
    editor: NodeEditor, statement: cst.Import | cst.ImportFrom, added: list[str], gone: list[cst.ImportAlias]
) -> list[Change]:
    """One import statement with names more and less; comments and layout of the others stay."""
    names = statement.names
    assert not isinstance(names, cst.ImportStar)
    spans = [editor.offsets(alias) for alias in names]
    stays = [not any(alias is other for other in gone) for alias in names]
    if not any(stays):
        if not added:
            return [editor.removal(statement)]
        return [Change(spans[0][0], spans[-1][1], ", ".join(sorted(added)))]
    separators = [_separator(editor, statement, start) for start, _ in spans]
    if not gone:
        return _inserted(editor, names, spans, separators, added)
    changes = []
    last = max(index for index, stay in enumerate(stays) if stay)
    for stay, run in itertools.groupby(range(len(names)), key=stays.__getitem__):
        indexes = list(run)
        if not stay and indexes[0] < last:
            changes.append(Change(spans[indexes[0]][0], spans[indexes[-1] + 1][0], ""))
    tail = "".join(separators[last] + text for text in sorted(added))
    if tail or last + 1 < len(names):
        changes.append(Change(spans[last][1], spans[-1][1], tail) if last + 1 < len(names) else
                       Change(spans[last][1], spans[last][1], tail))  # fmt: skip
    return changes


def _separator(editor: NodeEditor, statement: cst.Import | cst.ImportFrom, start: int) -> str:
    """What parts a name from the one before: a line of its own where the statement is laid out so."""
    line_start = editor.lines.starts[editor.lines.position(start).row - 1]
    indent = editor.text[line_start:start]
    if isinstance(statement, cst.ImportFrom) and statement.lpar is not None and not indent.strip():
        return f",{editor.module.default_newline}{indent}"
    return ", "


def _inserted(
    editor: NodeEditor,
    names: Sequence[cst.ImportAlias],
    spans: list[tuple[int, int]],
    separators: list[str],
    added: list[str],
) -> list[Change]:
    """New names where the order of the others puts them, at the end when they have none."""
    known = [get_full_name_for_node(alias.name) or "" for alias in names]
    order: Callable[[str], tuple[int, str]] | None = next(
        (key for key in (_by_kind, _by_letter) if [*map(key, known)] == sorted(map(key, known))), None
    )
    changes: dict[int, list[str]] = defaultdict(list)
    for text in sorted(added, key=order):
        index = len(known)
        if order is not None:
            index = next((i for i, other in enumerate(known) if order(other) > order(text)), index)
        if index == len(known):
            changes[spans[-1][1]].append(separators[-1] + text)
        else:
            changes[spans[index][0]].append(text + separators[index])
    return [Change(at, at, "".join(contents)) for at, contents in changes.items()]


def _by_kind(name: str) -> tuple[int, str]:
    return (0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2), name


def _by_letter(name: str) -> tuple[int, str]:
    return 0, name.lower()


def _order_of_line(line: str) -> tuple[int, bool, str]:
    """Where isort and ruff put an import statement: its section, `import` before `from`, the alphabet."""
    first, module = line.split()[:2]
    if module == "__future__":
        section = _FUTURE
    elif module.startswith("."):
        section = _RELATIVE
    else:
        section = _STANDARD if module.partition(".")[0] in sys.stdlib_module_names else _ABSOLUTE
    return section, first == "from", module.lower()


def _new_line(editor: NodeEditor, line: str) -> tuple[int, str]:
    """Where a new import statement goes, and the text to put there."""
    newline = editor.module.default_newline
    order = _order_of_line(line)
    block = list(_leading_imports(editor.module))
    here = [item for item in block if item[0][0] == order[0]]
    family = [item for item in here if item[0][2].partition(".")[0] == order[2].partition(".")[0]]
    neighbours = [item for item in family or here if item[0][0] != _FUTURE]
    before = [statement for known, statement in neighbours if known <= order]
    if before:
        return _after(editor, before[-1], line + newline)
    if neighbours:
        return _row_start(editor, neighbours[0][1]), line + newline
    earlier = [statement for known, statement in block if known[0] < order[0]]
    if earlier:
        return _after(editor, earlier[-1], newline + line + newline)
    if block:
        return _row_start(editor, block[0][1]), line + newline * 2
    body = editor.module.body
    if body and _is_docstring(body[0]):
        return _after(editor, body[0], newline + line + newline)
    if not body:
        return _at_end(editor, line + newline)
    return _row_start(editor, body[0], with_comments=True), line + newline * 2


def _leading_imports(module: cst.Module) -> Iterator[tuple[tuple[int, bool, str], cst.BaseStatement]]:
    """The import statements of the module above its first class or function, with their order."""
    for line in module.body:
        if isinstance(line, (cst.ClassDef, cst.FunctionDef)):
            return
        for bound in _bound_in([line]):
            yield _order_of_line(f"{'from' if bound.name else 'import'} {bound.module}"), line
            break


def _is_docstring(line: cst.BaseStatement) -> bool:
    first = line.body[0] if isinstance(line, cst.SimpleStatementLine) else None
    return isinstance(first, cst.Expr) and isinstance(first.value, (cst.SimpleString, cst.ConcatenatedString))


def _row_start(editor: NodeEditor, statement: cst.BaseStatement, *, with_comments: bool = False) -> int:
    """The start of a statement's first row; with the comments on it, unless they begin the file."""
    decorators = getattr(statement, "decorators", ())
    first = row = editor.lines.position(editor.offsets(decorators[0] if decorators else statement)[0]).row
    starts = editor.lines.starts
    while with_comments and row > 1 and editor.text.startswith("#", starts[row - 2]):
        row -= 1
    return starts[(first if row == 1 else row) - 1]


def _after(editor: NodeEditor, statement: cst.BaseStatement, content: str) -> tuple[int, str]:
    row = editor.lines.position(editor.offsets(statement)[1]).row
    if row < len(editor.lines.starts):
        return editor.lines.starts[row], content
    return _at_end(editor, content)


def _at_end(editor: NodeEditor, content: str) -> tuple[int, str]:
    newline = editor.module.default_newline
    if not editor.text or editor.text.endswith(("\n", "\r")):
        return len(editor.text), content
    return len(editor.text), newline + content.removesuffix(newline)
