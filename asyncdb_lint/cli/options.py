"""Options that several commands share."""

from __future__ import annotations

import click

settings_file = click.option(
    "--config",
    "configs",
    multiple=True,
    metavar="FILE|KEY=VALUE",
    help="A settings file, or one setting in TOML.",
)
isolated = click.option("--isolated", is_flag=True, help="Read no settings file.")
jobs = click.option(
    "-j", "--jobs", type=click.IntRange(min=0), default=0, help="Processes to use; 0 is one a core."
)
