"""What becomes of a connection argument when the driver changes: the words in which the tables answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from asyncdb_lint.semantics import expressions as ex

if TYPE_CHECKING:
    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.knowledge.drivers import Driver
    from asyncdb_lint.migrate.command import Outcome


class Code(NamedTuple):
    """A value that is an expression of the program, not a literal."""

    text: str


KEPT = Code("")
"""The value that stands there already."""
UNKNOWN = object()
"""The value of what is not a literal."""


@dataclasses.dataclass(frozen=True)
class Given:
    """One argument: its name, its value if that is a literal, and the literals beside it.

    In a URL there is no expression, and every value is text.
    """

    key: str
    value: object
    file: FileContext
    node: cst.BaseExpression | None = None
    beside: Mapping[str, object] = dataclasses.field(default_factory=dict)

    @property
    def code(self) -> str:
        """The value as the program writes it."""
        return "…" if self.node is None else self.file.model.module.code_for_node(self.node)

    @property
    def factor(self) -> str:
        """The value as it may stand in an expression."""
        return (
            self.code
            if isinstance(self.node, (cst.Name, cst.Attribute, cst.Call, cst.Subscript))
            else f"({self.code})"
        )

    @property
    def number(self) -> float | None:
        """The value as a number, if it is one or, in a URL, the text of one."""
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float, str)):
            return None
        try:
            return float(self.value)
        except ValueError:
            return None

    @property
    def shown(self) -> str:
        """The argument as a message names it."""
        return self.key if self.value is UNKNOWN else f"{self.key}={self.value!r}"


@dataclasses.dataclass(frozen=True)
class Answer:
    """What stands in the place of an argument.

    `entries` are arguments of the new driver, `session` settings of the session, `spread` expressions of whole
    mappings of such settings. Where `unsafe`, this is done only for users who ask for it, and is else theirs to do.
    """

    outcome: Outcome
    message: str
    advice: str = ""
    entries: tuple[tuple[str, object], ...] = ()
    session: tuple[tuple[str, object], ...] = ()
    spread: tuple[Code, ...] = ()
    unsafe: bool = False


Rule = Callable[[Given], Answer]


def same(given: Given) -> Answer:
    """Both drivers take it, and mean the same."""
    return Answer("rewritten", "", entries=((given.key, KEPT),))


def called(key: str) -> Rule:
    """Another name for the same."""
    return lambda given: Answer("rewritten", f"`{given.key}` is `{key}`", entries=((key, KEPT),))


def dropped(why: str) -> Rule:
    """Nothing is lost with it."""
    return lambda given: Answer("rewritten", f"`{given.shown}` is dropped: {why}")


def given_up(why: str, advice: str = "") -> Rule:
    """It is left out, and something is different then."""
    return lambda given: Answer("changed behaviour", f"`{given.shown}` is dropped: {why}", advice)


def sacrificed(why: str, advice: str = "leave it out") -> Rule:
    """There is nothing in its place; only who asks for it loses it."""
    return lambda given: Answer(
        "changed behaviour", f"`{given.shown}` has no equal: {why}", advice, unsafe=True
    )


def by_hand(why: str, advice: str) -> Rule:
    """A person has to decide."""
    return lambda given: Answer("manual", f"`{given.shown}`: {why}", advice)


def unless_none(rule: Rule) -> Rule:
    """The rule, for an argument that None leaves unset."""

    def judged(given: Given) -> Answer:
        return dropped("None is no value")(given) if given.value is None else rule(given)

    return judged


def answer(given: Given, rules: Mapping[str, Rule], target: Driver) -> Answer:
    """What becomes of an argument: by its own rule, or by what is known of the new driver's arguments."""
    if given.key in rules:
        return rules[given.key](given)
    if given.key in (target.connect_args or ()):
        return same(given)
    equal = target.equivalents.get(given.key)
    if equal is not None and equal.key and not equal.inside and equal.carries(given.value):
        return called(equal.key)(given)
    advice = f"write `{equal.write}`" if equal is not None and equal.key else "leave it out"
    return by_hand(f"{target.name} has no such argument", advice)(given)


def literal(file: FileContext, node: cst.CSTNode) -> object:
    """The value of a literal."""
    expr = file.model.exprs.get(node)
    return expr.value if isinstance(expr, ex.Literal) else UNKNOWN
