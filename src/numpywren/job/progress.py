"""A progress bar that stays away from runs that end at once, and from places where nobody looks."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from numpywren.config import flag_setting, setting
from numpywren.control import Status

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["ProgressBar"]

#: Seconds that a run takes before it is worth a bar.
PATIENCE_S = 0.5


class ProgressBar:
    """Shows how far a run is on standard error.

    Parameters
    ----------
    title : str
        What is running.
    wanted : bool or None
        None: as configured; a bar appears by default only on a terminal.
    """

    def __init__(self, title: str, wanted: bool | None) -> None:
        if wanted is None:
            wanted = sys.stderr.isatty() if setting("progress") == "auto" else flag_setting("progress")
        self._wanted, self._title = wanted, title
        self._began = time.monotonic()
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def show(self, status: Status) -> None:
        """Move the bar to where the run is."""
        if not self._wanted or (self._progress is None and time.monotonic() - self._began < PATIENCE_S):
            return
        if self._progress is None:
            self._start(status)
        assert self._progress is not None
        assert self._task is not None
        self._progress.update(self._task, completed=status.done, running=status.running)

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
