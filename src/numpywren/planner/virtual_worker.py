"""One worker of a simulated run, by the rules of `numpywren.worker`, and the store that all of them use."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpywren.planner.costs import TaskOf, TileOf
from numpywren.planner.machine import Machine
from numpywren.worker.early import Early
from numpywren.worker.memory import TileMemory
from numpywren.worker.pace import POLL_S, longest_pause_s
from numpywren.worker.sizing import WINDOW

if TYPE_CHECKING:
    from numpywren.planner.simulate import Simulator

__all__ = ["Store", "VirtualWorker"]

#: A lease that its holder renews in time never ends.
RENEWED_S = 1e12


class Held:
    """A task in a worker's hands."""

    __slots__ = ("ahead", "began", "here", "name", "of", "read")

    def __init__(self, name: str, of: TaskOf, began: float, *, ahead: bool) -> None:
        self.name, self.of, self.began, self.ahead = name, of, began, ahead
        self.here: list[float] = []  # when its tiles are here, as far as they were asked for
        self.read = 0  # bytes of those that had to be read


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
    run : Simulator
    """

    def __init__(self, name: str, run: Simulator) -> None:
        self.name, self._run, self._machine = name, run, run.machine
        self.born = run.now
        self.held: dict[str, Held] = {}
        self.dead = False
        self.busy_s, self.hits = 0.0, 0
        # tiles stand for themselves: only their sizes matter
        self._memory: Any = TileMemory(run.machine.memory)
        self._promised = 0
        self.computing = 0
        self._queue: list[tuple[int, int, Held]] = []  # claimed, and not begun: the most urgent first
        self._taken = itertools.count()
        self._here: dict[TileOf, float] = {}  # when a tile that is on its way will be here
        self._in_s = self._out_s = 0.0  # when the link is free again, each way
        self._enabled: Sequence[str] = ()
        self._slowest: dict[int, float] = {}
        self._idle_since: float | None = None
        self._leaving = False
        life = run.machine.life_s
        self._end_s = self.born + life if life else 0.0
        pool = run.pool
        # a worker that is alone takes nothing from others by claiming early
        self._early = Early(self._machine.slots, self._machine.slots if pool.limits.ceiling == 1 else 0)
        self._decoding, self._encoding = self._machine.decoding, self._machine.encoding

    # -- claiming ---------------------------------------------------------------------------------------------------

    def claim(self) -> None:
        """Ask for as many tasks as there are slots free, and some more where that does nobody harm."""
        run = self._run
        if self.dead or self.name not in run.workers:
            return
        run.idle.pop(self.name, None)
        free = self._machine.slots - self.computing - len(self._queue)
        self._early.see(run.ready, run.running)
        room = self._early.room(free)
        if self._over() or room <= 0:
            self._leave_if_over()
            return
        names = run.claimed(self.name, room, RENEWED_S, self._enabled)
        for place, name in enumerate(names):
            held = Held(name, run.costs.task(name), run.now, ahead=place >= free)
            if self._fits_life(held.of.task.kind):
                self._take(held)
            else:
                self._leaving = True
                run.release(self.name, name)
        self._begin_waiting()
        self._leave_if_over()
        if len(names) < free and not self._leaving:
            self._rest()

    def _take(self, held: Held) -> None:
        self.held[held.name] = held
        if held.ahead and self._memory.room() >= held.of.promise:
            self._read(held, WINDOW + 1)
        heapq.heappush(self._queue, (held.of.reader.priority, next(self._taken), held))

    def pause_s(self) -> float:
        """Seconds until it looks again: it looks more rarely the longer it has had nothing to do."""
        idle_s = 0.0 if self._idle_since is None else self._run.now - self._idle_since
        call_s = self._machine.plane_s
        return call_s + min(max(idle_s, POLL_S, call_s), longest_pause_s(call_s)) / 2

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
        return self._leaving or (bool(self._end_s) and self._run.now >= self._end_s)

    def _fits_life(self, kind: int) -> bool:
        if not self._end_s or not self._slowest:
            return True
        return self._run.now + self._slowest.get(kind, 0.0) <= self._end_s

    def _leave_if_over(self) -> None:
        if not self.held and self._over():
            self._run.leave(self)

    # -- computing --------------------------------------------------------------------------------------------------

    def _begin_waiting(self) -> None:
        while self._queue and self.computing < self._machine.slots:
            promise = self._queue[0][2].of.promise
            if self._promised and self._promised + promise > self._machine.memory:
                return
            self._begin(heapq.heappop(self._queue)[2])

    def _begin(self, held: Held) -> None:
        run, of = self._run, held.of
        self._idle_since = None
        self.computing += 1
        run.note_running(+1)
        self._promised += of.promise
        self._memory.promise(of.promise, None)
        reads = of.reads
        if len(held.here) < len(reads):
            self._read(held, len(reads))
        seconds = of.seconds
        if held.read and self._decoding:
            seconds += held.read / self._decoding
        if self._encoding:
            seconds += sum([tile.nbytes for tile in of.writes]) / self._encoding
        # the first operands are waited for; the others come while those before them are used
        now = run.now if held.ahead else run.now + self._machine.plane_s
        moment = max(now, *held.here[:2]) if reads else now
        if len(reads) > 2:
            step = seconds / (len(reads) - 1)
            for here in held.here[2:]:
                moment = max(moment + step, here)
            moment += step
        else:
            moment += seconds
        self._early.computed(moment - now - seconds, moment - now)
        self.busy_s += seconds
        run.at(moment, lambda: self._computed(held))

    def _read(self, held: Held, last: int) -> None:
        """Ask for the tiles of a task up to some place, and note when each will be here."""
        run, machine, memory, here = self._run, self._machine, self._memory, held.here
        now, missed = run.now, 0
        for tile in held.of.reads[len(here) : last]:
            if memory.touch(tile):
                self.hits += 1
                here.append(self._here.get(tile, now))
                continue
            nbytes = tile.nbytes
            held.read += nbytes
            run.store.gets += 1
            run.store.bytes_read += nbytes
            asked = now + missed // WINDOW * machine.get_s
            missed += 1
            self._in_s = max(self._in_s, asked) + nbytes / machine.bandwidth
            arrives = max(self._in_s, run.store.through(asked, nbytes)) + machine.get_s
            self._here[tile] = arrives
            here.append(arrives)
            memory.keep(tile, tile)
        if len(self._here) > 1000:
            self._here = {tile: moment for tile, moment in self._here.items() if moment > now}

    def _computed(self, held: Held) -> None:
        if self.dead:
            return
        run, machine, of = self._run, self._machine, held.of
        kind = of.task.kind
        self.computing -= 1
        run.note_running(-1)
        self._slowest[kind] = max(self._slowest.get(kind, 0.0), run.now - held.began)
        nbytes = sum([tile.nbytes for tile in of.writes])
        # what is being written is held twice for a moment
        kept = min(of.promise, 2 * nbytes)
        self._withdraw(of.promise - kept)
        run.store.puts += len(of.writes)
        run.store.bytes_written += sum([tile.stored for tile in of.writes])
        self._out_s = max(self._out_s, run.now) + nbytes / machine.bandwidth
        done = max(self._out_s, run.store.through(run.now, nbytes)) + machine.put_s + machine.plane_s
        run.at(done, lambda: self._completed(held, nbytes, kept))
        self._begin_waiting()
        self.claim()

    def _withdraw(self, nbytes: int) -> None:
        self._memory.withdraw(nbytes)
        self._promised -= nbytes

    def _completed(self, held: Held, nbytes: int, kept: int) -> None:
        if self.dead:
            return
        run, of = self._run, held.of
        run.hold(nbytes)
        arrivals = run.costs.arrivals(of.writes)
        for tile, arrival in zip(of.writes, arrivals, strict=True):
            if tile.kept and arrival.readers:
                self._memory.keep(tile, tile)
        reads = [tile.name for tile in of.reads if tile.counted]
        done = run.plane.complete(self.name, held.name, arrivals, reads)
        self._withdraw(kept)
        run.costs.done(held.name)
        del self.held[held.name]
        self._enabled = done.ready
        if done.freed:
            freed = run.costs.freed(done.freed)
            self._memory.forget(freed)
            run.hold(-sum([tile.nbytes for tile in freed]))
        if done.finished:
            run.finished_s = run.now
            return
        run.completed(run.now - held.began, len(done.ready))
        self._begin_waiting()
        self.claim()
        if run.ready:
            run.wake(run.ready)
