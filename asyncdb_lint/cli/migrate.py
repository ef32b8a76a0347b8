"""`asyncdb-lint migrate`: from one driver to another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asyncdb_lint.cli import options

if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncdb_lint.migrate.project import Migration, Route


@click.group("migrate", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Move a project from one database driver to another."""


HELP = {"help_option_names": ["-h", "--help"]}
DRIVERS = click.Choice(["asyncpg", "psycopg", "psycopg2"])


def shared(function: Callable[..., int]) -> Callable[..., int]:
    """The argument and the options that all migrations take."""
    for option in (
        options.isolated,
        options.settings_file,
        click.option(
            "--report", type=click.Choice(["text", "json"]), help="List what is done and what is left to do."
        ),
        click.option(
            "--unsafe-fixes", is_flag=True, help="Also rewrite what then behaves a little differently."
        ),
        click.option(
            "--write", is_flag=True, help="Change the files; without it the changes are shown only."
        ),
        click.argument("paths", nargs=-1, metavar="[PATHS]..."),
    ):
        function = option(function)
    return function


@command.command("psycopg2", context_settings=HELP)
@click.option(
    "--async", "asynchronous", is_flag=True,
    help="Go on to AsyncConnection where all who reach a connection are coroutine functions, or can be.",
)  # fmt: skip
@shared
def psycopg2(*, asynchronous: bool, **given: Any) -> int:
    """Move the code under PATHS (by default the current folder) from psycopg2 to psycopg 3.

    Shows a diff. Exit status: 0 nothing is left to do by hand, 1 something is, 2 wrong use or unreadable files.
    """
    from asyncdb_lint.migrate.from_psycopg2 import ASYNC_ROUTE, ROUTE

    return run(ASYNC_ROUTE if asynchronous else ROUTE, **given)


@command.command("driver", context_settings=HELP)
@click.option("--from", "source", type=DRIVERS, required=True, help="The driver that is used now.")
@click.option("--to", "target", type=DRIVERS, required=True, help="The driver to use instead.")
@shared
def driver(source: str, target: str, **given: Any) -> int:
    """Change the driver behind SQLAlchemy in the code under PATHS (by default the current folder).

    URLs, `connect_args` and the arguments of engines are put into the other driver's words; code that uses a driver
    without SQLAlchemy is reported. Shows a diff. Exit status: 0 nothing is left to do by hand, 1 something is, 2
    wrong use or unreadable files.
    """
    from asyncdb_lint.errors import UsageProblem
    from asyncdb_lint.migrate.between_drivers import ROUTES

    route = ROUTES.get((source, target))
    if route is None:
        known = ", ".join(f"--from {old} --to {new}" for old, new in ROUTES)
        also = "; for psycopg2 to psycopg use `asyncdb-lint migrate psycopg2`" if source == "psycopg2" else ""
        raise UsageProblem(f"cannot migrate from {source} to {target}: what can be done is {known}{also}")
    return run(route, **given)


def run(
    route: Route,
    paths: tuple[str, ...],
    write: bool,
    unsafe_fixes: bool,
    report: str | None,
    configs: tuple[str, ...],
    isolated: bool,
) -> int:
    """One migration; gives the exit status."""
    from asyncdb_lint.config import load
    from asyncdb_lint.migrate.project import migrate

    files = [Path(path) for path in paths or (".",)]
    loaded = load(files, {}, configs=configs, isolated=isolated)
    found = migrate(files, loaded.settings, loaded.base, route, unsafe=unsafe_fixes)
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
    files, outcomes = len(found.texts), [each.outcome for each in found.items]
    verb = "changed" if written else "would change"
    click.echo(
        f"{files} file{'s' * (files != 1)} {verb}: {outcomes.count('rewritten')} places rewritten, "
        f"{outcomes.count('changed behaviour')} that behave a little differently, "
        f"{outcomes.count('manual')} to do by hand." + " `--report text` lists them." * (report is None),
        err=True,
    )
