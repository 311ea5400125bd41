"""A worker that leaves starts its successors, so that a run goes on when its client is gone.

The policy is the client's. As nobody sees all workers, each is given a share of what the user allows, and hands it on:
so many workers at most, so many worker-seconds. The shares of those who are there never add up to more than the whole.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from numpywren.autoscaler import Fleet, Limits, Pace, Work, made_ready, workers_wanted
from numpywren.backends import relaunch as start_elsewhere
from numpywren.control import Failure, Status
from numpywren.lambdapack import Dataflow, Task
from numpywren.worker import open_run

__all__ = ["Relaunch", "budget_spent", "succeed", "successors"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaunch:
    """What a worker may start when it leaves, as it stands in its options."""

    #: Fields of `Limits`, for the run as a whole.
    factor: float = 1.0
    floor: int = 1
    ceiling: int = 1
    #: Worker-seconds that this worker and all who descend from it may take; None: no limit.
    budget_s: float | None = None
    #: Successors that it may start, which share what it was given.
    share: int = 1
    #: As measured by whoever started it.
    task_s: float | None = None
    start_s: float = 1.0

    def handed_on(self, count: int, lived_s: float) -> Relaunch:
        """What each of `count` successors is given by a worker that lived so long."""
        left = None if self.budget_s is None else max(self.budget_s - lived_s, 0.0) / count
        return replace(self, share=max(self.share // count, 1), budget_s=left)

    def to_json(self) -> dict[str, Any]:
        """Encode, for a worker's options."""
        return asdict(self)


def work_to_do(status: Status, dataflow: Dataflow) -> Work:
    """What a look at a run says to the autoscaler."""
    next_to_end = []
    for held in status.longest:
        with contextlib.suppress(ValueError):  # a plane may hold anything; the workers will say so
            next_to_end.append(Task.parse(held.task))
    return Work(
        ready=status.ready,
        running=status.running,
        waiting=status.waiting,
        made=made_ready(dataflow, [task for task in next_to_end if dataflow.has(task)]),
    )


def successors(status: Status, dataflow: Dataflow, slots: int, relaunch: Relaunch, lived_s: float) -> int:
    """How many workers one that leaves is to start.

    Parameters
    ----------
    status : Status
        The run without it.
    dataflow : Dataflow
        The run's program with its sizes.
    slots : int
        Of a worker.
    relaunch : Relaunch
    lived_s : float
        Seconds that it was there.
    """
    if status.state != "running":
        return 0
    limits = Limits(factor=relaunch.factor, floor=relaunch.floor, ceiling=relaunch.ceiling, budget_s=relaunch.budget_s)
    work = work_to_do(status, dataflow)
    # its share of the budget need pay for its own successors only
    pace = Pace(task_s=relaunch.task_s, start_s=relaunch.start_s)
    wanted = workers_wanted(work, Fleet(alive=status.workers, slots=slots), pace, replace(limits, budget_s=None))
    count = min(wanted - status.workers, relaunch.share)
    if relaunch.budget_s is not None:
        count = min(count, int((relaunch.budget_s - lived_s) / max(relaunch.start_s, 1e-3)))
    return max(count, 0)


def succeed(url: str, options: Mapping[str, Any], reason: str, lived_s: float) -> int:
    """Start the successors of a worker that has left; returns how many.

    Parameters
    ----------
    url : str
        The run.
    options : mapping
        Of the worker: with ``backend``, by name, and ``relaunch``.
    reason : str
        Why it left: of those that were told to, or whose run is over, none are started.
    lived_s : float
        Seconds that it was there.
    """
    if reason not in ("deadline", "idle"):
        return 0
    relaunch = Relaunch(**options["relaunch"])
    if options.get("badge"):
        # its successors will read the same options on the roll, and not what it would hand on
        if relaunch.budget_s is not None:
            logger.warning("no successors: workers of %s cannot divide a budget among them", options["backend"])
            return 0
        relaunch = replace(relaunch, share=1)
    _, _, _, dataflow, plane = open_run(url, tuple(options.get("modules", ())))
    status = plane.status()
    count = successors(status, dataflow, int(options["slots"]), relaunch, lived_s)
    if count:
        given = {**options, "relaunch": relaunch.handed_on(count, lived_s).to_json()}
        count = start_elsewhere(str(options["backend"]), url, given, count)
        logger.info("%d successors", count)
    elif status.state == "running" and not status.workers and relaunch.budget_s is not None:
        plane.stop(budget_spent(status, None))
    return count


def budget_spent(status: Status, budget_s: float | None) -> Failure:
    """Word the failure of a run whose budget is spent."""
    whole = "the budget" if budget_s is None else f"the budget of {budget_s:g} worker-seconds"
    return Failure(
        kind="failed",
        error="BudgetSpentError",
        message=(
            f"{whole} (workers.budget) is spent with {status.done} of {status.total} tasks done, and no worker is "
            "left; give it more, or none"
        ),
    )
