"""What can be done about a place that psycopg 3 reads otherwise, given the values and who executes the statement."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.from_psycopg2.arguments import as_list, is_imported, type_of
from asyncdb_lint.migrate.from_psycopg2.executions import SHOWING, result_is_read
from asyncdb_lint.migrate.from_psycopg2.placeholders import parameters, statements
from asyncdb_lint.migrate.from_psycopg2.sql_edits import Edit, Finding, spelled
from asyncdb_lint.migrate.from_psycopg2.value_types import compared
from asyncdb_lint.migrate.literals import assignments

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from asyncdb_lint.migrate.changes import How
    from asyncdb_lint.migrate.command import Rewrite
    from asyncdb_lint.migrate.from_psycopg2.executions import Execution
    from asyncdb_lint.migrate.from_psycopg2.placeholders import Token
    from asyncdb_lint.migrate.literals import Literal

MEMBERS = {"membership", "row-membership"}
"""Rules that hold for parameters that the client binds too: Django's, and those of `mogrify()`."""
LOCAL = {*MEMBERS, "is", "typed-literal", "quoted", "interval", "extract", "order"}
"""Rules that look at a few words only: they hold for a part of a statement."""
BY_VALUE = {"shared", "untyped", "series", "overflow", "round", "array", "null"}
"""Rules that hold for some values only: where nobody knows the cursor, they say nothing."""


@dataclasses.dataclass(eq=False)
class Case:
    """A finding in one text of one execution, and what is to be done about it."""

    execution: Execution
    literal: Literal
    finding: Finding
    possible: bool = False
    sure: bool = True
    changes: list[tuple[cst.CSTNode, How]] = dataclasses.field(default_factory=list)
    client: bool = False
    expand: bool = False


class Judge:
    """Judges the findings of one file."""

    def __init__(self, rewrite: Rewrite, found: Sequence[Execution]) -> None:
        self.rewrite = rewrite
        self.file = rewrite.file
        self.read_through = {name for each in found for literal in each.texts for name in literal.names}

    def concerns(self, execution: Execution, literal: Literal, finding: Finding) -> bool:
        """Whether a finding holds for the values that are given."""
        rule = finding.rule
        if not execution.known and (rule in BY_VALUE or (self.is_django and rule not in MEMBERS)):
            return False
        if (execution.partial and rule not in LOCAL) or (
            execution.method == "mogrify" and rule not in MEMBERS
        ):
            return False
        if (
            execution.style == "colon"
            and finding.need == "list"
            and self.is_expanding(finding.parameters[0].name)
        ):
            return False
        types = {self.type_given(execution, literal, each) for each in finding.parameters}
        if rule == "array":
            return bool(types & {"list", "numbers"})
        allowed = {
            "str": {"", "str", "none"}, "strings": {"", "strings", "list", "none"}, "int": {"", "int"},
            "numbers": {"", "float"}, "text": {"str", "none"}, "null": {"", "str", "none", "list", "strings"},
        }.get(finding.need)  # fmt: skip
        return allowed is None or bool(types & allowed)

    def type_given(self, execution: Execution, literal: Literal, placeholder: Token) -> str:
        """What all values of a placeholder are."""
        places = [each for each in parameters(literal.text, execution.style) if not each.name]
        values = execution.parameters.values(placeholder, places)
        types = {type_of(self.file, node) for node in values.nodes}
        return types.pop() if len(types) == 1 else ""

    def is_expanding(self, name: str) -> bool:
        """Whether the file gives a bound name as many values as it likes: `bindparam(name, expanding=True)`."""
        for call in self.rewrite.calls():
            key = self.file.argument(call, "key", 0)
            written = key.value if key is not None else None
            is_name = isinstance(written, cst.SimpleString) and written.evaluated_value == name
            if is_name and self.rewrite.full_name(call.func).endswith(".bindparam"):
                return self.file.argument(call, "expanding") is not None
        return False

    def case(self, execution: Execution, literal: Literal, finding: Finding) -> Case:
        """What can be done about a finding."""
        case = Case(execution, literal, finding)
        if not execution.known or (finding.safety == "manual" and not finding.client):
            return case
        if finding.client:
            in_pipeline = finding.rule == "several" and execution.method == "executemany"
            case.client = case.possible = not in_pipeline and self.may_bind_in_client(execution)
            return case
        if literal.edited(finding.edits) is None or not self.is_only_a_statement(literal):
            return case
        if finding.need == "list" and execution.style == "colon":
            case.expand = True
            case.possible = not execution.partial  # SQLAlchemy refuses names that the text has not
            return case
        case.possible, case.sure = True, finding.safety == "safe"
        types = {self.type_given(execution, literal, each) for each in finding.parameters}
        if finding.need == "list":
            self.make_list(case)
        elif finding.need in ("str", "strings", "int"):
            case.possible = types <= {
                {"str": "str", "strings": "strings", "int": "int"}[finding.need],
                "none",
            }
        elif finding.need == "number":
            case.possible = not types & {"str", "tuple", "list", "none"}
        elif finding.need == "whole":
            case.sure = types == {"int"}
        return case

    def compared(self, execution: Execution, literal: Literal) -> Iterator[Case]:
        """`column = %s` where the value is a list of integers."""
        for statement in statements(literal.text, execution.style) if execution.known else ():
            for finding in compared(statement):
                if self.type_given(execution, literal, finding.parameters[0]) == "numbers":
                    yield Case(execution, literal, finding)

    def composed(self, execution: Execution, literal: Literal) -> Iterator[Case]:
        """`sql.SQL("… IN {}").format(sql.Literal(values))` → `= ANY({})` with a list."""
        for statement in statements(literal.text, execution.style):
            for index, token in enumerate(statement.tokens):
                field = literal.spots[token.start].field if token.kind == "hole" else None
                made_by = self.rewrite.full_name(field.func) if isinstance(field, cst.Call) else ""
                if statement.word(index - 1) != "in" or not isinstance(field, cst.Call):
                    continue
                negative = statement.word(index - 2) == "not"
                first = statement.tokens[index - 2 if negative else index - 1]
                new = spelled(statement, index - 1, "<> ALL(" if negative else "= ANY(")
                if made_by == "psycopg2.sql.Placeholder":
                    yield Case(execution, literal, Finding(
                        "composed", token.start, "manual", f"`{'NOT ' * negative}IN` a placeholder takes no tuple",
                        f"write `{new}{{}})` and give a list"))  # fmt: skip
                if made_by != "psycopg2.sql.Literal":
                    continue
                edits = (Edit(first.start, token.start, new), Edit(token.end, token.end, ")"))
                finding = Finding("composed", token.start, "unsafe", "`Literal` of a tuple is a row, and no list",
                                  f"write `{new.strip('(')}({{}})` with the `Literal` of a list", edits,
                                  note="psycopg2 wrote the values one by one")  # fmt: skip
                case = Case(execution, literal, finding, sure=False)
                made = as_list(self.file, field.args[0].value) if field.args else None
                if made is not None and execution.known and literal.edited(edits) is not None:
                    case.possible, case.changes = True, made[1]
                yield case

    @functools.cached_property
    def is_django(self) -> bool:
        """Whether cursors may be Django's, which bind in the client."""
        return any(name.startswith("django") for name in self.file.model.summary.imports)

    def make_list(self, case: Case) -> None:
        """The change of the value of `IN %s` to a list."""
        execution, literal, (placeholder,) = case.execution, case.literal, case.finding.parameters
        everywhere = [each for text in execution.texts for each in parameters(text.text, execution.style)]
        places = [each for each in parameters(literal.text, execution.style) if not each.name]
        values = execution.parameters.values(placeholder, places)
        same = [each for each in everywhere if placeholder.name and each.name == placeholder.name]
        is_whole = len(execution.texts) == 1 and not execution.partial
        case.possible = values.known and len(same) <= 1 and (is_whole or (execution.partial and bool(same)))
        for node in values.nodes if case.possible else ():
            made = as_list(self.file, node)
            if made is None:
                case.possible = False
                return
            case.sure = case.sure and made[0]
            case.changes += made[1]

    def may_bind_in_client(self, execution: Execution) -> bool:
        """Whether `cursor.execute()` may be executed by a `ClientCursor` of its own."""
        receiver = execution.receiver
        is_statement = isinstance(self.rewrite.parent(execution.call), cst.Expr)
        is_simple = isinstance(receiver, (cst.Name, cst.Attribute)) or is_new_cursor(receiver)
        return is_statement and is_simple and not result_is_read(self.rewrite, execution)

    def is_only_a_statement(self, literal: Literal) -> bool:
        """Whether the names that a text is read through stand for nothing else than the statement."""
        for name in literal.names:
            bound = assignments(self.file, name)
            if any(is_imported(self.file, each) for each in bound):
                return False
            for use in {use for binding in bound for use in binding.uses}:
                is_added_to = isinstance(self.rewrite.parent(use), cst.AugAssign)
                if use not in self.read_through and not is_added_to and not self.is_logged(use):
                    return False
        return True

    def is_logged(self, use: cst.CSTNode) -> bool:
        """Whether a name is only shown to people."""
        call = self.file.model.parents.get(self.file.model.parents.get(use, use))
        func = call.func if isinstance(call, cst.Call) else None
        name = func.attr.value if isinstance(func, cst.Attribute) else getattr(func, "value", "")
        return name in SHOWING


def is_new_cursor(node: cst.BaseExpression | None) -> bool:
    """Whether it is `connection.cursor()`."""
    func = node.func if isinstance(node, cst.Call) and not node.args else None
    return isinstance(func, cst.Attribute) and func.attr.value == "cursor"
