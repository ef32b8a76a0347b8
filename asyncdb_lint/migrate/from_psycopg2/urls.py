"""SQLAlchemy's URLs and engine arguments."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite

OLD, NEW = "postgresql+psycopg2", "postgresql+psycopg"
ENGINES = {"sqlalchemy.engine.create.create_engine", "sqlalchemy.engine.create.engine_from_config"}
DROPPED = {
    "executemany_mode", "executemany_values_page_size", "executemany_batch_page_size", "use_batch_mode",
    "use_native_unicode", "use_native_uuid",
}  # fmt: skip
DIALECT = "sqlalchemy.dialects.postgresql.psycopg2"


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


def names_driver(text: str) -> bool:
    """Whether a text names the driver, and not one of another name that begins so."""
    start = text.find(OLD)
    following = text[start + len(OLD) : start + len(OLD) + 1]
    return start >= 0 and not (following.isalnum() or following == "_")
