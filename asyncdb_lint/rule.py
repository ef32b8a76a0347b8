"""The base of all rules: a rule is a table, a predicate and a message; this class asks the questions for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import libcst as cst

    from asyncdb_lint.file_context import FileContext, Repair
    from asyncdb_lint.finding import Applicability, Severity, Step
    from asyncdb_lint.semantics.kinds import Kind
    from asyncdb_lint.semantics.model import Scope


class Rule:
    """A visitor over one file. Subclasses define `visit_Call`, `visit_With`… (any libcst node class).

    The docstring is the rule's page: its first line says what is flagged, then the sections `What it flags`,
    `Why it is bad`, `Good` and `Bad` code blocks, `When to ignore` and `Source`. The code blocks are tests.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity]
    fix: ClassVar[Applicability | None] = None
    default: ClassVar[bool] = True
    holds_for: ClassVar[Mapping[str, str]] = {}
    requires: ClassVar[tuple[bytes, ...]] = ()
    """Byte strings that must all occur in a file for the rule to be able to fire."""
    triggers: ClassVar[tuple[bytes, ...]] = ()
    """Byte strings of which at least one must occur; empty means any file that can name a database object."""
    seeds: ClassVar[tuple[bytes, ...]] = ()
    """Byte strings that make a file worth parsing by themselves, for libraries that the knowledge does not hold."""
    links: ClassVar[tuple[str, ...]] = ()

    def __init__(self, file: FileContext) -> None:
        self.file = file

    def finish(self) -> None:
        """Called once after the walk, for rules that judge the file as a whole."""

    # Questions

    def kind(self, node: cst.CSTNode) -> Kind:
        """What an expression is; `Unknown` when it cannot be told."""
        return self.file.kind(node)

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """The node that holds this one, parentheses and argument wrappers included."""
        return self.file.model.parents.get(node)

    def scope(self, node: cst.CSTNode) -> Scope:
        """The innermost function, lambda, class, comprehension or module whose body the node is in."""
        return self.file.model.scope_of(node)

    def on_loop(self, node: cst.CSTNode) -> bool:
        """Whether the node's code runs on the event loop."""
        return self.scope(node).on_loop

    def source(self, node: cst.CSTNode, limit: int = 60) -> str:
        """The user's own text on one line, shortened in the middle of long ones."""
        return self.file.source(node, limit)

    # The verdict

    def report(
        self,
        node: cst.CSTNode,
        message: str,
        *,
        why: str = "",
        help: str = "",
        chain: Sequence[Step] = (),
        repair: Repair | None = None,
        severity: Severity | None = None,
    ) -> None:
        """Record a finding at `node`: the smallest guilty span."""
        self.file.report(self, node, message, why, help, tuple(chain), repair, severity or self.severity)
