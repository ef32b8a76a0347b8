"""Dicts whose items become arguments of `connect()`: their keys are the arguments' names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.from_psycopg2.lifetimes import is_within
from asyncdb_lint.migrate.from_psycopg2.parameter_flow import (
    BESIDE,
    DEPTH,
    KEYS,
    MAKING,
    forwards,
    key_of,
    keys_of,
    wanted_elsewhere,
)
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import Function

if TYPE_CHECKING:
    from collections.abc import Iterator

    from libcst.codemod import CodemodContext

    from asyncdb_lint.migrate.command import Work
    from asyncdb_lint.semantics.model import Binding

MESSAGE = "the key `{}` becomes an argument of connect(), which is called `{}`"
READING = {"get", "pop", "setdefault", "__getitem__"}
PLAIN = {"keys", "values", "items", "clear"}


class ConnectionParameters(Rewrite):
    """`connect(**parameters)`, where the file shows what the parameters are."""

    DESCRIPTION = "Rename keys of dicts that become arguments of psycopg2's connect()."

    def __init__(self, context: CodemodContext, work: Work | None = None) -> None:
        super().__init__(context, work)
        self.places: dict[cst.CSTNode, None] = {}
        """Where a key is written: a text, or a keyword's argument."""
        self.seen: set[cst.CSTNode] = set()
        self.open_places: set[cst.CSTNode] = set()
        """Those of them whose dict others may read too."""

    def examine(self) -> None:
        for call in self.calls():
            if self.full_name(call.func) in MAKING:
                for arg in call.args:
                    if arg.star == "**":
                        self.follow_together(arg.value)
            elif forwards(self.file.project, self.file.kind(call.func)):
                self.call_wrapper(call)
        displays = [each for each in self.displays() if any(key_of(key) in KEYS for key in keys_of(each))]
        for name in wanted_elsewhere(self.file.project, self.file.model.name) if displays else ():
            self.follow_global(name)
        for place in self.places:
            self.settle(place, is_open=place in self.open_places)
        for display in displays:
            self.suspect(display)

    def displays(self) -> Iterator[cst.BaseExpression]:
        """All dicts that the file writes out."""
        for node in (*self.file.model.nodes.get(cst.Dict, ()), *self.calls()):
            if isinstance(node, (cst.Dict, cst.Call)):
                yield node

    def suspect(self, display: cst.BaseExpression) -> None:
        """A dict that says how to reach a database, in a project that unpacks dicts for connect()."""
        keys = {key_of(each): each for each in keys_of(display)}
        holder = self.file.model.parents[display]
        is_given = isinstance(holder, cst.Arg) and isinstance(self.parent(holder), cst.Call)
        if len(BESIDE & keys.keys()) < 2 or is_given or not self.project_unpacks():
            return
        for old in KEYS.keys() & keys.keys():
            if keys[old] not in self.places:
                message = f"if connect() gets this, the key `{old}` is called `{KEYS[old]}` in psycopg 3"
                self.tell(keys[old], "manual", message, "rename it wherever the dict is read")

    def project_unpacks(self) -> bool:
        """Whether anybody gives connect() a dict of which not all keys are known."""
        return any(
            not ConnectionParameters(self.context, work).follow(arg.value, DEPTH)
            for work in self.works
            for call in work.file.model.nodes.get(cst.Call, ())
            if isinstance(call, cst.Call) and getattr(work.file.kind(call.func), "name", "") in MAKING
            for arg in call.args
            if arg.star == "**"
        )

    def follow_together(self, given: cst.BaseExpression, *, is_open: bool = False) -> None:
        """The keys of what is unpacked are renamed all, or none."""
        before = set(self.places)
        self.follow(given, DEPTH, is_open=is_open)
        found = [each for each in self.places if each not in before]
        if not self.open_places.isdisjoint(found):
            self.open_places.update(found)

    def call_wrapper(self, call: cst.Call) -> None:
        """A call of a project function that hands its keywords on to connect(), and may read them before."""
        kind = self.file.kind(call.func)
        assert isinstance(kind, Function)
        module, _, qualname = kind.name.partition(":")
        summary = self.file.model.summary.functions.get(qualname) if module == self.file.model.name else None
        rest = (
            {ex.Param(qualname, each.name) for each in summary.parameters if each.star == "**"}
            if summary
            else set()
        )
        uses = [
            each
            for each in self.file.model.nodes.get(cst.Name, ())
            if self.file.model.exprs.get(each) in rest
        ]
        read = [place for each in uses for place in self.keys_at(each) if key_of(place) in KEYS]
        is_open = bool(read) or not all(self.understands(each) for each in uses)
        for place in read:
            self.enter(place, is_open=True)
        for arg in call.args:
            if arg.keyword is not None and not uses:
                self.leave(arg)
            elif arg.keyword is not None:
                self.enter(arg, is_open=is_open)
            elif arg.star == "**":
                self.follow_together(arg.value, is_open=is_open)

    def leave(self, arg: cst.Arg) -> None:
        """A keyword for a function of another module, which may read it before it hands it on."""
        if key_of(arg) in KEYS:
            self.tell(
                arg, "manual", MESSAGE.format(key_of(arg), KEYS[key_of(arg)]), "rename it here and there"
            )

    # What is written

    def settle(self, place: cst.CSTNode, *, is_open: bool) -> None:
        old = key_of(place)
        new = KEYS[old]
        if is_open and not self.unsafe:
            self.tell(place, "manual", MESSAGE.format(old, new), "rename it wherever the dict is read")
            return
        if is_open:
            message = f"the key `{old}` is `{new}`, for others who read the dict too"
            self.tell(place, "changed behaviour", message, "rename it where they do")
        else:
            self.tell(place, "rewritten", f"the key `{old}` is `{new}`")
        if isinstance(place, cst.Arg):
            self.change(place, lambda updated: updated.with_changes(keyword=cst.Name(new)))
        elif isinstance(place, cst.SimpleString):
            text = f"{place.prefix}{place.quote}{new}{place.quote}"
            self.change(place, lambda updated: updated.with_changes(value=text))

    def enter(self, place: cst.CSTNode, *, is_open: bool) -> None:
        if key_of(place) in KEYS:
            self.places[place] = None
            if is_open:
                self.open_places.add(place)

    # Where the parameters come from

    def follow(self, node: cst.BaseExpression, depth: int, *, is_open: bool = False) -> bool:
        """Find the keys of what an expression gives; false if it may have others."""
        if not depth:
            return False
        match node:
            case cst.Dict():
                visible = True
                for element in node.elements:
                    if isinstance(element, cst.DictElement):
                        self.enter(element.key, is_open=is_open)
                        visible &= isinstance(element.key, cst.SimpleString)
                    else:
                        visible &= self.follow(element.value, depth - 1, is_open=is_open)
                return visible
            case cst.Call(func=cst.Name("dict")):
                visible = True
                for arg in node.args:
                    if arg.keyword is not None:
                        self.enter(arg, is_open=is_open)
                    else:
                        visible &= self.follow(arg.value, depth - 1, is_open=is_open)
                return visible
            case cst.BinaryOperation(left, cst.BitOr(), right):
                sides = [self.follow(each, depth - 1, is_open=is_open) for each in (left, right)]
                return all(sides)
            case cst.Call(func=cst.Attribute(value=copied, attr=cst.Name("copy"))):
                return self.follow(copied, depth - 1, is_open=is_open)
            case cst.Call():
                kind = self.file.kind(node.func)
                module, _, name = kind.name.partition(":") if isinstance(kind, Function) else ("", "", "")
                if module == self.file.model.name and name:
                    self.follow_function(name, depth)
            case cst.Name() if isinstance(self.file.model.exprs.get(node), ex.Param):
                self.follow_parameter(node)
            case cst.Name():
                bindings = self.bindings_of(node)
                followed = [self.follow_variable(each, depth, node, is_open=is_open) for each in bindings]
                return bool(followed) and all(followed)
            case cst.Attribute(value=cst.Name("self" | "cls"), attr=cst.Name(name)):
                self.follow_attribute(node, name, depth)
        return False

    def bindings_of(self, node: cst.Name) -> list[Binding]:
        """The bindings of a variable of a function, or of the module."""
        expr = self.file.model.exprs.get(node)
        if isinstance(expr, ex.Ref) and expr.name == f"{self.file.model.name}.{node.value}":
            return [
                each
                for each in self.file.model.bindings
                if each.name == node.value and each.scope.what == "module"
            ]
        return self.file.model.bindings_of(node)

    def follow_variable(self, binding: Binding, depth: int, node: cst.Name, *, is_open: bool) -> bool:
        """What a variable is bound to, and every other use of it."""
        if binding.target in self.seen:
            return True
        self.seen.add(binding.target)
        uses = [use for use in self.uses_of(binding) if use is not node]
        is_open = is_open or self.is_shared(binding) or not all(self.understands(use) for use in uses)
        visible = isinstance(binding.value, cst.BaseExpression) and self.follow(
            binding.value, depth - 1, is_open=is_open
        )
        for use in uses:
            for place in self.keys_at(use):
                self.enter(place, is_open=is_open or not visible)
        return visible

    def follow_parameter(self, node: cst.Name) -> None:
        """What a function sets in the keywords, or the dict, that it is called with."""
        expr = self.file.model.exprs[node]
        for use in self.file.model.nodes.get(cst.Name, ()):
            if self.file.model.exprs.get(use) == expr:
                for place in self.keys_at(use):
                    self.enter(place, is_open=True)

    def follow_function(self, qualname: str, depth: int) -> None:
        """What a function of this file returns, which others may call too."""
        for scope in self.file.model.opened.values():
            if scope.qualname != qualname or scope.what != "function":
                continue
            for each in self.file.model.nodes.get(cst.Return, ()):
                if isinstance(each, cst.Return) and each.value is not None and is_within(
                    self.file.model, each, scope.node
                ):  # fmt: skip
                    self.follow(each.value, depth - 1, is_open=True)

    def follow_attribute(self, node: cst.CSTNode, name: str, depth: int) -> None:
        """`self.parameters`: what the class around binds it to."""
        around = self.file.model.scope_of(node).enclosing_class
        for each in self.file.model.nodes.get(cst.Assign, ()):
            if (
                around is None
                or not isinstance(each, cst.Assign)
                or not is_within(self.file.model, each, around.node)
            ):
                continue
            match each.targets[0].target:
                case cst.Name(target) if self.file.model.scope_of(each) is around:
                    pass
                case cst.Attribute(value=cst.Name("self" | "cls"), attr=cst.Name(target)):
                    pass
                case _:
                    continue
            if target == name:
                self.follow(each.value, depth - 1, is_open=True)

    def follow_global(self, name: str) -> None:
        """What another module of the project gives to connect(): a dict of this module, or a function's."""
        self.follow_function(name, DEPTH)
        for binding in self.file.model.bindings:
            if binding.name == name and binding.scope.what == "module" and binding.target not in self.seen:
                self.seen.add(binding.target)
                if isinstance(binding.value, cst.BaseExpression):
                    self.follow(binding.value, DEPTH, is_open=True)
                for use in binding.uses:
                    for place in self.keys_at(use):
                        self.enter(place, is_open=True)

    # Other uses

    def uses_of(self, binding: Binding) -> Iterator[cst.CSTNode]:
        """The uses of a variable, and those of its copies."""
        for use in binding.uses:
            copy = self.copied_to(use)
            if copy is None:
                yield use
            elif copy.target not in self.seen:
                self.seen.add(copy.target)
                yield from self.uses_of(copy)

    def copied_to(self, use: cst.CSTNode) -> Binding | None:
        """The variable that `parameters.copy()` or `dict(parameters)` is assigned to."""
        model = self.file.model
        parent = model.parents[use]
        call = model.parents[parent]
        match parent, call:
            case cst.Attribute(attr=cst.Name("copy")), cst.Call():
                pass
            case cst.Arg(star=""), cst.Call(func=cst.Name("dict")):
                pass
            case _:
                return None
        made = model.parents[call]
        return model.targets.get(made.targets[0].target) if isinstance(made, cst.Assign) else None

    def is_shared(self, binding: Binding) -> bool:
        """Whether other code than this file's can reach a variable."""
        if binding.scope.what == "class" or isinstance(binding.target, cst.Param):
            return True
        own = self.file.model.name
        others = (each for each in self.file.project.modules.values() if each.name != own)
        return binding.scope.what == "module" and any(
            name == own or name.startswith(f"{own}.") for each in others for name in each.imports
        )

    def understands(self, use: cst.CSTNode) -> bool:
        """Whether a use of a dict reads, sets or passes on its items in a way that can be rewritten."""
        parent = self.file.model.parents[use]
        match parent:
            case cst.Subscript() if parent.value is use:
                index = parent.slice[0].slice if len(parent.slice) == 1 else None
                return isinstance(index, cst.Index) and isinstance(index.value, cst.SimpleString)
            case cst.Attribute(attr=cst.Name(method)):
                call = self.file.model.parents[parent]
                if method in READING:
                    return bool(list(self.literals(call)))
                return method in PLAIN or (method == "update" and self.is_written_out(call))
            case cst.Arg(star="**"):
                call = self.file.model.parents[parent]
                return isinstance(call, cst.Call) and self.full_name(call.func) in MAKING
            case cst.ComparisonTarget(operator=cst.In() | cst.NotIn()):
                return True
            case cst.If() | cst.UnaryOperation() | cst.BooleanOperation():
                return True
        return False

    def literals(self, call: cst.CSTNode) -> Iterator[cst.SimpleString]:
        if isinstance(call, cst.Call) and call.args and isinstance(call.args[0].value, cst.SimpleString):
            yield call.args[0].value

    def is_written_out(self, call: cst.CSTNode) -> bool:
        """Whether all that `update()` sets is to be seen."""
        return isinstance(call, cst.Call) and all(
            arg.keyword is not None or (not arg.star and isinstance(arg.value, cst.Dict)) for arg in call.args
        )

    def keys_at(self, use: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """The places around a use of a dict that write a key of it."""
        parent = self.file.model.parents[use]
        if isinstance(parent, cst.Subscript) and parent.value is use:
            index = parent.slice[0].slice
            if isinstance(index, cst.Index):
                yield index.value
        elif isinstance(parent, cst.Attribute):
            call = self.file.model.parents[parent]
            if parent.attr.value in READING:
                yield from self.literals(call)
            elif parent.attr.value == "update" and isinstance(call, cst.Call):
                for arg in call.args:
                    if arg.keyword is not None:
                        yield arg
                    elif isinstance(arg.value, cst.Dict):
                        yield from (
                            each.key for each in arg.value.elements if isinstance(each, cst.DictElement)
                        )
        elif isinstance(parent, cst.ComparisonTarget):
            comparison = self.file.model.parents[parent]
            if isinstance(comparison, cst.Comparison):
                yield comparison.left
