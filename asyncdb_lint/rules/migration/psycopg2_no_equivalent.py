"""ADB903 psycopg2-no-equivalent."""

from __future__ import annotations

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule


class Psycopg2NoEquivalent(Rule):
    """Use of psycopg2 for which psycopg 3 has nothing that could be put in its place.

    ## What it flags

    What `asyncdb-lint migrate psycopg2` leaves to a person, with what to do instead: names that psycopg 3 has not
    (`wait_select`, `POLL_OK`, replication), connections with a class of their own, placeholders inside quotes,
    asynchronous connections that are polled. What only may be psycopg2's is flagged where its name is psycopg2's alone,
    and never in a project that does not import psycopg2. It is off by default: select it (`--select ADB9`) to see what
    a move to psycopg 3 asks for.

    ## Why it is bad

    After the move it raises `AttributeError`, `ProgrammingError` or a syntax error of the server's. A placeholder
    inside quotes becomes part of the text, and often no error is raised.

    ## Good

    ```python
    import psycopg2

    def matching(dsn: str, word: str) -> list[str]:
        connection = psycopg2.connect(dsn)
        cursor = connection.cursor()
        cursor.execute("SELECT name FROM users WHERE name LIKE %s", (f"%{word}%",))
        return [name for (name,) in cursor.fetchall()]
    ```

    ## Bad

    ```python
    import psycopg2
    from psycopg2.extensions import POLL_OK

    def is_done(dsn: str) -> bool:
        connection = psycopg2.connect(dsn, async_=True)
        return connection.poll() == POLL_OK
    ```

    ## When to ignore

    In a project that stays with psycopg2.

    ## Source

    psycopg 3, "Differences from psycopg2".
    """

    code = "ADB903"
    name = "psycopg2-no-equivalent"
    severity = Severity.WARNING
    default = False
    seeds = (b"psycopg2",)

    def finish(self) -> None:
        for each in self.file.leaving_psycopg2.manual:
            self.report(each.node, each.message, help=each.help)
