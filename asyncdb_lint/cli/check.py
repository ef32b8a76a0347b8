"""`asyncdb-lint check`: arguments in, exit status out."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from asyncdb_lint.cli import options

F = TypeVar("F", bound=Callable[..., Any])

if TYPE_CHECKING:
    from asyncdb_lint.config import Settings
    from asyncdb_lint.finding import Outcome

FORMATS = ("text", "concise", "json", "sarif", "github", "gitlab", "junit")
STDIN = "-"


def words(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...] | None:
    """Comma-separated and repeated values as one list; None when the option was not given."""
    found = tuple(word.strip() for value in values for word in value.split(",") if word.strip())
    return found or None


def listing(*names: str, metavar: str, help: str) -> Callable[[F], F]:
    """An option that takes a list."""
    return click.option(*names, multiple=True, callback=words, metavar=metavar, help=help)


@click.command("check", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("paths", nargs=-1, metavar="[PATHS]...")
@listing("--select", metavar="RULES", help="Check these rules only: codes, names, prefixes (ADB1) or ALL.")
@listing("--extend-select", metavar="RULES", help="Check these rules too.")
@listing("--ignore", metavar="RULES", help="Leave these rules out.")
@options.settings_file
@options.isolated
@click.option("--fix", is_flag=True, default=None, help="Repair what can be repaired safely.")
@click.option("--unsafe-fixes/--no-unsafe-fixes", default=None, help="Count and make fixes that need a look.")
@click.option("--diff", is_flag=True, help="Show what --fix would change, and change nothing.")
@click.option("--output-format", type=click.Choice(FORMATS), help="How findings are shown.")
@click.option("--output-file", "-o", type=click.Path(path_type=Path), help="Write the report to a file.")
@listing("--exclude", metavar="GLOBS", help="Leave these files and folders out, in place of the usual ones.")
@listing("--extend-exclude", metavar="GLOBS", help="Leave these out too.")
@click.option(
    "--force-exclude", is_flag=True, default=None, help="Leave excluded files out even if they are named."
)
@click.option("--respect-gitignore/--no-respect-gitignore", default=None, help="Leave out what git ignores.")
@click.option(
    "--stdin-filename", type=click.Path(path_type=Path), help="The name of the file given on standard input."
)
@click.option("--statistics", is_flag=True, help="Show counts by rule in place of findings.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if there are findings.")
@click.option("--show-settings", is_flag=True, help="Show the settings in force and check nothing.")
@click.option("--no-cache", is_flag=True, help="Accepted for scripts; results are not cached yet.")
@click.option("--cache-dir", metavar="DIR", help="Accepted for scripts; results are not cached yet.")
@options.jobs
@click.option("-q", "--quiet", is_flag=True, help="Show no progress, and of --diff only the diff.")
def command(
    paths: tuple[str, ...],
    configs: tuple[str, ...],
    isolated: bool,
    diff: bool,
    output_file: Path | None,
    stdin_filename: Path | None,
    statistics: bool,
    exit_zero: bool,
    show_settings: bool,
    no_cache: bool,
    jobs: int,
    quiet: bool,
    **options: Any,
) -> int:
    """Check PATHS (by default the current folder) and report what is wrong.

    Exit status: 0 clean, 1 findings, 2 wrong use or internal error. `-` reads standard input.
    """
    from asyncdb_lint.config import load

    uses_stdin = STDIN in paths
    if uses_stdin and len(paths) > 1:
        raise click.UsageError("`-` (standard input) cannot be combined with other paths")
    if stdin_filename is not None and not uses_stdin:
        raise click.UsageError("--stdin-filename needs `-` as the path")
    files = [] if uses_stdin else [Path(path) for path in paths or (".",)]
    named = Path(os.path.abspath(stdin_filename or "stdin.py"))
    loaded = load(
        files or [named],
        {name.replace("_", "-"): value for name, value in options.items()},
        configs=configs,
        isolated=isolated,
    )
    if show_settings:
        show(loaded.settings, loaded.file)
        return 0
    if statistics:
        from asyncdb_lint.reporting.statistics import check

        check(loaded.settings)  # before anything is repaired
    stdin = (named, sys.stdin.buffer.read()) if uses_stdin else None
    outcome = work(files, loaded.settings, loaded.base, stdin, jobs, diff=diff, quiet=quiet)
    report(
        outcome,
        loaded.settings,
        output_file,
        diff=diff,
        statistics=statistics,
        repaired_stdin=stdin is not None,
    )
    if diff and not quiet:
        from asyncdb_lint.reporting.summary import preview

        click.echo(preview(outcome), err=True)
    for line in outcome.problems:
        click.echo(f"asyncdb-lint: error: {line}", err=True)
    for crash in outcome.crashes:
        shown = crash if os.environ.get("ASYNCDB_LINT_DEBUG") else crash.partition("\n")[0]
        click.echo(f"asyncdb-lint: internal error, please report it: {shown}", err=True)
    if outcome.problems or outcome.crashes:
        return 2
    return int(bool(outcome.findings or outcome.diffs)) if not exit_zero else 0


def work(
    files: list[Path],
    settings: Settings,
    base: Path,
    stdin: tuple[Path, bytes] | None,
    jobs: int,
    *,
    diff: bool,
    quiet: bool,
) -> Outcome:
    """Run the engine, with a progress bar where somebody is looking."""
    from asyncdb_lint.cli.progress import progress_bar

    with progress_bar(enabled=not quiet and sys.stderr.isatty()) as progress:
        if settings.fix or diff:
            from asyncdb_lint.repairing import fix

            return fix(files, settings, base=base, write=not diff, stdin=stdin, jobs=jobs, progress=progress)
        from asyncdb_lint.engine import run

        return run(files, settings, base=base, stdin=stdin, jobs=jobs, progress=progress)


def report(
    outcome: Outcome,
    settings: Settings,
    output_file: Path | None,
    *,
    diff: bool,
    statistics: bool,
    repaired_stdin: bool,
) -> None:
    """Write findings (or diffs, or repaired standard input) where they belong."""
    from asyncdb_lint import reporting

    if diff:
        click.echo("".join(outcome.diffs).encode("utf-8", "surrogateescape"), nl=False)
    elif repaired_stdin and settings.fix:
        sys.stdout.buffer.write(outcome.stdout or b"")
        reporting.write(outcome, settings, sys.stderr, statistics=statistics)
    elif output_file is not None:
        import io

        from asyncdb_lint.source import write_text

        stream = io.StringIO()
        reporting.write(outcome, settings, stream, statistics=statistics)
        write_text(output_file, stream.getvalue())
    else:
        reporting.write(outcome, settings, sys.stdout, statistics=statistics)


def show(settings: Settings, file: Path | None) -> None:
    """The settings in force, as TOML-like lines."""
    import json

    import msgspec

    from asyncdb_lint.codes import enabled_codes

    click.echo(f"# from {file}" if file is not None else "# defaults and command line")
    for key, value in msgspec.to_builtins(settings).items():
        click.echo(f"{key} = {json.dumps(value)}")
    click.echo(f"# rules: {', '.join(enabled_codes(settings))}")
