"""``numpywren plan``: what a run would take, without running it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

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
    workers: Annotated[int | None, typer.Option(help="Most workers; the run is then simulated.")] = None,
    deadline: Annotated[str | None, typer.Option(help="Choose tiles and workers for a time, as in 1h.")] = None,
    budget: Annotated[str | None, typer.Option(help="Choose them for a sum, as in 20 US dollars.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw it over time, as in plan.png.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Say what a function would take: numpywren plan cholesky 100000x100000 --chunks 4096.

    Arguments are Zarr v3 stores, .npy files, or shapes of matrices that need not exist. Nothing is run or written.
    """
    options = "[--chunks N] [--machine NAME] [--workers N] [--deadline T] [--budget D] [--plot FILE] [--json]"
    found = function_call(context, function, chunks, options=options, shapes=True)
    if found is None:
        return
    limits: dict[str, Any] = {"workers": workers, "deadline": deadline, "budget": budget}
    planned = nw.plan(found.function, *found.arguments, machine=machine, **limits, **found.options)
    typer.echo(json.dumps(planned.to_json()) if as_json else str(planned))
    if plot is not None:
        planned.plot().savefig(plot, dpi=150)
