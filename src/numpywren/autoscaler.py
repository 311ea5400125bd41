"""How many workers a run should have: a pure function of what waits, what runs, and how long things take.

The small loop around it is `numpywren.job.scaling`; the simulator drives the same function on a virtual clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from numpywren.lambdapack import Dataflow, Task

__all__ = ["STEP", "Fleet", "Limits", "Pace", "Work", "look_s", "made_ready", "workers_wanted"]

#: Workers that may be on their way at once while few are there; later as many as are there.
STEP = 8
#: Seconds between two looks at a run's progress: at first, and at most, as a look may cost a request.
LOOK_S, LOOK_MAX_S = 0.1, 2.0
#: Share of the time that a run has taken after which to look again.
LOOK_SHARE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is to do."""

    #: Tasks that may be claimed.
    ready: int
    #: Tasks that are claimed.
    running: int
    #: Tasks that wait for others.
    waiting: int = 0
    #: Tasks that one completion makes ready, on average over those that will end next; see `made_ready`.
    made: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Who is there to do it."""

    #: Workers that have not left, those on their way among them.
    alive: int
    #: Those of them that are on their way: started, and not at work yet.
    starting: int = 0
    #: Those of them that will have reached their deadline when one that is started now is at work.
    leaving: int = 0
    #: Tasks that one worker computes at once.
    slots: int = 1
    #: Worker-seconds spent so far.
    spent_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long things take, as measured."""

    #: Seconds from a task's claim to its completion; None: none has ended yet.
    task_s: float | None = None
    #: Seconds from the start of a worker to its first task.
    start_s: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the user allows."""

    #: Slots for each task that can be computed: 0.5 pays for half of them, and takes longer.
    factor: float = 1.0
    #: Fewest workers while the run is running; at least 1, as somebody must ask for a task whose worker died.
    floor: int = 1
    #: Most workers.
    ceiling: int = 1
    #: Worker-seconds in all, beyond which none is started; None: no limit.
    budget_s: float | None = None

    def __post_init__(self) -> None:
        if not (0 < self.factor < math.inf):
            raise ValueError(f"workers.factor must be a number above 0, not {self.factor!r}")
        if not 1 <= self.floor <= self.ceiling:
            raise ValueError(
                f"workers.min is {self.floor} and workers.max {self.ceiling}; they must be at least 1, and in order"
            )
        if self.budget_s is not None and not self.budget_s > 0:
            raise ValueError(f"workers.budget must be a number of worker-seconds above 0, not {self.budget_s!r}")


def look_s(passed_s: float) -> float:
    """Seconds until the next look at a run that has been watched for so long."""
    return min(max(LOOK_S, LOOK_SHARE * passed_s), LOOK_MAX_S)


def workers_wanted(work: Work, fleet: Fleet, pace: Pace, limits: Limits) -> int:
    """Number of workers to have now; never fewer than there are, as workers leave by themselves.

    With T tasks ready or running, s slots a worker, task time t, start-up time u, and w workers that stay:

    1. *What there will be to do* when a worker started now is at work. By then c = min(T, w s u / t) tasks have ended,
       each of which made m others ready: T + (m - 1) c. Where m > 1, only what runs is counted on for c, since m was
       measured there.
    2. *Slots for it*: `factor` of it, s to a worker.
    3. *None that would come too late*: with N tasks not done, no more than keeps each one busy for as long as its
       start takes: N t / (s u).
    4. *In steps*: no more on their way than are at work already, or `STEP`.
    5. At least `floor`; those that reach their deadline meanwhile on top; at most `ceiling`; and none that could not
       pay for its start from what is left of the budget.

    Parameters
    ----------
    work : Work
    fleet : Fleet
    pace : Pace
    limits : Limits

    Returns
    -------
    int
        At least `fleet.alive`; at most `limits.ceiling`, or `fleet.alive` if that is more.
    """
    tasks = work.ready + work.running
    staying = max(fleet.alive - fleet.leaving, 0)
    wanted = math.ceil(limits.factor * _to_do(work, staying * fleet.slots, pace) / fleet.slots)
    if pace.task_s is not None and pace.start_s > 0:
        worth = (tasks + work.waiting) * pace.task_s / (fleet.slots * pace.start_s)
        wanted = min(wanted, math.floor(worth) if worth < wanted else wanted)
    at_work = max(staying - fleet.starting, 0)
    wanted = min(wanted, at_work + max(at_work, STEP))
    wanted = max(wanted, limits.floor)
    wanted = min(wanted + min(fleet.leaving, fleet.alive), limits.ceiling)
    return max(fleet.alive, min(wanted, fleet.alive + _affordable(fleet, pace, limits)))


def _to_do(work: Work, slots: int, pace: Pace) -> float:
    """Tasks that can be computed when a worker that is started now is at work."""
    tasks = work.ready + work.running
    if pace.task_s is None:
        return tasks
    generations = pace.start_s / pace.task_s if pace.task_s > 0 else math.inf
    ended = min(tasks if work.made < 1 else work.running, slots * generations if slots else 0)
    return tasks + (work.made - 1) * ended


def _affordable(fleet: Fleet, pace: Pace, limits: Limits) -> int:
    """How many more could pay for their start, while those that are there go on."""
    if limits.budget_s is None:
        return limits.ceiling
    left = limits.budget_s - fleet.spent_s
    if left <= 0:
        return 0
    starts = left / pace.start_s if pace.start_s > 0 else math.inf
    return max(math.ceil(min(starts, fleet.alive + limits.ceiling)) - fleet.alive, 0)


def made_ready(dataflow: Dataflow, tasks: Iterable[Task]) -> float:
    """Tasks that the completion of one of `tasks` makes ready, on average; 1 if there are none.

    A reader that waits for k tiles counts 1/k for each: which of them comes last is not known, and over a whole run
    the shares of a task add up to it.

    Parameters
    ----------
    dataflow : Dataflow
        The run's program with its sizes.
    tasks : iterable of Task
        Those that will end next.
    """
    shares = [
        sum(1 / dataflow.needs(reader) for tile in dataflow.writes(task) for reader in dataflow.readers(tile))
        for task in tasks
    ]
    return sum(shares) / len(shares) if shares else 1.0
