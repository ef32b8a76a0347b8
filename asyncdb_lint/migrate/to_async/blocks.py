"""`with` statements of which only some items are asynchronous."""

from __future__ import annotations

import itertools

import libcst as cst

from asyncdb_lint.migrate.to_async.awaiting import ASYNC


def entered_apart(block: cst.With, asynchronous: list[bool]) -> cst.With:
    """One block in another for each run of items that are entered alike; their order stays."""
    runs: list[tuple[bool, list[cst.WithItem]]] = []
    for is_async, group in itertools.groupby(
        zip(asynchronous, block.items, strict=True), key=lambda each: each[0]
    ):
        runs.append((is_async, [item for _, item in group]))
    header = getattr(block.body, "header", cst.TrailingWhitespace())
    inner = block
    for position, (is_async, items) in reversed(list(enumerate(runs))):
        is_last = position == len(runs) - 1
        body = block.body if is_last else cst.IndentedBlock([inner])
        if isinstance(body, cst.IndentedBlock):  # a comment stays on the first line
            body = body.with_changes(header=cst.TrailingWhitespace() if position else header)
        items = [*items[:-1], items[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)]
        changes = {"items": items, "body": body, "asynchronous": ASYNC if is_async else None}
        if position == 0:
            inner = block.with_changes(
                **changes, lpar=cst.MaybeSentinel.DEFAULT, rpar=cst.MaybeSentinel.DEFAULT
            )
        else:
            inner = cst.With(**changes)  # type: ignore[arg-type]
    return inner
