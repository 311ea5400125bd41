"""A run on the terminal, again and again: how far it is, how fast, and what takes longest."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from numpywren.cli.show import failure_text, idle_hint, printable
from numpywren.control import Held, Status
from numpywren.job.looking import Speed, duration, pace

__all__ = ["picture"]

#: Of the tasks that are held for the longest time, how many are shown.
SHOWN = 6
#: Columns that the name of a worker gets.
WORKER_COLUMNS = 34
#: How the states look.
STYLES = {"running": "bold cyan", "done": "bold green", "failed": "bold red", "cancelled": "bold yellow"}


def picture(title: str, url: str, status: Status, speed: Speed, name: Callable[[str], str]) -> RenderableType:
    """Everything about a run at one moment, in 80 columns or what there is.

    Parameters
    ----------
    title : str
        The function that was called.
    url : str
        The run.
    status : Status
        How far it is.
    speed : Speed
        Which has seen this status.
    name : callable
        Tiles of a task.
    """
    parts: list[RenderableType] = [
        Text.assemble((printable(title), "bold"), "  ", (status.state, STYLES[status.state])),
        Text(printable(url), style="dim", overflow="fold"),
        _bar(status),
        _counts(status, speed),
    ]
    # between two tasks of a run that goes on there may be nobody for a moment
    if speed.per_s == 0 and (hint := idle_hint(url, status)):
        parts.append(Text(printable(hint), style="yellow", overflow="fold"))
    if status.failure is not None:
        parts.append(Text(printable(failure_text(status.failure)), style="red"))
    elif status.longest and status.state == "running":
        parts += [Text(), _longest(status.longest[:SHOWN], name)]
    return Group(*parts)


def _bar(status: Status) -> RenderableType:
    row = Table.grid(expand=True, padding=(0, 2, 0, 0))
    row.add_column(ratio=1)
    row.add_column(justify="right", no_wrap=True)
    share = status.done / status.total if status.total else 1.0
    bar = ProgressBar(
        total=max(status.total, 1),
        completed=status.done if status.total else 1,
        complete_style=STYLES[status.state],
        finished_style=STYLES[status.state],
    )
    # never 100% before the end
    row.add_row(bar, Text(f"{status.done} of {status.total} tasks, {int(100 * share)}%"))
    return row


def _counts(status: Status, speed: Speed) -> RenderableType:
    text = Text()
    if status.state == "running":
        text.append(pace(status, speed) + "\n")
    counts = ("ready", "running", "waiting", "workers", "repeated")
    for what in counts:
        count = getattr(status, what)
        warn = what == "repeated" and count > 0
        text.append(f"{what} ", style="dim").append(str(count), style="yellow" if warn else "bold")
        text.append("" if what == counts[-1] else "   ")
    return text


def _longest(longest: tuple[Held, ...], name: Callable[[str], str]) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("held for", justify="right", no_wrap=True)
    table.add_column("computing", no_wrap=True, overflow="ellipsis", max_width=28)
    table.add_column("worker", no_wrap=True, overflow="ellipsis")
    for held in longest:
        table.add_row(duration(held.seconds), Text(printable(name(held.task))), Text(_short(printable(held.worker))))
    return table


def _short(worker: str) -> str:
    """A worker's name in few columns: how it ends tells those of one machine apart."""
    return worker if len(worker) <= WORKER_COLUMNS else f"{worker[: WORKER_COLUMNS - 16]}…{worker[-15:]}"
