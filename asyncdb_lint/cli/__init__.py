"""The command line: `asyncdb-lint [PATHS]` checks, `engines` takes stock; `rule` and `rules` tell about the rules."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

import click

from asyncdb_lint import __version__

COMMANDS = {
    "check": "asyncdb_lint.cli.check",
    "engines": "asyncdb_lint.cli.engines",
    "migrate": "asyncdb_lint.cli.migrate",
    "rule": "asyncdb_lint.cli.rule",
    "rules": "asyncdb_lint.cli.rules",
}


class DefaultGroup(click.Group):
    """A group whose first word is optional: `check` is meant where no command is named. Commands load late."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        import importlib

        command = importlib.import_module(COMMANDS[cmd_name]).command
        assert isinstance(command, click.Command)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        wants_group = args and args[0] in (*COMMANDS, "--version", "-h", "--help")
        return super().parse_args(ctx, args if wants_group else ["check", *args])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # click would make it exit status 1
            reader_is_gone()
            return 0
        except KeyboardInterrupt:  # click would add an empty line
            click.echo("asyncdb-lint: interrupted", err=True)
            return 130


@click.group(cls=DefaultGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="asyncdb-lint %(version)s")
def cli() -> None:
    """Find, explain and repair async database misuse in Python.

    `asyncdb-lint [OPTIONS] [PATHS]...` is short for `asyncdb-lint check`; see `asyncdb-lint check --help` for its
    options. To check a folder that has the name of a command, write `./rules` or `check rules`.
    """


def main() -> None:
    """The console script: exit status 0 clean, 1 findings, 2 wrong use or an error of our own, 130 interrupted."""
    from asyncdb_lint.errors import UsageProblem

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(
                errors="backslashreplace"
            )  # a terminal that lacks a character is no reason to stop
    try:
        status = cli.main(standalone_mode=False)
        sys.stdout.flush()
        sys.exit(status)
    except click.exceptions.Exit as exit_:
        sys.exit(exit_.exit_code)
    except UsageProblem as problem:
        click.echo(f"asyncdb-lint: error: {problem}", err=True)
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("asyncdb-lint: interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        reader_is_gone()
        sys.exit(0)
    except Exception:
        internal_error()
        sys.exit(2)


def reader_is_gone() -> None:
    """`| head` has read enough: not an error, and nothing is left to say or flush."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def internal_error() -> None:
    """One line for the user; the traceback for whoever asks."""
    import traceback

    kind, value, _ = sys.exc_info()
    name = kind.__name__ if kind is not None else "Error"
    said = str(value).partition("\n")[0]
    click.echo(f"asyncdb-lint: internal error: {name}: {said}; please report it", err=True)
    if os.environ.get("ASYNCDB_LINT_DEBUG"):
        click.echo(traceback.format_exc(), err=True)
    else:
        click.echo("asyncdb-lint: set ASYNCDB_LINT_DEBUG=1 to see where", err=True)
