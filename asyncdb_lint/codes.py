"""From what users type (codes, names, prefixes) to the rules that run."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING

from asyncdb_lint.errors import UsageProblem

if TYPE_CHECKING:
    from asyncdb_lint.config import Settings
    from asyncdb_lint.rule import Rule


@functools.cache
def names() -> dict[str, str]:
    """Rule names by code."""
    from asyncdb_lint.rules import all_rules

    return {rule.code: rule.name for rule in all_rules()}


def find(word: str) -> type[Rule] | None:
    """A rule by code or name; None when there is none."""
    from asyncdb_lint.rules import all_rules

    return next((rule for rule in all_rules() if word in (rule.code, rule.name)), None)


def nearest(word: str) -> str:
    """` (did you mean …?)` with the closest code or name, or nothing."""
    known = [*names(), *names().values(), "ALL"]
    for form in (word, word.upper()):
        close = difflib.get_close_matches(form, known, 8, 0.6)
        if close and form.startswith("ADB"):  # codes are all alike: a wrong letter is likelier than two
            close.sort(key=lambda each: -sum(map(str.__eq__, each, form)))
        if close:
            return f" (did you mean `{close[0]}`?)"
    return ""


def expand(selector: str) -> frozenset[str]:
    """The codes that a code, name, prefix (`ADB1`) or `ALL` stands for. Raises `UsageProblem` for anything else."""
    if selector == "ALL":
        return frozenset(names())
    found = {code for code, name in names().items() if name == selector or code.startswith(selector)}
    if not found or not (selector.startswith("ADB") or selector in names().values()):
        raise UsageProblem(f"unknown rule `{selector}`{nearest(selector)}")
    return frozenset(found)


def enabled_codes(settings: Settings) -> tuple[str, ...]:
    """The codes that a run checks: `select` (by default what is on by default), what extends it, less `ignore`.

    A more specific selector wins over a broader one, as in ruff: `--select ADB1 --ignore ADB1 --extend-select ADB102`
    leaves ADB102.
    """
    from asyncdb_lint.rules import all_rules

    chosen: dict[str, tuple[int, bool]] = {}
    if not settings.select:
        chosen = {rule.code: (0, True) for rule in all_rules() if rule.default}
    for selectors, wanted in (
        (settings.select, True), (settings.extend_select, True), (settings.ignore, False),
    ):  # fmt: skip
        for selector in selectors:
            weight = specificity(selector)
            for code in expand(selector):
                if code not in chosen or chosen[code][0] <= weight:
                    chosen[code] = (weight, wanted)
    return tuple(sorted(code for code, (_, wanted) in chosen.items() if wanted))


def specificity(selector: str) -> int:
    """How narrow a selector is: `ALL` least, a full code or name most."""
    if selector == "ALL":
        return 1
    return len(selector) if selector.startswith("ADB") else len("ADB000")


def check_selectors(selectors: Iterable[str]) -> None:
    """Raise `UsageProblem` for the first selector that means no rule."""
    for selector in selectors:
        expand(selector)
