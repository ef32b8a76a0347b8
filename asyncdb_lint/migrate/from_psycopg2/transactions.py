"""`with connection:` ends a transaction with both drivers; psycopg 3 closes the connection too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.from_psycopg2.lifetimes import is_new, is_within, outlives
from asyncdb_lint.migrate.helpers import Helper
from asyncdb_lint.semantics.kinds import Class, Instance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.semantics.model import Binding

COMMITTING = Helper(
    "committing",
    ("import contextlib", "from collections.abc import Iterator", "from typing import Any"),
    '''
@contextlib.contextmanager
def committing(connection: Any) -> Iterator[Any]:
    """Commit or roll back at the end, and leave the connection open, where its own `with` would close it."""
    autocommit = connection.autocommit
    if autocommit:  # the block is one transaction all the same
        connection.autocommit = False
    try:
        yield connection
    except BaseException:
        connection.rollback()
        raise
    else:
        connection.commit()
    finally:
        if autocommit and not connection.closed:
            connection.autocommit = True
''',
)
CALLED_SO = re.compile(r"(^|_)(conn|connection|cnx)\d*$|^get_\w*(conn|connection)$")
CONTROL = {"autocommit", "set_session", "set_isolation_level"}
ENDING = {"commit", "rollback", *CONTROL}


class ConnectionBlocks(Rewrite):
    """`with connection:` and `stack.enter_context(connection)`."""

    DESCRIPTION = "Keep a connection open after `with connection:`, as psycopg2 does."

    def examine(self) -> None:
        for block in self.file.model.nodes.get(cst.With, ()):
            if isinstance(block, cst.With) and block.asynchronous is None:
                for item in block.items:
                    self.judge(block, item)
        for call in self.calls():
            if isinstance(call.func, cst.Attribute) and call.func.attr.value == "enter_context" and call.args:
                given = call.args[0].value
                if self.is_object(given, "connection") and not self.has_own_exit(given):
                    self.wrap(call.args[0], given)

    def judge(self, block: cst.With, item: cst.WithItem) -> None:
        """One item of a `with`."""
        given, target = item.item, item.asname.name if item.asname is not None else None
        if not self.is_object(given, "connection"):
            if self.is_suspected(given, "connection") or self.looks_like_one(block, given, target):
                self.tell(
                    given,
                    "manual",
                    "if this is a connection, `with` closes it at its end in psycopg 3",
                    "commit or roll back yourself, or use `with connection.transaction():` if nothing ran before it",
                )
            return
        if self.has_own_exit(given):
            return
        name = target if isinstance(target, cst.BaseExpression) else None
        if is_new(self, given) and not outlives(self, block, name):
            self.tell(
                given,
                "changed behaviour",
                "`with` also closes the connection at its end, which psycopg2 left open",
            )
        elif target is None and self.commits_by_itself(block, given):
            self.tell(
                given,
                "rewritten",
                "in autocommit mode, `with connection:` is `with connection.transaction():`",
            )
            self.change(given, lambda updated: cst.Call(cst.Attribute(updated, cst.Name("transaction"))))
        else:
            self.wrap(item, given)

    def wrap(self, holder: cst.WithItem | cst.Arg, given: cst.BaseExpression) -> None:
        helper = self.helper(COMMITTING, at=given)
        self.tell(given, "rewritten", f"`{helper}()` ends the transaction and leaves the connection open")
        field = "item" if isinstance(holder, cst.WithItem) else "value"

        def wrapped(updated: cst.WithItem | cst.Arg) -> cst.WithItem | cst.Arg:
            own = cst.Call(cst.Name(helper), [cst.Arg(getattr(updated, field))])
            return updated.with_changes(**{field: own})

        self.change(holder, wrapped)

    def has_own_exit(self, node: cst.BaseExpression) -> bool:
        """Whether a class of the project says itself what its `with` does."""
        kind, project = self.file.kind(node), self.file.project
        names = project.mro(kind.name) if isinstance(kind, (Instance, Class)) else ()
        return any(project.function(f"{name}.__exit__") is not None for name in names)

    def looks_like_one(self, block: cst.With, node: cst.BaseExpression, target: cst.CSTNode | None) -> bool:
        """Whether something that nobody knows is called, and used, like a connection in a file of psycopg2's."""
        if not self.work.imports.bound or not self.is_unknown(node):
            return False
        called = node.func if isinstance(node, cst.Call) else node
        name = called.attr.value if isinstance(called, cst.Attribute) else getattr(called, "value", "")
        used = target if target is not None else node
        code = self.file.source(used, 200)
        return (
            isinstance(name, str)
            and bool(CALLED_SO.search(name))
            and any(
                isinstance(each, cst.Attribute)
                and each.attr.value == "cursor"
                and is_within(self.file.model, each, block)
                and self.file.source(each.value, 200) == code
                for each in self.attributes()
            )
        )

    # Autocommit

    def commits_by_itself(self, block: cst.With, given: cst.BaseExpression) -> bool:
        """Whether a local connection is surely in autocommit mode, and the block ends no transaction itself."""
        bindings = self.file.model.bindings_of(given)
        if not isinstance(given, cst.Name) or len(bindings) != 1 or bindings[0].scope.what != "function":
            return False
        binding = bindings[0]
        if not isinstance(binding.value, cst.BaseExpression) or not is_new(self, binding.value):
            return False
        setters = [use for use in binding.uses if self.attribute_of(use) in CONTROL]
        if len(setters) != 1 or not self.follows(binding, setters[0], block):
            return False
        inside = [use for use in binding.uses if is_within(self.file.model, use, block) and use is not given]
        return all(self.attribute_of(use) not in ("", *ENDING) for use in inside)

    def attribute_of(self, use: cst.CSTNode) -> str:
        """The attribute that is asked of an object; "" where it is used otherwise."""
        parent = self.parent(use)
        return parent.attr.value if isinstance(parent, cst.Attribute) else ""

    def follows(self, binding: Binding, use: cst.CSTNode, block: cst.With) -> bool:
        """Whether `connection.autocommit = True` comes after the connection is made, before a block of that body."""
        setting = next(self.lines(use), None)
        match setting:
            case cst.SimpleStatementLine(
                body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Attribute())], value=cst.Name("True"))]
            ):
                body = list(getattr(self.file.model.parents[setting], "body", ()))
            case _:
                return False
        made = next(self.lines(binding.target), None)
        around = next((each for each in self.lines(block) if each in body), None)
        if made not in body or around is None:
            return False
        return body.index(made) < body.index(setting) < body.index(around)

    def lines(self, node: cst.CSTNode) -> Iterator[cst.BaseStatement]:
        """The statements around a node, innermost first."""
        found: cst.CSTNode | None = node
        while found is not None:
            if isinstance(found, (cst.SimpleStatementLine, cst.BaseCompoundStatement)):
                yield found
            found = self.file.model.parents.get(found)
