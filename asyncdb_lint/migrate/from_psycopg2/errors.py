"""Errors: their attributes, and the classes that have another place in psycopg 3."""

from __future__ import annotations

import re
from typing import cast

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.from_psycopg2.table import EXCEPTIONS
from asyncdb_lint.migrate.import_statements import dotted
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.kinds import Class, Function, Instance, Kind, OneOf, Sequence

ERROR = re.compile(
    rf"psycopg2\.(?:extensions\.|_psycopg\.)?(?:{'|'.join(EXCEPTIONS)}|QueryCanceledError|TransactionRollbackError)"
    r"|psycopg2\.errors\.[A-Z]\w*"
)
WRAPPED = re.compile(r"sqlalchemy\.exc\.\w+\.orig|django\.db\.(?:utils\.)?\w+\.__cause__")
"""Where SQLAlchemy and Django keep the driver's error."""
ADVICE = {
    "pgcode": "psycopg 3's errors have `sqlstate`",
    "pgerror": "`str(error)` is nearest: it has no severity in front and no newline at its end",
    "cursor": "keep the cursor in a variable of your own",
}


class ErrorAttributes(Rewrite):
    """`error.pgcode` and its kin, where the error is surely one of psycopg2's."""

    DESCRIPTION = "Rename attributes of psycopg2's errors."

    def examine(self) -> None:
        for attribute in self.attributes():
            if attribute.attr.value in ADVICE:
                self.judge(attribute)
        for call in self.calls():
            if self.full_name(call.func) in ("builtins.getattr", "builtins.hasattr") and len(call.args) > 1:
                self.judge_text(call)
        for definition in self.file.model.nodes.get(cst.ClassDef, ()):
            self.judge_class(cst.ensure_type(definition, cst.ClassDef))

    def judge(self, attribute: cst.Attribute) -> None:
        owner, name = attribute.value, attribute.attr.value
        if not self.is_driver_error(owner):
            if name != "cursor" and self.may_be_error(owner) and not self.knows_both(attribute):
                self.guess(attribute)
        elif name == "pgcode":
            self.tell(attribute, "rewritten", "`pgcode` is `sqlstate`")
            self.change(attribute, lambda updated: updated.with_changes(attr=cst.Name("sqlstate")))
        elif name == "pgerror" and self.unsafe:
            self.tell(attribute, "changed behaviour", "`pgerror` is `str(error)`, in another form")
            self.change(attribute, lambda updated: cst.Call(cst.Name("str"), [cst.Arg(updated.value)]))
        else:
            self.tell(attribute, "manual", f"an error has no `{name}`", ADVICE[name])

    def guess(self, attribute: cst.Attribute) -> None:
        """Nobody says that it is psycopg2's error; only the name of its attribute does."""
        name = attribute.attr.value
        if name == "pgcode" and self.unsafe and not isinstance(self.parent(attribute), cst.AssignTarget):
            self.tell(attribute, "changed behaviour", "`pgcode` is `sqlstate`, if this is psycopg2's error")
            self.change(attribute, lambda updated: updated.with_changes(attr=cst.Name("sqlstate")))
        else:
            self.tell(attribute, "manual", f"if this is psycopg2's error, it has no `{name}`", ADVICE[name])

    def judge_text(self, call: cst.Call) -> None:
        """`getattr(error, "pgcode", None)`."""
        owner, text = call.args[0].value, call.args[1].value
        if not isinstance(text, cst.SimpleString) or text.evaluated_value not in ("pgcode", "pgerror"):
            return
        name = str(text.evaluated_value)
        if name == "pgcode" and self.is_driver_error(owner):
            self.tell(text, "rewritten", "`pgcode` is `sqlstate`")
            self.change(
                text, lambda updated: updated.with_changes(value=updated.value.replace("pgcode", "sqlstate"))
            )
        elif not self.knows_both(call) and self.may_be_error(owner):
            self.tell(text, "manual", f"psycopg 3's errors have no `{name}`", ADVICE[name])

    def judge_class(self, definition: cst.ClassDef) -> None:
        """`pgcode = …` in an error class of the project's: who reads it reads `sqlstate` now."""
        scope = self.file.model.opened.get(definition)
        kind = Class(f"{self.file.model.name}:{scope.qualname}") if scope is not None else None
        if scope is None or kind is None or "pgcode" not in scope.bindings or not self.is_error(kind):
            return
        for binding in scope.bindings["pgcode"]:
            if isinstance(binding.target, cst.Name):
                self.tell(binding.target, "rewritten", "`pgcode` is `sqlstate`")
                self.change(binding.target, lambda updated: updated.with_changes(value="sqlstate"))

    def is_driver_error(self, owner: cst.BaseExpression) -> bool:
        """Whether an expression surely is one of psycopg2's errors, as its kind, its handler or a test says."""
        return (
            any(self.is_error(kind) for kind in self.kinds(owner))
            or self.is_tested(owner)
            or self.is_wrapped(owner)
        )

    def is_wrapped(self, owner: cst.BaseExpression) -> bool:
        """Whether an expression is what SQLAlchemy keeps in `orig`: `error.orig`, `getattr(error, "orig", None)`."""
        if not any(name.partition(".")[0] == "sqlalchemy" for name in self.file.model.summary.imports):
            return False
        if isinstance(owner, cst.Attribute):
            return owner.attr.value == "orig" and self.is_unknown(owner)
        if isinstance(owner, cst.Call):
            called = self.full_name(owner.func) == "builtins.getattr" and len(owner.args) > 1
            return called and getattr(self.file.kind(owner.args[1].value), "value", None) == "orig"
        bindings = self.file.model.bindings_of(owner) if isinstance(owner, cst.Name) else []
        values = [each.value for each in bindings]
        return bool(values) and all(
            isinstance(each, cst.BaseExpression) and self.is_wrapped(each) for each in values
        )

    def may_be_error(self, owner: cst.BaseExpression) -> bool:
        """Whether an expression may be one for all that is known."""
        kinds = self.kinds(owner)
        others = {"builtins.Exception", "builtins.BaseException"}
        return any(self.is_error(kind) for kind in kinds) or (
            self.is_unknown(owner)
            and not (kinds and all(isinstance(kind, Function) and kind.name not in others for kind in kinds))
        )

    def kinds(self, owner: cst.BaseExpression) -> list[Kind]:
        """What an expression is; of what a handler catches, the classes."""
        expr = self.file.model.exprs.get(owner)
        if not isinstance(expr, ex.Typed):
            return [self.file.kind(owner)]
        if isinstance(expr.annotation, ex.Display):
            return [self.file.kind_of(each) for each in expr.annotation.items]
        if isinstance(expr.annotation, ex.Call):  # `except errors.lookup("23505") as error:`
            looked_up = self.file.kind_of(expr.annotation.func)
            return [Function("psycopg2.Error")] if looked_up == Function("psycopg2.errors.lookup") else []
        kind = self.file.kind_of(expr.annotation)
        return list(kind.items) if isinstance(kind, Sequence) else [kind]

    def is_tested(self, owner: cst.BaseExpression) -> bool:
        """Whether `isinstance(owner, Error)` guards the place where an expression stands."""
        name, node = dotted(owner), cast("cst.CSTNode", owner)
        while name and (parent := self.parent(node)) is not None and not isinstance(parent, cst.FunctionDef):
            if isinstance(parent, (cst.If, cst.IfExp)) and parent.body is node:
                tests = conjuncts(parent.test)
            elif isinstance(parent, cst.BooleanOperation) and parent.right is node:
                tests = conjuncts(parent.left) if isinstance(parent.operator, cst.And) else []
            else:
                tests = []
            if any(self.tests(each, name) for each in tests):
                return True
            node = parent
        return False

    def tests(self, test: cst.BaseExpression, name: str) -> bool:
        """Whether an expression is `isinstance(name, Error)`."""
        if (
            not isinstance(test, cst.Call)
            or len(test.args) != 2
            or self.full_name(test.func) != "builtins.isinstance"
        ):
            return False
        given, classes = test.args[0].value, test.args[1].value
        options = [each.value for each in classes.elements] if isinstance(classes, cst.Tuple) else [classes]
        return dotted(given) == name and any(self.is_error(self.file.kind(each)) for each in options)

    def is_error(self, kind: Kind) -> bool:
        """Whether something is psycopg2's error or class of errors, or what another library keeps it in."""
        if isinstance(kind, OneOf):
            return any(self.is_error(each) for each in kind.options)
        if isinstance(kind, Function):
            return ERROR.fullmatch(kind.name) is not None or WRAPPED.fullmatch(kind.name) is not None
        if isinstance(kind, (Instance, Class)):
            return any(self.is_error_class(name) for name in self.file.project.mro(kind.name))
        return False

    def is_error_class(self, name: str) -> bool:
        """Whether a class is psycopg2's, or the project's and derived from one."""
        found = self.file.project.class_(name)
        if found is None:
            return ERROR.fullmatch(name) is not None
        module, summary = found
        return any(
            isinstance(base, Function) and ERROR.fullmatch(base.name)
            for base in (self.file.project.kind(module.name, each) for each in summary.bases)
        )

    def knows_both(self, node: cst.CSTNode) -> bool:
        """Whether the code around goes on to the new name by itself."""
        while not isinstance(node, (cst.BaseSmallStatement, cst.BaseCompoundStatement, cst.Module)):
            parent = self.parent(node)
            if parent is None:
                break
            node = parent
        if isinstance(node, (cst.BaseCompoundStatement, cst.Module)):
            return False
        return "sqlstate" in self.file.source(node, 10_000)


def conjuncts(test: cst.BaseExpression) -> list[cst.BaseExpression]:
    """The conditions that hold where a whole test does."""
    if isinstance(test, cst.BooleanOperation) and isinstance(test.operator, cst.And):
        return [*conjuncts(test.left), *conjuncts(test.right)]
    return [test]
