"""A change of drivers: which, in which words, by which rules."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from asyncdb_lint.knowledge.drivers import Driver, driver_of
from asyncdb_lint.migrate.between_drivers import to_asyncpg, to_psycopg

if TYPE_CHECKING:
    from asyncdb_lint.migrate.between_drivers.answers import Rule


@dataclasses.dataclass(frozen=True)
class Direction:
    """From one driver to another. `names` are the old one's names in URLs, `session` where settings of a session go."""

    source: str
    target: str
    names: tuple[str, ...]
    rules: Mapping[str, Rule]
    session: Literal["options", "server_settings"]
    differences: str
    """What a program may notice whatever it passes to connect."""

    @property
    def pattern(self) -> re.Pattern[str]:
        """The old driver's name in a URL: `postgresql+asyncpg`."""
        return re.compile(rf"(?<![\w+])(postgresql|cockroachdb)\+(?:{'|'.join(self.names)})(?!\w)")

    @property
    def alone(self) -> re.Pattern[str]:
        """The part of it that code puts in and takes out: `+asyncpg`."""
        return re.compile(rf"\A\+(?:{'|'.join(self.names)})(?!\w)")

    @property
    def is_sync_lost(self) -> bool:
        """Whether a synchronous engine works with the old driver and not with the new one."""
        return self.target == "asyncpg"

    def is_source(self, driver: Driver | None) -> bool:
        """Whether a driver is the old one."""
        return driver is not None and driver.dialect == "postgresql" and driver.name in self.names

    def driver(self, sqlalchemy: str) -> Driver:
        """The new driver."""
        found = driver_of(f"postgresql+{self.target}", sqlalchemy)
        assert found is not None
        return found

    def old_driver(self, sqlalchemy: str) -> Driver:
        """The old driver."""
        found = driver_of(f"postgresql+{self.source}", sqlalchemy)
        assert found is not None
        return found


ASYNCPG_TO_PSYCOPG = Direction(
    "asyncpg", "psycopg", ("asyncpg",), to_psycopg.RULES, "options",
    "psycopg converts parameters that asyncpg refuses, and executemany() gives a rowcount",
)  # fmt: skip
STRICT = (
    "asyncpg refuses parameters of another type (DataError), takes one statement at a time,"
    " and executemany() gives no rowcount"
)
PSYCOPG_TO_ASYNCPG = Direction(
    "psycopg", "asyncpg", ("psycopg_async", "psycopg"), to_asyncpg.RULES, "server_settings", STRICT
)
PSYCOPG2_TO_ASYNCPG = Direction(
    "psycopg2", "asyncpg", ("psycopg2",), to_asyncpg.RULES, "server_settings", STRICT
)
