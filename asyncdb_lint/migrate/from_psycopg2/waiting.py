"""Wait callbacks: psycopg 3 waits by itself, lets Ctrl-C through, and yields to gevent."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.migrate.from_psycopg2.registering import Registrations

SETTER = "psycopg2.extensions.set_wait_callback"
GETTER = "psycopg2.extensions.get_wait_callback"
SELECT = "psycopg2.extras.wait_select"


class WaitCallbacks(Registrations):
    """`set_wait_callback(wait_select)`, and callbacks that are put aside and back again."""

    DESCRIPTION = "Leave out psycopg2's wait callbacks."

    def examine(self) -> None:
        setters = [
            call for call in self.calls() if self.full_name(call.func) == SETTER and len(call.args) == 1
        ]
        getters = [call for call in self.calls() if self.full_name(call.func) == GETTER]
        for call in setters:
            given = call.args[0].value
            if self.is_nothing(given) and self.drop(call, "psycopg 3 needs no wait callback"):
                continue
            self.leave_all(
                call, "psycopg 3 has no wait callbacks",
                "leave it out: under gevent it is enough that sockets are patched; eventlet is not supported",
            )  # fmt: skip
        for call in getters:
            target = self.parent(call)
            if isinstance(target, cst.Assign) and self.is_only_put_back(call):
                self.tell(call, "rewritten", "psycopg 3 needs no wait callback")
                self.claim_all(call)
                self.change(target, lambda _: cst.RemoveFromParent())

    def is_nothing(self, callback: cst.BaseExpression) -> bool:
        """Whether a callback is none of the program's own: psycopg2's, None, or what was put aside."""
        if self.full_name(callback) == SELECT or (
            isinstance(callback, cst.Name) and callback.value == "None"
        ):
            return True
        bindings = self.file.model.bindings_of(callback)
        return bool(bindings) and all(
            isinstance(each.value, cst.Call)
            and self.full_name(each.value.func) == GETTER
            and self.is_only_put_back(each.value)
            for each in bindings
        )

    def is_only_put_back(self, getter: cst.Call) -> bool:
        """Whether what is asked for is used to be set again, and for nothing else."""
        uses = [use for each in self.file.model.bindings if each.value is getter for use in each.uses]
        return all(self.is_put_back(use) for use in uses)

    def is_put_back(self, use: cst.Name) -> bool:
        arg = self.parent(use)
        call = self.parent(arg) if isinstance(arg, cst.Arg) else None
        return (
            isinstance(call, cst.Call)
            and self.full_name(call.func) == SETTER
            and self.statement(call) is not None
        )
