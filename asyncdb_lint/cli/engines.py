"""`asyncdb-lint engines`: the engines, pools and session factories of a project, as a table or as JSON."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from asyncdb_lint.cli import options


@click.command("engines", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("paths", nargs=-1, metavar="[PATHS]...")
@options.settings_file
@options.isolated
@click.option(
    "--output-format", type=click.Choice(["text", "json"]), default="text", help="How to show them."
)
@options.jobs
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def command(
    paths: tuple[str, ...],
    configs: tuple[str, ...],
    isolated: bool,
    output_format: str,
    jobs: int,
    quiet: bool,
) -> int:
    """List the engines, pools and session factories under PATHS (by default the current folder).

    Shows their drivers and sizes, where they are made and closed, and the connections that they may open together,
    against the settings `processes` and `max-connections`. Exit status: 0, or 2 for wrong use.
    """
    from asyncdb_lint.cli.progress import progress_bar
    from asyncdb_lint.config import load
    from asyncdb_lint.inventory import take
    from asyncdb_lint.reporting import inventory

    files = [Path(path) for path in paths or (".",)]
    loaded = load(files, {}, configs=configs, isolated=isolated)
    with progress_bar(enabled=not quiet and sys.stderr.isatty()) as progress:
        found = take(files, loaded.settings, base=loaded.base, jobs=jobs, progress=progress)
    if output_format == "json":
        click.echo(inventory.as_json(found, loaded.settings))
    else:
        inventory.write_table(found, loaded.settings, sys.stdout)
    for line in found.problems:
        click.echo(f"asyncdb-lint: error: {line}", err=True)
    return 2 if found.problems else 0
