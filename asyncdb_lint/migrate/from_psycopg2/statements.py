"""Statements whose parameters psycopg2 wrote into the text, and the server binds now."""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.finding import Position
from asyncdb_lint.migrate.command import CODES, Item, Rewrite
from asyncdb_lint.migrate.from_psycopg2.arguments import as_list, in_tuple, type_of
from asyncdb_lint.migrate.from_psycopg2.executions import executions, result_is_read
from asyncdb_lint.migrate.from_psycopg2.placeholders import parameters, statements
from asyncdb_lint.migrate.from_psycopg2.server_binding import findings
from asyncdb_lint.migrate.literals import HOLE, assignments
from asyncdb_lint.semantics import expressions as ex

if TYPE_CHECKING:
    from asyncdb_lint.migrate.changes import How
    from asyncdb_lint.migrate.command import Outcome
    from asyncdb_lint.migrate.from_psycopg2.executions import Execution
    from asyncdb_lint.migrate.from_psycopg2.placeholders import Token
    from asyncdb_lint.migrate.from_psycopg2.sql_edits import Finding
    from asyncdb_lint.migrate.literals import Literal, Piece

LOGGING = {"debug", "info", "warning", "error", "exception", "log", "print", "mogrify"}
BY_VALUE = {"untyped", "series", "overflow", "round", "array", "null"}
"""Rules that hold for some values only: where nobody knows the cursor, they say nothing."""
NOTES = {
    "list": "`list()` takes the value for a sequence, as `IN` did for a tuple",
    "null": "any type will do for the test",
    "str": "psycopg2 sent a text of unknown type", "strings": "psycopg2 sent an array of texts",
    "int": "psycopg2 sent integers of the size that the server chose",
}  # fmt: skip
"""What to know where a rewrite holds for the values that are expected."""
CLIENT_NOTE = "a cursor of its own binds in the client, as psycopg2 did"
CLIENT_ENGINE = 'bind in the client: `connect_args={"cursor_factory": psycopg.ClientCursor}`'


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


class Statements(Rewrite):
    """`IN %s`, `interval %s`, `SET x = %s` and the like."""

    DESCRIPTION = "Rewrite statements that psycopg 3 refuses or reads otherwise."

    def examine(self) -> None:
        found = list(executions(self))
        self.uses: collections.Counter[Piece] = collections.Counter(
            piece for each in found for literal in each.texts for piece in literal.pieces
        )
        self.read_through = {name for each in found for literal in each.texts for name in literal.names}
        cases: dict[tuple[object, ...], list[Case]] = collections.defaultdict(list)
        for each in found:
            for literal in each.texts:
                for finding in findings(literal.text, each.style):
                    if self.concerns(each, literal, finding):
                        key = (*(piece.node for piece in literal.pieces), finding.rule, finding.start)
                        cases[key].append(self.case(each, literal, finding))
            self.scalar(each)
            self.several(each)
        self.settle(list(cases.values()))

    # Judging

    def concerns(self, execution: Execution, literal: Literal, finding: Finding) -> bool:
        """Whether a finding holds for the values that are given."""
        if not execution.known and finding.rule in BY_VALUE:
            return False
        if (
            execution.style == "colon"
            and finding.need == "list"
            and self.is_expanding(finding.parameters[0].name)
        ):
            return False
        types = {self.type_given(execution, literal, each) for each in finding.parameters}
        if finding.rule == "array":
            return bool(types & {"list", "numbers"})
        allowed = {
            "str": {"", "str", "none"}, "strings": {"", "strings", "list", "none"}, "int": {"", "int"},
            "numbers": {"", "float"}, "null": {"", "str", "none", "list", "strings"},
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
        for call in self.calls():
            key = self.file.argument(call, "key", 0)
            written = key.value if key is not None else None
            is_name = isinstance(written, cst.SimpleString) and written.evaluated_value == name
            if is_name and self.full_name(call.func).endswith(".bindparam"):
                return self.file.argument(call, "expanding") is not None
        return False

    def case(self, execution: Execution, literal: Literal, finding: Finding) -> Case:
        """What can be done about a finding."""
        case = Case(execution, literal, finding)
        if not execution.known or (finding.safety == "manual" and not finding.client):
            return case
        if finding.client:
            case.client = case.possible = self.may_bind_in_client(execution)
            return case
        if literal.edited(finding.edits) is None or not self.is_only_a_statement(literal):
            return case
        if finding.need == "list" and execution.style == "colon":
            case.expand = case.possible = True
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

    def make_list(self, case: Case) -> None:
        """The change of the value of `IN %s` to a list."""
        execution, literal, (placeholder,) = case.execution, case.literal, case.finding.parameters
        all_places = parameters(literal.text, execution.style)
        places = [each for each in all_places if not each.name]
        values = execution.parameters.values(placeholder, places)
        same = [each for each in all_places if placeholder.name and each.name == placeholder.name]
        case.possible = values.known and len(same) <= 1 and len(execution.texts) == 1
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
        is_statement = isinstance(self.parent(execution.call), cst.Expr)
        is_simple = isinstance(receiver, (cst.Name, cst.Attribute)) or is_new_cursor(receiver)
        return is_statement and is_simple and not result_is_read(self, execution)

    def is_only_a_statement(self, literal: Literal) -> bool:
        """Whether the names that a text is read through stand for nothing else than the statement."""
        for name in literal.names:
            bound = assignments(self.file, name)
            for use in {use for binding in bound for use in binding.uses}:
                is_added_to = isinstance(self.parent(use), cst.AugAssign)
                if use not in self.read_through and not is_added_to and not self.is_logged(use):
                    return False
        return True

    def is_logged(self, use: cst.CSTNode) -> bool:
        """Whether a name is only shown to people."""
        call = self.file.model.parents.get(self.file.model.parents.get(use, use))
        func = call.func if isinstance(call, cst.Call) else None
        name = func.attr.value if isinstance(func, cst.Attribute) else getattr(func, "value", "")
        return name in LOGGING

    # Doing

    def settle(self, groups: list[list[Case]]) -> None:
        """Note the changes: a text that several executions share is changed for all of them, or not at all."""
        edits: dict[Literal, list[tuple[int, int, str]]] = collections.defaultdict(list)
        texts: dict[tuple[Piece, ...], Literal] = {}
        for group in groups:
            first = group[0]
            nodes = [piece.node for piece in first.literal.pieces]
            shared = any(self.count(node) > len(group) for node in nodes)
            done = not shared and all(each.possible and (each.sure or self.unsafe) for each in group)
            if first.client or first.finding.client:
                for each in group:
                    self.settle_client(each)
                continue
            for each in group:
                self.tell_case(each, done=done)
            if not done:
                continue
            if first.expand:
                self.expand(first)
                continue
            key = tuple(nodes)
            literal = texts.setdefault(key, first.literal)  # type: ignore[arg-type]
            edits[literal] += first.finding.edits
            for node, how in dict(change for each in group for change in each.changes).items():
                self.change(node, how)
        for literal, wanted in edits.items():
            for node, how in literal.edited(wanted) or ():
                self.change(node, how)

    def count(self, node: cst.CSTNode) -> int:
        """In how many texts a piece of source stands."""
        return sum(number for piece, number in self.uses.items() if piece.node is node)

    def settle_client(self, case: Case) -> None:
        """Execute by a cursor that binds in the client, where that may be."""
        done = case.possible and self.unsafe
        if done:
            self.bind_in_client(case.execution)
        self.tell_case(case, done=done)

    def bind_in_client(self, execution: Execution) -> None:
        """`cursor.execute(…)` → `psycopg.ClientCursor(cursor.connection).execute(…)`."""
        receiver = execution.receiver
        name = self.name(execution.call, "psycopg", "ClientCursor")

        def replace(updated: cst.BaseExpression) -> cst.BaseExpression:
            is_new = isinstance(updated, cst.Call) and is_new_cursor(receiver)
            connection = (
                updated.func.value
                if is_new and isinstance(updated, cst.Call) and isinstance(updated.func, cst.Attribute)
                else cst.Attribute(updated, cst.Name("connection"))
            )
            return cst.Call(cst.parse_expression(name), [cst.Arg(connection)])

        if receiver is not None:
            self.change(receiver, replace)

    def expand(self, case: Case) -> None:
        """`text("… IN :x")` → `text("… IN :x").bindparams(bindparam("x", expanding=True))`."""
        func = case.execution.call.func
        if isinstance(func, cst.Attribute) and func.attr.value == "text":
            name = f"{self.file.source(func.value, 200)}.bindparam"
        elif self.full_name_of("bindparam").startswith("sqlalchemy."):
            name = "bindparam"
        else:
            name = self.name(case.execution.call, "sqlalchemy", "bindparam")
        key = case.finding.parameters[0].name
        parameter = cst.parse_expression(f'{name}("{key}", expanding=True)')
        self.change(
            case.execution.call,
            lambda updated: cst.Call(cst.Attribute(updated, cst.Name("bindparams")), [cst.Arg(parameter)]),
        )

    def full_name_of(self, name: str) -> str:
        """What a name of the module's means, in full."""
        kind = self.file.kind_of(ex.Ref(f"{self.file.model.name}.{name}"))
        return getattr(kind, "name", "")

    def tell_case(self, case: Case, *, done: bool) -> None:
        """Enter what was done about a finding, at the line of the text."""
        finding = case.finding
        advice = finding.advice
        if case.execution.style == "colon" and finding.client:
            advice = CLIENT_ENGINE
        if case.expand:
            advice = 'say that it takes many values: `bindparam("…", expanding=True)`'
        if done:
            note = NOTES.get(finding.need, finding.note) if not case.sure else ""
            note = CLIENT_NOTE if case.client else note or ("" if finding.need == "whole" else finding.note)
            outcome: Outcome = "changed behaviour" if note else "rewritten"
            self.tell_at(case, outcome, finding.message, note)
        else:
            self.tell_at(case, "manual", finding.message, advice)

    def tell_at(self, case: Case, outcome: Outcome, message: str, advice: str) -> None:
        where = case.literal.row_of(case.finding.start)
        start = self.file.span(where[0].node if where is not None else case.execution.sql)[0]
        if where is not None and where[1]:
            start = Position(start.row + where[1], 1)
        item = Item(self.file.model.path, start, outcome, CODES[outcome], message, advice)
        if item not in self.work.items:
            self.work.items.append(item)

    # Rows about the call itself

    def scalar(self, execution: Execution) -> None:
        """`execute("… %s", "x")` → `execute("… %s", ("x",))`: a text was a sequence of one."""
        node = execution.parameters.node
        if not execution.known or node is None or execution.many or execution.style != "percent":
            return
        is_text = isinstance(node, (cst.SimpleString, cst.FormattedString, cst.ConcatenatedString))
        if not is_text and not (isinstance(node, cst.Call) and type_of(self.file, node) == "str"):
            return
        counts = {len(parameters(each.text, "percent")) for each in execution.texts}
        if counts == {1} and not any(HOLE in each.text for each in execution.texts):
            self.change(node, in_tuple)
            self.tell(node, "rewritten", "parameters are a sequence, and no text")
        else:
            self.tell(node, "manual", "parameters are a sequence, and no text", "put them into a tuple")

    def several(self, execution: Execution) -> None:
        """`execute("a; b")` gives the result of the first statement; psycopg2 gave that of the last."""
        if not execution.known or execution.receiver is None or execution.style != "plain":
            return
        if all(len(statements(each.text, "plain")) < 2 for each in execution.texts):
            return
        if not result_is_read(self, execution):
            return
        message = "several statements give the first one's result, and no longer the last one's"
        code = self.file.source(execution.receiver, 200)
        advice = f"go to the last result: `while {code}.nextset(): pass`"
        line = self.parent(self.parent(execution.call) or execution.call)
        is_line = isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1
        if not self.unsafe or not is_line or line is None:
            self.tell(execution.call, "manual", message, advice)
            return
        loop = cst.parse_statement(f"while {code}.nextset():\n    pass\n")
        self.change(line, lambda updated: cst.FlattenSentinel([updated, loop]))
        self.tell(execution.call, "changed behaviour", message, "a loop goes to the last one")


def is_new_cursor(node: cst.BaseExpression | None) -> bool:
    """Whether it is `connection.cursor()`."""
    func = node.func if isinstance(node, cst.Call) and not node.args else None
    return isinstance(func, cst.Attribute) and func.attr.value == "cursor"
