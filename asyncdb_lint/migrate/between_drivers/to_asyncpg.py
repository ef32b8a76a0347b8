"""Connection arguments of psycopg and psycopg2 in asyncpg's words. Measured: tests/proofs/test_migrate_driver.py."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

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
    sacrificed,
    unless_none,
)  # fmt: skip

SETTING = re.compile(r"(?:-c\s*|--)([A-Za-z_][\w.-]*)=((?:\\.|[^\\\s])*)\s*", re.DOTALL)
IN_CONTEXT = by_hand(
    "asyncpg takes no files, but an SSLContext", "put it into `ssl=ssl.create_default_context(cafile=…)`"
)
IGNORED = {"", "disable", "prefer", "allow"}


def sslmode(given: Given) -> Answer:
    """A mode is a mode; with a certificate's file, full verification is a default context."""
    root = given.beside.get("sslrootcert")
    if given.value == "verify-full" and root is not None:
        if root == "system":
            return Answer(
                "rewritten",
                "`sslmode='verify-full'` with the system's certificates is `ssl=True`",
                entries=(("ssl", True),),
            )
        if {"sslcert", "sslkey", "sslcrl", "sslpassword"} & set(given.beside):
            return IN_CONTEXT(given)
        return Answer(
            "rewritten", "`sslmode='verify-full'` with `sslrootcert` is a default SSLContext",
            entries=(("ssl", Context(root)),),
        )  # fmt: skip
    if root is not None:
        return IN_CONTEXT(given)
    return called("ssl")(given)


class Context(tuple[object]):
    """An SSLContext that trusts a file of certificates."""

    __slots__ = ()

    def __new__(cls, file: object) -> Context:
        return super().__new__(cls, (file,))


def sslrootcert(given: Given) -> Answer:
    """It goes where the mode goes."""
    if given.beside.get("sslmode") == "verify-full" and given.value is not None:
        answer = sslmode(Given("sslmode", "verify-full", given.file, beside=given.beside))
        if answer.outcome != "manual":
            return Answer("rewritten", "")
    return IN_CONTEXT(given)


def connect_timeout(given: Given) -> Answer:
    """Seconds; none, or less, is no limit of libpq's."""
    if given.value is UNKNOWN:
        return Answer(
            "changed behaviour", "`connect_timeout` is `timeout`", "asyncpg takes a number above 0, or None",
            entries=(("timeout", KEPT),), unsafe=True,
        )  # fmt: skip
    seconds = given.number
    if seconds is None:
        return by_hand("it is no number", "write `timeout=<seconds>`")(given)
    if seconds <= 0:
        return Answer("rewritten", f"`{given.shown}` is `timeout=None`", entries=(("timeout", None),))
    if given.value == seconds:
        return called("timeout")(given)
    return Answer(
        "rewritten", f"`{given.shown}` is `timeout={seconds:g}`", entries=(("timeout", int(seconds)),)
    )


def options(given: Given) -> Answer:
    """`-c name=value -c …`: settings of the session."""
    if not isinstance(given.value, str):
        return by_hand(
            "only a written-out text can be taken apart", "write `server_settings={'name': 'value'}`"
        )(given)
    session = tuple(settings(given.value))
    if not session:
        return by_hand("asyncpg takes settings only", "write `server_settings={'name': 'value'}`")(given)
    return Answer("rewritten", "`options` are `server_settings`", session=session)


def settings(text: str) -> Iterator[tuple[str, str]]:
    """The settings of a text of options; none if it holds anything else."""
    found, rest = [], text.strip()
    while rest:
        match = SETTING.match(rest)
        if match is None:
            return
        found.append((match[1].replace("-", "_"), re.sub(r"\\(.)", r"\1", match[2], flags=re.DOTALL)))
        rest = rest[match.end() :]
    yield from found


def application_name(given: Given) -> Answer:
    """A setting like others, for asyncpg."""
    value = Code(given.code) if given.value is UNKNOWN else given.value
    return Answer(
        "rewritten",
        "`application_name` is one of the `server_settings`",
        session=(("application_name", value),),
    )


def prepare_threshold(given: Given) -> Answer:
    """None prepares nothing; SQLAlchemy has a cache of its own beside asyncpg's."""
    if given.value is None:
        return Answer(
            "rewritten", "`prepare_threshold=None` is no cache, SQLAlchemy's nor asyncpg's",
            "behind a pooler asyncpg before 0.31 also needs a `prepared_statement_name_func`",
            entries=(("prepared_statement_cache_size", 0), ("statement_cache_size", 0)),
        )  # fmt: skip
    if given.value is UNKNOWN:
        return by_hand(
            "its value is not known",
            "write `prepared_statement_cache_size=0` and `statement_cache_size=0` for None",
        )(given)
    return given_up("asyncpg prepares every statement, and keeps 100")(given)


def client_encoding(given: Given) -> Answer:
    """asyncpg speaks UTF-8."""
    if isinstance(given.value, str) and given.value.lower().replace("-", "") in ("utf8", "unicode"):
        return dropped("asyncpg always speaks UTF-8")(given)
    return by_hand("asyncpg always speaks UTF-8", "leave it out")(given)


def autocommit(given: Given) -> Answer:
    """SQLAlchemy has it as a level of isolation."""
    if given.value is False:
        return dropped("it is the default")(given)
    return by_hand("asyncpg has no such argument", "write `isolation_level='AUTOCOMMIT'` for the engine")(
        given
    )


def negotiation(given: Given) -> Answer:
    """TLS without asking for it first, on PostgreSQL 17."""
    if given.value == "direct":
        return Answer(
            "rewritten", "`sslnegotiation='direct'` is `direct_tls=True`", entries=(("direct_tls", True),)
        )
    return dropped("it is the default")(given) if given.value == "postgres" else by_hand(
        "its value is not known", "write `direct_tls=True` for 'direct'"
    )(given)  # fmt: skip


def unless_ignored(why: str) -> Rule:
    """What asks for no more than asyncpg does anyhow is dropped."""

    def judged(given: Given) -> Answer:
        if given.value in IGNORED:
            return dropped("asyncpg does nothing else")(given)
        return sacrificed(why)(given)

    return judged


NO_SOCKET_OPTIONS = unless_none(sacrificed("asyncpg sets no options of the socket"))
OBJECTS = unless_none(by_hand("asyncpg has no such thing", "use an event of SQLAlchemy"))
RULES: Mapping[str, Rule] = {
    "dbname": called("database"),
    "sslmode": sslmode,
    "sslrootcert": unless_none(sslrootcert),
    "sslcert": unless_none(IN_CONTEXT),
    "sslkey": unless_none(IN_CONTEXT),
    "sslpassword": unless_none(IN_CONTEXT),
    "sslcrl": unless_none(IN_CONTEXT),
    "sslcompression": dropped("TLS compresses nothing now"),
    "sslnegotiation": unless_none(negotiation),
    "connect_timeout": unless_none(connect_timeout),
    "options": unless_none(options),
    "application_name": unless_none(application_name),
    "prepare_threshold": prepare_threshold,
    "client_encoding": unless_none(client_encoding),
    "autocommit": unless_none(autocommit),
    "gssencmode": unless_none(unless_ignored("asyncpg encrypts by TLS only")),
    "channel_binding": unless_none(unless_ignored("asyncpg binds no channels")),
    "keepalives": NO_SOCKET_OPTIONS,
    "keepalives_idle": NO_SOCKET_OPTIONS,
    "keepalives_interval": NO_SOCKET_OPTIONS,
    "keepalives_count": NO_SOCKET_OPTIONS,
    "tcp_user_timeout": NO_SOCKET_OPTIONS,
    "row_factory": OBJECTS,
    "cursor_factory": OBJECTS,
    "connection_factory": OBJECTS,
    "context": OBJECTS,
    "async_creator_fn": unless_none(by_hand("it makes connections of psycopg", "make them with `asyncpg.connect`")),
    "dsn": unless_none(by_hand("the address of the engine's URL is enough", "put it into the URL")),
    "conninfo": unless_none(by_hand("the address of the engine's URL is enough", "put it into the URL")),
}  # fmt: skip
