"""``numpywren plan``: what a run would take, without running it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

import numpywren as nw
from numpywren.cli.functions import function_call

__all__ = ["add_commands"]


def add_commands(app: typer.Typer) -> None:
    """Register the command of this module."""
    # `plan` reads the function's own options itself, and so its --help.
    extra = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
    app.command("plan", context_settings=extra)(plan)


def plan(
    context: typer.Context,
    function: Annotated[str, typer.Argument(help="A function of numpywren.linalg, as in cholesky.")],
    chunks: Annotated[int | None, typer.Option(help="Cut the arguments into tiles of this length.")] = None,
    machine: Annotated[str, typer.Option(help="The kind of worker.")] = "this-machine",
    plot: Annotated[Path | None, typer.Option(help="Draw it over time, as in plan.png.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Say what a function would take: numpywren plan cholesky 100000x100000 --chunks 4096.

    Arguments are Zarr v3 stores, .npy files, or shapes of matrices that need not exist. Nothing is run or written.
    """
    options = "[--chunks N] [--machine NAME] [--plot FILE] [--json]"
    found = function_call(context, function, chunks, options=options, shapes=True)
    if found is None:
        return
    planned = nw.plan(found.function, *found.arguments, machine=machine, **found.options)
    typer.echo(json.dumps(planned.to_json()) if as_json else str(planned))
    if plot is not None:
        planned.plot().savefig(plot, dpi=150)
