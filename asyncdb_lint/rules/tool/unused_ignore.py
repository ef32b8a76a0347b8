"""ADB001 unused-ignore: found while comments are settled, see `asyncdb_lint.suppress`."""

from __future__ import annotations

from asyncdb_lint.finding import Applicability, Severity
from asyncdb_lint.rule import Rule


class UnusedIgnore(Rule):
    """An ignore comment that silences nothing.

    ## What it flags

    `# asyncdb: ignore[…]` and `# noqa: ADB…` for a rule that finds nothing there, or that does not exist. Ignores
    of rules that are not selected in this run are left alone, and so is a bare `# noqa`.

    ## Why it is bad

    A stale ignore hides the next real finding on its line, and tells readers of a danger that is gone.

    ## Good

    ```python
    import time  # imported for its side effects
    ```

    ## Bad

    ```python
    import time  # asyncdb: ignore[ADB102] no longer needed
    ```

    ## When to ignore

    Take the rule out of the selection (`ignore = ["ADB001"]`) while a code base is being cleaned up.

    ## Source

    The same rule in other linters: ruff's RUF100, mypy's `warn_unused_ignores`.
    """

    code = "ADB001"
    name = "unused-ignore"
    severity = Severity.WARNING
    fix = Applicability.SAFE
