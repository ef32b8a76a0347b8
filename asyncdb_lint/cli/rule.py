"""`asyncdb-lint rule CODE|NAME`: the rule's page."""

from __future__ import annotations

import sys

import click


@click.command("rule", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("word", metavar="CODE|NAME")
def command(word: str) -> int:
    """Explain a rule: what it flags, why, and what to write instead."""
    from asyncdb_lint.codes import find, nearest
    from asyncdb_lint.errors import UsageProblem
    from asyncdb_lint.pages import page

    rule = find(word)
    if rule is None:
        raise UsageProblem(f"unknown rule `{word}`{nearest(word)}")
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(page(rule)))
    else:
        click.echo(page(rule))
    return 0
