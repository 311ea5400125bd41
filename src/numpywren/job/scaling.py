"""The loop around the autoscaler: it watches a run, measures how long things take, and says how many workers to start.

One `Scaler` follows one run with one backend: in `Run.wait`, in ``numpywren scale``, and for a moment in a worker that
leaves (`numpywren.job.succession`).
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable

from numpywren.autoscaler import Fleet, Limits, Pace, Work, made_ready, workers_wanted
from numpywren.backends import Backend
from numpywren.control import Failure, Status
from numpywren.lambdapack import Dataflow, Task

__all__ = ["START_S", "Scaler", "budget_spent"]

#: Seconds that a worker is taken to need for its start until one was measured.
START_S = 1.0
#: Seconds after which an observation counts half.
HALF_S = 5.0
#: Weight of the newest of the measured starts.
NEWEST = 0.3
#: A worker that nobody has seen at work after so many times the usual start counts as one of those there.
PATIENCE = 3.0


class Scaler:
    """How many workers one run is to be given by one backend.

    Workers that others started for the same run count too, as far as they can be seen: they hold leases.

    Parameters
    ----------
    backend : Backend
        Where workers are started.
    dataflow : Dataflow
        The run's program with its sizes.
    limits : Limits
    start_s : float
        Seconds that a worker is taken to need for its start, until one was measured.
    clock : callable
        Seconds, for tests and simulations.
    """

    def __init__(
        self,
        backend: Backend,
        dataflow: Dataflow,
        limits: Limits,
        start_s: float = START_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backend, self._dataflow, self.limits, self._clock = backend, dataflow, limits, clock
        self._slots = int(backend.options["slots"])
        self._lease_s = float(backend.options.get("lease_s", 0.0))
        self._deadline_s: float | None = backend.options.get("deadline_s")
        self._start_s = start_s
        self._births: deque[float] = deque()  # of those that were started here and may be alive, oldest first
        self._pending: deque[float] = deque()  # starts that nobody has seen the effect of
        self._left: deque[float] = deque()  # when some left that may still hold leases
        self._most = 0  # workers last seen at work
        self._looked: float | None = None
        self._before: tuple[int, int] = (0, 0)  # running and done when last looked
        self._busy_s = self._ended = 0.0  # of late: task-seconds, and tasks that ended
        self.alive = 0
        self.spent_s = 0.0

    @property
    def task_s(self) -> float | None:
        """Seconds from claim to completion of late; None if nothing was completed yet."""
        return self._busy_s / self._ended if self._ended > 1e-6 else None

    @property
    def start_s(self) -> float:
        """Seconds from a worker's start to its first task."""
        return self._start_s

    def start(self, count: int) -> None:
        """Start `count` more workers."""
        now = self._clock()
        self._births.extend([now] * count)
        self._pending.extend([now] * count)
        self.alive += count
        self._backend.start(count)

    def missing(self, status: Status) -> int:
        """How many workers to start now; call it a few times a second, as it also measures."""
        now = self._clock()
        self._observe(status, now)
        if self.alive >= self.limits.ceiling:
            return 0
        fleet = Fleet(
            alive=self.alive,
            starting=len(self._pending),
            leaving=self._leaving(now),
            slots=self._slots,
            spent_s=self.spent_s,
        )
        work = Work(
            ready=status.ready,
            running=status.running,
            waiting=status.waiting,
            made=made_ready(self._dataflow, [Task.parse(held.task) for held in status.longest]),
        )
        pace = Pace(task_s=self.task_s, start_s=self._start_s)
        return workers_wanted(work, fleet, pace, self.limits) - self.alive

    @property
    def broke(self) -> bool:
        """Whether the budget is spent."""
        return self.limits.budget_s is not None and self.spent_s >= self.limits.budget_s

    def _observe(self, status: Status, now: float) -> None:
        """Learn from a look at the run, and from the time since the last one."""
        passed = 0.0 if self._looked is None else now - self._looked
        self._looked = now
        self.spent_s += self.alive * passed
        self._measure_tasks(status, passed)
        self._measure_starts(status, now)
        mine = self._backend.alive()
        while len(self._births) > mine:
            self._births.popleft()
            self._left.append(now)
        while self._left and self._left[0] < now - self._lease_s:
            self._left.popleft()
        while len(self._pending) > mine:
            self._pending.popleft()
        # a worker that died may be seen at work until its leases run out
        self.alive = mine + max(status.workers - mine - len(self._left), 0)

    def _measure_tasks(self, status: Status, passed: float) -> None:
        """By Little's law: task-seconds that went by, over tasks that ended meanwhile."""
        running, done = self._before
        faded = 0.5 ** (passed / HALF_S)
        ended = max(status.done - done, 0) if passed else 0
        self._busy_s = faded * self._busy_s + passed * (running + status.running) / 2
        self._ended = faded * self._ended + ended
        self._before = (status.running, status.done)

    def _measure_starts(self, status: Status, now: float) -> None:
        for _ in range(min(status.workers - self._most, len(self._pending))):
            self._start_s += NEWEST * (now - self._pending.popleft() - self._start_s)
        self._most = status.workers
        while self._pending and now - self._pending[0] > PATIENCE * max(self._start_s, START_S):
            self._pending.popleft()

    def _leaving(self, now: float) -> int:
        """Workers whose deadline comes before one that is started now is at work."""
        if self._deadline_s is None:
            return 0
        horizon = now + self._start_s - self._deadline_s
        return sum(birth <= horizon for birth in self._births)


def budget_spent(status: Status, limits: Limits) -> Failure:
    """Word the failure of a run whose budget is spent."""
    spent = f"{limits.budget_s:g}" if limits.budget_s is not None and math.isfinite(limits.budget_s) else "0"
    return Failure(
        kind="failed",
        error="BudgetSpentError",
        message=(
            f"the budget of {spent} worker-seconds (workers.budget) is spent with {status.done} of {status.total} "
            "tasks done, and all workers were told to leave; raise it, or set it to null"
        ),
    )
