"""Statements whose parameters psycopg2 wrote into the text, and the server binds now."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.finding import Position
from asyncdb_lint.migrate.command import CODES, Item, Rewrite
from asyncdb_lint.migrate.from_psycopg2.arguments import in_tuple, type_of
from asyncdb_lint.migrate.from_psycopg2.cases import Case, Judge, is_new_cursor
from asyncdb_lint.migrate.from_psycopg2.executions import executions, is_concerned, result_is_read
from asyncdb_lint.migrate.from_psycopg2.placeholders import parameters, statements
from asyncdb_lint.migrate.from_psycopg2.server_binding import findings
from asyncdb_lint.migrate.from_psycopg2.strays import RULES as STRAY_RULES
from asyncdb_lint.migrate.from_psycopg2.strays import strays
from asyncdb_lint.migrate.from_psycopg2.utility_statements import filled
from asyncdb_lint.migrate.literals import HOLE, assignments
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import Instance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.migrate.command import Outcome
    from asyncdb_lint.migrate.from_psycopg2.executions import Execution
    from asyncdb_lint.migrate.from_psycopg2.sql_edits import Finding
    from asyncdb_lint.migrate.literals import Literal, Piece

NOTES = {
    "list": "`list()` takes the value for a sequence, as `IN` did for a tuple",
    "null": "any type will do for the test",
    "str": "psycopg2 sent a text of unknown type", "strings": "psycopg2 sent an array of texts",
    "int": "psycopg2 sent integers of the size that the server chose",
}  # fmt: skip
"""What to know where a rewrite holds for the values that are expected."""
SEVERAL = "several statements give the first one's result, and no longer the last one's"
CLIENT_NOTE = "a cursor of its own binds in the client, as psycopg2 did"
CLIENT_ENGINE = 'bind in the client: `connect_args={"cursor_factory": psycopg.ClientCursor}`'


class Statements(Rewrite):
    """`IN %s`, `interval %s`, `SET x = %s` and the like."""

    DESCRIPTION = "Rewrite statements that psycopg 3 refuses or reads otherwise."

    def examine(self) -> None:
        found = list(executions(self))
        self.uses: collections.Counter[Piece] = collections.Counter(
            piece for each in found for literal in each.texts for piece in literal.pieces
        )
        judge = Judge(self, found)
        cases: dict[tuple[object, ...], list[Case]] = collections.defaultdict(list)
        for each in found:
            for literal in each.texts:
                for finding in findings(literal.text, each.style):
                    if judge.concerns(each, literal, finding):
                        key = (*(piece.node for piece in literal.pieces), finding.rule, finding.start)
                        cases[key].append(judge.case(each, literal, finding))
                for case in (*judge.composed(each, literal), *judge.compared(each, literal)):
                    key = (*(piece.node for piece in literal.pieces), "values", case.finding.start)
                    cases[key].append(case)
                for finding in self.filled(literal, each):
                    key = (*(piece.node for piece in literal.pieces), finding.rule, finding.start)
                    cases[key].append(judge.case(each, literal, finding))
            self.scalar(each)
            self.several(each)
        self.joined_elsewhere(found)
        for each in strays(self, found) if is_concerned(self) else ():
            for finding in findings(each.texts[0].text, each.style):
                if finding.rule in STRAY_RULES and judge.concerns(each, each.texts[0], finding):
                    cases[(each, finding)].append(judge.case(each, each.texts[0], finding))
        self.settle(list(cases.values()))

    def filled(self, literal: Literal, execution: Execution) -> Iterator[Finding]:
        """`f"EXECUTE plan({', '.join(['%s'] * n)})"`: parameters whose placeholders no text shows."""
        fields = [spot.field for spot in literal.spots if spot.field is not None]
        if execution.known and any("%s" in self.file.source(each, 200) for each in fields):
            found = map(filled, statements(literal.text, execution.style))
            yield from (each for each in found if each is not None)

    # Doing

    def settle(self, groups: list[list[Case]]) -> None:
        """Note the changes: a text that several executions share is changed for all of them, or not at all."""
        edits: dict[Literal, list[tuple[int, int, str]]] = collections.defaultdict(list)
        texts: dict[tuple[Piece, ...], Literal] = {}
        expanding: dict[Execution, list[str]] = collections.defaultdict(list)
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
                expanding[first.execution].append(first.finding.parameters[0].name)
                continue
            key = tuple(nodes)
            literal = texts.setdefault(key, first.literal)  # type: ignore[arg-type]
            edits[literal] += first.finding.edits
            for node, how in dict(change for each in group for change in each.changes).items():
                self.change(node, how)
        for execution, names in expanding.items():
            self.expand(execution, list(dict.fromkeys(names)))
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
        waits = self.is_asynchronous(execution.call)
        name = self.name(execution.call, "psycopg", "AsyncClientCursor" if waits else "ClientCursor")

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
        if waits:
            self.change(execution.call, cst.Await)

    def expand(self, execution: Execution, keys: list[str]) -> None:
        """`text("… IN :x")` → `text("… IN :x").bindparams(bindparam("x", expanding=True))`."""
        func = execution.call.func
        if isinstance(func, cst.Attribute) and func.attr.value == "text":
            name = f"{self.file.source(func.value, 200)}.bindparam"
        elif self.full_name_of("bindparam").startswith("sqlalchemy."):
            name = "bindparam"
        else:
            name = self.name(execution.call, "sqlalchemy", "bindparam")
        args = [cst.Arg(cst.parse_expression(f'{name}("{key}", expanding=True)')) for key in keys]
        self.change(
            execution.call, lambda updated: cst.Call(cst.Attribute(updated, cst.Name("bindparams")), args)
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
        node = where[0].node if where is not None else case.execution.sql
        start = self.file.span(node)[0]
        if where is not None and where[1]:
            start = Position(start.row + where[1], 1)
        item = Item(self.file.model.path, start, outcome, CODES[outcome], message, advice)
        if item not in self.work.items:
            self.work.enter(item, node)

    # Rows about the call itself

    def scalar(self, execution: Execution) -> None:
        """`execute("… %s", "x")` → `execute("… %s", ("x",))`: a text was a sequence of one."""
        node = execution.parameters.node
        if not execution.known or node is None or execution.partial or execution.style != "percent":
            return
        if execution.method != "execute":
            return
        is_text = isinstance(node, (cst.SimpleString, cst.FormattedString, cst.ConcatenatedString))
        if not is_text and not (isinstance(node, cst.Call) and type_of(self.file, node) == "str"):
            self.parameter_object(node)
            return
        counts = {len(parameters(each.text, "percent")) for each in execution.texts}
        if counts == {1} and not any(HOLE in each.text for each in execution.texts):
            self.change(node, in_tuple)
            self.tell(node, "rewritten", "parameters are a sequence, and no text")
        else:
            self.tell(node, "manual", "parameters are a sequence, and no text", "put them into a tuple")

    def parameter_object(self, node: cst.BaseExpression) -> None:
        """Parameters that are known to be a text, or an object of a class that has items and is nothing else."""
        kind = self.file.kind(node)
        if type_of(self.file, node) == "str":
            self.tell(node, "manual", "parameters are a sequence, and no text", "put them into a tuple")
        elif isinstance(kind, Instance) and (found := self.file.project.class_(kind.name)) is not None:
            home, own = found
            if not own.bases and f"{own.qualname}.__getitem__" in home.functions:
                said = "parameters are a sequence or a mapping: to have items is not enough"
                advice = "derive the class from `collections.abc.Mapping` or `Sequence`"
                self.tell(node, "manual", said, advice)

    def several(self, execution: Execution) -> None:
        """`execute("a; b")` gives the result of the first statement; psycopg2 gave that of the last."""
        if (
            not execution.known
            or execution.receiver is None
            or execution.style == "colon"
            or execution.partial
        ):
            return
        style = execution.style
        if any(style != "plain" and parameters(each.text, style) for each in execution.texts):
            return  # they are executed by a cursor that binds in the client, or reported
        is_joined = self.joined(execution.sql) is not None
        if not is_joined and all(len(statements(each.text, style)) < 2 for each in execution.texts):
            return
        if not result_is_read(self, execution):
            return
        message = SEVERAL
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

    def joined(self, node: cst.BaseExpression) -> cst.Call | None:
        """`";".join(…)`, as many statements as there are texts; also by way of a variable."""
        if isinstance(node, cst.Name):
            bound = assignments(self.file, node)
            value = bound[0].value if len(bound) == 1 else None
            return self.joined(value) if isinstance(value, cst.Call) else None
        match node:
            case cst.Call(func=cst.Attribute(cst.SimpleString() as text, cst.Name("join"))):
                return node if str(text.raw_value).strip() == ";" else None
            case _:
                return None

    def joined_elsewhere(self, found: list[Execution]) -> None:
        """`b";".join(…)`: only statements that `mogrify()` has made are bytes; what executes them is not known."""
        seen = {self.joined(each.sql) for each in found if each.known and each.receiver is not None}
        for call in self.calls() if is_concerned(self) else ():
            if call in seen or self.joined(call) is None:
                continue
            if (
                "b"
                in cst.ensure_type(cst.ensure_type(call.func, cst.Attribute).value, cst.SimpleString).prefix
            ):
                self.tell(
                    call, "manual", SEVERAL, "if a result is read, go to the last one: `cursor.nextset()`"
                )
