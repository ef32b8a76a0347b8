"""Django's PostgreSQL backend under its old name, which settings may still have and imports may not since 3.0."""

from __future__ import annotations

import re

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.import_statements import dotted

BACKENDS = "django.db.backends"
OLD, NEW = "postgresql_psycopg2", "postgresql"
FULL = f"{BACKENDS}.{NEW}"
ENGINE = re.compile(rf"(?<![\w.])django\.db\.backends\.{OLD}(?!\w)")
MESSAGE = f"Django's backend `{OLD}` is called `{NEW}`, and takes the driver that is installed"


class DjangoBackend(Rewrite):
    """`"ENGINE": "django.db.backends.postgresql_psycopg2"`, and imports of that package."""

    DESCRIPTION = "Rename Django's backend postgresql_psycopg2 to postgresql."

    def examine(self) -> None:
        for text in self.file.model.nodes.get(cst.SimpleString, ()):
            self.judge_text(text)
        for formatted in self.file.model.nodes.get(cst.FormattedString, ()):
            for part in formatted.parts if isinstance(formatted, cst.FormattedString) else ():
                self.judge_text(part)
        for attribute in self.attributes():
            self.judge_package(attribute)
        for _, statement in self.work.imports.statements:
            if isinstance(statement, cst.ImportFrom):
                self.judge_import(statement)
            else:
                for alias in statement.names:
                    self.judge_within(alias.name)

    def judge_text(self, text: cst.CSTNode) -> None:
        if isinstance(text, (cst.SimpleString, cst.FormattedStringText)) and ENGINE.search(text.value):
            self.tell(text, "rewritten", MESSAGE)
            self.change(text, lambda node: node.with_changes(value=ENGINE.sub(FULL, node.value)))

    def judge_import(self, statement: cst.ImportFrom) -> None:
        """`from django.db.backends.postgresql_psycopg2 import base`, or the package itself."""
        if statement.module is not None:
            self.judge_within(statement.module)
        if dotted(statement.module) != BACKENDS or isinstance(statement.names, cst.ImportStar):
            return
        for alias in statement.names:
            if dotted(alias.name) == OLD:
                self.tell(alias, "rewritten", MESSAGE)
                kept = alias.asname or cst.AsName(cst.Name(OLD))
                self.change(alias, lambda node, kept=kept: node.with_changes(name=cst.Name(NEW), asname=kept))  # type: ignore[misc]

    def judge_within(self, module: cst.BaseExpression) -> None:
        """The part of a module's name that is the package's."""
        while isinstance(module, cst.Attribute):
            self.judge_package(module)
            module = module.value

    def judge_package(self, node: cst.Attribute) -> None:
        if dotted(node) == f"{BACKENDS}.{OLD}":
            self.tell(node, "rewritten", MESSAGE)
            self.change(node, lambda updated: updated.with_changes(attr=cst.Name(NEW)))
