"""What is said of a run that is looked at again and again: how fast it is, and what its tasks are called."""

from __future__ import annotations

import functools
from collections import deque

from numpywren.config import names_setting
from numpywren.control import Status
from numpywren.errors import NumpywrenError
from numpywren.lambdapack import Dataflow
from numpywren.worker import RunRecord
from numpywren.worker.names import task_named

__all__ = ["OUT_OF_REACH", "Speed", "TaskNames", "duration", "pace"]

#: What a run's control plane or store, or the way there, may fail with for a while.
OUT_OF_REACH = (NumpywrenError, OSError)
#: Seconds over which the speed is measured: it changes as a run goes on.
WINDOW_S = 60.0
#: Seconds below which nothing is said of the speed.
SHORTEST_S = 1.0


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


def pace(status: Status, speed: Speed, heavier: float = 1.0) -> str:
    """How fast a run is, and how long it will take, if a task that is left is so many times what those of late were."""
    per_s, left_s = speed.per_s, speed.left_s(status)
    if per_s is None:
        return "measuring the speed"
    if left_s is None:
        return f"nothing done in the last {duration(speed.seen_s)}"
    tasks = f"{per_s:.0f} tasks/s" if per_s >= 10 else f"{per_s:.2g} tasks/s"
    return f"{tasks}, about {duration(heavier * left_s)} left"


def duration(seconds: float) -> str:
    """Seconds in the two units that matter, as in ``3 min 20 s``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit_s, unit, next_s, next_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= unit_s:
            return f"{whole // unit_s} {unit} {whole % unit_s // next_s} {next_unit}"
    return f"{whole} s"
