"""Comparisons of what a connection is doing: `closed`, `status`, `isexecuting()`."""

from __future__ import annotations

import libcst as cst

from asyncdb_lint.migrate.command import Rewrite
from asyncdb_lint.migrate.import_statements import dotted

STATUS = "psycopg2.extensions.STATUS_"
IDLE = {"READY"}
BUSY = {"BEGIN", "IN_TRANSACTION"}
BROKEN = {(cst.Equal, 2), (cst.GreaterThanEqual, 2), (cst.GreaterThan, 1)}
INTACT = {(cst.NotEqual, 2), (cst.LessThan, 2), (cst.LessThanEqual, 1)}
"""Comparisons of `closed` that tell a connection which was lost from others."""
SYMMETRIC = (cst.Equal, cst.NotEqual, cst.Is, cst.IsNot)


class ConnectionStates(Rewrite):
    """`connection.status == STATUS_READY`, `connection.closed == 2`, `connection.isexecuting()`."""

    DESCRIPTION = "Rewrite comparisons of the state of psycopg2's connections."

    def examine(self) -> None:
        told: set[cst.CSTNode] = set()
        for node in self.file.model.nodes.get(cst.Comparison, ()):
            if not isinstance(node, cst.Comparison) or len(node.comparisons) != 1:
                continue
            left, target = node.left, node.comparisons[0]
            is_turned = isinstance(target.operator, SYMMETRIC) and self.full_name(left).startswith(STATUS)
            if is_turned:  # `STATUS_READY == connection.status`
                left, target = target.comparator, target.with_changes(comparator=left)
            if isinstance(left, cst.Attribute) and self.is_object(left.value, "connection"):
                if left.attr.value == "closed":
                    self.judge_closed(node, left, target)
                elif left.attr.value == "status" and self.judge_status(node, left, target):
                    told.add(left)
        for attribute in self.attributes():
            name, owner, call = attribute.attr.value, attribute.value, self.parent(attribute)
            if name not in ("status", "isexecuting") or not self.is_object(owner, "connection"):
                continue
            if name == "status" and attribute not in told and not self.judge_kept(attribute):
                self.tell(
                    attribute,
                    "manual",
                    "a connection has no `status`",
                    "use `connection.info.transaction_status`",
                )
            elif name == "isexecuting" and isinstance(call, cst.Call) and call.func is attribute:
                active = f"{self.transaction(call)}.ACTIVE"
                self.replace(call, owner, f"{{}}.info.transaction_status == {active}", "isexecuting()")

    def judge_closed(self, node: cst.Comparison, left: cst.Attribute, target: cst.ComparisonTarget) -> None:
        """`closed` is true or false: a connection that was lost is `broken`."""
        if not isinstance(target.comparator, cst.Integer):
            return
        asked = type(target.operator), target.comparator.evaluated_value
        if asked in BROKEN | INTACT:
            self.replace(node, left.value, "{}.broken" if asked in BROKEN else "not {}.broken", "closed == 2")
        elif asked in ((cst.Equal, 1), (cst.NotEqual, 1)):
            self.tell(node, "changed behaviour", "`closed` is true for a connection that was lost, too")

    def judge_status(self, node: cst.Comparison, left: cst.Attribute, target: cst.ComparisonTarget) -> bool:
        """The status is that of the transaction."""
        if not self.is_known(target):
            return False
        asked = f"{{}}.info.transaction_status {self.asked(node, target)}"
        self.replace(node, left.value, asked, "status")
        return True

    def judge_kept(self, attribute: cst.Attribute) -> bool:
        """`before = connection.status`, where that is only compared afterwards."""
        name = assigned_name(self.parent(attribute))
        binding = next((each for each in self.file.model.bindings if each.target is name), None)
        found = [(self.parent(use), use) for use in binding.uses] if binding is not None else []
        if not found or not all(self.compares(node, use, attribute) for node, use in found):
            return False
        self.replace(attribute, attribute.value, "{}.info.transaction_status", "status")
        for node, use in found:
            comparison = cst.ensure_type(node, cst.Comparison)
            self.replace(
                comparison, use, f"{{}} {self.asked(comparison, comparison.comparisons[0])}", "status"
            )
        return True

    def compares(self, node: cst.CSTNode | None, use: cst.Name, attribute: cst.Attribute) -> bool:
        """Whether a variable is compared with a known status, and is nothing else than the status or None."""
        match node:
            case cst.Comparison(left=left, comparisons=[target]) if left is use and self.is_known(target):
                values = [each.value for each in self.file.model.bindings_of(use)]
                return all(each is attribute or dotted(each) == "None" for each in values)
            case _:
                return False

    def is_known(self, target: cst.ComparisonTarget) -> bool:
        """Whether something is compared with constants whose meaning psycopg 3 can tell."""
        if not isinstance(target.operator, (*SYMMETRIC, cst.In, cst.NotIn)):
            return False
        names = {self.full_name(each).removeprefix(STATUS) for each in constants(target)}
        return bool(names) and names <= IDLE | BUSY

    def asked(self, node: cst.Comparison, target: cst.ComparisonTarget) -> str:
        """How a status of the transaction is compared with what known constants mean."""
        names = {self.full_name(each).removeprefix(STATUS) for each in constants(target)}
        status = self.transaction(node)
        is_equal = isinstance(target.operator, (cst.Equal, cst.Is, cst.In))
        asked_for = [f"{status}.IDLE"] if names & IDLE else []
        asked_for += [f"{status}.INTRANS", f"{status}.INERROR"] if names & BUSY else []
        for each in constants(target) if self.unsafe else ():
            self.claim(each)
        if len(asked_for) == 1:
            return f"{'==' if is_equal else '!='} {asked_for[0]}"
        return f"{'in' if is_equal else 'not in'} ({', '.join(asked_for)})"

    def transaction(self, node: cst.CSTNode) -> str:
        """How the new text names the class of statuses; nothing is imported for what is only told."""
        return self.name(node, "psycopg.pq", "TransactionStatus") if self.unsafe else "TransactionStatus"

    def replace(self, node: cst.BaseExpression, owner: cst.BaseExpression, text: str, old: str) -> None:
        """Put what says nearly the same, if the user agrees; `{}` is the connection."""
        new = text.format(self.file.source(owner, 200))
        if not self.unsafe:
            self.tell(node, "manual", f"`{old}` of a connection is asked otherwise", f"use `{new}`")
            return
        self.tell(node, "changed behaviour", f"`{old}` is `{new}`")
        is_open = isinstance(
            self.parent(node), (cst.If, cst.While, cst.Return, cst.Assign, cst.BooleanOperation)
        )
        needs = not is_open and not isinstance(node, cst.Comparison)
        made = cst.parse_expression(f"({new})" if needs else new)
        self.change(
            node,
            lambda updated: (
                made if not updated.lpar else made.with_changes(lpar=updated.lpar, rpar=updated.rpar)
            ),
        )


def constants(target: cst.ComparisonTarget) -> list[cst.BaseExpression]:
    """What something is compared with, one by one."""
    several = isinstance(target.operator, (cst.In, cst.NotIn))
    return elements(target.comparator) if several else [target.comparator]


def elements(node: cst.BaseExpression) -> list[cst.BaseExpression]:
    """What a tuple, list or set is written down with."""
    if not isinstance(node, (cst.Tuple, cst.List, cst.Set)):
        return []
    return [each.value for each in node.elements]


def assigned_name(node: cst.CSTNode | None) -> cst.Name | None:
    """The name that an assignment binds, if it is one."""
    match node:
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as name)]):
            return name
        case _:
            return None
