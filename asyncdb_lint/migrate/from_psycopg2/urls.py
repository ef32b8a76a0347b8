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

    def leave_SimpleString(
        self, original_node: cst.SimpleString, updated_node: cst.SimpleString
    ) -> cst.SimpleString:
        if not names_driver(original_node.value):
            return updated_node
        self.tell(original_node, "rewritten", f"the driver `{OLD}` is `{NEW}`")
        return updated_node.with_changes(value=updated_node.value.replace(OLD, NEW))

    def leave_FormattedStringText(
        self, original_node: cst.FormattedStringText, updated_node: cst.FormattedStringText
    ) -> cst.FormattedStringText:
        if not names_driver(original_node.value):
            return updated_node
        self.tell(original_node, "rewritten", f"the driver `{OLD}` is `{NEW}`")
        return updated_node.with_changes(value=updated_node.value.replace(OLD, NEW))

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        if getattr(self.file.kind(original_node.func), "name", "") not in ENGINES:
            return updated_node
        gone = [arg for arg in original_node.args if arg.keyword is not None and arg.keyword.value in DROPPED]
        if not gone:
            return updated_node
        names = {arg.keyword.value for arg in gone if arg.keyword is not None}
        for arg in gone:
            self.tell(
                arg, "rewritten", f"psycopg's dialect takes no `{arg.keyword.value if arg.keyword else ''}`"
            )
        kept = [arg for arg in updated_node.args if arg.keyword is None or arg.keyword.value not in names]
        if kept and kept[-1] is not updated_node.args[-1]:
            kept[-1] = kept[-1].with_changes(comma=updated_node.args[-1].comma)
        return updated_node.with_changes(args=kept)


def names_driver(text: str) -> bool:
    """Whether a text names the driver, and not one of another name that begins so."""
    start = text.find(OLD)
    following = text[start + len(OLD) : start + len(OLD) + 1]
    return start >= 0 and not (following.isalnum() or following == "_")
