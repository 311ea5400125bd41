"""``numpywren demo``: the terrain of the world from its airports."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from numpywren.cli.interrupt import interruptible

__all__ = ["add_commands", "demo"]


def add_commands(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(demo)


def demo(
    points: Annotated[int, typer.Option(help="How many airports to take; more than there are means all.")] = 9000,
    out: Annotated[Path, typer.Option(help="Where the picture goes.")] = Path("numpywren-demo.png"),
    memory: Annotated[str, typer.Option(help="Bound on the tiles held in memory.")] = "1GiB",
    chunks: Annotated[int, typer.Option(help="Rows and columns of a tile.")] = 1024,
    seed: Annotated[int, typer.Option(help="Seed of the draw of airports.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, and the text to standard error.")
    ] = False,
) -> None:
    """Interpolate terrain elevation between the world's airports by Gaussian-process regression (kriging)."""
    from numpywren.demo.picture import check_can_draw, draw
    from numpywren.demo.terrain import interpolate

    check_can_draw(out)
    with interruptible():
        terrain = interpolate(points, memory=memory, chunks=chunks, seed=seed, say=partial(typer.echo, err=as_json))
    draw(terrain, out)
    if as_json:
        errors = {method: found._asdict() for method, found in terrain.errors.items()}
        counts = {"train": len(terrain.train), "held_out": len(terrain.held_out)}
        typer.echo(json.dumps({"picture": str(out), **counts, "errors": errors}))
    else:
        typer.echo(f"picture: {out}")
