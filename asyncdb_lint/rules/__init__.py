"""All rules: a folder per family, a file per rule, found by looking; there is no list to keep."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncdb_lint.rule import Rule


@functools.cache
def all_rules() -> tuple[type[Rule], ...]:
    """Every rule class, by code."""
    from asyncdb_lint.rule import Rule

    found: list[type[Rule]] = []
    for module in pkgutil.walk_packages(__path__, f"{__name__}."):
        members = vars(importlib.import_module(module.name)).values()
        found += [
            member
            for member in members
            if isinstance(member, type) and issubclass(member, Rule) and member.__module__ == module.name
            and "code" in vars(member)
        ]  # fmt: skip
    return tuple(sorted(found, key=lambda rule: rule.code))
