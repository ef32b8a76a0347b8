"""ADB002 unreadable-file: found while files are read and parsed, see `asyncdb_lint.source`."""

from __future__ import annotations

from asyncdb_lint.finding import Severity
from asyncdb_lint.rule import Rule


class UnreadableFile(Rule):
    """A file that cannot be read, decoded or parsed, with the place.

    ## What it flags

    Syntax errors, bytes that are not in the file's encoding, NUL bytes, missing permission, code nested so deeply
    that Python itself refuses it. Of files that cannot hold a database object only those named on the command line
    are parsed, so a syntax error elsewhere is left to Python.

    ## Why it is bad

    Nothing else can be said about the file, nor about what others import from it.

    ## Good

    ```python
    name = "café"
    ```

    ## Bad

    ```python
    def broken(:
    ```

    ## When to ignore

    Exclude files that are not meant to be Python, such as templates: `extend-exclude = ["templates"]`.

    ## Source

    Python reference, "Lexical analysis"; PEP 263.
    """

    code = "ADB002"
    name = "unreadable-file"
    severity = Severity.ERROR
