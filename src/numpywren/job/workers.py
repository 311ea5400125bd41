"""What each worker of a run is given, from the configuration: slots, memory, lease, modules."""

from __future__ import annotations

import os
from typing import Any

from numpywren.config import config, memory_bytes

__all__ = ["cores", "worker_options", "workers_max"]

#: Workers of the process backend when nothing is configured.
PROCESSES = 2


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def workers_max() -> int:
    """Most workers that a run may have."""
    configured = config.get("workers.max")
    if configured is None:
        return 1 if config.get("backend") == "local" else PROCESSES
    if int(configured) < 1:
        raise ValueError(f"workers.max must be at least 1, not {configured}")
    return int(configured)


def worker_options(modules: tuple[str, ...] = ()) -> dict[str, Any]:
    """Options for each of the workers that this client starts.

    Parameters
    ----------
    modules : tuple of str
        Modules of the kernels and functions of this run, which this client trusts because it named them.
    """
    workers = workers_max()
    slots = config.get("worker.slots")
    slots = max(1, cores() // workers) if slots is None else int(slots)
    if slots < 1:
        raise ValueError(f"worker.slots must be at least 1, not {slots}")
    deadline = config.get("worker.deadline")
    return {
        "slots": slots,
        "memory": _memory(workers),
        "lease_s": float(config.get("worker.lease")),
        "idle_s": float(config.get("worker.idle")),
        "deadline_s": None if deadline is None else float(deadline),
        "modules": sorted({*config.get("kernels.modules"), *modules}),
        # a worker that is alone takes nothing from others by claiming early
        "ahead": slots if workers == 1 else 0,
    }


def _memory(workers: int) -> int:
    configured = config.get("worker.memory")
    if configured is not None:
        return memory_bytes(configured)
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return physical // 2 // workers
