"""Settings of a session, as libpq's `options` and as asyncpg's `server_settings`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from asyncdb_lint.migrate.between_drivers.answers import Code
from asyncdb_lint.migrate.helpers import Helper

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SERVER_OPTIONS = Helper(
    "server_options",
    ("import re",),
    '''
def server_options(settings: dict[str, str]) -> str:
    """Settings of a session, as libpq takes them when it connects."""

    def escaped(value: str) -> str:
        return re.sub(r"([\\\\\\s])", r"\\\\\\1", value)

    return " ".join(f"-c {name}={escaped(value)}" for name, value in settings.items())
''',
)


def escaped(value: str) -> str:
    """A value among libpq's options, where spaces part them."""
    return re.sub(r"([\\\s])", r"\\\1", value)


def as_options(
    settings: Sequence[tuple[str, object]], spread: Sequence[Code], helper: Callable[[Helper], str]
) -> object:
    """One text, written out where all is known; else made by a helper."""
    if not spread and all(isinstance(value, str) for _, value in settings):
        return " ".join(f"-c {name}={escaped(str(value))}" for name, value in settings)
    name = helper(SERVER_OPTIONS)
    if len(spread) == 1 and not settings:
        return Code(f"{name}({spread[0].text})")
    parts = [f"**({each.text})" for each in spread] + [
        f'"{key}": {written(value)}' for key, value in settings
    ]
    return Code(f"{name}({{{', '.join(parts)}}})")


def as_settings(settings: Sequence[tuple[str, object]]) -> Code:
    """A dict of texts."""
    return Code("{" + ", ".join(f'"{name}": {written(value)}' for name, value in settings) + "}")


def written(value: object) -> str:
    """A value as code."""
    if isinstance(value, Code):
        return value.text
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
