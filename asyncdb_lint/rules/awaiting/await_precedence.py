"""ADB203 await-precedence."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule
from asyncdb_lint.rules.awaiting.expressions import awaited
from asyncdb_lint.semantics.kinds import UNKNOWN, Coroutine, Function


class AwaitPrecedence(Rule):
    """`await` around a chain whose first call is the coroutine.

    ## What it flags

    `await session.execute(query).scalars()`: the method is called on the coroutine, before anything is
    awaited. Chains over several lines and in extra parentheses too.

    ## Why it is bad

    It raises `AttributeError: 'coroutine' object has no attribute 'scalars'` every time.

    ## Good

    ```python
    from sqlalchemy.ext.asyncio import AsyncSession

    async def names(session: AsyncSession, query) -> list[str]:
        return (await session.execute(query)).scalars().all()
    ```

    ## Bad

    ```python
    from sqlalchemy.ext.asyncio import AsyncSession

    async def names(session: AsyncSession, query) -> list[str]:
        return await session.execute(query).scalars().all()
    ```

    ## When to ignore

    Never: it cannot work.

    ## Source

    Python reference, "Await expression": `await` binds less tightly than calls and attribute access.
    """

    code = "ADB203"
    name = "await-precedence"
    severity = Severity.ERROR
    fix = Applicability.SAFE
    holds_for = {"sqlalchemy": ">=1.4"}
    requires = (b"await",)

    def visit_Await(self, node: cst.Await) -> None:
        inner = self.first_coroutine(node.expression)
        if inner is None or inner is node.expression or self.kind(node.expression) != UNKNOWN:
            return
        taken = self.parent(inner)
        if not isinstance(taken, (cst.Attribute, cst.Subscript)):
            return
        asked = (
            f"`{taken.attr.value}` is read from"
            if isinstance(taken, cst.Attribute)
            else "An item is taken of"
        )
        right = self.source(self.repaired(node, inner))
        self.report(
            taken.attr if isinstance(taken, cst.Attribute) else taken,
            f"{asked} the coroutine that `{self.source(inner, 40)}` gives, not from its result",
            why="`await` reaches over the whole chain, so the first call is not awaited: AttributeError",
            help=f"write `{right}`",
            repair=Repair(
                Applicability.SAFE, "Await the first call only", ((node, self.repaired(node, inner)),)
            ),
        )

    def first_coroutine(self, node: cst.BaseExpression) -> cst.Call | None:
        """The innermost call of the chain, if it gives a coroutine."""
        found = None
        current: cst.CSTNode = node
        while True:
            if isinstance(current, cst.Call):
                if isinstance(self.kind(current), Coroutine):
                    found = current
                current = current.func
            elif isinstance(current, (cst.Attribute, cst.Subscript)):
                current = current.value
            else:
                return found

    def repaired(self, node: cst.Await, inner: cst.Call) -> cst.BaseExpression:
        """The chain on the awaited first call; awaited again where its last call is a coroutine too."""
        chain = node.expression.deep_replace(inner, awaited(inner, self.parent(inner)))
        assert isinstance(chain, cst.BaseExpression)
        if self.awaits_again(inner):
            return node.with_changes(expression=chain)
        return chain.with_changes(lpar=[*node.lpar, *chain.lpar], rpar=[*chain.rpar, *node.rpar])

    def awaits_again(self, inner: cst.Call) -> bool:
        """Whether the method called on the result is a coroutine (`(await s.connection()).execute(…)`)."""
        kind = self.kind(inner)
        taken = self.parent(inner)
        if not isinstance(kind, Coroutine) or not isinstance(taken, cst.Attribute):
            return False
        method = self.file.project.attribute(kind.of, taken.attr.value)
        member = self.file.project.member(method) if isinstance(method, Function) else None
        return member is not None and member.protocol in ("coroutine", "startable")
