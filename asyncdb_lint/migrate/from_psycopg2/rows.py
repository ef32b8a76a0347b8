"""How a function reads the rows of a cursor: by key only, or otherwise too."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.semantics.model import Binding, Model

FETCHING = {"fetchone": False, "fetchall": True, "fetchmany": True}
"""Methods that give rows, and whether they give a list of them."""
OTHERS = {
    "execute", "executemany", "callproc", "close", "closed", "rowcount", "rownumber", "description", "statusmessage",
    "connection", "mogrify", "scroll", "arraysize", "itersize", "name", "query", "setinputsizes", "nextset",
    "copy_expert", "copy_from", "copy_to",
}  # fmt: skip
VIEWS = {"keys", "values", "items"}


def by_key(model: Model, cursor: cst.Call) -> bool:
    """Whether all rows of the cursor that a call makes are seen to be read by key."""
    held = binding_of(model, cursor)
    return held is not None and all(use_of_cursor(model, use) for use in held.uses)


def binding_of(model: Model, value: cst.CSTNode) -> Binding | None:
    """The name that holds what an expression gives."""
    return next(
        (
            each
            for each in model.bindings
            if each.value is value and isinstance(each.target, (cst.Name, cst.For, cst.CompFor))
        ),
        None,
    )


def use_of_cursor(model: Model, cursor: cst.CSTNode) -> bool:
    holder = model.parents.get(cursor)
    match holder:
        case cst.Attribute(attr=cst.Name(name)) if name in FETCHING:
            fetched = model.parents.get(holder)
            if not isinstance(fetched, cst.Call) or fetched.func is not holder:
                return False
            return use_of_rows(model, fetched) if FETCHING[name] else use_of_row(model, fetched)
        case cst.Attribute(attr=cst.Name(name)):
            return name in OTHERS
        case cst.WithItem():
            return True
        case _:
            return of_each(model, cursor)


def use_of_rows(model: Model, rows: cst.CSTNode) -> bool:
    """Whether a list of rows is looped over, counted or indexed, and its rows read by key."""
    holder = model.parents.get(rows)
    match holder:
        case cst.Assign() | cst.NamedExpr():
            held = binding_of(model, rows)
            return held is not None and all(use_of_rows(model, use) for use in held.uses)
        case cst.Subscript(
            value=value, slice=[cst.SubscriptElement(slice=cst.Index(value=cst.Integer()))]
        ) if value is rows:
            return use_of_row(model, holder)
        case cst.Arg():
            return is_call_of(model, holder, "len")
        case cst.Expr():
            return True
        case _:
            return is_test(model, rows) or of_each(model, rows)


def of_each(model: Model, rows: cst.CSTNode) -> bool:
    """A loop or comprehension over rows."""
    holder = model.parents.get(rows)
    if not isinstance(holder, (cst.For, cst.CompFor)) or holder.iter is not rows:
        return False
    held = binding_of(model, rows)
    return held is not None and all(use_of_row(model, use) for use in held.uses)


def use_of_row(model: Model, row: cst.CSTNode) -> bool:
    """Whether a row is read by a key that is a text, made a dict, or tested."""
    holder = model.parents.get(row)
    match holder:
        case cst.Assign() | cst.NamedExpr():
            held = binding_of(model, row)
            return held is not None and all(use_of_row(model, use) for use in held.uses)
        case cst.Subscript(value=value, slice=[cst.SubscriptElement(slice=cst.Index(value=key))]):
            return value is row and is_text(key)
        case cst.Attribute(attr=cst.Name(name)):
            call = model.parents.get(holder)
            if not isinstance(call, cst.Call) or call.func is not holder:
                return False
            return name in VIEWS or (name == "get" and bool(call.args) and is_text(call.args[0].value))
        case cst.Arg(star=""):
            return is_call_of(model, holder, "dict")
        case cst.ComparisonTarget(operator=cst.In() | cst.NotIn()):
            comparison = model.parents.get(holder)
            return isinstance(comparison, cst.Comparison) and is_text(comparison.left)
        case cst.Comparison(comparisons=[cst.ComparisonTarget(comparator=cst.Name("None"))]):
            return True
        case cst.Expr():
            return True
        case _:
            return is_test(model, row)


def is_test(model: Model, node: cst.CSTNode) -> bool:
    """Whether only the truth of something is asked."""
    holder = model.parents.get(node)
    if isinstance(holder, cst.BooleanOperation):
        return is_test(model, holder)
    return isinstance(holder, cst.UnaryOperation) or (
        isinstance(holder, (cst.If, cst.IfExp, cst.While, cst.Assert)) and holder.test is node
    )


def is_call_of(model: Model, argument: cst.Arg, function: str) -> bool:
    call = model.parents.get(argument)
    match call:
        case cst.Call(func=cst.Name(name), args=[only]):
            return name == function and only is argument
        case _:
            return False


def is_text(node: cst.BaseExpression) -> bool:
    return isinstance(node, (cst.SimpleString, cst.FormattedString, cst.ConcatenatedString))
