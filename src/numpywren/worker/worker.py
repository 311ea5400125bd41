"""One stateless worker: claim a task, read its tiles, compute, write its tiles, tell what that made ready.

Nothing here outlives the process and nothing here is needed by another: a worker may die at any line of this file.
"""

from __future__ import annotations

import functools
import itertools
import logging
import math
import os
import queue
import random
import secrets
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from numpywren.control import MAX_ATTEMPTS, Arrival, ControlPlane, Failure, Reader
from numpywren.errors import ControlPlaneLostError, StoreError, TileDamagedError, TileMissingError
from numpywren.events import Listener, TaskDone, TaskFailed, TilesFreed, TileWritten, WorkerExit, WorkerStart
from numpywren.kernels.threads import single_threaded_blas
from numpywren.lambdapack import Dataflow, Task, Tile
from numpywren.matrix import Binding, Store, TileSpace, is_transient
from numpywren.version import __version__
from numpywren.worker.affinity import WORTH_S, Affinity
from numpywren.worker.durations import Durations
from numpywren.worker.evaluate import evaluate
from numpywren.worker.failure import failure_of
from numpywren.worker.lane import Lane
from numpywren.worker.leases import LEASE_S, Lease, Leases
from numpywren.worker.lifetime import Lifetime, too_long
from numpywren.worker.memory import TileMemory
from numpywren.worker.names import task_named, tiles_freed
from numpywren.worker.pace import Pace
from numpywren.worker.reading import TaskTiles, TileReader
from numpywren.worker.record import RunRecord
from numpywren.worker.retry import with_retries
from numpywren.worker.sizing import WINDOW, TaskSizes
from numpywren.worker.stragglers import Lookout, is_late, to_take_over
from numpywren.worker.surplus import Spare, Surplus

__all__ = ["Settings", "Worker"]

logger = logging.getLogger(__name__)

#: Seconds after which a worker that has no room for more looks around.
BUSY_S = 0.1
#: Share of a slot's time that goes by in waiting for tiles, beyond which tasks are claimed ahead of their time,
STALLED = 0.1
#: if so many tasks are ready for each that is running: then nobody else goes short.
PLENTY = 2


@dataclass(frozen=True, slots=True)
class Settings:
    """What a worker may take and how long it stays."""

    #: Tasks computed at once.
    slots: int
    #: Bytes that its tiles may take.
    memory: int
    #: Seconds after which its tasks go to another if it falls silent.
    lease_s: float = LEASE_S
    #: Seconds without work after which it leaves.
    idle_s: float = 2.0
    #: Seconds that it may live; no task is started that would not fit.
    deadline_s: float | None = None
    #: Modules besides numpywren's own from which kernels may be loaded.
    modules: tuple[str, ...] = ()
    #: Tasks claimed before a slot is free for them, so that their tiles are read while others compute.
    ahead: int = 0
    #: Slots to have for each task that can be computed, in all workers together: beyond that some leave.
    factor: float = 1.0
    #: Whether nobody else may be there to replace workers that are killed, so that idle ones stay for that.
    spare: bool = False


@dataclass(slots=True)
class _Work:
    """A task on its way through the worker."""

    lease: Lease
    task: Task
    reads: tuple[Tile, ...]
    promise: int
    tiles: TaskTiles
    #: When a slot took it up, on the clock of ``time.monotonic``.
    began: float = 0.0


class Worker:
    """A worker for one run.

    Parameters
    ----------
    record : RunRecord
        The run.
    bindings : mapping of str to Binding
        Its inputs and outputs.
    store : Store
        The run's folder.
    dataflow : Dataflow
        The run's program with its sizes.
    plane : ControlPlane
        Who may run what.
    settings : Settings
    listener : callable
        Told what happens; called from several threads.
    """

    def __init__(
        self,
        record: RunRecord,
        bindings: Mapping[str, Binding],
        store: Store,
        dataflow: Dataflow,
        plane: ControlPlane,
        settings: Settings,
        listener: Listener,
    ) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        #: Whether `run` has done its work; its thread may still be on its way out.
        self.left = False
        self._record, self._dataflow, self._plane = record, dataflow, plane
        self._settings, self._listener = settings, listener
        self._space = TileSpace(bindings, store, settings.memory)
        self._memory = TileMemory(settings.memory)
        self._affinity = Affinity(dataflow.readers, dataflow.priority, self._memory.holds)
        inputs = frozenset(m.name for m in dataflow.program.matrices if m.role == "input")
        self._counted = frozenset(m.name for m in dataflow.program.matrices if m.role == "temporary")
        self._sizes = TaskSizes(dataflow, bindings, record)
        # where a request takes its time, more of them are under way at once
        remote = not store.url.startswith(("file:", "memory:"))
        self._reader = TileReader(
            self._space,
            self._memory,
            listener,
            inputs if record.check_finite else frozenset(),
            threads=(4 if remote else 2) * settings.slots,
            stopped=self._giving_up,
            came=self._affinity.read,
        )
        self._writing = Lane("numpywren-write", max(2, (4 if remote else 1) * settings.slots), self._lose)
        self._leases = Leases(plane, self.name, settings.lease_s, self._giving_up, listener)
        # a task that became urgent goes before those that were claimed ahead of their time
        self._queue: queue.PriorityQueue[tuple[float, int, _Work | None]] = queue.PriorityQueue()
        self._taken = itertools.count()
        self._lock = threading.Lock()
        self._computing = 0
        self._wake = threading.Event()
        self._stop_reason: str | None = None
        self._lost: BaseException | None = None
        self._enabled: tuple[str, ...] = ()
        self._under_way: dict[str, _Work] = {}
        self._stalled, self._plenty = 0.0, False
        self._humble_until = 0.0
        self._durations = Durations()
        self._lifetime = Lifetime(settings.deadline_s, self._durations)
        self._surplus = Surplus(settings.slots, settings.factor, settings.idle_s, random.Random())  # noqa: S311 - no secret
        self._spare = Spare(settings.lease_s if settings.spare else None)
        self._lookout = Lookout(dataflow, self._durations)
        self._described = functools.lru_cache(maxsize=200_000)(self._describe)

    # -- its life ---------------------------------------------------------------------------------------------------

    def run(self) -> str:
        """Work until there is none, or until told otherwise.

        Returns
        -------
        str
            Why it left: ``finished``, ``idle``, ``deadline``, ``told``, ``failed``.

        Raises
        ------
        ControlPlaneLostError
            If the control plane is gone.
        StoreError
            If it refuses.
        """
        self._space.check_outputs()
        told = socket.gethostname(), os.getpid(), self._settings.slots, self._settings.memory, __version__
        self._listener(WorkerStart(self.name, *told))
        slots = [
            threading.Thread(target=self._slot, args=(number,), name=f"numpywren-slot-{number}", daemon=True)
            for number in range(self._settings.slots)
        ]
        threads = [threading.Thread(target=self._leases.keep, args=(self._lose,), name="numpywren-lease", daemon=True)]
        time_is_up: threading.Timer | None = None
        if (seconds := self._lifetime.settle_in_s()) is not None:
            time_is_up = threading.Timer(seconds, self._settle)
            time_is_up.daemon = True
            threads.append(time_is_up)
        with single_threaded_blas():
            for thread in (*slots, *threads):
                thread.start()
            try:
                self._dispatch()
            except Exception as error:  # noqa: BLE001 - raised again when the threads have ended
                self._lose(error)
            finally:
                self._wind_up(slots)
                if time_is_up is not None:
                    time_is_up.cancel()
        self.left = True
        self._listener(WorkerExit(self.name, self._stop_reason or "told"))
        if self._lost is not None:
            raise self._lost
        return self._stop_reason or "told"

    def stop(self) -> None:
        """Leave as soon as may be: tasks not begun are handed back, results not begun to be written are dropped."""
        self._end("told")

    def _end(self, reason: str) -> None:
        with self._lock:
            self._stop_reason = self._stop_reason or reason
        self._wake.set()

    def _lose(self, error: BaseException) -> None:
        """Leave because of an error that is not the task's."""
        self._lost = self._lost or error
        self._end("lost")

    def _giving_up(self) -> bool:
        return self._stop_reason in ("told", "failed", "lost")

    def _wind_up(self, slots: list[threading.Thread]) -> None:
        """Hand back what was not begun, wait for what was, and leave nothing running."""
        self._leases.hand_back(begun=self._giving_up())
        for _ in slots:
            self._queue.put((math.inf, next(self._taken), None))
        for thread in slots:
            thread.join()
        self._writing.close()
        self._reader.close()
        self._leases.hand_back(begun=True)
        self._leases.close()
        # the worker is part of reference cycles: what it holds would stay until the garbage collector comes by
        self._memory.clear()
        self._described.cache_clear()

    # -- claiming ---------------------------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        """Keep the slots supplied until there is a reason to stop."""
        pace, idle_since = Pace(), time.monotonic()
        while self._stop_reason is None:
            self._wake.clear()
            waiting = len(self._leases)
            with self._lock:
                free = self._settings.slots - self._computing - self._queue.qsize()
            room = free + (self._settings.ahead or (self._settings.slots if self._plenty else 0))
            if time.monotonic() < self._humble_until:
                room = 0
            leases = self._claim(room, free, pace) if room > 0 else []
            idle_s = 0.0 if waiting or leases else time.monotonic() - idle_since
            if not leases and self._curious(free, waiting, idle_s, pace):
                leases = self._look(free, waiting, idle_s, pace)
            for lease in leases:
                self._take(lease)
            if leases:
                pace.reset()
            if leases or waiting or (idle_s > self._settings.idle_s):
                idle_since = time.monotonic()
            if not leases and self._stop_reason is None:
                self._wake.wait(pace.next_pause() if room > 0 else BUSY_S)
            if self._lifetime.is_over():
                self._end("deadline")

    def _claim(self, room: int, free: int, pace: Pace) -> list[Lease]:
        """Claim tasks, rather those that were made ready here or whose tiles are here."""
        preferred = tuple(dict.fromkeys((*self._enabled, *self._affinity.preferred())))
        began = time.monotonic()
        leases = self._leases.claim(room, preferred, free)
        pace.asked(time.monotonic() - began)
        return leases

    def _take(self, lease: Lease) -> None:
        self._spare.busy()
        task = task_named(lease.task, self._dataflow)
        reads = self._dataflow.reads(task)
        tiles = TaskTiles(reads, self._sizes.tile_bytes, self._reader, WINDOW, self._listener)
        work = _Work(lease, task, reads, self._sizes.promise(task), tiles)
        self._affinity.given(task)
        if self._memory.room() >= work.promise and self._lifetime.fits(task.kind, len(reads), lease.attempt):
            tiles.ahead(WINDOW)
        self._queue.put((self._dataflow.priority(task), next(self._taken), work))

    # -- looking around ---------------------------------------------------------------------------------------------

    def _curious(self, free: int, waiting: int, idle_s: float, pace: Pace) -> bool:
        """Whether the status of the run is worth a call to the plane now."""
        if not waiting and (pace.fresh or idle_s > self._settings.idle_s):
            return True  # the run may have ended, or this worker's part in it
        # with fewer slots than tasks all are always taken, and yet there may be more than are to be paid for
        return (free > 0 or self._stalled > STALLED or self._settings.factor < 1) and pace.look()

    def _look(self, free: int, waiting: int, idle_s: float, pace: Pace) -> list[Lease]:
        """See whether the run has ended, whether there is plenty to do, and whether a task elsewhere is too slow."""
        status = self._plane.status()
        self._plenty = self._stalled > STALLED and status.ready >= PLENTY * status.running
        if waiting and self._surplus.leaves(status, time.monotonic()):
            self._end("idle")
        if free <= 0 or self._stop_reason is not None:
            return []
        if not waiting and status.state != "running":
            self._end("finished" if status.state == "done" else "failed")
            return []
        self._lookout.see(status.longest, time.monotonic())
        mine = self._leases.names().union(tuple(self._under_way))
        over = to_take_over(status.longest, mine, self._lookout.patience_s, random.random())  # noqa: S311 - spreads the choice
        if over:
            logger.info("taking over %s", over)
            pace.look_in(0.0)
            return self._leases.claim(1, (), 1, over)
        pace.look_in(self._lookout.next_look_s(mine))
        # who sees that a task is late may be wanted soon; of many, half and half again wait for that
        stays = random.random() < 0.5 and is_late(status.longest, mine, self._lookout.patience_s)  # noqa: S311
        if idle_s > self._settings.idle_s and not stays and self._spare.may_leave(status, time.monotonic()):
            self._end("idle")
        return []

    # -- the end of its time ----------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """See to it, a moment before its time is up, that others may do what is under way: it may never end here."""
        self._end("deadline")
        try:
            for work in tuple(self._under_way.values()):
                seconds = time.monotonic() - work.began
                fate = self._lifetime.fate(seconds, work.lease.attempt)
                if fate == "too long":
                    self._plane.stop(self._too_long(work, seconds))
                self._leases.give_up(work.lease, counted=fate == "again")
        except Exception as error:  # noqa: BLE001 - this thread has nobody else to tell
            self._lose(error)

    def _too_long(self, work: _Work, seconds: float) -> Failure:
        targets = self._dataflow.writes(work.task)
        length = max(max(self._sizes.full_shape(tile), default=1) for tile in (*targets, *work.reads))
        # a sum takes as long for each term; of one call no more is known than that it has not ended
        needed = seconds / work.tiles.share if 0 < work.tiles.share < 1 else 2 * seconds
        life = self._settings.deadline_s or seconds
        return too_long(work.task.id, targets[0], length, seconds, life, needed, self.name)

    # -- computing --------------------------------------------------------------------------------------------------

    def _slot(self, number: int) -> None:
        while (work := self._queue.get()[-1]) is not None:
            # a task that was not begun when a deadline came is handed back
            if self._stop_reason in (None, "finished") and self._begun(work):
                with self._lock:
                    self._computing += 1
                try:
                    self._compute(work, number)
                except Exception as error:  # noqa: BLE001 - the slot must live to see the end
                    self._lose(error)
                finally:
                    with self._lock:
                        self._computing -= 1
                    self._wake.set()
            del work

    def _begun(self, work: _Work) -> bool:
        """Take up a task, if it is still to be done and there is time for it."""
        if not self._lifetime.fits(work.task.kind, len(work.reads), work.lease.attempt):
            self._end("deadline")
            return False
        if not self._leases.begin(work.lease):
            return False
        work.began = time.monotonic()
        self._under_way[work.task.id] = work
        return True

    def _compute(self, work: _Work, slot: int) -> None:
        began = time.perf_counter()
        if not self._memory.promise(work.promise, self._giving_up):
            self._under_way.pop(work.task.id, None)
            return
        promised = work.promise
        try:
            targets = self._dataflow.writes(work.task)
            results = self._written(targets) if work.lease.again else None
            known = results is not None
            if results is None:
                node = self._dataflow.expression(work.task, self._record.scalars)
                shape = self._sizes.exact_shape(targets[0])
                results = evaluate(node, work.tiles.fetch, len(targets), shape, self._record.dtype)
                results = tuple(map(self._space.as_stored, targets, results))
            ended = time.perf_counter()
            share = work.tiles.stalled_s / (ended - began) if work.tiles.stalled_s > WORTH_S else 0.0
            self._stalled += 0.2 * (share - self._stalled)
            waits = work.tiles.waited_s, ended, work.tiles.stalled_s
            self._listener(TaskDone(work.task.id, slot, began, *waits))
            work.tiles.drop()
            # what is being written is held twice for a moment: the tile, and its bytes with their checksum
            kept = min(promised, 2 * sum(result.nbytes for result in results))
            self._memory.withdraw(promised - kept)
            promised = kept
            self._writing.hand(lambda: self._finish(work, targets, results, kept, known=known))
            promised = 0
        except BaseException as error:  # noqa: BLE001 - it becomes the run's failure
            self._failed(work, error)
        finally:
            self._memory.withdraw(promised)

    def _finish(
        self, work: _Work, targets: tuple[Tile, ...], results: tuple[NDArray[Any], ...], promised: int, *, known: bool
    ) -> None:
        """Write the tiles of a task, unless they are known to be there, then say that it is done."""
        try:
            if self._giving_up():
                return
            arrivals = []
            for tile, result in zip(targets, results, strict=True):
                seconds = 0.0 if known else self._write(tile, result)
                tasks = self._dataflow.readers(tile)
                readers = tuple(map(self._described, tasks))
                arrivals.append(Arrival(tile.id, readers, counted=tile.matrix in self._counted))
                if readers and self._space.worth_keeping(tile, result):
                    self._memory.keep(tile, result)
                    self._affinity.wrote(tile, seconds, tasks)
            reads = [tile.id for tile in work.reads if tile.matrix in self._counted]
            done = self._leases.complete(work.lease, arrivals, reads)
            seconds = time.monotonic() - work.began
            if done.first and not known:
                self._durations.add(work.task.kind, len(work.reads), seconds)
            elif not done.first:  # who was overtaken is slow: the next tasks are better left to others
                self._humble_until = time.monotonic() + seconds
            with self._lock:
                self._enabled = done.ready
            self._free(tiles_freed(done.freed, self._counted), everything=done.finished)
            if done.finished:
                self._end("finished")
        except BaseException as error:  # noqa: BLE001 - it becomes the run's failure
            self._failed(work, error)
        finally:
            self._under_way.pop(work.task.id, None)
            self._memory.withdraw(promised)
            self._wake.set()

    def _written(self, targets: tuple[Tile, ...]) -> tuple[NDArray[Any], ...] | None:
        """The tiles of a task that somebody computed and wrote before he fell silent; None if one is not there."""
        try:
            return tuple([with_retries(functools.partial(self._space.read, tile), self._giving_up) for tile in targets])
        except (TileMissingError, TileDamagedError):
            return None

    def _write(self, tile: Tile, result: NDArray[Any]) -> float:
        """Write a tile; returns the seconds that it took."""
        began = time.perf_counter()
        nbytes = with_retries(lambda: self._space.write(tile, result), self._giving_up)
        seconds = time.perf_counter() - began
        self._listener(TileWritten(tile.id, nbytes, seconds))
        return seconds

    def _free(self, tiles: tuple[Tile, ...], *, everything: bool) -> None:
        """Delete intermediates that nobody will read; what cannot be deleted is in nobody's way."""
        try:
            if tiles:
                self._memory.forget(tiles)
                with_retries(lambda: self._space.delete(tiles), self._giving_up)
                self._listener(TilesFreed(len(tiles), " ".join(tile.id for tile in tiles)))
            if everything:
                with_retries(self._space.clear, self._giving_up)
        except StoreError as error:
            logger.warning("could not delete intermediates, they go with the run: %s", error)

    def _describe(self, task: Task) -> Reader:
        return Reader(task.id, self._dataflow.needs(task), self._dataflow.priority(task))

    def _failed(self, work: _Work, error: BaseException) -> None:
        """End the run for this failure, unless it is not the task's, or the task was no longer ours to do."""
        self._under_way.pop(work.task.id, None)
        try:
            if isinstance(error, ControlPlaneLostError):
                self._lose(error)
            elif is_transient(error, tried=True) and work.lease.attempt < MAX_ATTEMPTS and not self._giving_up():
                # it may be this worker that is cut off: another tries, and the last who does stops the run
                self._leases.give_up(work.lease, counted=True)
                self._lose(error)
            elif isinstance(error, StoreError) and not self._leases.still_held(work.lease):
                logger.debug("task %s is another's by now: %s", work.task.id, error)
            elif not self._giving_up():
                logger.debug("task %s failed", work.task.id, exc_info=error)
                targets = self._dataflow.writes(work.task)
                failure = failure_of(error, work.task, targets, self._sizes.row_offset, self.name)
                self._listener(TaskFailed(work.task.id, failure.error, failure.message))
                self._plane.stop(failure)
                self._end("failed")
        except Exception as lost:  # noqa: BLE001 - the failure could not be told: the plane is what failed
            self._lose(lost if isinstance(lost, ControlPlaneLostError) else error)
