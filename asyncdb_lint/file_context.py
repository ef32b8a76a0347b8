"""What a rule can ask about the file it is judging, and where its findings are gathered."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.finding import Finding, Fix, Position, Step
from asyncdb_lint.fixing import edits_for
from asyncdb_lint.positions import Positions
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.blocking import Blocking
from asyncdb_lint.semantics.callgraph import Reach
from asyncdb_lint.semantics.effects import Done, done_in
from asyncdb_lint.semantics.engines import EngineCall, engine_calls
from asyncdb_lint.semantics.kinds import UNKNOWN, Function, Instance, Kind
from asyncdb_lint.semantics.modules import names_test
from asyncdb_lint.semantics.offload import Offload, offloads
from asyncdb_lint.semantics.trace import Place
from asyncdb_lint.semantics.tracing import Tracing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asyncdb_lint.config import Settings
    from asyncdb_lint.finding import Applicability, Severity
    from asyncdb_lint.knowledge import Member
    from asyncdb_lint.migrate.asking import Answer
    from asyncdb_lint.rule import Rule
    from asyncdb_lint.semantics.model import Model, Scope
    from asyncdb_lint.semantics.project import Project
    from asyncdb_lint.semantics.trace import NodeRef


@dataclasses.dataclass(frozen=True)
class Repair:
    """How a rule mends what it found: nodes to replace (or, None, to remove) and imports that follow from it."""

    applicability: Applicability
    message: str
    replacements: tuple[tuple[cst.CSTNode, cst.CSTNode | None], ...]
    add_imports: tuple[tuple[str, str | None, str | None], ...] = ()
    remove_unused: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class CallFacts:
    """A call of something known: which function, on what, and what the knowledge says of it.

    `function` is the canonical dotted name for library functions and methods (`module:qualname` for the
    project's), `method` its last part, `receiver` the object it is bound to, `role` and `mode` that object's.
    """

    function: str
    method: str
    receiver: Kind
    role: str
    mode: str
    member: Member | None


class FileContext:
    """One file under check: its model, the linked project, the settings, and the findings so far."""

    def __init__(
        self, model: Model, project: Project, settings: Settings, versions: Mapping[str, str]
    ) -> None:
        self.model = model
        self.project = project
        self.settings = settings
        self.versions = versions
        """Versions of libraries that the linted project pins, by package name; absent when not known."""
        self.findings: list[Finding] = []
        self.reach = Reach()
        """What the functions of the whole project come to, once all are traced."""
        self.kinds: dict[cst.CSTNode, Kind] = {}

    def kind(self, node: cst.CSTNode) -> Kind:
        """What an expression is."""
        found = self.kinds.get(node)
        if found is None:
            found = self.kinds[node] = self.project.kind(self.model.name, self.model.exprs.get(node))
        return found

    def kind_of(self, expr: ex.Node | None) -> Kind:
        """What a lowered expression of this file is."""
        return self.project.kind(self.model.name, expr)

    def role(self, node: cst.CSTNode) -> tuple[str, str]:
        """What an expression is to databases, and its mode: ("session", "async")."""
        return self.project.role(self.kind(node))

    def call(self, node: cst.Call) -> CallFacts | None:
        """What is called, when it can be told."""
        kind = self.kind(node.func)
        if isinstance(kind, Instance):
            kind = Function(f"{kind.name}.__call__", kind)
        name = getattr(kind, "name", None)
        if kind == UNKNOWN or name is None:
            return None
        receiver = kind.owner if isinstance(kind, Function) and kind.owner is not None else UNKNOWN
        role, mode = self.project.role(receiver)
        method = name.rpartition(":")[2].rpartition(".")[2]
        return CallFacts(name, method, receiver, role, mode, self.project.member(kind))

    def argument(self, node: cst.Call, name: str, position: int | None = None) -> cst.Arg | None:
        """An argument by keyword, or by position where no star argument stands before it."""
        for index, arg in enumerate(node.args):
            if arg.star:
                position = None
            elif arg.keyword is not None:
                if arg.keyword.value == name:
                    return arg
            elif index == position:
                return arg
        return None

    @functools.cached_property
    def blocking(self) -> Blocking:
        """The operations in the file that wait for a database."""
        return Blocking(self)

    @functools.cached_property
    def offloads(self) -> list[Offload]:
        """The calls in the file that hand a function to a thread."""
        return list(offloads(self))

    @functools.cached_property
    def tracing(self) -> Tracing:
        """What the functions of the file call, and where they wait."""
        return Tracing(self)

    @functools.cached_property
    def done(self) -> Mapping[Scope, list[Done]]:
        """What each coroutine function does with sessions and connections, in the order of the text."""
        return done_in(self)

    @property
    def sqlalchemy(self) -> str:
        """The SQLAlchemy version, as major.minor, whose facts hold for the linted project."""
        return ".".join(self.project.knowledge.versions.get("sqlalchemy", "2.1").split(".")[:2])

    @functools.cached_property
    def engines(self) -> Mapping[cst.Call, EngineCall]:
        """The calls in the file that make an engine, a pool or a driver's connection."""
        return engine_calls(self)

    @functools.cached_property
    def leaving_psycopg2(self) -> Answer:
        """What the migration to psycopg 3 says of the file; only rules ask that are off by default."""
        from asyncdb_lint.migrate.asking import ask  # takes long to import

        return ask(self)

    @functools.cached_property
    def is_test(self) -> bool:
        """Whether the file is a test, where a stalled loop or a leaked session harms nobody."""
        return names_test(self.model.name)

    @functools.cached_property
    def text(self) -> str:
        """The file's text, rendered once."""
        return self.model.module.code

    def source(self, node: cst.CSTNode, limit: int) -> str:
        """The user's own text on one line, shortened in the middle."""
        text = " ".join(self.model.module.code_for_node(node).split())
        if len(text) <= limit:
            return text
        keep = (limit - 1) // 2
        return f"{text[: limit - keep - 1]}…{text[-keep:]}"

    # Positions: rendering the file is dear, so only files with findings pay for it.

    @functools.cached_property
    def positions(self) -> Positions:
        """Where each node stands."""
        return Positions(self.model.module)

    def span(self, node: cst.CSTNode) -> tuple[Position, Position]:
        """Start and end of a node."""
        where = self.positions[node]
        return (
            Position(where.start.line, where.start.column + 1),
            Position(where.end.line, where.end.column + 1),
        )

    def node(self, ref: NodeRef) -> cst.CSTNode:
        """A node by class and number."""
        return self.model.nodes[getattr(cst, ref[0])][ref[1]]

    def place(self, ref: NodeRef) -> Place:
        """Where a node that a trace names stands, and what it says."""
        node = self.node(ref)
        start, _ = self.span(node)
        return Place(self.model.path, start.row, start.column, self.source(node, 60))

    def step(self, node: cst.CSTNode, message: str) -> Step:
        """A labelled step of a finding's chain, in this file."""
        return Step(self.model.path, self.span(node)[0], message)

    def statement_row(self, node: cst.CSTNode) -> int:
        """The first line of the statement around a node: an ignore comment may stand there too."""
        while not isinstance(node, (cst.BaseSmallStatement, cst.BaseCompoundStatement, cst.Module)):
            if node not in self.model.parents:  # the name in a definition
                break
            node = self.model.parents[node]
        return 1 if isinstance(node, cst.Module) else self.positions[node].start.line

    def report(
        self,
        rule: Rule,
        node: cst.CSTNode,
        message: str,
        why: str,
        help: str,
        chain: tuple[Step, ...],
        repair: Repair | None,
        severity: Severity,
    ) -> None:
        """Record a finding of `rule` at `node`."""
        start, end = self.span(node)
        self.findings.append(
            Finding(
                filename=self.model.path,
                location=start,
                end_location=end,
                code=rule.code,
                name=rule.name,
                message=message,
                severity=severity,
                noqa_row=self.statement_row(node),
                why=why,
                help=help,
                chain=chain,
                fix=self.fix(repair) if repair is not None else None,
            )
        )

    def fix(self, repair: Repair) -> Fix | None:
        """A repair as edits of the file's text; None for one that cannot be made where its nodes stand."""
        try:
            edits = edits_for(
                self.model.module,
                repair.replacements,
                repair.add_imports,
                repair.remove_unused,
                self.positions,
            )
        except ValueError:
            return None
        return Fix(repair.applicability, repair.message, edits)
