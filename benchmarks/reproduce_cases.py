"""The simulated runs behind the tables of `reproduce.py`, and a folder in which their results are kept."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

import numpywren as nw
from numpywren.autoscaler import Limits
from numpywren.config import format_bytes
from numpywren.errors import MemoryBoundError
from numpywren.job.choose import as_configured
from numpywren.job.prepare import prepare
from numpywren.lambdapack import Tile
from numpywren.planner import Machine, Workload
from numpywren.planner.simulate import Pool, Simulation, simulate
from numpywren.worker.sizing import TaskSizes, check_fits

__all__ = ["Case", "Outcome", "Results", "workload"]

#: Moments of a run that are kept for pictures.
MOMENTS = 600


@dataclass(frozen=True)
class Case:
    """One run.

    Attributes
    ----------
    function : str
        Of `numpywren.linalg`.
    n, chunks : int
        Order of the matrix, and length of its tiles; `svdvals` cuts them anew.
    machine : Machine
    workers : int
        Most of them at once.
    depth : int or None
        Width of panels in tiles; None where the function chooses.
    band : int or None
        Width of the band of `svdvals` in columns; None where it chooses.
    static : bool
        Whether all workers start at once and stay.
    factor : float
        Slots for each task that can be computed.
    kill_share : float
        Share of the workers that die when half of the tasks are done.
    cut_for : Machine or None
        The machine for as many slots of which the work is cut; None: the one that it runs on.
    """

    function: str
    n: int
    chunks: int
    machine: Machine
    workers: int
    depth: int | None = None
    band: int | None = None
    static: bool = False
    factor: float = 1.0
    kill_share: float = 0.0
    cut_for: Machine | None = None

    @property
    def key(self) -> str:
        """A name for its result, another one whenever anything differs that the result depends on."""
        told = asdict(self)
        for machine in filter(None, (told["machine"], told["cut_for"])):
            del machine["about"], machine["sources"]
        text = json.dumps([nw.__version__, told], sort_keys=True)
        return f"{self.function}-{self.n}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    def pool(self) -> Pool:
        """Its workers."""
        limits = Limits(ceiling=self.workers, factor=self.factor)
        return Pool(limits=limits, static=self.static, kill_at=0.5, kill_share=self.kill_share)


@dataclass(frozen=True)
class Outcome:
    """How a run went.

    Attributes
    ----------
    tasks : int
    seconds, core_seconds : float
    utilisation : float
        Share of the slots' time in which they computed.
    bytes_read, bytes_written, repeated : int
    dollars : float
    trace : list of list of float
        Over time: seconds, workers there, tasks under way.
    simulated_s : float
        Processor time that the simulation took.
    """

    tasks: int
    seconds: float
    core_seconds: float
    utilisation: float
    bytes_read: int
    bytes_written: int
    repeated: int
    dollars: float
    trace: list[list[float]]
    simulated_s: float


class Results:
    """Outcomes of cases, simulated once and then read from a folder.

    Parameters
    ----------
    folder : Path
        One JSON file for each; may be deleted at any time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, Outcome] = {}

    @property
    def simulated_s(self) -> float:
        """Processor time that went into all that was asked for."""
        return sum(found.simulated_s for found in self._read.values())

    def of(self, case: Case) -> Outcome:
        """The outcome of a case."""
        if case.key in self._read:
            return self._read[case.key]
        path = self._folder / f"{case.key}.json"
        try:
            found = Outcome(**json.loads(path.read_text()))
        except FileNotFoundError:
            found = _simulated(case)
            self._folder.mkdir(parents=True, exist_ok=True)
            whole = path.with_suffix(".part")
            whole.write_text(json.dumps(asdict(found)))
            whole.replace(path)
        self._read[case.key] = found
        what = f"{case.function} {case.n:,}, {found.tasks:,} tasks: {found.seconds:,.0f} s"
        print(f"{what}, simulated in {found.simulated_s:.1f} s", file=sys.stderr, flush=True)
        return found


def workload(case: Case) -> Workload:
    """A case's program on a matrix of its order, cut as it would be for its workers."""
    a = nw.zeros((case.n, case.n), chunks=case.chunks)
    cut_for = case.cut_for or case.machine
    with as_configured(cut_for, case.workers * case.machine.slots // cut_for.slots):
        request = getattr(nw.linalg, case.function).request(*((a, a) if case.function == "matmul" else (a,)))
    sizes = dict(request.sizes)
    if case.depth is not None:
        sizes["depth"] = case.depth
    if case.band is not None:
        sizes |= {"width": case.band, "panels": sizes["tile"] // case.band}
    return prepare(replace(request, sizes=sizes))[0]


def _simulated(case: Case) -> Outcome:
    began = time.process_time()
    work = workload(case)
    _check_fits(work, case.machine)
    found = simulate(work, case.machine, case.pool())
    return Outcome(
        tasks=work.dataflow.count(),
        seconds=found.seconds,
        core_seconds=found.core_seconds,
        utilisation=found.utilisation,
        bytes_read=found.bytes_read,
        bytes_written=found.bytes_written,
        repeated=found.repeated,
        dollars=found.bill.total,
        trace=_trace(found),
        simulated_s=time.process_time() - began,
    )


def _check_fits(work: Workload, machine: Machine) -> None:
    """Refuse a run of which a task needs more than a worker has."""
    if work.record.name != "svdvals":
        check_fits(work.dataflow, work.bindings, work.record, machine.memory)
        return
    # looking at all of its tasks takes longer than simulating them; this one reads a column of tiles three times over
    last = Tile("V1", (0, work.record.sizes["panels"] - 1, 0))
    task = work.dataflow.writer(last)
    need = TaskSizes(work.dataflow, work.bindings, work.record).promise(task)
    if need > machine.memory:
        raise MemoryBoundError(
            f"the task that writes {last} of svdvals needs {format_bytes(need)}, and a worker of {machine.name} has "
            f"{format_bytes(machine.memory)}"
        )


def _trace(found: Simulation) -> list[list[float]]:
    """Workers and tasks at moments that are evenly apart."""
    moments = np.linspace(0.0, found.seconds, MOMENTS)
    last = np.maximum(np.searchsorted(found.moments, moments, side="right") - 1, 0)
    begun = found.moments[last] <= moments  # before the first worker there is none
    columns = (moments, found.workers[last] * begun, found.running[last] * begun)
    return [[round(float(each), 3) for each in row] for row in zip(*columns, strict=True)]
