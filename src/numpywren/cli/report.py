"""``numpywren report``: what a run did, from what its workers wrote down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

import numpywren as nw

__all__ = ["add_commands"]


def add_commands(app: typer.Typer) -> None:
    """Register the command of this module."""
    app.command()(report)


def report(
    url: Annotated[str, typer.Argument(help="The run's URL, as printed when it was started.", show_default=False)],
    save: Annotated[Path | None, typer.Option(help="Write a page that opens offline, as in run.html.")] = None,
    machine: Annotated[
        str, typer.Option(help="The kind of worker to compare with, and to charge for.")
    ] = "this-machine",
    predict: Annotated[
        bool | None, typer.Option(help="Simulate the run beside; default: if it has at most 20 000 tasks.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Say what a run did, and where its time went; while it is running, what it did so far."""
    made = nw.attach(url).report(machine, predict)
    if save is not None:
        made.save(save)
    typer.echo(json.dumps(made.to_json()) if as_json else str(made))
