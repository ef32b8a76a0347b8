"""SQLAlchemy's URLs, and the module of its dialect."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.import_statements import dotted
from asyncdb_lint.semantics import expressions as ex

OLD, NEW = "postgresql+psycopg2", "postgresql+psycopg"
DIALECTS = "sqlalchemy.dialects.postgresql"
DIALECT_NAMES = {
    f"{prefix}_psycopg2": f"{prefix}_psycopg"
    for prefix in ("PGDialect", "PGExecutionContext", "PGIdentifierPreparer")
}


class SqlalchemyUrls(Rewrite):
    """`postgresql+psycopg2` in texts."""

    DESCRIPTION = "Rewrite SQLAlchemy URLs from psycopg2 to psycopg."

    def examine(self) -> None:
        for text in self.file.model.nodes.get(cst.SimpleString, ()):
            self.judge(text)
        for formatted in self.file.model.nodes.get(cst.FormattedString, ()):
            for part in formatted.parts if isinstance(formatted, cst.FormattedString) else ():
                self.judge(part)

    def judge(self, text: cst.CSTNode) -> None:
        if isinstance(text, (cst.SimpleString, cst.FormattedStringText)) and names_driver(text.value):
            self.tell(text, "rewritten", f"the driver `{OLD}` is `{NEW}`")
            self.change(text, lambda node: node.with_changes(value=node.value.replace(OLD, NEW)))


class DialectImports(Rewrite):
    """`from sqlalchemy.dialects.postgresql import psycopg2` and what is in that module."""

    DESCRIPTION = "Import SQLAlchemy's dialect for psycopg instead of psycopg2's."

    def examine(self) -> None:
        found = False
        for _, statement in self.work.imports.statements:
            if isinstance(statement, cst.Import):
                for alias in statement.names:
                    found |= self.rename_module(alias.name)
                continue
            module = dotted(statement.module)
            if module == f"{DIALECTS}.psycopg2":
                found |= self.rename_module(statement.module)
                self.rename_names(statement, DIALECT_NAMES)
            elif module == DIALECTS:
                found |= self.rename_names(statement, {"psycopg2": "psycopg"})
        for attribute in self.attributes() if found else ():
            self.rename_module(attribute)
            if new := DIALECT_NAMES.get(attribute.attr.value):
                self.rename(attribute, new)

    def rename_module(self, module: cst.CSTNode | None) -> bool:
        """`sqlalchemy.dialects.postgresql.psycopg2`, where that is what a name says; and whether it is."""
        is_dialect = isinstance(module, cst.Attribute) and dotted(module) == f"{DIALECTS}.psycopg2"
        if isinstance(module, cst.Attribute) and is_dialect:
            self.rename(module, "psycopg")
        return is_dialect

    def rename(self, attribute: cst.Attribute, new: str) -> None:
        self.tell(attribute, "rewritten", f"`{attribute.attr.value}` of SQLAlchemy's dialects is `{new}`")
        self.change(attribute, lambda updated: updated.with_changes(attr=cst.Name(new)))

    def rename_names(self, statement: cst.ImportFrom, names: dict[str, str]) -> bool:
        """Rename what is imported, and its uses where it has no alias; and whether there is any of it."""
        found = False
        for alias in statement.names if not isinstance(statement.names, cst.ImportStar) else ():
            new = names.get(dotted(alias.name))
            if new is None:
                continue
            old, found = dotted(alias.name), True
            self.tell(alias, "rewritten", f"`{old}` of SQLAlchemy's dialects is `{new}`")
            self.change(alias.name, lambda updated, new=new: updated.with_changes(value=new))  # type: ignore[misc]
            for use in self.file.model.nodes.get(cst.Name, ()) if alias.asname is None else ():
                expr = self.file.model.exprs.get(use)
                if isinstance(use, cst.Name) and use.value == old and isinstance(expr, ex.Ref):
                    self.change(use, lambda updated, new=new: updated.with_changes(value=new))  # type: ignore[misc]
        return found


def names_driver(text: str) -> bool:
    """Whether a text names the driver, and not one of another name that begins so."""
    start = text.find(OLD)
    following = text[start + len(OLD) : start + len(OLD) + 1]
    return start >= 0 and not (following.isalnum() or following == "_")
