"""ADB902 psycopg2-behaviour."""

from __future__ import annotations

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule


class Psycopg2Behaviour(Rule):
    """Use of psycopg2 that psycopg 3 takes otherwise.

    ## What it flags

    What `asyncdb-lint migrate psycopg2` can rewrite, but not without a difference: `with connection:`, which closes the
    connection in psycopg 3; statements with parameters that the server does not bind (`SET`, `IN %s`, several
    statements at once); pools, whose `getconn()` waits where psycopg2's raised. Objects are known through the whole
    project: a cursor that another module hands over is one of psycopg2's. In a project that does not use psycopg2
    there is no finding. It is off by default: select it (`--select ADB9`) to see what a move to psycopg 3 asks for.

    ## Why it is bad

    The program goes on after the move and does something else, or fails where it did not.

    ## Good

    ```python
    import psycopg2

    def some(dsn: str, ids: list[int]) -> list[str]:
        connection = psycopg2.connect(dsn)
        cursor = connection.cursor()
        cursor.execute("SELECT name FROM users WHERE id = ANY(%s)", (ids,))
        return [name for (name,) in cursor.fetchall()]
    ```

    ## Bad

    ```python
    import psycopg2

    def zone(dsn: str, name: str) -> None:
        connection = psycopg2.connect(dsn)
        cursor = connection.cursor()
        cursor.execute("SET TIME ZONE %s", (name,))
    ```

    ## When to ignore

    In a project that stays with psycopg2.

    ## Source

    psycopg 3, "Differences from psycopg2".
    """

    code = "ADB902"
    name = "psycopg2-behaviour"
    severity = Severity.WARNING
    default = False
    seeds = (b"psycopg2",)

    def finish(self) -> None:
        for each in self.file.leaving_psycopg2.behaviour:
            self.report(each.node, each.message, help=each.help)
