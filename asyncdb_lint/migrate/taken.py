"""What the modules of a project take from each other by name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.semantics.kinds import Module

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.semantics.model import Model

IMPORT = re.compile(
    rb"^[ \t]*from[ \t]+(\.*)([\w.]*)[ \t]*import[ \t]*(\([^)]*\)|(?:\\\r?\n|[^\n#;])*)", re.MULTILINE
)
COMMENT = re.compile(r"#[^\n]*")


def taken(contents: Mapping[str, bytes], packages: Collection[str]) -> dict[str, set[str]]:
    """The names that some module imports from another, by that one; "*" for a star."""
    found: dict[str, set[str]] = {}
    for name, text in contents.items():
        for dots, source, names in IMPORT.findall(text):
            module = absolute(name, len(dots), source.decode(), is_package=name in packages)
            if module in contents:
                found.setdefault(module, set()).update(listed(names.decode(errors="replace")))
    return found


def read_off(file: FileContext) -> Iterator[tuple[str, str]]:
    """What a file reads of modules that it imports as a whole: the module, and the name."""
    for node in file.model.nodes.get(cst.Attribute, ()):
        attribute = cst.ensure_type(node, cst.Attribute)
        kind = file.kind(attribute.value)
        if isinstance(kind, Module):
            yield kind.name, attribute.attr.value


def absolute(name: str, level: int, source: str, *, is_package: bool) -> str:
    """The module that a module imports from, with the dots before it resolved."""
    if not level:
        return source
    parts = name.split(".")
    own = parts[: len(parts) - level + is_package]
    return ".".join([*own, source] if source else own)


def listed(names: str) -> Iterator[str]:
    """The names in `(a, b as c)`, as the other module calls them."""
    for each in COMMENT.sub("", names).replace("\\", " ").strip("()").split(","):
        words = each.split()
        if words:
            yield words[0]


def listed_for_others(model: Model) -> set[str]:
    """The names in a module's `__all__`."""
    found: set[str] = set()
    for node in model.nodes.get(cst.SimpleString, ()):
        holder = model.parents.get(node)
        while isinstance(holder, (cst.Element, cst.List, cst.Tuple, cst.BinaryOperation)):
            holder = model.parents.get(holder)
        targets = (
            [each.target for each in holder.targets]
            if isinstance(holder, cst.Assign)
            else [holder.target]
            if isinstance(holder, (cst.AugAssign, cst.AnnAssign))
            else []
        )
        if any(isinstance(each, cst.Name) and each.value == "__all__" for each in targets):
            found.add(str(cst.ensure_type(node, cst.SimpleString).evaluated_value))
    return found
