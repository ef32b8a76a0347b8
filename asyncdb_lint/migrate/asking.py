"""What the migration to psycopg 3 says of a file that stays as it is: for the linter's rules about psycopg2."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst
from libcst.codemod import CodemodContext

from asyncdb_lint.migrate.alternatives import alternative
from asyncdb_lint.migrate.command import UNSAFE, Work
from asyncdb_lint.migrate.from_psycopg2 import REWRITES
from asyncdb_lint.migrate.from_psycopg2.urls import names_driver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asyncdb_lint.file_context import FileContext
    from asyncdb_lint.migrate.command import Item

DRIVER = "psycopg2"
COMMAND = f"`asyncdb-lint migrate {DRIVER}`"
AGREED = f"`asyncdb-lint migrate {DRIVER} --unsafe-fixes`"
"""`--unsafe-fixes` alone would be an option of the linter's."""


class Remark(NamedTuple):
    """Something that stands between a place and psycopg 3."""

    node: cst.CSTNode
    message: str
    help: str


@dataclasses.dataclass
class Answer:
    """What is said of one file."""

    behaviour: list[Remark] = dataclasses.field(default_factory=list)
    """What psycopg 3 does otherwise; the command rewrites it where that is needed, or does so if it may."""
    manual: list[Remark] = dataclasses.field(default_factory=list)
    """What a person must do."""


def ask(file: FileContext) -> Answer:
    """Run the rewrites over a file and change nothing; no answer where nobody uses psycopg2."""
    answer = Answer()
    if not concerns(file):
        return answer
    work = worked(file, unsafe=False)
    items = dict.fromkeys(item for item in work.items if item in work.nodes)
    left = [item for item in items if item.outcome == "manual" and not is_of_import(work.nodes[item])]
    may = possible(left, worked(file, unsafe=True).items) if left else set()
    for item in items:
        node = work.nodes[item]
        if item.outcome == "changed behaviour":
            answer.behaviour.append(
                Remark(node, item.message, item.advice or f"see what {COMMAND} makes of it")
            )
        elif item in may:
            advice = item.advice.replace("`--unsafe-fixes`", AGREED)
            does_it = "" if AGREED in advice else f"{AGREED} rewrites it"
            answer.behaviour.append(Remark(node, item.message, "; ".join(filter(None, (advice, does_it)))))
        elif item in left:
            answer.manual.append(Remark(node, item.message, item.advice))
    return answer


def concerns(file: FileContext) -> bool:
    """Whether some module of the project imports psycopg2, or the file has SQLAlchemy do so by a URL."""
    if any(name.partition(".")[0] == DRIVER for name in imports(file)):
        return True
    texts = file.model.nodes.get(cst.SimpleString, ())
    return any(names_driver(text.value) for text in texts if isinstance(text, cst.SimpleString))


def worked(file: FileContext, *, unsafe: bool) -> Work:
    """A file that all rewrites have looked at; none if it goes with psycopg 3 too."""
    work = Work(file, DRIVER)
    if alternative(work.imports, "psycopg") is not None:
        return work
    imported = list(imports(file))
    has_sqlalchemy = any(name.partition(".")[0] in ("sqlalchemy", "sqlmodel") for name in imported)
    work.know(imported, has_implicit_driver=has_sqlalchemy and file.sqlalchemy != "2.1")
    context = CodemodContext(filename=file.model.path, scratch={UNSAFE: unsafe})
    for rewrite in REWRITES:
        rewrite(context, work).examine()
    return work


def imports(file: FileContext) -> Iterator[str]:
    """What the modules of the project import."""
    for module in file.project.modules.values():
        yield from module.imports


def is_of_import(node: cst.CSTNode) -> bool:
    """Whether it is an import that names what it imports: that it is still needed, its uses tell."""
    return isinstance(node, cst.Import) or (
        isinstance(node, cst.ImportFrom) and not isinstance(node.names, cst.ImportStar)
    )


def possible(left: list[Item], agreed: list[Item]) -> set[Item]:
    """Those of the items left to a person that are rewritten where behaviour may change, with nothing else left."""
    manual = {item for item in agreed if item.outcome == "manual"}
    others = {item.location for item in manual - set(left)}
    return {item for item in left if item not in manual and item.location not in others}
