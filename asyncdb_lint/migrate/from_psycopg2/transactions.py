"""`with connection:` commits or rolls back with both drivers; psycopg 3 closes the connection then."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite


class ConnectionBlocks(Rewrite):
    """`with connection:`."""

    DESCRIPTION = "Report `with connection:`, which closes the connection in psycopg 3."

    def examine(self) -> None:
        for node in self.file.model.nodes.get(cst.With, ()):
            if not isinstance(node, cst.With) or node.asynchronous is not None:
                continue
            for item in node.items:
                if not self.is_object(item.item, "connection"):
                    continue
                is_new = isinstance(item.item, cst.Call)
                self.tell(
                    item,
                    "changed behaviour" if is_new else "manual",
                    "`with` closes the connection at its end, after the commit or rollback",
                    ""
                    if is_new
                    else "use `with connection.transaction():` if nothing ran before it, else commit and roll back",
                )
