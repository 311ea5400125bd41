"""Reading tiles for tasks: each once however many want it, ahead of its use, tried again where that may help."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from numpy.typing import NDArray

from numpywren.events import Listener, TileRead
from numpywren.kernels.finite import is_finite
from numpywren.lambdapack import Tile
from numpywren.matrix import TileSpace
from numpywren.worker.lane import Lane
from numpywren.worker.memory import TileMemory
from numpywren.worker.retry import with_retries

__all__ = ["TaskTiles", "TileReader"]

Array = NDArray[Any]

logger = logging.getLogger(__name__)


class TileReader:
    """Brings tiles from a space into a worker's memory.

    Parameters
    ----------
    space : TileSpace
        Where the tiles are.
    memory : TileMemory
        Where they go.
    listener : callable
        Told of every read.
    finite_inputs : collection of str
        Matrices whose tiles must hold neither infinities nor NaNs.
    threads : int
        Reads under way at once.
    stopped : callable
        Says when to give up.
    came : callable
        Told of each tile that was read, and the seconds that it took.
    """

    def __init__(
        self,
        space: TileSpace,
        memory: TileMemory,
        listener: Listener,
        finite_inputs: frozenset[str],
        threads: int,
        stopped: Callable[[], bool],
        came: Callable[[Tile, float], None],
    ) -> None:
        self._space, self._memory, self._listener = space, memory, listener
        self._finite_inputs, self._stopped, self._came = finite_inputs, stopped, came
        self._lane = Lane("numpywren-read", threads, _report)

    def want(self, tile: Tile, nbytes: int) -> tuple[Future[Array], bool]:
        """The future of a tile, and whether it was there already or on its way."""
        future, mine = self._memory.lookup(tile, nbytes)
        if mine:
            self._lane.hand(lambda: self._read(tile))
        return future, not mine

    def close(self) -> None:
        """Wait for the reads under way, and let the threads end."""
        self._lane.close()

    def _read(self, tile: Tile) -> None:
        began = time.perf_counter()
        try:
            if self._stopped():
                raise InterruptedError("the worker is leaving")
            value = with_retries(lambda: self._space.read(tile), self._stopped)
            if tile.matrix in self._finite_inputs and not is_finite(value):
                raise ValueError(
                    f"array must not contain infs or NaNs; tile {tile} does (check_finite=False lets them pass)"
                )
            value.flags.writeable = False
        except BaseException as error:  # noqa: BLE001 - whoever waits for the tile gets it
            self._memory.failed(tile, error)
            return
        seconds = time.perf_counter() - began
        self._memory.arrived(tile, value)
        self._listener(TileRead(tile.id, value.nbytes, False, seconds))
        self._came(tile, seconds)


def _report(error: BaseException) -> None:
    logger.error("a read ended in an unexpected way", exc_info=error)


class TaskTiles:
    """The tiles that one task reads, in the order in which it needs them, a few read ahead.

    Parameters
    ----------
    reads : sequence of Tile
        In order of need.
    nbytes : callable
        Size of a tile.
    reader : TileReader
    window : int
        How many tiles are wanted before they are needed.
    listener : callable
        Told of tiles that were in memory.
    """

    def __init__(
        self,
        reads: Sequence[Tile],
        nbytes: Callable[[Tile], int],
        reader: TileReader,
        window: int,
        listener: Listener,
    ) -> None:
        self._reads, self._nbytes, self._reader, self._listener = reads, nbytes, reader, listener
        self._window = window
        self._next = 0
        self._futures: dict[Tile, Future[Array]] = {}
        self._position = {tile: i for i, tile in enumerate(reads)}
        #: When the last tile that had to be waited for arrived.
        self.waited_s = 0.0
        #: Seconds spent in waiting for tiles.
        self.stalled_s = 0.0
        #: Share of the tiles that were fetched, so far.
        self.share = 0.0

    def ahead(self, last: int) -> None:
        """Ask for every tile up to number `last`."""
        while self._next < len(self._reads) and self._next <= last:
            tile = self._reads[self._next]
            self._next += 1
            future, held = self._reader.want(tile, self._nbytes(tile))
            if held:
                self._listener(TileRead(tile.id, self._nbytes(tile), True, 0.0))
            self._futures[tile] = future

    def fetch(self, tile: Tile) -> Array:
        """The tile; waits for it, and asks for those that come next."""
        position = self._position[tile]
        self.share = max(self.share, (position + 1) / len(self._reads))
        self.ahead(position + self._window)
        for passed in [held for held in self._futures if self._position[held] < position - 1]:
            del self._futures[passed]  # let go, so that memory may be used for others
        future = self._futures.get(tile)
        if future is None:  # let go, and needed again: a task may use one tile in several places
            future, _ = self._reader.want(tile, self._nbytes(tile))
        if future.done():
            return future.result()
        began = time.perf_counter()
        value = future.result()
        self.waited_s = time.perf_counter()
        self.stalled_s += self.waited_s - began
        return value

    def drop(self) -> None:
        """Let go of everything: the task is computed."""
        self._futures.clear()
