"""Adapters: what is registered to turn Python's objects into SQL, and types of extensions into Python's objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.from_psycopg2.registering import MADE_TOO_EARLY, MOVE_UP, Registrations

if TYPE_CHECKING:
    from collections.abc import Callable

EXTRAS = "psycopg2.extras"
ADDRESSES = "values with a network mask are interfaces, the others addresses"
VERBATIM = {"psycopg2.extensions.AsIs", "psycopg2.extensions.Float", "psycopg2.extensions.Int"}


class TypeAdapters(Registrations):
    """`register_uuid()`, `register_hstore()`, `register_composite()`, `register_adapter()` and their like."""

    DESCRIPTION = "Rewrite the registration of psycopg2's adapters."

    def examine(self) -> None:
        answers: dict[str, Callable[[cst.Call], object]] = {
            f"{EXTRAS}.register_uuid": lambda call: self.drop(
                call, "uuid columns give `UUID` objects by themselves"
            ),
            f"{EXTRAS}.register_inet": self.addresses,
            f"{EXTRAS}.register_ipaddress": self.addresses,
            f"{EXTRAS}.Inet": self.address,
            f"{EXTRAS}.register_hstore": self.hstore,
            f"{EXTRAS}.register_composite": self.composite,
            "psycopg2.extensions.register_adapter": self.adapter,
        }
        for call in self.calls():
            answer = answers.get(self.full_name(call.func))
            if answer is not None:
                answer(call)

    def addresses(self, call: cst.Call) -> None:
        """Addresses come as objects of `ipaddress` by themselves."""
        if self.unsafe:
            self.drop(call, f"inet columns give objects of `ipaddress`: {ADDRESSES}", changes=True)
        else:
            self.leave_all(call, "inet columns give objects of `ipaddress` by themselves",
                      f"leave this out; {ADDRESSES}")  # fmt: skip

    def address(self, call: cst.Call) -> None:
        """`Inet("10.0.0.1/8")` as parameter."""
        if self.unsafe and len(call.args) == 1:
            name = self.name(call, "ipaddress", "ip_interface")
            self.claim(call.func)
            self.tell(call, "changed behaviour", "an address is given as object of `ipaddress`")
            self.change(call.func, lambda _: cst.parse_expression(name))

    # Types of extensions and of the database's own

    def hstore(self, call: cst.Call) -> None:
        given = self.file.argument(call, "conn_or_curs", 0)
        if given is not None and not self.has(call, "oid", "array_oid"):
            self.fetched(call, given.value, '"hstore"', ("psycopg.types.hstore", "register_hstore"),
                         ("psycopg.types", "TypeInfo"))  # fmt: skip

    def composite(self, call: cst.Call) -> None:
        name, given = self.file.argument(call, "name", 0), self.file.argument(call, "conn_or_curs", 1)
        if name is not None and given is not None and not self.has(call, "factory"):
            self.fetched(call, given.value, self.code(name.value), ("psycopg.types.composite", "register_composite"),
                         ("psycopg.types.composite", "CompositeInfo"))  # fmt: skip

    def fetched(
        self,
        call: cst.Call,
        given: cst.BaseExpression,
        name: str,
        function: tuple[str, str],
        info: tuple[str, str],
    ) -> None:
        """`register(conn)` becomes `register(Info.fetch(conn, name), conn)`."""
        text = self.code(given)
        connection = f"{text}.connection" if self.has_role(given, "cursor") else text
        everywhere = self.file.argument(call, "globally", 1 if function[1] == "register_hstore" else 2)
        globally = everywhere is not None and self.constant(everywhere.value) is True
        unclear = everywhere is not None and not isinstance(self.constant(everywhere.value), bool)
        if self.statement(call) is None or unclear or (self.is_unknown(given) and "cur" in text.lower()):
            return  # the pass that renames tells of it
        if self.is_late(call, given) or (
            self.work.is_mixed and not self.is_object(given, "connection", "cursor")
        ):
            self.leave_all(call, MADE_TOO_EARLY, MOVE_UP)
            return
        register, fetch = self.name(call, *function), self.name(call, *info)
        context = "" if globally else f", {connection}"
        self.claim(call.func)
        self.tell(call, "rewritten", f"`{function[1]}()` takes what `{info[1]}.fetch()` finds")
        self.change(
            call, lambda _: cst.parse_expression(f"{register}({fetch}.fetch({connection}, {name}){context})")
        )

    # Python's types

    def adapter(self, call: cst.Call) -> None:
        if len(call.args) != 2:
            return
        kind, how = (arg.value for arg in call.args)
        if self.full_name(kind).startswith("numpy.") and self.is_verbatim(how):
            said = f"psycopg 3 knows `{self.code(kind)}`"
            if self.unsafe:
                self.drop(call, f"{said} by itself", changes=True)
                self.forget(how)
            else:
                self.leave_all(call, f"{said} by itself", "leave this out")

    def is_verbatim(self, how: cst.BaseExpression) -> bool:
        """Whether a value is written as it is: by `AsIs`, or by a function that only calls it."""
        if self.full_name(how) in VERBATIM:
            return True
        definition = how if isinstance(how, cst.Lambda) else self.definition(how)
        if definition is None:
            return False
        value: cst.BaseExpression | None = definition.body if isinstance(definition, cst.Lambda) else None
        if isinstance(definition, cst.FunctionDef):
            value = only_return(definition)
        names = [each.name.value for each in definition.params.params]
        return (
            isinstance(value, cst.Call)
            and self.full_name(value.func) in VERBATIM
            and len(value.args) == len(names) == 1
            and self.code(value.args[0].value) in (names[0], f"{names[0]}.item()")
        )

    def definition(self, name: cst.BaseExpression) -> cst.FunctionDef | None:
        """The function of this file that a name means."""
        for node in self.file.model.nodes.get(cst.FunctionDef, ()):
            assert isinstance(node, cst.FunctionDef)
            scope = self.file.model.opened.get(node)
            own = f"{self.file.model.name}:{scope.qualname}" if scope is not None else ""
            if own and self.full_name(name) == own:
                return node
        return None

    def forget(self, how: cst.BaseExpression) -> None:
        """Leave out a function that nothing calls any more."""
        definition = self.definition(how)
        if definition is None or definition in self.work.changes.noted:
            return
        uses = [
            each
            for each in self.file.model.nodes.get(cst.Name, ())
            if isinstance(each, cst.Name)
            and each.value == definition.name.value
            and not self.is_claimed(each)
        ]
        if all(self.registers_numpy(each) for each in uses if each is not definition.name):
            self.claim_all(definition)
            self.change(definition, lambda _: cst.RemoveFromParent())

    def registers_numpy(self, name: cst.Name) -> bool:
        """Whether a use of a function's name is another registration that is left out."""
        arg = self.parent(name)
        call = self.parent(arg) if isinstance(arg, cst.Arg) else None
        return (
            isinstance(call, cst.Call)
            and self.full_name(call.func) == "psycopg2.extensions.register_adapter"
            and self.full_name(call.args[0].value).startswith("numpy.")
        )

    def has(self, call: cst.Call, *names: str) -> bool:
        return any(self.file.argument(call, name) is not None for name in names)


def only_return(definition: cst.FunctionDef) -> cst.BaseExpression | None:
    """What a function gives that does nothing else; a docstring aside."""
    lines = [line for line in definition.body.body if isinstance(line, cst.SimpleStatementLine)]
    small = [each for line in lines for each in line.body]
    if small and isinstance(small[0], cst.Expr) and isinstance(small[0].value, cst.SimpleString):
        small = small[1:]
    found = small[0] if len(small) == 1 and len(lines) == len(definition.body.body) else None
    return found.value if isinstance(found, cst.Return) else None
