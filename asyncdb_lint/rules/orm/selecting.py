"""Writing a legacy `session.query(…)` chain as a `select()` that an async session executes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from asyncdb_lint.file_context import Repair
from asyncdb_lint.finding import Applicability
from asyncdb_lint.rules.awaiting.expressions import awaited
from asyncdb_lint.semantics.kinds import Class

if TYPE_CHECKING:
    from asyncdb_lint.file_context import FileContext

# What a query and a select both have, `filter` under its newer name.
BUILDERS = {
    "filter": "where", "where": "where", "filter_by": "filter_by", "order_by": "order_by", "limit": "limit",
    "offset": "offset", "join": "join", "outerjoin": "outerjoin", "options": "options",
    "distinct": "distinct", "group_by": "group_by", "having": "having", "with_for_update": "with_for_update",
}  # fmt: skip
CONDITIONS = {"filter", "where", "filter_by"}
ONE_OF_MANY = {"all", "first", "one", "one_or_none"}
# A query makes the rows of a joined collection unique by itself; a select refuses to run without being told.
COLLECTIONS_JOINED = ("joinedload", "contains_eager")


class Chain(NamedTuple):
    """`session.query(entities).step(…).finish(…)`; no `finish` where the query itself is iterated."""

    session: cst.BaseExpression
    entities: tuple[cst.Arg, ...]
    steps: tuple[cst.Call, ...]
    finish: cst.Call | None
    end: cst.Call

    @property
    def finisher(self) -> str:
        """The name of what runs the query."""
        return method(self.finish) if self.finish is not None else "iterate"

    @property
    def names(self) -> set[str]:
        """The names of the steps."""
        return {method(step) for step in self.steps}


class Written(NamedTuple):
    """The new expression, and the names of `sqlalchemy` that it is written with."""

    expression: cst.BaseExpression
    uses: tuple[str, ...] = ("select",)


def selected(file: FileContext, query: cst.Attribute) -> Repair | None:
    """The repair of the chain that `session.query` starts; None where it would be a guess."""
    chain, scope = read_chain(file, query), file.model.scope_of(query)
    if chain is None or scope.what != "function" or not scope.is_async or joins_collections(file, chain):
        return None
    written = write(file, chain)
    if written is None or not all(is_free(file, name) for name in written.uses):
        return None
    old: cst.BaseExpression = chain.end
    if isinstance(parent := file.model.parents[old], cst.Await):
        old = parent
    new = written.expression
    if isinstance(new, cst.Await):
        new = awaited(new.expression, file.model.parents[old])
    return Repair(
        Applicability.UNSAFE,
        "Execute a statement",
        ((old, new),),
        add_imports=tuple(("sqlalchemy", name, None) for name in written.uses if not binds(file, name)),
    )


def read_chain(file: FileContext, query: cst.Attribute) -> Chain | None:
    """The calls that follow `session.query`, up to the one that runs it."""
    call = file.model.parents[query]
    if not isinstance(call, cst.Call) or not call.args or any(arg.star or arg.keyword for arg in call.args):
        return None
    steps: list[cst.Call] = []
    end = call
    while (following := called_on(file, end)) is not None:
        if method(following) not in BUILDERS:
            return Chain(query.value, tuple(call.args), tuple(steps), following, following)
        steps.append(following)
        end = following
    if isinstance(file.model.parents[end], (cst.For, cst.CompFor)):
        return Chain(query.value, tuple(call.args), tuple(steps), None, end)
    return None


def called_on(file: FileContext, value: cst.Call) -> cst.Call | None:
    """The call `value.method(…)`."""
    attribute = file.model.parents[value]
    call = file.model.parents[attribute] if isinstance(attribute, cst.Attribute) else None
    return call if isinstance(call, cst.Call) and call.func is attribute else None


def method(call: cst.Call) -> str:
    """The name of the method that is called."""
    return call.func.attr.value if isinstance(call.func, cst.Attribute) else ""


def joins_collections(file: FileContext, chain: Chain) -> bool:
    """Whether loader options may join a collection."""
    options = [file.source(step, 10_000) for step in chain.steps if method(step) == "options"]
    return any(word in text for text in options for word in COLLECTIONS_JOINED)


# Names of SQLAlchemy


def binds(file: FileContext, name: str) -> bool:
    """Whether the module binds a name."""
    return bool(file.model.opened[file.model.module].bindings.get(name))


def is_free(file: FileContext, name: str) -> bool:
    """Whether a name is, or may become, SQLAlchemy's (or SQLModel's) function of that name everywhere in the file."""
    for binding in file.model.bindings:
        if binding.name == name:
            root, _, rest = getattr(file.kind_of(binding.expr), "name", "").partition(".")
            if root not in ("sqlalchemy", "sqlmodel") or rest.rpartition(".")[2] != name:
                return False
    return True


# The new expression


def write(file: FileContext, chain: Chain) -> Written | None:
    """What does the same on an async session."""
    if chain.finisher == "get":
        return write_get(chain)
    if chain.finish is not None and chain.finish.args:
        return None
    if chain.finisher == "delete":
        return write_delete(file, chain)
    select = statement("select", chain)
    if chain.finisher == "count":
        rows = called(cst.parse_expression("select(func.count())"), "select_from", called(select, "subquery"))
        return Written(cst.Await(called(chain.session, "scalar", rows)), ("select", "func"))
    if chain.finisher == "scalar":
        return Written(called(executed(chain, "execute", select), "scalar_one_or_none"))
    execute = executing(file, chain)
    if execute is None:
        return None
    if chain.finisher == "iterate":
        return Written(cst.Await(called(chain.session, execute, select)))
    if chain.finisher not in ONE_OF_MANY:
        return None
    if chain.finisher == "first" and "limit" not in chain.names:
        select = called(select, "limit", cst.Integer("1"))  # as a query does
    return Written(called(executed(chain, execute, select), chain.finisher))


def executing(file: FileContext, chain: Chain) -> str | None:
    """The session's method that gives what the query gave: objects of one entity, or rows."""
    if len(chain.entities) > 1:
        return "execute"
    entity = chain.entities[0].value
    if isinstance(file.kind(entity), Class):
        return "scalars"
    is_column = isinstance(entity, cst.Attribute) and isinstance(file.kind(entity.value), Class)
    return "execute" if is_column else None


def write_get(chain: Chain) -> Written | None:
    """`query(User).get(1)` is a method of the session itself."""
    if chain.steps or chain.finish is None or len(chain.entities) != 1 or len(chain.finish.args) != 1:
        return None
    return Written(
        cst.Await(called(chain.session, "get", chain.entities[0].value, chain.finish.args[0].value)), ()
    )


def write_delete(file: FileContext, chain: Chain) -> Written | None:
    """`query(User).filter(…).delete()`, where nobody reads the number of rows that it returns."""
    outer = file.model.parents[chain.end]
    if isinstance(outer, cst.Await):
        outer = file.model.parents[outer]
    if not isinstance(outer, cst.Expr) or not chain.names <= CONDITIONS:
        return None
    return Written(cst.Await(called(chain.session, "execute", statement("delete", chain))), ("delete",))


def statement(function: str, chain: Chain) -> cst.BaseExpression:
    """`select(entities).where(…)…`, laid out as the chain was."""
    built: cst.BaseExpression = called(cst.Name(function), "", *(each.value for each in chain.entities))
    for step in chain.steps:
        assert isinstance(step.func, cst.Attribute)
        func = step.func.with_changes(value=built, attr=cst.Name(BUILDERS[method(step)]), lpar=[], rpar=[])
        built = step.with_changes(func=func, lpar=[], rpar=[])
    return built


def called(value: cst.BaseExpression, name: str, *args: cst.BaseExpression) -> cst.Call:
    """`value.name(args)`; without a name `value(args)`."""
    func = cst.Attribute(value, cst.Name(name)) if name else value
    return cst.Call(func, [cst.Arg(each) for each in args])


def executed(chain: Chain, name: str, select: cst.BaseExpression) -> cst.Await:
    """`(await session.name(select))`."""
    return cst.Await(called(chain.session, name, select), lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
