"""Commands about runs: start one, look at it, carry on with it, stop it, clean up, or work for it."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer
from rich.console import Console

import numpywren as nw
from numpywren.cli.functions import function_call
from numpywren.cli.interrupt import interruptible
from numpywren.cli.show import describe, status_table
from numpywren.job import gc as collect
from numpywren.job.workers import worker_options
from numpywren.matrix import scratch_url
from numpywren.worker import main as worker_main

__all__ = ["add_commands"]

Url = Annotated[str, typer.Argument(help="The run's URL, as printed when it was started.", show_default=False)]


def add_commands(app: typer.Typer) -> None:
    """Register the commands of this module."""
    # `run` reads the function's own options itself, and so its --help.
    extra = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
    app.command("run", context_settings=extra)(run)
    for command in (worker, status, resume, cancel, gc):
        app.command()(command)


def run(
    context: typer.Context,
    function: Annotated[str, typer.Argument(help="A function of numpywren.linalg, as in cholesky.")],
    out: Annotated[str | None, typer.Option(help="Where the result goes, as in L.zarr.")] = None,
    chunks: Annotated[int | None, typer.Option(help="Cut the arguments into tiles of this length.")] = None,
) -> None:
    """Apply a function of numpywren.linalg to stored arrays: numpywren run cholesky A.zarr --out L.zarr.

    Arrays are Zarr v3 stores or .npy files. The function's own options are given by name, as in --upper.
    """
    found = function_call(context, function, chunks, options="[--out URL] [--chunks N]")
    if found is not None:
        _follow(nw.submit(found.function, *found.arguments, out=out, **found.options))


def worker(
    url: Url,
    slots: Annotated[int | None, typer.Option(help="Tasks computed at once; default: one a core.")] = None,
    memory: Annotated[str | None, typer.Option(help="Bound on the worker's tiles, as in 2GiB.")] = None,
    idle: Annotated[float | None, typer.Option(help="Seconds without work after which it leaves.")] = None,
    deadline: Annotated[float | None, typer.Option(help="Seconds that it may live.")] = None,
    module: Annotated[list[str] | None, typer.Option(help="A module to load kernels from; may be repeated.")] = None,
    options: Annotated[str | None, typer.Option(help="All of these at once, as command.template gives them.")] = None,
) -> None:
    """Work for a run until there is nothing to do; any number of workers may, and each may be stopped at any moment."""
    if options is not None:
        raise typer.Exit(worker_main(url, options))
    given = {"slots": slots, "memory": memory, "idle": idle, "deadline": deadline}
    with nw.config.set({f"worker.{key}": value for key, value in given.items() if value is not None}):
        # others may work for the same run: claim nothing early
        chosen = {**worker_options(tuple(module or ())), "ahead": 0}
    raise typer.Exit(worker_main(url, json.dumps(chosen)))


def status(
    url: Url,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Say how far a run is; exits with 1 if it failed."""
    now = nw.attach(url).status()
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(now), default=dict))
    else:
        typer.echo(url)  # whole, on a line of its own, to be copied
        Console().print(status_table(now))
    if now.state == "failed":
        raise typer.Exit(1)


def resume(url: Url) -> None:
    """Carry on with a run that was interrupted; no tile that exists is computed again."""
    attached = nw.attach(url)
    attached.resume()
    _follow(attached)


def cancel(url: Url) -> None:
    """Stop a run; what it computed stays, and resume carries on from there."""
    nw.attach(url).cancel()
    typer.echo(f"cancelled; carry on with: numpywren resume {url}")


def gc(
    store: Annotated[str | None, typer.Argument(help="Where to clean; default: the configured store.")] = None,
    older_than: Annotated[float, typer.Option(help="Hours since anything in a run was written.")] = 24.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
) -> None:
    """Delete runs and unsaved arrays that nobody came back for."""
    removed = collect(scratch_url() if store is None else store, older_than * 3600.0, dry_run=dry_run)
    for each in removed:
        typer.echo(f"{each.url}  {each.nbytes / 1e6:.1f} MB, {each.age_s / 3600.0:.1f} h old")
    total = sum(each.nbytes for each in removed)
    typer.echo(f"{len(removed)} {'would be ' if dry_run else ''}removed, {total / 1e6:.1f} MB")


def _follow(followed: nw.Run) -> None:
    """Wait for a run with a progress bar and print its result; Ctrl-C leaves it where it can be carried on."""
    typer.echo(f"run {followed.url}", err=True)
    with interruptible():
        try:
            followed.wait()
        except KeyboardInterrupt as interrupt:
            followed.pause()
            interrupt.add_note(f"carry on with: numpywren resume {followed.url}")
            raise
    for line in describe(followed.result()):
        typer.echo(line)
