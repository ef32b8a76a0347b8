"""A progress bar on standard error for runs that take long enough to want one."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

PATIENCE = 1.0  # seconds before anything is shown


@contextlib.contextmanager
def progress_bar(*, enabled: bool) -> Iterator[Callable[[int, int], None] | None]:
    """A callback `(files done now, files in all)` that draws once a run has lasted a second."""
    if not enabled:
        yield None
        return
    started, done, bar, task = time.monotonic(), 0, None, None

    def advance(fresh: int, total: int) -> None:
        nonlocal done, bar, task
        done += fresh
        if bar is None and time.monotonic() - started > PATIENCE:
            bar = make_bar()
            bar.start()
            task = bar.add_task("reading", total=total)
        if bar is not None and task is not None:
            bar.update(task, completed=done, total=total)

    try:
        yield advance
    finally:
        if bar is not None:
            bar.stop()


def make_bar() -> Any:
    """rich's bar on standard error; imported only now, as most runs never need it."""
    from rich.console import Console
    from rich.progress import Progress

    return Progress(console=Console(stderr=True), transient=True)
