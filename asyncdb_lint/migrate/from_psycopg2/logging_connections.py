"""`LoggingConnection`, which psycopg 3 has not: a class of the project's own that logs the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.helpers import Helper

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGGING = "psycopg2.extras.LoggingConnection"
LOGGING_CONNECTION = Helper(
    "LoggingConnection",
    ("import contextlib", "import logging", "import os", "import psycopg"),
    '''
class LoggingConnection(psycopg.Connection):
    """A connection that logs what its cursors execute, to a file or a logger."""

    class Cursor(psycopg.Cursor):
        def execute(self, query, params=None, **kwargs):
            try:
                return super().execute(query, params, **kwargs)
            finally:
                with contextlib.suppress(psycopg.Error):
                    text = psycopg.ClientCursor(self.connection).mogrify(query, params)
                    self.connection.log(text.encode(), self)

    def initialize(self, logobj):
        self.logobj = logobj
        self.cursor_factory = self.Cursor

    def filter(self, msg, curs):
        return msg

    def log(self, msg, curs):
        msg = self.filter(msg, curs)
        if not msg:
            return
        if isinstance(self.logobj, (logging.Logger, logging.LoggerAdapter)):
            self.logobj.debug(msg)
        else:
            self.logobj.write((msg.decode() if isinstance(msg, bytes) else msg) + os.linesep)
''',
)


class LoggingConnections(Rewrite):
    """`connect(connection_factory=LoggingConnection)`, where nothing else is done with the class."""

    DESCRIPTION = "Replace psycopg2's LoggingConnection by a class of the project's own."

    def examine(self) -> None:
        uses = list(self.uses())
        calls = [found for use in uses if (found := self.making(use)) is not None]
        if not uses or len(calls) < len(uses):
            return  # derived from, annotated: the name stays psycopg2's
        name = self.helper(LOGGING_CONNECTION)
        for use, (call, given) in zip(uses, calls, strict=True):
            self.claim(use)
            self.tell(
                use,
                "changed behaviour",
                "psycopg 3 has no connection that logs: a class of the project's own does",
                "values are quoted as psycopg does it; statements of named cursors are not logged",
            )
            if given is not None:
                self.claim(call.func)
                self.change(given, lambda _: cst.RemoveFromParent())
            self.change(call.func, lambda _: cst.parse_expression(f"{name}.connect"))

    def uses(self) -> Iterator[cst.BaseExpression]:
        """The expressions that name the class, as long as they are written."""
        for kind in (cst.Name, cst.Attribute):
            for node in self.file.model.nodes.get(kind, ()):
                if isinstance(node, (cst.Name, cst.Attribute)) and self.full_name(node) == LOGGING:
                    yield node

    def making(self, use: cst.BaseExpression) -> tuple[cst.Call, cst.Arg | None] | None:
        """The call that makes a connection of the class: it is called, or given to `connect()`."""
        parent = self.parent(use)
        if isinstance(parent, cst.Call) and parent.func is use:
            return parent, None
        call = self.parent(parent) if isinstance(parent, cst.Arg) else None
        if not isinstance(call, cst.Call) or self.full_name(call.func) != "psycopg2.connect":
            return None
        given = self.file.argument(call, "connection_factory", 1)
        return (call, given) if given is parent and given is not None else None
