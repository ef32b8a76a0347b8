"""SQLAlchemy's URLs and engine arguments."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.imports import dotted
from asyncdb_lint.semantics import expressions as ex

OLD, NEW = "postgresql+psycopg2", "postgresql+psycopg"
ENGINES = {"sqlalchemy.engine.create.create_engine", "sqlalchemy.engine.create.engine_from_config"}
DROPPED = {
    "executemany_mode", "executemany_values_page_size", "executemany_batch_page_size", "use_batch_mode",
    "use_native_unicode", "use_native_uuid",
}  # fmt: skip
REFUSED = {
    "dsn": "give the URL to the engine",
    "database": "psycopg calls it `dbname`; it belongs in the URL",
    "async_": "use `create_async_engine()`",
    "connection_factory": "there is none: see `creator`",
}
"""Keys of `connect_args` that psycopg's `connect()` does not take."""
DIALECTS = "sqlalchemy.dialects.postgresql"
DIALECT_NAMES = {
    f"{prefix}_psycopg2": f"{prefix}_psycopg"
    for prefix in ("PGDialect", "PGExecutionContext", "PGIdentifierPreparer")
}


class SqlalchemyUrls(Rewrite):
    """`postgresql+psycopg2` in texts, and arguments that only psycopg2's dialect takes."""

    DESCRIPTION = "Rewrite SQLAlchemy URLs and engine arguments from psycopg2 to psycopg."

    def examine(self) -> None:
        for text in self.file.model.nodes.get(cst.SimpleString, ()):
            self.judge(text)
        for formatted in self.file.model.nodes.get(cst.FormattedString, ()):
            for part in formatted.parts if isinstance(formatted, cst.FormattedString) else ():
                self.judge(part)
        for call in self.calls():
            if self.full_name(call.func) in ENGINES:
                self.drop(call)
                self.check_arguments(call)

    def judge(self, text: cst.CSTNode) -> None:
        if isinstance(text, (cst.SimpleString, cst.FormattedStringText)) and names_driver(text.value):
            self.tell(text, "rewritten", f"the driver `{OLD}` is `{NEW}`")
            self.change(text, lambda node: node.with_changes(value=node.value.replace(OLD, NEW)))

    def drop(self, call: cst.Call) -> None:
        """Leave out the arguments of `create_engine()` that psycopg's dialect does not take."""
        names = {arg.keyword.value for arg in call.args if arg.keyword is not None} & DROPPED
        for name in sorted(names):
            self.tell(call, "rewritten", f"psycopg's dialect takes no `{name}`")

        def without(updated: cst.Call) -> cst.Call:
            kept = [arg for arg in updated.args if arg.keyword is None or arg.keyword.value not in names]
            if kept and kept[-1] is not updated.args[-1]:
                kept[-1] = kept[-1].with_changes(comma=updated.args[-1].comma)
            return updated.with_changes(args=kept)

        if names:
            self.change(call, without)

    def check_arguments(self, call: cst.Call) -> None:
        """Report what `connect_args={…}` holds and psycopg refuses."""
        given = self.file.argument(call, "connect_args")
        elements = given.value.elements if given is not None and isinstance(given.value, cst.Dict) else ()
        for element in elements:
            key = element.key if isinstance(element, cst.DictElement) else None
            if isinstance(key, cst.SimpleString) and key.raw_value in REFUSED:
                self.tell(
                    key, "manual", f"psycopg's connect() takes no `{key.raw_value}`", REFUSED[key.raw_value]
                )


class DialectImports(Rewrite):
    """`from sqlalchemy.dialects.postgresql import psycopg2` and what is in that module."""

    DESCRIPTION = "Import SQLAlchemy's dialect for psycopg instead of psycopg2's."

    def examine(self) -> None:
        for _, statement in self.work.imports.statements:
            if not isinstance(statement, cst.ImportFrom) or isinstance(statement.names, cst.ImportStar):
                continue
            module = dotted(statement.module)
            if module == f"{DIALECTS}.psycopg2":
                self.rename_module(statement)
                self.rename_names(statement, DIALECT_NAMES)
            elif module == DIALECTS:
                self.rename_names(statement, {"psycopg2": "psycopg"})

    def rename_module(self, statement: cst.ImportFrom) -> None:
        assert isinstance(statement.module, cst.Attribute)
        self.tell(statement, "rewritten", f"`{DIALECTS}.psycopg2` is `{DIALECTS}.psycopg`")
        self.change(statement.module, lambda updated: updated.with_changes(attr=cst.Name("psycopg")))

    def rename_names(self, statement: cst.ImportFrom, names: dict[str, str]) -> None:
        """Rename what is imported, and its uses where it has no alias."""
        for alias in statement.names if not isinstance(statement.names, cst.ImportStar) else ():
            new = names.get(dotted(alias.name))
            if new is None:
                continue
            old = dotted(alias.name)
            self.tell(alias, "rewritten", f"`{old}` of SQLAlchemy's dialects is `{new}`")
            self.change(alias.name, lambda updated, new=new: updated.with_changes(value=new))  # type: ignore[misc]
            for use in self.file.model.nodes.get(cst.Name, ()) if alias.asname is None else ():
                expr = self.file.model.exprs.get(use)
                if isinstance(use, cst.Name) and use.value == old and isinstance(expr, ex.Ref):
                    self.change(use, lambda updated, new=new: updated.with_changes(value=new))  # type: ignore[misc]


def names_driver(text: str) -> bool:
    """Whether a text names the driver, and not one of another name that begins so."""
    start = text.find(OLD)
    following = text[start + len(OLD) : start + len(OLD) + 1]
    return start >= 0 and not (following.isalnum() or following == "_")
