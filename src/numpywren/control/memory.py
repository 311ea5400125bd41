"""The control plane in this process: dictionaries under one lock. It is the definition of the semantics.

Lives as long as the process, and is what the simulator drives on a virtual clock.
"""

from __future__ import annotations

import copy
import heapq
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType

from numpywren.control.plane import (
    LONGEST,
    MAX_ATTEMPTS,
    Arrival,
    Claim,
    Completion,
    ControlPlane,
    Failure,
    Held,
    RunState,
    Status,
    TaskState,
    lost,
    poisoned,
    unreachable,
)

__all__ = ["Entry", "Ledger", "MemoryPlane", "open_memory"]


@dataclass(slots=True, eq=False)
class Entry:
    """One task that isn't done; done tasks are names in a set."""

    name: str
    needs: int
    priority: int
    arrived: set[str]
    worker: str | None = None  # who holds a lease
    expires: float = 0.0  # when that lease ends, on the plane's clock
    since: float = 0.0  # when that worker was given it
    lost: int = 0  # leases taken away because they had expired
    handed: int = 0  # number of the attempt last handed out

    @property
    def waiting(self) -> bool:
        """Whether a tile that it needs has not arrived."""
        return len(self.arrived) < self.needs


class _Ready:
    """Ready tasks: a bucket for each priority, oldest first, and a heap of the priorities."""

    __slots__ = ("_buckets", "_priorities", "count")

    def __init__(self) -> None:
        self._buckets: dict[int, OrderedDict[str, Entry]] = {}
        self._priorities: list[int] = []
        self.count = 0

    def add(self, task: Entry) -> None:
        bucket = self._buckets.get(task.priority)
        if bucket is None:  # OrderedDict: a plain dict walks over all that was ever taken from its front
            bucket = self._buckets[task.priority] = OrderedDict()
            heapq.heappush(self._priorities, task.priority)
        self.count += task.name not in bucket
        bucket[task.name] = task

    def __iter__(self) -> Iterator[Entry]:
        """All of them; those of one priority oldest first."""
        return chain.from_iterable(bucket.values() for bucket in self._buckets.values())

    def discard(self, task: Entry) -> None:
        """Take out; an empty bucket stays until it comes to the top of the heap."""
        bucket = self._buckets.get(task.priority)
        if bucket is not None and bucket.pop(task.name, None) is not None:
            self.count -= 1

    def take(self, limit: int, prefer: Collection[str]) -> list[Entry]:
        taken: list[Entry] = []
        while self._priorities and len(taken) < limit:
            bucket = self._buckets[self._priorities[0]]
            room = limit - len(taken)
            if len(bucket) > room and prefer:
                chosen = [name for name in dict.fromkeys(prefer) if name in bucket][:room]
                taken += [bucket.pop(name) for name in chosen]
                room -= len(chosen)
            while bucket and room > 0:
                taken.append(bucket.popitem(last=False)[1])
                room -= 1
            if not bucket:
                del self._buckets[heapq.heappop(self._priorities)]
        self.count -= len(taken)
        return taken


@dataclass(slots=True, eq=False)
class Ledger:
    """All that a restored plane holds."""

    total: int
    state: RunState
    counted: dict[str, int]  # tile: its readers that are not done
    tasks: dict[str, Entry] = field(default_factory=dict)
    finished: set[str] = field(default_factory=set)  # done, before the last restore or after it
    ready: _Ready = field(default_factory=_Ready)
    leases: dict[str, Entry] = field(default_factory=dict)
    endings: list[tuple[float, str]] = field(default_factory=list)  # heap; an entry may be stale
    done: int = 0
    repeated: int = 0
    failure: Failure | None = None

    def end(self, failure: Failure) -> None:
        """Stop a run that is running."""
        if self.state == "running":
            self.state, self.failure = failure.state, failure

    def held_by(self, name: str, worker: str) -> bool:
        """Whether a worker has a lease on a task."""
        return name in self.leases and self.leases[name].worker == worker

    def lease(self, task: Entry, worker: str, expires: float) -> None:
        """Give a worker a lease, or prolong it."""
        task.worker, task.expires = worker, expires
        self.leases[task.name] = task
        heapq.heappush(self.endings, (expires, task.name))

    def hand_out(self, task: Entry, worker: str, now: float, lease_s: float) -> Claim:
        """Give a worker a task."""
        task.handed, task.since = task.lost + 1, now
        self.lease(task, worker, now + lease_s)
        return Claim(task.name, task.handed)

    def unlease(self, task: Entry) -> None:
        """Take a task from its holder; it is ready."""
        del self.leases[task.name]
        task.worker = None
        self.ready.add(task)

    def take_away_expired(self, now: float) -> None:
        """Take tasks from those whose leases have expired."""
        while self.endings and self.endings[0][0] <= now:
            task = self.leases.get(heapq.heappop(self.endings)[1])
            if task is None or task.expires > now:  # completed, released or renewed since
                continue
            task.lost += 1
            if task.lost >= MAX_ATTEMPTS:
                self.end(poisoned(task.name, task.worker))
            self.unlease(task)

    def arrive(self, arrival: Arrival) -> tuple[list[str], bool]:
        """Record an arrival; the tasks that it made ready, and whether nobody will read the tile."""
        ready: list[str] = []
        outstanding = set()
        for reader in arrival.readers:
            if reader.task in self.finished:
                continue
            outstanding.add(reader.task)
            task = self.tasks.get(reader.task)
            if task is None:
                task = self.tasks[reader.task] = Entry(reader.task, reader.needs, reader.priority, set())
            elif not task.waiting:
                continue
            task.arrived.add(arrival.tile)
            if not task.waiting:
                self.ready.add(task)
                ready.append(task.name)
        if arrival.counted and outstanding:
            self.counted[arrival.tile] = len(outstanding)
        return ready, arrival.counted and not outstanding


class MemoryPlane(ControlPlane):
    """A control plane for the threads of this process.

    Parameters
    ----------
    url : str
        What to call it in messages.
    clock : callable
        Seconds, never going back.
    """

    def __init__(self, url: str = "memory:", clock: Callable[[], float] | None = None) -> None:
        self.url = url
        self.clock = time.monotonic if clock is None else clock
        self._lock = threading.Lock()
        self._restored: Ledger | None = None
        self._deleted = False

    def __repr__(self) -> str:
        return f"MemoryPlane({self.url!r})"

    def copy(self) -> MemoryPlane:
        """Make a nameless plane that is in the same state, and goes its own way."""
        other = MemoryPlane(clock=self.clock)
        with self._lock:
            other._restored = copy.deepcopy(self._restored)
        return other

    @property
    def _run(self) -> Ledger:
        if self._restored is None and self.url != "memory:" and not self._deleted:
            raise unreachable(self.url, "no run was restored in it by this process, and no other's can be seen")
        if self._restored is None:
            raise lost(self.url, "no run was restored in it, or it was deleted")
        return self._restored

    def restore(self, tasks: Iterable[TaskState], readers_left: Mapping[str, int], total: int) -> None:
        """Begin a run, or rebuild one; see `ControlPlane.restore`."""
        counted = {tile: left for tile, left in readers_left.items() if left > 0}
        run = Ledger(total, "done" if total <= 0 else "running", counted)
        for row in tasks:
            if row.done:
                run.finished.add(row.task)
            else:
                run.tasks[row.task] = Entry(row.task, row.needs, row.priority, set(row.arrived))
        for task in run.tasks.values():
            if not task.waiting:
                run.ready.add(task)
        with self._lock:
            self._restored = run

    def claim(
        self,
        worker: str,
        limit: int,
        lease_s: float,
        prefer: Collection[str] = (),
        over: Mapping[str, str] = MappingProxyType({}),
    ) -> tuple[Claim, ...]:
        """Take ready tasks under a lease; see `ControlPlane.claim`."""
        with self._lock:
            run = self._run
            if run.state != "running":
                return ()
            now = self.clock()
            run.take_away_expired(now)
            if run.state != "running":
                return ()
            slow = [run.leases[name] for name, holder in over.items() if run.held_by(name, holder) and holder != worker]
            slow = slow[: max(limit, 0)]
            run.repeated += len(slow)
            fresh = run.ready.take(limit - len(slow), prefer)
            run.repeated += sum(task.lost + 1 > max(task.handed, 1) for task in fresh)
            return tuple(run.hand_out(task, worker, now, lease_s) for task in (*slow, *fresh))

    def renew(self, worker: str, tasks: Collection[str], lease_s: float) -> frozenset[str]:
        """Prolong leases; see `ControlPlane.renew`."""
        with self._lock:
            run = self._run
            expires = self.clock() + lease_s
            held = [run.leases[name] for name in tasks if run.held_by(name, worker)]
            for task in held:
                run.lease(task, worker, expires)
            return frozenset(task.name for task in held)

    def complete(self, worker: str, task: str, arrivals: Sequence[Arrival], reads: Sequence[str]) -> Completion:
        """Mark a task done; see `ControlPlane.complete`."""
        with self._lock:
            run = self._run
            if task in run.finished:
                gone = tuple(a.tile for a in arrivals if a.counted and a.tile not in run.counted)
                return Completion((), gone, run.done >= run.total, first=False)
            known = run.tasks.pop(task, None)
            if known is None:
                return Completion((), (), run.done >= run.total, first=False)
            run.finished.add(task)
            if run.leases.pop(task, None) is None:
                run.ready.discard(known)
            freed = []
            for tile in dict.fromkeys(reads):
                left = run.counted.get(tile)
                if left == 1:
                    freed.append(tile)
                    del run.counted[tile]
                elif left is not None:
                    run.counted[tile] = left - 1
            ready: list[str] = []
            for arrival in arrivals:
                woken, unread = run.arrive(arrival)
                ready += woken
                if unread:
                    run.counted.pop(arrival.tile, None)
                    freed.append(arrival.tile)
            run.done += 1
            finished = run.done >= run.total
            if finished and run.state == "running":
                run.state = "done"
            return Completion(tuple(ready), tuple(freed), finished, first=True)

    def release(self, worker: str, tasks: Collection[str]) -> None:
        """Hand tasks back; see `ControlPlane.release`."""
        with self._lock:
            run = self._run
            for name in tasks:
                if run.held_by(name, worker):
                    run.unlease(run.leases[name])

    def stop(self, failure: Failure) -> None:
        """Stop the run; see `ControlPlane.stop`."""
        with self._lock:
            self._run.end(failure)

    def status(self) -> Status:
        """Say how far the run has come; see `ControlPlane.status`."""
        with self._lock:
            run = self._run
            now = self.clock()
            held = [task for task in run.leases.values() if task.expires > now]
            running = len(held)
            ready = run.ready.count + len(run.leases) - running
            return Status(
                state=run.state,
                total=run.total,
                done=run.done,
                ready=ready,
                running=running,
                waiting=run.total - run.done - ready - running,
                workers=len({task.worker for task in held}),
                failure=run.failure,
                repeated=run.repeated,
                longest=tuple(
                    Held(task.name, task.worker or "", now - task.since)
                    for task in heapq.nsmallest(LONGEST, held, key=lambda task: task.since)
                ),
            )

    def delete(self) -> None:
        """Forget the run; see `ControlPlane.delete`."""
        with self._lock:
            self._restored, self._deleted = None, True
        with _named_lock:
            if _named.get(self.url) is self:
                del _named[self.url]


_named: dict[str, MemoryPlane] = {}
_named_lock = threading.Lock()


def open_memory(url: str, clock: Callable[[], float] | None = None) -> MemoryPlane:
    """Find or make this process's plane of a name, as in ``memory:run-7``; ``memory:`` is a new one each time.

    A clock, if given, becomes the plane's.
    """
    if url == "memory:":
        return MemoryPlane(url, clock)
    with _named_lock:
        plane = _named.setdefault(url, MemoryPlane(url, clock))
    if clock is not None:
        plane.clock = clock
    return plane
