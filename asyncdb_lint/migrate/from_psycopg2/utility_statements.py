"""Statements that take no parameters from the server at all: `SET`, `NOTIFY`, and those that define something."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from asyncdb_lint.migrate.from_psycopg2.sql_edits import Finding, around, cast, keywords

if TYPE_CHECKING:
    from asyncdb_lint.migrate.from_psycopg2.placeholders import Statement

UTILITY = {
    "create", "alter", "drop", "comment", "grant", "revoke", "do", "truncate", "vacuum", "analyze", "reindex", "lock",
    "security", "import", "listen", "unlisten", "execute", "deallocate", "cluster", "refresh", "load", "reassign",
    "discard", "show", "reset", "copy", "set", "notify",
}  # fmt: skip
OF_ROW_NAMES = {"search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries"}
"""Settings whose value is a list of names: a quoted value was one name."""


def of_statement(statement: Statement) -> Finding | None:
    """A statement that takes no parameters at all."""
    first = statement.word(0)
    if not statement.takes_parameters:
        return None
    start = statement.tokens[0].start
    if first == "prepare" and statement.word(1) != "transaction":
        return Finding("prepare", start, "manual", "`PREPARE` with a parameter guesses its type",
                       "write `$1` with its type in `PREPARE name (type) AS …`")  # fmt: skip
    if first not in UTILITY or creates_table_from_query(statement):
        return None
    if first == "set":
        return setting(statement)
    if first == "notify":
        return notification(statement)
    return refused(statement)


def filled(statement: Statement) -> Finding | None:
    """A statement that takes no parameters, whose placeholders are put into its text at run time."""
    first = statement.word(0)
    is_other = first not in UTILITY or first in ("create", "set", "notify")
    return None if statement.takes_parameters or is_other else refused(statement)


def refused(statement: Statement) -> Finding:
    """What is said of a statement that takes no parameters at all."""
    first, start = statement.word(0), statement.tokens[0].start
    what = (
        f"`{' '.join(statement.words[:2]).upper()}`" if statement.kind(1) == "word" else f"`{first.upper()}`"
    )
    return Finding("utility", start, "unsafe", f"{what} takes no parameters",
                   "bind them in the client, as psycopg2 did: `psycopg.ClientCursor(connection).execute(…)`,"
                   " or compose the statement with `psycopg.sql`", client=True)  # fmt: skip


def creates_table_from_query(statement: Statement) -> bool:
    """Whether it is `CREATE TABLE … AS SELECT …`, which takes parameters in its query."""
    words = statement.words
    if words[0] != "create" or "table" not in words[1:4] or statement.quoted:
        return False
    at = next((i for i, token in enumerate(statement.tokens) if token.word == "as"), None)
    if at is None or statement.opened[at] != -1 or statement.word(at + 1) == "execute":
        return False
    return all(token.start > statement.tokens[at].end for token in statement.placeholders)


def setting(statement: Statement) -> Finding:
    """`SET x = %s` → `SELECT set_config('x', %s::text, false)`."""
    words = [token.word for token in statement.tokens]
    refused = Finding("set", statement.tokens[0].start, "unsafe", "`SET` takes no parameters",
                      "bind in the client: `psycopg.ClientCursor(connection).execute(…)`", client=True)  # fmt: skip
    local = words[1:2] == ["local"]
    rest = words[2:-1] if words[1:2] in (["local"], ["session"]) else words[1:-1]
    kinds = {token.kind for token in statement.tokens[1:-1]}
    if statement.tokens[-1].kind != "placeholder" or not kinds <= {"word", "mark", "operator"}:
        return refused
    if words[1:3] == ["session", "authorization"] or rest == ["session", "authorization"]:
        name = "session_authorization"
    elif rest == ["time", "zone"]:
        name = "TimeZone"
    elif rest == ["role"]:
        name = "role"
    elif len(rest) >= 2 and rest[-1] in ("=", "to") and re.fullmatch(r"\w+(\.\w+)*", "".join(rest[:-1])):
        name = "".join(rest[:-1])
    else:
        return refused
    value = statement.tokens[-1]
    text = cast(value.text, "text", statement.style)
    if name in OF_ROW_NAMES:
        text = f"quote_ident({text})"
    new = keywords(statement, "select", "set_config") + f"('{name}', {text}, {str(local).lower()})"
    return Finding("set", statement.tokens[0].start, "unsafe", "`SET` takes no parameters",
                   f"write `SELECT set_config('{name}', …, {str(local).lower()})`",
                   around(statement, 0, len(statement.tokens) - 1, new, value), (value,),
                   note="the statement gives a row now")  # fmt: skip


def notification(statement: Statement) -> Finding:
    """`NOTIFY c, %s` → `SELECT pg_notify('c', %s)`."""
    tokens = statement.tokens
    start = tokens[0].start
    advice = "write `SELECT pg_notify('channel', …)`"
    is_plain = len(tokens) == 4 and tokens[2].text == "," and tokens[3].kind == "placeholder"
    if not is_plain or tokens[1].kind not in ("word", "name", "hole"):
        return Finding("notify", start, "unsafe", "`NOTIFY` takes no parameters", advice, client=True)
    channel, value = tokens[1], tokens[3]
    if channel.kind == "hole":
        return Finding("notify", start, "unsafe", "`NOTIFY` takes no parameters", advice, client=True)
    name = channel.text[1:-1].replace('""', '"') if channel.kind == "name" else channel.word
    quoted = "'" + name.replace("'", "''") + "'"
    new = keywords(statement, "select", "pg_notify") + f"({quoted}, {value.text})"
    return Finding("notify", start, "safe", "`NOTIFY` takes no parameters", advice,
                   around(statement, 0, 3, new, value), (value,))  # fmt: skip
