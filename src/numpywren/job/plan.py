"""What a request would take, without running it."""

from __future__ import annotations

from dataclasses import replace

from numpywren.job.calibrate import machine_files
from numpywren.job.prepare import prepare
from numpywren.job.request import Request
from numpywren.job.workers import worker_options
from numpywren.planner import Machine, Plan, load_machine, make_plan

__all__ = ["THIS_MACHINE", "plan"]

THIS_MACHINE = "this-machine"


def plan(request: Request, machine: str | Machine = THIS_MACHINE) -> Plan:
    """Plan a request; nothing is made or run.

    Parameters
    ----------
    request : Request
    machine : str or Machine
        The kind of worker; of this machine with slots and memory as configured.

    Raises
    ------
    ValueError, TypeError
        If the inputs do not fit the program, or there is no such machine.
    """
    if not isinstance(machine, Machine):
        name, machine = machine, load_machine(machine, *machine_files())
        if name == THIS_MACHINE:
            options = worker_options()
            machine = replace(machine, slots=options["slots"], memory=options["memory"])
    workload, _ = prepare(request)
    return make_plan(workload, machine)
