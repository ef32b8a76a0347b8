"""How a run is told: one module per output format, each reads the outcome and none knows another."""

from __future__ import annotations

import contextlib
import importlib
import io
from typing import TYPE_CHECKING, TextIO

from asyncdb_lint.finding import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.config import Settings

FORMATS = {
    "text": "text",
    "concise": "concise",
    "json": "as_json",
    "sarif": "sarif",
    "github": "github",
    "gitlab": "gitlab",
    "junit": "junit",
}


def write(outcome: Outcome, settings: Settings, stream: TextIO, *, statistics: bool = False) -> None:
    """Write `outcome` in the format of `settings`, or (`statistics`) counts by rule.

    Raises `UsageProblem` for statistics in a format that has no place for them.
    """
    name = "statistics" if statistics else FORMATS[settings.output_format]
    module = importlib.import_module(f"{__name__}.{name}")
    with lenient(stream):
        module.write(outcome, settings, stream)


@contextlib.contextmanager
def lenient(stream: TextIO) -> Iterator[None]:
    """Have a stream escape what its encoding lacks: a report must not stop half-way for a character."""
    if not isinstance(stream, io.TextIOWrapper):
        yield
        return
    errors = stream.errors
    stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        stream.reconfigure(errors=errors)
