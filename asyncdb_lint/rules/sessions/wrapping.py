"""Putting statements inside the `with` that closes the session they use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

# libcst.matchers takes as long to import as the rest of libcst, and only a finding needs it: it is imported late.

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncdb_lint.semantics.model import Model


def with_block(
    call: cst.BaseExpression, name: cst.Name, body: Sequence[cst.BaseStatement], *, is_async: bool
) -> cst.With:
    """`async with call as name:` around statements."""
    return cst.With(
        items=[cst.WithItem(call.with_changes(lpar=[], rpar=[]), cst.AsName(name.deep_clone()))],
        body=cst.IndentedBlock(list(body)),
        asynchronous=cst.Asynchronous() if is_async else None,
    )


def assigned(model: Model, made: cst.BaseExpression) -> tuple[cst.SimpleStatementLine, cst.Name] | None:
    """The line `name = made(…)` that stands alone, and the name."""
    assignment = model.parents[made]
    line = model.parents.get(assignment)
    if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
        return None
    if isinstance(assignment, cst.Assign) and len(assignment.targets) == 1:
        target: cst.CSTNode = assignment.targets[0].target
    elif isinstance(assignment, cst.AnnAssign):
        target = assignment.target
    else:
        return None
    return (line, target) if isinstance(target, cst.Name) else None


def entered_generator(
    model: Model, function: cst.FunctionDef, made: cst.Call, *, is_async: bool
) -> cst.IndentedBlock | None:
    """The body of a generator that only makes, yields and perhaps closes a session: now it enters it."""
    found, body = assigned(model, made), function.body
    if found is None or not isinstance(body, cst.IndentedBlock):
        return None
    line, name = found
    before = list(body.body[:1]) if is_docstring(body.body[0]) else []
    rest = body.body[len(before) :]
    if not rest or rest[0] is not line:
        return None
    kept = yielding(rest[1:], name.value)
    if kept is None:
        return None
    inner = kept.with_changes(leading_lines=kept.leading_lines)
    block = with_block(made, name, [inner], is_async=is_async).with_changes(leading_lines=line.leading_lines)
    if line.trailing_whitespace.comment is not None:
        block = block.with_changes(body=block.body.with_changes(header=line.trailing_whitespace))
    return body.with_changes(body=[*before, block])


def is_docstring(statement: cst.CSTNode) -> bool:
    import libcst.matchers as m

    return m.matches(statement, m.SimpleStatementLine([m.Expr(m.SimpleString() | m.ConcatenatedString())]))


def yielding(statements: Sequence[cst.BaseStatement], name: str) -> cst.SimpleStatementLine | None:
    """The `yield name` line, when beside it there is at most the session's own close, without comments."""
    import libcst.matchers as m

    is_yield = m.SimpleStatementLine([m.Expr(m.Yield(m.Name(name)))])
    if len(statements) not in (1, 2) or not m.matches(statements[0], is_yield):
        return None
    if len(statements) == 2 and not is_bare_close(statements[1], name):
        return None
    line = statements[0]
    assert isinstance(line, cst.SimpleStatementLine)
    return line


def is_bare_close(statement: cst.CSTNode, name: str) -> bool:
    import libcst.matchers as m

    call = m.Call(m.Attribute(m.Name(name), m.Name("close")), args=[])
    if (
        not isinstance(statement, cst.SimpleStatementLine)
        or statement.trailing_whitespace.comment is not None
    ):
        return False
    if any(each.comment is not None for each in statement.leading_lines):
        return False
    return m.matches(statement, m.SimpleStatementLine([m.Expr(m.Await(call) | call)]))


def wrapped(
    model: Model, made: cst.BaseExpression, uses: Sequence[cst.CSTNode], *, is_async: bool
) -> tuple[cst.CSTNode, cst.CSTNode] | None:
    """The function with what follows `name = made(…)` put inside `with`, if that block holds all uses.

    What was awaited (`await engine.connect()`) is entered without its `await`.
    """
    import libcst.matchers as m

    found = assigned(model, made)
    if found is None:
        return None
    line, name = found
    block, function = model.parents[line], model.scope_of(made).node
    if not isinstance(block, cst.IndentedBlock) or not isinstance(function, cst.FunctionDef):
        return None
    at = block.body.index(line)
    before, rest = block.body[:at], block.body[at + 1 :]
    if not rest or not all(inside(model, use, rest) for use in uses):
        return None
    kept = [statement for statement in rest if not is_bare_close(statement, name.value)]
    if not kept or any(
        m.findall(statement, m.Attribute(m.Name(name.value), m.Name("close"))) for statement in kept
    ):
        return None
    call = made.expression if isinstance(made, cst.Await) else made
    entered = with_block(call, name, kept, is_async=is_async).with_changes(leading_lines=line.leading_lines)
    if line.trailing_whitespace.comment is not None:
        entered = entered.with_changes(body=entered.body.with_changes(header=line.trailing_whitespace))
    mended = block.with_changes(body=[*before, entered])
    if function.body is block:
        return function, function.with_changes(body=mended)
    return function, function.deep_replace(block, mended)


def inside(model: Model, node: cst.CSTNode, statements: Sequence[cst.CSTNode]) -> bool:
    """Whether a node stands in one of the statements."""
    while node in model.parents:
        if any(node is statement for statement in statements):
            return True
        node = model.parents[node]
    return False
