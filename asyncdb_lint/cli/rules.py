"""`asyncdb-lint rules`: all rules, as a table or as JSON."""

from __future__ import annotations

import click


@click.command("rules", context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--output-format", type=click.Choice(["text", "json"]), default="text", help="How to show them."
)
def command(output_format: str) -> int:
    """List all rules."""
    from asyncdb_lint.pages import table, to_json

    click.echo(to_json() if output_format == "json" else table())
    return 0
