"""The memory of a worker: one bound, shared by running tasks, tiles being written, and a cache that takes the rest.

A task is let in only when all that it needs at its peak can be promised to it, so tasks never wait for one another
in the middle; whatever is not promised holds cached tiles, least recently used first to go.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from numpywren.lambdapack import Tile

__all__ = ["TileMemory"]

Array = NDArray[np.generic]


class TileMemory:
    """Promises to tasks and cached tiles under one bound.

    Parameters
    ----------
    bound : int
        Bytes that promises and cached tiles may take together.
    """

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self._changed = threading.Condition()
        self._promised = 0
        self._cached_bytes = 0
        self._cache: OrderedDict[Tile, Array] = OrderedDict()
        self._reading: dict[Tile, tuple[Future[Array], int]] = {}
        self._reading_bytes = 0

    def promise(self, nbytes: int, stopped: Callable[[], bool]) -> bool:
        """Wait until `nbytes` can be promised; False when `stopped` says so first.

        A single promise above the bound is let in alone: the run was checked before it started, and an estimate
        that was too high must not stop it.
        """
        with self._changed:
            while self._promised and self._promised + nbytes > self.bound:
                if stopped():
                    return False
                self._changed.wait(0.1)
            self._promised += nbytes
            self._evict()
            return True

    def withdraw(self, nbytes: int) -> None:
        """Give back `nbytes` of what was promised."""
        with self._changed:
            self._promised -= nbytes
            self._changed.notify_all()

    def room(self) -> int:
        """Bytes that are neither promised nor being read: what cached tiles may take."""
        with self._changed:
            return self.bound - self._promised - self._reading_bytes

    def lookup(self, tile: Tile, nbytes: int) -> tuple[Future[Array], bool]:
        """The future of a tile of `nbytes`, and whether the caller is the one who must read it.

        However many tasks want a tile, it is read once: the first caller gets True, reads, and calls `arrived` or
        `failed`.
        """
        with self._changed:
            held = self._cache.get(tile)
            if held is not None:
                self._cache.move_to_end(tile)
                done: Future[Array] = Future()
                done.set_result(held)
                return done, False
            reading = self._reading.get(tile)
            if reading is not None:
                return reading[0], False
            future: Future[Array] = Future()
            self._reading[tile] = (future, nbytes)
            self._reading_bytes += nbytes
            self._evict()
            return future, True

    def arrived(self, tile: Tile, value: Array) -> None:
        """A tile that `lookup` asked its caller to read is here."""
        with self._changed:
            future = self._no_longer_reading(tile)
            self._keep(tile, value)
        future.set_result(value)

    def failed(self, tile: Tile, error: BaseException) -> None:
        """A tile that `lookup` asked its caller to read could not be read."""
        with self._changed:
            future = self._no_longer_reading(tile)
        future.set_exception(error)

    def keep(self, tile: Tile, value: Array) -> None:
        """Put a tile that was just computed into the cache."""
        with self._changed:
            self._keep(tile, value)

    def touch(self, tile: Tile) -> bool:
        """Whether a tile is in the cache now; if so, it was used just now."""
        with self._changed:
            if tile in self._cache:
                self._cache.move_to_end(tile)
                return True
            return False

    def holds(self, tile: Tile) -> bool:
        """Whether a tile is in the cache now."""
        with self._changed:
            return tile in self._cache

    def clear(self) -> None:
        """Drop every cached tile."""
        with self._changed:
            self._cache.clear()
            self._cached_bytes = 0

    def forget(self, tiles: tuple[Tile, ...]) -> None:
        """Drop tiles that nobody will read again."""
        with self._changed:
            for tile in tiles:
                value = self._cache.pop(tile, None)
                if value is not None:
                    self._cached_bytes -= value.nbytes

    def _no_longer_reading(self, tile: Tile) -> Future[Array]:
        future, nbytes = self._reading.pop(tile)
        self._reading_bytes -= nbytes
        return future

    def _keep(self, tile: Tile, value: Array) -> None:
        if tile not in self._cache:
            self._cache[tile] = value
            self._cached_bytes += value.nbytes
        self._evict()

    def _evict(self) -> None:
        while self._cache and self._promised + self._reading_bytes + self._cached_bytes > self.bound:
            _, value = self._cache.popitem(last=False)
            self._cached_bytes -= value.nbytes
