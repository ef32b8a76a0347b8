"""Casters: what turns PostgreSQL's values into Python's, and the objects that stand for groups of types."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.from_psycopg2.registering import MADE_TOO_EARLY, MOVE_UP, Registrations
from asyncdb_lint.migrate.helpers import Helper

if TYPE_CHECKING:
    from collections.abc import Iterator

MAKE_LOADER = Helper(
    "make_loader",
    ("import psycopg",),
    '''
def make_loader(oids, name, cast):
    """A loader that gives what `cast(text, None)` makes of a value; NULL is None."""

    def load(self, data):
        return cast(bytes(data).decode(), None)

    return type(name, (psycopg.adapt.Loader,), {"oids": tuple(oids), "load": load})
''',
)
REGISTER_LOADER = Helper(
    "register_loader",
    ("import psycopg",),
    '''
def register_loader(loader, context=None):
    """Use a loader on a connection or cursor, or on all connections that are made from now on."""
    adapters = psycopg.adapters if context is None else context.adapters
    for oid in loader.oids:
        adapters.register_loader(oid, loader)
''',
)
OIDS = {
    "BOOLEAN": (16,), "BYTES": (19, 18, 25, 1042, 1043), "DATE": (1082,), "DECIMAL": (1700,), "FLOAT": (701, 700),
    "INTEGER": (23, 21), "INTERVAL": (704, 1186), "LONGINTEGER": (20,), "TIME": (1083, 1266),
    "UNICODE": (19, 18, 25, 1042, 1043), "PYDATE": (1082,), "PYDATETIME": (1114,), "PYDATETIMETZ": (1184,),
    "PYINTERVAL": (704, 1186), "PYTIME": (1083, 1266), "JSON": (114,), "JSONB": (3802,), "BINARYARRAY": (1001,),
    "BOOLEANARRAY": (1000,), "DATEARRAY": (1182,), "DATETIMEARRAY": (1115,), "DECIMALARRAY": (1231,),
    "FLOATARRAY": (1021, 1022), "INTEGERARRAY": (1005, 1006, 1007), "LONGINTEGERARRAY": (1016,),
    "STRINGARRAY": (1002, 1003, 1009, 1014, 1015), "UNICODEARRAY": (1002, 1003, 1009, 1014, 1015),
}  # fmt: skip
"""The types that each of psycopg2's type objects stands for."""
NEW_TYPE, REGISTER_TYPE = "psycopg2.extensions.new_type", "psycopg2.extensions.register_type"
ARRAYS = "arrays go through the loader of their items"
NATIVE = re.compile(r"psycopg2\.extensions\.(?:UNICODE|PY\w+|\w+ARRAY)")
"""Casters that do what psycopg 3 does anyhow."""
FLOATS = re.compile(
    r"lambda (\w+), *\w+: *(?:float\(\1\)(?: if \1(?: is not None)? else None)?"
    r"|\1 and float\(\1\)|None if \1 is None else float\(\1\))"
)


class TypeCasters(Registrations):
    """`new_type()`, `register_type()`, `new_array_type()`, and type objects such as `psycopg2.extensions.DATE`."""

    DESCRIPTION = "Rewrite psycopg2's casters as psycopg 3's loaders."

    def examine(self) -> None:
        self.made = {
            call: self.made_by(call) for call in self.calls() if self.full_name(call.func) == NEW_TYPE
        }
        late = {self.maker(call.args[0].value) for call in self.registrations() if self.comes_late(call)} - {
            None
        }
        self.floats = {call for call in self.made if call not in late and self.is_float(call)}
        for call, kept in self.made.items():
            if call in late:
                self.keep(call.func)  # it is told where it is registered
                self.work.left.update(self.names_in(call))
            elif call in self.floats:
                self.drop_maker(call, "numeric goes through `FloatLoader`")
            elif kept:
                self.make(call)
            else:
                self.refuse(call)
        for call in self.registrations():
            self.register(call, is_late=self.maker(call.args[0].value) in late)
        for call in self.calls():
            if self.full_name(call.func) == "psycopg2.extensions.new_array_type":
                self.array(call)
        for attribute in self.attributes():
            name = self.full_name(attribute.value)
            if (
                attribute.attr.value == "values"
                and (oids := oids_of(name))
                and not self.is_claimed(attribute.value)
            ):
                self.claim(attribute.value)
                self.tell(
                    attribute,
                    "rewritten",
                    f"`{name}` has no name in psycopg 3: the types' numbers stand for it",
                )
                self.change(attribute, functools.partial(in_its_place, str(oids)))
        for comparison in self.file.model.nodes.get(cst.Comparison, ()):
            self.compare(cst.ensure_type(comparison, cst.Comparison))

    def registrations(self) -> Iterator[cst.Call]:
        """All calls of `register_type()`."""
        for call in self.calls():
            if self.full_name(call.func) == REGISTER_TYPE and call.args:
                yield call

    def comes_late(self, call: cst.Call) -> bool:
        """Whether a caster is registered when there are cursors that would not know its loader."""
        context = self.file.argument(call, "conn_or_curs", 1)
        return self.is_late(call, context.value if context is not None else None)

    # new_type

    def made_by(self, call: cst.Call) -> bool:
        """Whether a caster's function can be called by a loader: with text only, and never for NULL."""
        function = self.file.argument(call, "castobj", 2)
        return function is not None and self.is_plain(function.value)

    def is_plain(self, function: cst.BaseExpression) -> bool:
        if not isinstance(function, cst.Lambda):
            name = function.value if isinstance(function, cst.Name) else ""
            definition = next(
                (
                    each
                    for each in self.file.model.nodes.get(cst.FunctionDef, ())
                    if isinstance(each, cst.FunctionDef) and each.name.value == name
                ),
                None,
            )
            return definition is not None and self.treats_null(definition)
        names = [each.name.value for each in function.params.params]
        if len(names) != 2:
            return False
        text = self.code(function.body)
        return (
            not re.search(rf"\b{re.escape(names[1])}\b", text)
            and (" else " not in text or "else None" in text or text.startswith("None if "))
            and " or " not in text
        )

    def treats_null(self, definition: cst.FunctionDef) -> bool:
        """Whether a function uses its first parameter only, and gives None for None."""
        names = [each.name.value for each in definition.params.params]
        text = self.code(definition.body)
        if len(names) != 2 or re.search(rf"\b{re.escape(names[1])}\b", text):
            return False
        guards = re.findall(r"\bif\b[^\n]*:\s*\n?\s*(\w+[^\n]*)", text)
        return all(each.strip() in ("return None", "return") for each in guards if "return" in each)

    def is_float(self, call: cst.Call) -> bool:
        """Whether a caster makes floats of numeric values, and does nothing but be registered."""
        oids, function = self.file.argument(call, "values", 0), self.file.argument(call, "castobj", 2)
        if (
            oids is None
            or function is None
            or not FLOATS.fullmatch(" ".join(self.code(function.value).split()))
        ):
            return False
        text = self.code(oids.value)
        numeric = text in ("(1700,)", "[1700]") or (
            isinstance(oids.value, cst.Attribute)
            and oids.value.attr.value == "values"
            and oids_of(self.full_name(oids.value.value)) == OIDS["DECIMAL"]
        )
        return numeric and self.only_registered(call)

    def only_registered(self, call: cst.Call) -> bool:
        """Whether what a call makes is registered as it stands, or by the name that it is given."""
        target = self.parent(call)
        if isinstance(target, cst.Arg):
            holder = self.parent(target)
            return isinstance(holder, cst.Call) and self.registers(holder)
        uses = [use for each in self.file.model.bindings if each.value is call for use in each.uses]
        return isinstance(target, cst.Assign) and bool(uses) and all(self.is_registered(use) for use in uses)

    def drop_maker(self, call: cst.Call, message: str) -> None:
        """Leave out the assignment of what is not needed any more."""
        target = self.parent(call)
        self.claim_all(call)
        if isinstance(target, cst.Assign):
            self.tell(call, "rewritten", message)
            self.change(target, lambda _: cst.RemoveFromParent())

    def make(self, call: cst.Call) -> None:
        self.claim(call.func)
        name = self.helper(MAKE_LOADER)
        self.tell(call, "rewritten", "a caster is a loader, which arrays of the type use too")
        self.change(call, lambda updated: updated.with_changes(func=cst.Name(name)))

    def refuse(self, call: cst.Call) -> None:
        self.leave_all(call, "`new_type()` has no equal",
                  "write `class …(psycopg.adapt.Loader)` whose `load(data)` gets bytes, never NULL, and "
                  "`psycopg.adapters.register_loader()` it for each of the types")  # fmt: skip

    def array(self, call: cst.Call) -> None:
        """Arrays go through the loader of their items."""
        if self.only_registered(call):
            self.drop_maker(call, ARRAYS)

    def is_registered(self, use: cst.Name) -> bool:
        """Whether a use of a name registers what it stands for."""
        arg = self.parent(use)
        call = self.parent(arg) if isinstance(arg, cst.Arg) else None
        return isinstance(call, cst.Call) and self.registers(call)

    def registers(self, call: cst.Call) -> bool:
        return self.full_name(call.func) == REGISTER_TYPE and self.statement(call) is not None

    # register_type

    def register(self, call: cst.Call, *, is_late: bool) -> None:
        caster = call.args[0].value
        context = self.file.argument(call, "conn_or_curs", 1)
        made = self.maker(caster)
        if NATIVE.fullmatch(self.full_name(caster)):
            self.drop(call, "psycopg 3 gives these types so by itself")
        elif made is not None and self.full_name(made.func) == "psycopg2.extensions.new_array_type":
            self.drop(call, ARRAYS)
        elif made in self.floats:
            owner = f"{self.code(context.value)}." if context is not None else self.whole(call)
            loader = self.name(call, "psycopg.types.numeric", "FloatLoader")
            self.claim_all(call)
            self.tell(call, "rewritten", "numeric goes through `FloatLoader`, in arrays too")
            self.change(
                call, lambda _: cst.parse_expression(f'{owner}adapters.register_loader("numeric", {loader})')
            )
        elif made is None or not self.made.get(made):
            self.leave_all(
                call, "`register_type()` has no equal", "register a loader of your own in its place"
            )
        elif is_late:
            self.leave_all(call, MADE_TOO_EARLY, MOVE_UP)
        else:
            self.claim(call.func)
            name = self.helper(REGISTER_LOADER)
            self.tell(call, "rewritten", "a loader is registered with `adapters`")
            self.change(call, lambda updated: updated.with_changes(func=cst.Name(name)))

    def maker(self, caster: cst.BaseExpression) -> cst.Call | None:
        """The call that made a caster."""
        if isinstance(caster, cst.Call):
            return caster
        bindings = [
            each
            for each in self.file.model.bindings
            if isinstance(caster, cst.Name) and caster in each.uses and isinstance(each.value, cst.Call)
        ]
        return bindings[0].value if len(bindings) == 1 and isinstance(bindings[0].value, cst.Call) else None

    def whole(self, node: cst.CSTNode) -> str:
        """How to say `psycopg.` of `psycopg.adapters` at a node."""
        return self.name(node, "psycopg", "adapters").removesuffix("adapters")

    # Comparisons with type objects

    def compare(self, comparison: cst.Comparison) -> None:
        """`type_code == psycopg2.extensions.DATE`."""
        if len(comparison.comparisons) != 1:
            return
        target = comparison.comparisons[0]
        name = self.full_name(target.comparator)
        oids = oids_of(name)
        if not oids or not isinstance(target.operator, (cst.Equal, cst.NotEqual)):
            return
        operator = cst.In() if isinstance(target.operator, cst.Equal) else cst.NotIn()
        self.claim(target.comparator)
        self.tell(
            target.comparator,
            "rewritten",
            f"`{name}` has no name in psycopg 3: the types' numbers stand for it",
        )
        self.change(
            target,
            lambda updated: updated.with_changes(
                operator=operator, comparator=cst.parse_expression(str(oids))
            ),
        )


def in_its_place(text: str, _: cst.CSTNode) -> cst.BaseExpression:
    """What stands for a node, whatever has become of that."""
    return cst.parse_expression(text)


def oids_of(name: str) -> tuple[int, ...]:
    """The types that one of psycopg2's type objects stands for, if psycopg 3 has not the same."""
    module, _, last = name.rpartition(".")
    return OIDS.get(last, ()) if module in ("psycopg2.extensions", "psycopg2._psycopg") else ()
