"""Which tasks a worker would rather have: those that read tiles which it holds in memory and would be slow to read."""

from __future__ import annotations

import bisect
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence

from numpywren.lambdapack import Task, Tile

__all__ = ["WORTH_S", "Affinity"]

#: Seconds below which reading or writing a tile is nothing to think about.
WORTH_S = 0.002
#: Tiles whose readers are remembered, and readers of each.
TILES, READERS = 128, 128
#: Tasks named in one claim.
NAMED = 32


class Affinity:
    """What one worker prefers.

    Which tasks are ready, the worker does not know, and naming them all would cost more than it gives. So it names a
    few that come next in the order of the program, as seen from what it was given last; of those that are equally
    urgent, first the ones of which it holds most tiles.

    Parameters
    ----------
    readers : callable
        Tasks that read a tile.
    priority : callable
        How urgent a task is; smaller is more urgent.
    holds : callable
        Whether a tile is in memory now.
    """

    def __init__(
        self,
        readers: Callable[[Tile], Sequence[Task]],
        priority: Callable[[Task], int],
        holds: Callable[[Tile], bool],
    ) -> None:
        self._find_readers, self._priority, self._holds = readers, priority, holds
        self._lock = threading.Lock()
        self._readers: OrderedDict[Tile, tuple[Task, ...]] = OrderedDict()
        self._front = 0

    def read(self, tile: Tile, seconds: float) -> None:
        """A tile was read, in so many seconds, and is in memory now."""
        if seconds >= WORTH_S:
            readers = self._find_readers(tile)
            if len(readers) > 1:  # else its only reader is the one who wanted it
                self._remember(tile, readers)

    def wrote(self, tile: Tile, seconds: float, readers: Sequence[Task]) -> None:
        """A tile was written, in so many seconds, and is still in memory."""
        if seconds >= WORTH_S:
            self._remember(tile, readers)

    def _remember(self, tile: Tile, readers: Sequence[Task]) -> None:
        # readers come in the order of the program, and priorities nearly so
        first = bisect.bisect_left(readers, self._front, key=self._priority) if len(readers) > READERS else 0
        with self._lock:
            self._readers[tile] = tuple(readers[first : first + READERS])
            self._readers.move_to_end(tile)
            if len(self._readers) > TILES:
                self._readers.popitem(last=False)

    def given(self, task: Task) -> None:
        """A task was claimed: the most urgent that was ready."""
        self._front = self._priority(task)

    def preferred(self) -> tuple[str, ...]:
        """Tasks to name in the next claim, best first."""
        with self._lock:
            for tile in [tile for tile in self._readers if not self._holds(tile)]:
                del self._readers[tile]
            if not self._readers:
                return ()
            held = Counter(task for readers in self._readers.values() for task in readers)
        ranked = []
        for task, count in held.items():
            priority = self._priority(task)
            if priority >= self._front:
                ranked.append((priority, -count, task.id))
        ranked.sort()
        return tuple(name for _, _, name in ranked[:NAMED])
