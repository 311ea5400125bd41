"""A run on the terminal, again and again: how far it is, how fast, and what takes longest."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from numpywren.cli.show import failure_text, idle_hint, printable
from numpywren.config import names_setting
from numpywren.control import Held, Status
from numpywren.errors import NumpywrenError
from numpywren.lambdapack import Dataflow
from numpywren.worker import RunRecord
from numpywren.worker.names import task_named

__all__ = ["Speed", "TaskNames", "duration", "picture"]

#: Seconds over which the speed is measured: it changes as a run goes on.
WINDOW_S = 60.0
#: Seconds below which nothing is said of the speed.
SHORTEST_S = 1.0
#: Of the tasks that are held for the longest time, how many are shown.
SHOWN = 6
#: Columns that the name of a worker gets.
WORKER_COLUMNS = 34
#: How the states look.
STYLES = {"running": "bold cyan", "done": "bold green", "failed": "bold red", "cancelled": "bold yellow"}


class Speed:
    """How fast tasks are done of late."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int]] = deque()

    def look(self, moment_s: float, done: int) -> None:
        """Learn how many were done at a moment."""
        if self._looks and done < self._looks[-1][1]:
            self._looks.clear()  # the run was begun anew
        self._looks.append((moment_s, done))
        while len(self._looks) > 2 and self._looks[1][0] <= moment_s - WINDOW_S:
            self._looks.popleft()

    @property
    def seen_s(self) -> float:
        """Seconds over which it was measured."""
        return self._looks[-1][0] - self._looks[0][0] if self._looks else 0.0

    @property
    def per_s(self) -> float | None:
        """Tasks a second; None if that is not known yet."""
        return (self._looks[-1][1] - self._looks[0][1]) / self.seen_s if self.seen_s >= SHORTEST_S else None

    def left_s(self, status: Status) -> float | None:
        """Seconds until the last task is done, if it goes on as it does; None if nothing is known, or nothing moves."""
        per_s = self.per_s
        return (status.total - status.done) / per_s if per_s else None


class TaskNames:
    """What people call a run's tasks: by the tiles that they write.

    Parameters
    ----------
    record : RunRecord
        The run. Its program is only looked at when a task is asked for; if it uses kernels that may not be loaded here,
        tasks go by the names that the control plane has for them.
    """

    def __init__(self, record: RunRecord) -> None:
        self._record = record
        self.of = functools.lru_cache(maxsize=256)(self._find)

    @functools.cached_property
    def _dataflow(self) -> Dataflow | None:
        try:
            return self._record.decoded(names_setting("kernels.modules")).bind(self._record.sizes)
        except (NumpywrenError, ImportError, ValueError):
            return None

    def _find(self, task: str) -> str:
        if self._dataflow is None:
            return f"task {task}"
        try:
            return " ".join(map(str, self._dataflow.writes(task_named(task, self._dataflow))))
        except (NumpywrenError, ValueError):
            return f"task {task}"


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
        text.append(_pace(status, speed) + "\n")
    counts = ("ready", "running", "waiting", "workers", "repeated")
    for what in counts:
        count = getattr(status, what)
        warn = what == "repeated" and count > 0
        text.append(f"{what} ", style="dim").append(str(count), style="yellow" if warn else "bold")
        text.append("" if what == counts[-1] else "   ")
    return text


def _pace(status: Status, speed: Speed) -> str:
    per_s, left_s = speed.per_s, speed.left_s(status)
    if per_s is None:
        return "measuring the speed"
    if left_s is None:
        return f"nothing done in the last {duration(speed.seen_s)}"
    pace = f"{per_s:.0f} tasks/s" if per_s >= 10 else f"{per_s:.2g} tasks/s"
    return f"{pace}, about {duration(left_s)} left"


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


def duration(seconds: float) -> str:
    """Seconds in the two units that matter, as in ``3 min 20 s``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit_s, unit, next_s, next_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= unit_s:
            return f"{whole // unit_s} {unit} {whole % unit_s // next_s} {next_unit}"
    return f"{whole} s"
