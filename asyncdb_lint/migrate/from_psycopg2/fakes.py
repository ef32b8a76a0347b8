"""What stands in for psycopg2's objects in tests, by the methods that it has."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite

FAKED = {
    "get_backend_pid": "`info.backend_pid`",
    "get_dsn_parameters": "`info.get_parameters()`",
    "get_transaction_status": "`info.transaction_status`",
    "get_parameter_status": "`info.parameter_status()`",
    "set_isolation_level": "`isolation_level` and `autocommit`",
    "set_client_encoding": "none of its own",
    "isexecuting": "`info.transaction_status`",
    "mogrify": "that of a `ClientCursor`, which gives text",
    "copy_expert": "`copy()`, a context manager",
}
"""Methods that only psycopg2's objects have, and what psycopg 3's have for them."""


class Fakes(Rewrite):
    """`class FakeConnection: def get_backend_pid(self): …` and `stub(get_backend_pid=…)` in tests."""

    DESCRIPTION = "Report what stands in for psycopg2's connections and cursors in tests."

    def examine(self) -> None:
        if not self.file.is_test or not self.work.is_only_driver:
            return
        for function in self.file.model.nodes.get(cst.FunctionDef, ()):
            if isinstance(function, cst.FunctionDef) and function.name.value in FAKED:
                scope = self.file.model.opened.get(function)
                if scope is not None and scope.parent is not None and scope.parent.what == "class":
                    self.report(function.name, function.name.value)
        for call in self.calls():
            for arg in call.args:
                if arg.keyword is not None and arg.keyword.value in FAKED:
                    self.report(arg, arg.keyword.value)

    def report(self, node: cst.CSTNode, name: str) -> None:
        self.tell(
            node,
            "manual",
            f"what stands in for psycopg2 has `{name}`",
            f"psycopg 3 has {FAKED[name]}: rename it as the code under test was",
        )
