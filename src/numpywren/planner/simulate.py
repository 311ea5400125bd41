"""A run on a virtual clock: the real program, control plane and autoscaler, and workers that only pretend to compute.

Events happen at moments, in order; nothing waits. A worker follows the rules of `numpywren.worker`: slots, one memory
shared by tasks and cached tiles, reads ahead, writes behind, preference for what it made ready, idle exit, deadline.
Its tiles are numbers of bytes, and its kernels take the time that the kind of machine needs for their flops.
"""

from __future__ import annotations

import contextlib
import gc
import heapq
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpywren.autoscaler import Fleet, Limits, Pace, Work, look_s, made_ready, workers_wanted
from numpywren.control import TaskState
from numpywren.control.memory import MemoryPlane
from numpywren.lambdapack import Task
from numpywren.planner.census import census
from numpywren.planner.costs import TaskCosts
from numpywren.planner.machine import Machine
from numpywren.planner.virtual_worker import Store, VirtualWorker
from numpywren.planner.workload import Shapes, Workload

__all__ = ["Bill", "Pool", "Simulation", "simulate"]


@dataclass(frozen=True, kw_only=True)
class Pool:
    """The workers of a simulated run.

    Attributes
    ----------
    limits : Limits
        What the autoscaler may do.
    static : bool
        Whether all that the limits allow are started at once and stay until the end.
    lease_s, idle_s : float
        As ``worker.lease`` and ``worker.idle`` in the configuration.
    kill_at, kill_share : float
        Share of the tasks done at which workers are killed, and how many of them; 0: none.
    seed : int
        Of what chance has a part in.
    """

    limits: Limits = field(default_factory=Limits)
    static: bool = False
    lease_s: float = 10.0
    idle_s: float = 2.0
    kill_at: float = 0.0
    kill_share: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Bill:
    """US dollars."""

    compute: float
    storage: float
    requests: float
    control: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.compute + self.storage + self.requests + self.control


@dataclass(frozen=True)
class Simulation:
    """How a simulated run went.

    Attributes
    ----------
    seconds : float
        From its start to its last task's completion.
    worker_seconds, core_seconds : float
        Time for which workers were there, and the same by slots.
    busy_seconds : float
        Time for which slots computed.
    bytes_read, bytes_written : int
        That went between workers and the store.
    gets, puts : int
        Requests to the store.
    cache_hits : int
        Tiles that tasks found in their worker's memory.
    repeated : int
        Tasks that were handed out again, as their worker had died.
    started : int
        Workers.
    bill : Bill
    moments, workers, running : ndarray
        Over time: seconds, workers there, and tasks under way.
    """

    seconds: float
    worker_seconds: float
    core_seconds: float
    busy_seconds: float
    bytes_read: int
    bytes_written: int
    gets: int
    puts: int
    cache_hits: int
    repeated: int
    started: int
    bill: Bill
    moments: NDArray[np.float64]
    workers: NDArray[np.int64]
    running: NDArray[np.int64]

    @property
    def utilisation(self) -> float:
        """Share of the slots' time in which they computed."""
        return self.busy_seconds / self.core_seconds if self.core_seconds else 0.0

    def to_json(self) -> dict[str, Any]:
        """All figures as plain data; what was noted over time as lists."""
        found = {**asdict(self), "utilisation": self.utilisation, "dollars": self.bill.total}
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in found.items()}


def simulate(workload: Workload, machine: Machine, pool: Pool) -> Simulation:
    """Run a workload on a virtual clock.

    Parameters
    ----------
    workload : Workload
    machine : Machine
        The kind of worker.
    pool : Pool
        How many, and what becomes of them.

    Returns
    -------
    Simulation

    Raises
    ------
    RuntimeError
        If the run ends without being done, because a task took its workers down too often.
    """
    with _uncollected():
        return Simulator(workload, machine, pool).run()


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Leave out the search for cycles of objects, of which a run makes none: it takes a fifth of the time."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


class Simulator:
    """One simulated run."""

    def __init__(self, workload: Workload, machine: Machine, pool: Pool) -> None:
        if pool.static:  # they stay until the end
            machine = replace(machine, life_s=0.0)
        self.workload, self.machine, self.pool = workload, machine.at(workload.tile_length), pool
        self.flow = workload.dataflow
        shapes = Shapes(workload)
        self.costs = TaskCosts(workload, shapes, census(workload, shapes), self.machine)
        self.now = 0.0
        self.plane = MemoryPlane(clock=lambda: self.now)
        self.store = Store(self.machine)
        self.chance = random.Random(pool.seed)  # noqa: S311 - deaths of pretended workers
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.workers: dict[str, VirtualWorker] = {}
        self._starting = 0
        self.idle: dict[str, float] = {}
        self._lost = {"worker_seconds": 0.0, "busy": 0.0, "hits": 0, "started": 0}
        self._history: list[tuple[float, int, int]] = []
        self.running = self.ready = 0
        self._task_s: float | None = None
        self._existing = 0.0
        self._kept = (0.0, 0.0)  # moment, and byte-seconds until then
        self._born: dict[str, int] = {}
        self._killed = pool.kill_share <= 0
        self._total = self.flow.count()
        self.done = 0
        self.finished_s: float | None = None

    # -- the clock --------------------------------------------------------------------------------------------------

    def at(self, moment: float, what: Callable[[], None]) -> None:
        """Have something happen."""
        heapq.heappush(self._events, (moment, next(self._order), what))

    def run(self) -> Simulation:
        roots = [TaskState(task.id, 0, self.flow.priority(task)) for task in self.flow.roots()]
        self.ready = len(roots)
        self.plane.restore(roots, {}, self._total)
        if self._total:
            self._start(self.pool.limits.ceiling if self.pool.static else self.pool.limits.floor)
            if not self.pool.static:
                self.at(0.0, self._scale)
        while self._events and self.finished_s is None and self._total:
            self.now, _, what = heapq.heappop(self._events)
            what()
        if self._total and self.finished_s is None:
            raise RuntimeError(f"the simulated run stands still: {self.plane.status()}")
        for worker in list(self.workers.values()):
            self.leave(worker)
        return self._result()

    # -- workers ----------------------------------------------------------------------------------------------------

    def _start(self, count: int) -> None:
        self._starting += count
        self._lost["started"] += count
        for _ in range(count):
            self.at(self.now + self.machine.start_s, self._begin)

    def _begin(self) -> None:
        self._starting -= 1
        name = f"w{next(self._order)}"
        worker = self.workers[name] = VirtualWorker(name, self)
        if self.machine.failures_per_hour > 0:
            death = self.now + self.chance.expovariate(self.machine.failures_per_hour / 3600.0)
            self.at(death, lambda: self.die(worker))
        self._note()
        worker.claim()

    def leave(self, worker: VirtualWorker) -> None:
        """A worker ends, with nothing in its hands."""
        if self.workers.pop(worker.name, None) is not None:
            self.idle.pop(worker.name, None)
            self._lost["worker_seconds"] += self.now - worker.born + self.machine.start_s
            self._lost["busy"] += worker.busy_s
            self._lost["hits"] += worker.hits
            self._note()

    def die(self, worker: VirtualWorker) -> None:
        """A worker is gone, and its tasks wait for their leases to end."""
        if worker.name in self.workers:
            self.plane.renew(worker.name, list(worker.held), self.pool.lease_s)
            self.running -= worker.computing
            worker.dead = True
            self.leave(worker)
            expired = len(worker.held)
            self.at(self.now + self.pool.lease_s + 1e-6, lambda: self._expire(expired))

    def _expire(self, tasks: int) -> None:
        self.ready += tasks
        self.wake(tasks)

    def claimed(self, worker: str, limit: int, lease_s: float, prefer: Sequence[str]) -> list[str]:
        """Have a worker claim tasks; the plane is asked only if it has some."""
        if not self.ready:
            return []
        names = [claim.task for claim in self.plane.claim(worker, limit, lease_s, prefer)]
        self.ready -= len(names)
        return names

    def release(self, worker: str, task: str) -> None:
        """A worker hands a task back."""
        self.plane.release(worker, [task])
        self.ready += 1
        self.wake(1)

    def wake(self, tasks: int) -> None:
        """Tasks became ready: those who have nothing to do come to ask, each when it next looks."""
        for name in list(itertools.islice(self.idle, tasks)):
            worker = self.workers[name]
            del self.idle[name]
            self.at(self.now + worker.pause_s(), worker.claim)

    def completed(self, seconds: float, ready: int) -> None:
        """Take note of a task's end, and of how many it made ready."""
        self.done += 1
        self.ready += ready
        self._task_s = seconds if self._task_s is None else 0.98 * self._task_s + 0.02 * seconds
        if not self._killed and self.done >= self.pool.kill_at * self._total:
            self._killed = True
            doomed = self.chance.sample(list(self.workers.values()), int(len(self.workers) * self.pool.kill_share))
            for worker in doomed:
                self.die(worker)

    def hold(self, nbytes: int) -> None:
        """The store holds so many bytes more."""
        moment, area = self._kept
        self._kept = (self.now, area + self._existing * (self.now - moment))
        self._existing += nbytes

    def _scale(self) -> None:
        status = self.plane.status()
        if status.state != "running":
            return
        alive = len(self.workers) + self._starting
        sample = [Task.parse(held.task) for held in status.longest]
        work = Work(
            ready=status.ready, running=status.running, waiting=status.waiting, made=made_ready(self.flow, sample)
        )
        life = self.machine.life_s
        soon = self.now + self.machine.start_s
        leaving = sum(bool(life) and worker.born + life <= soon for worker in self.workers.values())
        spent = self._lost["worker_seconds"] + sum(self.now - worker.born for worker in self.workers.values())
        fleet = Fleet(alive=alive, starting=self._starting, leaving=leaving, slots=self.machine.slots, spent_s=spent)
        pace = Pace(task_s=self._task_s, start_s=self.machine.start_s)
        wanted = workers_wanted(work, fleet, pace, self.pool.limits)
        if wanted > alive:
            self._start(wanted - alive)
        self.at(self.now + look_s(self.now), self._scale)

    # -- what is told ------------------------------------------------------------------------------------------------

    def _note(self) -> None:
        self._history.append((self.now, len(self.workers), self.running))

    def note_running(self, change: int) -> None:
        """Tasks under way became more, or fewer."""
        self.running += change
        if not self._history or self.now > self._history[-1][0] + 1e-3 * max(self.now, 1.0):
            self._note()

    def _result(self) -> Simulation:
        seconds = self.finished_s or 0.0
        self.now = seconds
        self.hold(0)
        prices, store = self.machine.prices, self.store
        worker_seconds = self._lost["worker_seconds"]
        bill = Bill(
            compute=worker_seconds / 3600.0 * prices.worker_hour + self._lost["started"] * prices.worker_start,
            storage=self._kept[1] / 1e9 / (30 * 86400.0) * prices.gigabyte_month,
            requests=store.gets * prices.get + store.puts * prices.put,
            control=self._total * prices.plane_task + seconds / 3600.0 * prices.plane_hour,
        )
        history = np.array(self._history or [(0.0, 0, 0)])
        return Simulation(
            seconds=seconds,
            worker_seconds=worker_seconds,
            core_seconds=worker_seconds * self.machine.slots,
            busy_seconds=self._lost["busy"],
            bytes_read=store.bytes_read,
            bytes_written=store.bytes_written,
            gets=store.gets,
            puts=store.puts,
            cache_hits=int(self._lost["hits"]),
            repeated=self.plane.status().repeated,
            started=int(self._lost["started"]),
            bill=bill,
            moments=history[:, 0],
            workers=history[:, 1].astype(np.int64),
            running=history[:, 2].astype(np.int64),
        )
