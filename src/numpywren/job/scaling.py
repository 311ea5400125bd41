"""The loop around the autoscaler: it watches a run, measures how long things take, and says how many workers to start.

One `Scaler` follows one run with one backend: in `Run.wait`, in ``numpywren scale``, and for a moment in a worker that
leaves (`numpywren.job.succession`).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from numpywren.autoscaler import Fleet, Limits, Pace, workers_wanted
from numpywren.backends import Backend
from numpywren.control import Status
from numpywren.job.succession import Relaunch, work_to_do
from numpywren.lambdapack import Dataflow

__all__ = ["START_S", "Scaler"]

#: Seconds that a worker is taken to need for its start until one was measured.
START_S = 1.0
#: Seconds after which an observation counts half.
HALF_S = 5.0
#: Weight of the newest of the measured starts.
NEWEST = 0.3
#: A worker that nobody has seen at work after so many times the usual start counts as one of those there.
PATIENCE = 3.0
#: Workers, or times the largest fleet, that may leave without doing anything before more are no remedy.
VAIN, VAIN_FLEETS = 20, 3


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
    successors : str or None
        Name of a backend with which workers that leave start their successors.
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
        successors: str | None = None,
        start_s: float = START_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backend, self._dataflow, self.limits, self._clock = backend, dataflow, limits, clock
        self._slots = int(backend.options["slots"])
        self._lease_s = float(backend.options.get("lease_s", 0.0))
        self._deadline_s: float | None = backend.options.get("deadline_s")
        self._start_s, self._successors = start_s, successors
        self._births: deque[float] = deque()  # of those that were started here and may be alive, oldest first
        self._pending: deque[float] = deque()  # starts that nobody has seen the effect of
        self._left: deque[float] = deque()  # when some left that may still hold leases
        self._heirs: deque[float] = deque()  # when some left whose successors have not been seen yet
        self._most = 0  # workers last seen at work
        self._looked: float | None = None
        self._before: tuple[int, int] = (0, 0)  # running and done when last looked
        self._busy_s = self._ended = 0.0  # of late: task-seconds, and tasks that ended
        self._vain = 0  # workers that left since a task was done, with tasks ready and nobody at any
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
        if self._successors is not None and count:
            self._backend.options.update(backend=self._successors, relaunch=self._relaunch(count).to_json())
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
        work = work_to_do(status, self._dataflow)
        pace = Pace(task_s=self.task_s, start_s=self._start_s)
        return workers_wanted(work, fleet, pace, self.limits) - self.alive

    @property
    def broke(self) -> bool:
        """Whether the budget is spent."""
        return self.limits.budget_s is not None and self.spent_s >= self.limits.budget_s

    @property
    def vain(self) -> bool:
        """Whether workers begin and leave, one after another, and never do what there is to do."""
        return self._vain >= max(VAIN, VAIN_FLEETS * self.limits.ceiling)

    def _observe(self, status: Status, now: float) -> None:
        """Learn from a look at the run, and from the time since the last one."""
        passed = 0.0 if self._looked is None else now - self._looked
        self._looked = now
        self.spent_s += self.alive * passed
        mine = self._backend.alive()
        if status.done != self._before[1]:
            self._vain = 0
        elif status.ready and not status.running:
            self._vain += max(len(self._births) - mine, 0)
        self._measure_tasks(status, passed)
        self._measure_starts(status, now)
        while len(self._births) > mine:
            (self._heirs if self._succeeded(now - self._births.popleft()) else self._left).append(now)
        while self._left and self._left[0] < now - self._lease_s:
            self._left.popleft()
        while len(self._pending) > mine:
            self._pending.popleft()
        # a worker that died may be seen at work until its leases run out
        others = max(status.workers - mine - len(self._left), 0)
        while self._heirs and (now - self._heirs[0] > PATIENCE * max(self._start_s, START_S)):
            self._heirs.popleft()
        self.alive = mine + max(others, len(self._heirs))

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
        """Workers whose deadline comes before one that is started now is at work, and that see to no successor."""
        if self._deadline_s is None or self._successors is not None:
            return 0
        horizon = now + self._start_s - self._deadline_s
        return sum(birth <= horizon for birth in self._births)

    def _succeeded(self, age_s: float) -> bool:
        """Whether a worker that left at this age did so because of its deadline, and so started a successor."""
        return self._successors is not None and self._deadline_s is not None and age_s > self._deadline_s / 2

    def _relaunch(self, count: int) -> Relaunch:
        """What each of `count` workers that are started now may start when they leave."""
        limits = self.limits
        left = None if limits.budget_s is None else max(limits.budget_s - self.spent_s, 0.0) / self.alive
        return Relaunch(
            factor=limits.factor,
            floor=limits.floor,
            ceiling=limits.ceiling,
            budget_s=left,
            share=max(limits.ceiling // self.alive, 1),
            task_s=self.task_s,
            start_s=self._start_s,
        )
