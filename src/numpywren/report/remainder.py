"""How the work that is left of a run compares with what was done of late: its tasks are of many kinds and sizes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from numpywren.report.report import Tasks

__all__ = ["WINDOW_S", "times_heavier"]

#: Seconds over which the speed of a run is measured: it changes as the run goes on.
WINDOW_S = 60.0


def times_heavier(tasks: Tasks, work: NDArray[np.float64], moment_s: float) -> float | None:
    """How many times the work of a task done in the last minute a task that is left is, on average.

    The time left is as many times what it would be by the number of tasks and the speed of that minute.

    Parameters
    ----------
    tasks : Tasks
        What was computed, in the order of its ends.
    work : ndarray of float64
        How much work each task of the run is, by its number, as in seconds that it should take.
    moment_s : float
        Seconds since the run's first event: what is known goes as far.

    Returns
    -------
    float or None
        None if nothing was done in that minute, or nothing is left.
    """
    known = np.flatnonzero(tasks.number >= 0)
    numbers, first = np.unique(tasks.number[known], return_index=True)
    late = work[numbers][tasks.end_s[known][first] > moment_s - WINDOW_S]
    left = np.delete(work, numbers)
    return float(left.mean() / late.mean()) if len(left) and late.any() else None
