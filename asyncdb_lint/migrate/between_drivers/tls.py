"""SSLContexts whose meaning libpq's arguments can say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from asyncdb_lint.migrate.between_drivers.answers import UNKNOWN, Code, literal
from asyncdb_lint.semantics import expressions as ex
from asyncdb_lint.semantics.settings import only_binding

if TYPE_CHECKING:
    from asyncdb_lint.file_context import FileContext

MAKER = "ssl.create_default_context"
NO_CERTIFICATE = "ssl.CERT_NONE"


def of_context(file: FileContext, node: cst.BaseExpression | None) -> dict[str, object] | None:
    """`sslmode` and `sslrootcert` for a default context, or one that has been told to verify less."""
    told: dict[str, object] = {}
    if isinstance(node, cst.Name):
        binding = only_binding(file.model, node)
        if binding is None or not isinstance(binding.value, cst.Call):
            return None
        for use in binding.uses:
            if use is node:
                continue
            setting = told_by(file, use)
            if setting is None:
                return None
            told.update([setting])
        node = binding.value
    if not isinstance(node, cst.Call) or full_name(file, node.func) != MAKER:
        return None
    given = {arg.keyword.value: arg.value for arg in node.args if arg.keyword is not None}
    if len(given) != len(node.args) or set(given) - {"cafile"}:
        return None
    if told.get("verify_mode") == NO_CERTIFICATE:
        return {"sslmode": "require"}
    mode = "verify-ca" if told.get("check_hostname") is False else "verify-full"
    if "verify_mode" in told or told.get("check_hostname") not in (None, True, False):
        return None
    if "cafile" not in given:
        return {"sslmode": mode, "sslrootcert": "system"} if mode == "verify-full" else None
    value = literal(file, given["cafile"])
    written = Code(file.model.module.code_for_node(given["cafile"])) if value is UNKNOWN else value
    return {"sslmode": mode, "sslrootcert": written} if value is not None else None


def told_by(file: FileContext, use: cst.Name) -> tuple[str, object] | None:
    """`context.check_hostname = False`: what a use of a context sets."""
    attribute = file.model.parents.get(use)
    target = file.model.parents.get(attribute) if isinstance(attribute, cst.Attribute) else None
    assignment = file.model.parents.get(target) if isinstance(target, cst.AssignTarget) else None
    if not isinstance(attribute, cst.Attribute) or not isinstance(assignment, cst.Assign):
        return None
    name = attribute.attr.value
    if name not in ("check_hostname", "verify_mode"):
        return None
    return name, full_name(file, assignment.value) or literal(file, assignment.value)


def full_name(file: FileContext, node: cst.BaseExpression) -> str:
    """The dotted name of what an expression names."""
    match file.model.exprs.get(node):
        case ex.Ref(name):
            return name
        case ex.Attr(ex.Ref(owner), name):
            return f"{owner}.{name}"
        case _:
            return ""
