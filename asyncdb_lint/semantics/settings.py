"""Settings written as a dict or as keyword arguments: which keys are surely there, and whether others may be.

A dict that is built in steps (`options = {}`, `options["echo"] = True`, `options.update(…)`) is followed
through all uses of its name in the file. Where it may change elsewhere it is incomplete, and proves no
absence.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.semantics import expressions as ex

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from asyncdb_lint.semantics.model import Binding, Model

READING_METHODS = {"get", "items", "keys", "values", "copy", "setdefault"}


@dataclasses.dataclass(frozen=True, eq=False)
class Setting:
    """One key and its value. `place` is what a report points at; not `certain` where a branch decides."""

    name: str
    place: cst.CSTNode
    value: cst.BaseExpression
    certain: bool = True


@dataclasses.dataclass(frozen=True, eq=False)
class Settings:
    """Keys with their values; not `complete` where there may be others."""

    entries: Mapping[str, Setting]
    complete: bool = True

    def get(self, name: str) -> Setting | None:
        """The setting of a name."""
        return self.entries.get(name)

    def lacks(self, *names: str) -> bool:
        """Whether surely none of the names is set."""
        return self.complete and not any(name in self.entries for name in names)


NOTHING = Settings({})
UNREADABLE = Settings({}, complete=False)


def of_call(model: Model, args: Iterable[cst.Arg]) -> Settings:
    """The keyword arguments of a call, `**options` read where that is possible."""
    parts = []
    for arg in args:
        if arg.star == "**":
            parts.append(of_value(model, arg.value))
        elif arg.star:
            parts.append(UNREADABLE)
        elif arg.keyword is not None:
            parts.append(one(Setting(arg.keyword.value, arg.keyword, arg.value)))
    return merged(parts)


def of_value(model: Model, node: cst.BaseExpression | None) -> Settings:
    """The keys of a dict: a display, `dict(…)`, or a name that holds one."""
    if isinstance(node, cst.Dict):
        return merged([of_element(model, element) for element in node.elements])
    if isinstance(node, cst.Call) and model.exprs.get(node.func) == ex.Ref("builtins.dict"):
        return (
            of_call(model, node.args)
            if all(arg.keyword or arg.star == "**" for arg in node.args)
            else UNREADABLE
        )
    if isinstance(node, cst.Name) and (binding := only_binding(model, node)) is not None:
        return built_up(model, binding)
    return UNREADABLE


def of_element(model: Model, element: cst.BaseDictElement) -> Settings:
    """One `key: value` or `**other` of a display."""
    if isinstance(element, cst.StarredDictElement):
        return of_value(model, element.value)
    assert isinstance(element, cst.DictElement)
    name = text_of(model, element.key)
    return one(Setting(name, element.key, element.value)) if name is not None else UNREADABLE


def one(setting: Setting) -> Settings:
    """A single setting."""
    return Settings({setting.name: setting})


def merged(parts: list[Settings]) -> Settings:
    """Several in a row; later ones win."""
    entries: dict[str, Setting] = {}
    for part in parts:
        entries.update(part.entries)
    return Settings(entries, all(part.complete for part in parts))


def text_of(model: Model, node: cst.CSTNode) -> str | None:
    """A literal text."""
    expr = model.exprs.get(node)
    return expr.value if isinstance(expr, ex.Literal) and isinstance(expr.value, str) else None


def only_binding(model: Model, name: cst.Name) -> Binding | None:
    """The one assignment of this file that a name's value comes from."""
    expr = model.exprs.get(name)
    if isinstance(expr, ex.Bound):
        return model.bindings[expr.index]
    if isinstance(expr, ex.Ref) and expr.name == f"{model.name}.{name.value}":
        found = model.opened[model.module].bindings.get(name.value, [])
        return found[0] if len(found) == 1 and len(model.summary.names.get(name.value, ())) == 1 else None
    return None


def built_up(model: Model, binding: Binding) -> Settings:
    """A dict bound to a name, with what its other uses add."""
    if not isinstance(binding.value, (cst.Dict, cst.Call)):
        return UNREADABLE
    parts = [of_value(model, binding.value)]
    home = block(model, binding.target)
    for use in binding.uses:
        added = addition(model, use)
        if added is None:
            parts.append(UNREADABLE)
            continue
        certain = block(model, use) is home
        parts.append(
            Settings(
                {
                    name: dataclasses.replace(setting, certain=setting.certain and certain)
                    for name, setting in added.entries.items()
                },
                added.complete,
            )
        )
    return merged(parts)


def addition(model: Model, use: cst.Name) -> Settings | None:
    """What one use of a dict's name adds to it; None where it may change in unseen ways."""
    parent = model.parents[use]
    match parent:
        case cst.Arg(star="**") | cst.StarredDictElement() | cst.DictElement():
            return NOTHING
        case cst.Arg() if parent.keyword is not None:
            return NOTHING  # `connect_args=options`: libraries copy what they are given
        case cst.Subscript():
            return subscripted(model, parent)
        case cst.Attribute(attr=cst.Name(value="update")):
            call = model.parents[parent]
            if not isinstance(call, cst.Call) or call.func is not parent:
                return None
            given = [of_value(model, arg.value) for arg in call.args if arg.keyword is None and not arg.star]
            return merged([*given, of_call(model, [arg for arg in call.args if arg.keyword or arg.star])])
        case cst.Attribute(attr=cst.Name(value=name)) if name in READING_METHODS:
            return set_default(model, parent) if name == "setdefault" else NOTHING
        case cst.ComparisonTarget() | cst.FormattedStringExpression() | cst.If():
            return NOTHING
        case _:
            return None


def subscripted(model: Model, node: cst.Subscript) -> Settings | None:
    """`options["key"] = value` adds a key; reading one changes nothing."""
    target = model.parents[node]
    if not isinstance(target, cst.AssignTarget):
        changes = isinstance(target, (cst.Del, cst.AugAssign, cst.Subscript, cst.Attribute))
        return None if changes else NOTHING
    assignment = model.parents[target]
    index = node.slice[0].slice
    name = text_of(model, index.value) if isinstance(index, cst.Index) else None
    assert isinstance(assignment, cst.Assign)
    return one(Setting(name, node, assignment.value)) if name is not None else None


def set_default(model: Model, node: cst.Attribute) -> Settings | None:
    """`options.setdefault("key", value)`."""
    call = model.parents[node]
    if not isinstance(call, cst.Call) or len(call.args) != 2:
        return None
    name = text_of(model, call.args[0].value)
    return one(Setting(name, call, call.args[1].value)) if name is not None else None


def block(model: Model, node: cst.CSTNode) -> cst.CSTNode:
    """The suite that a statement stands in."""
    while not isinstance(node, (cst.IndentedBlock, cst.SimpleStatementSuite, cst.Module)):
        node = model.parents[node]
    return node
