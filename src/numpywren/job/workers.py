"""What each worker of a run is given, from the configuration: slots, memory, lease, modules."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from numpywren.autoscaler import Limits
from numpywren.config import (
    count_setting,
    flag_setting,
    memory_setting,
    names_setting,
    number_setting,
    refuse_mistakes,
    setting,
)
from numpywren.control import control_settings
from numpywren.matrix import storage_settings

__all__ = ["cores", "events_policy", "limits", "slots_in_all", "successors", "worker_options", "workers_max"]

#: Workers of the process backend when nothing is configured.
PROCESSES = 2

#: Tasks that a worker computes at once, at most: more threads than any machine has cores.
MOST_SLOTS = 1024

#: Shortest life of a worker, in seconds: less passes before it has done anything.
SHORTEST_LIFE_S = 1.0

#: Where Linux says how much memory a container may have.
CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def workers_max() -> int:
    """Most workers that a run may have."""
    if setting("workers.max") is None:
        return 1 if setting("backend") == "local" else PROCESSES
    return count_setting("workers.max")


def limits() -> Limits:
    """What the configuration allows the autoscaler."""
    budget = setting("workers.budget")
    return Limits(
        factor=number_setting("workers.factor", least=1e-3),
        floor=count_setting("workers.min"),
        ceiling=workers_max(),
        budget_s=None if budget is None else number_setting("workers.budget"),
    )


def successors() -> str | None:
    """Name of the backend with which workers start their successors; None: they start none."""
    return str(setting("backend")) if flag_setting("workers.successors") else None


def worker_options(modules: tuple[str, ...] = ()) -> dict[str, Any]:
    """Options for each of the workers that this client starts.

    Parameters
    ----------
    modules : tuple of str
        Modules of the kernels and functions of this run, which this client trusts because it named them.
    """
    refuse_mistakes()
    workers = workers_max()
    number_setting("workers.patience", least=1.0)  # only some backends have a use for it
    slots = max(1, cores() // workers)
    if setting("worker.slots") is not None:
        slots = count_setting("worker.slots")
        if slots > MOST_SLOTS:
            raise ValueError(
                f"worker.slots is {slots}, and may be {MOST_SLOTS} at most: each is a thread that computes a task, and "
                f"one for each core is enough ({cores()} here)"
            )
    memory = physical_bytes() // 2 // workers
    if setting("worker.memory") is not None:
        memory = memory_setting("worker.memory")
    deadline = None
    if setting("worker.deadline") is not None:
        deadline = number_setting("worker.deadline", least=SHORTEST_LIFE_S)
    return {
        "slots": slots,
        "memory": memory,
        "lease_s": number_setting("worker.lease", least=0.1),
        "idle_s": number_setting("worker.idle", least=0.0),
        "deadline_s": deadline,
        "modules": sorted({*names_setting("kernels.modules"), *modules}),
        "factor": number_setting("workers.factor", least=1e-3),
        # which stores URLs name and who we are, for workers where the variables that say so are not set
        "settings": {**storage_settings(), **control_settings()},
        # a worker that is alone takes nothing from others by claiming early
        "ahead": slots if workers == 1 else 0,
        "events": events_policy(),
    }


def events_policy(*, detached: bool = True) -> str:
    """Which events workers write down, of a run that its client keeps, or throws away when it has the result."""
    if str(setting("events")).lower() == "auto":
        return "all" if detached else "late"
    return "all" if flag_setting("events") else "none"


def slots_in_all() -> int:
    """Tasks that may be computed at once in all workers of a run."""
    return int(worker_options()["slots"]) * workers_max()


def physical_bytes() -> int:
    """Memory of this machine, or of the container that this process is in."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(physical, int(CONTAINER_LIMIT.read_text()))
    except (OSError, ValueError):  # none, or "max"
        return physical
