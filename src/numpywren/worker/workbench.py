"""The life of one task in a worker: its tiles are fetched, it is computed, its results are written, it is done.

Nothing here knows of threads: any number of them may have tasks here, each its own.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from numpywren.control import Arrival, Completion, Failure, Reader
from numpywren.errors import StoreError, TileDamagedError, TileMissingError
from numpywren.events import Listener, TaskDone, TilesFreed, TileWritten
from numpywren.lambdapack import Dataflow, Task, Tile
from numpywren.matrix import Binding, Store, TileSpace
from numpywren.worker.affinity import Affinity
from numpywren.worker.evaluate import evaluate
from numpywren.worker.leases import Lease, Leases
from numpywren.worker.lifetime import too_long
from numpywren.worker.memory import TileMemory
from numpywren.worker.names import task_named, tiles_freed
from numpywren.worker.reading import TaskTiles, TileReader
from numpywren.worker.record import RunRecord
from numpywren.worker.retry import with_retries
from numpywren.worker.settings import Settings
from numpywren.worker.sizing import WINDOW, TaskSizes

__all__ = ["Work", "Workbench"]

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Work:
    """A task on its way through the worker."""

    lease: Lease
    task: Task
    reads: tuple[Tile, ...]
    writes: tuple[Tile, ...]
    #: Bytes that it needs at its peak, and that are promised to it now.
    peak: int
    promised: int
    tiles: TaskTiles
    #: When a slot took it up, on the clock of ``time.monotonic``.
    began: float = 0.0
    #: What was computed, as it will be stored.
    results: tuple[NDArray[Any], ...] = ()
    #: Whether that was there already, written by who had the task before.
    known: bool = False


class Workbench:
    """Where the tasks of one worker are done.

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
    leases : Leases
        What the worker holds.
    settings : Settings
    unwanted : callable
        Whether nobody waits for the results any more.
    listener : callable
        Told what happens.
    """

    def __init__(
        self,
        record: RunRecord,
        bindings: Mapping[str, Binding],
        store: Store,
        dataflow: Dataflow,
        leases: Leases,
        settings: Settings,
        unwanted: Callable[[], bool],
        listener: Listener,
    ) -> None:
        self._record, self._dataflow, self._leases = record, dataflow, leases
        self._unwanted, self._listener = unwanted, listener
        self._memory = TileMemory(settings.memory)
        self.space = TileSpace(bindings, store, settings.memory)
        self.affinity = Affinity(dataflow.readers, dataflow.priority, self._memory.holds)
        self.sizes = TaskSizes(dataflow, bindings, record)
        inputs = frozenset(m.name for m in dataflow.program.matrices if m.role == "input")
        self._counted = frozenset(m.name for m in dataflow.program.matrices if m.role == "temporary")
        # where a request takes its time, more of them are under way at once
        remote = not store.url.startswith(("file:", "memory:"))
        self.writers = max(2, (4 if remote else 1) * settings.slots)
        self._reader = TileReader(
            self.space,
            self._memory,
            listener,
            inputs if record.check_finite else frozenset(),
            threads=(4 if remote else 2) * settings.slots,
            stopped=unwanted,
            came=self.affinity.read,
        )
        self._described = functools.lru_cache(maxsize=200_000)(self._describe)

    def take(self, lease: Lease) -> Work:
        """The task of a lease that is new."""
        task = task_named(lease.task, self._dataflow)
        self.affinity.given(task)
        reads, writes = self._dataflow.reads(task), self._dataflow.writes(task)
        tiles = TaskTiles(reads, self.sizes.tile_bytes, self._reader, WINDOW, self._listener)
        return Work(lease, task, reads, writes, self.sizes.promise(task), 0, tiles)

    def read_ahead(self, work: Work) -> None:
        """Have a task's first tiles read before its turn comes, if there is memory for that."""
        if self._memory.room() >= work.peak:
            work.tiles.ahead(WINDOW)

    def compute(self, work: Work, slot: int) -> float | None:
        """Fetch what a task reads and compute what it writes, once memory can be promised to it.

        Returns
        -------
        float or None
            Seconds that this took; None if the worker is to leave before there was memory.
        """
        began = time.perf_counter()
        if not self._memory.promise(work.peak, self._unwanted):
            return None
        work.promised = work.peak
        known = self._written(work.writes) if work.lease.again else None
        work.known = known is not None
        work.results = self._evaluate(work) if known is None else known
        ended = time.perf_counter()
        waits = work.tiles.waited_s, ended, work.tiles.stalled_s
        self._listener(TaskDone(work.task.id, slot, began, *waits))
        work.tiles.drop()
        # what is being written is held twice for a moment: the tile, and its bytes with their checksum
        self.let_go(work, min(work.promised, 2 * sum(result.nbytes for result in work.results)))
        return ended - began

    def let_go(self, work: Work, kept: int = 0) -> None:
        """Give back the memory that was promised to a task, but for what is `kept`."""
        self._memory.withdraw(work.promised - kept)
        work.promised = kept

    def finish(self, work: Work) -> Completion:
        """Write the tiles of a task, unless they are known to be there, then say that it is done."""
        arrivals = []
        for tile, result in zip(work.writes, work.results, strict=True):
            seconds = 0.0 if work.known else self._write(tile, result)
            tasks = self._dataflow.readers(tile)
            readers = tuple(map(self._described, tasks))
            arrivals.append(Arrival(tile.id, readers, counted=tile.matrix in self._counted))
            if readers and self.space.worth_keeping(tile, result):
                self._memory.keep(tile, result)
                self.affinity.wrote(tile, seconds, tasks)
        reads = [tile.id for tile in work.reads if tile.matrix in self._counted]
        return self._leases.complete(work.lease, arrivals, reads)

    def tidy(self, done: Completion) -> None:
        """Delete intermediates that nobody will read; what cannot be deleted is in nobody's way."""
        tiles = tiles_freed(done.freed, self._counted)
        try:
            if tiles:
                self._memory.forget(tiles)
                with_retries(lambda: self.space.delete(tiles), self._unwanted)
                self._listener(TilesFreed(len(tiles), " ".join(tile.id for tile in tiles)))
            if done.finished:
                with_retries(self.space.finish, self._unwanted)
                with_retries(self.space.clear, self._unwanted)
        except StoreError as error:
            logger.warning("could not delete intermediates, they go with the run: %s", error)

    def too_long(self, work: Work, seconds: float, life_s: float, worker: str) -> Failure:
        """Why a task that has run for so long cannot be done by workers of such a life."""
        length = max(max(self.sizes.full_shape(tile), default=1) for tile in (*work.writes, *work.reads))
        # a sum takes as long for each term; of one call no more is known than that it has not ended
        needed = seconds / work.tiles.share if 0 < work.tiles.share < 1 else 2 * seconds
        return too_long(work.task.id, work.writes[0], length, seconds, life_s, needed, worker)

    def close(self) -> None:
        """Wait for the reads under way; keep nothing."""
        self._reader.close()
        # the worker is part of reference cycles: what it holds would stay until the garbage collector comes by
        self._memory.clear()
        self._described.cache_clear()

    def _evaluate(self, work: Work) -> tuple[NDArray[Any], ...]:
        node = self._dataflow.expression(work.task, self._record.scalars)
        shape = self.sizes.exact_shape(work.writes[0])
        results = evaluate(node, work.tiles.fetch, len(work.writes), shape, self._record.dtype)
        return tuple(map(self.space.as_stored, work.writes, results))

    def _written(self, targets: tuple[Tile, ...]) -> tuple[NDArray[Any], ...] | None:
        """The tiles of a task that somebody computed and wrote before he fell silent; None if one is not there."""
        try:
            return tuple([with_retries(functools.partial(self.space.read, tile), self._unwanted) for tile in targets])
        except (TileMissingError, TileDamagedError):
            return None

    def _write(self, tile: Tile, result: NDArray[Any]) -> float:
        """Write a tile; returns the seconds that it took."""
        began = time.perf_counter()
        nbytes = with_retries(lambda: self.space.write(tile, result), self._unwanted)
        seconds = time.perf_counter() - began
        self._listener(TileWritten(tile.id, nbytes, seconds))
        return seconds

    def _describe(self, task: Task) -> Reader:
        return Reader(task.id, self._dataflow.needs(task), self._dataflow.priority(task))
