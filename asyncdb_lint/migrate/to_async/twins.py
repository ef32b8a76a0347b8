"""The asynchronous twins of helpers: the same text with `await` where it waits."""

from __future__ import annotations

import re

import libcst as cst

from asyncdb_lint.knowledge import load
from asyncdb_lint.migrate.helpers import Helper
from asyncdb_lint.migrate.to_async.awaiting import ASYNC, Awaiting
from asyncdb_lint.migrate.to_async.forms import CLASSES

PARAMETERS = {"cur": "cursor", "cursor": "cursor", "conn": "connection", "connection": "connection"}
"""What helpers call connections and cursors."""
WORDS = {
    "contextlib.contextmanager": "contextlib.asynccontextmanager",
    "psycopg.ClientCursor": "psycopg.AsyncClientCursor",
    "psycopg.Connection": "psycopg.AsyncConnection",
    "psycopg.Cursor": "psycopg.AsyncCursor",
    "collections.abc import Iterator": "collections.abc import AsyncIterator",
    "-> Iterator[": "-> AsyncIterator[",
}


def twin(helper: Helper) -> Helper:
    """The helper for asynchronous connections and cursors."""
    known = {name: CLASSES[role] for name, role in PARAMETERS.items()}
    before = cst.parse_module(helper.text)
    tree = before.visit(Awaiting(load(), known))
    if not tree.deep_equals(before):  # else it waits for nothing
        tree = tree.visit(Defining())
    return Helper(
        f"{helper.name}_async",
        tuple(renamed(each) for each in helper.imports),
        renamed(tree.code).replace(f"def {helper.name}(", f"def {helper.name}_async("),
    )


class Defining(cst.CSTTransformer):
    """`async def` for the outer functions."""

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        return updated_node.with_changes(asynchronous=ASYNC)


def renamed(text: str) -> str:
    return re.sub("|".join(re.escape(word) for word in WORDS), lambda match: WORDS[match[0]], text)
