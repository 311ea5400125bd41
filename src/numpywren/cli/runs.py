"""Commands about runs: start one, carry on with it, stop it, clean up, or work for it."""

from __future__ import annotations

import dataclasses
import re
from typing import Annotated

import typer

import numpywren as nw
from numpywren.cli.call import UsageError
from numpywren.cli.functions import function_call
from numpywren.cli.interrupt import interruptible
from numpywren.cli.show import describe, described, scratch_hint, to_json
from numpywren.job import gc as collect
from numpywren.job.workers import worker_options
from numpywren.matrix import open_store, scratch_url
from numpywren.matrix.local_files import LocalFiles
from numpywren.worker import main as worker_main
from numpywren.worker import work

__all__ = ["add_commands"]

Url = Annotated[str, typer.Argument(help="The run's URL, as printed when it was started.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]

#: Options of `run` itself, as its usage shows them.
RUN_OPTIONS = "[--out URL | --out RESULT=URL ...] [--chunks N] [--json]"
#: One of several results and where it goes.
PLACE = re.compile(r"([A-Za-z_]\w*)=(.+)")


def add_commands(app: typer.Typer) -> None:
    """Register the commands of this module."""
    # `run` reads the function's own options itself, and so its --help.
    extra = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
    app.command("run", context_settings=extra)(run)
    for command in (worker, resume, cancel, gc):
        app.command()(command)


def run(
    context: typer.Context,
    function: Annotated[str, typer.Argument(help="A function of numpywren.linalg, as in cholesky.")],
    out: Annotated[
        list[str] | None,
        typer.Option(help="Where the result goes, as in L.zarr; of several results, for each, as in Q=Q.zarr."),
    ] = None,
    chunks: Annotated[int | None, typer.Option(help="Cut the arguments into tiles of this length.")] = None,
    as_json: Json = False,
) -> None:
    """Apply a function of numpywren.linalg to stored arrays: numpywren run cholesky A.zarr --out L.zarr.

    Arrays are Zarr v3 stores or .npy files. The function's own options are given by name, as in --upper. Of several
    results each has its place: numpywren run qr A.zarr --out Q=Q.zarr --out R=R.zarr.
    """
    places = _places(out or [])
    found = function_call(context, function, chunks, options=RUN_OPTIONS)
    if found is not None:
        _follow(nw.submit(found.function, *found.arguments, out=places, **found.options), as_json)


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
    work(url, chosen)


def resume(url: Url, as_json: Json = False) -> None:
    """Carry on with a run that was interrupted; no tile that exists is computed again."""
    attached = nw.attach(url)
    attached.resume()
    _follow(attached, as_json)


def cancel(url: Url, as_json: Json = False) -> None:
    """Stop a run; what it computed stays, and resume carries on from there."""
    attached = nw.attach(url)
    attached.cancel()
    state = attached.status().state  # a run that has ended stays as it is
    if as_json:
        typer.echo(to_json({"url": attached.url, "state": state}))
    elif state == "cancelled":
        typer.echo(f"cancelled; carry on with: numpywren resume {url}")
    else:
        typer.echo(f"the run is {state}; there is nothing to cancel")


def gc(
    store: Annotated[str | None, typer.Argument(help="Where to clean; default: the configured store.")] = None,
    older_than: Annotated[float, typer.Option(help="Hours since anything in a run was written.")] = 24.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
    as_json: Json = False,
) -> None:
    """Delete runs and unsaved arrays that nobody came back for; runs that are being computed stay.

    In a store of files so does what a living process holds, such as an open notebook; elsewhere only the age decides.
    """
    if not older_than >= 0:
        raise UsageError(f"--older-than is {older_than:g}: hours are at least 0")
    place = scratch_url() if store is None else store
    if store is not None and isinstance(folder := open_store(store), LocalFiles) and not folder.folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder.folder}; give the store that runs were started with")
    removed = collect(place, older_than * 3600.0, dry_run=dry_run)
    if as_json:
        each_one = [dataclasses.asdict(each) for each in removed]
        typer.echo(to_json({"store": place, "dry_run": dry_run, "removed": each_one}))
        return
    for each in removed:
        typer.echo(f"{each.url}  {each.nbytes / 1e6:.1f} MB, {each.age_s / 3600.0:.1f} h old")
    total = sum(each.nbytes for each in removed)
    typer.echo(f"{len(removed)} {'would be ' if dry_run else ''}removed, {total / 1e6:.1f} MB")


def _places(words: list[str]) -> str | dict[str, str] | None:
    """Where results go: one place, or several by the names of results."""
    if len(words) == 1 and not PLACE.fullmatch(words[0]):
        return words[0]
    places: dict[str, str] = {}
    for word in words:
        found = PLACE.fullmatch(word)
        if found is None:
            raise UsageError(
                f"--out {word} does not say which result goes there; give each its own, as in --out Q=Q.zarr "
                "--out R=R.zarr"
            )
        if found[1] in places:
            raise UsageError(f"--out gives the result {found[1]} two places: {places[found[1]]} and {found[2]}")
        places[found[1]] = found[2]
    return places or None


def _follow(followed: nw.Run, as_json: bool) -> None:
    """Wait for a run with a progress bar and print its result; Ctrl-C leaves it where it can be carried on."""
    typer.echo(f"run {followed.url}", err=True)
    with interruptible():
        try:
            followed.wait()
        except KeyboardInterrupt as interrupt:
            followed.pause()
            interrupt.add_note(f"carry on with: numpywren resume {followed.url}")
            raise
    result = followed.result()
    if as_json:
        typer.echo(to_json({"url": followed.url, "result": described(result)}))
    else:
        for line in describe(result):
            typer.echo(line)
    if hint := scratch_hint(followed.url, result):
        typer.echo(hint, err=True)
