"""psycopg2's methods that copy between a table and a file, as functions for where the short form is not enough."""

from __future__ import annotations

from asyncdb_lint.migrate.helpers import Helper

COPY_EXPERT = Helper(
    "copy_expert",
    ("import io", "import psycopg"),
    '''
def copy_expert(cur, sql, file, size=8192):
    """Run a COPY statement that reads a file or writes one; files of text get text."""
    is_text, encoding = isinstance(file, io.TextIOBase), cur.connection.info.encoding
    with cur.copy(sql) as copy:
        if cur.pgresult.status == psycopg.pq.ExecStatus.COPY_IN:
            while data := file.read(size):
                copy.write(data)
        else:
            for data in copy:
                file.write(bytes(data).decode(encoding) if is_text else bytes(data))
''',
)
"""The server says which way the data go, and the file whether it is of text, as psycopg2 asks it."""

COPY_FROM = Helper(
    "copy_from",
    ("import psycopg",),
    '''
def copy_from(cur, file, table, sep="\\t", null="\\\\N", size=8192, columns=None):
    """Fill a table from a file in PostgreSQL's text format."""
    names = psycopg.sql.SQL("")
    if columns is not None:
        names = psycopg.sql.SQL("({})").format(psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, columns)))
    statement = psycopg.sql.SQL("COPY {} {} FROM STDIN WITH DELIMITER AS {} NULL AS {}").format(
        psycopg.sql.Identifier(table), names, psycopg.sql.Literal(sep), psycopg.sql.Literal(null)
    )
    with cur.copy(statement) as copy:
        while data := file.read(size):
            copy.write(data)
''',
)

COPY_TO = Helper(
    "copy_to",
    ("import io", "import psycopg"),
    '''
def copy_to(cur, file, table, sep="\\t", null="\\\\N", columns=None):
    """Write a table to a file in PostgreSQL's text format; files of text get text."""
    is_text, encoding = isinstance(file, io.TextIOBase), cur.connection.info.encoding
    names = psycopg.sql.SQL("")
    if columns is not None:
        names = psycopg.sql.SQL("({})").format(psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, columns)))
    statement = psycopg.sql.SQL("COPY {} {} TO STDOUT WITH DELIMITER AS {} NULL AS {}").format(
        psycopg.sql.Identifier(table), names, psycopg.sql.Literal(sep), psycopg.sql.Literal(null)
    )
    with cur.copy(statement) as copy:
        for data in copy:
            file.write(bytes(data).decode(encoding) if is_text else bytes(data))
''',
)
