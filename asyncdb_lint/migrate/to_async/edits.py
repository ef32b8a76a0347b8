"""Small pieces of new text."""

from __future__ import annotations

import libcst as cst


def closed(pool: cst.Call) -> cst.Call:
    """A pool that is made without being opened."""
    args = [
        arg.with_changes(value=cst.Name("False"))
        if arg.keyword is not None and arg.keyword.value == "open"
        else arg
        for arg in pool.args
    ]
    return pool.with_changes(args=args)


def fetched(cursor: cst.BaseExpression) -> cst.BaseExpression:
    """All rows of a cursor, for what would have iterated over it."""
    return cst.Await(cst.Call(cst.Attribute(cursor, cst.Name("fetchall"))))


def spread(args: list[cst.Arg]) -> list[cst.Arg]:
    """Arguments with commas between them."""
    last = len(args) - 1
    return [
        each.with_changes(comma=cst.MaybeSentinel.DEFAULT if position == last else comma(each))
        for position, each in enumerate(args)
    ]


def comma(arg: cst.Arg) -> cst.Comma:
    return (
        arg.comma
        if isinstance(arg.comma, cst.Comma)
        else cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    )


def lambda_body(call: cst.Call, original: cst.Lambda) -> cst.BaseExpression:
    """What a lambda among the arguments of a call calls, without the `await` that was put before it."""
    body = next(arg.value.body for arg in call.args if isinstance(arg.value, cst.Lambda))
    return body.expression if isinstance(body, cst.Await) else body
