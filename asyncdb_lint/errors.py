"""Errors that are the user's to mend: shown as one line, never as a traceback, exit status 2."""

from __future__ import annotations


class UsageProblem(Exception):
    """A wrong setting, path or option; the message names the place and, where there is one, the nearest right word."""
