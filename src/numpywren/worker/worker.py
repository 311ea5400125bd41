"""One stateless worker: claim a task, read its tiles, compute, write its tiles, tell what that made ready.

Nothing here outlives the process and nothing here is needed by another: a worker may die at any line of this file.
"""

from __future__ import annotations

import functools
import logging
import os
import queue
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from numpywren.control import Arrival, ControlPlane, Reader
from numpywren.errors import ControlPlaneLostError, TileMissingError
from numpywren.events import Event, Listener, TaskDone, TilesFreed, TileWritten, WorkerExit
from numpywren.kernels.threads import single_threaded_blas
from numpywren.lambdapack import Dataflow, Task, Tile
from numpywren.matrix import Store, TileSpace
from numpywren.worker.evaluate import evaluate
from numpywren.worker.failure import failure_of
from numpywren.worker.lane import Lane
from numpywren.worker.memory import TileMemory
from numpywren.worker.reading import TaskTiles, TileReader
from numpywren.worker.record import RunRecord
from numpywren.worker.retry import with_retries
from numpywren.worker.sizing import WINDOW, TaskSizes

__all__ = ["Settings", "Worker"]

logger = logging.getLogger(__name__)

#: Seconds between two looks for work when there was none: the first, and the longest.
POLL_S, POLL_MAX_S = 0.002, 0.1
#: Share of a lease after which it is renewed.
RENEW_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Settings:
    """What a worker may take and how long it stays."""

    #: Tasks computed at once.
    slots: int
    #: Bytes that its tiles may take.
    memory: int
    #: Seconds after which its tasks go to another if it falls silent.
    lease_s: float = 30.0
    #: Seconds without work after which it leaves.
    idle_s: float = 2.0
    #: Seconds that it may live; no task is started that would not fit.
    deadline_s: float | None = None
    #: Modules besides numpywren's own from which kernels may be loaded.
    modules: tuple[str, ...] = ()
    #: Tasks claimed before a slot is free for them, so that their tiles are read while others compute.
    ahead: int = 0


@dataclass(slots=True)
class _Claimed:
    """A task on its way through the worker."""

    task: Task
    reads: tuple[Tile, ...]
    promise: int
    tiles: TaskTiles
    started: bool = False


def _ignore(_: Event) -> None:
    """Listen to nothing."""


class Worker:
    """A worker for one run.

    Parameters
    ----------
    record : RunRecord
        The run.
    store : Store
        The run's folder.
    dataflow : Dataflow
        The run's program with its sizes.
    plane : ControlPlane
        Who may run what.
    settings : Settings
    listener : callable, optional
        Told what happens; called from several threads.
    """

    def __init__(
        self,
        record: RunRecord,
        store: Store,
        dataflow: Dataflow,
        plane: ControlPlane,
        settings: Settings,
        listener: Listener = _ignore,
    ) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        #: Whether `run` has done its work; its thread may still be on its way out.
        self.left = False
        self._record, self._store, self._dataflow, self._plane = record, store, dataflow, plane
        self._settings, self._listener = settings, listener
        self._space = TileSpace(record.bindings, store, record.dtype)
        self._memory = TileMemory(settings.memory)
        inputs = frozenset(m.name for m in dataflow.program.matrices if m.role == "input")
        self._counted = frozenset(m.name for m in dataflow.program.matrices if m.role == "temporary")
        self._sizes = TaskSizes(dataflow, record)
        self._reader = TileReader(
            self._space,
            self._memory,
            listener,
            inputs if record.check_finite else frozenset(),
            threads=2 * settings.slots,
            stopped=self._giving_up,
        )
        self._writing = Lane("numpywren-write", max(2, settings.slots))
        self._queue: queue.SimpleQueue[_Claimed | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._held: dict[str, _Claimed] = {}
        self._computing = 0
        self._wake = threading.Event()
        self._stop_reason: str | None = None
        self._lost: BaseException | None = None
        self._enabled: tuple[str, ...] = ()
        self._slowest: dict[int, float] = {}
        self._born = time.monotonic()
        self._reader_of = functools.lru_cache(maxsize=200_000)(self._describe)

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
        """
        slots = [
            threading.Thread(target=self._slot, args=(number,), name=f"numpywren-slot-{number}", daemon=True)
            for number in range(self._settings.slots)
        ]
        renewal = threading.Thread(target=self._renew, name="numpywren-lease", daemon=True)
        with single_threaded_blas():
            for thread in (*slots, renewal):
                thread.start()
            try:
                self._dispatch()
            except ControlPlaneLostError as error:
                self._lose(error)
            finally:
                self._wind_up(slots)
        reason = self._stop_reason or "told"
        self.left = True
        self._listener(WorkerExit(self.name, reason))
        if self._lost is not None:
            raise self._lost
        return reason

    def stop(self) -> None:
        """Leave as soon as may be: tasks not begun are handed back, results not begun to be written are dropped."""
        self._end("told")

    def _end(self, reason: str) -> None:
        with self._lock:
            self._stop_reason = self._stop_reason or reason
        self._wake.set()

    def _lose(self, error: BaseException) -> None:
        self._lost = self._lost or error
        self._end("lost")

    def _giving_up(self) -> bool:
        return self._stop_reason in ("told", "failed", "lost")

    def _wind_up(self, slots: list[threading.Thread]) -> None:
        """Hand back what was not begun, wait for what was, and leave nothing running."""
        if self._giving_up():
            self._hand_back(lambda claimed: True)
        for _ in slots:
            self._queue.put(None)
        for thread in slots:
            thread.join()
        self._writing.drain()
        self._writing.close()
        self._reader.close()
        # the worker is part of a reference cycle: what it holds would stay until the garbage collector comes by
        self._memory.clear()
        if self._held:
            self._hand_back(lambda claimed: True)
        self._wake.set()

    def _hand_back(self, which: Callable[[_Claimed], bool]) -> None:
        with self._lock:
            names = [name for name, claimed in self._held.items() if which(claimed)]
            for name in names:
                del self._held[name]
        if names and self._lost is None:
            try:
                self._plane.release(self.name, names)
            except OSError as error:
                logger.warning("could not hand back %d leases; they expire by themselves: %s", len(names), error)

    # -- claiming ---------------------------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        """Keep the slots supplied until there is a reason to stop."""
        pause, idle_since = POLL_S, time.monotonic()
        while self._stop_reason is None:
            self._wake.clear()
            with self._lock:
                waiting = len(self._held)
                room = self._settings.slots + self._settings.ahead - self._computing - self._queue.qsize()
            claims = self._plane.claim(self.name, room, self._settings.lease_s, self._enabled) if room > 0 else ()
            for claim in claims:
                self._take(Task.parse(claim.task))
            if claims:
                pause, idle_since = POLL_S, time.monotonic()
                continue
            if waiting:
                idle_since = time.monotonic()
            elif self._nothing_left(time.monotonic() - idle_since):
                return
            if room > 0:
                pause = min(pause * 2, POLL_MAX_S)
            self._wake.wait(pause if room > 0 else POLL_MAX_S)
            if self._past_deadline(0.0):
                self._end("deadline")

    def _nothing_left(self, idle_s: float) -> bool:
        """Whether a worker that holds nothing and was given nothing should leave."""
        state = self._plane.status().state
        if state != "running":
            self._end("finished" if state == "done" else "failed")
        elif idle_s > self._settings.idle_s:
            self._end("idle")
        return self._stop_reason is not None

    def _take(self, task: Task) -> None:
        reads = self._dataflow.reads(task)
        tiles = TaskTiles(reads, self._sizes.tile_bytes, self._reader, WINDOW, self._listener)
        claimed = _Claimed(task, reads, self._sizes.promise(task), tiles)
        if self._past_deadline(self._slowest.get(task.kind, 0.0)):
            self._plane.release(self.name, [task.id])
            self._end("deadline")
            return
        with self._lock:
            self._held[task.id] = claimed
        if self._memory.room() >= claimed.promise:
            tiles.ahead(WINDOW)
        self._queue.put(claimed)

    def _past_deadline(self, needed_s: float) -> bool:
        limit = self._settings.deadline_s
        return limit is not None and time.monotonic() - self._born + needed_s > limit

    def _renew(self) -> None:
        """Keep what is held; let go of what was lost before it was begun."""
        while self._stop_reason is None or self._held:
            time_left = self._settings.lease_s * RENEW_SHARE
            while time_left > 0 and (self._stop_reason is None or self._held):
                time.sleep(min(time_left, 0.5))
                time_left -= 0.5
            with self._lock:
                names = list(self._held)
            if not names:
                continue
            try:
                kept = self._plane.renew(self.name, names, self._settings.lease_s)
            except ControlPlaneLostError as error:
                self._lose(error)
                return
            except OSError as error:
                logger.warning("could not renew %d leases, trying again: %s", len(names), error)
                continue
            with self._lock:
                for name in names:
                    if name not in kept and name in self._held and not self._held[name].started:
                        del self._held[name]

    # -- computing --------------------------------------------------------------------------------------------------

    def _slot(self, number: int) -> None:
        while (claimed := self._queue.get()) is not None:
            with self._lock:
                mine = claimed.task.id in self._held and not self._giving_up()
                claimed.started = mine
                self._computing += mine
            if mine:
                try:
                    self._compute(claimed, number)
                finally:
                    with self._lock:
                        self._computing -= 1
                    self._wake.set()
            del claimed

    def _compute(self, claimed: _Claimed, slot: int) -> None:
        began = time.perf_counter()
        if not self._memory.promise(claimed.promise, self._giving_up):
            return
        task, promised = claimed.task, claimed.promise
        try:
            node = self._dataflow.expression(task, self._record.scalars)
            targets = self._dataflow.writes(task)
            shape = self._sizes.exact_shape(targets[0])
            results = evaluate(node, claimed.tiles.fetch, len(targets), shape, self._record.dtype)
        except BaseException as error:  # noqa: BLE001 - it becomes the run's failure
            self._memory.withdraw(promised)
            self._failed(task, error)
            return
        ended = time.perf_counter()
        self._slowest[task.kind] = max(self._slowest.get(task.kind, 0.0), ended - began)
        self._listener(TaskDone(task.id, slot, began, claimed.tiles.waited_s, ended))
        claimed.tiles.drop()
        for result in results:
            result.flags.writeable = False
        # what is being written is held twice for a moment: the tile, and its bytes with their checksum
        kept = min(promised, 2 * sum(result.nbytes for result in results))
        self._memory.withdraw(promised - kept)
        self._writing.hand(lambda: self._finish(claimed, targets, results, kept))

    def _finish(
        self, claimed: _Claimed, targets: tuple[Tile, ...], results: tuple[NDArray[Any], ...], promised: int
    ) -> None:
        """Write the tiles of a task, then say that it is done."""
        try:
            if self._giving_up():
                return
            arrivals = []
            for tile, result in zip(targets, results, strict=True):
                self._write(tile, result)
                readers = tuple(self._reader_of(task) for task in self._dataflow.readers(tile))
                arrivals.append(Arrival(tile.id, readers, counted=tile.matrix in self._counted))
                if readers:
                    self._memory.keep(tile, result)
            reads = [tile.id for tile in claimed.reads if tile.matrix in self._counted]
            done = self._plane.complete(self.name, claimed.task.id, arrivals, reads)
            with self._lock:
                self._held.pop(claimed.task.id, None)
                self._enabled = done.ready
            freed = tuple(Tile.parse(name) for name in done.freed)
            if freed:
                self._memory.forget(freed)
                self._space.delete(freed)
                self._listener(TilesFreed(len(freed)))
            if done.finished:
                self._space.clear()
                self._end("finished")
        except ControlPlaneLostError as error:
            self._lose(error)
        except BaseException as error:  # noqa: BLE001 - it becomes the run's failure
            self._failed(claimed.task, error)
        finally:
            self._memory.withdraw(promised)
            self._wake.set()

    def _write(self, tile: Tile, result: NDArray[Any]) -> None:
        began = time.perf_counter()
        nbytes = with_retries(lambda: self._space.write(tile, result), self._giving_up)
        self._listener(TileWritten(tile.id, nbytes, time.perf_counter() - began))

    def _describe(self, task: Task) -> Reader:
        return Reader(task.id, self._dataflow.needs(task), self._dataflow.priority(task))

    def _failed(self, task: Task, error: BaseException) -> None:
        """End the run for this failure, unless the task was no longer ours to do."""
        try:
            if isinstance(error, ControlPlaneLostError):
                raise error
            if isinstance(error, TileMissingError) and not self._still_ours(task):
                with self._lock:
                    self._held.pop(task.id, None)
                return
            if not self._giving_up():
                logger.debug("task %s failed", task.id, exc_info=error)
                targets = self._dataflow.writes(task)
                self._plane.stop(failure_of(error, task, targets, self._sizes.row_offset, self.name))
                self._end("failed")
        except ControlPlaneLostError as lost:
            self._lose(lost)

    def _still_ours(self, task: Task) -> bool:
        """Whether the lease holds: a tile that another worker's success has freed is no failure."""
        return task.id in self._plane.renew(self.name, [task.id], self._settings.lease_s)
