"""What a rewrite is: a libcst codemod command that knows the kinds of objects, and tells what it did.

A rewrite looks at a file's original tree and notes changes of its nodes. The changes of all rewrites are made in one
traversal, so that every rewrite sees the kinds and the places of what the user wrote.
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

import libcst as cst
from libcst.codemod import CodemodCommand, CodemodContext

from asyncdb_lint.config import Settings
from asyncdb_lint.file_context import FileContext
from asyncdb_lint.finding import Position
from asyncdb_lint.knowledge import load
from asyncdb_lint.migrate.alternatives import alternative
from asyncdb_lint.migrate.changes import Changes
from asyncdb_lint.migrate.evidence import is_decisive, is_suspected, uses_psycopg
from asyncdb_lint.migrate.helpers import define
from asyncdb_lint.migrate.imports import Imports
from asyncdb_lint.migrate.taken import listed_for_others
from asyncdb_lint.semantics.builder import build
from asyncdb_lint.semantics.kinds import Class, Function, Instance, Module, Unknown
from asyncdb_lint.semantics.modules import ModuleIndex
from asyncdb_lint.semantics.project import Project

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from asyncdb_lint.migrate.changes import How
    from asyncdb_lint.migrate.helpers import Helper
    from asyncdb_lint.migrate.to_async.plan import Plan

ITEMS = "asyncdb-lint items"
UNSAFE = "asyncdb-lint unsafe"
WORKS = "asyncdb-lint works"
SHARED = "asyncdb-lint shared"
"""Keys of `CodemodContext.scratch`: what was done, whether behaviour may change, all files in the works, and what
rewrites have found out about them together."""

TWINS = {
    "psycopg": {"Connection", "Cursor", "ClientCursor", "RawCursor", "ServerCursor"},
    "psycopg_pool": {"ConnectionPool"},
}
"""Classes of psycopg 3, by module, that have an asynchronous twin, called `Async…`."""

Outcome = Literal["rewritten", "changed behaviour", "manual"]


class Item(NamedTuple):
    """Something that a rewrite did, or that a person must do: where, what, and why or how."""

    filename: str
    location: Position
    outcome: Outcome
    code: str
    message: str
    advice: str = ""


CODES: dict[Outcome, str] = {"rewritten": "ADB901", "changed behaviour": "ADB902", "manual": "ADB903"}


class Work:
    """One file in the works: what is known of it, and what the rewrites have noted so far."""

    def __init__(self, file: FileContext, driver: str) -> None:
        self.file = file
        self.changes = Changes()
        self.imports = Imports(file.model, self.changes, driver)
        self.items: list[Item] = []
        self.nodes: dict[Item, cst.CSTNode] = {}
        """What the items are about."""
        self.claimed: set[cst.CSTNode] = set()
        self.left: set[cst.CSTNode] = set()
        """Uses of the driver's names that stay as they are, and of which a rewrite has told."""
        self.know(file.model.summary.imports, has_implicit_driver=True)
        self.imports.public |= listed_for_others(file.model)
        self.helpers: dict[str, Helper] = {}
        """The helpers that the new text calls, by the name it calls them by."""
        self.plan: Plan | None = None
        """What becomes asynchronous, if anything may."""

    def know(self, imported: Collection[str], *, has_implicit_driver: bool) -> None:
        """Learn of the project around the file: by itself, the file is all that there is."""
        self.is_only_driver = is_decisive(imported)
        """Whether the project uses no other driver whose objects have methods of the same names."""
        self.is_mixed = uses_psycopg(imported)
        """Whether the project uses psycopg 3 already: what nobody knows may be that driver's."""
        self.has_implicit_driver = has_implicit_driver
        """Whether SQLAlchemy may take the driver for URLs that name none."""

    def stays(self, driver: str) -> bool:
        """Whether the file goes with either driver, and is left as it is; that is told."""
        statement = alternative(self.imports, "psycopg") if driver == "psycopg2" else None
        if statement is not None:
            said = "the file takes another driver where psycopg2 is not installed: it is left as it is"
            advice = "when nobody needs psycopg2 any more, drop its branch by hand"
            place = self.file.span(statement)[0]
            self.items.append(Item(self.file.model.path, place, "manual", CODES["manual"], said, advice))
        return statement is not None

    def enter(self, item: Item, node: cst.CSTNode) -> None:
        """Take an item about a node down."""
        self.items.append(item)
        self.nodes[item] = node

    def result(self) -> cst.Module:
        """The tree with all changes made; the same tree if there are none."""
        self.imports.settle()
        return self.changes.apply(self.file.model.module)


class Rewrite(CodemodCommand, abc.ABC):
    """One rewrite. It may be run by libcst's own runner too; then it knows no more than the one file."""

    DRIVER = "psycopg2"
    """The package whose objects are rewritten."""
    DESCRIBES = False
    """Whether it rewrites what is said of the driver, which stays true where the project goes with either."""

    def __init__(self, context: CodemodContext, work: Work | None = None) -> None:
        super().__init__(context)
        if work is not None:
            self.work = work

    @abc.abstractmethod
    def examine(self) -> None:
        """Look at the file and note what is to be changed."""

    def transform_module_impl(self, tree: cst.Module) -> cst.Module:
        self.work = Work(alone(tree), self.DRIVER)
        if self.work.stays(self.DRIVER):
            return tree
        self.examine()
        self.context.scratch.setdefault(ITEMS, []).extend(self.work.items)
        define(self.work)
        return self.work.result()

    @property
    def file(self) -> FileContext:
        """What is known of the file."""
        return self.work.file

    @property
    def unsafe(self) -> bool:
        """Whether rewrites that may change behaviour are wanted."""
        return bool(self.context.scratch.get(UNSAFE))

    @property
    def works(self) -> Sequence[Work]:
        """All files in the works, this one among them."""
        return cast("list[Work]", self.context.scratch.get(WORKS)) or [self.work]

    @property
    def is_of_project(self) -> bool:
        """Whether a whole project is migrated, and not one file looked at by itself."""
        return WORKS in self.context.scratch

    @property
    def shared(self) -> dict[str, Any]:
        """What is found out once for all files in the works."""
        return cast("dict[str, Any]", self.context.scratch.setdefault(SHARED, {}))

    # What is there

    def calls(self) -> Iterator[cst.Call]:
        """All calls of the file."""
        yield from cast("list[cst.Call]", self.file.model.nodes.get(cst.Call, []))

    def attributes(self) -> Iterator[cst.Attribute]:
        """All attributes that the file's expressions read or set."""
        yield from cast("list[cst.Attribute]", self.file.model.nodes.get(cst.Attribute, []))

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """The node that holds a node: an argument, for what is handed over."""
        return self.file.model.parents.get(node)

    def is_object(self, node: cst.BaseExpression, *roles: str) -> bool:
        """Whether an expression is surely an object of the driver's with one of some roles."""
        kind = self.file.kind(node)
        if not isinstance(kind, Instance) or self.file.project.role(kind)[0] not in roles:
            return False
        if is_suspected(kind) and not self.unsafe:
            return False
        return any(name.startswith(f"{self.DRIVER}.") for name in self.file.project.mro(kind.name))

    def is_suspected(self, node: cst.BaseExpression, *roles: str) -> bool:
        """Whether only the use of an object gives away that it is the driver's, and that is not enough."""
        kind = self.file.kind(node)
        return is_suspected(kind) and not self.unsafe and self.file.project.role(kind)[0] in roles

    def is_unknown(self, node: cst.BaseExpression) -> bool:
        """Whether nobody knows, or surely knows, what an expression is; a mock may stand for anything."""
        kind = self.file.kind(node)
        is_mock = isinstance(kind, Instance) and kind.name.startswith("unittest.mock.")
        return is_mock or isinstance(kind, Unknown) or (is_suspected(kind) and not self.unsafe)

    def full_name(self, node: cst.CSTNode) -> str:
        """The canonical name of the library's function, class, constant or module that an expression means, or ""."""
        kind = self.file.kind(node)
        return kind.name if isinstance(kind, (Function, Class, Module)) else ""

    def is_asynchronous(self, node: cst.CSTNode) -> bool:
        """Whether connections and cursors become asynchronous where a node stands."""
        return self.work.plan is not None and self.work.plan.covers(self.file, node)

    # What is to be done

    def change(self, node: cst.CSTNode, how: How) -> None:
        """Note a change of a node: `how` gets it with the changes inside it made, and gives what stands there then."""
        self.work.changes.note(node, how)

    def claim(self, node: cst.CSTNode) -> None:
        """Take care of a use of the driver's name (`psycopg2.extras.execute_values`): it is not renamed."""
        self.work.claimed.add(node)
        while isinstance(node, cst.Attribute):
            node = node.value
            self.work.claimed.add(node)

    def keep(self, node: cst.CSTNode) -> None:
        """Leave a use of the driver's name as it is, with the import that it needs: a rewrite has told of it."""
        self.work.left.add(node)
        while isinstance(node, cst.Attribute):
            node = node.value
            self.work.left.add(node)

    def hand_over(self, use: cst.CSTNode, place: cst.CSTNode, message: str, advice: str = "") -> None:
        """Leave a use of the driver's name to a person, and tell so."""
        self.tell(place, "manual", message, advice)
        self.keep(use)

    def is_claimed(self, node: cst.CSTNode) -> bool:
        """Whether a rewrite has taken care of a use of a name."""
        return node in self.work.claimed

    def name(self, node: cst.CSTNode, module: str, name: str) -> str:
        """How the new text says `module.name` where `node` stands; what has to be imported for that is.

        Where connections become asynchronous, the name is that of the asynchronous class.
        """
        if name in TWINS.get(module, ()) and self.is_asynchronous(node):
            name = f"Async{name}"
        return self.work.imports.name(node, module, name)

    def helper(self, helper: Helper, name: str = "", at: cst.CSTNode | None = None) -> str:
        """The name by which the new text calls a helper, which is defined once for those who call it.

        A name that an import of the driver binds can be kept for it: others may know it by that. `at` is the place
        of the call: where connections become asynchronous, the helper's asynchronous twin is called.
        """
        if at is not None and self.is_asynchronous(at):
            from asyncdb_lint.migrate.to_async.twins import twin

            helper, name = twin(helper), ""
        name = name or helper.name
        while self.work.imports.is_taken(name) and not self.work.imports.defines(helper):
            name = f"_{name}"
        self.work.helpers[name] = helper
        return name

    def tell(self, node: cst.CSTNode, outcome: Outcome, message: str, advice: str = "") -> None:
        """Enter what is done at a node, or left to do."""
        start = self.file.span(node)[0]
        self.work.enter(Item(self.file.model.path, start, outcome, CODES[outcome], message, advice), node)


def alone(tree: cst.Module) -> FileContext:
    """A file that is a project of its own."""
    model = build(tree, "module", "module.py", is_package=False)
    project = Project(load("2.1"), ModuleIndex(["module"], ()), [model.summary])
    return FileContext(model, project, Settings(), {})


def renamed(args: Sequence[cst.Arg], names: dict[str, str]) -> list[cst.Arg]:
    """The arguments with some keywords called otherwise."""
    return [
        arg.with_changes(keyword=arg.keyword.with_changes(value=names[arg.keyword.value]))
        if arg.keyword is not None and arg.keyword.value in names
        else arg
        for arg in args
    ]
