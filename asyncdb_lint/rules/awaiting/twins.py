"""Calls that an awaited call on the same object betrays, where nobody says what the object is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.semantics.lifecycle import branches

if TYPE_CHECKING:
    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.semantics.model import Model

# Awaited on an object, one of these says that it talks to a database.
DATABASE_METHODS = {
    "commit", "rollback", "execute", "executemany", "fetch", "fetchrow", "fetchval", "fetchone", "fetchall",
    "flush", "scalar", "scalars", "refresh",
}  # fmt: skip


def awaited_twin(file: FileContext, call: cst.Call) -> cst.Await | None:
    """An `await x.method(…)` on every way to `x.method(…)`, `x` being one database object in one function.

    A twin in another branch of the same statement (`if iscoroutinefunction(x.close): await x.close() else:
    …`) says that the code serves both worlds, and clears the call.
    """
    model = file.model
    assert isinstance(call.func, cst.Attribute)
    held, method = call.func.value, call.func.attr.value
    bindings = model.bindings_of(held) if isinstance(held, cst.Name) else []
    uses = [
        use for binding in bindings for use in binding.uses if model.scope_of(use) is model.scope_of(held)
    ]
    calls = [
        (name, awaited)
        for use in uses
        if (found := awaited_call(model, use)) is not None
        for name, awaited in [found]
    ]
    if not any(name in DATABASE_METHODS for name, _ in calls):
        return None
    twins = [awaited for name, awaited in calls if name == method]
    above = branches(model, call)
    unconditional = None
    for twin in twins:
        its = branches(model, twin)
        if any(compound in above and above[compound] is not branch for compound, branch in its.items()):
            return None
        if all(
            compound in above or not isinstance(compound, (cst.If, cst.Match, cst.IfExp)) for compound in its
        ):
            unconditional = unconditional or twin
    return unconditional


def awaited_call(model: Model, use: cst.CSTNode) -> tuple[str, cst.Await] | None:
    """The method and the `await` of `await use.method(…)`."""
    attribute = model.parents[use]
    if not isinstance(attribute, cst.Attribute):
        return None
    called = model.parents[attribute]
    awaiting = model.parents[called] if isinstance(called, cst.Call) and called.func is attribute else None
    return (attribute.attr.value, awaiting) if isinstance(awaiting, cst.Await) else None
