"""Requirements in Python: strings that reach `setup()` in `setup.py`, or `session.install()` in `noxfile.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper

from asyncdb_lint.migrate.dependencies.draft import WORD, Place, in_brackets
from asyncdb_lint.migrate.dependencies.requirement import swap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.migrate.dependencies.draft import Draft

LISTS = {
    "install_requires",
    "extras_require",
    "extras_requires",
    "tests_require",
    "setup_requires",
    "requires",
}
PROSE = {
    "name",
    "description",
    "long_description",
    "keywords",
    "classifiers",
    "url",
    "packages",
    "package_data",
}
INSTALLS = {"install", "conda_install", "run_install"}
ADDING = {"append", "extend", "update", "add", "insert", "setdefault"}
PASSING = {"list", "tuple", "set", "sorted", "dict", "sum"}
Group = list[cst.SimpleString]


def migrate(draft: Draft, tree: cst.Module) -> None:
    """The requirements; any other string that names psycopg2 is a person's."""
    wrapper = MetadataWrapper(tree, unsafe_skip_copy=True)
    spans = wrapper.resolve(ByteSpanPositionProvider)
    data = draft.text.encode()
    seen = _Strings()
    tree.visit(seen)

    def place(node: cst.SimpleString) -> Place:
        start = len(data[: spans[node].start].decode())
        end = start + len(node.value)
        head = len(node.prefix) + len(node.quote)
        whole = in_brackets(draft, start, end)
        return Place(start + head, node.raw_value, whole)

    known: set[cst.SimpleString] = set()
    for group in seen.groups():
        known |= {*group}
        swap(draft, (place(node) for node in group))
    for node in seen.all:
        found = place(node)
        if WORD.search(node.raw_value) and not draft.told(found.start - 1, found.start + len(found.text)):
            if node in known and "\n" in node.raw_value:
                draft.tell(found.start, "manual", "a text of requirements names psycopg2", "require psycopg")
            elif node not in seen.keys:
                draft.tell(found.start, "manual", "a text names psycopg2", "rename it if it is required")


class _Strings(cst.CSTVisitor):
    """All strings, what names are given, and what `setup()` and `install()` are called with."""

    def __init__(self) -> None:
        self.all: list[cst.SimpleString] = []
        self.keys: set[cst.SimpleString] = set()
        self.given: dict[str, list[cst.BaseExpression]] = {}
        self.wanted: list[cst.BaseExpression] = []
        self.installs: list[Group] = []

    def visit_SimpleString(self, node: cst.SimpleString) -> None:
        self.all.append(node)

    def visit_DictElement(self, node: cst.DictElement) -> None:
        if isinstance(node.key, cst.SimpleString):
            self.keys.add(node.key)
            if node.key.raw_value in LISTS:
                self.wanted.append(node.value)

    def visit_Assign(self, node: cst.Assign) -> None:
        for target in node.targets:
            self._give(target.target, node.value)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        if node.value is not None:
            self._give(node.target, node.value)

    def visit_AugAssign(self, node: cst.AugAssign) -> None:
        self._give(node.target, node.value)

    def _give(self, target: cst.BaseExpression, value: cst.BaseExpression) -> None:
        while isinstance(target, cst.Subscript):
            if any(
                isinstance(each.slice, cst.Index)
                and isinstance(each.slice.value, cst.SimpleString)
                and each.slice.value.raw_value in LISTS
                for each in target.slice
            ):
                self.wanted.append(value)
            target = target.value
        if isinstance(target, cst.Name):
            self.given.setdefault(target.value, []).append(value)
            if target.value in LISTS:
                self.wanted.append(value)

    def visit_Arg(self, node: cst.Arg) -> bool:
        return node.keyword is None or node.keyword.value not in PROSE

    def visit_Expr(self, node: cst.Expr) -> bool:
        return not isinstance(node.value, cst.SimpleString)  # a docstring

    def visit_Call(self, node: cst.Call) -> None:
        if isinstance(node.func, cst.Attribute):
            if node.func.attr.value in ADDING:
                for arg in node.args:
                    self._give(node.func.value, arg.value)
            elif node.func.attr.value in INSTALLS:
                self.installs.append(
                    [arg.value for arg in node.args if isinstance(arg.value, cst.SimpleString)]
                )
        self.wanted += [
            arg.value for arg in node.args if arg.keyword is not None and arg.keyword.value in LISTS
        ]

    def groups(self) -> Iterator[Group]:
        """The strings of each list that is required, a list at a time, each once."""
        done: set[int] = set()
        pending = list(self.wanted)
        yield from self.installs
        while pending:
            node = pending.pop(0)
            if id(node) in done:
                continue
            done.add(id(node))
            if isinstance(node, cst.SimpleString):
                yield [node]
            elif isinstance(node, (cst.List, cst.Tuple, cst.Set)):
                values = [element.value for element in node.elements]
                strings = [value for value in values if isinstance(value, cst.SimpleString)]
                done |= {id(value) for value in strings}
                yield strings
                pending += [value for value in values if not isinstance(value, cst.SimpleString)]
            else:
                pending += self._inside(node)

    def _inside(self, node: cst.BaseExpression) -> list[cst.BaseExpression]:
        """The expressions that a value may come from."""
        match node:
            case cst.Name(value=name):
                return self.given.get(name, [])
            case cst.Dict(elements=elements):
                return [element.value for element in elements]
            case cst.BinaryOperation(left=left, right=right):
                return [left, right]
            case cst.IfExp(body=body, orelse=orelse):
                return [body, orelse]
            case cst.Subscript(value=value):
                return [value]
            case cst.Call(func=cst.Name(value=name), args=args) if name in PASSING:
                return [arg.value for arg in args]
            case cst.Call(
                func=cst.Attribute(
                    value=value, attr=cst.Name(value="copy" | "split" | "splitlines" | "values")
                )
            ):
                return [value]
            case _:
                return []
