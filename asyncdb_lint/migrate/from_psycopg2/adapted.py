"""Values that are adapted, told the connection, and then quoted: psycopg 3 quotes them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from asyncdb_lint.migrate.from_psycopg2.registering import Registrations

if TYPE_CHECKING:
    from collections.abc import Sequence

MAKING = {"psycopg2.extensions.adapt", "psycopg2.extensions.QuotedString"}
SAID = "`quote()` gives the text at once; lists are quoted otherwise"
ADVICE = "use `psycopg.sql.quote(value, connection)`, which gives the text"


class Uses(NamedTuple):
    """What is done with an adapted value: the calls that quote it, and the one that tells the connection."""

    quoting: Sequence[cst.Call]
    prepare: cst.Call | None


class AdaptedValues(Registrations):
    """`adapted = adapt(value)`, `adapted.prepare(connection)`, `adapted.getquoted()`."""

    DESCRIPTION = "Rewrite values that psycopg2 adapts in several steps."

    def examine(self) -> None:
        for call in self.calls():
            if self.full_name(call.func) not in MAKING or len(call.args) != 1 or call.args[0].star:
                continue
            uses = self.uses(call)
            if uses is None:
                continue
            if self.unsafe:
                self.rewrite(call, uses)
            else:
                self.hand_over(call.func, call, SAID, ADVICE)

    def uses(self, call: cst.Call) -> Uses | None:
        """The uses of the variable that holds an adapted value; None where they are not all understood."""
        held = [each for each in self.file.model.bindings if each.value is call]
        target = self.parent(call)
        if len(held) != 1 or not isinstance(target, cst.Assign) or len(target.targets) != 1:
            return None
        again = [each for each in held[0].scope.bindings.get(held[0].name, ()) if each is not held[0]]
        quoting, preparing = [], []
        for use in held[0].uses:
            method, holder = self.method_of(use)
            if method == "prepare" and self.statement(holder) is not None and len(holder.args) == 1:
                preparing.append(holder)
            elif method in ("getquoted", "str"):
                quoting.append(holder)
            else:
                return None
        prepare = preparing[0] if preparing else None
        if again or len(preparing) > 1 or (prepare is not None and not self.follows(target, prepare)):
            return None
        return Uses(quoting, prepare) if quoting else None

    def method_of(self, use: cst.Name) -> tuple[str, cst.Call]:
        """The method that is called on a variable, or `str` of it, and the call."""
        parent = self.parent(use)
        call = self.parent(parent) if parent is not None else None
        if isinstance(call, cst.Call):
            if isinstance(parent, cst.Attribute) and call.func is parent:
                return parent.attr.value, call
            if isinstance(parent, cst.Arg) and self.full_name(call.func) == "builtins.str":
                return "str", call
        return "", cst.Call(use)

    def follows(self, assign: cst.Assign, prepare: cst.Call) -> bool:
        """Whether a statement comes right after another."""
        first, second = self.parent(assign), self.parent(self.parent(prepare) or prepare)
        body = getattr(self.parent(first), "body", ()) if first is not None else ()
        places = [number for number, each in enumerate(body) if each is first or each is second]
        return len(places) == 2 and places[1] == places[0] + 1

    def rewrite(self, call: cst.Call, uses: Uses) -> None:
        connection = self.code(uses.prepare.args[0].value) if uses.prepare is not None else ""
        self.claim(call.func)
        self.tell(call, "changed behaviour", SAID)
        quote = cst.parse_expression(self.name(call, "psycopg.sql", "quote"))
        context = [cst.Arg(cst.parse_expression(connection))] if connection else []
        self.change(call, lambda updated: updated.with_changes(func=quote, args=[*updated.args, *context]))
        if uses.prepare is not None:
            self.change(self.statement(uses.prepare) or uses.prepare, lambda _: cst.RemoveFromParent())
        encoding = f"{connection}.info.encoding" if connection else ""
        for each in uses.quoting:
            if not isinstance(each.func, cst.Attribute):
                continue  # `str(adapted)`
            decoding = self.parent(each)
            outer = self.parent(decoding) if isinstance(decoding, cst.Attribute) else None
            if isinstance(decoding, cst.Attribute) and decoding.attr.value == "decode" and outer is not None:
                self.put(outer, self.code(each.func.value))
            else:
                self.put(each, f"{self.code(each.func.value)}.encode({encoding})")

    def put(self, place: cst.CSTNode, text: str) -> None:
        self.change(place, lambda _: cst.parse_expression(text))
