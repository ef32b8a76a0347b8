"""Calls that hand a function to a thread, and that a coroutine function makes needless."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.semantics.offload import Offload

AWAITABLE = {
    "asyncio.to_thread", "asyncio.threads.to_thread", "anyio.to_thread.run_sync", "trio.to_thread.run_sync",
    "starlette.concurrency.run_in_threadpool", "fastapi.concurrency.run_in_threadpool",
}  # fmt: skip
"""Coroutine functions that run a function in a thread: a coroutine function's own coroutine can take their place."""
AWAITING = {
    f"asyncio.{name}"
    for name in ("gather", "wait_for", "shield", "create_task", "ensure_future", "as_completed")
} | {"asyncio.TaskGroup.create_task"}
"""Functions that see to a coroutine that they are given."""
EXECUTOR = "run_in_executor"
OWN_KEYWORDS = {"cancellable", "limiter", "abandon_on_cancel"}  # anyio's and trio's, not the function's


def is_replaceable(file: FileContext, offload: Offload) -> bool:
    """Whether a coroutine may stand where a function is handed to a thread now."""
    if any(arg.star for arg in offload.arguments):
        return False
    awaited = isinstance(file.model.parents[offload.call], cst.Await)
    if offload.through.endswith(EXECUTOR):  # runs at once: only what is awaited at once means the same
        return awaited
    keywords = {arg.keyword.value for arg in offload.arguments if arg.keyword is not None}
    if offload.through not in AWAITABLE or keywords & OWN_KEYWORDS:
        return False
    return awaited or is_gathered(file, offload.call)


def is_gathered(file: FileContext, node: cst.CSTNode) -> bool:
    """Whether a coroutine is given to what awaits it: `asyncio.gather(…)`, also in a list that is unpacked."""
    holder = file.model.parents[node]
    while isinstance(holder, (cst.ListComp, cst.GeneratorExp, cst.Element, cst.List, cst.Tuple)):
        holder = file.model.parents[holder]
    call = file.model.parents.get(holder) if isinstance(holder, cst.Arg) else None
    kind = file.kind(call.func) if isinstance(call, cst.Call) else None
    return getattr(kind, "name", "") in AWAITING
