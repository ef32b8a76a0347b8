"""`register_adapter(Type, function)`, where the function writes a value as text, a number or NULL."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.migrate.from_psycopg2.registering import MADE_TOO_EARLY, MOVE_UP, Registrations
from asyncdb_lint.migrate.helpers import Helper

REGISTER_DUMPER = Helper(
    "register_dumper",
    ("import psycopg",),
    '''
def register_dumper(kind, text_of):
    """Give objects of a type to PostgreSQL as the text that `text_of(obj)` makes of them; None is NULL."""

    class TextDumper(psycopg.adapt.Dumper):
        def dump(self, obj):
            text = text_of(obj)
            return None if text is None else str(text).encode()

    psycopg.adapters.register_dumper(kind, TextDumper)
''',
)
REGISTER = "psycopg2.extensions.register_adapter"
AS_IS = "psycopg2.extensions.AsIs"
QUOTING = {"psycopg2.extensions.adapt", "psycopg2.extensions.QuotedString"}
NUMBERS = {"psycopg2.extensions.Int", "psycopg2.extensions.Float"}
CONVERTING = {"builtins.int", "builtins.float", "builtins.str", "builtins.repr"}
SAID = "what `{}` is written as goes to the server as text without a type"
Definition = cst.FunctionDef | cst.Lambda


class ValueDumpers(Registrations):
    """Adapters of the project's own types become dumpers."""

    DESCRIPTION = "Rewrite functions that adapt values for psycopg2 as psycopg 3's dumpers."

    def examine(self) -> None:
        self.changed: set[Definition] = set()
        for call in self.calls():
            if (
                self.full_name(call.func) == REGISTER
                and len(call.args) == 2
                and not self.is_claimed(call.func)
            ):
                self.judge(call)

    def judge(self, call: cst.Call) -> None:
        kind, how = (arg.value for arg in call.args)
        name = self.code(kind)
        definition = self.definition(how)
        written = self.written(definition) if definition is not None else None
        exact = written is not None and all(self.is_text(each) for each in written)
        if definition is None or not written or self.statement(call) is None or not (self.unsafe or exact):
            self.leave_all(
                call, f"`register_adapter()` has no equal: `{name}` needs a dumper",
                "write `class …(psycopg.adapt.Dumper)` whose `dump(obj)` gives bytes, set its `oid` if the type is "
                f"not to be guessed, and `psycopg.adapters.register_dumper({name}, …)` before connecting",
            )  # fmt: skip
            if definition is not None and definition not in self.changed:
                self.work.left.update(self.names_in(definition))
        elif self.is_late(call, None):
            self.leave_all(call, MADE_TOO_EARLY, MOVE_UP)
        else:
            self.claim(call.func)
            self.tell(call, "rewritten" if exact else "changed behaviour", SAID.format(name))
            helper = cst.Name(self.helper(REGISTER_DUMPER))
            self.change(call, lambda updated: updated.with_changes(func=helper))
            self.rewrite(definition, written)

    def rewrite(self, definition: Definition, written: list[cst.Call]) -> None:
        """Let a function give what is written, in place of an adapter that writes it."""
        if definition in self.changed:
            return
        self.changed.add(definition)
        for call in written:
            self.claim(call.func)
            text = self.plain(definition, call)
            if text is not None:
                self.change(call, lambda _, text=text: cst.parse_expression(text))  # type: ignore[misc]

    # What is written

    def definition(self, how: cst.BaseExpression) -> Definition | None:
        """The function that adapts, if it does nothing but that."""
        if isinstance(how, cst.Lambda):
            return how
        for node in self.file.model.nodes.get(cst.FunctionDef, ()):
            assert isinstance(node, cst.FunctionDef)
            scope = self.file.model.opened.get(node)
            own = f"{self.file.model.name}:{scope.qualname}" if scope is not None else ""
            if own and self.full_name(how) == own:
                return node if self.only_adapts(node) else None
        return None

    def only_adapts(self, definition: cst.FunctionDef) -> bool:
        """Whether every use of a function's name registers it as an adapter."""
        uses = [
            node
            for node in self.file.model.nodes.get(cst.Name, ())
            if isinstance(node, cst.Name)
            and node.value == definition.name.value
            and node is not definition.name
        ]
        return all(self.registers(use) for use in uses)

    def registers(self, use: cst.Name) -> bool:
        arg = self.parent(use)
        call = self.parent(arg) if isinstance(arg, cst.Arg) else None
        return isinstance(call, cst.Call) and self.full_name(call.func) == REGISTER

    def written(self, definition: Definition) -> list[cst.Call] | None:
        """The adapters that a function gives; None if it gives anything else, or not all can be told."""
        if len(definition.params.params) != 1:
            return None
        if isinstance(definition, cst.Lambda):
            given: list[cst.BaseExpression | None] = [definition.body]
        else:
            given = [
                node.value
                for node in self.file.model.nodes.get(cst.Return, ())
                if isinstance(node, cst.Return) and self.holds(definition, node)
            ]
        found: list[cst.Call] = []
        for value in given:
            for each in options(value):
                if not isinstance(each, cst.Call) or self.plain(definition, each) is None:
                    return None
                found.append(each)
        return found

    def plain(self, definition: Definition, call: cst.Call) -> str | None:
        """What an adapter writes, as an expression."""
        if len(call.args) != 1 or call.args[0].keyword is not None:
            return None
        value, full = call.args[0].value, self.full_name(call.func)
        if full in QUOTING or full in NUMBERS:
            return self.code(value)
        if full != AS_IS:
            return None
        if self.constant(value) == "NULL":
            return "None"
        return self.code(value) if self.is_number(value, definition.params.params[0].name.value) else None

    def is_number(self, value: cst.BaseExpression, name: str) -> bool:
        """Whether a value is the parameter or what is converted from it: unquoted, that is a number."""
        if isinstance(value, cst.Name):
            return value.value == name
        if isinstance(value, cst.Attribute):
            return self.is_number(value.value, name)
        if isinstance(value, cst.Call):
            if self.full_name(value.func) in CONVERTING and len(value.args) == 1:
                return self.is_number(value.args[0].value, name)
            method = value.func
            return isinstance(method, cst.Attribute) and not value.args and self.is_number(method.value, name)
        return False

    def is_text(self, call: cst.Call) -> bool:
        """Whether an adapter surely writes text in quotes, which has no type in psycopg2 either."""
        value = call.args[0].value
        if self.full_name(call.func) == "psycopg2.extensions.QuotedString":
            return True
        return (
            self.full_name(call.func) in QUOTING
            and isinstance(value, cst.Call)
            and self.full_name(value.func) == "builtins.str"
        )

    def holds(self, outer: cst.CSTNode, node: cst.CSTNode) -> bool:
        """Whether a node stands within another, and not within a function inside that."""
        holder = self.parent(node)
        while holder is not None and not isinstance(holder, cst.FunctionDef):
            holder = self.parent(holder)
        return holder is outer


def options(value: cst.BaseExpression | None) -> list[cst.BaseExpression | None]:
    """What an expression may give: both sides of a conditional one."""
    if isinstance(value, cst.IfExp):
        return [*options(value.body), *options(value.orelse)]
    return [value]
