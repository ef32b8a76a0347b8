"""`asyncdb-lint migrate`: from one driver to another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from asyncdb_lint.cli import options

if TYPE_CHECKING:
    from asyncdb_lint.migrate.project import Migration


@click.group("migrate", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Move a project from one database driver to another."""


@command.command("psycopg2", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("paths", nargs=-1, metavar="[PATHS]...")
@click.option("--write", is_flag=True, help="Change the files; without it the changes are shown only.")
@click.option("--unsafe-fixes", is_flag=True, help="Also rewrite what then behaves a little differently.")
@click.option(
    "--report", type=click.Choice(["text", "json"]), help="List what is done and what is left to do."
)
@options.settings_file
@options.isolated
def psycopg2(
    paths: tuple[str, ...],
    write: bool,
    unsafe_fixes: bool,
    report: str | None,
    configs: tuple[str, ...],
    isolated: bool,
) -> int:
    """Move the code under PATHS (by default the current folder) from psycopg2 to psycopg 3.

    Shows a diff. Exit status: 0 nothing is left to do by hand, 1 something is, 2 wrong use or unreadable files.
    """
    from asyncdb_lint.config import load
    from asyncdb_lint.migrate.from_psycopg2 import ROUTE
    from asyncdb_lint.migrate.project import migrate

    files = [Path(path) for path in paths or (".",)]
    loaded = load(files, {}, configs=configs, isolated=isolated)
    found = migrate(files, loaded.settings, loaded.base, ROUTE, unsafe=unsafe_fixes)
    if write:
        found.write()
    show(found, report, written=write)
    for line in found.problems:
        click.echo(f"asyncdb-lint: error: {line}", err=True)
    return 2 if found.problems else int(bool(found.manual))


def show(found: Migration, report: str | None, *, written: bool) -> None:
    """The report, or the diff; how much it is goes to standard error."""
    if report is not None:
        from asyncdb_lint.reporting import migration

        click.echo(
            migration.as_json(found) if report == "json" else migration.as_text(found), nl=report == "json"
        )
    elif not written:
        click.echo(found.diff().encode("utf-8", "surrogateescape"), nl=False)
    done = len(found.items) - len(found.manual)
    verb = "changed" if written else "would change"
    click.echo(
        f"{len(found.texts)} files {verb}: {done} places rewritten, {len(found.manual)} to do by hand.",
        err=True,
    )
