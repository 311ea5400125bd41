"""One worker of a simulated run, by the rules of `numpywren.worker`, and the store that all of them use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from numpywren.lambdapack import Task, Tile
from numpywren.planner.machine import Machine
from numpywren.worker.memory import TileMemory
from numpywren.worker.sizing import WINDOW

if TYPE_CHECKING:
    from numpywren.planner.simulate import _Simulator

__all__ = ["Store", "VirtualWorker"]

#: A lease that its holder renews in time never ends.
RENEWED_S = 1e12
#: Seconds between two looks for work of a worker that has none: the first, and the longest.
POLL_S, POLL_MAX_S = 0.002, 0.1


class Bytes(NamedTuple):
    """A tile of which only the size matters."""

    nbytes: int


class Held:
    """A task in a worker's hands."""

    __slots__ = ("began", "name", "promise", "reads", "task", "writes")

    def __init__(self, name: str, began: float, run: _Simulator) -> None:
        self.name, self.began = name, began
        self.task = Task.parse(name)
        self.reads, self.writes = run.flow.reads(self.task), run.flow.writes(self.task)
        self.promise = run.costs.promise(self.task)


class Store:
    """What workers read and write, and how much of it."""

    def __init__(self, machine: Machine) -> None:
        self._bandwidth = machine.store_bandwidth
        self._free_s = 0.0
        self.gets = self.puts = self.bytes_read = self.bytes_written = 0

    def through(self, now: float, nbytes: int) -> float:
        """When bytes have passed that all workers' bandwidth bounds."""
        if not self._bandwidth:
            return now
        self._free_s = max(self._free_s, now) + nbytes / self._bandwidth
        return self._free_s


class VirtualWorker:
    """A worker.

    Parameters
    ----------
    name : str
    run : simulator
    """

    def __init__(self, name: str, run: _Simulator) -> None:
        self.name, self._run, self._machine = name, run, run.machine
        self.born = run.now
        self.held: dict[str, Held] = {}
        self.dead = False
        self.busy_s, self.hits = 0.0, 0
        self._memory = TileMemory(run.machine.memory)
        self._promised = 0
        self.computing = 0
        self._waiting: list[Held] = []  # for memory
        self._here: dict[Tile, float] = {}  # when a tile that is on its way will be here
        self._in_s = self._out_s = 0.0  # when the link is free again, each way
        self._enabled: tuple[str, ...] = ()
        self._slowest: dict[int, float] = {}
        self._idle_since: float | None = None
        self._leaving = False

    # -- claiming ---------------------------------------------------------------------------------------------------

    def claim(self) -> None:
        """Ask for as many tasks as there are slots free."""
        run = self._run
        if self.dead or self.name not in run.workers:
            return
        run.idle.pop(self.name, None)
        free = self._machine.slots - self.computing - len(self._waiting)
        if self._over() or free <= 0:
            self._leave_if_over()
            return
        claims = run.plane.claim(self.name, free, RENEWED_S, self._enabled)
        for claim in claims:
            held = Held(claim.task, run.now, run)
            if self._fits_life(held.task):
                self.held[claim.task] = held
                self._waiting.append(held)
            else:
                self._leaving = True
                run.plane.release(self.name, [claim.task])
                run.wake(1)
        self._begin_waiting()
        self._leave_if_over()
        if len(claims) < free and not self._leaving:
            self._rest()

    def pause_s(self) -> float:
        """Seconds until it looks again: it looks more rarely the longer it has had nothing to do."""
        idle_s = 0.0 if self._idle_since is None else self._run.now - self._idle_since
        return self._machine.plane_s + min(max(idle_s, POLL_S), POLL_MAX_S) / 2

    def _rest(self) -> None:
        """Wait for work; without any in its hands, for a while only."""
        run = self._run
        run.idle[self.name] = run.now
        if self.held:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = since = run.now
            if not run.pool.static:
                run.at(run.now + run.pool.idle_s, lambda: self._leave_if_idle(since))

    def _leave_if_idle(self, since: float) -> None:
        if self._idle_since == since and not self.held and not self.dead and self._run.running > 0:
            self._run.leave(self)
        elif self._idle_since == since and not self.dead:  # somebody has to be there
            self._run.at(self._run.now + self._run.pool.idle_s, lambda: self._leave_if_idle(since))

    def _over(self) -> bool:
        life = self._machine.life_s
        return self._leaving or (bool(life) and self._run.now - self.born >= life)

    def _fits_life(self, task: Task) -> bool:
        life = self._machine.life_s
        return not life or self._run.now - self.born + self._slowest.get(task.kind, 0.0) <= life or not self._slowest

    def _leave_if_over(self) -> None:
        if self._over() and not self.held:
            self._run.leave(self)

    # -- computing --------------------------------------------------------------------------------------------------

    def _begin_waiting(self) -> None:
        while self._waiting and self.computing < self._machine.slots:
            promise = self._waiting[0].promise
            if self._promised and self._promised + promise > self._machine.memory:
                return
            self._begin(self._waiting.pop(0))

    def _begin(self, held: Held) -> None:
        run = self._run
        self._idle_since = None
        self.computing += 1
        run.note_running(+1)
        self._promised += held.promise
        self._memory.promise(held.promise, lambda: False)
        first, last = self._read(held.reads)
        seconds = run.costs.seconds(held.task)
        # operands come while others are used: the first few are waited for, and the last is used after it came
        end = max(first + seconds, last + seconds / max(len(held.reads), 1))
        self.busy_s += seconds
        run.at(end, lambda: self._computed(held))

    def _read(self, reads: tuple[Tile, ...]) -> tuple[float, float]:
        """When the first operands and the last are here."""
        run, machine = self._run, self._machine
        first = last = run.now
        missed = 0
        for place, tile in enumerate(reads):
            if self._memory.touch(tile):
                self.hits += 1
                here = self._here.get(tile, first)
            else:
                nbytes = run.costs.nbytes(tile)
                missed += 1
                run.store.gets += 1
                run.store.bytes_read += nbytes
                asked = run.now + (missed - 1) // WINDOW * machine.get_s
                self._in_s = max(self._in_s, asked) + nbytes / machine.bandwidth
                here = max(self._in_s, run.store.through(asked, nbytes)) + machine.get_s
                self._here[tile] = here
                self._keep(tile)
            last = max(last, here)
            if place < WINDOW:
                first = max(first, here)
        if len(self._here) > 1000:
            self._here = {tile: here for tile, here in self._here.items() if here > run.now}
        return first, last

    def _keep(self, tile: Tile) -> None:
        value: Any = Bytes(self._run.costs.nbytes(tile))
        self._memory.keep(tile, value)

    def _computed(self, held: Held) -> None:
        if self.dead:
            return
        run, machine = self._run, self._machine
        kind = held.task.kind
        self.computing -= 1
        run.note_running(-1)
        self._slowest[kind] = max(self._slowest.get(kind, 0.0), run.now - held.began)
        self._memory.withdraw(held.promise)
        self._promised -= held.promise
        nbytes = sum(map(run.costs.nbytes, held.writes))
        run.store.puts += len(held.writes)
        run.store.bytes_written += nbytes
        self._out_s = max(self._out_s, run.now) + nbytes / machine.bandwidth
        done = max(self._out_s, run.store.through(run.now, nbytes)) + machine.put_s + machine.plane_s
        run.at(done, lambda: self._completed(held, nbytes))
        self._begin_waiting()
        self.claim()

    def _completed(self, held: Held, nbytes: int) -> None:
        if self.dead:
            return
        run = self._run
        run.hold(nbytes)
        reads = [tile.id for tile in held.reads if tile.matrix in run.costs.counted]
        arrivals = run.costs.arrivals(held.writes)
        for tile, arrival in zip(held.writes, arrivals, strict=True):
            if arrival.readers:
                self._keep(tile)
        done = run.plane.complete(self.name, held.name, arrivals, reads)
        del self.held[held.name]
        self._enabled = done.ready
        if done.freed:
            freed = tuple(map(Tile.parse, done.freed))
            self._memory.forget(freed)
            run.hold(-sum(map(run.costs.nbytes, freed)))
        if done.finished:
            run.finished_s = run.now
            return
        run.completed(run.now - held.began)
        self.claim()
        if len(done.ready) > 1 or not self.held:
            run.wake(len(done.ready))
