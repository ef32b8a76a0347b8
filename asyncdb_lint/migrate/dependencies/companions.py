"""Packages that go with psycopg2: what becomes of each, and from which version on others take psycopg 3."""

from __future__ import annotations

from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.version import InvalidVersion, Version

DROPPED = {"types-psycopg2": "psycopg is typed"}
MANUAL = {
    "psycopg2cffi": "require psycopg, which runs on PyPy too, and drop `psycopg2cffi.compat.register()`",
    "psycopg2-pool": "use `psycopg_pool.ConnectionPool` and require `psycopg[pool]`",
    "psycopg2-yugabytedb": "require psycopg-yugabytedb",
    "psycopg2-yugabytedb-binary": "require psycopg-yugabytedb[binary]",
    "psycogreen": "drop it: psycopg waits through gevent's patched sockets; eventlet is not supported",
    "aiopg": "use `psycopg.AsyncConnection` and `psycopg_pool.AsyncConnectionPool`",
    "opentelemetry-instrumentation-psycopg2": (
        "require opentelemetry-instrumentation-psycopg, whose module is `opentelemetry.instrumentation.psycopg`"
    ),
    "opentelemetry-instrumentation-aiopg": "require opentelemetry-instrumentation-psycopg",
}
NEEDED = {"sqlalchemy": "2.0", "django": "4.2", "pytest-postgresql": "4.0", "pgspecial": "2.0"}
"""The first version of each that works with psycopg 3."""
EXTRAS = {
    "sqlalchemy": {
        "postgresql": "postgresql-psycopg",
        "postgresql-psycopg2binary": "postgresql-psycopgbinary",
    }
}


def is_too_old(name: str, wanted: str) -> bool:
    """Whether a specifier admits only versions of a package that do not work with psycopg 3."""
    floor = NEEDED.get(name)
    if floor is None:
        return False
    try:
        return any(_ends_before(each, Version(floor)) for each in SpecifierSet(wanted))
    except (InvalidSpecifier, InvalidVersion):
        return False


def _ends_before(specifier: Specifier, floor: Version) -> bool:
    operator, text = specifier.operator, specifier.version
    release = Version(text.removesuffix(".*")).release
    if operator == "<":
        return Version(text) <= floor
    if operator == "~=":
        release = release[:-1]
    elif operator in ("<=", "==", "==="):
        if not text.endswith(".*"):
            return Version(text) < floor
    else:
        return False
    return release < floor.release[: len(release)]
