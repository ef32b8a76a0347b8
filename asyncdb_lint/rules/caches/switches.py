"""What switches prepared statements off, per driver and version, and which engines stand behind a pooler.

Measured with two processes behind PgBouncer in transaction mode: asyncpg up to 0.30 needs both caches at zero
and names of its own for statements; from 0.31 `statement_cache_size=0` makes statements nameless, which is
enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.semantics.kinds import Constant

if TYPE_CHECKING:
    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.semantics.engines import EngineCall

NAMELESS_SINCE = (0, 31)
PGBOUNCER_PORT = 6432
SUPABASE_TRANSACTION_PORT = 6543
UNSET = object()


def asyncpg_is_old(file: FileContext) -> bool | None:
    """Whether the project pins an asyncpg that names all its statements; None when it pins none."""
    version = file.versions.get("asyncpg")
    if version is None:
        return None
    major, _, rest = version.partition(".")
    minor = rest.partition(".")[0]
    return (int(major), int(minor or 0)) < NAMELESS_SINCE if major.isdigit() and minor.isdigit() else None


def value(file: FileContext, engine: EngineCall, name: str) -> object:
    """A connection argument's literal value, also from the URL; UNSET without it, else "unknown"."""
    setting = engine.connect_args.get(name)
    if setting is not None:
        kind = file.kind(setting.value)
        return kind.value if isinstance(kind, Constant) and setting.certain else "unknown"
    text = engine.url.query.get(name, UNSET) if engine.url is not None else UNSET
    if isinstance(text, str) and text.isdigit():
        return int(text)
    return text if text is UNSET else "unknown"


def is_switched_off(file: FileContext, engine: EngineCall) -> bool:
    """Whether the statements of an asyncpg or psycopg engine or pool survive a transaction pooler."""
    driver = engine.driver.name if engine.driver is not None else ""
    if not engine.connect_args.complete:
        return True
    if driver.startswith("psycopg"):
        threshold = value(file, engine, "prepare_threshold")
        return threshold is None or threshold == "unknown" or assigns_threshold(file)
    own = value(file, engine, "statement_cache_size")
    if not engine.is_engine:
        return own is not UNSET and own in (0, "unknown")
    dialect = value(file, engine, "prepared_statement_cache_size")
    named = engine.connect_args.get("prepared_statement_name_func") is not None
    old = asyncpg_is_old(file)
    if "unknown" in (own, dialect):
        return True
    if old:
        return named and own == 0 and dialect == 0
    return own == 0 or (named and dialect == 0)


def assigns_threshold(file: FileContext) -> bool:
    """Whether the file sets `prepare_threshold` on connections itself."""
    return any(
        isinstance(target, cst.AssignTarget)
        and isinstance(target.target, cst.Attribute)
        and target.target.attr.value == "prepare_threshold"
        for target in file.model.nodes.get(cst.AssignTarget, ())
    )


def pooler(file: FileContext, engine: EngineCall) -> tuple[str, bool]:
    """What says that a transaction pooler is in front, and whether that is sure; empty when nothing does."""
    if file.settings.pooler is not None:
        return ("the setting `pooler`", True) if file.settings.pooler == "transaction" else ("", False)
    if engine.url is None:
        return "", False
    host = (engine.url.host or "").lower()
    if "pgbouncer" in host:
        return f"the host `{engine.url.host}`", False
    if engine.url.port == PGBOUNCER_PORT:
        return f"the port {PGBOUNCER_PORT}", False
    if host.endswith(".supabase.com") and engine.url.port == SUPABASE_TRANSACTION_PORT:
        return f"the port {SUPABASE_TRANSACTION_PORT}", False
    return "", False


def is_half_off(file: FileContext, engine: EngineCall) -> bool:
    """Whether only the driver's cache is off where SQLAlchemy's own, which is the one in use, is on."""
    if engine.driver is None or engine.driver.name != "asyncpg" or not engine.is_engine:
        return False
    if not engine.connect_args.complete or not asyncpg_is_old(file):
        return False
    own = value(file, engine, "statement_cache_size")
    return own == 0 and own is not False and value(file, engine, "prepared_statement_cache_size") is UNSET


def is_zero_threshold(file: FileContext, engine: EngineCall) -> bool:
    """Whether psycopg is told to prepare at once by what looks like "never"."""
    if (
        engine.driver is None
        or not engine.driver.name.startswith("psycopg")
        or engine.driver.name == "psycopg2"
    ):
        return False
    threshold = value(file, engine, "prepare_threshold")
    return threshold == 0 and threshold is not False
