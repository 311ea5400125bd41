"""The commands put together, and what becomes of errors."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console

import numpywren
from numpywren.cli import calibrate, dashboard, demo, metrics, plan, report, runs, scale, status
from numpywren.cli.call import UsageError
from numpywren.cli.logs import FLAGS, logging_to_stderr
from numpywren.errors import NumpywrenError

__all__ = ["app", "run_app"]

# Errors that the user can do something about; anything else is a fault of ours and keeps its traceback.
EXPECTED = (NumpywrenError, ValueError, TypeError, OSError, MemoryError, ModuleNotFoundError)

app = typer.Typer(
    name="numpywren",
    help="Dense linear algebra on matrices too large for any machine you own, on compute that comes and goes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (calibrate, dashboard, demo, metrics, plan, report, runs, scale, status):
    module.add_commands(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"numpywren {numpywren.__version__}")
        raise typer.Exit


@app.callback()
def common(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Show where an error comes from; may stand anywhere.")
    ] = False,
    verbose: Annotated[
        int, typer.Option("--verbose", "-v", count=True, help="Say more, -vv everything; may stand anywhere.")
    ] = 0,
) -> None:
    """Take the options that stand before a command."""


def run_app(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the words name and return its exit status; see `numpywren.cli.main`."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    show_traceback = "--traceback" in words
    verbosity = sum(FLAGS.get(word, 0) for word in words)
    words = [word for word in words if word != "--traceback" and word not in FLAGS]
    try:
        with logging_to_stderr(verbosity):
            app(args=words, prog_name="numpywren")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except EXPECTED as error:
        if show_traceback:
            raise
        console = Console(stderr=True, soft_wrap=True)
        console.print("error:", str(error) or type(error).__name__, style="red", markup=False, highlight=False)
        return 2 if isinstance(error, UsageError) else 1
    return 0
