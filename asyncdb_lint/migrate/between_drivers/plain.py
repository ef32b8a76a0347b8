"""Code that uses the driver without SQLAlchemy: its API has no equal, so all of it is reported."""

from __future__ import annotations

import re

import libcst as cst

from asyncdb_lint.migrate.between_drivers.command import DriverRewrite
from asyncdb_lint.migrate.between_drivers.error_names import ASYNCPG, PSYCOPG
from asyncdb_lint.migrate.import_statements import Line, Statement, bound_by
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import Instance

OF_ASYNCPG = {
    "connect": "`await psycopg.AsyncConnection.connect(…)`, which begins transactions: commit, or set autocommit",
    "create_pool": "`psycopg_pool.AsyncConnectionPool(…, open=False)` and `await pool.open()`",
    "acquire": "`async with pool.connection() as connection:`",
    "release": "leave the block of `pool.connection()`",
    "fetch": "`await (await connection.execute(…)).fetchall()`, with `%s` for `$1` and a tuple of parameters",
    "fetchrow": "`await (await connection.execute(…)).fetchone()`, with `%s` for `$1` and a tuple of parameters",
    "fetchval": "the first column of `fetchone()`, with `%s` for `$1` and a tuple of parameters",
    "execute": "`await connection.execute(…)`, with `%s` for `$1` and a tuple of parameters; it gives a cursor",
    "executemany": "`await cursor.executemany(…)`, with `%s` for `$1`",
    "prepare": "`await connection.execute(…, prepare=True)`",
    "cursor": "`connection.cursor(name)` for a cursor on the server, or `cursor.stream(…)`",
    "transaction": "`async with connection.transaction():`, with autocommit on",
    "set_type_codec": "a Loader and a Dumper in `connection.adapters`; psycopg converts json by itself",
    "add_listener": "`async for notify in connection.notifies():`",
    "copy_records_to_table": "`async with cursor.copy('COPY … FROM STDIN') as copy:` and `await copy.write_row(…)`",
    "Record": "`psycopg.rows.dict_row` or `namedtuple_row`; a Record has keys and indexes",
    "Connection": "`psycopg.AsyncConnection`",
    "Pool": "`psycopg_pool.AsyncConnectionPool`",
}  # fmt: skip
OF_PSYCOPG = {
    "connect": "`await asyncpg.connect(…)`; outside `async with connection.transaction():` every statement is its own",
    "ConnectionPool": "`await asyncpg.create_pool(…)`",
    "AsyncConnectionPool": "`await asyncpg.create_pool(…)`",
    "execute": "`await connection.execute(…)` or `fetch(…)`, with `$1` for `%s` and the parameters one by one",
    "cursor": "asyncpg's connections have `fetch`, `fetchrow` and `fetchval` themselves",
    "copy": "`copy_records_to_table()` or `copy_from_query()`",
    "notifies": "`await connection.add_listener(…)`",
}
METHODS = re.compile(
    r"acquire|release|fetch\w*|execute\w*|prepare|cursor|transaction|set_type_codec|set_builtin_type_codec|add_\w+|"
    r"copy\w*|commit|rollback|notifies|stream|close|getconn|putconn|connection|reload_schema_state|mogrify|callproc"
)


class PlainUses(DriverRewrite):
    """Reports what is left of the driver's own API, and drops imports that nothing needs any more."""

    DESCRIPTION = "Report code that uses the driver without SQLAlchemy."

    def examine(self) -> None:
        self.used: set[str] = set()
        self.left: set[str] = set()
        self.bound = {each.name: each for each in self.work.imports.bound}
        for name in self.file.model.nodes.get(cst.Name, ()):
            if isinstance(name, cst.Name) and name.value in self.bound and self.is_import(name):
                self.used.add(name.value)
                if not self.is_claimed(name):
                    self.left.add(name.value)
                    self.report(name)
        for call in self.calls():
            self.report_method(call)
        for line in dict.fromkeys(each.line for each in self.work.imports.bound):
            self.settle(line)

    def is_import(self, name: cst.Name) -> bool:
        """Whether a name is what an import binds, and not a variable of that name."""
        expr = self.file.model.exprs.get(name)
        full = expr.name if isinstance(expr, ex.Ref) else ""
        own = (f"{self.file.model.name}.{name.value}", self.bound[name.value].full)
        return full in own or full.partition(".")[0] == self.DIRECTION.source

    def report(self, name: cst.Name) -> None:
        """A use of an imported name, with the attributes behind it."""
        node: cst.BaseExpression = name
        full = self.bound[name.value].full
        while isinstance(parent := self.parent(node), cst.Attribute) and parent.value is node:
            node, full = parent, f"{full}.{parent.attr.value}"
        last = full.rpartition(".")[2]
        if last in PSYCOPG or last in ASYNCPG or last.endswith(("Error", "Violation")):
            self.tell(node, "manual", f"`{full}` is an error of {self.DIRECTION.source}", self.of_error(last))
            return
        self.tell(node, "manual", f"`{full}` is used without SQLAlchemy", self.advice(last))

    def of_error(self, name: str) -> str:
        """What to write for an error of the driver's."""
        table = PSYCOPG if self.DIRECTION.source == "asyncpg" else ASYNCPG
        module, place = (
            ("psycopg.errors", "orig")
            if self.DIRECTION.target == "psycopg"
            else ("asyncpg", "orig.__cause__")
        )
        other = f"`{module}.{table[name]}`" if name in table else f"an error of {self.DIRECTION.target}"
        return f"around SQLAlchemy catch `sqlalchemy.exc.DBAPIError` and look at `error.{place}`, which is {other}"

    def advice(self, name: str) -> str:
        """What the other driver has for it, if anything."""
        table = OF_ASYNCPG if self.DIRECTION.source == "asyncpg" else OF_PSYCOPG
        said = table.get(name)
        if said:
            return f"write {said}"
        return f"keep {self.DIRECTION.source} for it, or rewrite it with {self.DIRECTION.target}"

    def report_method(self, call: cst.Call) -> None:
        """A call of a method of one of the driver's objects."""
        method = call.func
        if not isinstance(method, cst.Attribute) or not METHODS.fullmatch(method.attr.value):
            return
        kind = self.file.kind(method.value)
        packages = (self.DIRECTION.source, f"{self.DIRECTION.source}_pool")
        if isinstance(kind, Instance) and kind.name.partition(".")[0] in packages:
            name = f"{kind.name.rpartition('.')[2]}.{method.attr.value}"
            self.tell(
                call, "manual", f"`{name}()` is used without SQLAlchemy", self.advice(method.attr.value)
            )

    def settle(self, line: Line) -> None:
        """Imports of names that are all replaced go."""
        left: list[Statement] = []
        for statement in line.body:
            if not isinstance(statement, (cst.Import, cst.ImportFrom)) or isinstance(
                statement.names, cst.ImportStar
            ):
                return
            own = list(bound_by(line, statement, self.DIRECTION.source))
            gone = {each.alias for each in own if each.name in self.used - self.left}
            for each in own:
                if each.name not in self.used:
                    said = f"`{each.full}` is imported and not used here"
                    self.tell(statement, "manual", said, "drop the import if nobody needs it")
            kept = [alias for alias in statement.names if alias not in gone]
            if len(kept) == len(statement.names):
                left.append(statement)
            elif kept:
                last = kept[-1].with_changes(comma=statement.names[-1].comma)
                left.append(statement.with_changes(names=[*kept[:-1], last]))
        if len(left) != len(line.body) or any(a is not b for a, b in zip(left, line.body, strict=True)):
            self.work.imports.replace(line, left, ())
