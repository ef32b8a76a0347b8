"""ADB901 psycopg2-import."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule

DRIVER = "psycopg2"
DIALECT = f"sqlalchemy.dialects.postgresql.{DRIVER}"
SCHEME = f"postgresql+{DRIVER}"
IMPORTERS = {"importlib.import_module", "__import__", "builtins.__import__", "pytest.importorskip"}


class Psycopg2Import(Rule):
    """An import of psycopg2.

    ## What it flags

    Imports of psycopg2, its modules and SQLAlchemy's dialect for it, wherever they stand; `import_module("psycopg2")`
    and the like; and `postgresql+psycopg2` in a text, which has SQLAlchemy import it. It is off by default: select it
    (`--select ADB9`) in a project that is leaving psycopg2, to see what is left and to keep it from coming back.

    ## Why it is bad

    psycopg2 is kept alive but not developed. It has no asyncio, so each of its calls stops the event loop, it binds
    parameters on the client only, and has no pipelines and no prepared statements. psycopg 3 is its successor.

    ## Good

    ```python
    import psycopg

    def names(dsn: str) -> list[str]:
        with psycopg.connect(dsn) as conn:
            return [name for (name,) in conn.execute("SELECT name FROM users")]
    ```

    ## Bad

    ```python
    import psycopg2

    def names(dsn: str) -> list[str]:
        with psycopg2.connect(dsn) as conn, conn.cursor() as cur:
            cur.execute("SELECT name FROM users")
            return [name for (name,) in cur.fetchall()]
    ```

    ## When to ignore

    Where a library of the project's needs psycopg2 itself, or code has to run with either driver.

    ## Source

    psycopg 3, "Differences from psycopg2"; psycopg2, "News".
    """

    code = "ADB901"
    name = "psycopg2-import"
    severity = Severity.INFO
    default = False
    triggers = seeds = (DRIVER.encode(),)

    def visit_Import(self, statement: cst.Import) -> None:
        names = [self.source(alias.name) for alias in statement.names]
        self.judge(statement, [name for name in names if belongs(name)])

    def visit_ImportFrom(self, statement: cst.ImportFrom) -> None:
        if statement.relative or statement.module is None:
            return
        module = self.source(statement.module)
        if belongs(module):
            self.judge(statement, [module])
        elif not isinstance(statement.names, cst.ImportStar):
            names = [f"{module}.{self.source(alias.name)}" for alias in statement.names]
            self.judge(statement, [name for name in names if belongs(name)])

    def visit_Call(self, call: cst.Call) -> None:
        first = call.args[0].value if call.args else None
        if (
            isinstance(first, cst.SimpleString)
            and isinstance(first.raw_value, str)
            and belongs(first.raw_value)
        ):
            name = getattr(self.kind(call.func), "name", "") or self.source(call.func)
            if name in IMPORTERS:
                self.judge(call, [first.raw_value])

    def visit_SimpleString(self, text: cst.SimpleString) -> None:
        if not isinstance(self.parent(text), cst.Expr):
            self.judge_text(text, text.value)

    def visit_FormattedString(self, text: cst.FormattedString) -> None:
        for part in text.parts:
            if isinstance(part, cst.FormattedStringText):
                self.judge_text(part, part.value)

    def judge(self, node: cst.CSTNode, names: list[str]) -> None:
        """Report what a statement or call imports of psycopg2."""
        if names:
            said = " and ".join(f"`{name}`" for name in dict.fromkeys(names))
            self.tell(node, f"{said} {'are' if len(set(names)) > 1 else 'is'} imported")

    def judge_text(self, node: cst.CSTNode, text: str) -> None:
        """Report a URL that names the driver."""
        _, found, after = text.partition(SCHEME)
        if found and not (after[:1].isalnum() or after[:1] == "_"):
            self.tell(node, f"`{SCHEME}` has SQLAlchemy import psycopg2")

    def tell(self, node: cst.CSTNode, message: str) -> None:
        self.report(
            node,
            message,
            why="psycopg2 gets no new features, and each of its calls blocks; psycopg 3 is its successor",
            help=f"`asyncdb-lint migrate {DRIVER}` moves the project to psycopg 3",
        )


def belongs(name: str) -> bool:
    """Whether a module is psycopg2, one of its modules, or SQLAlchemy's for it."""
    return f"{name}.".startswith((f"{DRIVER}.", f"{DIALECT}."))
