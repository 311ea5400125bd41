"""A progress bar that stays away from runs that end at once, and from places where nobody looks."""

from __future__ import annotations

import sys
import time
from html import escape
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from numpywren.config import flag_setting, setting
from numpywren.control import Status
from numpywren.job.looking import Speed, pace

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["ProgressBar", "in_notebook", "progress_html"]

#: Seconds that a run takes before it is worth a bar.
PATIENCE_S = 0.5


def in_notebook() -> bool:
    """Whether this process computes what somebody writes into a notebook."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and getattr(ipython.get_ipython(), "kernel", None) is not None


def progress_html(title: str, status: Status, said: str) -> str:
    """How far a run is, as a notebook shows it, whatever its colours are."""
    share = status.done / status.total if status.total else 1.0
    told = f"{status.done:,} of {status.total:,} tasks, {int(100 * share)}%"  # never 100% before the end
    failure = "" if status.failure is None else f"{status.failure.error}: {status.failure.message}"
    return (
        f'<div><b>{escape(title)}</b> {status.state} <progress max="1" value="{share:.4f}" style="width: 20em; '
        f'vertical-align: middle"></progress> {told}{" · " if said else ""}{escape(said)}</div>'
    ) + (f"<div>{escape(failure)}</div>" if failure else "")


class ProgressBar:
    """Shows how far a run is, on standard error or below the cell of a notebook.

    Parameters
    ----------
    title : str
        What is running.
    wanted : bool or None
        None: as configured; a bar appears by default only on a terminal, and in a notebook.
    speed : Speed
        Which has seen what is shown.
    """

    def __init__(self, title: str, wanted: bool | None, speed: Speed) -> None:
        self._in_notebook = in_notebook()
        if wanted is None:
            seen = sys.stderr.isatty() or self._in_notebook
            wanted = seen if setting("progress") == "auto" else flag_setting("progress")
        self._wanted, self._title, self._speed = wanted, title, speed
        self._began = time.monotonic()
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._cell: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def show(self, status: Status) -> None:
        """Move the bar to where the run is."""
        begun = self._progress is not None or self._cell is not None
        if not self._wanted or (not begun and time.monotonic() - self._began < PATIENCE_S):
            return
        if self._in_notebook:
            self._show_in_cell(status)
            return
        if self._progress is None:
            self._start(status)
        assert self._progress is not None
        assert self._task is not None
        self._progress.update(self._task, completed=status.done, running=status.running)

    def _show_in_cell(self, status: Status) -> None:
        from IPython.display import HTML, display

        said = pace(status, self._speed) if status.state == "running" else ""
        shown = HTML(progress_html(self._title, status, said))
        if self._cell is None:
            self._cell = display(shown, display_id=True)
        else:
            self._cell.update(shown)

    def _start(self, status: Status) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("tasks, {task.fields[running]} running"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )
        self._task = self._progress.add_task(self._title, total=status.total, running=0)
        self._progress.start()
