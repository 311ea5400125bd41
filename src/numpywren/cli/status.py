"""``numpywren status``: how far a run is, once or until it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

import numpywren as nw
from numpywren.autoscaler import look_s
from numpywren.cli.interrupt import interruptible
from numpywren.cli.live import picture
from numpywren.cli.show import failure_text, idle_hint, printable, status_fields, status_table, to_json
from numpywren.control import Status
from numpywren.errors import ControlPlaneLostError, ControlPlaneUnreachableError
from numpywren.job.looking import Speed, TaskNames
from numpywren.job.run import BEING_RESUMED
from numpywren.worker import RunRecord

__all__ = ["add_commands"]


def add_commands(app: typer.Typer) -> None:
    """Register the command of this module."""
    app.command()(status)


def status(
    url: Annotated[str, typer.Argument(help="The run's URL, as printed when it was started.", show_default=False)],
    live: Annotated[
        bool | None,
        typer.Option(
            "--live/--once",
            help="Follow it until it ends, or look once; default: follow on a terminal.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object for each look; looks once unless --live is given.")
    ] = False,
) -> None:
    """Say how far a run is; exits with 1 if it failed.

    Ctrl-C stops looking, and nothing else.
    """
    follow = sys.stdout.isatty() and not as_json if live is None else live
    with interruptible():
        now = _follow(url, as_json) if follow else _once(url, as_json)
    if now.state == "failed":
        raise typer.Exit(1)


def _once(url: str, as_json: bool) -> Status:
    run = nw.attach(url)
    now = run.status()
    if as_json:
        typer.echo(to_json(status_fields(run.url, now)))
    else:
        typer.echo(url)  # whole, on a line of its own, to be copied
        Console().print(status_table(now))
        if hint := idle_hint(url, now):
            typer.echo(hint)
    return now


def _follow(url: str, as_json: bool) -> Status:
    if as_json:
        run = nw.attach(url)
        for now in _looks(run):
            typer.echo(to_json(status_fields(run.url, now)))
        return now
    return _draw(url) if sys.stdout.isatty() else _tell(url)


def _draw(url: str) -> Status:
    """On a terminal: a picture in its place, the last of which stays."""
    run = nw.attach(url)
    record, _ = RunRecord.load(url)
    speed, names = Speed(), TaskNames(record)
    with Live(auto_refresh=False) as screen:
        for now in _looks(run):
            speed.look(time.monotonic(), now.done)
            screen.update(picture(record.name, run.url, now, speed, names.of), refresh=True)
    return now


def _tell(url: str) -> Status:
    """In a log: a line for each percent."""
    run = nw.attach(url)
    typer.echo(url)
    told: tuple[str, int] | None = None
    for now in _looks(run):
        percent = 100 * now.done // now.total if now.total else 100
        if told != (told := (now.state, percent)):
            workers = f"{now.workers} worker{'' if now.workers == 1 else 's'}"
            typer.echo(f"{now.state}: {now.done} of {now.total} tasks ({percent}%), {workers}")
    if now.failure is not None:
        typer.echo(printable(failure_text(now.failure)))
    return now


def _looks(run: nw.Run) -> Iterator[Status]:
    """Look until the run has ended, as often as a client that waits for it: a look may cost a request."""
    began, seen = time.monotonic(), None
    while True:
        try:
            seen = run.status()
        except ControlPlaneLostError as error:
            if seen is None or isinstance(error, ControlPlaneUnreachableError):
                raise
            raise ControlPlaneLostError(
                f"the run's control plane is gone, with {seen.done} of {seen.total} tasks done when last seen: its "
                f"client has the result and forgot the run, or deleted it; else `numpywren resume {run.url}` carries on"
            ) from error
        yield seen
        resumed = seen.failure is not None and seen.failure.message == BEING_RESUMED
        if seen.state != "running" and not resumed:
            return
        time.sleep(look_s(time.monotonic() - began))
