"""``numpywren calibrate``: measure this machine, so that plans for it say how long things take."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from numpywren.job.calibrate import calibrate
from numpywren.planner import load_machine

__all__ = ["add_commands"]


def add_commands(app: typer.Typer) -> None:
    """Register the command of this module."""
    app.command("calibrate")(run)


#: Fields of a machine that are measured, which ``--json`` prints.
MEASURED = ("gflops", "task_s", "get_s", "put_s", "bandwidth", "start_s")


def run(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Measure this machine's kernels and the configured store; plans for this-machine use it from then on.

    Takes less than a minute; nothing else should run meanwhile.
    """
    path = calibrate(lambda line: typer.echo(f"measuring {line} …", err=True))
    machine = load_machine("this-machine", path)
    if as_json:
        typer.echo(json.dumps({"file": str(path), **{name: getattr(machine, name) for name in MEASURED}}))
        return
    typer.echo(f"gemm {machine.gflops:.1f} GFLOP/s in each slot, {1e6 * machine.task_s:.0f} µs for a task besides")
    typer.echo(f"store {machine.bandwidth / 1e6:.0f} MB/s, {1e3 * machine.get_s:.2f} ms to read, ", nl=False)
    typer.echo(f"{1e3 * machine.put_s:.2f} ms to write; a worker process starts in {machine.start_s:.1f} s")
    typer.echo(f"kept in {path}")
