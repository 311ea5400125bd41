"""What a request would take, without running it."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from numpywren.config import setting
from numpywren.job.choose import MOST_WORKERS, as_configured, choose, simulated
from numpywren.job.prepare import prepare
from numpywren.job.request import Request
from numpywren.job.workers import worker_options, workers_max
from numpywren.planner import Machine, Plan, load_machine, machine_files, make_plan
from numpywren.planner.choice import Wish, parse_budget, parse_duration

__all__ = ["THIS_MACHINE", "find_machine", "plan"]

THIS_MACHINE = "this-machine"
#: Seconds until a worker in the calling process begins.
HERE_S = 0.02


def plan(
    build: Callable[[int | None], Request],
    machine: str | Machine = THIS_MACHINE,
    workers: int | None = None,
    deadline: str | float | None = None,
    budget: str | float | None = None,
) -> Plan:
    """Plan a request; nothing is made or run.

    Parameters
    ----------
    build : callable
        Builds the request, with its arrays as they are, or cut into tiles of a length.
    machine : str or Machine
        The kind of worker; of this machine with slots and memory as configured.
    workers : int, optional
        Most workers: the run is simulated with so many.
    deadline, budget : str or number, optional
        The most that it may take, as in ``"1h"`` and ``"$20"``: then tiles, panels and workers are chosen.

    Raises
    ------
    ValueError, TypeError
        If the inputs do not fit the program, or there is no such machine.
    """
    if workers is not None:
        workers = _count(workers)
    here = machine == THIS_MACHINE
    kind = find_machine(machine)
    if deadline is not None or budget is not None:
        wish = Wish(
            math.inf if deadline is None else parse_duration(deadline),
            math.inf if budget is None else parse_budget(budget),
        )
        most = workers or (workers_max() if here else MOST_WORKERS)
        return choose(build, kind, wish, most)
    if here and workers is None:
        return make_plan(prepare(build(None))[0], kind)
    with as_configured(kind, workers or MOST_WORKERS):
        workload, _ = prepare(build(None))
    made = make_plan(workload, kind)
    return made if workers is None else simulated(workload, made, workers)


def _count(workers: Any) -> int:
    try:
        count = None if isinstance(workers, bool) else operator.index(workers)
    except TypeError:
        count = None
    if count is None:
        raise TypeError(f"workers is {workers!r}; give a whole number, the most that the run may have")
    if count < 1:
        raise ValueError(f"workers is {workers!r}; a run needs one at least")
    return count


def find_machine(machine: str | Machine) -> Machine:
    """A kind of worker by its name, those of this machine and of the user's files among them.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if isinstance(machine, Machine):
        return machine
    found = load_machine(machine, *machine_files())
    if machine != THIS_MACHINE:
        return found
    options = worker_options()
    # a worker in the calling process begins at once
    start_s = HERE_S if setting("backend") == "local" else found.start_s
    return replace(found, slots=options["slots"], memory=options["memory"], start_s=start_s)
