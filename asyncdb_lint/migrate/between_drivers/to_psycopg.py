"""asyncpg's connection arguments in psycopg's words. Measured: tests/proofs/test_migrate_driver.py."""

from __future__ import annotations

import math
from collections.abc import Mapping

import libcst as cst

from asyncdb_lint.knowledge.drivers import SSL_MODES
from asyncdb_lint.migrate.between_drivers.answers import (
    KEPT,
    UNKNOWN,
    Answer,
    Code,
    Given,
    Rule,
    by_hand,
    called,
    dropped,
    given_up,
    literal,
    unless_none,
)  # fmt: skip
from asyncdb_lint.migrate.between_drivers.tls import of_context

SHORTEST = 2  # seconds: libpq waits no less for a connection
POOLERS = (
    "PgBouncer takes `options` from 1.20 on, and of them only settings that it knows or is told to ignore"
)


def ssl(given: Given) -> Answer:
    """`ssl` is a mode, a context, or whether there is to be a verified connection."""
    match given.value:
        case True:
            return Answer(
                "changed behaviour", "`ssl=True` is `sslmode='verify-full'` with the system's certificates",
                "it needs libpq 16 or later, which psycopg[binary] brings; name a file in `sslrootcert` otherwise",
                entries=(("sslmode", "verify-full"), ("sslrootcert", "system")),
            )  # fmt: skip
        case False:
            return Answer(
                "rewritten", "`ssl=False` is `sslmode='disable'`", entries=(("sslmode", "disable"),)
            )
        case None:
            return called("sslmode")(given)
        case str(mode) if mode in SSL_MODES:
            return called("sslmode")(given)
    if given.node is None:
        return called("sslmode")(given)  # in a URL only modes work
    found = of_context(given.file, given.node)
    if found is None:
        return by_hand(
            "psycopg takes no SSLContext and no flag, but libpq's arguments",
            "write `sslmode='verify-full'` with `sslrootcert`, and `sslcert`, `sslkey` for a client's certificate;"
            " `sslmode='require'` for a context that verifies nothing",
        )(given)
    return Answer(
        "rewritten", f"this SSLContext is `sslmode={found['sslmode']!r}`", entries=tuple(found.items())
    )


def timeout(given: Given) -> Answer:
    """Seconds for connecting: psycopg counts whole ones."""
    if given.value is None:
        return Answer(
            "changed behaviour", "`timeout=None` is dropped: psycopg gives up connecting after 130 s at the latest"
        )  # fmt: skip
    if given.value is UNKNOWN:
        return Answer(
            "changed behaviour", "`timeout` is `connect_timeout`",
            f"psycopg cuts fractions of seconds off, and waits {SHORTEST} s at least",
            entries=(("connect_timeout", KEPT),),
        )  # fmt: skip
    seconds = given.number
    if seconds is None or seconds <= 0:
        return by_hand("it is no time to wait", "write `connect_timeout=<whole seconds>`")(given)
    whole = max(math.ceil(seconds), SHORTEST)
    if whole == given.value:
        return called("connect_timeout")(given)
    outcome, why = (
        ("rewritten", "")
        if whole == seconds
        else ("changed behaviour", "psycopg counts whole seconds, 2 at least")
    )
    return Answer(
        "rewritten" if outcome == "rewritten" else "changed behaviour",
        f"`{given.shown}` is `connect_timeout={whole}`", why, entries=(("connect_timeout", whole),),
    )  # fmt: skip


def command_timeout(given: Given) -> Answer:
    """Seconds for a statement, which the client counts; the server counts milliseconds."""
    why = (
        "the server stops the statement, and the error is OperationalError (QueryCanceled), not TimeoutError;"
        f" {POOLERS}"
    )
    if given.value is UNKNOWN:
        milliseconds: object = Code(f"str(int({given.factor} * 1000))")
        return Answer(
            "changed behaviour", "`command_timeout` is the setting `statement_timeout`, in milliseconds", why,
            session=(("statement_timeout", milliseconds),), unsafe=True,
        )  # fmt: skip
    seconds = given.number
    if seconds is None or seconds <= 0:
        return by_hand("it is no time to wait", "set `statement_timeout`")(given)
    return Answer(
        "changed behaviour", f"`{given.shown}` is the setting `statement_timeout`, in milliseconds", why,
        session=(("statement_timeout", str(max(round(seconds * 1000), 1))),),
    )  # fmt: skip


def server_settings(given: Given) -> Answer:
    """Settings of the session: psycopg has one for the application's name, and takes the others as `options`."""
    entries: list[tuple[str, object]] = []
    session: list[tuple[str, object]] = []
    pairs = _pairs(given)
    if pairs is None:
        return Answer(
            "changed behaviour", "`server_settings` are `options`", POOLERS, spread=(Code(given.code),)
        )
    for name, node in pairs:
        value = literal(given.file, node)
        written = Code(given.file.model.module.code_for_node(node)) if value is UNKNOWN else value
        (entries if name == "application_name" else session).append((name, written))
    if not session:
        return Answer(
            "rewritten",
            "`server_settings` of the application's name is `application_name`",
            entries=tuple(entries),
        )
    return Answer(
        "changed behaviour", "`server_settings` are `options`", POOLERS,
        entries=tuple(entries), session=tuple(session),
    )  # fmt: skip


def _pairs(given: Given) -> list[tuple[str, cst.BaseExpression]] | None:
    """The names and values of a dict that is written out."""
    found: list[tuple[str, cst.BaseExpression]] = []
    if isinstance(given.node, cst.Dict):
        for element in given.node.elements:
            name = literal(given.file, element.key) if isinstance(element, cst.DictElement) else UNKNOWN
            if not isinstance(name, str):
                return None
            found.append((name, element.value))
        return found
    return None


def cache_size(given: Given) -> Answer:
    """No cache is no prepared statements. psycopg has one limit, for all."""
    if given.number == 0:
        return Answer(
            "rewritten",
            f"`{given.shown}` is `prepare_threshold=None`",
            entries=(("prepare_threshold", None),),
        )
    if given.value is UNKNOWN:
        return Answer(
            "changed behaviour", f"`{given.key}` is `prepare_threshold`",
            "psycopg prepares what is executed more than five times, and keeps 100 statements",
            entries=(("prepare_threshold", Code(f"None if {given.factor} == 0 else 5")),), unsafe=given.node is None,
        )  # fmt: skip
    return given_up(
        "psycopg prepares what is executed more than five times, and keeps 100 statements",
        "`connection.prepared_max` in a `connect` event sets how many",
    )(given)


def direct_tls(given: Given) -> Answer:
    """TLS without asking for it first, on PostgreSQL 17."""
    if not given.value:
        return dropped("it is the default")(given)
    if given.value is True:
        return Answer(
            "rewritten",
            "`direct_tls=True` is `sslnegotiation='direct'`",
            entries=(("sslnegotiation", "direct"),),
        )
    return by_hand("its value is not known", "write `sslnegotiation='direct'` for True, nothing for False")(
        given
    )


def address(given: Given) -> Answer:
    """asyncpg takes lists of hosts and functions that give a password; libpq takes text."""
    if isinstance(given.node, (cst.List, cst.Tuple)):
        return by_hand("psycopg takes no list", "write the hosts, or ports, in one text with commas")(given)
    if isinstance(given.node, cst.Lambda):
        return by_hand("psycopg takes no function", "set it in a `do_connect` event")(given)
    return Answer("rewritten", "", entries=((given.key, KEPT),))


CLASSES = by_hand("psycopg has no such class", "use an event of SQLAlchemy, or a `row_factory`")
OWN_CACHE = given_up("psycopg has no such limit")
RULES: Mapping[str, Rule] = {
    "ssl": ssl,
    "direct_tls": unless_none(direct_tls),
    "timeout": timeout,
    "command_timeout": unless_none(command_timeout),
    "server_settings": unless_none(server_settings),
    "statement_cache_size": cache_size,
    "prepared_statement_cache_size": cache_size,
    "prepared_statement_name_func": given_up("psycopg names its statements by itself"),
    "max_cached_statement_lifetime": OWN_CACHE,
    "max_cacheable_statement_size": OWN_CACHE,
    "database": called("dbname"),
    "host": address,
    "port": address,
    "password": address,
    "loop": dropped("psycopg uses the loop that runs"),
    "connection_class": unless_none(CLASSES),
    "record_class": unless_none(CLASSES),
    "async_creator_fn": unless_none(
        by_hand("it makes connections of asyncpg", "make them with `psycopg.AsyncConnection.connect`")
    ),
    "dsn": unless_none(by_hand("the address of the engine's URL is enough", "put it into the URL")),
    "servicefile": unless_none(by_hand("libpq reads it from the environment", "set PGSERVICEFILE")),
}  # fmt: skip
