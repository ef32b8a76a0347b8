"""ADB703 dynamic-sql-text."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.caches.binding import with_bound_values
from asyncdb_lint.semantics.inventory import is_short_lived
from asyncdb_lint.semantics.sql_text import TEXT, Value, values

EXECUTING = {
    "connection": {
        "exec_driver_sql", "execute", "executemany", "fetch", "fetchall", "fetchrow", "fetchval", "fetchmany",
        "prepare", "cursor", "execute_fetchall", "execute_insert", "run", "sql", "query",
    },
    "pool": {"execute", "executemany", "fetch", "fetchrow", "fetchval", "fetchmany"},
    "cursor": {"execute", "executemany", "stream"},
}  # fmt: skip


class DynamicSqlText(Rule):
    """A statement with values written into its text.

    ## What it flags

    SQL for `text()`, or for a driver's `execute` or `fetch`, that an f-string, `%`, `+` or `format` puts
    together with a value inside: in a quoted literal (`'{name}'`), or behind a comparison. What cannot be
    bound is left alone (names of tables and columns, clauses, generated placeholders), and so are constants,
    numbers, members of enumerations, and what the function checks against a set or a pattern first.

    ## Why it is bad

    A value with a quote in it breaks the statement, and one that is made for it does what it likes: an SQL
    injection. And each value makes another statement: SQLAlchemy compiles each anew, asyncpg prepares each
    on the server, and the caches of both are full of statements that never come again.

    ## Good

    ```python
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import AsyncSession

    async def find(session: AsyncSession, name: str):
        return await session.execute(text("SELECT id FROM person WHERE name = :name"), {"name": name})
    ```

    ## Bad

    ```python
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import AsyncSession

    async def find(session: AsyncSession, name: str):
        return await session.execute(text(f"SELECT id FROM person WHERE name = '{name}'"))
    ```

    ## When to ignore

    When the value can only be one of a few that the code itself chooses.

    ## Source

    SQLAlchemy, "Using Textual SQL: Sending Parameters"; psycopg, "Passing parameters to SQL queries".
    """

    code = "ADB703"
    name = "dynamic-sql-text"
    severity = Severity.WARNING
    fix = Applicability.UNSAFE
    holds_for = {"sqlalchemy": ">=1.4", "asyncpg": ">=0.29", "psycopg": ">=3.1"}
    triggers = (b"SELECT", b"select", b"INSERT", b"insert", b"UPDATE", b"update", b"DELETE", b"delete")

    def visit_Call(self, call: cst.Call) -> None:
        given = self.statement(call)
        if (
            given is None
            or isinstance(given, cst.SimpleString)
            or is_short_lived(self.file.project, self.file.model.name)
        ):
            return
        found = values(self.file, given)
        if found:
            self.report_values(call, given, found)

    def statement(self, call: cst.Call) -> cst.BaseExpression | None:
        """The argument that is SQL text."""
        facts = self.file.call(call) if call.args else None
        if facts is None or call.args[0].star:
            return None
        names = EXECUTING.get(facts.role, set())
        if facts.function in TEXT or (
            facts.method in names
            and (not facts.function.startswith("sqlalchemy.") or facts.method == "exec_driver_sql")
        ):
            return call.args[0].value
        return None

    def report_values(self, call: cst.Call, given: cst.BaseExpression, found: list[Value]) -> None:
        names = list(dict.fromkeys(self.source(each.node, 40) for each in found))
        listed = " and ".join(f"`{name}`" for name in names[:2]) + (" and others" if names[2:] else "")
        is_text = getattr(self.kind(call.func), "name", "") in TEXT
        how = '`:name` and `{"name": …}` beside the statement' if is_text else "the driver's placeholders"
        bound = with_bound_values(self.file, call, given, found) if is_text else None
        chain = [self.file.step(each.node, "this value becomes SQL") for each in found[:5]]
        self.report(
            given,
            f"The text of a statement is put together with {listed}",
            why="A quote in the value ends the literal and what follows is executed; and each value is another"
            " statement for every statement cache",
            help=f"bind values: {how}",
            chain=chain,
            repair=Repair(Applicability.UNSAFE, "Bind the values", (bound,)) if bound is not None else None,
        )
